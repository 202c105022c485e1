{{/* The limits of the rate-limit service: those of `config`, in its units and windows. The filter
     counts `concurrent` itself. */}}
{{- define "imagegate.descriptors" -}}
{{- $hits := dict "requests" 1 "images" 1 "megapixels" 1000 "usd" 10000 -}}
{{- /* What one hit is, and what the service's 32 bits hold. */}}
{{- $least := dict "requests" "1" "images" "1" "megapixels" `"0.001"` "usd" `"0.0001"` -}}
{{- $most := dict "requests" "4294967295" "images" "4294967295" "megapixels" `"4294967.295"` "usd" `"429496.7295"` -}}
{{- $rules := list -}}
{{- range default list .Values.config.limits -}}
{{- if ne .unit "concurrent" -}}{{- $rules = append $rules . -}}{{- end -}}
{{- end -}}
{{- range $rules -}}
{{- $unit := include "imagegate.windowUnit" (list .name .window) -}}
{{- $count := mulf .max (get $hits .unit) -}}
{{- if lt $count 1.0 -}}
{{- fail (printf "config.limits: the max %s of %s is less than one hit of the service, accepted: at least %s" (toJson .max) .name (get $least .unit)) -}}
{{- end -}}
{{- if gt $count 4294967295.0 -}}
{{- fail (printf "config.limits: the max %s of %s is more than the service can count, accepted: at most %s" (toJson .max) .name (get $most .unit)) -}}
{{- end }}
- key: rule
  value: {{ .name | quote }}
  {{- $limit := printf "rate_limit: { unit: %s, requests_per_unit: %d }" $unit (floor $count | int64) }}
  {{- if eq .per "global" }}
  {{ $limit }}
  {{- else }}
  descriptors:
    - key: {{ .per | quote }}
      {{ $limit }}
  {{- end }}
{{- end -}}
{{- end -}}

{{/* The unit of the service that is as long as a window. Takes the name of the rule and its window,
     which the filter reads as one word or as a sum: `90m` is `1h 30m`. */}}
{{- define "imagegate.windowUnit" -}}
{{- $name := index . 0 -}}
{{- $window := index . 1 -}}
{{- $accepted := "day, week, month, or a duration as long as one of 1s, 1m, 1h, 1d, 7d and 30d" -}}
{{- if not $window -}}
{{- fail (printf "config.limits: the rule %s has no window, accepted: %s" $name $accepted) -}}
{{- end -}}
{{- $unit := "" -}}
{{- if has $window (list "day" "week" "month") -}}
{{- $unit = $window -}}
{{- else if regexMatch "^([0-9]+([.][0-9]+)? *[a-zµ]+ *)+$" $window -}}
{{- $seconds := dict -}}
{{- range $length, $words := dict
  "0.000000001" "ns nsec nanos" "0.000001" "us µs usec" "0.001" "ms msec millis"
  "1" "s sec secs second seconds" "60" "m min mins minute minutes" "3600" "h hr hrs hour hours"
  "86400" "d day days" "604800" "w wk wks week weeks"
-}}
{{- range splitList " " $words -}}{{- $_ := set $seconds . $length -}}{{- end -}}
{{- end -}}
{{- $sum := 0.0 -}}
{{- range regexFindAll "[0-9.]+ *[a-zµ]+" $window -1 -}}
{{- $word := regexFind "[a-zµ]+" . -}}
{{- /* With a word that the filter does not know, the sum is as long as no unit. */ -}}
{{- $length := ternary (get $seconds $word) "-1000000000" (hasKey $seconds $word) -}}
{{- $sum = addf $sum (mulf (regexFind "[0-9.]+" .) $length) -}}
{{- end -}}
{{- $units := dict "1" "second" "60" "minute" "3600" "hour" "86400" "day" "604800" "week" "2592000" "month" -}}
{{- range $length, $its := $units -}}
{{- if eq $sum (float64 $length) -}}{{- $unit = $its -}}{{- end -}}
{{- end -}}
{{- end -}}
{{- if not $unit -}}
{{- fail (printf "config.limits: the window %s of %s is none of the service, accepted: %s" $window $name $accepted) -}}
{{- end -}}
{{- $unit -}}
{{- end -}}

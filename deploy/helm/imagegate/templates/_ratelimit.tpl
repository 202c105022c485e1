{{/* The limits of the rate-limit service: those of `config`, in its units and windows. The filter
     counts `concurrent` itself. */}}
{{- define "imagegate.descriptors" -}}
{{- $windows := dict "1s" "second" "1m" "minute" "60s" "minute" "1h" "hour" "60m" "hour" "24h" "day" "1d" "day" "day" "day" "week" "week" "month" "month" -}}
{{- $hits := dict "requests" 1 "images" 1 "megapixels" 1000 "usd" 10000 -}}
{{- $rules := list -}}
{{- range default list .Values.config.limits -}}
{{- if ne .unit "concurrent" -}}{{- $rules = append $rules . -}}{{- end -}}
{{- end -}}
{{- if not $rules -}}
{{- fail "rateLimit.enabled: config.limits has no rule that the service could count" -}}
{{- end -}}
{{- range $rules -}}
{{- $window := toString .window -}}
{{- if not (hasKey $windows $window) -}}
{{- fail (printf "config.limits: the window %s of %s is none of the service, accepted: %s" $window .name (keys $windows | sortAlpha | join ", ")) -}}
{{- end }}
- key: rule
  value: {{ .name | quote }}
  {{- $limit := printf "rate_limit: { unit: %s, requests_per_unit: %d }" (get $windows $window) (mulf .max (get $hits .unit) | floor | int64) }}
  {{- if eq .per "global" }}
  {{ $limit }}
  {{- else }}
  descriptors:
    - key: {{ .per | quote }}
      {{ $limit }}
  {{- end }}
{{- end -}}
{{- end -}}

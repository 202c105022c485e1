{{/* What the schema cannot say, or not in words. Each file begins with it, because Helm may render
     any of them first. */}}
{{- define "imagegate.checks" -}}
{{- if eq (include "imagegate.hasService" .) "true" -}}
{{- $used := dict "8080" "HTTP" "6070" "debug" -}}
{{- $port := toString (int .Values.rateLimit.port) -}}
{{- if hasKey $used $port -}}
{{- fail (printf "rateLimit.port: %s is the %s port of the service that the chart runs; accepted: another port, such as 8081" $port (get $used $port)) -}}
{{- end -}}
{{- end -}}
{{- end -}}

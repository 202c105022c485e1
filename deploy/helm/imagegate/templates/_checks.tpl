{{/* What the schema cannot say, or not in words. Each file begins with it, because Helm may render
     any of them first. */}}
{{- define "imagegate.checks" -}}
{{- include "imagegate.checkNames" . -}}
{{- if eq (include "imagegate.hasService" .) "true" -}}
{{- $used := dict "8080" "HTTP" "6070" "debug" -}}
{{- $port := toString (int .Values.rateLimit.port) -}}
{{- if hasKey $used $port -}}
{{- fail (printf "rateLimit.port: %s is the %s port of the service that the chart runs; accepted: another port, such as 8081" $port (get $used $port)) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "imagegate.checkNames" -}}
{{- $name := include "imagegate.name" . -}}
{{- $names := .Values.names -}}
{{- $istio := eq .Values.mesh "istio" -}}
{{- if $istio -}}
{{- /* The name is that of a Service, which has stricter rules than a release. */ -}}
{{- if not (regexMatch "^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$" $name) -}}
{{- fail (printf "fullnameOverride: %q is no name of a Service, accepted with istio: a lower-case letter, then lower-case letters, digits and \"-\", up to 63, the last one no \"-\"; the default is the release's name" $name) -}}
{{- end -}}
{{- /* A VirtualService names its Gateway like a host. */ -}}
{{- if regexMatch "^[0-9]+$" $names.gateway -}}
{{- fail (printf "names.gateway: %q is a number, which a VirtualService does not accept; accepted with istio: a name with a letter" $names.gateway) -}}
{{- end -}}
{{- end -}}
{{- if eq (include "imagegate.hasService" .) "true" -}}
{{- $deployments := list $names.rateLimit -}}
{{- if not .Values.rateLimit.redis.url -}}{{- $deployments = append $deployments $names.redis -}}{{- end -}}
{{- if $istio -}}{{- $deployments = append $deployments $name -}}{{- end -}}
{{- if ne (len $deployments) (len (uniq $deployments)) -}}
{{- fail (printf "names: the Deployments %s have one name, accepted: names.rateLimit, names.redis and, with istio, fullnameOverride or else the release's name, all different" (join ", " $deployments)) -}}
{{- end -}}
{{- end -}}
{{- end -}}

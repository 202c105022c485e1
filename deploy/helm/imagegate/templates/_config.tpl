{{/* The upstream, as the filter's configuration has it. */}}
{{- define "imagegate.upstream" -}}
{{- $upstream := .Values.upstream -}}
authority: {{ include "imagegate.upstreamHost" . | quote }}
timeout: {{ int $upstream.timeoutSeconds }}s
{{- if eq $upstream.kind "codex" }}
{{- /* The filters of the cluster set the credential. Codex offers new host models to recent clients
       only: raise both versions when the log says that they are too old. */}}
credential: envoy
headers:
  originator: codex_cli_rs
  user-agent: codex_cli_rs/0.170.0
  version: "0.170.0"
{{- else if eq $upstream.kind "openai" }}
api: images
credential: { bearer_env: {{ include "imagegate.variable" . | quote }} }
stream: send
{{- else }}
api: images
path: {{ printf "/openai/deployments/%s/images?api-version=%s" $upstream.azure.deployment $upstream.azure.apiVersion | quote }}
credential: { key_env: {{ include "imagegate.variable" . | quote }} }
{{- end }}
{{- end -}}

{{/* The configuration of the filter, in JSON: what the chart knows, and over it `config`. */}}
{{- define "imagegate.configuration" -}}
{{- $kind := .Values.upstream.kind -}}
{{- $config := dict
      "upstreams" (dict $kind (fromYaml (include "imagegate.upstream" .)))
      "models" (list (dict "match" "gpt-image-*" "upstream" $kind))
      "loopback" (dict "cluster" "imagegate_loopback") -}}
{{- with .Values.rateLimit -}}
{{- if .enabled -}}
{{- $_ := set $config "engine" (dict "kind" "rls" "cluster" "ratelimit" "domain" "imagegate" "timeout" .timeout "on_error" .onError) -}}
{{- end -}}
{{- end -}}
{{- $config = mergeOverwrite $config (deepCopy .Values.config) -}}
{{- range $name := keys $config.upstreams | sortAlpha -}}
{{- if ne $name $kind -}}
{{- fail (printf "config.upstreams.%s: the chart has the route and the cluster of one upstream, accepted: %s" $name $kind) -}}
{{- end -}}
{{- end -}}
{{- include "imagegate.checkEngine" (list . $config) -}}
{{- include "imagegate.checkClusters" (list . $config) -}}
{{- toPrettyJson $config -}}
{{- end -}}

{{/* What Envoy may hold of a request's body: twice max_body_bytes. */}}
{{- define "imagegate.bufferLimit" -}}
{{- $size := dig "request" "max_body_bytes" "32MiB" .Values.config -}}
{{- if kindIs "string" $size -}}
{{- $units := dict "" 1 "B" 1 "KiB" 1024 "MiB" 1048576 "KB" 1000 "kB" 1000 "MB" 1000000 -}}
{{- $unit := regexReplaceAll "^[0-9]+ ?" $size "" -}}
{{- if not (hasKey $units $unit) -}}
{{- fail (printf "config.request.max_body_bytes: %s, accepted: a whole number of bytes, KiB, MiB, kB or MB" $size) -}}
{{- end -}}
{{- mul 2 (regexFind "^[0-9]+" $size) (get $units $unit) -}}
{{- else -}}
{{- mul 2 (int64 $size) -}}
{{- end -}}
{{- end -}}

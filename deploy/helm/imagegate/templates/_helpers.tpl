{{/* The name of the resources. */}}
{{- define "imagegate.name" -}}
{{- default .Release.Name .Values.fullnameOverride -}}
{{- end -}}

{{- define "imagegate.namespace" -}}
{{- default .Release.Namespace .Values.namespaceOverride -}}
{{- end -}}

{{- define "imagegate.upstreamHost" -}}
{{- $hosts := dict "codex" "chatgpt.com" "openai" "api.openai.com" -}}
{{- default (get $hosts .Values.upstream.kind) .Values.upstream.host -}}
{{- end -}}

{{/* The variable of the proxies that has the API key. Empty for Codex. */}}
{{- define "imagegate.variable" -}}
{{- get (dict "openai" "OPENAI_API_KEY" "azure" "AZURE_OPENAI_KEY") .Values.upstream.kind -}}
{{- end -}}

{{/* The environment of the proxies: the API key. Empty for Codex. */}}
{{- define "imagegate.environment" -}}
{{- with include "imagegate.variable" . -}}
env:
  - name: {{ . | quote }}
    valueFrom:
      secretKeyRef: { name: {{ $.Values.upstream.secretName | quote }}, key: {{ default . $.Values.upstream.secretKey | quote }} }
{{- end -}}
{{- end -}}

{{/* The volumes of the proxies, and where they are mounted: the module, and the credential of Codex. */}}
{{- define "imagegate.volumes" -}}
{{- with .Values.module.image.reference }}
- name: imagegate-module
  image: { reference: {{ . | quote }}, pullPolicy: {{ $.Values.module.image.pullPolicy | quote }} }
{{- end }}
{{- if eq .Values.upstream.kind "codex" }}
- name: imagegate-upstream
  secret: { secretName: {{ .Values.upstream.secretName | quote }} }
{{- end }}
{{- end -}}

{{- define "imagegate.mounts" -}}
{{- if .Values.module.image.reference }}
- { name: imagegate-module, mountPath: /etc/imagegate/module, readOnly: true }
{{- end }}
{{- if eq .Values.upstream.kind "codex" }}
- { name: imagegate-upstream, mountPath: /etc/imagegate/upstream, readOnly: true }
{{- end }}
{{- end -}}

{{/* Whether the chart runs the rate-limit service. */}}
{{- define "imagegate.hasService" -}}
{{- and .Values.rateLimit.enabled (not .Values.rateLimit.host) -}}
{{- end -}}

{{- define "imagegate.rateLimitHost" -}}
{{- default (printf "%s.%s.svc.cluster.local" .Values.names.rateLimit (include "imagegate.namespace" .)) .Values.rateLimit.host -}}
{{- end -}}

{{/* The labels of the metrics, each with the regular expression that finds it in a name. */}}
{{- define "imagegate.statsTags" -}}
- { tag_name: endpoint, regex: '^wasmcustom\.imagegate_.*?(\.endpoint\.([^.]+))' }
- { tag_name: status, regex: '^wasmcustom\.imagegate_.*?(\.status\.([^.]+))' }
- { tag_name: code, regex: '^wasmcustom\.imagegate_.*?(\.code\.([^.]+))' }
- { tag_name: rule, regex: '^wasmcustom\.imagegate_.*?(\.rule\.([^.]+))' }
- { tag_name: kind, regex: '^wasmcustom\.imagegate_.*?(\.kind\.([^.]+))' }
- { tag_name: host_model, regex: '^wasmcustom\.imagegate_.*?(\.host_model\.(.+))$' }
- { tag_name: upstream, regex: '^wasmcustom\.imagegate_.*?(\.upstream\.(.+))$' }
{{- end -}}

{{- define "imagegate.buckets" -}}
- match: { prefix: wasmcustom.imagegate_time_to_ }
  buckets: [100, 250, 500, 1000, 2500, 5000, 7500, 10000, 15000, 20000, 30000, 45000, 60000, 90000, 120000, 180000, 300000, 600000]
{{- end -}}

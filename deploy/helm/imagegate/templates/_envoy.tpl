{{/* The parts of Envoy's configuration that both meshes have. */}}

{{/* The VM of the filter. Both filters have the same, and so share the VM. */}}
{{- define "imagegate.vm" -}}
vm_id: imagegate
runtime: envoy.wasm.runtime.v8
code:
{{- if .Values.module.image.reference }}
  local: { filename: /etc/imagegate/module/plugin.wasm }
{{- else }}
  remote:
    http_uri: { uri: {{ .Values.module.http.url | quote }}, cluster: imagegate_module, timeout: 10s }
    sha256: {{ .Values.module.http.sha256 | quote }}
    retry_policy: { num_retries: 10, retry_back_off: { base_interval: 1s, max_interval: 30s } }
{{- end }}
{{- with include "imagegate.variable" . }}
# The filter sees no other variable. Envoy's config_dump does not show their values.
environment_variables:
  host_env_keys: [{{ . | quote }}]
{{- end }}
{{- end -}}

{{- define "imagegate.filter" -}}
name: imagegate
typed_config:
  "@type": type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm
  config:
    name: imagegate
    root_id: imagegate
    allow_on_headers_stop_iteration: true
    failure_policy: FAIL_RELOAD
    vm_config:
      {{- include "imagegate.vm" . | nindent 6 }}
    configuration:
      "@type": type.googleapis.com/google.protobuf.Struct
      value:
        {{- include "imagegate.configuration" . | nindent 8 }}
{{- end -}}

{{/* The route of the upstream. No client can send the filter state that it matches. */}}
{{- define "imagegate.route" -}}
match:
  prefix: "/"
  filter_state:
    - key: wasm.imagegate_upstream
      string_match: { exact: {{ .Values.upstream.kind | quote }} }
# What this Envoy knows of its clients is not for the upstream.
request_headers_to_remove:
  - x-forwarded-for
  - x-forwarded-proto
  - x-envoy-external-address
  - x-envoy-original-path
route:
  cluster: {{ .Values.upstream.kind | quote }}
  # The host that the upstream sees. Until then the host is the client's, because Envoy chooses the
  # virtual host by it.
  host_rewrite_literal: {{ include "imagegate.upstreamHost" . | quote }}
  timeout: {{ add .Values.upstream.timeoutSeconds 10 }}s
  retry_policy:
    # Only if the upstream cannot have begun: an image that is generated twice is paid for twice.
    retry_on: connect-failure,refused-stream
    num_retries: 2
{{- end -}}

{{/* The last route. It matches before the filter has chosen the upstream. It applies the buffer
     limit. */}}
{{- define "imagegate.lastRoute" -}}
match: { prefix: "/" }
route: { cluster: nowhere, cluster_not_found_response_code: NOT_FOUND }
{{- end -}}

{{- define "imagegate.routes" -}}
- {{- include "imagegate.route" . | nindent 2 }}
- {{- include "imagegate.lastRoute" . | nindent 2 }}
{{- end -}}

{{/* Nothing goes to the client while an image is generated, so this is above the upstream's
     timeout. */}}
{{- define "imagegate.idleTimeout" -}}
{{ add .Values.upstream.timeoutSeconds 30 }}s
{{- end -}}

{{/* The filter's own calls: each image of n > 1. Nothing outside this Envoy can connect to an
     internal listener. */}}
{{- define "imagegate.loopbackListener" -}}
name: imagegate_loopback
internal_listener: {}
filter_chains:
  - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: imagegate_loopback
          # The request has the id of the client's request.
          generate_request_id: false
          scheme_header_transformation: { match_upstream: true }
          stream_idle_timeout: {{ include "imagegate.idleTimeout" . }}
          route_config:
            name: imagegate_loopback
            validate_clusters: false
            virtual_hosts:
              - name: imagegate_loopback
                domains: ["*"]
                request_body_buffer_limit: {{ include "imagegate.bufferLimit" . }}
                # The routes of the gateway.
                routes:
                  {{- include "imagegate.routes" . | nindent 18 }}
          http_filters:
            - name: imagegate_loopback
              typed_config:
                "@type": type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm
                config:
                  name: imagegate
                  # Not the root_id of the gateway's filter. It has no configuration.
                  root_id: imagegate_loopback
                  allow_on_headers_stop_iteration: true
                  failure_policy: FAIL_RELOAD
                  # The same VM as the gateway's filter: there the image is handed over.
                  vm_config:
                    {{- include "imagegate.vm" . | nindent 20 }}
            - name: envoy.filters.http.router
              typed_config:
                "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router
                suppress_envoy_headers: true
{{- end -}}

{{/* Where Envoy answers by itself, past the filter: the same shape of errors. Each has the condition,
     the status if it differs, and `message`, `type` and `code` of the error. */}}
{{- define "imagegate.localReplies" -}}
{{- $client := "invalid_request_error" -}}
{{- $cut := "The image service ended its answer before the image was complete." -}}
mappers:
{{- range list
  (list "not-found" "response.code == 404" 0 $client "unknown_url" "There is nothing at this URL. Images are at /v1/images/generations and /v1/images/edits.")
  (list "too-large" "response.code == 413" 0 $client "request_too_large" "The request body is too large.")
  (list "slow-client" "response.code == 408" 0 $client "request_timeout" "The request body did not arrive in time.")
  (list "other-fault-of-the-client" "(response.code >= 400 && response.code < 500 || response.code == 501)" 0 $client "invalid_headers" "The request cannot be read.")
  (list "too-slow" "response.code == 504" 0 "server_error" "upstream_timeout" "The image service did not answer in time.")
  (list "cut" "response.code == 503 && response.code_details.startsWith('upstream_reset_after_response_started')" 502 "server_error" "upstream_disconnected" $cut)
  (list "overloaded" "response.code == 503" 0 "server_error" "server_is_overloaded" "This gateway cannot answer now. Please try again.")
  (list "broken" "response.code >= 500" 0 "server_error" "upstream_disconnected" $cut)
}}
{{- $name := index . 0 }}{{ $condition := index . 1 }}{{ $status := index . 2 }}
  - filter:
      extension_filter:
        name: {{ $name }}
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.access_loggers.filters.cel.v3.ExpressionFilter
          expression: "{{ $condition }} && !('content-type' in response.headers)"
    {{- if $status }}
    status_code: {{ $status }}
    {{- end }}
    body_format_override:
      content_type: application/json
      text_format_source:
        inline_string: '{"error":{"message":"{{ index . 5 }}","type":"{{ index . 3 }}","param":null,"code":"{{ index . 4 }}"}}'
{{- end }}
{{- end -}}

{{/* The line of each request in the access log. */}}
{{- define "imagegate.logLine" -}}
start_time: "%START_TIME%"
request_id: "%REQ(X-REQUEST-ID)%"
method: "%REQ(:METHOD)%"
path: '%COALESCE({"operators":[{"command":"FILTER_STATE","param":"wasm.imagegate_path:PLAIN"},{"command":"REQ","param":":PATH"}]})%'
protocol: "%PROTOCOL%"
status: "%RESPONSE_CODE%"
flags: "%RESPONSE_FLAGS%"
details: "%RESPONSE_CODE_DETAILS%"
bytes_in: "%BYTES_RECEIVED%"
bytes_out: "%BYTES_SENT%"
duration_ms: "%DURATION%"
client: "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%"
upstream: "%UPSTREAM_HOST%"
{{- end -}}

{{/* Who used what: a line for each request that is the filter's, with the usage record as an object.
     Text is not escaped here, so this format may contain no value that a client can choose, except
     the record, which is JSON already. */}}
{{- define "imagegate.usageLine" -}}
"{\"start_time\":\"%START_TIME%\",\"flags\":\"%RESPONSE_FLAGS%\",\"client\":\"%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%\",\"usage\":%FILTER_STATE(wasm.imagegate:PLAIN)%}\n"
{{- end -}}

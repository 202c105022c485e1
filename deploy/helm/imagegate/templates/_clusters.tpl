{{/* The clusters of the chart itself, as a list. */}}
{{- define "imagegate.clusters" -}}
- {{- include "imagegate.upstreamCluster" . | nindent 2 }}
- {{- include "imagegate.loopbackCluster" . | nindent 2 }}
{{- if .Values.rateLimit.enabled }}
- {{- include "imagegate.rateLimitCluster" . | nindent 2 }}
{{- end }}
{{- if not .Values.module.image.reference }}
- {{- include "imagegate.moduleCluster" . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* A list of one endpoint. Takes the name of the cluster, a host and a port. */}}
{{- define "imagegate.endpoint" -}}
cluster_name: {{ index . 0 | quote }}
endpoints:
  - lb_endpoints:
      - endpoint:
          address:
            socket_address: { address: {{ index . 1 | quote }}, port_value: {{ int (index . 2) }} }
{{- end -}}

{{/* TLS to a server whose certificate is one of the system's authorities. Takes the host's name and
     a list of protocols, which may be empty. */}}
{{- define "imagegate.tls" -}}
name: envoy.transport_sockets.tls
typed_config:
  "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext
  sni: {{ index . 0 | quote }}
  auto_sni_san_validation: true
  common_tls_context:
    {{- with index . 1 }}
    alpn_protocols: [{{ join ", " . }}]
    {{- end }}
    validation_context:
      # Where Debian and Alpine keep the system's certificate authorities.
      trusted_ca: { filename: /etc/ssl/certs/ca-certificates.crt }
{{- end -}}

{{- define "imagegate.upstreamCluster" -}}
{{- $host := include "imagegate.upstreamHost" . -}}
{{- $codex := eq .Values.upstream.kind "codex" -}}
name: {{ .Values.upstream.kind | quote }}
type: STRICT_DNS
dns_lookup_family: V4_PREFERRED
connect_timeout: 5s
load_assignment:
  {{- include "imagegate.endpoint" (list .Values.upstream.kind $host 443) | nindent 2 }}
circuit_breakers:
  thresholds:
    # Each open image is one request here, also each of n > 1.
    - { max_connections: 1024, max_pending_requests: 1024, max_requests: 1024, max_retries: 16 }
typed_extension_protocol_options:
  envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
    "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
    common_http_protocol_options: { idle_timeout: 60s }
    {{- if $codex }}
    explicit_http_config:
    {{- else }}
    # HTTP/2 if the provider offers it, else HTTP/1.1.
    auto_config:
    {{- end }}
      http2_protocol_options:
        # Finds a dead connection while an image is generated and no bytes come.
        connection_keepalive: { interval: 30s, timeout: 10s }
    {{- if $codex }}
    # Filters of the cluster, not of a listener: the requests of both listeners need the credential.
    # `overwrite`: this header never comes from anywhere else. Without a secret no request is sent:
    # allow_request_without_credential is not set, so Envoy answers 401, which the filter reports as
    # an error of the gateway.
    http_filters:
      {{- include "imagegate.credential" (list "access-token" "authorization" "Bearer ") | nindent 6 }}
      {{- include "imagegate.credential" (list "account-id" "chatgpt-account-id" "") | nindent 6 }}
      - name: envoy.filters.http.upstream_codec
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.http.upstream_codec.v3.UpstreamCodec
    {{- end }}
transport_socket:
  {{- include "imagegate.tls" (list $host (ternary (list "h2") list $codex)) | nindent 2 }}
{{- if eq .Values.mesh "istio" }}
# Istio's filter for the exchange of metadata sends no description of this pod there.
metadata: { filter_metadata: { istio: { disable_mx: true } } }
{{- end }}
{{- end -}}

{{/* A filter that sets a header from a file of the Secret. Takes the file's name, the header and
     what is before the value. */}}
{{- define "imagegate.credential" -}}
- name: {{ index . 0 }}
  typed_config:
    "@type": type.googleapis.com/envoy.extensions.filters.http.credential_injector.v3.CredentialInjector
    overwrite: true
    credential:
      name: envoy.http.injected_credentials.generic
      typed_config:
        "@type": type.googleapis.com/envoy.extensions.http.injected_credentials.generic.v3.Generic
        header: {{ index . 1 }}
        {{- with index . 2 }}
        header_value_prefix: {{ . | quote }}
        {{- end }}
        credential:
          name: codex-{{ index . 0 }}
          sds_config:
            resource_api_version: V3
            path_config_source:
              path: /etc/imagegate/upstream/{{ index . 0 }}.yaml
              watched_directory: { path: /etc/imagegate/upstream }
{{- end -}}

{{- define "imagegate.loopbackCluster" -}}
name: imagegate_loopback
load_assignment:
  cluster_name: imagegate_loopback
  endpoints:
    - lb_endpoints:
        - endpoint:
            address:
              envoy_internal_address: { server_listener_name: imagegate_loopback }
circuit_breakers:
  thresholds:
    - { max_connections: 1024, max_pending_requests: 1024, max_requests: 1024 }
{{- end -}}

{{- define "imagegate.rateLimitCluster" -}}
name: ratelimit
type: STRICT_DNS
connect_timeout: 1s
load_assignment:
  {{- include "imagegate.endpoint" (list "ratelimit" (include "imagegate.rateLimitHost" .) .Values.rateLimit.port) | nindent 2 }}
# It speaks gRPC, and so HTTP/2. There is no health check and no outlier detection: while it is down,
# `on_error` of each rule decides.
typed_extension_protocol_options:
  envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
    "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
    explicit_http_config: { http2_protocol_options: {} }
{{- end -}}

{{/* The server that has the file of the module. */}}
{{- define "imagegate.moduleCluster" -}}
{{- $url := urlParse .Values.module.http.url -}}
{{- $tls := eq $url.scheme "https" -}}
{{- $port := regexFind "[0-9]+$" (regexFind ":[0-9]+$" $url.host) -}}
name: imagegate_module
type: STRICT_DNS
dns_lookup_family: V4_PREFERRED
connect_timeout: 5s
load_assignment:
  {{- include "imagegate.endpoint" (list "imagegate_module" $url.hostname (default (ternary 443 80 $tls) $port)) | nindent 2 }}
{{- if $tls }}
transport_socket:
  {{- include "imagegate.tls" (list $url.hostname list) | nindent 2 }}
{{- end }}
{{- end -}}

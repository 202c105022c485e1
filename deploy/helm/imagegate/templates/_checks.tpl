{{/* What the schema cannot say, or not in words. Each file begins with it, because Helm may render
     any of them first. */}}
{{- define "imagegate.checks" -}}
{{- include "imagegate.checkNulls" . -}}
{{- include "imagegate.checkNames" . -}}
{{- $isAddress := regexMatch "^[0-9.]+$" .Values.host -}}
{{- if and $isAddress (eq .Values.mesh "envoy-gateway") -}}
{{- fail (printf "host: %s is an IP address, which an HTTPRoute of the Gateway API does not accept; accepted with envoy-gateway: a host name, or \"*\" for every host" .Values.host) -}}
{{- end -}}
{{- if eq (include "imagegate.hasService" .) "true" -}}
{{- $used := dict "8080" "HTTP" "6070" "debug" -}}
{{- $port := toString (int .Values.rateLimit.port) -}}
{{- if hasKey $used $port -}}
{{- fail (printf "rateLimit.port: %s is the %s port of the service that the chart runs; accepted: another port, such as 8081" $port (get $used $port)) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* Helm removes a value that is null, and its default with it. */}}
{{- define "imagegate.checkNulls" -}}
{{- range $path := list
  "names" "names.gateway" "names.route" "names.rateLimit" "names.redis"
  "module.image" "module.image.pullPolicy" "module.http"
  "upstream.kind" "upstream.secretName" "upstream.timeoutSeconds"
  "upstream.azure" "upstream.azure.deployment" "upstream.azure.apiVersion"
  "rateLimit" "rateLimit.enabled" "rateLimit.onError" "rateLimit.timeout" "rateLimit.port"
  "rateLimit.image" "rateLimit.replicas" "rateLimit.redis" "rateLimit.redis.image"
  "service" "service.type"
-}}
{{- $value := $.Values -}}
{{- range $name := splitList "." $path -}}
{{- $value = get $value $name -}}
{{- end -}}
{{- if has (toString $value) (list "" "<nil>") -}}
{{- fail (printf "%s: null is no value, accepted: what values.yaml says; leave it out for the default" $path) -}}
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

{{/* The clusters that the configuration names. Envoy refuses none of them: only the calls fail, and
     with them every request. Takes the values and the configuration. */}}
{{- define "imagegate.checkClusters" -}}
{{- $root := index . 0 -}}
{{- $config := index . 1 -}}
{{- $names := list -}}
{{- range include "imagegate.clusters" $root | fromYamlArray -}}
{{- $names = append $names .name -}}
{{- end -}}
{{- range $root.Values.clusters -}}
{{- if has .name $names -}}
{{- fail (printf "clusters: there are two clusters %s, accepted: a name other than %s" .name (join ", " $names)) -}}
{{- end -}}
{{- if eq .name "nowhere" -}}
{{- fail "clusters: the last route leads to nowhere and answers 404, since there is no such cluster; accepted: another name" -}}
{{- end -}}
{{- $names = append $names .name -}}
{{- end -}}
{{- $named := dict -}}
{{- range $upstream, $its := $config.upstreams -}}
{{- with $its.cluster -}}{{- $_ := set $named (printf "upstreams.%s.cluster" $upstream) . -}}{{- end -}}
{{- end -}}
{{- with $config.consumers_from -}}{{- $_ := set $named "consumers_from.cluster" .cluster -}}{{- end -}}
{{- with $config.loopback -}}{{- $_ := set $named "loopback.cluster" .cluster -}}{{- end -}}
{{- with $config.engine -}}
{{- if eq .kind "rls" -}}{{- $_ := set $named "engine.cluster" (default "ratelimit" .cluster) -}}{{- end -}}
{{- end -}}
{{- $istio := eq $root.Values.mesh "istio" -}}
{{- range $place, $name := $named -}}
{{- /* Istio has such a cluster for each port of each Service. */ -}}
{{- if not (or (has $name $names) (and $istio (hasPrefix "outbound|" $name))) -}}
{{- $service := ternary "; rateLimit.enabled adds ratelimit" "" (eq $place "engine.cluster") -}}
{{- fail (printf "config.%s: there is no cluster %s, accepted: %s, or one that the value clusters adds%s" $place $name (join ", " $names) $service) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* That the rate-limit service and the rules belong together: what nobody asks counts nothing, and a
     rule that nobody counts limits nothing. Takes the values and the configuration. */}}
{{- define "imagegate.checkEngine" -}}
{{- $root := index . 0 -}}
{{- $config := index . 1 -}}
{{- $engine := default (dict "kind" "local") $config.engine -}}
{{- $counted := list -}}
{{- range default list $config.limits -}}
{{- if ne .unit "concurrent" -}}{{- $counted = append $counted .name -}}{{- end -}}
{{- end -}}
{{- if $root.Values.rateLimit.enabled -}}
{{- if ne $engine.kind "rls" -}}
{{- fail (printf "config.engine.kind: with %s no rule asks the service of rateLimit.enabled; accepted: rls, or no engine, which is the same; rateLimit.enabled: false for %s" $engine.kind $engine.kind) -}}
{{- end -}}
{{- if ne $engine.cluster "ratelimit" -}}
{{- fail (printf "config.engine.cluster: with %s no rule asks the service of rateLimit.enabled, whose cluster is ratelimit; accepted: ratelimit, or rateLimit.enabled: false for a cluster of your own" $engine.cluster) -}}
{{- end -}}
{{- if and (eq (include "imagegate.hasService" $root) "true") (ne $engine.domain "imagegate") -}}
{{- fail (printf "config.engine.domain: the service that the chart runs has no limits in the domain %s, and would admit every request; accepted: imagegate" $engine.domain) -}}
{{- end -}}
{{- if not $counted -}}
{{- fail "rateLimit.enabled: config.limits has no rule that the service could count; accepted: a rule with another unit than concurrent, which each proxy counts itself" -}}
{{- end -}}
{{- else -}}
{{- if $root.Values.rateLimit.host -}}
{{- fail (printf "rateLimit.host: no rule asks %s; accepted: with rateLimit.enabled: true" $root.Values.rateLimit.host) -}}
{{- end -}}
{{- if ne $engine.kind "rls" -}}
{{- range default list $config.limits -}}
{{- if hasKey . "on_error" -}}
{{- fail (printf "config.limits: on_error of %s is about a rate-limit service, and each proxy counts itself; accepted: with rateLimit.enabled: true" .name) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}

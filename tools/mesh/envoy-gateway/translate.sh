#!/usr/bin/env bash
# What Envoy Gateway makes of deploy/envoy-gateway/imagegate.yaml: each resource is accepted, each
# patch finds its place, and the conditions, filters, routes and clusters are those of
# translated.txt. UPDATE_GOLDEN=1 writes that file. tools/test-mesh.sh calls it.
source "$(dirname "$0")/../../lib.sh"
source tools/expect.sh

program=.tools/envoy-gateway/bin/envoy-gateway
good=deploy/envoy-gateway/imagegate.yaml
golden=tools/mesh/envoy-gateway/translated.txt
run=$PWD/build/mesh/translate
rm -rf "$run"
mkdir -p "$run"

is_golden() {
  "$program" translate "$good" >"$run/translated.txt" || return 1
  if [[ ${UPDATE_GOLDEN:-} ]]; then cp "$run/translated.txt" "$golden"; fi
  diff -u "$golden" "$run/translated.txt"
}

with_limits() {
  printf '%s\n' "$(<"$good")" --- "$(<deploy/envoy-gateway/limits.yaml)" >"$run/limits.yaml"
  "$program" translate "$run/limits.yaml" >"$run/limits.txt" || return 1
  grep -qxF 'EnvoyPatchPolicy imagegate/imagegate-limits: Programmed=True' "$run/limits.txt"
}

# rejected FROM TO WHY: with TO in place of FROM, the first error has these words.
rejected() {
  local text
  text=$(<"$good")
  [[ $text == *"$1"* ]] || fail "$good has no '$1'"
  printf '%s\n' "${text/"$1"/"$2"}" >"$run/rejected.yaml"
  if "$program" translate "$run/rejected.yaml" >"$run/rejected.txt" 2>"$run/rejected.log"; then return 1; fi
  grep -qF "$3" "$run/rejected.log" || {
    cat "$run/rejected.log"
    return 1
  }
}

expect 'a resource is not accepted, or the result is another one' is_golden
expect 'the limits are not accepted' with_limits
policy='EnvoyPatchPolicy imagegate/imagegate: Programmed=False'
expect 'a patch at a place that is not there' \
  rejected 'typed_config/http_filters/0' 'typed_configuration/http_filters/0' "$policy, Invalid"
expect 'a patch of a listener that is not there' \
  rejected 'name: imagegate/gate/http' 'name: imagegate/gate/https' "$policy, ResourceNotFound"
expect 'a patch with a field that Envoy does not have' \
  rejected 'failure_policy: FAIL_RELOAD' 'failure_mode: FAIL_RELOAD' "$policy, Invalid"
expect 'a route to a Gateway that is not there' \
  rejected '- { name: gate }' '- { name: other }' 'HTTPRoute: there are 1, and 0 belong to a Gateway'
expect 'a patch of a Gateway that is not there' \
  rejected 'targetRef: { group: gateway.networking.k8s.io, kind: Gateway, name: gate }' \
  'targetRef: { group: gateway.networking.k8s.io, kind: Gateway, name: other }' 'EnvoyPatchPolicy'
expect 'a value that a resource does not take' \
  rejected 'streamIdleTimeout: 330s' 'streamIdleTimeout: 5 minutes' 'streamIdleTimeout'
say "test result: translate. $passed passed; $failed failed"
((failed == 0))

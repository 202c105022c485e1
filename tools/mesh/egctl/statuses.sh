#!/usr/bin/env bash
# What `egctl experimental translate` says of the manifests in deploy/envoy-gateway/: each resource is
# valid by its CRD and by the rules there, and each condition is True. tools/test-mesh.sh calls it.
# egctl does not tell whether a patch has found its place: tools/mesh/envoy-gateway/translate.sh does.
source "$(dirname "$0")/../../lib.sh"
source tools/expect.sh

egctl=.tools/egctl/bin/egctl
folder=deploy/envoy-gateway
run=$PWD/build/mesh/egctl
rm -rf "$run"
mkdir -p "$run"

# accepted FILE: egctl accepts it. What is wrong is in $run/faults.
accepted() {
  "$egctl" experimental translate --to gateway-api -o json -f "$1" 2>"$run/faults" >"$run/result.json" || return 1
  python3 tools/mesh/egctl/statuses.py "$1" <"$run/result.json" 2>"$run/faults"
}

# shown FILE: as above, and prints what is wrong.
shown() { accepted "$1" || { cat "$run/faults" && return 1; }; }

# rejected FROM TO WHY: with TO in place of FROM, what is wrong has these words.
rejected() {
  local text
  text=$(<"$folder/imagegate.yaml")
  [[ $text == *"$1"* ]] || fail "$folder/imagegate.yaml has no '$1'"
  printf '%s\n' "${text/"$1"/"$2"}" >"$run/rejected.yaml"
  if accepted "$run/rejected.yaml"; then return 1; fi
  grep -qF "$3" "$run/faults" || { cat "$run/faults" && return 1; }
}

# egctl has no cache of modules. So it cannot accept the resource that names one, but all others.
all_but_the_module() {
  if accepted "$folder/extension-policy.yaml"; then return 1; fi
  local fault='EnvoyExtensionPolicy imagegate/imagegate: Accepted=False, Invalid: Wasm: wasm cache is not initialized.'
  diff -u <(printf '%s\n' "$fault") "$run/faults"
}

printf '%s\n' "$(<"$folder/imagegate.yaml")" --- "$(<"$folder/limits.yaml")" >"$run/limits.yaml"
expect 'a resource of imagegate.yaml is not accepted' shown "$folder/imagegate.yaml"
expect 'the limits are not accepted' shown "$run/limits.yaml"
expect 'another fault than that of the cache' all_but_the_module
expect 'a route to a Gateway that is not there' \
  rejected '- { name: gate }' '- { name: other }' 'HTTPRoute: the manifest has 1, egctl returned 0'
expect 'a patch of a Gateway that is not there' \
  rejected 'targetRef: { group: gateway.networking.k8s.io, kind: Gateway, name: gate }' \
  'targetRef: { group: gateway.networking.k8s.io, kind: Gateway, name: other }' 'EnvoyPatchPolicy imagegate/imagegate has no conditions'
expect 'a value that a resource does not take' \
  rejected 'streamIdleTimeout: 330s' 'streamIdleTimeout: 5 minutes' 'spec.timeout.http.streamIdleTimeout: Invalid value'
say "test result: egctl. $passed passed; $failed failed"
((failed == 0))

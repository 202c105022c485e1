#!/usr/bin/env bash
# Runs the manifests of deploy/ in the meshes themselves, without a cluster: the mesh's own program
# makes Envoy's configuration of them, and Envoy serves with codex-sim as its upstream.
#   tools/test-mesh.sh [MANIFEST…]    a file of deploy/ without .yaml, such as istio/imagegate, or a
#                                     mesh: envoy-gateway, istio; by default, all of both
# Where a mesh cannot be built, or there are no network namespaces, says so and runs nothing of it.
source "$(dirname "$0")/lib.sh"

all=(envoy-gateway/imagegate envoy-gateway/extension-policy istio/imagegate)
manifests=()
if (($# == 0)); then manifests=("${all[@]}"); fi
for wanted; do
  mapfile -t found < <(printf '%s\n' "${all[@]}" | grep -x -e "$wanted" -e "$wanted/.*")
  ((${#found[@]} > 0)) || fail "there is no $wanted; there are: ${all[*]}"
  manifests+=("${found[@]}")
done
log=build/log/test-mesh.log
mkdir -p build/log
: >"$log"
outcome=0 skipped=0

skip() {
  say ''
  say "SKIPPED: tests/e2e/mesh.rs has not run with $1, because $2."
  skipped=$((skipped + 1))
}

# What egctl says of the manifests.
check_statuses() {
  local status=0
  tools/go-program.sh tools/mesh/egctl github.com/envoyproxy/gateway/cmd/egctl || status=$?
  case $status in
    0)
      say '+ tools/mesh/egctl/statuses.sh'
      tools/mesh/egctl/statuses.sh 2>&1 | tee -a "$log" || outcome=1
      ;;
    3)
      say ''
      say 'SKIPPED: egctl has read no manifest, because it cannot be built here.'
      ;;
    *) exit "$status" ;;
  esac
}

# A mesh takes fixed ports, and listens on every address: it gets a network of its own, without any
# other machine. All that is started there ends with it.
apart() { unshare "${user[@]}" --net --pid --fork --kill-child --mount-proc "$@"; }
user=()
if [[ $(id -u) != 0 ]]; then user=(--user --map-root-user); fi

ENVOY=$(envoy_path)
export ENVOY
build_tests
# Without it, run.sh says what it leaves out.
tools/go-program.sh tools/ratelimit github.com/envoyproxy/ratelimit/src/service_cmd || true
for manifest in "${manifests[@]}"; do
  mesh=${manifest%/*} file=${manifest#*/}
  if ! openssl version >/dev/null 2>&1 || ! apart ip link set lo up 2>/dev/null; then
    skip "$manifest" 'this machine has no openssl, or gives it no network namespace (unshare, ip)'
    continue
  fi
  status=0
  tools/go-program.sh "tools/mesh/$mesh" . || status=$?
  if ((status == 0)) && [[ $file == extension-policy ]]; then
    # The registry that Envoy Gateway pulls the image from.
    tools/go-program.sh tools/crane github.com/google/go-containerregistry/cmd/crane || status=$?
  fi
  if ((status == 3)); then
    skip "$manifest" 'it cannot be built here: it needs Go, or python3 for its wheel, and the Go module proxy'
    continue
  fi
  ((status == 0)) || exit "$status"
  if [[ $manifest == envoy-gateway/imagegate ]]; then
    say '+ tools/mesh/envoy-gateway/translate.sh'
    tools/mesh/envoy-gateway/translate.sh 2>&1 | tee -a "$log" || outcome=1
    check_statuses
  fi
  say "+ $manifest: cargo test --test e2e -- mesh::"
  apart tools/mesh/run.sh "$mesh" "$file" 2>&1 | tee -a "$log" || outcome=1
done

read -r passed failed < <(awk '/^test result:/ { p += $4; f += $6 } END { print p + 0, f + 0 }' "$log")
if ((passed == 0 && skipped == 0)); then outcome=1; fi
say ''
say "$passed passed, $failed failed"
exit "$outcome"

#!/usr/bin/env bash
# Builds Helm, and runs the tests of the chart in deploy/helm/ with it.
source "$(dirname "$0")/lib.sh"

status=0
tools/go-program.sh tools/helm helm.sh/helm/v4/cmd/helm || status=$?
if ((status == 3)); then
  say ''
  say 'SKIPPED: the chart has not been rendered, because Helm cannot be built here.'
  say 'It needs Go, or python3 for its wheel, and the Go module proxy.'
  say ''
  say '0 passed, 0 failed'
  exit 0
fi
((status == 0)) || exit "$status"
HELM=$PWD/.tools/helm/bin/helm
export HELM

log=build/log/test-helm.log
mkdir -p build/log
cargo test --package imagegatectl --test it -- --include-ignored helm:: 2>&1 | tee "$log" || status=1
end_tests "$log" "$status"

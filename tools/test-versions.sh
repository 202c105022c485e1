#!/usr/bin/env bash
# Runs tests in the other supported Envoys. Each comes from its own wheel, under .tools/.
#   tools/test-versions.sh [FILTER…]     the cases whose names hold a FILTER; without one, all
source "$(dirname "$0")/lib.sh"

# 1.38 is missing: its wheel has no V8. The newest, which all other tests run in, is in
# tools/requirements.txt.
versions=(1.37.0 1.39.3)
outcome=0
log=build/log/test-versions.log
mkdir -p build/log
: >"$log"

build_tests
for version in "${versions[@]}"; do
  ENVOY=$(envoy_of "$version")
  export ENVOY
  say "+ Envoy $version: cargo test --test e2e -- $*"
  status=0
  RUST_TEST_THREADS=$(envoy_test_threads) cargo test --test e2e --no-fail-fast -- "$@" 2>&1 | tee -a "$log" || status=${PIPESTATUS[0]}
  ((status == 0)) || outcome=1
done

end_tests "$log" "$outcome"

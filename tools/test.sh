#!/usr/bin/env bash
# Runs the tests and ends with the line `N passed, N failed`.
#   tools/test.sh [unit|e2e|clients|openapi|all]
source "$(dirname "$0")/lib.sh"

what=${1:-all}
mkdir -p build/log
log=build/log/test.log
: >"$log"
outcome=0

# Shows the output of a runner, keeps it for the count, and records a failure without stopping.
runner() {
  local status=0
  say "+ $*"
  "$@" 2>&1 | tee -a "$log" || status=${PIPESTATUS[0]}
  ((status == 0)) || outcome=1
}

# The tests get Envoy's path in a variable, since they do not know how it was installed.
in_envoy() {
  ENVOY=$(envoy_path)
  export ENVOY
  RUST_TEST_THREADS=$(envoy_test_threads) runner cargo test --test e2e --no-fail-fast "$@"
}

case $what in
  unit) runner cargo test --workspace --no-fail-fast ;;
  e2e)
    runner build_tests
    in_envoy
    ;;
  clients) in_envoy -- clients:: sdks:: ;;
  openapi)
    runner cargo test --test contract --no-fail-fast -- openapi::
    in_envoy -- openapi::
    ;;
  all)
    runner cargo test --workspace --no-fail-fast
    in_envoy
    ;;
  *) fail "unknown set of tests: $what" ;;
esac

end_tests "$log" "$outcome"

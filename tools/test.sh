#!/usr/bin/env bash
# Runs the tests and ends with the line `N passed, N failed`.
#   tools/test.sh [unit|e2e|clients|clients-go|clients-java|openapi|all]
source "$(dirname "$0")/lib.sh"

what=${1:-all}
mkdir -p build/log
log=build/log/test.log
: >"$log"
outcome=0 skipped=0

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

# other_client LANGUAGE NEEDS COMMAND…: the client in a language that no other test needs, built by this
# command. Where it cannot be built, says so.
other_client() {
  local language=$1 needs=$2 status=0
  shift 2
  "$@" || status=$?
  if ((status == 3)); then
    skipped=$((skipped + 1))
    say ''
    say "SKIPPED: OpenAI's client for $language has not run, because it cannot be built here: it needs $needs."
  elif ((status != 0)); then
    outcome=1
  else
    in_envoy -- --ignored "clients::openai_${language,,}_is_served"
  fi
}
client_go() { other_client Go 'Go, or python3 for its wheel, and the Go module proxy' tools/go-program.sh tests/clients/cases/openai_go .; }
client_java() { other_client Java 'a JDK and Maven, or Debian for them, and the central repository of Maven' tools/java-program.sh tests/clients/cases/openai_java; }

case $what in
  unit) runner cargo test --workspace --no-fail-fast ;;
  e2e)
    runner build_tests
    in_envoy
    ;;
  clients)
    in_envoy -- clients:: sdks::
    client_go
    client_java
    ;;
  clients-go) client_go ;;
  clients-java) client_java ;;
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

# All tests were skipped, and the reason is printed already.
if ((skipped > 0 && outcome == 0)) && ! grep -q '^test result:' "$log"; then
  say ''
  say '0 passed, 0 failed'
  exit 0
fi
end_tests "$log" "$outcome"

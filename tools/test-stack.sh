#!/usr/bin/env bash
# Checks deploy/prometheus, deploy/grafana and deploy/compose with the programs that read them, without
# containers. What cannot be had here is named, and not checked.
source "$(dirname "$0")/lib.sh"

passed=0 failed=0
mkdir -p build/log
# expect LABEL CODE COMMAND…
expect() {
  local code=0 label=$1 expected=$2
  "${@:3}" >build/log/stack.log 2>&1 || code=$?
  if ((code == expected)); then
    passed=$((passed + 1))
    say "ok    $label"
  else
    failed=$((failed + 1))
    say "FAULT $label: exit code $code, not $expected" "$(tail -n 20 build/log/stack.log)"
  fi
}

promtool=.tools/prometheus/bin/promtool
expect 'the rules' 0 "$promtool" check rules --lint=all --lint-fatal deploy/prometheus/imagegate.rules.yaml
expect 'the cases of the alerts' 0 "$promtool" test rules deploy/prometheus/imagegate.tests.yaml

say '' "$passed passed, $failed failed"
((failed == 0))

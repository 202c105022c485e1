#!/usr/bin/env bash
# Runs the tests with a page in a headless Chromium. Where there is none, says so and runs nothing.
source "$(dirname "$0")/lib.sh"

if ! [[ -x .tools/chromium/bin/chromium ]]; then
  say ''
  say 'SKIPPED: tests/e2e/browsers.rs has not run, because there is no Chromium on this machine.'
  say 'Install chromium, or run this on Debian, and try again: make test-browser'
  exit 0
fi
mkdir -p build/log
log=build/log/test-browser.log
outcome=0
ENVOY=$(envoy_path)
export ENVOY
cargo test --test e2e -- --ignored browsers:: 2>&1 | tee "$log" || outcome=1
read -r passed failed < <(awk '/^test result:/ { p += $4; f += $6 } END { print p + 0, f + 0 }' "$log")
if ((passed == 0)); then outcome=1; fi
say ''
say "$passed passed, $failed failed"
exit "$outcome"

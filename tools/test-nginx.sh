#!/usr/bin/env bash
# Runs the tests with deploy/nginx/imagegate.conf in a real nginx.
source "$(dirname "$0")/lib.sh"

mkdir -p build/log
log=build/log/test-nginx.log
outcome=0
ENVOY=$(envoy_path)
export ENVOY
cargo test --test e2e -- --ignored nginx:: 2>&1 | tee "$log" || outcome=1
read -r passed failed < <(awk '/^test result:/ { p += $4; f += $6 } END { print p + 0, f + 0 }' "$log")
if ((passed == 0)); then outcome=1; fi
say ''
say "$passed passed, $failed failed"
exit "$outcome"

#!/usr/bin/env bash
# Runs the tests whose rules envoyproxy/ratelimit counts, in a Redis. Where one of the two cannot be
# had, says so and runs nothing.
source "$(dirname "$0")/lib.sh"

skip() {
  say ''
  say "SKIPPED: tests/e2e/rls/ratelimit.rs has not run, because this machine $*."
  exit 0
}

status=0
tools/go-program.sh tools/ratelimit github.com/envoyproxy/ratelimit/src/service_cmd || status=$?
if ((status == 3)); then skip 'cannot build envoyproxy/ratelimit: it needs Go, or python3 for its wheel, and the Go module proxy'; fi
((status == 0)) || exit "$status"
[[ -x .tools/redis-server/bin/redis-server ]] || skip 'has no redis-server, and none can be had from Debian'

run_ignored rls::ratelimit::

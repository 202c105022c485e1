#!/usr/bin/env bash
# Runs the tests with a page in a headless Chromium. Where there is none, says so and runs nothing.
source "$(dirname "$0")/lib.sh"

if ! [[ -x .tools/chromium/bin/chromium ]]; then
  say ''
  say 'SKIPPED: tests/e2e/browsers.rs has not run, because there is no Chromium on this machine.'
  say 'Install chromium, or run this on Debian, and try again: make test-browser'
  exit 0
fi
run_ignored browsers::

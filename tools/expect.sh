# Checks that are counted in `passed` and `failed`. Source it after lib.sh.
# shellcheck shell=bash
passed=0 failed=0
expect_log=build/log/$(basename "$0" .sh)-last.log
mkdir -p build/log

# expect FAULT COMMAND…: FAULT says what is wrong if the command fails.
expect() {
  if "${@:2}"; then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
    say "FAULT: $1"
  fi
}

# show LABEL COMMAND…: one line, which begins with ok or FAULT. A failure shows the end of what
# the command wrote.
show() {
  if "${@:2}" >"$expect_log" 2>&1; then
    passed=$((passed + 1))
    say "ok    $1"
  else
    failed=$((failed + 1))
    say "FAULT $1" "$(tail -n 20 "$expect_log")"
  fi
}

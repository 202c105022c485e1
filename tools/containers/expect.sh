# Checks, each with one line that begins with ok or FAULT. Source it after lib.sh.
# shellcheck shell=bash

failed=0
mkdir -p build/log build/containers

# expect LABEL COMMAND…
expect() {
  if "${@:2}" >build/log/containers.log 2>&1; then
    say "ok    $1"
  else
    failed=$((failed + 1))
    say "FAULT $1" "$(tail -n 20 build/log/containers.log)"
  fi
}

# wait_for COMMAND…: until it succeeds, for about 60 s.
wait_for() {
  local end=$((SECONDS + 60))
  while ((SECONDS < end)); do
    if "$@"; then return; fi
    sleep 0.2
  done
  return 1
}

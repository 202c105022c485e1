# What the checks in containers share. Source it after lib.sh.
# shellcheck shell=bash
source tools/expect.sh

mkdir -p build/containers

# wait_for COMMAND…: until it succeeds, for about 60 s.
wait_for() {
  local end=$((SECONDS + 60))
  while ((SECONDS < end)); do
    if "$@"; then return; fi
    sleep 0.2
  done
  return 1
}

# What the checks in containers share. Source it after lib.sh.
# shellcheck shell=bash
source tools/expect.sh

mkdir -p build/containers

# wait_for COMMAND…: until it succeeds, for about 180 s. Envoy needs 2.5 s of a processor until it serves, most
# of it V8's compilation of the module. Beside many other programs that takes much longer.
wait_for() {
  local end=$((SECONDS + 180))
  while ((SECONDS < end)); do
    if "$@"; then return; fi
    sleep 0.2
  done
  return 1
}

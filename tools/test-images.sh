#!/usr/bin/env bash
# Builds the images of this project, and starts them and the compose file in containers, with Podman. Needs
# neither Docker nor a registry of images: the base images are made here, of Debian's packages. Where that
# is not possible, says so and runs nothing.
source "$(dirname "$0")/lib.sh"

skip() {
  say ''
  say "SKIPPED: no image has been built and no container has been started: $*"
  say 'It needs root, a kernel with overlay file systems, the packages of Debian, and Go or its wheel.'
  say ''
  say '0 passed, 0 failed'
  exit 0
}

status=0
tools/containers/programs.sh || status=$?
if ((status == 3)); then skip 'this machine cannot have Podman.'; fi
((status == 0)) || exit "$status"
tools/go-program.sh tools/ratelimit github.com/envoyproxy/ratelimit/src/service_cmd || status=$?
if ((status == 3)); then skip 'this machine cannot build envoyproxy/ratelimit.'; fi
((status == 0)) || exit "$status"
tools/testkit.sh >/dev/null

CONTAINERS_STORAGE=$PWD/build/containers/storage
export CONTAINERS_STORAGE
mkdir -p build/log build/containers
# The processes have ended, and with their namespace the mounts.
rm -rf "$CONTAINERS_STORAGE"
trap 'rm -rf "$CONTAINERS_STORAGE"' EXIT

# inside OPTION… COMMAND: in namespaces of its own.
inside() { unshare --mount --pid --fork --kill-child tools/containers/inside.sh "$@"; }

# Says whether the kernel lets a container start at all. From here on, a failure is a fault.
can_start() {
  inside bash -c 'podman import --quiet .tools/bases/bookworm.tar localhost/probe && podman run --rm localhost/probe true' \
    >build/log/containers-probe.log 2>&1
}
can_start || skip "no container starts here; build/log/containers-probe.log says why."

inside tools/containers/build.sh
log=build/log/test-images.log
inside unshare --net bash -c 'tools/containers/kit.sh; tools/containers/stack.sh' | tee "$log" || status=1
passed=$(grep -c '^ok ' "$log" || true) failed=$(grep -c '^FAULT ' "$log" || true)
if ((passed == 0)); then status=1; fi
say ''
say "$passed passed, $failed failed"
((status == 0 && failed == 0))

#!/usr/bin/env bash
# Builds the images of this project in inside.sh, from base images that are made here.
source "$(dirname "$0")/../lib.sh"

# With the certificates of this machine, since a build may reach packages only through a proxy of its own.
# Without a runtime: what an instruction runs sees the network and the processes of this machine.
certificates=/etc/ssl/certs/ca-certificates.crt
build() {
  podman build --quiet --isolation chroot --network host --format docker --volume "$certificates:$certificates:ro" "$@"
}

# base NAME TAG [FILE]: the image that bases/NAME.Containerfile makes, with a program of this machine.
base() {
  local context
  context=$(mktemp -d)
  if [[ ${3:-} ]]; then cp "$3" "$context/$1"; fi
  build --file "tools/containers/bases/$1.Containerfile" --tag "docker.io/$2" "$context"
}

# image_of SERVICE: the name of its image in the compose file.
image_of() {
  .tools/stack/bin/docker-compose -f deploy/compose/compose.yaml config --format json |
    python3 -c 'import json, sys; print(json.load(sys.stdin)["services"][sys.argv[1]]["image"])' "$1"
}

for suite in bookworm trixie; do
  step "import $suite" podman import --quiet ".tools/bases/$suite.tar" "localhost/$suite"
done
podman tag localhost/bookworm docker.io/library/debian:bookworm-slim

step 'base of the test kit' base python library/python:3.13-slim-trixie
step 'image of the test kit' build --file testkit/Dockerfile --tag imagegate-testkit .

rust=$(rustc --print sysroot)
step 'base of codex-sim' base rust library/rust:1.95-slim-bookworm
step 'image of codex-sim' build --volume "$rust:/opt/rust:ro" --file deploy/compose/codex-sim.Dockerfile --tag "docker.io/$(image_of codex-sim)" .

podman tag docker.io/library/python:3.13-slim-trixie "docker.io/library/$(image_of jobs)"
step 'Envoy' base envoy "$(image_of envoy)" "$(envoy_path)"
step 'Redis' base redis "library/$(image_of redis)"
step 'Prometheus' base prometheus "$(image_of prometheus)"
step 'ratelimit' base ratelimit "$(image_of ratelimit)" .tools/ratelimit/bin/ratelimit

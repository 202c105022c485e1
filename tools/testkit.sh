#!/usr/bin/env bash
# Builds the wheel of the test kit from build/imagegate.wasm and target/tools/codex-sim, as
# build/testkit/wheel/imagegate_testkit-VERSION-….whl. Prints its path.
source "$(dirname "$0")/lib.sh"

[[ -f build/imagegate.wasm && -f target/tools/codex-sim ]] ||
  fail 'build/imagegate.wasm or target/tools/codex-sim is missing; run: make testkit'
rm -rf build/testkit/wheel
mkdir -p build/testkit/wheel
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
export SOURCE_DATE_EPOCH
step 'imagegate-testkit' python3 -m pip wheel --disable-pip-version-check --quiet --no-deps \
  --wheel-dir build/testkit/wheel ./testkit >&2
compgen -G "$PWD/build/testkit/wheel/imagegate_testkit-*.whl"

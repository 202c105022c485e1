#!/usr/bin/env bash
# Builds the filter for Envoy: build/imagegate.wasm.
source "$(dirname "$0")/lib.sh"

# The filter logs at its start which commit it is.
IMAGEGATE_COMMIT=${IMAGEGATE_COMMIT:-$(git rev-parse --short=12 HEAD 2>/dev/null || echo unknown)}
export IMAGEGATE_COMMIT

started=$SECONDS
build_wasm imagegate
mkdir -p build
# Envoy may have the old file open: replace it, do not write into it.
cp target/wasm/wasm32-wasip1/release/imagegate.wasm build/.imagegate.wasm
mv build/.imagegate.wasm build/imagegate.wasm
say "build/imagegate.wasm: $(stat -c %s build/imagegate.wasm) bytes ($(gzip -9 <build/imagegate.wasm | wc -c) gzipped), $((SECONDS - started)) s"

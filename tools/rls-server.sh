#!/usr/bin/env bash
# Builds the rate-limit service of the tests: Limitador's library with gRPC.
#   tools/rls-server.sh          counting in its memory: target/rls-server
#   tools/rls-server.sh redis    counting in Redis, too: target/rls-server-redis
source "$(dirname "$0")/lib.sh"

manifest=tests/rls-server/Cargo.toml
if [[ ${1:-} == redis ]]; then
  # Limitador compiles its storage in Redis only together with that on disk, which is RocksDB. None
  # of it is called. So an empty archive links as well as the library, which takes ten minutes to
  # compile.
  mkdir -p build/rocksdb
  rm -f build/rocksdb/*.a
  for library in rocksdb snappy; do ar rcs "build/rocksdb/lib$library.a"; done
  step 'rls-server with Redis' env ROCKSDB_LIB_DIR="$PWD/build/rocksdb" ROCKSDB_STATIC=1 SNAPPY_LIB_DIR="$PWD/build/rocksdb" SNAPPY_STATIC=1 \
    LIBCLANG_PATH="$(realpath .tools/libclang/lib/python3*/site-packages/clang/native)" \
    BINDGEN_EXTRA_CLANG_ARGS="-I$(gcc -print-file-name=include)" \
    cargo build --locked --manifest-path "$manifest" --features redis --target-dir target/rls-server-redis
else
  step 'rls-server' cargo build --locked --manifest-path "$manifest" --target-dir target/rls-server
fi

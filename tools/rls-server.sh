#!/usr/bin/env bash
# Builds the rate-limit service of the tests, Limitador's library behind gRPC.
#   tools/rls-server.sh          counting in its memory: target/rls-server
#   tools/rls-server.sh redis    counting in Redis, too: target/rls-server-redis
source "$(dirname "$0")/lib.sh"

manifest=tests/rls-server/Cargo.toml
if [[ ${1:-} == redis ]]; then
  # Limitador compiles its storage in Redis only together with that on disk. Debian's RocksDB is linked in place of the ten
  # minutes that compiling it takes; nothing of it is called.
  root=$(realpath .tools/redis)
  libraries=$root/usr/lib/$(gcc -dumpmachine)
  step 'rls-server with Redis' env ROCKSDB_LIB_DIR="$libraries" RUSTFLAGS="-Clink-arg=-Wl,--allow-shlib-undefined" \
    LIBCLANG_PATH="$(dirname "$(find "$root" /usr/lib -name 'libclang*.so*' 2>/dev/null | head -n 1)")" \
    cargo build --locked --manifest-path "$manifest" --features redis --target-dir target/rls-server-redis
else
  step 'rls-server' cargo build --locked --manifest-path "$manifest" --target-dir target/rls-server
fi

#!/usr/bin/env bash
# Runs the tests that count in a Redis: starts one, with a socket of its own, and stops it.
source "$(dirname "$0")/lib.sh"

tools/rls-server.sh redis
folder=$(mktemp -d)
# Nothing is kept on disk, and no port is taken.
.tools/redis-server/bin/redis-server --port 0 --unixsocket "$folder/redis.sock" --dir "$folder" --save '' --appendonly no >build/log/redis.log 2>&1 &
redis=$!
trap 'kill "$redis" 2>/dev/null; wait "$redis" || true; rm -rf "$folder"' EXIT
for ((tries = 0; tries < 100; tries++)); do
  if [[ -S $folder/redis.sock ]]; then break; fi
  kill -0 "$redis" 2>/dev/null || break
  sleep 0.1
done
[[ -S $folder/redis.sock ]] || fail 'redis-server does not start; it said so in build/log/redis.log'

export REDIS_URL=redis+unix://$folder/redis.sock
run_ignored rls::redis::

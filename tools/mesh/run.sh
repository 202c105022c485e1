#!/usr/bin/env bash
# Starts a mesh with a manifest of deploy/MESH, and codex-sim as its upstream, and runs tests/e2e/mesh.rs.
# tools/test-mesh.sh calls it in a network namespace of its own, which ends all that it starts.
#   tools/mesh/run.sh MESH FILE    deploy/MESH/FILE.yaml
source "$(dirname "$0")/../lib.sh"

mesh=$1 file=$2
run=$PWD/build/mesh/$mesh/$file
rm -rf "$run"
mkdir -p "$run"/{manifests,upstream}
ip link set lo up

# in_manifest FROM TO [FILE]: replaces a text that must be there.
in_manifest() {
  local text file=${3:-$manifest}
  text=$(<"$file")
  [[ $text == *"$1"* ]] || fail "$file has no '$1'"
  printf '%s\n' "${text//"$1"/"$2"}" >"$file"
}

# wait_for WHAT LOG COMMAND…: until the command succeeds.
wait_for() {
  local what=$1 log=$2 tries
  shift 2
  for ((tries = 0; tries < 600; tries++)); do
    if "$@" >/dev/null 2>&1; then return; fi
    sleep 0.1
  done
  tail -n 60 "$log" >&2
  fail "$what does not start; it said so in $log"
}

listens() { curl -s -o "$run/answer" "$1"; }

# chatgpt.com: codex-sim with TLS and HTTP/2.
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=chatgpt.com \
  -addext subjectAltName=DNS:chatgpt.com -keyout "$run/chatgpt.com.key" -out "$run/chatgpt.com.crt" 2>"$run/openssl.log"
target/tools/codex-sim --listen 127.0.0.1:10001 >"$run/codex-sim.log" 2>&1 &
sed "s|FOLDER|$run|" tools/mesh/upstream.yaml >"$run/upstream.yaml"
"$ENVOY" -c "$run/upstream.yaml" --log-level warning --use-dynamic-base-id >"$run/upstream.log" 2>&1 &
wait_for 'the upstream' "$run/upstream.log" curl -sf --http2 --cacert "$run/chatgpt.com.crt" --connect-to chatgpt.com:443:127.0.0.1:443 https://chatgpt.com/healthz

# The Secret of the upstream's credential, as its volume shows it.
for secret in access-token account-id; do
  printf '%s\n' 'resources:' '  - "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret' \
    "    name: codex-$secret" "    generic_secret: { secret: { inline_string: the-$secret } }" >"$run/upstream/$secret.yaml"
done

# What differs from a cluster: where the files are, and where chatgpt.com is.
manifest=$run/manifests/imagegate.yaml
cp "deploy/$mesh/$file.yaml" "$manifest"
case $file in
  # The mesh pulls the module's image: see start.sh.
  extension-policy) ;;
  *) in_manifest /etc/imagegate/module/plugin.wasm "$PWD/build/imagegate.wasm" ;;
esac
in_manifest /etc/imagegate/upstream "$run/upstream"
in_manifest /etc/ssl/certs/ca-certificates.crt "$run/chatgpt.com.crt"
in_manifest 'socket_address: { address: chatgpt.com,' 'socket_address: { address: 127.0.0.1,'

export MESH_LOG=$run/mesh.log MESH_ADMIN=$run/admin MESH_PORT=80
# shellcheck source=tools/mesh/envoy-gateway/start.sh
source "tools/mesh/$mesh/start.sh"
wait_for "$mesh" "$MESH_LOG" listens "http://127.0.0.1:$MESH_PORT"
is_sound || fail "$mesh did not take the manifests as they are; it said so in $MESH_LOG"
cargo test --offline --test e2e -- --ignored mesh::

# The limits of the mesh, counted by envoyproxy/ratelimit in a Redis, while Envoy goes on. They are
# written for imagegate.yaml.
[[ $file == imagegate ]] || exit 0
if ! [[ -x .tools/ratelimit/bin/ratelimit && -x .tools/redis-server/bin/redis-server ]]; then
  say "SKIPPED: tests/e2e/mesh_limits.rs has not run in $mesh, because there is no Redis or no envoyproxy/ratelimit."
  exit 0
fi
.tools/redis-server/bin/redis-server --bind 127.0.0.1 --port 6379 --dir "$run" --save '' --appendonly no >"$run/redis.log" 2>&1 &
# A volume of a ConfigMap: each file is a link into a folder that is replaced.
mkdir -p "$run/limits/imagegate/config/..version"
awk '/^  imagegate.yaml: \|/ { on = 1; next } on && !/^    / { exit } on' deploy/ratelimit.yaml >"$run/limits/imagegate/config/..version/imagegate.yaml"
ln -s ..version "$run/limits/imagegate/config/..data"
ln -s ..data/imagegate.yaml "$run/limits/imagegate/config/imagegate.yaml"
# The variables of the Deployment, and loopback addresses. Envoy Gateway has 8081 already.
mapfile -t variables < <(sed -n 's/^ *- { name: \([A-Z_]*\), value: "\{0,1\}\([^"]*\)"\{0,1\} }$/\1=\2/p' deploy/ratelimit.yaml)
env -i "${variables[@]}" RUNTIME_ROOT="$run/limits" REDIS_URL=127.0.0.1:6379 HOST=127.0.0.1 GRPC_HOST=127.0.0.1 GRPC_PORT=8091 \
  DEBUG_HOST=127.0.0.1 DEBUG_PORT=0 .tools/ratelimit/bin/ratelimit >"$run/ratelimit.log" 2>&1 &
wait_for 'ratelimit' "$run/ratelimit.log" curl -sf http://127.0.0.1:8080/healthcheck
limits=$run/limits.yaml
cp "deploy/$mesh/limits.yaml" "$limits"
in_manifest 'address: ratelimit.imagegate.svc.cluster.local, port_value: 8081' 'address: 127.0.0.1, port_value: 8091' "$limits"
# A machine that runs tests may take longer than 50 ms.
in_manifest 'timeout: 50ms' 'timeout: 5s' "$limits"
apply_limits
cargo test --offline --test e2e -- --ignored mesh_limits::
is_sound || fail "$mesh did not take the limits as they are; it said so in $MESH_LOG"

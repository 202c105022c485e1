# extension-policy.yaml: Envoy Gateway pulls the module's image from a registry of this machine,
# and its Envoy fetches the module from Envoy Gateway. tools/mesh/envoy-gateway/start.sh sources it.
# shellcheck shell=bash disable=SC2154,SC2034

registry=127.0.0.1:5000
certificates=$home/config/certs
in_manifest registry.example.com/imagegate:0.2.0 "$registry/imagegate:0.2.0"
digest=$(tools/oci-image.py build/imagegate.wasm "$run/image" 0.2.0 0)
.tools/crane/bin/crane registry serve --address "$registry" >"$run/registry.log" 2>&1 &
wait_for 'the registry' "$run/registry.log" curl -sf "http://$registry/v2/"
.tools/crane/bin/crane push --insecure "$run/image" "$registry/imagegate:0.2.0" >"$run/push.log" 2>&1

# More that differs from a cluster: where Envoy Gateway is, and its certificate authority. It
# makes a new one for the certificate of its proxies, which its own server of modules does not trust.
cat >"$run/where.yaml" <<YAML
apiVersion: v1
kind: Secret
metadata: { namespace: envoy-gateway-system, name: envoy }
type: kubernetes.io/tls
data:
  ca.crt: $(base64 -w0 "$certificates/envoy/ca.crt")
  tls.crt: $(base64 -w0 "$certificates/envoy/tls.crt")
  tls.key: $(base64 -w0 "$certificates/envoy/tls.key")
---
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: EnvoyPatchPolicy
metadata: { namespace: imagegate, name: where-envoy-gateway-is }
spec:
  targetRef: { group: gateway.networking.k8s.io, kind: Gateway, name: gate }
  type: JSONPatch
  priority: 1
  jsonPatches:
    - type: type.googleapis.com/envoy.config.cluster.v3.Cluster
      name: wasm_cluster
      operation:
        op: replace
        path: /load_assignment/endpoints/0/lb_endpoints/0/endpoint/address/socket_address/address
        value: 127.0.0.1
    - type: type.googleapis.com/envoy.config.cluster.v3.Cluster
      name: wasm_cluster
      operation:
        op: replace
        path: /transport_socket/typed_config/common_tls_context/validation_context/trusted_ca/filename
        value: $certificates/envoy-gateway/ca.crt
YAML

# The manifest goes into the folder that Envoy Gateway watches when its server of modules runs.
mv "$manifest" "$run/manifest.yaml"
manifest=$run/manifest.yaml
serves_modules() { (exec 3<>/dev/tcp/127.0.0.1/18002); }
apply() {
  cp "$1" "$run/manifests/.new"
  mv "$run/manifests/.new" "$run/manifests/$(basename "$1")"
}
in_log() { grep -qF "$1" "$MESH_LOG"; }
# answers STATUS KEY: to a request with this key.
answers() {
  local status
  status=$(curl -s -o "$run/answer" -w '%{http_code}' -H 'host: images.example.com' -H "authorization: Bearer $2" \
    --json '{"prompt":"a gate without its filter","model":"gpt-image-2"}' "http://127.0.0.1:$MESH_PORT/v1/images/generations")
  [[ $status == "$1" ]]
}
# A listener has the module of the image, by the digest that Envoy checks it by.
has_module() {
  local sha256
  sha256=$(sha256sum build/imagegate.wasm | cut -d' ' -f1)
  curl -s "http://$(<"$MESH_ADMIN")/config_dump?resource=dynamic_listeners" >"$run/listeners.json"
  grep -qF "$sha256" "$run/listeners.json"
}

# First with the digest of the manifest, which is that of no image.
apply_with_image() {
  wait_for 'the server of modules' "$MESH_LOG" serves_modules
  apply "$run/where.yaml"
  apply "$manifest"
  wait_for 'the check of the digest' "$MESH_LOG" in_log "has checksum ${digest#sha256:}, which does not match: 0000"
  wait_for 'Envoy of Envoy Gateway' "$MESH_LOG" admin_of_envoy
  # Without the filter no route leads anywhere, with a key neither.
  wait_for 'Envoy without the module' "$MESH_LOG" answers 404 sk-imagegate-demo
  ! has_module || fail 'Envoy has the module of an image with another digest'
  curl -s http://127.0.0.1:10001/stats >"$run/stats.json"
  ! grep -qF 'a gate without its filter' "$run/stats.json" || fail 'a request reached the upstream without the filter'
  since=$(wc -l <"$MESH_LOG")
  in_manifest "$(printf '0%.0s' {1..64})" "${digest#sha256:}"
  apply "$manifest"
  # Once it has fetched the module, the listener takes the place of the first one.
  wait_for 'Envoy with the module' "$MESH_LOG" answers 401 another-key
  has_module || fail 'the filter has another module than that of the image'
}

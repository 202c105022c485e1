# Starts Istio without Kubernetes: pilot-discovery reads the manifests from a folder, and
# pilot-agent starts Envoy as in the gateway's pod. tools/mesh/run.sh sources it.
# shellcheck shell=bash disable=SC2154

program=$PWD/.tools/istio/bin/istio

# What the injector puts into the pod. The agent's paths are relative to the working directory,
# which is / there: the labels and the metrics' ConfigMap of the manifest, and Istio's own template
# of the bootstrap, which the image of the proxy contains.
pod=$run/pod
mkdir -p "$pod"/etc/istio/{pod,proxy,custom-bootstrap} "$pod"/var/lib/istio/envoy
printf 'istio="imagegate"\n' >"$pod/etc/istio/pod/labels"
bootstrap=$pod/etc/istio/custom-bootstrap/custom_bootstrap.json
awk '/^  custom_bootstrap.json: \|/ { on = 1; next } on && !/^    / { exit } on' "$manifest" >"$bootstrap"
source_of_istio=$(tools/go-program.sh tools/mesh/istio --files-of istio.io/istio)
cp "$source_of_istio/tools/packaging/common/envoy_bootstrap.json" \
  "$pod/var/lib/istio/envoy/envoy_bootstrap_tmpl.json"

# Only Istio's own build of Envoy has the filters for metadata exchange and ALPN.
control=(
  POD_NAMESPACE=istio-system ENABLE_CA_SERVER=false PILOT_CERT_PROVIDER=none
  PILOT_ENABLE_METADATA_EXCHANGE=false PILOT_ENABLE_ALPN_FILTER=false
)
env -C "$run" "${control[@]}" "$program" pilot-discovery "$run/manifests" >"$run/pilot-discovery.log" 2>&1 &
wait_for 'pilot-discovery' "$run/pilot-discovery.log" curl -sf http://127.0.0.1:15080/ready

# Without a certificate authority: neither the gateway nor its upstream is part of the mesh's TLS.
agent=(
  POD_NAME=imagegate POD_NAMESPACE=imagegate INSTANCE_IP=127.0.0.1 ISTIO_META_CLUSTER_ID=Kubernetes
  CLOUD_PLATFORM=none FILE_MOUNTED_CERTS=true PEER_METADATA_DISCOVERY=false
  ISTIO_BOOTSTRAP_OVERRIDE="$bootstrap"
  PROXY_CONFIG="{discoveryAddress: 127.0.0.1:15010, controlPlaneAuthPolicy: NONE, binaryPath: $ENVOY}"
)
env -C "$pod" "${agent[@]}" "$program" pilot-agent proxy router --domain imagegate.svc.cluster.local >"$MESH_LOG" 2>&1 &
printf '127.0.0.1:15000\n' >"$MESH_ADMIN"

# Whether Istio accepts all manifests without a warning, and Envoy has taken all that came of them.
is_sound() {
  "$program" validate "$run/manifests" || return 1
  ! grep -E 'ACK ERROR|Failed to parse|failed to build envoy filter value|did not take effect' "$run/pilot-discovery.log"
}

# Adds the limits in $limits to what runs: as the comments there say, their keys are in the
# configuration of the filter.
apply_limits() {
  local changed=$run/changed.yaml keys
  keys=$(awk '/^#     engine:/ { on = 1 } on && !/^#     / { exit } on { print substr($0, 7) }' "$limits")
  [[ $keys == *limits:* ]] || fail "$limits does not say what to write into the configuration"
  keys=$keys awk '{ print } $0 == "                    - { id: acme }" {
    count = split(ENVIRON["keys"], lines, "\n")
    for (i = 1; i <= count; i++) print "                  " lines[i]
  }' "$manifest" >"$changed"
  mv "$limits" "$run/manifests/"
  mv "$changed" "$manifest"
}

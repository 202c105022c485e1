# Starts Envoy Gateway without Kubernetes: it reads the manifests from a folder, and starts Envoy
# itself. tools/mesh/run.sh sources it.
# shellcheck shell=bash disable=SC2154

program=.tools/envoy-gateway/bin/envoy-gateway
home=$run/home
cat >"$run/envoy-gateway.yaml" <<YAML
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: EnvoyGateway
gateway: { controllerName: gateway.envoyproxy.io/gatewayclass-controller }
provider:
  type: Custom
  custom:
    resource: { type: File, file: { paths: [$run/manifests] } }
    infrastructure:
      type: Host
      host: { configHome: $home/config, dataHome: $home/data, stateHome: $home/state, runtimeDir: $home/run }
logging: { level: { default: info } }
extensionApis: { enableBackend: true, enableEnvoyPatchPolicy: true }
YAML
"$program" certgen --local --config-home "$home/config" >"$run/certgen.log" 2>&1
"$program" server --config-path "$run/envoy-gateway.yaml" >"$MESH_LOG" 2>&1 &
# func-e, which Envoy Gateway starts Envoy with, writes the address of its admin interface there.
admin_of_envoy() { cat "$home"/run/*/admin-address.txt >"$MESH_ADMIN"; }
wait_for 'Envoy of Envoy Gateway' "$MESH_LOG" admin_of_envoy

# Whether each patch has found its place, and Envoy has taken all that came of it.
is_sound() {
  grep -qF 'Patches have been successfully applied.' "$MESH_LOG" || return 1
  ! grep -qE 'reason: (Invalid|ResourceNotFound)|rejected the last update' "$MESH_LOG"
}

# Adds the limits in $limits to what runs.
apply_limits() { mv "$limits" "$run/manifests/"; }

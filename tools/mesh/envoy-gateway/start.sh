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
case $file in
  extension-policy)
    # shellcheck source=tools/mesh/envoy-gateway/image.sh
    source tools/mesh/envoy-gateway/image.sh
    ;;
esac
# It keeps the modules that it pulls in its home.
HOME=$home "$program" server --config-path "$run/envoy-gateway.yaml" >"$MESH_LOG" 2>&1 &
# func-e, which Envoy Gateway starts Envoy with, writes the address of its admin interface there.
admin_of_envoy() { cat "$home"/run/*/admin-address.txt >"$MESH_ADMIN"; }
# The first line of the log that counts.
since=1

# Whether each patch has found its place, and Envoy has taken all that came of it.
is_sound() {
  tail -n +"$since" "$MESH_LOG" >"$run/since.log"
  # The status of a policy that has not changed is not written again.
  awk '/Got new status for/ { applied = 0 }
    /message: Patches have been successfully applied/ { applied = 1 }
    applied && /"key": "imagegate\/imagegate"/ { found = 1 }
    END { exit !found }' "$run/since.log" || return 1
  ! grep -qE 'reason: (Invalid|ResourceNotFound)|rejected the last update' "$run/since.log"
}

# Adds the limits in $limits to what runs.
apply_limits() { mv "$limits" "$run/manifests/"; }

case $file in
  extension-policy) apply_with_image ;;
esac
wait_for 'Envoy of Envoy Gateway' "$MESH_LOG" admin_of_envoy

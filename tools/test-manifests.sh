#!/usr/bin/env bash
# Holds the resources of the meshes in deploy/, and those that the Helm chart renders to, against the
# schemas of the meshes' own versions. The kinds of Kubernetes itself are not checked.
source "$(dirname "$0")/lib.sh"

skip() {
  say ''
  say "SKIPPED: the manifests were not held against their schemas, because $1."
  say 'It needs Go, or python3 for its wheel, and the Go module proxy.'
  say ''
  say '0 passed, 0 failed'
  exit 0
}

# built COMMAND…: its output. Ends the script if what it needs cannot be had.
built() {
  local status=0
  "$@" || status=$?
  if ((status == 3)); then skip 'kubeconform or a mesh cannot be had here' >&2; fi
  return "$status"
}

schemas=build/schemas
built tools/go-program.sh tools/kubeconform github.com/yannh/kubeconform/cmd/kubeconform
envoy_gateway=$(built tools/go-program.sh tools/mesh/envoy-gateway --files-of github.com/envoyproxy/gateway)
istio=$(built tools/go-program.sh tools/mesh/istio --files-of istio.io/istio)
rm -rf "$schemas"
.tools/manifests/bin/python tools/crd-schemas.py "$schemas" \
  "$envoy_gateway"/charts/gateway-helm/charts/crds/crds/{generated/*.yaml,gatewayapi-crds.yaml} \
  "$istio/manifests/charts/base/files/crd-all.gen.yaml"

kubeconform() {
  # PrometheusRule is not in a mesh; promtool reads the same rules.
  .tools/kubeconform/bin/kubeconform -strict -verbose -output json -schema-location "$schemas/{{.Group}}/{{.ResourceKind}}_{{.ResourceAPIVersion}}.json" \
    -skip Namespace,ConfigMap,Secret,Service,Deployment,PrometheusRule "$@"
}

log=build/log/test-manifests.json
mkdir -p build/log
status=0
kubeconform deploy/envoy-gateway deploy/istio deploy/ratelimit.yaml deploy/prometheus/prometheusrule.yaml cli/tests/helm/*/manifests.yaml >"$log" || status=$?
# One line for each resource that does not fit. A kind without a schema is an error.
python3 - "$log" <<'P' || status=1
import json, sys
resources = json.load(open(sys.argv[1]))["resources"]
bad = [it for it in resources if it["status"] not in ("statusValid", "statusSkipped")]
for it in bad:
    print(f"FAULT {it['filename']} {it['kind']} {it['name']}: {it['msg']}")
valid = sum(it["status"] == "statusValid" for it in resources)
print(f"\n{valid} passed, {len(bad)} failed")
sys.exit(bool(bad) or valid < 10)
P
exit "$status"

#!/usr/bin/env bash
# Holds each resource of deploy/, and those that the Helm chart renders to, against the schemas of its
# kind: those of Kubernetes, of the meshes and of the Prometheus operator. A kind without a schema is
# a failure.
source "$(dirname "$0")/lib.sh"

# The oldest that deploy/ names (volumes of an image), and the newest.
kubernetes=(1.33 1.37)

# ended STATUS: ends the script, since go-program.sh ended with this status.
ended() {
  (($1 == 3)) || exit "$1"
  say ''
  say 'SKIPPED: the manifests were not held against their schemas: kubeconform or a schema cannot be had.'
  say 'It needs Go, or python3 for its wheel, and the Go module proxy.'
  say ''
  say '0 passed, 0 failed'
  exit 0
}

schemas=build/schemas
tools/go-program.sh tools/kubeconform github.com/yannh/kubeconform/cmd/kubeconform || ended $?
envoy_gateway=$(tools/go-program.sh tools/mesh/envoy-gateway --files-of github.com/envoyproxy/gateway) || ended $?
istio=$(tools/go-program.sh tools/mesh/istio --files-of istio.io/istio) || ended $?
operator=$(tools/go-program.sh tools/prometheus-operator --files-of github.com/prometheus-operator/prometheus-operator) || ended $?
rm -rf "$schemas"
.tools/manifests/bin/python tools/manifest-schemas.py "$schemas" "$(IFS=,; printf '%s' "${kubernetes[*]}")" \
  "$envoy_gateway"/charts/gateway-helm/charts/crds/crds/{generated/*.yaml,gatewayapi-crds.yaml} \
  "$istio/manifests/charts/base/files/crd-all.gen.yaml" \
  "$operator/example/prometheus-operator-crd/monitoring.coreos.com_prometheusrules.yaml"

mkdir -p build/log
log=build/log/test-manifests
status=0
for version in "${kubernetes[@]}"; do
  file='{{.Group}}/{{.ResourceKind}}_{{.ResourceAPIVersion}}.json'
  options=(-strict -verbose -output json -schema-location "$schemas/custom/$file" -schema-location "$schemas/$version/$file")
  # Their status says only that a resource does not fit.
  .tools/kubeconform/bin/kubeconform "${options[@]}" deploy/envoy-gateway deploy/istio deploy/ratelimit.yaml \
    deploy/prometheus/prometheusrule.yaml cli/tests/helm/*/manifests.yaml >"$log-$version.json" || true
  .tools/kubeconform/bin/kubeconform "${options[@]}" tests/fixtures/manifests/wrong.yaml >"$log-$version-wrong.json" || true
done
.tools/manifests/bin/python - "$log" "${kubernetes[@]}" <<'P' || status=1
import json, sys
from collections import Counter

import yaml

passed = failed = 0
kinds = Counter()


def report(file):
    return json.load(open(file))["resources"]


def expect(is_right, fault):
    global passed, failed
    passed += is_right
    failed += not is_right
    if not is_right:
        print("FAULT", fault)


log, *versions = sys.argv[1:]
wrong = list(yaml.safe_load_all(open("tests/fixtures/manifests/wrong.yaml")))
for version in versions:
    for it in report(f"{log}-{version}.json"):
        kinds[it["kind"]] += 1
        # A kind without a schema is an error, and none is skipped.
        fault = f"Kubernetes {version}: {it['filename']} {it['kind']} {it['name']}: {it['status']} {it['msg']}"
        expect(it["status"] == "statusValid", fault)
    found = {it["name"]: it["msg"] for it in report(f"{log}-{version}-wrong.json")}
    for it in wrong:
        name, expected = it["metadata"]["name"], it["metadata"]["annotations"]["expected"]
        message = found.get(name, "no report")
        expect(expected in message, f"Kubernetes {version}: {name} in wrong.yaml: {expected!r} is not in {message!r}")
print(", ".join(f"{kind} {count // len(versions)}" for kind, count in sorted(kinds.items())))
print(f"\n{passed} passed, {failed} failed")
sys.exit(bool(failed) or len(kinds) < 10 or len(wrong) < 10)
P
exit "$status"

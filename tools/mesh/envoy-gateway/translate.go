package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	egv1a1 "github.com/envoyproxy/gateway/api/v1alpha1"
	"github.com/envoyproxy/gateway/api/v1alpha1/validation"
	"github.com/envoyproxy/gateway/internal/gatewayapi"
	"github.com/envoyproxy/gateway/internal/gatewayapi/resource"
	"github.com/envoyproxy/gateway/internal/logging"
	"github.com/envoyproxy/gateway/internal/xds/bootstrap"
	"github.com/envoyproxy/gateway/internal/xds/translator"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	gwapiv1 "sigs.k8s.io/gateway-api/apis/v1"
)

// Translates a file as Envoy Gateway does when it runs: holds each resource against its CRD, with the
// rules in CEL, and makes Envoy's configuration of them. Prints the condition of each resource, and
// the parts of Envoy's configuration that the manifests and their patches name. Returns an error if
// a condition is not True. `egctl experimental translate` does the same by the same packages, but
// does not return the condition that says whether a patch has found its place.
func translate() error {
	text, err := os.ReadFile(os.Args[2])
	if err != nil {
		return err
	}
	resources, err := resource.LoadResourcesFromYAMLBytes(append(text, certificate...), false, nil)
	if err != nil {
		return err
	}
	if resources.GatewayClass == nil || resources.EnvoyProxyForGatewayClass == nil {
		return errors.New("the file has no GatewayClass, or no EnvoyProxy for it")
	}
	proxy := resources.EnvoyProxyForGatewayClass
	if err := errors.Join(validation.ValidateEnvoyProxy(proxy), bootstrap.Validate(proxy.Spec.Bootstrap)); err != nil {
		return err
	}
	logger := logging.DefaultLogger(io.Discard, egv1a1.LogLevelInfo)
	ctx := context.Background()
	gateways := &gatewayapi.Translator{
		GatewayControllerName:   string(resources.GatewayClass.Spec.ControllerName),
		GatewayClassName:        gwapiv1.ObjectName(resources.GatewayClass.Name),
		ControllerNamespace:     "envoy-gateway-system",
		EndpointRoutingDisabled: true,
		EnvoyPatchPolicyEnabled: true,
		BackendEnabled:          true,
		Logger:                  logger,
	}
	result, err := gateways.Translate(ctx, resources)
	if err != nil {
		return err
	}
	report := report{}
	// Envoy Gateway leaves out what belongs to no Gateway, without a condition.
	report.all("HTTPRoute", len(resources.HTTPRoutes), len(result.HTTPRoutes))
	report.all("ClientTrafficPolicy", len(resources.ClientTrafficPolicies), len(result.ClientTrafficPolicies))
	patches := 0
	report.statuses(result.Gateways, result.HTTPRoutes, result.Backends, result.ClientTrafficPolicies, result.EnvoyProxyForGatewayClass)
	for _, name := range sortedKeys(result.XdsIR) {
		proxies := &translator.Translator{FilterOrder: proxy.Spec.FilterOrder, Logger: logger}
		// Its errors are in the conditions.
		xds, err := proxies.Translate(ctx, result.XdsIR[name])
		if xds == nil {
			return err
		}
		patches += len(xds.EnvoyPatchPolicyStatuses)
		for _, policy := range xds.EnvoyPatchPolicyStatuses {
			report.status("EnvoyPatchPolicy", policy.Namespace+"/"+policy.Name, policy.Status)
		}
		for _, kind := range sortedKeys(xds.XdsResources) {
			for _, it := range xds.XdsResources[kind] {
				report.resource(kind[strings.LastIndex(kind, ".")+1:], it)
			}
		}
	}
	report.all("EnvoyPatchPolicy", len(resources.EnvoyPatchPolicies), patches)
	slices.Sort(report.conditions)
	slices.Sort(report.resources)
	fmt.Print(strings.Join(report.conditions, ""), strings.Join(report.resources, ""))
	return report.fault
}

// What Envoy Gateway makes for its proxies when it is installed. Without it there is no translation.
const certificate = `
---
apiVersion: v1
kind: Secret
metadata: { namespace: envoy-gateway-system, name: envoy }
type: kubernetes.io/tls
data: { tls.crt: "", tls.key: "" }
`

// report is what is printed.
type report struct {
	conditions, resources []string
	fault                 error
}

// all is whether each resource of this kind has been translated.
func (r *report) all(kind string, there, translated int) {
	if there != translated {
		r.fault = errors.Join(r.fault, fmt.Errorf("%s: there are %d, and %d belong to a Gateway", kind, there, translated))
	}
}

// statuses adds the conditions of all objects in these lists.
func (r *report) statuses(lists ...any) {
	for _, list := range lists {
		var objects []any
		switch it := parsed(json.Marshal(list)).(type) {
		case nil:
		case []any:
			objects = it
		default:
			objects = []any{it}
		}
		for _, it := range objects {
			object := it.(map[string]any)
			metadata := object["metadata"].(map[string]any)
			r.status(fmt.Sprint(object["kind"]), fmt.Sprint(metadata["namespace"], "/", metadata["name"]), object["status"])
		}
	}
}

// status adds the conditions in the status of one object.
func (r *report) status(kind, name string, status any) {
	found := false
	walk(parsed(json.Marshal(status)), func(object map[string]any) {
		conditions, _ := object["conditions"].([]any)
		for _, it := range conditions {
			condition := it.(map[string]any)
			found = true
			line := fmt.Sprintf("%s %s: %s=%s", kind, name, condition["type"], condition["status"])
			if condition["status"] != "True" {
				line += fmt.Sprintf(", %s: %s", condition["reason"], condition["message"])
				r.fault = errors.Join(r.fault, errors.New(line))
			}
			r.conditions = append(r.conditions, line+"\n")
		}
	})
	if !found {
		r.fault = errors.Join(r.fault, fmt.Errorf("%s %s has no conditions", kind, name))
	}
}

// resource adds the name of a resource of Envoy, and what it has of filters and routes.
func (r *report) resource(kind string, it proto.Message) {
	text := ""
	tree := parsed(protojson.MarshalOptions{UseProtoNames: true}.Marshal(it)).(map[string]any)
	walk(tree, func(object map[string]any) {
		for _, list := range []string{"http_filters", "virtual_hosts", "routes"} {
			items, _ := object[list].([]any)
			for _, it := range items {
				text += "  " + strings.TrimSuffix(list, "s") + " " + summary(it.(map[string]any)) + "\n"
			}
		}
	})
	name := tree["name"]
	if name == nil {
		name = tree["cluster_name"]
	}
	r.resources = append(r.resources, fmt.Sprintf("%s %s\n%s", kind, name, text))
}

// summary is the name of a filter or a virtual host, or what a route matches and where it leads.
func summary(it map[string]any) string {
	shown := map[string]any{}
	for _, name := range []string{"name", "disabled", "domains", "request_body_buffer_limit", "match", "typed_per_filter_config"} {
		if it[name] != nil {
			shown[name] = it[name]
		}
	}
	if route, _ := it["route"].(map[string]any); route != nil {
		shown["cluster"] = route["cluster"]
	}
	text, _ := json.Marshal(shown)
	return string(text)
}

// walk calls visit for each object of a tree, the outer ones first, in the order of their names.
func walk(tree any, visit func(map[string]any)) {
	switch it := tree.(type) {
	case []any:
		for _, item := range it {
			walk(item, visit)
		}
	case map[string]any:
		visit(it)
		for _, name := range sortedKeys(it) {
			walk(it[name], visit)
		}
	}
}

// parsed is JSON as a tree.
func parsed(text []byte, err error) any {
	var tree any
	if err = errors.Join(err, json.Unmarshal(text, &tree)); err != nil {
		fail(err.Error())
	}
	return tree
}

func sortedKeys[V any](of map[string]V) []string {
	var keys []string
	for key := range of {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

//! Resources of meshes that cannot run the filter with any settings.

use std::ops::Range;

use super::super::finding::Finding;
use super::super::tree::Node;
use super::super::words;
use super::place_of;

/// A kind of resource, and the setting that it lacks.
struct Api {
    kind: &'static str,
    of: &'static str,
    cannot: &'static str,
    instead: &'static str,
    /// The field that opens the gate, and its value.
    open: (&'static str, &'static str),
}

/// Looks at the resource of a mesh; `owner` is its part for the plugin.
pub(super) fn check(
    resource: &Node,
    owner: &Node,
    variables: &[(String, Range<usize>)],
    findings: &mut Vec<Finding>,
) {
    let kind = resource.get("kind").and_then(Node::text);
    let Some(api) = APIS.iter().find(|api| kind == Some(api.kind)) else { return };
    let place = resource.get("kind").map_or(0..0, |kind| kind.span.clone());
    findings.push(
        Finding::error(format!("{} {} cannot run imagegate", api.of, api.kind), place)
            .why(format!(
                "it cannot set {}, and without `allow_on_headers_stop_iteration: true` every \
                 request is answered 500",
                api.cannot
            ))
            .help(api.instead),
    );
    let (field, value) = api.open;
    let written = owner.get(field);
    if written.is_some_and(|it| it.is_true() || it.text() == Some(value)) {
        findings.push(
            Finding::error(format!("`{field}: {value}` opens the gate"), place_of(owner, field))
                .why("after a crash of the VM requests pass the filter, and nobody asks for a key"),
        );
    }
    for (name, span) in variables.iter().filter(|(name, _)| !passes(owner, name)) {
        let title =
            format!("the environment variable {} is not passed into the VM", words::named(name));
        let why = "the filter refuses the configuration without it";
        findings.push(Finding::error(title, span.clone()).why(why));
    }
}

/// Whether the variable is in `vmConfig.env` (Istio) or `env.hostKeys` (Envoy Gateway).
fn passes(owner: &Node, variable: &str) -> bool {
    let istio = owner.at(&["vmConfig", "env"]).map(Node::items).unwrap_or_default();
    let gateway = owner.at(&["env", "hostKeys"]).map(Node::items).unwrap_or_default();
    istio.iter().any(|it| it.get("name").and_then(Node::text) == Some(variable))
        || gateway.iter().any(|it| it.text() == Some(variable))
}

const ENVOY_FILTER: &str = "use an EnvoyFilter that adds the HTTP filter \
                            envoy.extensions.filters.http.wasm.v3.Wasm with all of its keys";

const APIS: [Api; 3] = [
    Api {
        kind: "WasmPlugin",
        of: "Istio's",
        cannot: "`allow_on_headers_stop_iteration`",
        instead: ENVOY_FILTER,
        open: ("failStrategy", "FAIL_OPEN"),
    },
    Api {
        kind: "TrafficExtension",
        of: "Istio's",
        cannot: "`allow_on_headers_stop_iteration`",
        instead: ENVOY_FILTER,
        open: ("failStrategy", "FAIL_OPEN"),
    },
    Api {
        kind: "EnvoyExtensionPolicy",
        of: "Envoy Gateway's",
        cannot: "`allow_on_headers_stop_iteration` and `failure_policy`",
        instead: "use an EnvoyPatchPolicy that adds the HTTP filter \
                  envoy.extensions.filters.http.wasm.v3.Wasm with all of its keys",
        open: ("failOpen", "true"),
    },
];

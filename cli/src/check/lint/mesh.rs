//! Resources of meshes that cannot run the filter with any settings.

use std::ops::Range;

use super::super::find;
use super::super::finding::Finding;
use super::super::policy::{self, EXTENSION_POLICY, Filter, Search};
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

/// Looks at the resource of a mesh; `owner` is its part for the plugin. What the resource cannot
/// set may be patched into Envoy Gateway's filter, by one of `searches`.
pub(super) fn check(
    resource: &Node,
    owner: &Node,
    variables: &[(String, Range<usize>)],
    searches: &[Search<'_>],
    findings: &mut Vec<Finding>,
) {
    let kind = resource.get("kind").and_then(Node::text);
    let Some(api) = APIS.iter().find(|api| kind == Some(api.kind)) else { return };
    let place = resource.get("kind").map_or(0..0, |kind| kind.span.clone());
    let filter = filter_of(resource, owner);
    let own = |it: &&Search<'_>| filter.as_ref().is_some_and(|own| it.finds(own));
    let own: Vec<_> = searches.iter().filter(own).collect();
    check_settings(api, filter.as_ref(), &own, place, findings);
    if api.kind == EXTENSION_POLICY {
        check_targets(resource, findings);
    }
    let (field, value) = api.open;
    let written = owner.get(field);
    if written.is_some_and(|it| it.is_true() || it.text() == Some(value)) {
        findings.push(
            Finding::error(format!("`{field}: {value}` opens the gate"), place_of(owner, field))
                .why(OPENS),
        );
    }
    check_variables(owner, variables, &own, findings);
}

/// What the resource cannot set has to be in a patch that finds its filter, one of `own`.
fn check_settings(
    api: &Api,
    filter: Option<&Filter<'_>>,
    own: &[&Search<'_>],
    place: Range<usize>,
    findings: &mut Vec<Finding>,
) {
    let sets =
        |field: &str, is: fn(&Node) -> bool| own.iter().any(|it| it.sets(field).is_some_and(is));
    if !sets("allow_on_headers_stop_iteration", Node::is_true) {
        findings.push(
            Finding::error(format!("{} {} cannot run imagegate", api.of, api.kind), place)
                .why(format!(
                    "it cannot set {}, and without `allow_on_headers_stop_iteration: true` every \
                     request is answered 500",
                    api.cannot
                ))
                .help(match filter {
                    Some(filter) => format!("{}: {}", api.instead, filter.name),
                    None => api.instead.to_owned(),
                }),
        );
    } else if !sets("failure_policy", |it| it.text() == Some("FAIL_RELOAD")) {
        let title = "no patch adds `failure_policy: FAIL_RELOAD` to the filter of the policy";
        findings.push(
            Finding::warning(title, place)
                .why("without it a VM that has crashed answers 503 until Envoy restarts"),
        );
    }
}

/// Each variable that the configuration names is passed into the VM: by the resource, or by a patch.
fn check_variables(
    owner: &Node,
    variables: &[(String, Range<usize>)],
    own: &[&Search<'_>],
    findings: &mut Vec<Finding>,
) {
    let is_patched = |name: &str| {
        let mut environment = own.iter().filter(|it| it.field.starts_with(ENVIRONMENT));
        environment.any(|it| it.value.is_some_and(|it| has_text(it, name)))
    };
    let is_lacking = |name: &str| !passes(owner, name) && !is_patched(name);
    for (name, span) in variables.iter().filter(|(name, _)| is_lacking(name)) {
        let title =
            format!("the environment variable {} is not passed into the VM", words::named(name));
        let why = "the filter refuses the configuration without it";
        findings.push(Finding::error(title, span.clone()).why(why));
    }
}

/// Envoy Gateway enables the filter of a policy on the routes of its targets only.
fn check_targets(policy: &Node, findings: &mut Vec<Finding>) {
    let Some(spec) = policy.get("spec") else { return };
    let many = ["targetRefs", "targetSelectors"].into_iter().filter_map(|name| spec.get(name));
    let targets = many.flat_map(Node::items).chain(spec.get("targetRef"));
    let is_route = |kind: &&Node| kind.text().is_some_and(|it| it.ends_with("Route"));
    for kind in targets.filter_map(|target| target.get("kind")).filter(is_route) {
        let title = format!("the policy targets {}", words::named(kind.text().unwrap_or_default()));
        findings.push(
            Finding::error(title, kind.span.clone())
                .why(
                    "the filter is disabled on all other routes of the gateway: nobody asks for a \
                     key there, and the routes to upstreams are among them",
                )
                .help("target the Gateway"),
        );
    }
}

/// The filter that Envoy Gateway makes of this part of a policy.
pub(super) fn filter_of<'t>(resource: &'t Node, owner: &Node) -> Option<Filter<'t>> {
    policy::filters(resource).find(|it| std::ptr::eq(it.entry, owner))
}

/// Looks at the patches of a resource that search for the filter of a policy: there has to be one.
/// `filters` are all that are known. Without any, the policies are in files that were not named.
pub(super) fn check_searches(resource: &Node, filters: &[Filter<'_>], findings: &mut Vec<Finding>) {
    if filters.is_empty() {
        return;
    }
    for search in policy::searches(resource) {
        let ours = |it: &&Filter<'_>| search.finds(it) && find::mentions(it.entry);
        let open = search.sets("fail_open").filter(|it| it.is_true());
        let policy = search.sets("failure_policy").filter(|it| it.text() == Some("FAIL_OPEN"));
        if let Some(value) = open.or(policy).filter(|_| filters.iter().any(|it| ours(&it))) {
            let title = "the patch opens the gate";
            findings.push(Finding::error(title, value.span.clone()).why(OPENS));
        }
    }
    let misses =
        |it: &Search<'_>| it.is_for_policy() && !filters.iter().any(|filter| it.finds(filter));
    for search in policy::searches(resource).filter(misses) {
        let names: Vec<_> = filters.iter().map(|it| it.name.as_str()).collect();
        let help = format!("search for the `rootID` of the policy, or for {}", names.join(", "));
        findings.push(
            Finding::error("the patch misses: no EnvoyExtensionPolicy makes this filter", {
                search.at.span.clone()
            })
            .why("Envoy Gateway applies no patch that finds nothing")
            .help(help),
        );
    }
}

/// Whether the name is in the value of a patch: as a text, or as the name of a field.
fn has_text(value: &Node, name: &str) -> bool {
    let mut found = false;
    value.walk(&mut |node| {
        found |= node.text() == Some(name) || node.fields().iter().any(|it| it.name == name);
    });
    found
}

/// Whether the variable is in `vmConfig.env` (Istio) or `env.hostKeys` (Envoy Gateway).
fn passes(owner: &Node, variable: &str) -> bool {
    let istio = owner.at(&["vmConfig", "env"]).map(Node::items).unwrap_or_default();
    let gateway = owner.at(&["env", "hostKeys"]).map(Node::items).unwrap_or_default();
    istio.iter().any(|it| it.get("name").and_then(Node::text) == Some(variable))
        || gateway.iter().any(|it| it.text() == Some(variable))
}

const OPENS: &str = "after a crash of the VM requests pass the filter, and nobody asks for a key";
const ENVIRONMENT: &str = "/typed_config/config/vm_config";
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
        kind: EXTENSION_POLICY,
        of: "Envoy Gateway's",
        cannot: "`allow_on_headers_stop_iteration` and `failure_policy`",
        instead: "use an EnvoyPatchPolicy that adds the HTTP filter \
                  envoy.extensions.filters.http.wasm.v3.Wasm with all of its keys, or one that \
                  adds these keys to the filter of this policy",
        open: ("failOpen", "true"),
    },
];

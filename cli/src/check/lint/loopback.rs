//! The listener for the filter's own calls: that only Envoy can reach it, and that they get through.

use super::super::find::LOOPBACK_ROOT_ID;
use super::super::finding::Finding;
use super::super::tree::{Kind, Node};
use super::gate::Gate;
use super::{clusters, is_type, place_of, route, settings};

/// A filter on a loopback listener.
struct Loopback<'t> {
    listener: &'t Node,
    manager: &'t Node,
    settings: &'t Node,
}

/// Looks at the loopback listeners of a document, and for those that its `gates` name.
pub(super) fn check(document: &Node, gates: &[&Gate<'_>], findings: &mut Vec<Finding>) {
    let loopbacks = find(document);
    for it in &loopbacks {
        settings::check(it.settings, &[], findings);
        check_reach(it, findings);
    }
    if document.get("static_resources").is_none() {
        return;
    }
    for gate in gates {
        if let Some(cluster) = gate.facts.and_then(|facts| facts.loopback.as_deref()) {
            check_gate(document, gate, cluster, &loopbacks, findings);
        }
    }
}

fn find(document: &Node) -> Vec<Loopback<'_>> {
    let mut found = Vec::new();
    document.walk(&mut |listener| {
        let Some(chains) = listener.get("filter_chains") else { return };
        chains.walk(&mut |manager| {
            if !is_type(manager, ".HttpConnectionManager") {
                return;
            }
            manager.walk(&mut |node| {
                let root_id = node.get("root_id").and_then(Node::text);
                if root_id == Some(LOOPBACK_ROOT_ID) && node.get("vm_config").is_some() {
                    found.push(Loopback { listener, manager, settings: node });
                }
            });
        });
    });
    found
}

/// No socket may lead to it: it asks for no key.
fn check_reach(loopback: &Loopback<'_>, findings: &mut Vec<Finding>) {
    if loopback.listener.get("internal_listener").is_some() {
        return;
    }
    let place = place_of(loopback.listener, "address");
    findings.push(
        Finding::error("the loopback filter is on a listener that is not an internal one", place)
            .why("it asks for no key; so it answers every request 403 that comes from outside")
            .help("write `internal_listener: {}` instead of `address`"),
    );
}

fn check_gate(
    document: &Node,
    gate: &Gate<'_>,
    cluster: &str,
    loopbacks: &[Loopback<'_>],
    findings: &mut Vec<Finding>,
) {
    let Some(node) = clusters::of_name(document, cluster) else { return };
    let mut listener = None;
    node.walk(&mut |it| {
        listener = it.get("server_listener_name").and_then(Node::text).or(listener);
    });
    let is_it = |it: &&Loopback<'_>| {
        listener.is_some() && it.listener.get("name").and_then(Node::text) == listener
    };
    let Some(loopback) = loopbacks.iter().find(is_it) else {
        let title = format!("the cluster `{cluster}` leads to no loopback listener");
        findings.push(
            Finding::error(title, place_of(node, "load_assignment"))
                .why("the filter sends its own calls there, and all of them fail")
                .help(format!(
                    "name an internal listener in `envoy_internal_address` whose filter has \
                     `root_id: {LOOPBACK_ROOT_ID}`"
                )),
        );
        return;
    };
    check_extension(document, loopback, findings);
    check_vm(gate, loopback, findings);
    check_routes(gate, loopback, findings);
}

fn check_extension(document: &Node, loopback: &Loopback<'_>, findings: &mut Vec<Finding>) {
    let extensions = document.get("bootstrap_extensions");
    let mut has_it = false;
    if let Some(extensions) = extensions {
        extensions.walk(&mut |node| has_it |= is_type(node, ".InternalListener"));
    }
    if !has_it {
        let place = place_of(loopback.listener, "internal_listener");
        findings.push(
            Finding::error(
                "the bootstrap extension `envoy.bootstrap.internal_listener` is missing",
                place,
            )
            .why("Envoy connects to internal listeners only with it")
            .help("add it to `bootstrap_extensions`"),
        );
    }
}

/// An image is handed over in the memory of the VM.
fn check_vm(gate: &Gate<'_>, loopback: &Loopback<'_>, findings: &mut Vec<Finding>) {
    let part = |settings: &Node, path: &[&str]| settings.at(path).map(value);
    let Some(own) = gate.settings else { return };
    let differs = |path: &[&str]| part(own, path) != part(loopback.settings, path);
    if differs(&["vm_config", "vm_id"]) {
        findings.push(
            Finding::error(
                "the `vm_id` of the loopback filter is not that of the filter that calls it",
                place_of(loopback.settings, "vm_config"),
            )
            .why("it then does not know the filter's own calls, and refuses them"),
        );
    } else if differs(&["vm_config"]) {
        findings.push(
            Finding::warning(
                "the `vm_config` of the loopback filter is not that of the filter that calls it",
                place_of(loopback.settings, "vm_config"),
            )
            .why(
                "they then run in two VMs, and images of an upstream that ends its answer uncleanly \
                 are lost",
            ),
        );
    }
}

fn check_routes(gate: &Gate<'_>, loopback: &Loopback<'_>, findings: &mut Vec<Finding>) {
    let Some(table) = loopback.manager.get("route_config") else { return };
    let hosts = table.get("virtual_hosts").map(Node::items).unwrap_or_default().iter();
    let routes: Vec<_> = hosts.flat_map(|host| route::of(host, table)).collect();
    let upstreams = gate.facts.map(|facts| facts.upstreams.as_slice()).unwrap_or_default();
    for upstream in upstreams.iter().filter(|it| !routes.iter().any(|route| route.leads(&it.name)))
    {
        findings.push(
            Finding::error(
                format!("the loopback listener has no route for the upstream `{}`", upstream.name),
                place_of(table, "virtual_hosts"),
            )
            .why("further images and calls of further upstreams take the routes of this listener")
            .help("use the routes of the filter's own listener, by an alias of YAML or by RDS"),
        );
    }
}

/// The value of a node, without its places. The order of fields does not count.
fn value(node: &Node) -> String {
    match &node.kind {
        Kind::Null => "null".to_owned(),
        Kind::Bool(truth) => truth.to_string(),
        Kind::Number(number) => number.to_string(),
        Kind::Text(text) => format!("{:?}", text.value),
        Kind::List(items) => format!("{:?}", items.iter().map(value).collect::<Vec<_>>()),
        Kind::Object(fields) => {
            let mut fields: Vec<_> =
                fields.iter().map(|it| format!("{:?}: {}", it.name, value(&it.value))).collect();
            fields.sort();
            format!("{{{}}}", fields.join(", "))
        }
    }
}

//! Other ways to the upstreams' clusters, past the filter.

use super::super::finding::Finding;
use super::super::tree::Node;
use super::route::{self, Choice, Route};
use super::{Scope, is_type};

/// Looks at every route and every TCP proxy of the document.
pub(super) fn check(document: &Node, scope: &Scope<'_>, findings: &mut Vec<Finding>) {
    let mut guarded: Vec<&str> = guarded(document, scope);
    if guarded.is_empty() {
        return;
    }
    guarded.extend(with_same_secrets(document, &guarded));
    let in_gate = |table: &Node| scope.routed(document).any(|(_, it)| std::ptr::eq(it, table));
    for table in tables(document, scope) {
        for route in routes_of(table) {
            let is_chosen = match route.choice() {
                Some(Choice::State(_)) => true,
                // With the filter in front it is chosen by it, or has an error of its own.
                Some(Choice::Header(_)) => in_gate(table),
                None => false,
            };
            if !is_chosen {
                check_route(&route, &guarded, findings);
            }
        }
    }
    document.walk(&mut |node| {
        let cluster = node.get("cluster").filter(|_| is_type(node, ".TcpProxy"));
        let leads = |it: &&Node| it.text().is_some_and(|it| guarded.contains(&it));
        if let Some(cluster) = cluster.filter(leads) {
            findings.push(
                Finding::error("a TCP proxy leads to an upstream's cluster", cluster.span.clone())
                    .why(OPENS),
            );
        }
    });
}

/// The clusters of upstreams: those that the configurations name, and those of the routes that the
/// filter chooses. Other files may be of another Envoy.
fn guarded<'t>(document: &Node, scope: &Scope<'t>) -> Vec<&'t str> {
    let mut guarded: Vec<&str> = Vec::new();
    let own = scope.gates.iter().filter(|gate| std::ptr::eq(gate.document, document));
    for gate in own.chain(scope.routed(document).map(|(gate, _)| gate)) {
        let upstreams = gate.facts.map(|facts| facts.upstreams.as_slice()).unwrap_or_default();
        guarded.extend(upstreams.iter().filter_map(|it| it.cluster.as_deref()));
        // It leads to all of them.
        guarded.extend(gate.facts.and_then(|facts| facts.loopback.as_deref()));
        let routes = gate.table.map(|(_, table)| routes_of(table)).unwrap_or_default();
        let chosen = routes.into_iter().filter(|route| route.choice().is_some());
        guarded.extend(chosen.flat_map(|it| it.clusters()).map(|(name, _)| name));
    }
    guarded
}

/// The other clusters of the document whose filters add a secret that those of `guarded` add too:
/// they spend the same credential.
fn with_same_secrets<'t>(document: &'t Node, guarded: &[&str]) -> Vec<&'t str> {
    let mut clusters = Vec::new();
    document.walk(&mut |node| {
        let is_cluster =
            node.get("load_assignment").is_some() || node.get("connect_timeout").is_some();
        let name = node.get("name").and_then(Node::text).filter(|_| is_cluster);
        clusters.extend(name.map(|name| (name, secrets(node))));
    });
    let (own, others): (Vec<_>, Vec<_>) =
        clusters.into_iter().partition(|(name, _)| guarded.contains(name));
    let is_own = |secret: &str| own.iter().any(|(_, secrets)| secrets.contains(&secret));
    let alike = others.into_iter().filter(|(_, secrets)| secrets.iter().any(|it| is_own(it)));
    alike.map(|(name, _)| name).collect()
}

/// The names of the secrets that credential injectors below `node` add.
fn secrets(node: &Node) -> Vec<&str> {
    let mut secrets = Vec::new();
    node.walk(&mut |it| {
        if is_type(it, ".CredentialInjector") {
            it.walk(&mut |inner| {
                let name = inner.get("name").filter(|_| inner.get("sds_config").is_some());
                secrets.extend(name.and_then(Node::text));
            });
        }
    });
    secrets
}

/// The route configurations of the document.
fn tables<'t>(document: &'t Node, scope: &Scope<'t>) -> Vec<&'t Node> {
    let resources = scope.tables.iter().filter(|(it, _)| std::ptr::eq(*it, document));
    let mut tables: Vec<&Node> = resources.map(|(_, table)| *table).collect();
    document.walk(&mut |node| {
        let inner = node.get("route_config").filter(|it| it.get("virtual_hosts").is_some());
        let new = inner.filter(|it| !tables.iter().any(|table| std::ptr::eq(*table, *it)));
        tables.extend(new);
    });
    tables
}

fn routes_of(table: &Node) -> Vec<Route<'_>> {
    let hosts = table.get("virtual_hosts").map(Node::items).unwrap_or_default();
    hosts.iter().flat_map(|host| route::of(host, table)).collect()
}

fn check_route(route: &Route<'_>, guarded: &[&str], findings: &mut Vec<Finding>) {
    for (_, span) in route.clusters().into_iter().filter(|(name, _)| guarded.contains(name)) {
        findings.push(
            Finding::error("another route leads to an upstream's cluster", span).why(OPENS).help(
                format!(
                    "match the filter state `{}` too, or give it a cluster of its own",
                    route::STATE
                ),
            ),
        );
    }
    let header = route.node.at(&["route", "cluster_header"]);
    if let Some(header) = header {
        findings.push(
            Finding::error("a client can name its cluster by a header here", header.span.clone())
                .why(OPENS)
                .help("name the cluster in the route"),
        );
    }
}

const OPENS: &str = "it is a way to the upstream without a key: whoever takes it uses the \
                     operator's account if Envoy adds the credential, and nothing counts it";

//! The virtual hosts that Istio makes, with the patches of route configurations, virtual hosts and
//! routes. Istio follows them in this order of kinds, and changes what it has made before it adds.

use super::super::super::finding::Finding;
use super::super::super::patched::{Cover, VIRTUAL_HOST, cover, merge_message};
use super::super::super::tree::{Field, Kind, Node, camel_case};
use super::super::Parts;
use super::Patch;

/// The route configuration. `None` if no patch adds routes.
pub(super) fn table(parts: &mut Parts, patches: &[Patch<'_>]) -> Option<Node> {
    let of = |kind: &'static str| patches.iter().filter(move |it| it.apply_to == kind);
    // The one host of Istio's that counts here is that of the routes that are added.
    let nothing = parts.at.object(Vec::new());
    let added = of("HTTP_ROUTE").find(|it| it.is_added()).map_or(&nothing, |it| it.node);
    let covers = |it: &Patch<'_>| cover(it.node, added, VIRTUAL_HOST);
    let mut table = nothing.clone();
    for patch in of("ROUTE_CONFIGURATION").filter(|it| it.operation == "MERGE") {
        if let Some(value) = patch.value.filter(|_| covers(patch) != Cover::None) {
            merge_message(&mut table, value);
        }
    }
    let (fields, mut hosts) = taken(table, "virtual_hosts");
    let more = of("VIRTUAL_HOST").filter(|it| it.is_added()).filter_map(|it| it.value);
    hosts.extend(more.cloned());
    let mut host = nothing.clone();
    for patch in of("VIRTUAL_HOST") {
        match (patch.operation, patch.value, covers(patch)) {
            ("REMOVE", _, Cover::All) => {
                // The others have routes of their own, which are checked.
                if hosts.is_empty() {
                    parts.findings.push(gone(patch));
                    return None;
                }
                return Some(parts.at.table(fields, hosts));
            }
            (_, _, Cover::None) => {}
            ("MERGE", Some(value), _) => merge_message(&mut host, value),
            ("REPLACE", Some(value), _) => host = value.clone(),
            _ => {}
        }
    }
    let (host, mut routes) = taken(host, "routes");
    for patch in of("HTTP_ROUTE") {
        change(&mut routes, patch);
    }
    for patch in of("HTTP_ROUTE").filter(|it| it.is_added()) {
        let first = ["INSERT_FIRST", "INSERT_BEFORE"].contains(&patch.operation);
        let at = if first { 0 } else { routes.len() };
        routes.splice(at..at, patch.value.cloned());
    }
    if !routes.is_empty() {
        hosts.insert(0, parts.at.host(host, routes));
    }
    (!hosts.is_empty()).then(|| parts.at.table(fields, hosts))
}

/// The fields of an object, and those items of this list that it has.
fn taken(object: Node, list: &str) -> (Vec<Field>, Vec<Node>) {
    let Kind::Object(fields) = object.kind else { return (Vec::new(), Vec::new()) };
    let is_list = |it: &Field| it.name == list || it.name == camel_case(list);
    let (lists, fields): (Vec<_>, Vec<_>) = fields.into_iter().partition(is_list);
    let items = lists.into_iter().flat_map(|it| it.value.items().to_vec());
    (fields, items.collect())
}

/// Changes or removes the routes that a patch is for.
fn change(routes: &mut Vec<Node>, patch: &Patch<'_>) {
    match (patch.operation, patch.value) {
        ("REMOVE", _) => routes.retain(|route| !is_of(patch, route)),
        ("MERGE", Some(value)) => {
            let of_patch = routes.iter_mut().filter(|route| is_of(patch, route));
            of_patch.for_each(|route| merge_message(route, value));
        }
        _ => {}
    }
}

/// Whether the patch is for this route, by its name and by what it does.
fn is_of(patch: &Patch<'_>, route: &Node) -> bool {
    let wanted = patch.node.at(&["match", "routeConfiguration", "vhost", "route"]);
    let text = |name: &str| wanted?.get(name)?.text().filter(|it| !it.is_empty());
    let is_named =
        text("name").is_none_or(|name| route.get("name").and_then(Node::text) == Some(name));
    let has = |field: &str| route.get(field).is_some();
    is_named
        && match text("action") {
            Some("ROUTE") => has("route"),
            Some("REDIRECT") => has("redirect"),
            Some("DIRECT_RESPONSE") => has("direct_response"),
            _ => true,
        }
}

fn gone(patch: &Patch<'_>) -> Finding {
    let title = "the patch takes the virtual hosts with the routes to upstreams away";
    Finding::error(title, patch.node.locate("/patch/operation"))
        .why("Istio adds the routes to the virtual hosts that are left, so no image is served")
        .help("name another virtual host in `match.routeConfiguration.vhost`")
}

//! The virtual hosts that Istio makes, with the patches of route configurations, virtual hosts and
//! routes. Istio follows them in this order of kinds, and changes what it has made before it adds.

use super::super::super::finding::Finding;
use super::super::super::patched::{Cover, VIRTUAL_HOST, cover, merge_message};
use super::super::super::tree::{Field, Kind, Node, camel_case};
use super::super::node::Place;
use super::super::parts::Parts;
use super::Patch;

/// The route configuration. `None` if no patch adds routes.
pub(super) fn table(parts: &mut Parts, patches: &[Patch<'_>]) -> Option<Node> {
    let of = |kind: &'static str| patches.iter().filter(move |it| it.apply_to == kind);
    let nothing = parts.at.object(Vec::new());
    let places = places(of("HTTP_ROUTE").filter(|it| it.is_added()), &nothing);
    let mut table = nothing.clone();
    for patch in of("ROUTE_CONFIGURATION").filter(|it| it.operation == "MERGE") {
        let is_here = places.iter().any(|place| covers(patch, place) != Cover::None);
        if let Some(value) = patch.value.filter(|_| is_here) {
            merge_message(&mut table, value);
        }
    }
    let (fields, added) = taken(table, "virtual_hosts");
    let (mut hosts, mut removals) = (Vec::new(), Vec::new());
    for place in places {
        match host(&parts.at, patches, place) {
            Ok(host) => hosts.extend(host),
            Err(patch) => removals.push(gone(patch)),
        }
    }
    // These have routes of their own.
    hosts.extend(added);
    hosts.extend(of("VIRTUAL_HOST").filter(|it| it.is_added()).filter_map(|it| it.value).cloned());
    if hosts.is_empty() {
        parts.findings.extend(removals);
        return None;
    }
    Some(parts.at.table(fields, hosts))
}

/// Patches that add routes to different virtual hosts, one for each. One of `nothing` if there are
/// no such patches.
fn places<'t>(patches: impl Iterator<Item = &'t Patch<'t>>, nothing: &'t Node) -> Vec<&'t Node> {
    let mut places: Vec<&Node> = Vec::new();
    for patch in patches {
        if places.iter().all(|place| covers(patch, place) == Cover::None) {
            places.push(patch.node);
        }
    }
    if places.is_empty() { vec![nothing] } else { places }
}

fn covers(patch: &Patch<'_>, place: &Node) -> Cover {
    cover(patch.node, place, VIRTUAL_HOST)
}

/// The virtual host of Istio's that is at this place, if it has routes. An error is the patch that
/// removes it.
fn host<'p, 't>(
    at: &Place,
    patches: &'p [Patch<'t>],
    place: &Node,
) -> Result<Option<Node>, &'p Patch<'t>> {
    let of = |kind: &'static str| {
        let of_kind = patches.iter().filter(move |it| it.apply_to == kind);
        of_kind.filter(|it| covers(it, place) != Cover::None)
    };
    let name = place.at(&["match", "routeConfiguration", "vhost"]).and_then(|it| it.field("name"));
    let mut host = at.object(name.cloned().into_iter().collect());
    for patch in of("VIRTUAL_HOST") {
        match (patch.operation, patch.value) {
            ("REMOVE", _) if covers(patch, place) == Cover::All => return Err(patch),
            ("MERGE", Some(value)) => merge_message(&mut host, value),
            ("REPLACE", Some(value)) => host = value.clone(),
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
    Ok((!routes.is_empty()).then(|| at.host(host, routes)))
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

//! The routes of a gate: those that the filter chooses, those that image requests take first, and
//! the limits of their virtual hosts.

use std::ops::Range;

use super::super::facts::RouteMatch;
use super::super::finding::Finding;
use super::super::tree::Node;
use super::gate::Gate;
use super::route::{self, Choice, HEADER, Route, STATE};
use super::{number, place_of, switch, way};

/// A virtual host and its routes.
type Host<'t> = (&'t Node, Vec<Route<'t>>);

/// Looks at the routes of a gate.
pub(super) fn check(gate: &Gate<'_>, table: &Node, findings: &mut Vec<Finding>) {
    let hosts = table.get("virtual_hosts").map(Node::items).unwrap_or_default();
    let (trees, hosts): (Vec<_>, Vec<_>) =
        hosts.iter().partition(|host| host.get("matcher").is_some());
    if trees.is_empty() && hosts.is_empty() && table.get("vhds").is_none() {
        findings.push(no_host(table));
    }
    findings.extend(trees.into_iter().map(unseen));
    let hosts: Vec<_> = hosts.into_iter().map(|host| (host, route::of(host, table))).collect();
    let serving: Vec<_> = hosts.iter().filter(|(_, routes)| comes_in(gate, routes)).collect();
    if serving.is_empty() && !hosts.is_empty() {
        findings.push(
            Finding::error(
                "the filter is disabled on every route that an image request takes",
                disabled_at(gate, table),
            )
            .why("no image is served, and nobody asks for a key")
            .help(
                "enable it by `typed_per_filter_config` on these virtual hosts, and on no smaller \
                 part of them",
            ),
        );
    }
    let has_choice = |host: &&&Host<'_>| host.1.iter().any(|route| route.choice().is_some());
    // Without any route to an upstream each virtual host is meant.
    let is_any = serving.iter().any(|host| has_choice(&host));
    let (meant, others): (Vec<&Host<'_>>, Vec<&Host<'_>>) =
        serving.into_iter().partition(|host| !is_any || has_choice(&host));
    findings.extend(others.iter().map(|(host, _)| foreign(host)));
    for (host, routes) in meant {
        check_upstreams(gate, host, routes, findings);
        check_host(gate, host, routes, findings);
        check_image_paths(gate, routes, findings);
    }
    for route in hosts.iter().flat_map(|(_, routes)| routes) {
        check_choice(gate, route, findings);
    }
}

fn no_host(table: &Node) -> Finding {
    Finding::error("there is no virtual host, and so no route", place_of(table, "virtual_hosts"))
        .why("every request is answered 404")
}

fn unseen(host: &Node) -> Finding {
    let name = route::name_of(host);
    let title = format!("the match tree of the virtual host `{name}` was not looked at");
    Finding::note(title, place_of(host, "matcher"))
}

/// A virtual host of others, beside one that has routes to upstreams.
fn foreign(host: &Node) -> Finding {
    let title = format!("the virtual host `{}` has no routes to upstreams", route::name_of(host));
    Finding::note(title, place_of(host, "routes"))
        .why(
            "the filter runs on it too: an image request with a key that names one of its domains \
             goes to its routes, with the upstream's credential unless that is `envoy`",
        )
        .help("if no images are served there, disable the filter by `typed_per_filter_config`")
}

/// Where the filter is disabled for all: in the route configuration, or in the filter's own entry.
fn disabled_at(gate: &Gate<'_>, table: &Node) -> Range<usize> {
    let setting = switch::setting(table, gate.name);
    setting.map_or_else(|| place_of(gate.filter, "disabled"), |it| it.span.clone())
}

/// Whether some image request meets the filter here.
fn comes_in(gate: &Gate<'_>, routes: &[Route<'_>]) -> bool {
    let on = |path: &&str| first(routes, path).is_none_or(|it| switch::is_on(gate, it.places()));
    IMAGE_PATHS.iter().any(on)
}

/// The route that a client's request with this path takes first. The filter chooses another one
/// later.
fn first<'r, 't>(routes: &'r [Route<'t>], path: &str) -> Option<&'r Route<'t>> {
    routes.iter().find(|route| route.is_plain() && route.takes(path) == Some(true))
}

/// Some image paths come in without the filter.
fn check_image_paths(gate: &Gate<'_>, routes: &[Route<'_>], findings: &mut Vec<Finding>) {
    for path in IMAGE_PATHS {
        let Some(route) = first(routes, path) else { continue };
        if !switch::is_on(gate, route.places()) {
            let setting = switch::setting(route.node, gate.name);
            let place = setting.map_or_else(|| route.node.locate("/match"), |it| it.span.clone());
            findings.push(
                Finding::warning(
                    format!("the filter is disabled on the route that {path} takes"),
                    place,
                )
                .why("such requests go on to this route's cluster, and nobody asks for a key"),
            );
        }
    }
}

fn check_upstreams(
    gate: &Gate<'_>,
    host: &Node,
    routes: &[Route<'_>],
    findings: &mut Vec<Finding>,
) {
    let Some(facts) = gate.facts else {
        if !routes.iter().any(|route| route.choice().is_some()) {
            findings.push(no_route("an upstream", host, RouteMatch::FilterState));
        }
        return;
    };
    for upstream in &facts.upstreams {
        let leads = |route: &&Route<'_>| route.leads(&upstream.name);
        let chosen: Vec<_> = routes.iter().filter(leads).collect();
        if chosen.is_empty() {
            let whose = format!("the upstream `{}`", upstream.name);
            findings.push(no_route(&whose, host, facts.route_match));
        }
        for route in chosen {
            way::check(gate, upstream, route, routes, findings);
        }
    }
}

fn no_route(whose: &str, host: &Node, by: RouteMatch) -> Finding {
    let (what, how) = match by {
        RouteMatch::FilterState => (
            STATE,
            "match: { prefix: \"/\", filter_state: [{ key: wasm.imagegate_upstream, string_match: \
             { exact: NAME } }] }",
        ),
        RouteMatch::Header => (
            HEADER,
            "match: { prefix: \"/\", headers: [{ name: x-imagegate-upstream, string_match: { \
             exact: NAME } }] }",
        ),
    };
    let title = format!("the virtual host `{}` has no route for {whose}", route::name_of(host));
    Finding::error(title, place_of(host, "routes"))
        .why(format!(
            "the filter writes the upstream's name into `{what}`, and a route has to match it; \
             else the request goes to the next route that matches, with the upstream's credential \
             unless that is `envoy`"
        ))
        .help(how)
}

/// A route by a header, although the filter writes filter state.
fn check_choice(gate: &Gate<'_>, route: &Route<'_>, findings: &mut Vec<Finding>) {
    let by_state = gate.facts.is_some_and(|facts| facts.route_match == RouteMatch::FilterState);
    let Some(Choice::Header(header)) = route.choice().filter(|_| by_state) else { return };
    let place = header.get("name").map_or_else(|| header.locate(""), |it| it.span.clone());
    findings.push(
        Finding::error(
            format!("a route matches the header `{HEADER}`, which a client can send"),
            place,
        )
        .why(
            "the filter writes filter state and not this header, so no request of the filter takes \
             this route; who sends the header where the filter is disabled does, without a key",
        )
        .help(
            "match filter_state: [{ key: wasm.imagegate_upstream, string_match: { exact: NAME } }]",
        ),
    );
}

fn check_host(gate: &Gate<'_>, host: &Node, routes: &[Route<'_>], findings: &mut Vec<Finding>) {
    if let Some(largest) = gate.facts.and_then(|facts| facts.max_body_bytes) {
        let needed = largest.saturating_mul(2);
        let limit = host.get("request_body_buffer_limit").and_then(number);
        #[expect(clippy::cast_precision_loss, reason = "at most 128 MiB")]
        if limit.is_none_or(|limit| limit < needed as f64) {
            findings.push(
                Finding::warning(
                    format!(
                        "`request_body_buffer_limit` is below twice `request.max_body_bytes` \
                         ({needed})"
                    ),
                    place_of(host, "request_body_buffer_limit"),
                )
                .why(
                    "one chunk of a body can pass Envoy's default of 1 MiB, and the request is \
                     then answered 413",
                ),
            );
        }
    }
    if !routes.last().is_some_and(Route::is_catch_all) {
        findings.push(
            Finding::warning(
                "the last route does not match every request and lead to a cluster",
                place_of(host, "routes"),
            )
            .why(
                "`request_body_buffer_limit` holds only for requests that have such a route before \
                 the filter has chosen theirs; it may lead to a cluster that does not exist",
            ),
        );
    }
}

/// The paths of image requests.
const IMAGE_PATHS: [&str; 2] = ["/v1/images/generations", "/v1/images/edits"];

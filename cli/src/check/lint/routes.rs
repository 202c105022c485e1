//! The routes: those that the filter chooses, those that must not lead there, and the last one.

use std::ops::Range;

use imagegate::config::Config;

use super::super::Finding;
use super::super::tree::{Kind, Node};
use super::{note, whole};

/// Looks at the routes of a connection manager.
pub(super) fn check(manager: &Node, config: &Config, findings: &mut Vec<Finding>) {
    let Some(routing) = manager.get("route_config") else {
        let place =
            manager.field("rds").map_or_else(|| manager.locate(""), |field| field.span.clone());
        findings.push(note("the routes come from elsewhere and were not looked at", place));
        return;
    };
    let hosts = routing.get("virtual_hosts").map(Node::items).unwrap_or_default();
    let all: Vec<_> = hosts.iter().flat_map(routes).collect();
    for upstream in config.upstreams() {
        if !all.iter().any(|route| leads(route, upstream.name())) {
            findings.push(Finding::warning(
                format!("no route matches `{HEADER}` for the upstream `{}`", upstream.name()),
                place_of(manager, "route_config"),
                "the filter sets this header to the upstream's name, and Envoy routes the request by it",
            ));
        }
    }
    let guarded: Vec<_> =
        all.iter().filter(|route| is_chosen(route)).filter_map(|route| cluster(route)).collect();
    for route in all.iter().filter(|route| !is_chosen(route)) {
        if cluster(route).is_some_and(|name| guarded.contains(&name)) {
            findings.push(Finding::warning(
                format!("a route to an upstream's cluster without a match on `{HEADER}`"),
                route.get("route").map_or_else(|| route.locate(""), |it| it.locate("/cluster")),
                "such a route is a way to the upstream without a key",
            ));
        }
    }
    for host in hosts.iter().filter(|host| routes(host).iter().any(is_chosen)) {
        check_host(host, config, findings);
    }
}

fn check_host(host: &Node, config: &Config, findings: &mut Vec<Finding>) {
    let needed = config.request().max_body_bytes.saturating_mul(2);
    let limit = host.get("request_body_buffer_limit").and_then(whole);
    #[expect(clippy::cast_precision_loss, reason = "at most 128 MiB")]
    if limit.is_none_or(|limit| limit < needed as f64) {
        findings.push(Finding::warning(
            format!("`request_body_buffer_limit` is below twice `request.max_body_bytes` ({needed})"),
            place_of(host, "request_body_buffer_limit"),
            "one chunk of a body can pass Envoy's default of 1 MiB, and the request is then answered 413",
        ));
    }
    if !routes(host).last().is_some_and(is_catch_all) {
        findings.push(Finding::warning(
            "the last route does not match every request and lead to a cluster",
            place_of(host, "routes"),
            "`request_body_buffer_limit` holds only for requests that have such a route before the filter has chosen theirs; it may \
             lead to a cluster that does not exist",
        ));
    }
}

fn routes(host: &Node) -> &[Node] {
    host.get("routes").map(Node::items).unwrap_or_default()
}

/// What the route says about the filter's header.
fn header_of(route: &Node) -> Option<&Node> {
    let headers = route.at(&["match", "headers"]).map(Node::items).unwrap_or_default();
    let is = |header: &&Node| {
        header
            .get("name")
            .and_then(Node::text)
            .is_some_and(|name| name.eq_ignore_ascii_case(HEADER))
    };
    headers.iter().find(is)
}

fn is_chosen(route: &Node) -> bool {
    header_of(route).is_some()
}

/// Whether the filter can choose this route for the upstream; anything but an exact match is trusted.
fn leads(route: &Node, upstream: &str) -> bool {
    let Some(header) = header_of(route) else { return false };
    let exact = header.at(&["string_match", "exact"]).or_else(|| header.get("exact_match"));
    exact.is_none_or(|exact| match &exact.kind {
        Kind::Text(text) => text.value == upstream,
        _ => false,
    })
}

fn cluster(route: &Node) -> Option<&str> {
    route.at(&["route", "cluster"]).and_then(Node::text)
}

fn is_catch_all(route: &Node) -> bool {
    let Some(matched) = route.get("match") else { return false };
    let everything = matched.get("prefix").and_then(Node::text) == Some("/");
    everything && matched.fields().len() == 1 && cluster(route).is_some()
}

/// The field, or else its object.
fn place_of(node: &Node, name: &str) -> Range<usize> {
    node.field(name).map_or_else(|| node.locate(""), |field| field.span.clone())
}

const HEADER: &str = "x-imagegate-upstream";

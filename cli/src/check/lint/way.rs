//! The way to an upstream: whether its requests take the route, with which host and path they
//! arrive, and how long they may take.

use super::super::facts::Upstream;
use super::super::finding::Finding;
use super::gate::Gate;
use super::route::{Choice, HEADER, Route};
use super::{duration, switch};

/// Checks a route to an upstream: whether requests get there, and with which host and path.
pub(super) fn check(
    gate: &Gate<'_>,
    upstream: &Upstream,
    route: &Route<'_>,
    routes: &[Route<'_>],
    findings: &mut Vec<Finding>,
) {
    check_path(upstream, route, routes, findings);
    check_rewrite(upstream, route, findings);
    check_retries(upstream, route, findings);
    check_idle(upstream, route, findings);
    if let Some(Choice::Header(header)) = route.choice()
        && !switch::is_on(gate, route.places())
    {
        let place = header.get("name").map_or_else(|| header.locate(""), |it| it.span.clone());
        findings.push(
            Finding::error(
                "the filter is disabled on a route that a client can choose by a header",
                place,
            )
            .why(format!(
                "whoever sends `{HEADER}: {}` reaches the upstream without a key",
                upstream.name
            ))
            .help(
                "enable the filter on this route, or match the filter state \
                 `wasm.imagegate_upstream`",
            ),
        );
    }
}

/// Whether requests of the upstream take this route: by its path, and before any other.
fn check_path(
    upstream: &Upstream,
    route: &Route<'_>,
    routes: &[Route<'_>],
    findings: &mut Vec<Finding>,
) {
    let (whose, Some(path)) = (&upstream.name, &upstream.path) else { return };
    if route.takes(path) == Some(false) {
        findings.push(
            Finding::error(
                format!("the route for the upstream `{whose}` does not match the upstream's path"),
                route.node.locate("/match"),
            )
            .why(
                "when Envoy looks for this route the filter has set `:path` to that of the \
                 upstream",
            )
            .help("match prefix: \"/\""),
        );
    }
    let before = routes.iter().take_while(|it| !std::ptr::eq(it.node, route.node));
    let takes = |it: &&Route<'_>| it.is_plain() && it.takes(path) == Some(true);
    if let Some(earlier) = before.clone().find(takes) {
        findings.push(
            Finding::error(
                format!(
                    "this route comes before that of the upstream `{whose}` and takes its requests"
                ),
                earlier.node.locate("/match"),
            )
            .why("Envoy takes the first route that matches")
            .help("put the routes of upstreams first"),
        );
    }
}

/// The client's host stays until the route: Envoy finds the virtual host by it.
fn check_rewrite(upstream: &Upstream, route: &Route<'_>, findings: &mut Vec<Finding>) {
    let (Some(authority), Some(action)) = (&upstream.authority, route.node.get("route")) else {
        return;
    };
    let others =
        ["auto_host_rewrite", "host_rewrite_header", "host_rewrite_path_regex", "host_rewrite"];
    let mut literals = Vec::new();
    let mut is_rewritten = false;
    action.walk(&mut |node| {
        literals.extend(node.get("host_rewrite_literal"));
        is_rewritten |= others.iter().any(|name| node.get(name).is_some());
    });
    if literals.is_empty() && !is_rewritten {
        findings.push(
            Finding::error(
                format!("the route for the upstream `{}` does not rewrite the host", upstream.name),
                route.node.locate("/route"),
            )
            .why(
                "the filter leaves `:authority` as the client sent it, so the upstream would get \
                 this gateway's name",
            )
            .help(format!("host_rewrite_literal: {authority}")),
        );
    }
    for literal in literals {
        if literal.text().is_none_or(|text| !text.eq_ignore_ascii_case(authority)) {
            findings.push(
                Finding::error(
                    format!(
                        "the host is rewritten to another than the `authority` of the upstream \
                         `{}`",
                        upstream.name
                    ),
                    literal.span.clone(),
                )
                .help(format!("host_rewrite_literal: {authority}")),
            );
        }
    }
}

/// A generated image is billed even if its answer is lost.
fn check_retries(upstream: &Upstream, route: &Route<'_>, findings: &mut Vec<Finding>) {
    let policies = [route.node.at(&["route", "retry_policy"]), route.host.get("retry_policy")];
    let Some(on) = policies.into_iter().flatten().next().and_then(|it| it.get("retry_on")) else {
        return;
    };
    let words = on.text().unwrap_or_default().split(',').map(str::trim);
    let costly: Vec<_> = words.filter(|word| COSTLY.contains(word)).collect();
    if !costly.is_empty() {
        let title = format!(
            "Envoy retries requests to the upstream `{}` on {}",
            upstream.name,
            costly.join(", ")
        );
        findings.push(
            Finding::warning(title, on.span.clone())
                .why("the upstream may have generated the image by then, and it is paid twice")
                .help("retry_on: connect-failure,refused-stream"),
        );
    }
}

fn check_idle(upstream: &Upstream, route: &Route<'_>, findings: &mut Vec<Finding>) {
    let Some(timeout) = upstream.timeout else { return };
    let limits = ["/route/idle_timeout", "/route/max_stream_duration/max_stream_duration"];
    for pointer in limits {
        let limit = route.node.pointed(pointer);
        if limit.and_then(duration).is_some_and(|it| !it.is_zero() && it <= timeout) {
            let name = pointer.rsplit('/').next().unwrap_or_default();
            let place = route.node.locate_name(pointer);
            findings.push(
                Finding::error(
                    format!(
                        "`{name}` is not above the `timeout` of the upstream `{}` ({} s)",
                        upstream.name,
                        timeout.as_secs_f64()
                    ),
                    place.unwrap_or_else(|| route.node.locate(pointer)),
                )
                .why("Envoy ends the stream while the image is generated: it is paid for and lost"),
            );
        }
    }
}

/// Reasons to retry that leave open whether the upstream has begun.
const COSTLY: [&str; 6] = [
    "5xx",
    "gateway-error",
    "reset",
    "retriable-4xx",
    "retriable-status-codes",
    "retriable-headers",
];

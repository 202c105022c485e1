//! The connection manager: the source of its filter, its time limits, its own answers.

use std::time::Duration;

use super::super::finding::Finding;
use super::super::tree::Node;
use super::gate::Gate;
use super::{duration, place_of};

/// Looks at the manager of a gate.
pub(super) fn check(gate: &Gate<'_>, findings: &mut Vec<Finding>) {
    if let Some(discovery) = gate.filter.field("config_discovery").filter(|_| gate.facts.is_none())
    {
        let source = source(&discovery.value);
        findings.push(
            Finding::note(
                format!("the configuration of the filter `{}` comes from {source}", gate.name),
                discovery.span.clone(),
            )
            .help("to check both, name that file too"),
        );
    }
    if gate.table.is_none() {
        let field = gate.manager.field("rds").or_else(|| gate.manager.field("scoped_routes"));
        let place = field.map_or_else(|| gate.manager.locate(""), |field| field.span.clone());
        findings.push(
            Finding::note("the routes come from elsewhere and were not looked at", place)
                .help("to check both, name the file with the RouteConfiguration too"),
        );
    }
    check_idle(gate, findings);
    check_duration(gate, findings);
    if gate.manager.get("local_reply_config").is_none() {
        findings.push(
            Finding::warning("`local_reply_config` is missing", gate.manager.locate("")).why(
                "errors that Envoy itself answers (an upstream that breaks off, a body that is too \
                 large) are plain text without it, which no client of OpenAI's API expects",
            ),
        );
    }
}

/// Where a `config_discovery` gets its resource.
fn source(discovery: &Node) -> String {
    let path = discovery.at(&["config_source", "path_config_source", "path"]);
    let path = path.or_else(|| discovery.at(&["config_source", "path"])).and_then(Node::text);
    match path {
        Some(path) => format!("the file {path}"),
        None => "a control plane".to_owned(),
    }
}

fn check_idle(gate: &Gate<'_>, findings: &mut Vec<Finding>) {
    let Some(slowest) = gate.facts.and_then(|facts| facts.slowest()) else { return };
    let written = gate.manager.get("stream_idle_timeout");
    let length = written.map_or(Some(DEFAULT_IDLE), duration);
    // Zero is never.
    if length.is_some_and(|length| !length.is_zero() && length <= slowest) {
        findings.push(
            Finding::error(
                format!(
                    "`stream_idle_timeout` is not above the upstreams' `timeout` ({} s)",
                    slowest.as_secs_f64()
                ),
                place_of(gate.manager, "stream_idle_timeout"),
            )
            .why(
                "nothing goes to the client while an image is generated, and Envoy ends a stream that \
                 was idle for this long (by default 300 s): the image is paid for and lost",
            ),
        );
    }
}

/// Zero is no limit here too.
fn check_duration(gate: &Gate<'_>, findings: &mut Vec<Finding>) {
    let Some(slowest) = gate.facts.and_then(|facts| facts.slowest()) else { return };
    let options = gate.manager.get("common_http_protocol_options");
    let Some(options) = options else { return };
    let limit = options.get("max_stream_duration").and_then(duration);
    if limit.is_some_and(|limit| !limit.is_zero() && limit <= slowest) {
        findings.push(
            Finding::error(
                format!(
                    "`max_stream_duration` is not above the upstreams' `timeout` ({} s)",
                    slowest.as_secs_f64()
                ),
                place_of(options, "max_stream_duration"),
            )
            .why("Envoy ends a request that takes so long: the image is paid for and lost"),
        );
    }
}

/// Of Envoy.
const DEFAULT_IDLE: Duration = Duration::from_secs(300);

//! The settings of Envoy that the filter depends on and cannot see: each that is missing is a warning.
//!
//! The list is that of the README ("Into your own Envoy"). Routes that come from a control plane are not seen here.

mod routes;

use std::time::Duration;

use imagegate::config::Config;

use super::find::{self, Plugin};
use super::tree::{Kind, Node};
use super::{Finding, Level};

/// Looks at the settings of a filter and at everything in the document that leads to it.
pub(crate) fn check(document: &Node, plugin: &Plugin<'_>, config: Option<&Config>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let Some(settings) = plugin.settings else { return findings };
    check_settings(settings, &mut findings);
    let Some(config) = config else { return findings };
    let mut managers = Vec::new();
    document.walk(&mut |node| {
        if is_manager(node) && holds(node, settings) {
            managers.push(node);
        }
    });
    for manager in &managers {
        check_manager(manager, config, &mut findings);
        routes::check(manager, config, &mut findings);
    }
    if !managers.is_empty() && document.get("static_resources").is_some() {
        check_runtime(document, config, &mut findings);
        check_clusters(document, config, &mut findings);
    }
    findings
}

fn check_settings(settings: &Node, findings: &mut Vec<Finding>) {
    let span_of = |name: &str| settings.locate(&format!("/{name}"));
    if !settings.get("allow_on_headers_stop_iteration").is_some_and(Node::is_true) {
        findings.push(Finding::warning(
            "`allow_on_headers_stop_iteration: true` is missing",
            span_of("allow_on_headers_stop_iteration"),
            "Envoy then holds the body back with the head, and every request is answered 500 (Envoy 1.35 and later have it)",
        ));
    }
    let policy = settings.get("failure_policy").and_then(Node::text);
    if !matches!(policy, Some("FAIL_RELOAD")) {
        findings.push(Finding::warning(
            "`failure_policy: FAIL_RELOAD` is missing",
            span_of("failure_policy"),
            "without it a VM that trapped answers 503 until a restart; with FAIL_OPEN requests pass without a key",
        ));
    }
}

fn is_manager(node: &Node) -> bool {
    let ends = |text: &str| text.ends_with(".HttpConnectionManager");
    node.get("@type").and_then(Node::text).is_some_and(ends)
}

/// Whether the filter with these settings is one of the connection manager's.
fn holds(manager: &Node, settings: &Node) -> bool {
    let mut found = false;
    if let Some(filters) = manager.get("http_filters") {
        filters.walk(&mut |node| {
            found |= find::settings(node).is_some_and(|it| std::ptr::eq(it, settings));
        });
    }
    found
}

fn check_manager(manager: &Node, config: &Config, findings: &mut Vec<Finding>) {
    let slowest = config.upstreams().map(|upstream| upstream.timeout()).max().unwrap_or_default();
    let idle = manager.get("stream_idle_timeout");
    let length = idle.map_or(Some(DEFAULT_IDLE), |node| node.text().and_then(duration));
    // Zero is never.
    if length.is_some_and(|length| !length.is_zero() && length <= slowest) {
        findings.push(Finding::warning(
            format!("`stream_idle_timeout` is not above the upstreams' `timeout` ({} s)", slowest.as_secs()),
            idle.map_or_else(|| manager.locate(""), |_| manager.locate("/stream_idle_timeout")),
            "nothing goes to the client while an image is drawn, and Envoy ends such a stream (default: 300 s)",
        ));
    }
    if manager.get("local_reply_config").is_none() {
        findings.push(Finding::warning(
            "`local_reply_config` is missing",
            manager.locate(""),
            "answers that Envoy gives by itself (an upstream that breaks off, a body that is too large) are plain text then",
        ));
    }
}

/// Side calls are buffered whole.
fn check_runtime(document: &Node, config: &Config, findings: &mut Vec<Finding>) {
    let mut set = false;
    if let Some(runtime) = document.get("layered_runtime") {
        runtime.walk(&mut |node| {
            let nested = node.at(&["http", "async_response_buffer_limit"]).is_some();
            set |= nested || node.get("http.async_response_buffer_limit").is_some();
        });
    }
    if !set && config.request().max_n > 1 {
        let place =
            document.field("layered_runtime").or_else(|| document.field("static_resources"));
        findings.push(Finding::warning(
            "`http.async_response_buffer_limit` is missing in `layered_runtime`",
            place.map_or(0..0, |field| field.span.clone()),
            "with `n` over 1 each further image is a side call, and Envoy gives up on one of more than 32 MiB",
        ));
    }
}

/// Side calls name their cluster themselves. Where a control plane adds clusters, the file does not tell.
fn check_clusters(document: &Node, config: &Config, findings: &mut Vec<Finding>) {
    if document.at(&["dynamic_resources", "cds_config"]).is_some() {
        return;
    }
    let clusters = document.at(&["static_resources", "clusters"]);
    let names: Vec<_> = clusters
        .map(Node::items)
        .unwrap_or_default()
        .iter()
        .filter_map(|cluster| cluster.get("name").and_then(Node::text))
        .collect();
    let upstreams = config
        .upstreams()
        .map(|upstream| (upstream.cluster(), format!("the upstream `{}`", upstream.name())));
    let engine =
        config.service().map(|service| (service.cluster.as_str(), "the engine".to_owned()));
    for (cluster, whose) in upstreams.chain(engine).filter(|(cluster, _)| !names.contains(cluster))
    {
        findings.push(Finding::warning(
            format!("there is no cluster `{cluster}` for {whose}"),
            document.locate("/static_resources/clusters"),
            "the filter calls it by this name: the further images of a request with `n` over 1, or the rate-limit service",
        ));
    }
}

/// Something that cannot be seen here.
fn note(title: &str, span: std::ops::Range<usize>) -> Finding {
    Finding { level: Level::Note, title: title.to_owned(), span, notes: Vec::new() }
}

/// A number, also where it is written as text.
fn whole(node: &Node) -> Option<f64> {
    match &node.kind {
        Kind::Number(number) => Some(*number),
        Kind::Text(text) => text.value.parse().ok(),
        _ => None,
    }
}

/// A duration of protobuf's JSON: seconds and an `s`.
fn duration(text: &str) -> Option<Duration> {
    let seconds: f64 = text.strip_suffix('s')?.parse().ok()?;
    Duration::try_from_secs_f64(seconds).ok()
}

/// Of Envoy.
const DEFAULT_IDLE: Duration = Duration::from_secs(300);

//! What a bootstrap has for side calls: clusters by name, and room for their answers.

use super::super::facts::Facts;
use super::super::finding::Finding;
use super::super::tree::Node;
use super::{number, place_of, route};

/// Looks at the clusters and the runtime of a bootstrap.
pub(super) fn check(document: &Node, facts: &Facts, findings: &mut Vec<Finding>) {
    check_runtime(document, facts, findings);
    check_names(document, facts, findings);
}

/// Answers of side calls are buffered whole.
fn check_runtime(document: &Node, facts: &Facts, findings: &mut Vec<Finding>) {
    let (Some(max_n), Some(largest)) = (facts.max_n, facts.max_image_bytes) else { return };
    // Through the loopback listener the answers of side calls are empty.
    if max_n <= 1 && facts.upstreams.len() <= 1 || facts.loopback.is_some() {
        return;
    }
    let needed = largest.div_ceil(3).saturating_mul(4).saturating_mul(COPIES);
    let mut written = None;
    if let Some(runtime) = document.get("layered_runtime") {
        runtime.walk(&mut |node| {
            let flat = node.field("http.async_response_buffer_limit");
            let nested = node.get("http").and_then(|it| it.field("async_response_buffer_limit"));
            written = flat.or(nested).or(written);
        });
    }
    let why = "with `n` over 1 each further image is a side call, as is each that another upstream \
               is asked for. Envoy buffers its whole answer, which repeats the base64 of the \
               image, and gives up beyond this limit";
    #[expect(clippy::cast_precision_loss, reason = "at most 512 MiB")]
    let is_small = |limit: f64| limit < needed as f64;
    let finding = match written {
        None => {
            let place = match document.field("layered_runtime") {
                Some(_) => place_of(document, "layered_runtime"),
                None => place_of(document, "static_resources"),
            };
            let title = "`http.async_response_buffer_limit` is missing in `layered_runtime`";
            Finding::warning(title, place)
        }
        Some(field) if number(&field.value).is_none_or(is_small) => Finding::warning(
            "`http.async_response_buffer_limit` is too small for `max_image_bytes`",
            field.span.clone(),
        ),
        Some(_) => return,
    };
    findings.push(
        finding
            .why(why)
            .help(format!("{needed} bytes hold four copies of the largest image in base64")),
    );
}

/// The static cluster of this name.
pub(super) fn of_name<'t>(document: &'t Node, name: &str) -> Option<&'t Node> {
    let clusters = document.at(&["static_resources", "clusters"])?.items();
    clusters.iter().find(|it| it.get("name").and_then(Node::text) == Some(name))
}

/// The names of the clusters; `None` if others may come from a control plane.
fn names(document: &Node) -> Option<Vec<&str>> {
    if document.at(&["dynamic_resources", "cds_config"]).is_some() {
        return None;
    }
    let clusters = document.at(&["static_resources", "clusters"]);
    let clusters = clusters.map(Node::items).unwrap_or_default().iter();
    Some(clusters.filter_map(|cluster| cluster.get("name").and_then(Node::text)).collect())
}

/// Looks for the clusters of the routes that the filter chooses.
pub(super) fn check_routes(document: &Node, table: &Node, findings: &mut Vec<Finding>) {
    let Some(names) = names(document) else { return };
    let hosts = table.get("virtual_hosts").map(Node::items).unwrap_or_default().iter();
    let routes = hosts.flat_map(|host| route::of(host, table));
    for route in routes.filter(|route| route.choice().is_some()) {
        for (name, span) in route.clusters().into_iter().filter(|(it, _)| !names.contains(it)) {
            findings.push(
                Finding::error(format!("there is no cluster `{name}`"), span)
                    .why("this route leads the requests of an upstream there"),
            );
        }
    }
}

/// Side calls name their cluster themselves.
fn check_names(document: &Node, facts: &Facts, findings: &mut Vec<Finding>) {
    let Some(names) = names(document) else { return };
    let upstreams = facts.upstreams.iter().filter_map(|upstream| {
        let whose = format!("the upstream `{}`", upstream.name);
        upstream.cluster.as_deref().map(|cluster| (cluster, whose))
    });
    let service = facts.service.as_deref().map(|cluster| (cluster, "the engine".to_owned()));
    let loopback = facts.loopback.as_deref();
    let loopback = loopback.map(|cluster| (cluster, "the loopback listener".to_owned()));
    let list = facts.list.as_deref().map(|cluster| (cluster, "`consumers_from`".to_owned()));
    let all = upstreams.chain(service).chain(list).chain(loopback);
    for (cluster, whose) in all.filter(|(cluster, _)| !names.contains(cluster)) {
        findings.push(
            Finding::error(
                format!("there is no cluster `{cluster}` for {whose}"),
                document.locate("/static_resources/clusters"),
            )
            .why(
                "the filter calls it by this name: for the further images of a request with `n` \
                 over 1, after a refusal of another upstream, to count limits, or to read a list of \
                 consumers",
            )
            .help("name a cluster of this bootstrap in `cluster`"),
        );
    }
}

/// How often the stream of an upstream may repeat an image.
const COPIES: usize = 4;

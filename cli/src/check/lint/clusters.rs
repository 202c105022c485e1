//! What a bootstrap has for side calls: clusters by name, and room for their answers.

use std::ops::Range;

use super::super::facts::Facts;
use super::super::finding::Finding;
use super::super::patches::{MESH, REMOVED};
use super::super::tree::Node;
use super::super::words;
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

/// The clusters that a bootstrap has.
struct Known<'t> {
    names: Vec<&'t str>,
    /// It is made of the patches of a mesh. Others may be in files that were not named.
    is_of_patches: bool,
    /// What selects the clusters of the mesh's own that patches remove.
    removed: &'t [Node],
}

impl<'t> Known<'t> {
    /// `None` if others may come from a control plane.
    fn of(document: &'t Node) -> Option<Self> {
        let is_of_patches = document.get(MESH).is_some();
        if !is_of_patches && document.at(&["dynamic_resources", "cds_config"]).is_some() {
            return None;
        }
        let clusters = document.at(&["static_resources", "clusters"]);
        let clusters = clusters.map(Node::items).unwrap_or_default().iter();
        let names = clusters.filter_map(|cluster| cluster.get("name").and_then(Node::text));
        let removed = document.get(REMOVED).map(Node::items).unwrap_or_default();
        Some(Self { names: names.collect(), is_of_patches, removed })
    }

    /// Istio writes `outbound|443||host` for the clusters that it makes itself, and Envoy Gateway
    /// `httproute/namespace/name/rule/0`.
    fn has(&self, name: &str) -> bool {
        let is_of_mesh = self.is_of_patches && name.contains(['|', '/']);
        self.names.contains(&name) || (is_of_mesh && !self.is_removed(name))
    }

    fn is_removed(&self, name: &str) -> bool {
        name.contains('|') && self.removed.iter().any(|it| selects(it, name))
    }

    /// That there is no such cluster. `whose` begins with a space.
    fn lack(&self, name: &str, whose: &str, span: Range<usize>) -> Finding {
        let is_removed = self.is_removed(name);
        let name = words::named(name);
        if is_removed {
            Finding::error(format!("a patch removes the cluster `{name}`{whose}"), span)
        } else if self.is_of_patches {
            let title = format!("no patch in these files adds the cluster `{name}`{whose}");
            Finding::warning(title, span)
        } else {
            Finding::error(format!("there is no cluster `{name}`{whose}"), span)
        }
    }
}

/// Whether the `match` of a patch selects this cluster of Istio's own.
fn selects(place: &Node, name: &str) -> bool {
    let is = |field: &str, own: Option<&str>| {
        let wanted = place.get(field).map(|it| {
            it.text().map_or_else(
                || number(it).map(|it| it.to_string()).unwrap_or_default(),
                str::to_owned,
            )
        });
        wanted.filter(|it| !it.is_empty()).is_none_or(|it| Some(it.as_str()) == own)
    };
    // `outbound|port|subset|host`
    let mut parts = name.split('|').skip(1);
    let [port, subset, host] = std::array::from_fn(|_| parts.next());
    is("name", Some(name)) && is("portNumber", port) && is("subset", subset) && is("service", host)
}

/// Looks for the clusters of the routes that the filter chooses.
pub(super) fn check_routes(document: &Node, table: &Node, findings: &mut Vec<Finding>) {
    let Some(known) = Known::of(document) else { return };
    let hosts = table.get("virtual_hosts").map(Node::items).unwrap_or_default().iter();
    let routes = hosts.flat_map(|host| route::of(host, table));
    for route in routes.filter(|route| route.choice().is_some()) {
        for (name, span) in route.clusters().into_iter().filter(|(it, _)| !known.has(it)) {
            let finding = known.lack(name, "", span);
            let finding = finding.why("this route leads the requests of an upstream there");
            let may_be_elsewhere = known.is_of_patches && !known.is_removed(name);
            findings.push(if may_be_elsewhere { finding.help(OTHER_FILE) } else { finding });
        }
    }
}

/// Side calls name their cluster themselves.
fn check_names(document: &Node, facts: &Facts, findings: &mut Vec<Finding>) {
    let Some(known) = Known::of(document) else { return };
    let upstreams = facts.upstreams.iter().filter_map(|upstream| {
        let whose = format!("the upstream `{}`", upstream.name);
        upstream.cluster.as_deref().map(|cluster| (cluster, whose))
    });
    // With a loopback listener their side calls take its routes.
    let upstreams = upstreams.filter(|_| !(known.is_of_patches && facts.loopback.is_some()));
    let service = facts.service.as_deref().map(|cluster| (cluster, "the engine".to_owned()));
    let loopback = facts.loopback.as_deref();
    let loopback = loopback.map(|cluster| (cluster, "the loopback listener".to_owned()));
    let list = facts.list.as_deref().map(|cluster| (cluster, "`consumers_from`".to_owned()));
    let all = upstreams.chain(service).chain(list).chain(loopback);
    for (cluster, whose) in all.filter(|(cluster, _)| !known.has(cluster)) {
        let place = document.locate("/static_resources/clusters");
        let help = match known.is_of_patches {
            _ if known.is_removed(cluster) => OTHER_MATCH,
            true => OTHER_FILE,
            false => OWN_CLUSTER,
        };
        let finding = known.lack(cluster, &format!(" for {whose}"), place).why(
            "the filter calls it by this name: for the further images of a request with `n` over \
             1, after a refusal of another upstream, to count limits, or to read a list of \
             consumers",
        );
        findings.push(finding.help(help));
    }
}

/// How often the stream of an upstream may repeat an image.
const COPIES: usize = 4;
const OTHER_FILE: &str = "name the file that adds it in the same call";
const OTHER_MATCH: &str = "name other clusters in `match.cluster` of that patch";
const OWN_CLUSTER: &str = "name a cluster of this bootstrap in `cluster`";

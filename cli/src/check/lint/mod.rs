//! What the filter needs of Envoy and cannot see itself.
//!
//! Errors make every request fail, make Envoy or the filter reject its configuration, or open a way
//! to the upstream without a key. Warnings fail sometimes. Notes name what this tool cannot see.

mod bypass;
mod clusters;
mod gate;
mod loopback;
mod manager;
mod mesh;
mod route;
mod routes;
mod settings;
mod switch;
mod way;

use std::ops::Range;
use std::time::Duration;

use super::facts::{Facts, RouteMatch};
use super::finding::Finding;
use super::judge::Judged;
use super::patches;
use super::policy::{self, Filter, Search};
use super::tree::{Kind, Node};
use gate::Gate;

/// The contents of all documents of all files.
pub(crate) struct Scope<'t> {
    /// All connection managers with our filter.
    gates: Vec<Gate<'t>>,
    /// All resources that are route configurations, with their documents.
    tables: Vec<(&'t Node, &'t Node)>,
    /// The names of the filters whose configuration is not inline.
    discoverers: Vec<&'t str>,
    /// The patches of all resources that search for a filter.
    searches: Vec<Search<'t>>,
    /// The filters of all EnvoyExtensionPolicies.
    of_policies: Vec<Filter<'t>>,
}

impl<'t> Scope<'t> {
    /// Looks through all documents, each with its configurations.
    pub(crate) fn new(documents: &[(&'t Node, &'t [Judged<'t>])]) -> Self {
        let all = documents.iter().flat_map(|(_, judged)| judged.iter());
        let extensions: Vec<_> =
            documents.iter().flat_map(|(document, _)| patches::extensions(document)).collect();
        let is_extension = |entry: &&Node| {
            is_type(entry, ".TypedExtensionConfig")
                || extensions.iter().any(|it| std::ptr::eq(*it, *entry))
        };
        let discovered = all.filter_map(|it| {
            let plugin = it.plugin.as_ref()?;
            let name = match plugin.resource {
                Some(resource) => mesh::filter_of(resource, plugin.owner)?.name,
                None => {
                    plugin.entry.filter(is_extension)?;
                    plugin.name()?.to_owned()
                }
            };
            it.outcome.facts.as_ref().map(|facts| (name, facts))
        });
        let discovered: Vec<_> = discovered.collect();
        let trees = || documents.iter().map(|(document, _)| *document);
        let searches = trees().flat_map(policy::searches).collect();
        let of_policies = trees().flat_map(policy::filters).collect();
        let (mut tables, mut discoverers) = (Vec::new(), Vec::new());
        for (document, _) in documents {
            document.walk(&mut |node| {
                if is_type(node, ".RouteConfiguration") {
                    tables.push((*document, node));
                }
                let discovery = node.get("config_discovery").and_then(|_| node.get("name"));
                discoverers.extend(discovery.and_then(Node::text));
            });
        }
        let gates = documents
            .iter()
            .flat_map(|(document, judged)| gate::find(document, judged, &discovered, &tables));
        Self { gates: gates.collect(), tables, discoverers, searches, of_policies }
    }

    /// The gates whose routes are in the document.
    fn routed(&self, document: &Node) -> impl Iterator<Item = (&Gate<'t>, &'t Node)> {
        let tables = self.gates.iter().filter_map(|gate| gate.table.map(|it| (gate, it)));
        tables
            .filter(move |(_, (it, _))| std::ptr::eq(*it, document))
            .map(|(gate, it)| (gate, it.1))
    }
}

/// Checks everything around the configurations of a document. Returns how many of the checked
/// connection managers have their filters or routes elsewhere.
pub(crate) fn check(
    document: &Node,
    judged: &[Judged<'_>],
    scope: &Scope<'_>,
    findings: &mut Vec<Finding>,
) -> usize {
    judged.iter().for_each(|it| check_plugin(it, scope, findings));
    let gates: Vec<_> =
        scope.gates.iter().filter(|gate| std::ptr::eq(gate.document, document)).collect();
    for gate in &gates {
        manager::check(gate, findings);
    }
    let is_bootstrap = document.get("static_resources").is_some();
    for (gate, table) in scope.routed(document) {
        routes::check(gate, table, findings);
        if is_bootstrap {
            clusters::check_routes(document, table, findings);
        }
    }
    mesh::check_searches(document, &scope.of_policies, findings);
    bypass::check(document, scope, findings);
    loopback::check(document, &gates, findings);
    if is_bootstrap {
        let facts = gates.iter().filter_map(|gate| gate.facts);
        facts.for_each(|facts| clusters::check(document, facts, findings));
    }
    note_what_is_unseen(judged, scope, findings);
    let others = scope.routed(document).filter(|(gate, _)| !std::ptr::eq(gate.document, document));
    gates.iter().filter(|gate| gate.is_discovered).count() + others.count()
}

fn check_plugin(judged: &Judged<'_>, scope: &Scope<'_>, findings: &mut Vec<Finding>) {
    let Some(plugin) = &judged.plugin else { return };
    let variables = &judged.outcome.variables;
    if let Some(settings) = plugin.settings {
        settings::check(settings, variables, findings);
    }
    if let Some(resource) = plugin.resource {
        mesh::check(resource, plugin.owner, variables, &scope.searches, findings);
    }
    let by_header = |facts: &Facts| facts.route_match == RouteMatch::Header;
    if judged.outcome.facts.as_ref().is_some_and(by_header) {
        let tree = judged.outcome.tree.as_ref();
        let place = tree.and_then(|tree| tree.field("route_match")).map(|it| it.span.clone());
        let place = place.unwrap_or_else(|| plugin.owner.locate(""));
        findings.push(
            Finding::warning("routes match a header that a client can send", place)
                .why(
                    "where the filter is disabled, and on listeners without it, whoever sends \
                     `x-imagegate-upstream` reaches the upstream without a key",
                )
                .help(
                    "match the filter state `wasm.imagegate_upstream`, and leave `route_match` out",
                ),
        );
    }
}

/// A filter without its connection manager is all that an EnvoyFilter shows.
fn note_what_is_unseen(judged: &[Judged<'_>], scope: &Scope<'_>, findings: &mut Vec<Finding>) {
    let plugins = judged.iter().filter_map(|it| it.plugin.as_ref());
    let unnamed =
        plugins.filter(|it| it.name().is_none_or(|name| !scope.discoverers.contains(&name)));
    for plugin in unnamed {
        let Some(settings) = plugin.settings else { continue };
        if scope.gates.iter().any(|gate| gate.settings.is_some_and(|it| std::ptr::eq(it, settings)))
        {
            continue;
        }
        findings.push(Finding::note("only the filter is seen here", settings.locate("")).with(
            "unseen",
            "the routes, their timeouts and host rewrites, `stream_idle_timeout`, \
             `local_reply_config`, `request_body_buffer_limit`, the clusters",
        ));
        let disabled = plugin.entry.and_then(|entry| entry.field("disabled"));
        if let Some(field) = disabled.filter(|field| field.value.is_true()) {
            findings.push(
                Finding::warning(
                    "the filter is disabled where no route enables it",
                    field.span.clone(),
                )
                .why("image requests on other routes pass without it, and nobody asks for a key"),
            );
        }
    }
}

/// Whether the `@type` of an object ends so.
fn is_type(node: &Node, end: &str) -> bool {
    node.get("@type").and_then(Node::text).is_some_and(|it| it.ends_with(end))
}

/// A number, also if it is written as text.
fn number(node: &Node) -> Option<f64> {
    match &node.kind {
        Kind::Number(number) => Some(*number),
        Kind::Text(text) => text.value.parse().ok(),
        _ => None,
    }
}

/// A duration of protobuf's JSON: seconds and an `s`.
fn duration(node: &Node) -> Option<Duration> {
    let seconds: f64 = node.text()?.strip_suffix('s')?.parse().ok()?;
    Duration::try_from_secs_f64(seconds).ok()
}

/// The name of the field, or else its object.
fn place_of(node: &Node, name: &str) -> Range<usize> {
    node.field(name).map_or_else(|| node.locate(""), |field| field.span.clone())
}

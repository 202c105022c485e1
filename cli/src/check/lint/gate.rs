//! Connection managers with our filter in them.

use super::super::facts::Facts;
use super::super::find;
use super::super::judge::Judged;
use super::super::tree::Node;
use super::is_type;

/// A connection manager with our filter.
pub(super) struct Gate<'t> {
    pub(super) document: &'t Node,
    pub(super) manager: &'t Node,
    /// Its route configuration, with the document that holds it; `None` if that comes from a
    /// control plane or from a file that was not named.
    pub(super) table: Option<(&'t Node, &'t Node)>,
    /// The entry of `http_filters`.
    pub(super) filter: &'t Node,
    /// The filter's name, by which routes disable it.
    pub(super) name: &'t str,
    /// Its settings, if they are in the document.
    pub(super) settings: Option<&'t Node>,
    /// What its configuration requires. `None` if it is not in the files or cannot be read.
    pub(super) facts: Option<&'t Facts>,
    /// Its configuration comes by `config_discovery`.
    pub(super) is_discovered: bool,
}

/// The gates of a document. The configurations that may be `discovered` have names; so have the
/// route configurations in `tables`, which stand beside their documents.
pub(super) fn find<'t>(
    document: &'t Node,
    judged: &'t [Judged<'t>],
    discovered: &[(String, &'t Facts)],
    tables: &[(&'t Node, &'t Node)],
) -> Vec<Gate<'t>> {
    let mut gates = Vec::new();
    document.walk(&mut |manager| {
        if !is_type(manager, ".HttpConnectionManager") {
            return;
        }
        let own = manager.get("route_config").map(|table| (document, table));
        let table = own.or_else(|| by_name(manager, tables));
        let filters = manager.get("http_filters").map(Node::items).unwrap_or_default();
        gates.extend(filters.iter().filter_map(|filter| {
            let (settings, facts) = of_filter(filter, judged, discovered)?;
            let name = filter.get("name").and_then(Node::text).unwrap_or_default();
            let is_discovered = settings.is_none();
            Some(Gate { document, manager, table, filter, name, settings, facts, is_discovered })
        }));
    });
    gates
}

fn by_name<'t>(manager: &'t Node, tables: &[(&'t Node, &'t Node)]) -> Option<(&'t Node, &'t Node)> {
    let name = manager.at(&["rds", "route_config_name"]).and_then(Node::text)?;
    let is_it = |(_, table): &&(&Node, &Node)| table.get("name").and_then(Node::text) == Some(name);
    tables.iter().find(is_it).copied()
}

/// The settings of a filter, if they are here, and what its configuration requires. `None` for
/// other filters.
fn of_filter<'t>(
    filter: &'t Node,
    judged: &'t [Judged<'t>],
    discovered: &[(String, &'t Facts)],
) -> Option<(Option<&'t Node>, Option<&'t Facts>)> {
    if filter.get("config_discovery").is_some() {
        let name = filter.get("name").and_then(Node::text).unwrap_or_default();
        let known = discovered.iter().find(|(it, _)| it == name).map(|(_, facts)| *facts);
        return (known.is_some() || find::mentions(filter)).then_some((None, known));
    }
    let settings = find::settings(filter.get("typed_config")?)?;
    let is_it = |it: &&Judged<'_>| {
        let own = it.plugin.as_ref().and_then(|plugin| plugin.settings);
        own.is_some_and(|own| std::ptr::eq(own, settings))
    };
    Some((Some(settings), judged.iter().find(is_it)?.outcome.facts.as_ref()))
}

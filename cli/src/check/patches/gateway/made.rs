//! What Envoy Gateway makes of a Gateway, while patches go over it.

use std::collections::BTreeMap;

use super::super::super::finding::Finding;
use super::super::super::patched::{MANAGER, patched};
use super::super::super::policy::{Filter, Search};
use super::super::super::tree::{Field, Kind, Node};
use super::super::Share;
use super::super::node::Place;
use super::super::parts::{Manager, Parts};
use super::routes::Table;

/// Listeners, route configurations and clusters.
pub(super) struct Made {
    parts: Parts,
    /// Fields of each connection manager.
    fields: Vec<Field>,
    /// The connection managers by their listeners.
    managers: BTreeMap<String, Manager>,
    /// The route configurations by their names.
    tables: BTreeMap<String, Table>,
    /// One with the patches of all.
    table: Table,
}

impl Made {
    pub(super) fn new(parts: Parts, fields: Vec<Field>) -> Self {
        let (table, tables) = (Table::new(&parts.at), BTreeMap::new());
        Self { parts, fields, managers: BTreeMap::new(), tables, table }
    }

    fn manager(&mut self, listener: &str) -> &mut Manager {
        let fields = &self.fields;
        let new = || Manager { fields: fields.clone(), ..Manager::default() };
        self.managers.entry(listener.to_owned()).or_insert_with(new)
    }

    /// Applies a patch.
    pub(super) fn patch(&mut self, patch: &Node, share: Share) {
        let has_path = |it: &&Node| it.get("path").is_none_or(|path| path.text().is_some());
        let Some(operation) = patch.get("operation").filter(has_path) else { return };
        let text = |name| operation.get(name).and_then(Node::text).unwrap_or_default();
        let [kind, name] =
            ["type", "name"].map(|it| patch.get(it).and_then(Node::text).unwrap_or_default());
        if let Some(json_path) = operation.get("jsonPath") {
            let is_seen = kind.ends_with(".Cluster") || Search::of(patch).is_some();
            return match found_in_manager(operation) {
                _ if is_seen || share == Share::Clusters => {}
                Some(path) => in_manager(self.manager(name), operation, &path),
                None => self.parts.findings.push(unseen(json_path)),
            };
        }
        let is_added = text("op") == "add" && text("path").is_empty();
        let added = operation.get("value").filter(|_| is_added);
        match (kind.rsplit('.').next(), added) {
            (Some("Cluster"), Some(value)) => self.parts.clusters.push(value.clone()),
            (Some("Cluster"), None) => run_in(&mut self.parts.clusters, name, operation),
            _ if share == Share::Clusters => {}
            (Some("Listener"), Some(value)) => self.parts.listeners.push(value.clone()),
            (Some("Listener"), None)
                if self.parts.listeners.iter().any(|it| is_named(it, name)) =>
            {
                run_in(&mut self.parts.listeners, name, operation);
            }
            (Some("Listener"), None) => {
                if let Some(path) = path_in_manager(text("path")) {
                    in_manager(self.manager(name), operation, path);
                }
            }
            (Some("RouteConfiguration"), _) => self.patch_table(name, operation),
            _ => {}
        }
    }

    fn patch_table(&mut self, name: &str, operation: &Node) {
        if !self.table.patch(operation) {
            self.parts.findings.push(no_table(operation));
        }
        let at = &self.parts.at;
        let table = self.tables.entry(name.to_owned());
        table.or_insert_with(|| Table::new(at)).patch(operation);
    }

    /// Adds the filter of a policy to the listeners whose patches search for it. Its configuration
    /// is in the policy.
    pub(super) fn add_filter(&mut self, filter: &Filter<'_>, patches: &[Node], is_enabled: bool) {
        let finds = |it: &&Node| Search::of(it).is_some_and(|it| it.finds(filter));
        for patch in patches.iter().filter(finds) {
            let listener = patch.get("name").and_then(Node::text).unwrap_or_default();
            let entry = filter_of_policy(&self.parts.at, &filter.name, !is_enabled);
            let manager = self.manager(listener);
            if !manager.filters.iter().any(|it| is_named(it, &filter.name)) {
                manager.filters.push(entry);
            }
        }
    }

    /// The parts. A listener and its routes have one name, unless Envoy Gateway is configured to
    /// name them in another way.
    pub(super) fn into_parts(self) -> Parts {
        let Self { mut parts, managers, mut tables, table, .. } = self;
        let is_named = managers.keys().any(|name| tables.contains_key(name));
        for (listener, manager) in managers {
            let own = if is_named { tables.remove(&listener) } else { Some(table.clone()) };
            let table = own.and_then(|it| it.into_tree(&parts.at));
            parts.managers.push(Manager { table, ..manager });
        }
        parts
    }
}

fn no_table(operation: &Node) -> Finding {
    let at = operation.get("path").unwrap_or(operation).locate("");
    Finding::error("after the patch there is no route configuration", at)
        .with("accepted", "a list of objects in `virtual_hosts`, and in their `routes`")
        .why("Envoy Gateway does not apply such a patch")
}

fn is_named(resource: &Node, name: &str) -> bool {
    resource.get("name").and_then(Node::text) == Some(name)
}

/// Applies an operation to the resource of this name.
fn run_in(resources: &mut [Node], name: &str, operation: &Node) {
    let path = operation.get("path").and_then(Node::text).unwrap_or_default();
    if let Some(resource) = resources.iter_mut().find(|it| is_named(it, name))
        && let Some(changed) = patched(resource, operation, path)
    {
        *resource = changed;
    }
}

/// A patch of a connection manager that Envoy Gateway makes, at this path in it.
fn in_manager(manager: &mut Manager, operation: &Node, path: &str) {
    let text = |name| operation.get(name).and_then(Node::text).unwrap_or_default();
    match path.strip_prefix("/http_filters/") {
        // What the patches make of the filter itself is known already.
        Some(at) => {
            let is_entry = text("op") != "test" && !at.contains('/');
            manager.filters.extend(operation.get("value").filter(|_| is_entry).cloned());
        }
        None => {
            let span = operation.span.clone();
            let fields = Kind::Object(std::mem::take(&mut manager.fields));
            let tree = Node { span, kind: fields };
            let tree = patched(&tree, operation, path).unwrap_or(tree);
            if let Kind::Object(fields) = tree.kind {
                manager.fields = fields;
            }
        }
    }
}

/// The rest of the path to a value in the connection manager.
fn path_in_manager(path: &str) -> Option<&str> {
    let default = path.strip_prefix("/default_filter_chain/filters/");
    let numbered = || path.strip_prefix("/filter_chains/")?.split_once("/filters/").map(|it| it.1);
    let rest = default.or_else(numbered)?;
    let at = rest.find("/typed_config/").filter(|at| rest.find('/') == Some(*at))?;
    rest.get(at + "/typed_config".len()..)
}

/// The path in the connection manager, if a `jsonPath` finds that by its name.
fn found_in_manager(operation: &Node) -> Option<String> {
    let text = |name: &str| operation.get(name).and_then(Node::text);
    let (before, after) = text("jsonPath")?.split_once(MANAGER)?;
    let is_search = before.contains("filters[?(@.name") && !before.contains("http_filters");
    let rest = after.trim_start_matches(['\'', '"']).trim_start_matches([' ', ')', ']']);
    let rest = rest.strip_prefix(".typed_config").filter(|_| is_search)?;
    Some(rest.replace('.', "/") + text("path").unwrap_or_default())
}

fn unseen(json_path: &Node) -> Finding {
    let title = "the patch was not followed: what its `jsonPath` finds is not known here";
    Finding::note(title, json_path.locate(""))
}

/// The filter that Envoy Gateway makes of a policy.
fn filter_of_policy(at: &Place, name: &str, is_disabled: bool) -> Node {
    let disabled = Node { span: at.0.clone(), kind: Kind::Bool(is_disabled) };
    at.object(vec![
        at.field("name", at.text(name)),
        at.field("disabled", disabled),
        at.field("config_discovery", at.object(Vec::new())),
    ])
}

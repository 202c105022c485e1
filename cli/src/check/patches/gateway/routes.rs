//! The route configuration of Envoy Gateway, with the JSON patches of it. It has one virtual host
//! here: which others Envoy Gateway makes, and which routes, is not known.

use std::ops::Range;

use super::super::super::patched::patched;
use super::super::super::tree::{Field, Kind, Node, segments};
use super::super::node::Place;

/// A route configuration while patches go over it.
#[derive(Clone)]
pub(super) struct Table {
    tree: Node,
    /// The place of the last patch after which all routes are known.
    whole: Option<Range<usize>>,
}

impl Table {
    pub(super) fn new(at: &Place) -> Self {
        let routes = at.field("routes", at.list(Vec::new()));
        let host = at.object(vec![at.field("name", at.text("images")), routes]);
        let hosts = at.field(HOSTS, at.list(vec![host]));
        Self { tree: at.object(vec![hosts]), whole: None }
    }

    /// Applies an operation. One that fails changes nothing: it may be about what is not known
    /// here. `false` if it cannot be right.
    pub(super) fn patch(&mut self, operation: &Node) -> bool {
        let text = |name: &str| operation.get(name).and_then(Node::text).unwrap_or_default();
        let (op, path) = (text("op"), text("path"));
        let names: Vec<_> = segments(path).collect();
        let names: Vec<_> = names.iter().map(String::as_str).collect();
        let is_whole = match names[..] {
            [HOSTS, _] => op != "add",
            [] | [HOSTS] | [HOSTS, _, ROUTES] => op != "test",
            _ => false,
        };
        let path = match names[..] {
            // After those that Envoy Gateway has made.
            [HOSTS, _] if op == "add" => format!("/{HOSTS}/-"),
            [HOSTS, host, ..] => self.path(op, path, host, &names),
            _ => path.to_owned(),
        };
        let Some(tree) = patched(&self.tree, operation, &path) else { return true };
        if !is_table(&tree) {
            return false;
        }
        self.tree = tree;
        if is_whole {
            self.whole = Some(operation.get("path").unwrap_or(operation).span.clone());
        }
        true
    }

    /// The path in the virtual host that is known.
    fn path(&self, op: &str, path: &str, host: &str, names: &[&str]) -> String {
        let hosts = self.tree.get(HOSTS).map(Node::items).unwrap_or_default();
        let last = hosts.len().saturating_sub(1);
        let at = host.parse().unwrap_or(last).min(last);
        let rest = path.splitn(4, '/').nth(3);
        let Some(rest) = rest else { return path.to_owned() };
        let routes = hosts.get(at).and_then(|it| it.get(ROUTES)).map_or(&[][..], Node::items);
        let is_after = |it: &str| it.parse().is_ok_and(|it: usize| it > routes.len());
        match names {
            // After those that Envoy Gateway has made.
            [_, _, ROUTES, index] if op == "add" && is_after(index) => {
                format!("/{HOSTS}/{at}/{ROUTES}/-")
            }
            _ => format!("/{HOSTS}/{at}/{rest}"),
        }
    }

    /// The route configuration. `None` if all routes are those of Envoy Gateway.
    pub(super) fn into_tree(self, at: &Place) -> Option<Node> {
        let Kind::Object(fields) = self.tree.kind else { return None };
        let (hosts, fields): (Vec<_>, Vec<_>) = fields.into_iter().partition(|it| it.name == HOSTS);
        let mut hosts: Vec<_> = hosts.iter().flat_map(|it| it.value.items()).cloned().collect();
        match self.whole {
            None if !hosts.iter().any(has_routes) => return None,
            Some(place) => {
                if hosts.is_empty() {
                    hosts.push(at.host(Vec::new(), Vec::new()));
                }
                hosts.iter_mut().for_each(|it| mark(it, &place));
            }
            None => {}
        }
        Some(at.table(fields, hosts))
    }
}

/// Whether it has the form of a route configuration.
fn is_table(tree: &Node) -> bool {
    let is_object = |it: &Node| matches!(it.kind, Kind::Object(_));
    let is_list = |it: &Node| matches!(it.kind, Kind::List(_) | Kind::Null);
    let is_host = |it: &Node| {
        let routes = it.get(ROUTES);
        is_object(it) && routes.is_none_or(|it| is_list(it) && it.items().iter().all(is_object))
    };
    let hosts = tree.get(HOSTS);
    is_object(tree) && hosts.is_none_or(|it| is_list(it) && it.items().iter().all(is_host))
}

fn has_routes(host: &Node) -> bool {
    host.get(ROUTES).is_some_and(|routes| !routes.items().is_empty())
}

/// If a host has no routes, their place is that of the patch that took them away.
fn mark(host: &mut Node, place: &Range<usize>) {
    let is_empty = !has_routes(host);
    if let Kind::Object(fields) = &mut host.kind
        && is_empty
    {
        fields.retain(|it| it.name != ROUTES);
        let value = Node { span: place.clone(), kind: Kind::List(Vec::new()) };
        fields.push(Field { name: ROUTES.to_owned(), span: place.clone(), value });
    }
}

const HOSTS: &str = "virtual_hosts";
const ROUTES: &str = "routes";

//! One patch of an EnvoyFilter.

use super::super::super::find::{self, Found, LOOPBACK_ROOT_ID};
use super::super::super::tree::Node;
use super::super::Resource;
use super::super::filter::{Filter, entries};
use super::super::log::{Entry, Log};
use super::around::MANAGER;
use super::cover::{Cover, FILTER_CHAIN, LISTENER, cover};

/// A patch, and what Istio looks at.
pub(super) struct Patch<'r> {
    pub(super) resource: &'r Resource,
    /// The number of the resource.
    number: usize,
    /// Its number in the resource.
    index: usize,
    pub(super) node: &'r Node,
    pub(super) apply_to: &'r str,
    pub(super) operation: &'r str,
    /// Where it applies: `GATEWAY`, or another part of a mesh.
    context: &'r str,
    /// The name of the HTTP filter that it looks for.
    pub(super) wanted: Option<&'r Node>,
    pub(super) value: Option<&'r Node>,
}

impl<'r> Patch<'r> {
    pub(super) fn of(resource: &'r Resource, number: usize, index: usize, node: &'r Node) -> Self {
        let text = |path: &[&str]| node.at(path).and_then(Node::text);
        let path = ["match", "listener", "filterChain", "filter", "subFilter", "name"];
        Self {
            resource,
            number,
            index,
            node,
            apply_to: text(&["applyTo"]).unwrap_or_default(),
            operation: text(&["patch", "operation"]).unwrap_or_default(),
            context: text(&["match", "context"]).unwrap_or(ANY),
            wanted: node.at(&path),
            value: node.at(&["patch", "value"]),
        }
    }

    /// Whether it is about an HTTP filter.
    pub(super) fn is_of_filter(&self) -> bool {
        self.apply_to == "HTTP_FILTER"
    }

    /// imagegate's filter, if it adds that.
    pub(super) fn added(&self) -> Option<Filter> {
        let value = self.value.filter(|it| is_filter(it))?;
        Some(self.filter("", value))
    }

    /// imagegate's filters in the connection manager that it adds, or puts in the place of
    /// Istio's.
    pub(super) fn in_manager(&self) -> Vec<Filter> {
        let name = self.value.and_then(|it| it.get("name")).and_then(Node::text);
        let is_there = name == Some(MANAGER) && !["MERGE", "REMOVE"].contains(&self.operation);
        let Some(value) = self.value.filter(|_| is_there) else { return Vec::new() };
        let filter = |pointer: String| Some(self.filter(&pointer, value.pointed(&pointer)?));
        entries(value).into_iter().filter_map(filter).collect()
    }

    /// The filter at the pointer in the value.
    fn filter(&self, pointer: &str, tree: &Node) -> Filter {
        Filter {
            resource: self.number,
            pointer: format!("/spec/configPatches/{}/patch/value{pointer}", self.index),
            listener: self.context.to_owned(),
            path: Vec::new(),
            tree: tree.clone(),
            changed_by: Vec::new(),
        }
    }

    /// Whether it is a patch of this filter, which `owner` adds.
    pub(super) fn finds(&self, filter: &Filter, owner: &Resource) -> bool {
        let name = filter.tree.get("name").and_then(Node::text);
        let is_it = match self.is_of_filter() {
            true => name.is_some() && self.wanted.and_then(Node::text) == name,
            false => true,
        };
        is_it
            && self.is_context_of(filter)
            && self.resource.is_for_workload_of(owner)
            && self.covers(filter, owner) != Cover::None
    }

    /// Whether it is for the part of the mesh that the filter is in.
    pub(super) fn is_context_of(&self, filter: &Filter) -> bool {
        let contexts = [self.context, filter.listener.as_str()];
        self.context == filter.listener || contexts.contains(&ANY)
    }

    /// How many of the listeners with this filter, which `owner` adds, it is for.
    pub(super) fn covers(&self, filter: &Filter, owner: &Resource) -> Cover {
        let keys = if self.apply_to == "LISTENER" { LISTENER } else { FILTER_CHAIN };
        let adding = owner.tree.pointed(&filter.patch());
        adding.map_or(Cover::Some, |it| cover(self.node, it, keys))
    }

    /// It is no filter of its own.
    pub(super) fn spend(&self, log: &mut Log) {
        log.spend(self.resource, &format!("/spec/configPatches/{}", self.index));
    }

    /// Whether it looks like a patch of imagegate's filter, by names.
    pub(super) fn is_concerned(&self) -> bool {
        let name = self.wanted.and_then(Node::text).unwrap_or_default();
        let is_ours = |it: &Node| matches!(find::find(it), Found::Plugins(_));
        // A whole filter is checked as one.
        let is_whole = self.operation == "REPLACE" && self.value.is_some_and(is_ours);
        let is_named = name.contains(find::NAME) && name != LOOPBACK_ROOT_ID;
        !is_whole && (is_named || self.value.is_some_and(is_ours))
    }

    pub(super) fn entry(&self) -> Entry<'r> {
        let at = self.wanted.or(self.value).unwrap_or(&self.resource.tree);
        let pointer = String::new();
        Entry { resource: self.resource, at: at.locate(""), pointer, value: self.value }
    }

    /// The same, with the place of what is wrong in it.
    pub(super) fn entry_at(&self, pointer: &str) -> Entry<'r> {
        Entry { at: self.node.locate(pointer), ..self.entry() }
    }
}

/// Whether it is imagegate's filter, with its settings or with the source of them.
pub(super) fn is_filter(value: &Node) -> bool {
    entries(value).first().is_some_and(String::is_empty)
        || (value.get("config_discovery").is_some() && find::mentions(value))
}

const ANY: &str = "ANY";

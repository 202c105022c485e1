//! Patches of what is around imagegate's filter: the connection manager, its filter chain, and the
//! listener. Istio applies them before those of HTTP filters, whatever the order of the patches.

use super::super::super::find::{self, Found};
use super::super::super::finding::Finding;
use super::super::super::tree::Node;
use super::super::filter::Filter;
use super::super::log::Log;
use super::State;
use super::cover::Cover;
use super::patch::Patch;

impl<'r> State<'r> {
    /// Looks for patches that leave no place for the filter.
    pub(super) fn tell_around(&self, patches: &'r [Patch<'r>], log: &mut Log) {
        for (number, patch) in patches.iter().enumerate().filter(|(_, it)| takes_place(it)) {
            let met = self.found(patch);
            let met = met.into_iter().filter_map(|index| self.filters.get(index));
            let lost: Vec<_> =
                met.filter(|filter| !self.has_place(filter, patches, number)).collect();
            let Some(first) = lost.first() else { continue };
            let entry = patch.entry_at("/patch/operation");
            let owner = self.resources.get(first.resource);
            let is_all = owner.is_some_and(|it| patch.covers(first, it) == Cover::All);
            let what = what(patch.apply_to);
            log.failed(&entry, if is_all { gone(what, &entry.at) } else { some(what, &entry.at) });
        }
    }

    /// Whether another patch than that of this number makes a place for the filter: a connection
    /// manager, which gets the filter if it is added after the other is removed, or anything with
    /// imagegate in it.
    fn has_place(&self, filter: &Filter, patches: &[Patch<'_>], number: usize) -> bool {
        let Some(owner) = self.resources.get(filter.resource) else { return false };
        patches.iter().enumerate().any(|(other, patch)| {
            let is_added = patch.operation == "ADD" || patch.operation.starts_with("INSERT_");
            let is_manager = patch.apply_to == "NETWORK_FILTER"
                && other > number
                && patch.value.is_some_and(is_manager);
            let is_here = patch.is_context_of(filter) && patch.resource.is_for_workload_of(owner);
            is_added && is_here && !patch.is_of_filter() && (is_manager || has_filter(patch))
        })
    }
}

/// Whether the patch takes something away that HTTP filters are in.
fn takes_place(patch: &Patch<'_>) -> bool {
    match (patch.apply_to, patch.operation) {
        ("LISTENER" | "FILTER_CHAIN", "REMOVE") => true,
        ("NETWORK_FILTER", "REMOVE") => is_of_manager(patch),
        ("NETWORK_FILTER", "REPLACE") => {
            let is_other = |it: &Node| !is_manager(it) && !has_filter(patch);
            is_of_manager(patch) && patch.value.is_some_and(is_other)
        }
        _ => false,
    }
}

/// Whether it looks for the connection manager. Without a name Istio removes and replaces nothing.
fn is_of_manager(patch: &Patch<'_>) -> bool {
    let path = ["match", "listener", "filterChain", "filter", "name"];
    patch.node.at(&path).and_then(Node::text) == Some(MANAGER)
}

/// Whether it is a connection manager that gets the HTTP filters: Istio knows it by the name.
fn is_manager(value: &Node) -> bool {
    value.get("name").and_then(Node::text) == Some(MANAGER)
}

fn has_filter(patch: &Patch<'_>) -> bool {
    patch.value.is_some_and(|it| matches!(find::find(it), Found::Plugins(_)))
}

fn what(apply_to: &str) -> &'static str {
    match apply_to {
        "LISTENER" => "listener",
        "FILTER_CHAIN" => "filter chain",
        _ => "connection manager",
    }
}

fn gone(what: &str, at: &std::ops::Range<usize>) -> Finding {
    let title = format!("the patch takes the {what} of imagegate's filter away");
    Finding::error(title, at.clone())
        .why("Istio adds the filter to what is left, so no image is served there")
        .help(format!("merge into the {what}, or put a connection manager named {MANAGER} there"))
}

fn some(what: &str, at: &std::ops::Range<usize>) -> Finding {
    let title = format!("the patch takes a {what} away that may be that of imagegate's filter");
    Finding::warning(title, at.clone())
        .why("the filter is added to every one that Istio makes, and these are not known here")
        .help("in the `match` of the patch that adds the filter, name the listeners that have it")
}

/// The name that Istio gives it.
pub(crate) const MANAGER: &str = "envoy.filters.network.http_connection_manager";

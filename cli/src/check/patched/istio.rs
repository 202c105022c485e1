//! Istio: the patches of HTTP filters in all EnvoyFilters, by priority, age and name. Istio merges
//! when all filters are there, after it has added, replaced and removed them.

mod allowed;
mod anchor;
mod around;
mod cover;
mod merge;
mod patch;

use super::super::finding::Finding;
use super::super::tree::Node;
use super::Resource;
use super::filter::Filter;
use super::log::{Entry, Log, no_gate};
pub(crate) use around::MANAGER;
pub(crate) use cover::{Cover, VIRTUAL_HOST, cover};
pub(crate) use merge::merge_message;
use patch::{Patch, is_filter};

/// The filters, with all patches.
pub(super) fn follow(resources: &[Resource], log: &mut Log) -> Vec<Filter> {
    let patches = ordered(resources);
    let mut state = State { resources, filters: Vec::new(), losses: Vec::new(), late: Vec::new() };
    // Istio puts the HTTP filters into what the network filters are then.
    let managers = patches.iter().filter(|it| it.apply_to == "NETWORK_FILTER");
    state.filters.extend(managers.flat_map(|it| it.in_manager()));
    for patch in patches.iter().filter(|it| it.is_of_filter()) {
        match patch.operation {
            "MERGE" => {}
            "REPLACE" | "REMOVE" => state.take(patch, log),
            _ => state.filters.extend(patch.added()),
        }
    }
    state.tell_losses(log);
    for patch in patches.iter().filter(|it| it.is_of_filter() && it.operation == "MERGE") {
        state.merge(patch, log);
    }
    state.tell_late(log);
    state.tell_anchors(&patches, log);
    state.tell_around(&patches, log);
    state.tell_ignored(&patches, log);
    state.filters
}

/// All patches in their order.
fn ordered(resources: &[Resource]) -> Vec<Patch<'_>> {
    let mut order: Vec<_> = resources.iter().enumerate().collect();
    order.sort_by(|(_, a), (_, b)| a.in_istio(b));
    order
        .into_iter()
        .flat_map(|(number, resource)| {
            let list = resource.tree.at(&["spec", "configPatches"]).map(Node::items);
            let list = list.unwrap_or_default().iter().enumerate();
            list.map(move |(index, node)| Patch::of(resource, number, index, node))
        })
        .collect()
}

/// The filters while patches go over them.
struct State<'r> {
    resources: &'r [Resource],
    filters: Vec<Filter>,
    /// The patches that took a filter away, each with one that it took.
    losses: Vec<(&'r Patch<'r>, Filter)>,
    /// The patches that met no filter.
    late: Vec<&'r Patch<'r>>,
}

impl<'r> State<'r> {
    /// Replaces or removes the filters that the patch is for.
    fn take(&mut self, patch: &'r Patch<'r>, log: &mut Log) {
        // Without a name Istio does nothing.
        let found = if patch.wanted.is_some() { self.found(patch) } else { Vec::new() };
        if found.is_empty() {
            self.late.push(patch);
            return;
        }
        let replacement = patch.value.filter(|it| patch.operation == "REPLACE" && is_filter(it));
        if replacement.is_some() {
            log.applied(&patch.entry());
            patch.spend(log);
        }
        // From the end, so that the indexes before stay right.
        for index in found.into_iter().rev() {
            match (replacement, self.filters.get_mut(index)) {
                (Some(value), Some(filter)) => {
                    filter.tree = value.clone();
                    filter.changed_by = vec![patch.resource.label.clone()];
                }
                _ => self.losses.push((patch, self.filters.remove(index))),
            }
        }
    }

    /// What is taken away may be added again by a later patch.
    fn tell_losses(&self, log: &mut Log) {
        for (patch, lost) in &self.losses {
            let Some(owner) = self.resources.get(lost.resource) else { continue };
            let is_back = self.filters.iter().any(|it| {
                let added_by = self.resources.get(it.resource);
                let is_there = added_by.is_some_and(|it| it.is_for_workload_of(owner));
                is_there && patch.is_context_of(it)
            });
            if is_back {
                log.applied(&patch.entry());
                log.replaced(owner, &lost.patch());
            } else {
                log.failed(&patch.entry(), no_gate(patch.entry().at));
            }
        }
    }

    fn merge(&mut self, patch: &'r Patch<'r>, log: &mut Log) {
        let found = self.found(patch);
        if found.is_empty() {
            self.late.push(patch);
            return;
        }
        patch.spend(log);
        let entry = patch.entry();
        let Some(value) = patch.value else { return log.unknown(&entry, "it has no `value`") };
        for index in found {
            let Some(filter) = self.filters.get_mut(index) else { continue };
            match merge::merge(&mut filter.tree, value) {
                Ok(()) => {
                    filter.changed_by.push(patch.resource.label.clone());
                    log.applied(&entry);
                }
                Err(reason) => log.unknown(&entry, reason),
            }
        }
    }

    /// Patches that met no filter, although they look like patches of imagegate's.
    fn tell_late(&self, log: &mut Log) {
        let mut missing = Vec::new();
        for patch in &self.late {
            let finds = |it: &Filter| {
                self.resources.get(it.resource).is_some_and(|owner| patch.finds(it, owner))
            };
            let has_come = self.filters.iter().any(finds);
            let is_gone = self.losses.iter().any(|(_, it)| finds(it));
            if patch.operation == "MERGE" && patch.is_concerned() {
                patch.spend(log);
            }
            match patch.wanted {
                Some(_) if is_gone => log.applied(&patch.entry()),
                Some(_) if has_come => log.failed(&patch.entry(), too_early(&patch.entry())),
                _ if !patch.is_concerned() => {}
                Some(_) => missing.push(patch.entry()),
                None => log.unknown(&patch.entry(), "it names no `subFilter`"),
            }
        }
        log.missing(&missing);
    }

    /// The filters that the patch is for: those of its own folder, if there are any.
    fn found(&self, patch: &Patch<'_>) -> Vec<usize> {
        let owner = |filter: &Filter| {
            self.resources.get(filter.resource).filter(|owner| patch.finds(filter, owner))
        };
        let is_near = |it: &Filter| owner(it).is_some_and(|it| it.folder == patch.resource.folder);
        let has_near = self.filters.iter().any(is_near);
        let is_meant = |it: &Filter| if has_near { is_near(it) } else { owner(it).is_some() };
        let filters = self.filters.iter().enumerate();
        filters.filter(|(_, it)| is_meant(it)).map(|(index, _)| index).collect()
    }
}

fn too_early(entry: &Entry<'_>) -> Finding {
    Finding::warning("the patch comes before the one that adds the filter", entry.at.clone())
        .with("accepted", "a place after it, or a `priority` above that of its EnvoyFilter")
        .why(
            "it changes nothing: Istio applies EnvoyFilters by `priority`, the lowest first, then \
             by age and name, and patches in their order",
        )
}

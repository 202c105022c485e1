//! Envoy Gateway: the JSON patches of all EnvoyPatchPolicies, by priority and then in their order.

mod allowed;
mod patch;
mod policies;

use std::ops::Range;
use std::path::Path;

use super::super::finding::Finding;
use super::super::tree::Node;
use super::Resource;
use super::filter::{Filter, Reach, reach};
use super::log::{Entry, Log, no_gate, shown};
use patch::{Met, Patch};
use policies::Wasm;

/// The filters of the patches, and the entries of EnvoyExtensionPolicies, with all patches.
pub(super) fn follow(
    resources: &[Resource],
    policies: &[Resource],
    log: &mut Log,
) -> (Vec<Filter>, Vec<Filter>) {
    let patches = ordered(resources);
    // Patches of a folder that has a filter are for that one.
    let homes = patches.iter().filter(|it| !it.added().is_empty()).map(Patch::home).collect();
    let mut state = State { resources, homes, filters: Vec::new(), losses: Vec::new() };
    let mut made = Wasm::all(policies);
    let mut missing = Vec::new();
    for patch in &patches {
        if made.iter().any(|it| it.is_found_by(patch)) {
            made.iter_mut().filter(|it| it.is_found_by(patch)).for_each(|it| it.meet(patch, log));
        } else if !state.apply(patch, log) {
            missing.push(patch);
        }
    }
    state.tell_losses(log);
    tell(&missing, &state.filters, !made.is_empty(), log);
    allowed::tell(resources, log);
    (state.filters, made.into_iter().map(Wasm::into_entry).collect())
}

/// The filters while patches go over them.
struct State<'r> {
    resources: &'r [Resource],
    /// The folders and listeners with a filter.
    homes: Vec<(&'r Path, &'r str)>,
    filters: Vec<Filter>,
    /// The patches that took a filter away, each with one that it took.
    losses: Vec<(&'r Patch<'r>, Filter)>,
}

impl<'r> State<'r> {
    /// Applies a patch. `false` if it meets no filter, although it looks like one of
    /// imagegate's.
    fn apply(&mut self, patch: &'r Patch<'r>, log: &mut Log) -> bool {
        let is_at_home = self.homes.contains(&patch.home());
        let (mut is_met, mut is_other) = (false, false);
        let mut left = Vec::with_capacity(self.filters.len());
        for mut filter in std::mem::take(&mut self.filters) {
            let folder = self.resources.get(filter.resource).map(|it| it.folder.as_path());
            let is_near = folder == Some(patch.home().0);
            let is_meant = filter.listener == patch.listener && (is_near || !is_at_home);
            let met = if is_meant { patch.meet(&mut filter, log) } else { Met::Beside };
            is_other |=
                is_meant && filter.path.last().is_none_or(|it| it != "-") && patch.has_place();
            is_met |= met != Met::Beside;
            match met {
                Met::Lost => self.losses.push((patch, filter)),
                Met::Beside | Met::Inside => left.push(filter),
            }
        }
        self.filters = left;
        let is_lost = self.losses.last().is_some_and(|(it, _)| std::ptr::eq(*it, patch));
        if !is_met || is_lost {
            self.filters.extend(patch.added());
        }
        is_met || is_other || !patch.is_concerned()
    }

    /// What is taken away may be added again, by the same patch or a later one.
    fn tell_losses(&self, log: &mut Log) {
        for (patch, lost) in &self.losses {
            let folder =
                |it: &Filter| self.resources.get(it.resource).map(|it| it.folder.as_path());
            let is_it = |it: &Filter| it.listener == lost.listener && folder(it) == folder(lost);
            match self.resources.get(lost.resource) {
                Some(owner) if self.filters.iter().any(is_it) => {
                    log.applied(&patch.entry(""));
                    if lost.pointer.ends_with("/operation/value") {
                        log.replaced(owner, &lost.patch());
                    }
                }
                _ => log.failed(&patch.entry(""), no_gate(patch.at.clone())),
            }
        }
    }
}

/// All patches of listeners in their order.
fn ordered(resources: &[Resource]) -> Vec<Patch<'_>> {
    let mut order: Vec<_> = resources.iter().enumerate().collect();
    order.sort_by(|(_, a), (_, b)| a.in_envoy_gateway(b));
    let patches = order.into_iter().flat_map(|(number, resource)| {
        let list = resource.tree.at(&["spec", "jsonPatches"]).map(Node::items);
        let list = list.unwrap_or_default().iter().enumerate();
        list.filter_map(move |(index, node)| Patch::of(resource, number, index, node))
    });
    patches.collect()
}

/// Patches that meet no filter, although they look like patches of imagegate's.
fn tell(missing: &[&Patch<'_>], filters: &[Filter], has_policies: bool, log: &mut Log) {
    let mut absent = Vec::new();
    for patch in missing {
        let entry = patch.entry(&patch.pointer());
        let filter = filters.iter().find(|it| it.listener == patch.listener);
        match (filter, patch.path) {
            _ if patch.is_broken() => {
                log.failed(&entry, no_pointer(&entry.at).with("at", shown(&entry.pointer)))
            }
            (Some(it), _) if it.path.last().is_some_and(|it| it == "-") => {
                log.unknown(&entry, "the filter is at the end of a list of unknown length");
            }
            (Some(_), None) => log.unknown(&entry, "what its `jsonPath` finds is not known here"),
            (Some(it), Some(path)) => {
                let is_there =
                    matches!(reach(&it.path, patch.op, path, patch.from), Reach::Inside(..));
                if is_there && patch.is_known() {
                    log.failed(&entry, too_early(&entry));
                }
            }
            (None, Some(_)) if has_policies => log.unknown(&entry, PLACE),
            (None, None) if has_policies => {
                log.unknown(&entry, "what its `jsonPath` finds is not known here")
            }
            (None, _) => absent.push(entry),
        }
    }
    log.missing(&absent);
}

fn no_pointer(at: &Range<usize>) -> Finding {
    Finding::error("the path is no JSON pointer", at.clone())
        .with("accepted", "names and indexes, each after a `/`; `~0` for `~`, `~1` for `/`")
        .why("Envoy Gateway does not apply such a patch")
}

fn too_early(entry: &Entry<'_>) -> Finding {
    Finding::error("the patch comes before the one that adds the filter", entry.at.clone())
        .with("at", shown(&entry.pointer))
        .with("accepted", "a place after it, or a `priority` above that of its policy")
        .why("policies are applied by `priority`, the lowest first, and patches in their order")
}

/// The field of a filter's settings that is its configuration.
const SETTINGS: &str = "/typed_config/config/configuration";
const TEXT: &str = "Envoy Gateway writes the configuration of an EnvoyExtensionPolicy as one text";
const PLACE: &str = "the place of the policy's filter in the list is not known here; a `jsonPath` \
                     can search for its name";

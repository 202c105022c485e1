//! The filter that imagegate's is put beside: if it is not there, Istio adds nothing.

use super::super::super::finding::Finding;
use super::super::super::tree::Node;
use super::super::super::words;
use super::super::log::Log;
use super::State;
use super::patch::Patch;

impl State<'_> {
    /// Looks for patches that add the filter beside one that is not there yet, or not any more.
    pub(super) fn tell_anchors(&self, patches: &[Patch<'_>], log: &mut Log) {
        for (number, patch) in patches.iter().enumerate() {
            let is_beside = ["INSERT_BEFORE", "INSERT_AFTER"].contains(&patch.operation);
            let wanted = patch.wanted.and_then(Node::text).filter(|_| is_beside);
            let (Some(name), Some(filter)) = (wanted, patch.added()) else { continue };
            if !patch.is_of_filter() {
                continue;
            }
            let is_here = |it: &&Patch<'_>| {
                let is_same = it.is_of_filter() && it.resource.is_for_workload_of(patch.resource);
                is_same && it.is_context_of(&filter)
            };
            let (before, after) = patches.split_at(number);
            let changes = |it: &Patch<'_>| change(it, name);
            let last = before.iter().filter(is_here).filter_map(changes).next_back();
            // Istio's own are there from the beginning.
            let is_own = name.starts_with("envoy.") || name.starts_with("istio");
            let comes =
                || !is_own && after.iter().filter(is_here).any(|it| changes(it) == Some(true));
            if last == Some(false) || (last.is_none() && comes()) {
                let entry = patch.entry();
                let finding = missing(name, &entry.at);
                log.failed(&entry, finding);
            }
        }
    }
}

/// Whether the filter of this name is there after the patch. `None` if the patch is about another.
fn change(patch: &Patch<'_>, name: &str) -> Option<bool> {
    let is_it = |it: Option<&Node>| it.and_then(Node::text) == Some(name);
    let has = is_it(patch.value.and_then(|it| it.get("name")));
    match patch.operation {
        "REMOVE" => is_it(patch.wanted).then_some(false),
        "REPLACE" => is_it(patch.wanted).then_some(has),
        "MERGE" => None,
        _ => has.then_some(true),
    }
}

fn missing(name: &str, at: &std::ops::Range<usize>) -> Finding {
    let title = format!("there is no filter `{}` when this patch is applied", words::named(name));
    Finding::error(title, at.clone())
        .why(
            "Istio then does not add imagegate's filter: no image is served, and nobody asks for a \
             key",
        )
        .help(
            "name another filter, or give the EnvoyFilter a `priority` above that of the one that \
             adds it",
        )
}

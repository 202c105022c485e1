//! Whether a patch is one that Kubernetes accepts, and that Istio follows.

use super::super::super::find;
use super::super::super::finding::Finding;
use super::super::super::suggest;
use super::super::super::tree::{Kind, Node};
use super::super::super::words;
use super::super::log::Log;
use super::State;
use super::patch::Patch;

impl<'r> State<'r> {
    /// Looks at the patches of the EnvoyFilters that have to do with imagegate.
    pub(super) fn tell_ignored(&self, patches: &[Patch<'_>], log: &mut Log) {
        let is_ours = |patch: &&Patch<'_>| {
            let owners = self.filters.iter().filter_map(|it| self.resources.get(it.resource));
            find::mentions(&patch.resource.tree)
                || owners.into_iter().any(|owner| patch.resource.is_for_workload_of(owner))
        };
        for patch in patches.iter().filter(is_ours) {
            if let Some((pointer, finding)) = wrong(patch).or_else(|| ignored(patch)) {
                let entry = patch.entry_at(pointer);
                let at = entry.at.clone();
                log.failed(&entry, Finding { span: at, ..finding });
            }
        }
    }
}

/// What Kubernetes or Istio refuses the EnvoyFilter for, and its pointer in the patch.
fn wrong(patch: &Patch<'_>) -> Option<(&'static str, Finding)> {
    let kinds: Vec<_> = KINDS.iter().map(|(kind, _)| *kind).collect();
    let enums: [(&str, &[&str], bool); 3] = [
        ("/applyTo", &kinds, true),
        ("/patch/operation", &OPERATIONS, true),
        ("/match/context", &CONTEXTS, false),
    ];
    let is_there = |it: &&Node| !matches!(it.kind, Kind::Null);
    for (pointer, known, is_needed) in enums {
        let value = patch.node.pointed(pointer).filter(is_there);
        let is_known = |it: &Node| it.text().is_some_and(|it| known.contains(&it));
        if !value.map_or(!is_needed, is_known) {
            return Some((pointer, unknown(pointer, value, known)));
        }
    }
    if patch.value.filter(is_there).is_none() && patch.operation != "REMOVE" {
        let title = "the patch has no `value`";
        let finding = Finding::error(title, 0..0).with("accepted", "a `value` in `patch`");
        return Some(("/patch", finding.why(REFUSED)));
    }
    None
}

fn unknown(pointer: &str, value: Option<&Node>, known: &[&str]) -> Finding {
    let field = pointer.rsplit('/').next().unwrap_or_default();
    let written = value.and_then(Node::text);
    let title = match (value, written) {
        (_, Some(text)) => format!("unknown `{field}`: `{}`", words::named(text)),
        (Some(_), None) => format!("`{field}` is no text"),
        (None, None) => format!("`{field}` is missing in the patch"),
    };
    let finding = Finding::error(title, 0..0).with("accepted", known.join(", ")).why(REFUSED);
    match written.and_then(|text| suggest::nearest(text, known.iter().copied())) {
        Some(meant) => finding.help(format!("write `{meant}`")),
        None => finding,
    }
}

/// What Istio passes over.
fn ignored(patch: &Patch<'_>) -> Option<(&'static str, Finding)> {
    let (kind, followed) = KINDS.iter().find(|(kind, _)| *kind == patch.apply_to)?;
    // Where there is no order, Istio takes these as `ADD`.
    let is_insert = patch.operation.starts_with("INSERT_") && followed.contains(&"ADD");
    if is_insert || followed.contains(&patch.operation) {
        return None;
    }
    let title = format!("Istio does not follow `{}` for `{kind}`", patch.operation);
    let finding = Finding::warning(title, 0..0).with("accepted", followed.join(", "));
    Some(("/patch/operation", finding.why("the patch changes nothing")))
}

const REFUSED: &str = "the EnvoyFilter is refused as a whole, and the one before it stays";
/// What a patch may be about, and the operations that Istio follows there.
const KINDS: [(&str, &[&str]); 12] = [
    ("HTTP_FILTER", &OPERATIONS),
    ("NETWORK_FILTER", &OPERATIONS),
    ("LISTENER", &["ADD", "MERGE", "REMOVE"]),
    ("FILTER_CHAIN", &["ADD", "MERGE", "REMOVE"]),
    ("LISTENER_FILTER", &OPERATIONS),
    ("ROUTE_CONFIGURATION", &["MERGE"]),
    ("VIRTUAL_HOST", &["ADD", "MERGE", "REPLACE", "REMOVE"]),
    ("HTTP_ROUTE", &["ADD", "INSERT_FIRST", "INSERT_BEFORE", "INSERT_AFTER", "MERGE", "REMOVE"]),
    ("CLUSTER", &["ADD", "MERGE", "REMOVE"]),
    ("UPSTREAM_HTTP_FILTER", &OPERATIONS),
    ("EXTENSION_CONFIG", &["ADD"]),
    ("BOOTSTRAP", &["MERGE"]),
];
const OPERATIONS: [&str; 7] =
    ["ADD", "INSERT_FIRST", "INSERT_BEFORE", "INSERT_AFTER", "MERGE", "REPLACE", "REMOVE"];
const CONTEXTS: [&str; 5] = ["ANY", "GATEWAY", "SIDECAR_INBOUND", "SIDECAR_OUTBOUND", "WAYPOINT"];

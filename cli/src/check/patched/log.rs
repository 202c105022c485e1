//! What there is to say about patches, and what of their values has to be hidden.

use std::collections::BTreeSet;
use std::ops::Range;

use super::super::File;
use super::super::finding::Finding;
use super::super::secret::is_secret;
use super::super::spans;
use super::super::tree::{Kind, Node, segments, split};
use super::super::words::printable;
use super::super::yaml::{MAX_DEPTH, MAX_NODES};
use super::Resource;
use super::operation::Fault;

/// A value that is a part of a configuration.
pub(crate) struct Part {
    /// The value.
    pub(crate) value: Node,
    /// The pointer to its place. `None` if it is not known, or the value is text.
    pub(crate) pointer: Option<String>,
}

/// A patch, as the log has to know it.
pub(super) struct Entry<'r> {
    pub(super) resource: &'r Resource,
    /// Its place: that of its path, or of the name that it looks for.
    pub(super) at: Range<usize>,
    /// Its pointer in the filter.
    pub(super) pointer: String,
    pub(super) value: Option<&'r Node>,
}

/// What became of the patches.
#[derive(Default)]
pub(super) struct Log {
    /// The findings of each file, and whether a patch was followed.
    entries: Vec<(usize, bool, Option<Finding>)>,
    parts: Vec<(usize, Part)>,
    /// Patches that are no filters of their own: the file, the document, the pointer to the list,
    /// and the index there.
    spent: BTreeSet<(usize, usize, String, usize)>,
}

impl Log {
    /// The patch was applied.
    pub(super) fn applied(&mut self, entry: &Entry<'_>) {
        self.entries.push((entry.resource.file, true, None));
        self.hide(entry);
    }

    /// The patch is wrong.
    pub(super) fn failed(&mut self, entry: &Entry<'_>, finding: Finding) {
        self.entries.push((entry.resource.file, true, Some(finding)));
        self.hide(entry);
    }

    /// The patch is not checked.
    pub(super) fn unknown(&mut self, entry: &Entry<'_>, reason: &str) {
        let title = "changes imagegate's configuration, and is not checked";
        let finding =
            Finding::warning(title, entry.at.clone()).with("at", shown(&entry.pointer)).why(reason);
        self.entries.push((entry.resource.file, false, Some(finding)));
        self.hide(entry);
    }

    /// The patches change a filter that is in no file: one warning for each resource.
    pub(super) fn missing(&mut self, entries: &[Entry<'_>]) {
        for (index, entry) in entries.iter().enumerate() {
            self.hide(entry);
            let is_same = |it: &&Entry<'_>| std::ptr::eq(it.resource, entry.resource);
            if entries.iter().take(index).any(|it| is_same(&it)) {
                continue;
            }
            let places: Vec<_> =
                entries.iter().filter(is_same).map(|it| shown(&it.pointer)).collect();
            let title = "changes imagegate's configuration, and is not checked without the file \
                         that has the filter";
            let finding = Finding::warning(title, entry.at.clone())
                .with("changes", places.join(", "))
                .help("name that file in the same call");
            self.entries.push((entry.resource.file, false, Some(finding)));
        }
    }

    /// The patch is no filter of its own, and is not judged as one.
    pub(super) fn spend(&mut self, resource: &Resource, pointer: &str) {
        let Some((owner, last)) = split(pointer) else { return };
        let Ok(index) = last.parse() else { return };
        self.spent.insert((resource.file, resource.document, owner.to_owned(), index));
    }

    /// The same of a filter that another one replaces.
    pub(super) fn replaced(&mut self, resource: &Resource, pointer: &str) {
        self.entries.push((resource.file, true, None));
        self.spend(resource, pointer);
    }

    /// Remembers which value is a part of a configuration.
    fn hide(&mut self, entry: &Entry<'_>) {
        let Some(value) = entry.value else { return };
        let (value, pointer) = match entry.pointer.strip_prefix(VALUE) {
            Some(pointer) => (value, pointer.replace("/-", "/0")),
            None => {
                let rest = VALUE.strip_prefix(entry.pointer.as_str());
                let Some(value) = rest.and_then(|it| configuration_in(value, it)) else { return };
                (value, String::new())
            }
        };
        let mut value = value.clone();
        let is_text = matches!(value.kind, Kind::Text(_)) && pointer.is_empty();
        spans::receive(&mut value, entry.resource.file);
        let part = Part { value, pointer: (!is_text).then_some(pointer) };
        self.parts.push((entry.resource.file, part));
    }

    /// Gives each file what is about it.
    pub(super) fn write(self, files: &mut [File]) {
        for (file, is_followed, finding) in self.entries {
            let Some(file) = files.get_mut(file) else { continue };
            file.patches.are_followed |= is_followed;
            file.patches.are_unseen |= !is_followed;
            file.patches.findings.extend(finding);
        }
        for (file, part) in self.parts {
            let Some(file) = files.get_mut(file) else { continue };
            file.patches.parts.push(part);
        }
        // From the end, so that the indexes before stay right.
        for (file, document, owner, index) in self.spent.into_iter().rev() {
            let Some(file) = files.get_mut(file) else { continue };
            let Some(document) = file.documents.get_mut(document) else { continue };
            document.before.get_or_insert_with(|| document.tree.clone());
            let list = document.tree.pointed_mut(&owner).map(|it| &mut it.kind);
            if let Some(Kind::List(items)) = list
                && index < items.len()
            {
                items.remove(index);
            }
        }
    }
}

/// The error of a patch after which there is no filter of imagegate.
pub(super) fn no_gate(at: Range<usize>) -> Finding {
    Finding::error("the patch takes imagegate's filter away", at)
        .why("no image is served then, and nobody asks for a key on the routes that are left")
        .help("patch the fields of the filter, or add the filter again after this patch")
}

/// The error of an operation that fails.
pub(super) fn fault(entry: &Entry<'_>, fault: &Fault) -> Finding {
    let mut finding = cause(fault, &entry.at);
    finding.notes.insert(0, ("at", shown(&entry.pointer)));
    finding
}

/// The same, without the pointer.
pub(super) fn cause(fault: &Fault, at: &Range<usize>) -> Finding {
    let (title, accepted) = match fault {
        Fault::Unknown => {
            ("unknown operation".to_owned(), "add, remove, replace, move, copy, test".to_owned())
        }
        Fault::Lacks(name) => {
            let accepted = format!("an operation with `{name}`");
            (format!("`{name}` is missing in the operation"), accepted)
        }
        Fault::Nothing { end, accepted } => {
            let end = shown(end);
            let title = format!("the path leads to nothing; it ends after {end}");
            (title, format!("there: {}", printable(accepted)))
        }
        Fault::Differs => (
            "the test fails: there is another value at the path".to_owned(),
            "the value that the patches before leave there".to_owned(),
        ),
        Fault::Wrapped => (
            "the settings of this filter are in a `TypedStruct`".to_owned(),
            "a path that goes on with /typed_config/value/config".to_owned(),
        ),
        Fault::NotText => (
            "expected text, found another value".to_owned(),
            "JSON text, because Envoy Gateway writes the configuration of the policy as a \
             `google.protobuf.StringValue`; or patch the whole `configuration`"
                .to_owned(),
        ),
        Fault::Large => (
            "the patch makes the filter larger than any configuration".to_owned(),
            format!("up to {MAX_DEPTH} levels and {MAX_NODES} values"),
        ),
    };
    Finding::error(title, at.clone())
        .with("accepted", accepted)
        .why("Envoy Gateway does not apply such a patch")
}

/// A pointer in the configuration, or else in the filter.
pub(super) fn shown(pointer: &str) -> String {
    let inner = pointer.strip_prefix(VALUE);
    match inner.unwrap_or(pointer) {
        "" if inner.is_some() => "the configuration".to_owned(),
        "" => "the filter".to_owned(),
        names => {
            let hidden = |name| if is_secret(name) { "…" } else { name };
            printable(&names.split('/').map(hidden).collect::<Vec<_>>().join("/"))
        }
    }
}

/// The value at a pointer into a filter, also if a `TypedStruct` is around the settings.
fn configuration_in<'n>(node: &'n Node, pointer: &str) -> Option<&'n Node> {
    segments(pointer).try_fold(node, |node, name| {
        let wrapped = node.get("value").filter(|_| node.get("type_url").is_some());
        wrapped.unwrap_or(node).get(&name)
    })
}

/// The pointer into a filter as it is without a `TypedStruct` around the settings.
pub(super) fn unwrapped(pointer: &str) -> String {
    match pointer.strip_prefix("/typed_config/value/") {
        Some(rest) => format!("/typed_config/{rest}"),
        None => pointer.to_owned(),
    }
}

/// The configuration in a filter.
pub(super) const VALUE: &str = "/typed_config/config/configuration/value";

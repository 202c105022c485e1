//! Envoy Gateway: the JSON patches of all EnvoyPatchPolicies, by priority and then in their order.

use std::ops::Range;
use std::path::Path;

use super::super::fields::Fields;
use super::super::find::{self, Found};
use super::super::finding::Finding;
use super::super::policy::{self, Search};
use super::super::tree::{Node, segments};
use super::Resource;
use super::filter::{Filter, Reach, entries, reach};
use super::log::{Entry, Log, fault, shown};
use super::operation::Operation;

/// The filters, with all patches.
pub(super) fn follow(
    resources: &[Resource],
    policies: &[policy::Filter<'_>],
    log: &mut Log,
) -> Vec<Filter> {
    let patches = ordered(resources);
    // Patches of a folder that has a filter are for that one.
    let homes: Vec<_> =
        patches.iter().filter(|it| !it.added().is_empty()).map(Patch::home).collect();
    let (mut filters, mut missing): (Vec<Filter>, _) = (Vec::new(), Vec::new());
    for patch in patches {
        let is_of_policy = patch.is_of(policies);
        let is_at_home = homes.contains(&patch.home());
        let is_meant = |it: &&mut Filter| {
            let folder = resources.get(it.resource).map(|it| it.folder.as_path());
            let is_near = folder == Some(patch.home().0);
            it.listener == patch.listener && !is_of_policy && (is_near || !is_at_home)
        };
        let (mut is_inside, mut is_other) = (false, false);
        for filter in filters.iter_mut().filter(is_meant) {
            is_inside |= patch.meet(filter, log);
            is_other |= filter.path.last().is_none_or(|it| it != "-") && patch.has_place();
        }
        if is_inside {
            continue;
        }
        filters.extend(patch.added());
        if is_of_policy && patch.pointer().starts_with(SETTINGS) {
            log.unknown(&patch.entry(&patch.pointer()), TEXT);
        } else if !is_other && patch.is_concerned() {
            missing.push(patch);
        }
    }
    tell(&missing, &filters, !policies.is_empty(), log);
    filters
}

/// All patches of listeners in their order.
fn ordered(resources: &[Resource]) -> Vec<Patch<'_>> {
    let mut order: Vec<_> = resources.iter().enumerate().collect();
    order.sort_by(|(_, a), (_, b)| a.priority().total_cmp(&b.priority()));
    let patches = order.into_iter().flat_map(|(number, resource)| {
        let list = resource.tree.at(&["spec", "jsonPatches"]).map(Node::items);
        let list = list.unwrap_or_default().iter().enumerate();
        list.filter_map(move |(index, node)| Patch::of(resource, number, index, node))
    });
    patches.collect()
}

/// Patches that meet no filter, although they look like patches of imagegate's.
fn tell(missing: &[Patch<'_>], filters: &[Filter], has_policies: bool, log: &mut Log) {
    let mut absent = Vec::new();
    for patch in missing {
        let entry = patch.entry(&patch.pointer());
        let filter = filters.iter().find(|it| it.listener == patch.listener);
        match (filter, patch.path) {
            _ if patch.is_broken() => log.failed(&entry, no_pointer(&entry)),
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
            (None, _) if has_policies => log.unknown(&entry, TEXT),
            (None, _) => absent.push(entry),
        }
    }
    log.missing(&absent);
}

fn no_pointer(entry: &Entry<'_>) -> Finding {
    Finding::error("the path is no JSON pointer", entry.at.clone())
        .with("at", shown(&entry.pointer))
        .with("accepted", "names and indexes, each after a `/`; `~0` for `~`, `~1` for `/`")
        .why("Envoy Gateway does not apply such a patch")
}

fn too_early(entry: &Entry<'_>) -> Finding {
    Finding::error("the patch comes before the one that adds the filter", entry.at.clone())
        .with("at", shown(&entry.pointer))
        .with("accepted", "a place after it, or a `priority` above that of its policy")
        .why("policies are applied by `priority`, the lowest first, and patches in their order")
}

/// A patch of a listener.
struct Patch<'r> {
    resource: &'r Resource,
    /// The number of the resource.
    number: usize,
    /// The pointer to its value in the document.
    place: String,
    listener: &'r str,
    op: &'r str,
    /// The pointer into the listener. `None` if there is a `jsonPath`.
    path: Option<&'r str>,
    from: Option<&'r str>,
    search: Option<Search<'r>>,
    operation: &'r Node,
    at: Range<usize>,
}

impl<'r> Patch<'r> {
    fn of(resource: &'r Resource, number: usize, index: usize, node: &'r Node) -> Option<Self> {
        let kind = node.get("type").and_then(Node::text)?;
        let operation = node.get("operation").filter(|_| kind.ends_with(".Listener"))?;
        let text = |name| operation.get(name).and_then(Node::text);
        let at = operation.get("path").or_else(|| operation.get("jsonPath")).unwrap_or(operation);
        Some(Self {
            resource,
            number,
            place: format!("{}/spec/jsonPatches/{index}/operation/value", resource.pointer),
            listener: node.get("name").and_then(Node::text).unwrap_or_default(),
            op: text("op").unwrap_or_default(),
            path: match operation.get("jsonPath") {
                None => Some(text("path").unwrap_or_default()),
                Some(_) => None,
            },
            from: text("from"),
            search: Search::of(node),
            operation,
            at: at.locate(""),
        })
    }

    /// Its folder and its listener.
    fn home(&self) -> (&'r Path, &'r str) {
        (&self.resource.folder, self.listener)
    }

    fn entry(&self, pointer: &str) -> Entry<'r> {
        let pointer = pointer.to_owned();
        let value = self.operation.get("value");
        Entry { resource: self.resource, at: self.at.clone(), pointer, value }
    }

    /// Applies it to the filter. Whether it is a patch of this filter.
    fn meet(&self, filter: &mut Filter, log: &mut Log) -> bool {
        let reach = match (&self.search, self.path) {
            (Some(search), _) if search.finds_entry(&filter.tree) => {
                Reach::Inside(search.field.clone(), None)
            }
            (None, Some(path)) if self.has_place() => reach(&filter.path, self.op, path, self.from),
            _ => Reach::Beside,
        };
        match reach {
            Reach::Beside => return false,
            Reach::Moved(path) => {
                filter.path = path;
                return false;
            }
            Reach::Unknown(reason) => log.unknown(&self.entry(""), reason),
            Reach::Inside(pointer, from) => self.run(filter, &pointer, from.as_deref(), log),
        }
        true
    }

    fn run(&self, filter: &mut Filter, path: &str, from: Option<&str>, log: &mut Log) {
        let entry = self.entry(path);
        let (at, value) = (self.at.clone(), entry.value);
        let operation = Operation { op: self.op, path, from, value, at };
        let mut changed = filter.tree.clone();
        match operation.run(&mut changed) {
            Ok(()) if self.op == "test" => log.applied(&entry),
            Ok(()) if entries(&changed).is_empty() => {
                log.unknown(&entry, "after it, there is no filter of imagegate");
            }
            Ok(()) => {
                filter.tree = changed;
                filter.changed_by.push(self.resource.label.clone());
                log.applied(&entry);
            }
            Err(it) => log.failed(&entry, fault(&entry, &it)),
        }
    }

    /// The filters of imagegate that it adds.
    fn added(&self) -> Vec<Filter> {
        let value = self.operation.get("value").filter(|_| ["add", "replace"].contains(&self.op));
        let (Some(value), Some(path)) = (value, self.path) else { return Vec::new() };
        let added = entries(value).into_iter().map(|pointer| Filter {
            resource: self.number,
            listener: self.listener.to_owned(),
            path: segments(path).chain(segments(&pointer)).collect(),
            tree: value.pointed(&pointer).unwrap_or(value).clone(),
            pointer: format!("{}{pointer}", self.place),
            changed_by: Vec::new(),
        });
        added.collect()
    }

    /// Its pointer in a filter, if it has one.
    fn pointer(&self) -> String {
        if let Some(search) = &self.search {
            return search.field.clone();
        }
        let json_path = self.operation.get("jsonPath").and_then(Node::text).unwrap_or_default();
        let path = self.operation.get("path").and_then(Node::text).unwrap_or_default();
        let whole = format!("{}{path}", json_path.replace('.', "/"));
        let at = whole.find(SETTINGS).and_then(|at| whole.get(at..));
        at.unwrap_or_default().to_owned()
    }

    /// Whether it looks for the filter of an EnvoyExtensionPolicy.
    fn is_of(&self, policies: &[policy::Filter<'_>]) -> bool {
        let found = |search: &Search<'_>| policies.iter().any(|it| search.finds(it));
        self.search.as_ref().is_some_and(found)
    }

    /// Whether it looks like a patch of imagegate's configuration: by a field, or by names.
    fn is_concerned(&self) -> bool {
        let names = [self.resource.metadata("name"), self.resource.metadata("namespace")];
        let mut names = names.into_iter().chain([self.listener]);
        let values = [self.operation.get("value"), self.operation.get("jsonPath")];
        self.pointer().starts_with(SETTINGS)
            && (self.is_known()
                || names.any(|it| it.contains(find::NAME))
                || values.into_iter().flatten().any(find::mentions))
    }

    /// Whether it changes a field that a configuration of imagegate has.
    fn is_known(&self) -> bool {
        let pointer = self.pointer();
        let rest = pointer.strip_prefix(SETTINGS).unwrap_or_default();
        let rest = rest.strip_prefix("/value").unwrap_or(rest);
        let fields = Fields::get();
        match segments(rest).next() {
            Some(field) => fields.names("").contains(&field.as_str()),
            None => self.operation.get("value").is_some_and(|it| {
                let whole = it.get("value").unwrap_or(it);
                let is_json = whole.text().is_some_and(|it| it.contains("\"upstreams\""));
                is_json || matches!(find::find(whole), Found::Bare)
            }),
        }
    }

    /// Whether the path leads to one place of the listener.
    fn has_place(&self) -> bool {
        self.path.is_some() && !self.is_broken()
    }

    /// Whether the path is no JSON pointer.
    fn is_broken(&self) -> bool {
        let is_wrong = |it: &str| {
            let escapes = it.split('~').skip(1);
            let is_escaped = escapes.clone().all(|it| it.starts_with(['0', '1']));
            !(it.is_empty() || it.starts_with('/')) || !is_escaped
        };
        let path = self.operation.get("path").and_then(Node::text);
        path.is_some_and(is_wrong) || self.from.is_some_and(is_wrong)
    }
}

/// The field of a filter's settings that is its configuration.
const SETTINGS: &str = "/typed_config/config/configuration";
const TEXT: &str = "Envoy Gateway writes the configuration of an EnvoyExtensionPolicy as one text";

//! A JSON patch of a listener, and how it meets a filter.

use std::ops::Range;
use std::path::Path;

use super::super::super::fields::Fields;
use super::super::super::find::{self, Found};
use super::super::super::policy::Search;
use super::super::super::tree::{Node, segments};
use super::super::Resource;
use super::super::filter::{Filter, Reach, entries, reach};
use super::super::log::{Entry, Log, fault, unwrapped};
use super::super::operation::{Fault, Operation};
use super::SETTINGS;

/// How a patch meets a filter.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Met {
    /// It is about something else.
    Beside,
    /// It changes the filter.
    Inside,
    /// The filter is gone.
    Lost,
}

/// A patch of a listener.
pub(super) struct Patch<'r> {
    pub(super) resource: &'r Resource,
    /// The number of the resource.
    number: usize,
    /// The pointer to its value in the document.
    place: String,
    pub(super) listener: &'r str,
    pub(super) op: &'r str,
    /// The pointer into the listener. `None` if there is a `jsonPath`.
    pub(super) path: Option<&'r str>,
    pub(super) from: Option<&'r str>,
    pub(super) search: Option<Search<'r>>,
    operation: &'r Node,
    pub(super) at: Range<usize>,
}

impl<'r> Patch<'r> {
    pub(super) fn of(
        resource: &'r Resource,
        number: usize,
        index: usize,
        node: &'r Node,
    ) -> Option<Self> {
        let kind = node.get("type").and_then(Node::text)?;
        let operation = node.get("operation").filter(|_| kind.ends_with(".Listener"))?;
        let text = |name| operation.get(name).and_then(Node::text);
        let at = operation.get("path").or_else(|| operation.get("jsonPath")).unwrap_or(operation);
        Some(Self {
            resource,
            number,
            place: format!("/spec/jsonPatches/{index}/operation/value"),
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
    pub(super) fn home(&self) -> (&'r Path, &'r str) {
        (&self.resource.folder, self.listener)
    }

    pub(super) fn entry(&self, pointer: &str) -> Entry<'r> {
        let pointer = unwrapped(pointer);
        let value = self.operation.get("value");
        Entry { resource: self.resource, at: self.at.clone(), pointer, value }
    }

    /// Applies it to the filter.
    pub(super) fn meet(&self, filter: &mut Filter, log: &mut Log) -> Met {
        let reach = match (&self.search, self.path) {
            (Some(search), _) if search.finds_entry(&filter.tree) => {
                match (self.op, search.field.as_str()) {
                    ("remove", "") => Reach::Lost,
                    (_, field) => Reach::Inside(field.to_owned(), None),
                }
            }
            (None, Some(path)) if self.has_place() => reach(&filter.path, self.op, path, self.from),
            _ => Reach::Beside,
        };
        match reach {
            Reach::Beside => return Met::Beside,
            Reach::Moved(path) => {
                filter.path = path;
                return Met::Beside;
            }
            Reach::Lost => return Met::Lost,
            Reach::Unknown(reason) => log.unknown(&self.entry(""), reason),
            Reach::Inside(pointer, from) => {
                return self.run(filter, &pointer, from.as_deref(), log);
            }
        }
        Met::Inside
    }

    pub(super) fn run(
        &self,
        filter: &mut Filter,
        path: &str,
        from: Option<&str>,
        log: &mut Log,
    ) -> Met {
        let entry = self.entry(path);
        let (at, value) = (self.at.clone(), entry.value);
        let operation = Operation { op: self.op, path, from, value, at };
        let mut changed = filter.tree.clone();
        let has_value = ["add", "replace"].contains(&self.op);
        match operation.run(&mut changed) {
            Ok(()) if self.op == "test" => log.applied(&entry),
            Ok(()) if is_beside_struct(&changed) => {
                log.failed(&entry, fault(&entry, &Fault::Wrapped))
            }
            Ok(()) if entries(&changed).is_empty() => {
                if has_value && ["", "/typed_config"].contains(&path) {
                    return Met::Lost;
                }
                log.unknown(&entry, "after it, there is no filter of imagegate");
            }
            Ok(()) => {
                filter.tree = changed;
                filter.changed_by.push(self.resource.label.clone());
                log.applied(&entry);
            }
            Err(it) => log.failed(&entry, fault(&entry, &it)),
        }
        Met::Inside
    }

    /// The filters of imagegate that it adds.
    pub(super) fn added(&self) -> Vec<Filter> {
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
    pub(super) fn pointer(&self) -> String {
        if let Some(search) = &self.search {
            return unwrapped(&search.field);
        }
        let json_path = self.operation.get("jsonPath").and_then(Node::text).unwrap_or_default();
        let path = self.operation.get("path").and_then(Node::text).unwrap_or_default();
        let whole = format!("{}{path}", json_path.replace('.', "/"));
        let whole = whole.replace("/typed_config/value/", "/typed_config/");
        let at = whole.find(SETTINGS).and_then(|at| whole.get(at..));
        at.unwrap_or_default().to_owned()
    }

    /// Whether it looks like a patch of imagegate's configuration: by a field, or by names.
    pub(super) fn is_concerned(&self) -> bool {
        let names = [self.resource.metadata("name"), self.resource.metadata("namespace")];
        let mut names = names.into_iter().chain([self.listener]);
        let values = [self.operation.get("value"), self.operation.get("jsonPath")];
        self.pointer().starts_with(SETTINGS)
            && (self.is_known()
                || names.any(|it| it.contains(find::NAME))
                || values.into_iter().flatten().any(find::mentions))
    }

    /// Whether it changes a field that a configuration of imagegate has.
    pub(super) fn is_known(&self) -> bool {
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
    pub(super) fn has_place(&self) -> bool {
        self.path.is_some() && !self.is_broken()
    }

    /// Whether the path is no JSON pointer.
    pub(super) fn is_broken(&self) -> bool {
        let path = self.operation.get("path").and_then(Node::text);
        path.into_iter().chain(self.from).any(|it| !is_pointer(it))
    }
}

/// Whether it is a JSON pointer.
pub(super) fn is_pointer(text: &str) -> bool {
    let mut escapes = text.split('~').skip(1);
    (text.is_empty() || text.starts_with('/')) && escapes.all(|it| it.starts_with(['0', '1']))
}

/// Whether a `TypedStruct` has fields that it does not know.
fn is_beside_struct(filter: &Node) -> bool {
    let config = filter.get("typed_config").filter(|it| it.get("type_url").is_some());
    let fields = config.map(Node::fields).unwrap_or_default().iter();
    let known = ["@type", "type_url", "typeUrl", "value"];
    fields.into_iter().any(|it| !known.contains(&it.name.as_str()))
}

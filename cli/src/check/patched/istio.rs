//! Istio: the `MERGE` patches of all EnvoyFilters, by priority, age and name, over the HTTP filters
//! that other patches insert. Istio merges only when all filters are there.

use super::super::find::{self, Found, LOOPBACK_ROOT_ID};
use super::super::tree::{Kind, Node, camel_case};
use super::Resource;
use super::filter::{Filter, entries};
use super::log::{Entry, Log};

/// The filters, with all patches.
pub(super) fn follow(resources: &[Resource], log: &mut Log) -> Vec<Filter> {
    let patches = ordered(resources);
    let mut filters: Vec<_> = patches.iter().flat_map(Patch::added).collect();
    let mut missing = Vec::new();
    for patch in patches.iter().filter(|it| it.is_change()) {
        let mut is_met = false;
        for filter in patch.found(&mut filters, resources) {
            is_met = true;
            patch.meet(filter, log);
        }
        let is_concerned = is_met || patch.is_concerned();
        if is_concerned && patch.operation == "MERGE" {
            log.spend(patch.resource, &format!("/spec/configPatches/{}", patch.index));
        }
        match patch.wanted {
            _ if is_met || !is_concerned => {}
            Some(_) => missing.push(patch.entry()),
            None => log.unknown(&patch.entry(), "it names no `subFilter`"),
        }
    }
    log.missing(&missing);
    filters
}

/// All patches of HTTP filters in their order.
fn ordered(resources: &[Resource]) -> Vec<Patch<'_>> {
    let mut order: Vec<_> = resources.iter().enumerate().collect();
    order.sort_by(|(_, a), (_, b)| {
        let rank = |it: &&Resource| {
            let [age, name, namespace] =
                ["creationTimestamp", "name", "namespace"].map(|name| it.metadata(name).to_owned());
            (it.metadata("namespace") != ROOT, age, format!("{name}.{namespace}"))
        };
        a.priority().total_cmp(&b.priority()).then_with(|| rank(a).cmp(&rank(b)))
    });
    order
        .into_iter()
        .flat_map(|(number, resource)| {
            let list = resource.tree.at(&["spec", "configPatches"]).map(Node::items);
            let list = list.unwrap_or_default().iter().enumerate();
            list.filter_map(move |(index, node)| Patch::of(resource, number, index, node))
        })
        .collect()
}

/// A patch of an HTTP filter.
struct Patch<'r> {
    resource: &'r Resource,
    /// The number of the resource.
    number: usize,
    /// Its number in the resource.
    index: usize,
    operation: &'r str,
    /// Where it applies: `GATEWAY`, or another part of a mesh.
    context: &'r str,
    /// The name of the filter that it looks for.
    wanted: Option<&'r Node>,
    value: Option<&'r Node>,
}

impl<'r> Patch<'r> {
    fn of(resource: &'r Resource, number: usize, index: usize, node: &'r Node) -> Option<Self> {
        node.get("applyTo").filter(|it| it.text() == Some("HTTP_FILTER"))?;
        let path = ["match", "listener", "filterChain", "filter", "subFilter", "name"];
        Some(Self {
            resource,
            number,
            index,
            operation: node.at(&["patch", "operation"]).and_then(Node::text).unwrap_or_default(),
            context: node.at(&["match", "context"]).and_then(Node::text).unwrap_or(ANY),
            wanted: node.at(&path),
            value: node.at(&["patch", "value"]),
        })
    }

    /// Whether it changes a filter that is there.
    fn is_change(&self) -> bool {
        ["MERGE", "REPLACE", "REMOVE"].contains(&self.operation)
    }

    /// imagegate's filter, if it adds that.
    fn added(&self) -> Option<Filter> {
        let value = self.value.filter(|_| !self.is_change())?;
        let pointer = entries(value).into_iter().next().filter(String::is_empty)?;
        let place = format!("/spec/configPatches/{}/patch/value{pointer}", self.index);
        Some(Filter {
            resource: self.number,
            pointer: format!("{}{place}", self.resource.pointer),
            listener: self.context.to_owned(),
            path: Vec::new(),
            tree: value.clone(),
            changed_by: Vec::new(),
        })
    }

    /// The filters that it is for: those of its own folder, if there are any.
    fn found<'f>(&self, filters: &'f mut [Filter], resources: &[Resource]) -> Vec<&'f mut Filter> {
        let owner = |filter: &Filter| {
            resources.get(filter.resource).filter(|owner| self.finds(filter, owner))
        };
        let is_near = |it: &Filter| owner(it).is_some_and(|it| it.folder == self.resource.folder);
        let has_near = filters.iter().any(is_near);
        let is_meant = |it: &&mut Filter| if has_near { is_near(it) } else { owner(it).is_some() };
        filters.iter_mut().filter(is_meant).collect()
    }

    /// Whether it is a patch of this filter, which `owner` adds.
    fn finds(&self, filter: &Filter, owner: &Resource) -> bool {
        let name = filter.tree.get("name").and_then(Node::text);
        let is_name = name.is_some() && self.wanted.and_then(Node::text) == name;
        let is_context = self.context == filter.listener
            || [self.context, filter.listener.as_str()].contains(&ANY);
        let namespace = self.resource.metadata("namespace");
        let is_namespace = namespace == owner.metadata("namespace") || namespace == ROOT;
        let labels = |it: &'r Resource| it.tree.at(&SELECTOR).map(Node::fields).unwrap_or_default();
        let own = owner.tree.at(&SELECTOR).map(Node::fields).unwrap_or_default();
        let is_selected = labels(self.resource).iter().all(|label| {
            own.iter().any(|it| it.name == label.name && it.value.text() == label.value.text())
        });
        is_name && is_context && is_namespace && is_selected
    }

    fn meet(&self, filter: &mut Filter, log: &mut Log) {
        let entry = self.entry();
        let value = match (self.operation, self.value) {
            ("MERGE", Some(value)) => value,
            ("MERGE", None) => return log.unknown(&entry, "it has no `value`"),
            ("REMOVE", _) => return log.unknown(&entry, "it takes the filter away"),
            _ => return log.unknown(&entry, "it puts another filter in its place"),
        };
        let kind =
            |it: &Node| it.at(&["typed_config", "@type"]).and_then(Node::text).map(str::to_owned);
        if value.get("typed_config").is_some() && kind(value) != kind(&filter.tree) {
            return log.unknown(&entry, "its `typed_config` has another `@type` than the filter");
        }
        if kind(&filter.tree).is_none_or(|it| it.ends_with(".TypedStruct")) {
            return log.unknown(&entry, "the filter is in a `TypedStruct`");
        }
        if let Kind::Object(fields) = &value.kind {
            // Istio takes only these from the patch.
            let taken = fields
                .iter()
                .filter(|it| ["name", "typed_config", "typedConfig"].contains(&it.name.as_str()));
            let kind = Kind::Object(taken.cloned().collect());
            merge(&mut filter.tree, &Node { span: value.span.clone(), kind });
        }
        filter.changed_by.push(self.resource.label.clone());
        log.applied(&entry);
    }

    /// Whether it looks like a patch of imagegate's filter, by names.
    fn is_concerned(&self) -> bool {
        let name = self.wanted.and_then(Node::text).unwrap_or_default();
        let is_ours = |it: &Node| matches!(find::find(it), Found::Plugins(_));
        // A whole filter is checked as one.
        let is_whole = self.operation == "REPLACE" && self.value.is_some_and(is_ours);
        let is_named = name.contains(find::NAME) && name != LOOPBACK_ROOT_ID;
        !is_whole && (is_named || self.value.is_some_and(is_ours))
    }

    fn entry(&self) -> Entry<'r> {
        let at = self.wanted.or(self.value).unwrap_or(&self.resource.tree);
        let pointer = String::new();
        Entry { resource: self.resource, at: at.locate(""), pointer, value: self.value }
    }
}

/// Merges as protobuf does: objects by field, lists by their elements. An `Any` is one value, and a
/// value that is the default changes nothing.
fn merge(into: &mut Node, patch: &Node) {
    let Kind::Object(fields) = &mut into.kind else { return };
    for field in patch.fields() {
        let is_it = |name: &str| {
            name == field.name || camel_case(name) == field.name || name == camel_case(&field.name)
        };
        let Some(own) = fields.iter_mut().find(|it| is_it(&it.name)) else {
            fields.push(field.clone());
            continue;
        };
        let is_any = field.value.get("@type").is_some() && !is_it("typed_config");
        match (&mut own.value.kind, &field.value.kind) {
            (Kind::Object(_), Kind::Object(_)) if !is_any => merge(&mut own.value, &field.value),
            (Kind::List(items), Kind::List(more)) => items.extend(more.iter().cloned()),
            _ if is_default(&field.value) => {}
            _ => *own = field.clone(),
        }
    }
}

fn is_default(node: &Node) -> bool {
    match &node.kind {
        Kind::Null | Kind::Bool(false) => true,
        Kind::Number(number) => *number == 0.0,
        Kind::Text(text) => text.value.is_empty(),
        _ => false,
    }
}

const ANY: &str = "ANY";
/// Istio's own namespace. Of one priority its EnvoyFilters come first, and they apply in all others.
const ROOT: &str = "istio-system";
const SELECTOR: [&str; 3] = ["spec", "workloadSelector", "labels"];

//! Patches that change a filter which is added elsewhere, maybe in another file: JSON patches of an
//! EnvoyPatchPolicy, and MERGE patches of an EnvoyFilter. They are applied in the order of the
//! mesh, so that the configuration that Envoy would see is checked. All values keep their places
//! (`spans`).

mod filter;
mod gateway;
mod istio;
mod log;
mod operation;

use std::path::{Path, PathBuf};

use super::File;
use super::input::Document;
use super::policy;
use super::spans;
use super::tree::{Kind, Node};
use filter::Filter;
pub(crate) use istio::{Cover, MANAGER, VIRTUAL_HOST, cover, merge_message};
use log::Log;
pub(crate) use log::Part;
pub(crate) use operation::patched;

/// What the patches of a file are about, beside its documents.
#[derive(Default)]
pub(crate) struct Patches {
    /// Some of them were applied, or cannot be.
    pub(crate) are_followed: bool,
    /// Some of them change imagegate's filter, and are not checked.
    pub(crate) are_unseen: bool,
    /// Values that are parts of a configuration.
    pub(crate) parts: Vec<Part>,
    /// What there is to say, with places of any file (`spans::sent`).
    pub(crate) findings: Vec<super::finding::Finding>,
}

/// A resource with patches.
pub(crate) struct Resource {
    pub(crate) file: usize,
    pub(crate) document: usize,
    /// With places of its file (`spans::sent`).
    pub(crate) tree: Node,
    /// What to call it.
    label: String,
    /// The folder of the file: folders may hold the same resources for several clusters.
    pub(crate) folder: PathBuf,
}

impl Resource {
    /// A name in its `metadata`. Empty if there is none.
    pub(crate) fn metadata(&self, name: &str) -> &str {
        self.tree.at(&["metadata", name]).and_then(Node::text).unwrap_or_default()
    }

    /// The order in Istio: by priority, age and name. Those of Istio's own namespace come first.
    pub(crate) fn in_istio(&self, other: &Self) -> std::cmp::Ordering {
        let rank = |it: &Self| {
            let [age, name, namespace] =
                ["creationTimestamp", "name", "namespace"].map(|name| it.metadata(name).to_owned());
            (it.metadata("namespace") != ROOT, age, format!("{name}.{namespace}"))
        };
        let by_priority = self.priority().total_cmp(&other.priority());
        by_priority.then_with(|| rank(self).cmp(&rank(other)))
    }

    /// The order in Envoy Gateway: by priority.
    pub(crate) fn in_envoy_gateway(&self, other: &Self) -> std::cmp::Ordering {
        self.priority().total_cmp(&other.priority())
    }

    /// Whether it is for each workload that the EnvoyFilter `other` is for.
    pub(crate) fn is_for_workload_of(&self, other: &Self) -> bool {
        let namespace = self.metadata("namespace");
        let labels = |it: &Self| -> Vec<(String, Option<String>)> {
            let fields = it.tree.at(&SELECTOR).map(Node::fields).unwrap_or_default().iter();
            fields.map(|it| (it.name.clone(), it.value.text().map(str::to_owned))).collect()
        };
        let others = labels(other);
        let targets = |it: &Self| -> Vec<serde_json::Value> {
            let list = it.tree.at(&["spec", "targetRefs"]).map(Node::items).unwrap_or_default();
            list.iter().map(super::configurations::value).collect()
        };
        let (own, wanted) = (targets(self), targets(other));
        let has_targets =
            own.is_empty() || (!wanted.is_empty() && wanted.iter().all(|it| own.contains(it)));
        has_targets
            && (namespace == other.metadata("namespace") || namespace == ROOT)
            && labels(self).iter().all(|label| others.contains(label))
    }

    fn priority(&self) -> f64 {
        match self.tree.at(&["spec", "priority"]).map(|it| &it.kind) {
            Some(Kind::Number(number)) => *number,
            _ => 0.0,
        }
    }
}

/// Applies the patches of all files.
pub(crate) fn apply(files: &mut [File]) {
    let mut log = Log::default();
    let resources = resources(files, "EnvoyPatchPolicy");
    let policies = self::resources(files, policy::EXTENSION_POLICY);
    let (filters, entries) = gateway::follow(&resources, &policies, &mut log);
    write(files, &resources, filters);
    write(files, &policies, entries);
    let resources = self::resources(files, "EnvoyFilter");
    let filters = istio::follow(&resources, &mut log);
    write(files, &resources, filters);
    log.write(files);
}

/// The resources of a kind, in the order of the files.
pub(crate) fn resources(files: &[File], kind: &str) -> Vec<Resource> {
    let mut found = Vec::new();
    for (file, it) in files.iter().enumerate() {
        for (document, Document { tree, .. }) in it.documents.iter().enumerate() {
            if tree.get("kind").and_then(Node::text) != Some(kind) {
                continue;
            }
            let name = tree.at(&["metadata", "name"]).and_then(Node::text);
            let name = super::words::named(name.unwrap_or("without a name"));
            let label = format!("the {kind} {name} in {}", it.name);
            let mut tree = tree.clone();
            spans::send(&mut tree, file);
            let folder = Path::new(&it.name).parent().map(Path::to_owned).unwrap_or_default();
            found.push(Resource { file, document, tree, label, folder });
        }
    }
    found
}

/// Puts the changed filters into their documents.
fn write(files: &mut [File], resources: &[Resource], filters: Vec<Filter>) {
    for Filter { resource, pointer, mut tree, changed_by, .. } in filters {
        let Some(resource) = resources.get(resource).filter(|_| !changed_by.is_empty()) else {
            continue;
        };
        let file = files.get_mut(resource.file);
        let Some(document) = file.and_then(|it| it.documents.get_mut(resource.document)) else {
            continue;
        };
        document.before.get_or_insert_with(|| document.tree.clone());
        spans::receive(&mut tree, resource.file);
        if let Some(place) = document.tree.pointed_mut(&pointer) {
            *place = tree;
        }
        document.changed_by.extend(changed_by);
        document.changed_by.dedup();
    }
}

/// Istio's own namespace. Of one priority its EnvoyFilters come first, and they apply in all
/// others.
const ROOT: &str = "istio-system";
const SELECTOR: [&str; 3] = ["spec", "workloadSelector", "labels"];

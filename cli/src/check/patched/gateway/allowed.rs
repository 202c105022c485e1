//! Whether an operation is one that Kubernetes accepts, and that Envoy Gateway can apply, wherever
//! its path leads.

use super::super::super::find;
use super::super::super::finding::Finding;
use super::super::super::tree::Node;
use super::super::Resource;
use super::super::log::{Entry, Log, cause};
use super::super::operation::Fault;
use super::no_pointer;
use super::patch::is_pointer;

/// Looks at the policies that have to do with imagegate.
pub(super) fn tell(resources: &[Resource], log: &mut Log) {
    for resource in resources.iter().filter(|it| find::mentions(&it.tree)) {
        let patches = resource.tree.at(&["spec", "jsonPatches"]).map(Node::items);
        for operation in patches.unwrap_or_default().iter().filter_map(|it| it.get("operation")) {
            let at = operation.get("path").or_else(|| operation.get("jsonPath"));
            let at = at.unwrap_or(operation).locate("");
            if let Some(finding) = wrong(operation, &at) {
                let entry = Entry { resource, at, pointer: String::new(), value: None };
                log.failed(&entry, finding);
            }
        }
    }
}

fn wrong(operation: &Node, at: &std::ops::Range<usize>) -> Option<Finding> {
    let text = |name: &str| operation.get(name).and_then(Node::text);
    let op = text("op").unwrap_or_default();
    let needed = match op {
        "add" | "replace" | "test" => Some("value"),
        "move" | "copy" => Some("from"),
        "remove" => None,
        _ => return Some(cause(&Fault::Unknown, at)),
    };
    if let Some(name) = needed.filter(|name| operation.get(name).is_none()) {
        return Some(cause(&Fault::Lacks(name), at));
    }
    let is_wrong =
        |name: &str| operation.get(name).is_some_and(|it| !it.text().is_some_and(is_pointer));
    (is_wrong("path") || is_wrong("from")).then(|| no_pointer(at))
}

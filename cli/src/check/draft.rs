//! A configuration that is repaired error by error. The filter's parser stops at the first error,
//! so this finds them all.
//!
//! A value that the parser rejects is replaced by a harmless one of the right form. Then the whole
//! is read again, until there is no error. Elements of lists are replaced and never removed, so
//! that places stay the same. An error that the repair itself causes, such as a reference to a name
//! that is gone, is not reported.

mod stand_in;

use std::collections::{BTreeMap, BTreeSet};

use imagegate::config::{ConfigError, Fault};

use super::fields::Fields;
use super::suggest;
use super::tree::{Kind, Node, split};
pub(crate) use stand_in::VARIABLE;

/// A configuration under repair.
pub(crate) struct Draft {
    tree: Node,
    /// How often each place was repaired.
    attempts: BTreeMap<String, usize>,
    /// Places whose value is no longer the document's.
    replaced: BTreeSet<String>,
    /// Renamed fields: the new pointer, and the pointer in the document.
    renamed: Vec<(String, String)>,
    /// Removed fields.
    removed: BTreeSet<String>,
    stand_ins: usize,
}

impl Draft {
    /// Begins with the document as it is.
    pub(crate) fn new(tree: Node) -> Self {
        Self {
            tree,
            attempts: BTreeMap::new(),
            replaced: BTreeSet::new(),
            renamed: Vec::new(),
            removed: BTreeSet::new(),
            stand_ins: 0,
        }
    }

    /// The document with the repairs so far.
    pub(crate) fn tree(&self) -> &Node {
        &self.tree
    }

    /// Whether the value at `pointer`, or one that holds it, is not the document's.
    pub(crate) fn is_replaced(&self, pointer: &str) -> bool {
        let mut here = pointer;
        loop {
            if self.replaced.contains(here) {
                return true;
            }
            let Some((owner, _)) = here.rsplit_once('/') else { return false };
            here = owner;
        }
    }

    /// The pointer as the document has it.
    pub(crate) fn written(&self, pointer: &str) -> String {
        let mut written = pointer.to_owned();
        for (new, old) in self.renamed.iter().rev() {
            let rest = written
                .strip_prefix(new.as_str())
                .filter(|it| it.is_empty() || it.starts_with('/'));
            if let Some(rest) = rest {
                written = format!("{old}{rest}");
            }
        }
        written
    }

    /// Whether the error comes from a repair and not from the document.
    pub(crate) fn is_consequence(&self, error: &ConfigError) -> bool {
        if self.is_replaced(&error.pointer) {
            return true;
        }
        // A field that got its right name has one error already.
        if self.renamed.iter().any(|(new, _)| *new == error.pointer) {
            return true;
        }
        let replaced = |pointer: &str| self.replaced.contains(pointer);
        let is_touched = |pointer: &str| {
            let inside = format!("{pointer}/");
            self.is_replaced(pointer) || self.replaced.iter().any(|it| it.starts_with(&inside))
        };
        let owner = split(&error.pointer).map(|(owner, _)| owner).unwrap_or_default();
        let engine_is_replaced = replaced("/engine/kind") || replaced("/engine");
        match &error.fault {
            Fault::UnknownUpstream { .. } => self.has_lost("/upstreams"),
            Fault::Undefined { .. } => self.has_lost("/consumers") || self.has_lost("/users"),
            Fault::OtherApi { .. } => replaced(&format!("{owner}/api")),
            Fault::NotOfService => engine_is_replaced,
            Fault::TooManyHits { .. } if engine_is_replaced => true,
            Fault::Unmatched { .. } => self.has_lost("/models"),
            Fault::Repeated { first } | Fault::PricedTwice { first } => {
                is_touched(first) || is_touched(&error.pointer)
            }
            // It had one field too many, or a required one was wrong.
            Fault::Value { .. } | Fault::Empty { .. } if is_touched(&error.pointer) => true,
            Fault::Missing { .. } if error.pointer.ends_with("/key_sha256") => {
                replaced(&format!("{owner}/identities"))
            }
            Fault::WindowOfConcurrent => replaced(&format!("{owner}/unit")),
            // The fields of a rule depend on its unit.
            fault => {
                let is_missing = matches!(fault, Fault::Missing { .. });
                let of_unit = error.pointer.ends_with(if is_missing { "/window" } else { "/max" });
                of_unit && owner.starts_with("/limits/") && replaced(&format!("{owner}/unit"))
            }
        }
    }

    /// Whether names that others refer to may be gone: those under `place`.
    fn has_lost(&self, place: &str) -> bool {
        let names = ["/name", "/id", "/user", "/match"];
        let is_entry = |rest: &str| rest.matches('/').count() == 1;
        // An upstream keeps its name when its value is replaced.
        let upstreams = place == "/upstreams";
        let entries = if upstreams { &self.removed } else { &self.replaced };
        let loses = |it: &String| {
            let rest = it.strip_prefix(place).filter(|rest| rest.starts_with('/'));
            rest.is_some_and(|it| is_entry(it) || names.iter().any(|name| it.ends_with(name)))
        };
        self.replaced.contains(place) || entries.iter().any(loses)
    }

    /// Repairs the error, so that the parser goes on. `false` if that is not possible.
    pub(crate) fn repair(&mut self, error: &ConfigError) -> bool {
        let pointer = Self::target(error);
        if matches!(error.fault, Fault::SameName) {
            // The other field of this name is judged on its own.
            return self.remove(&pointer);
        }
        let attempt = self.attempts.entry(pointer.clone()).or_default();
        *attempt += 1;
        match *attempt {
            1 => self.mend(&pointer, &error.fault),
            2 => self.remove(&pointer) || self.replace_owner(&pointer),
            3 => self.replace_owner(&pointer),
            _ => false,
        }
    }

    /// What has to change: mostly the rejected value.
    fn target(error: &ConfigError) -> String {
        let owner = split(&error.pointer).map(|(owner, _)| owner).unwrap_or_default();
        let in_credential = owner.ends_with("/credential") && owner.matches('/').count() == 3;
        match &error.fault {
            // Which of its fields are needed depends on the others.
            Fault::Missing { .. } if in_credential => owner.to_owned(),
            _ => error.pointer.clone(),
        }
    }

    fn mend(&mut self, pointer: &str, fault: &Fault) -> bool {
        match fault {
            Fault::UnknownField { .. } => self.rename(pointer) || self.remove(pointer),
            Fault::OtherApi { .. }
            | Fault::NotOfService
            | Fault::WindowOfConcurrent
            | Fault::UserOfMaster => self.remove(pointer),
            _ => self.replace(pointer) || self.remove(pointer) || self.replace_owner(pointer),
        }
    }

    /// Gives an unknown field the name that was meant, so that its value is read too.
    fn rename(&mut self, pointer: &str) -> bool {
        let Some((owner, name)) = split(pointer) else { return false };
        let fields = Fields::get();
        let Some(object) = self.tree.pointed_mut(owner) else { return false };
        let Some(meant) = suggest::nearest(&name, fields.names(owner)) else { return false };
        let Kind::Object(members) = &mut object.kind else { return false };
        if members.iter().any(|it| it.name == meant) {
            return false;
        }
        let Some(field) = members.iter_mut().rfind(|it| it.name == name) else { return false };
        meant.clone_into(&mut field.name);
        let new = format!("{owner}/{meant}");
        // A token under `bearer` is not the name of a variable for `bearer_env`.
        if owner.ends_with("/credential") {
            self.replace(&new);
        }
        self.renamed.push((new, pointer.to_owned()));
        true
    }

    fn remove(&mut self, pointer: &str) -> bool {
        let Some((owner, name)) = split(pointer) else { return false };
        let Some(Node { kind: Kind::Object(fields), .. }) = self.tree.pointed_mut(owner) else {
            return false;
        };
        let Some(at) = fields.iter().rposition(|field| field.name == name) else { return false };
        fields.remove(at);
        // Another field of this name may be left, which is the document's.
        if !fields.iter().any(|field| field.name == name) {
            self.replaced.insert(pointer.to_owned());
            self.removed.insert(pointer.to_owned());
        }
        true
    }

    fn replace_owner(&mut self, pointer: &str) -> bool {
        let Some((owner, _)) = split(pointer) else { return false };
        let owner = owner.to_owned();
        self.replace(&owner) || self.remove(&owner) || self.replace_owner(&owner)
    }
}

#[cfg(test)]
mod tests;

//! The patches of a mesh, put together to the bootstrap that they amount to: an EnvoyFilter of
//! Istio, or an EnvoyPatchPolicy of Envoy Gateway, that adds the filter, with all others for the
//! same proxies that add routes, clusters and listeners, in any file. So the lints see these, too.
//! All values keep their places in their files.

mod gateway;
mod istio;
mod node;
mod parts;

use super::File;
use super::finding::Finding;
use super::patched::{self, Resource};
use super::spans;
pub(crate) use istio::extensions;
use parts::Parts;
pub(crate) use parts::{MESH, REMOVED};

/// What a resource adds to a gate.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Share {
    /// It is the gate.
    Own,
    /// It has no filter of ours.
    More,
    /// It has another one, with routes of its own.
    Clusters,
}

/// The resources of a mesh, with what they are called.
struct Mesh {
    kind: &'static str,
    resources: Vec<Resource>,
    /// Those of other kinds that Envoy Gateway reads.
    others: Vec<Resource>,
}

/// Puts together what belongs together.
pub(crate) fn assemble(files: &mut [File]) {
    for kind in [istio::KIND, gateway::KIND] {
        let others = if kind == gateway::KIND { &gateway::OTHERS[..] } else { &[] };
        let others = others.iter().flat_map(|kind| patched::resources(files, kind)).collect();
        let mesh = Mesh { kind, resources: patched::resources(files, kind), others };
        let is_gate: Vec<bool> = mesh.resources.iter().map(|it| mesh.adds_filter(it)).collect();
        for (number, gate) in mesh.resources.iter().enumerate() {
            if is_gate.get(number) == Some(&true) {
                mesh.assemble(gate, &is_gate, files);
            }
        }
    }
}

impl Mesh {
    /// Puts together what belongs to this gate.
    fn assemble(&self, gate: &Resource, is_gate: &[bool], files: &mut [File]) {
        let gates = || self.resources.iter().zip(is_gate).filter(|(_, is)| **is);
        let is_home = |it: &Resource| gates().any(|(other, _)| other.folder == it.folder);
        let mut together: Vec<(&Resource, Share)> = Vec::new();
        for (it, is_gate) in self.resources.iter().zip(is_gate) {
            let is_near = it.folder == gate.folder || !is_home(it);
            if std::ptr::eq(it, gate) {
                together.push((it, Share::Own));
            } else if is_near && self.is_for_proxies_of(it, gate) {
                together.push((it, if *is_gate { Share::Clusters } else { Share::More }));
            }
        }
        let Some(mut parts) = self.parts(gate, &mut together) else { return };
        tell(std::mem::take(&mut parts.findings), files);
        let Some(mut tree) = parts.bootstrap() else { return };
        if self.kind == istio::KIND {
            istio::keep_extensions(&gate.tree, &mut tree);
        } else {
            gateway::keep_searches(&gate.tree, &mut tree);
        }
        spans::receive(&mut tree, gate.file);
        let document = files.get_mut(gate.file).and_then(|it| it.documents.get_mut(gate.document));
        if let Some(document) = document {
            document.assembled = Some(tree);
        }
        for (it, _) in together.iter().filter(|(_, share)| *share == Share::More) {
            if let Some(file) = files.get_mut(it.file) {
                file.patches.are_followed = true;
            }
        }
    }

    fn parts(&self, gate: &Resource, together: &mut [(&Resource, Share)]) -> Option<Parts> {
        if self.kind == istio::KIND {
            together.sort_by(|(a, _), (b, _)| a.in_istio(b));
            istio::parts(gate, together)
        } else {
            together.sort_by(|(a, _), (b, _)| a.in_envoy_gateway(b));
            gateway::parts(gate, together, self)
        }
    }

    /// Whether each proxy of the gate has the patches of `it`, too.
    fn is_for_proxies_of(&self, it: &Resource, gate: &Resource) -> bool {
        if self.kind == istio::KIND {
            it.is_for_workload_of(gate)
        } else {
            gateway::is_beside(it, gate)
        }
    }

    /// Whether it adds a filter of ours.
    fn adds_filter(&self, resource: &Resource) -> bool {
        let parts = self.parts(resource, &mut [(resource, Share::Own)]);
        parts.is_some_and(|it| it.has_filter())
    }
}

/// Gives the findings to the files that they are about.
fn tell(findings: Vec<Finding>, files: &mut [File]) {
    for finding in findings {
        let file = spans::origin(&finding.span).and_then(|(file, _)| files.get_mut(file));
        if let Some(file) = file {
            file.patches.are_followed = true;
            file.patches.findings.push(finding);
        }
    }
}

//! Which upstream serves a model, and under which name.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::Upstream;
use super::error::{ConfigError, Fault};
use super::file::ModelFile;
use super::pointer::Pointer;
use crate::pattern::{Pattern, Rename};

/// A model name that a request was resolved to.
#[derive(Debug)]
pub struct Model<'a> {
    /// The name the client used, or the default one; allow-lists and records speak of this one.
    pub requested: Cow<'a, str>,
    /// The name the upstream is asked for.
    pub sent: Cow<'a, str>,
    /// Where to send the request.
    pub upstream: &'a Upstream,
}

/// An entry of `models`.
#[derive(Debug)]
pub(super) struct Route {
    pattern: Pattern,
    rename: Rename,
    /// A key of `upstreams`.
    upstream: String,
}

impl Route {
    /// The upstream's key and the name to send for `requested`. `None` where the entry does not
    /// match.
    pub(super) fn resolve<'a>(&'a self, requested: &'a str) -> Option<(&'a str, Cow<'a, str>)> {
        if !self.pattern.matches(requested) {
            return None;
        }
        Some((&self.upstream, self.rename.apply(requested, &self.pattern)?))
    }

    fn compile(
        file: &ModelFile,
        here: &Pointer,
        upstreams: &BTreeMap<String, Upstream>,
    ) -> Result<Self, ConfigError> {
        let pattern = Pattern::parse(&file.pattern).ok_or_else(|| here.key("match").invalid())?;
        if !upstreams.contains_key(&file.upstream) {
            let known = upstreams.keys().cloned().collect();
            return Err(here.key("upstream").fault(Fault::UnknownUpstream { known }));
        }
        let rename = match &file.rename {
            None => Rename::Keep,
            Some(rule) => {
                Rename::parse(rule, &pattern).ok_or_else(|| here.key("rename").invalid())?
            }
        };
        Ok(Self { pattern, rename, upstream: file.upstream.clone() })
    }
}

/// The entries of `models`, or one for everything where there is only one upstream.
pub(super) fn compile(
    file: Option<Vec<ModelFile>>,
    upstreams: &BTreeMap<String, Upstream>,
) -> Result<Vec<Route>, ConfigError> {
    let here = Pointer::default().key("models");
    let Some(entries) = file else {
        let mut names = upstreams.keys();
        return match (names.next(), names.next()) {
            (Some(only), None) => Ok(vec![Route {
                pattern: Pattern::any(),
                rename: Rename::Keep,
                upstream: only.clone(),
            }]),
            _ => Err(here.missing()),
        };
    };
    if entries.is_empty() {
        return Err(here.empty());
    }
    let entries = entries.iter().enumerate();
    entries.map(|(index, entry)| Route::compile(entry, &here.index(index), upstreams)).collect()
}

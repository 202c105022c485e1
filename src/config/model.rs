//! Which upstreams serve a model, in which order, and under which name each.

mod file;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use super::Upstream;
use super::error::{ConfigError, Fault};
use super::pointer::Pointer;
use crate::pattern::{Pattern, Rename};

#[cfg(not(target_arch = "wasm32"))]
pub(super) use file::RenamedFile;
pub(super) use file::{CandidateFile, CandidatesFile, ModelFile};

/// A model name that a request was resolved to.
#[derive(Debug)]
pub struct Model<'a> {
    /// The name the client used, or the default one; allow-lists and records speak of this one.
    pub requested: Cow<'a, str>,
    /// Who may serve it, in the order in which they are tried: at least one.
    pub candidates: Vec<Candidate<'a>>,
}

impl Model<'_> {
    /// How long any of them may take at most.
    pub fn longest_timeout(&self) -> Duration {
        self.candidates.iter().map(|it| it.upstream.timeout()).max().unwrap_or_default()
    }
}

/// An upstream that may serve a model.
#[derive(Debug, Clone)]
pub struct Candidate<'a> {
    /// The name the upstream is asked for.
    pub sent: Cow<'a, str>,
    /// Where to send the request.
    pub upstream: &'a Upstream,
    /// The text model that calls the image tool; `None` for an upstream of the Images API.
    pub host_model: Option<Rc<str>>,
}

/// An entry of `models`.
#[derive(Debug)]
pub(super) struct Route {
    pattern: Pattern,
    /// Keys of `upstreams`, and what each is asked for.
    candidates: Vec<(String, Rename)>,
}

impl Route {
    /// The upstreams for `requested`, and the name to send to each. `None` where the entry does not
    /// match, or nothing is left of the name for one of them.
    pub(super) fn resolve<'a>(
        &'a self,
        requested: &'a str,
        upstreams: &'a BTreeMap<String, Upstream>,
    ) -> Option<Vec<Candidate<'a>>> {
        if !self.pattern.matches(requested) {
            return None;
        }
        let candidates = self.candidates.iter().map(|(name, rename)| {
            let sent = rename.apply(requested, &self.pattern)?;
            let upstream = upstreams.get(name)?;
            Some(Candidate { sent, upstream, host_model: upstream.first_host_model() })
        });
        candidates.collect()
    }

    fn compile(
        file: &ModelFile,
        here: &Pointer,
        upstreams: &BTreeMap<String, Upstream>,
    ) -> Result<Self, ConfigError> {
        let pattern = Pattern::parse(&file.pattern).ok_or_else(|| here.key("match").invalid())?;
        let known = |name: &str, here: &Pointer| match upstreams.contains_key(name) {
            true => Ok(name.to_owned()),
            false => {
                let known = upstreams.keys().cloned().collect();
                Err(here.fault(Fault::UnknownUpstream { known }))
            }
        };
        let rename = |rule: Option<&String>, here: &Pointer| match rule {
            None => Ok(Rename::Keep),
            Some(rule) => Rename::parse(rule, &pattern).ok_or_else(|| here.invalid()),
        };
        let place = here.key("upstream");
        let candidates = match &file.upstream {
            CandidatesFile::One(name) => {
                vec![(known(name, &place)?, rename(file.rename.as_ref(), &here.key("rename"))?)]
            }
            CandidatesFile::Several(list) => {
                rename(file.rename.as_ref(), &here.key("rename"))?;
                match list.len() {
                    0 => return Err(place.empty()),
                    1..=MAX_CANDIDATES => {}
                    _ => return Err(place.out_of_range()),
                }
                let compile = |(index, it): (usize, &CandidateFile)| {
                    let here = place.index(index);
                    let name = if it.is_object { here.key("name") } else { here.clone() };
                    let rule = it.rename.as_ref().or(file.rename.as_ref());
                    Ok((known(&it.name, &name)?, rename(rule, &here.key("rename"))?))
                };
                let list = list.iter().enumerate().map(compile);
                let list = list.collect::<Result<Vec<_>, ConfigError>>()?;
                check_list(&list, &place)?;
                list
            }
        };
        Ok(Self { pattern, candidates })
    }
}

/// An entry that asks for the same as an earlier one is a slip.
fn check_list(list: &[(String, Rename)], here: &Pointer) -> Result<(), ConfigError> {
    for (index, entry) in list.iter().enumerate() {
        let first = list.iter().take(index).position(|earlier| earlier == entry);
        if let Some(first) = first {
            return Err(here.index(index).repeats(&here.index(first)));
        }
    }
    Ok(())
}

/// A request that fails everywhere asks each of them once for each picture.
const MAX_CANDIDATES: usize = 4;

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
                candidates: vec![(only.clone(), Rename::Keep)],
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

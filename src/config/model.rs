//! Which upstreams serve a model, in which order, and by which name each.

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

/// Which of several upstreams is called first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Balance {
    /// The first in the list that does not rest.
    #[default]
    First,
    /// Each in its turn.
    RoundRobin,
    /// The one that has used the least of its usage limit.
    LeastUsed,
}

/// The model of a request.
#[derive(Debug)]
pub struct Model<'a> {
    /// The name that the client used, or the default one. Allow-lists and records use it.
    pub requested: Cow<'a, str>,
    /// The upstreams that may serve it, in the order in which they are tried: at least one.
    pub candidates: Vec<Candidate<'a>>,
    /// Which of them is called first.
    pub balance: Balance,
    /// The place of the entry in `models`.
    pub entry: usize,
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
    /// The name that is sent to the upstream.
    pub sent: Cow<'a, str>,
    /// Where to send the request.
    pub upstream: &'a Upstream,
    /// The text model that calls the image tool; `None` for an upstream of the Images API.
    pub host_model: Option<Rc<str>>,
    /// Its place in the entry's list.
    pub place: usize,
    /// Its share of the load, relative to the others, 1 to 100.
    pub weight: u32,
    /// What workers have noted about the upstream. Empty until it is read, for this request.
    pub notes: String,
}

/// An entry of `models`.
#[derive(Debug)]
pub(super) struct Route {
    pattern: Pattern,
    /// In the order in which they are written.
    members: Vec<Member>,
    balance: Balance,
}

/// An upstream in an entry of `models`.
#[derive(Debug)]
struct Member {
    /// Its key in `upstreams`.
    upstream: String,
    rename: Rename,
    weight: u32,
}

impl Route {
    /// The upstreams for `requested`, and the name to send to each. `None` if the entry does not
    /// match, or nothing is left of the name for one of them.
    pub(super) fn resolve<'a>(
        &'a self,
        requested: &'a str,
        upstreams: &'a BTreeMap<String, Upstream>,
    ) -> Option<Vec<Candidate<'a>>> {
        if !self.pattern.matches(requested) {
            return None;
        }
        let candidates = self.members.iter().enumerate().map(|(place, member)| {
            let sent = member.rename.apply(requested, &self.pattern)?;
            let upstream = upstreams.get(&member.upstream)?;
            let (host_model, weight) = (upstream.first_host_model(), member.weight);
            let notes = String::new();
            Some(Candidate { sent, upstream, host_model, place, weight, notes })
        });
        candidates.collect()
    }

    /// The only model of the entry. `None` if its pattern has a wildcard.
    pub(super) fn literal(&self) -> Option<&str> {
        self.pattern.literal()
    }

    /// Which upstream is called first.
    pub(super) fn balance(&self) -> Balance {
        self.balance
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
        let mut members = match &file.upstream {
            CandidatesFile::One(name) => {
                let rename = rename(file.rename.as_ref(), &here.key("rename"))?;
                vec![Member { upstream: known(name, &place)?, rename, weight: 1 }]
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
                    let rename = rename(rule, &here.key("rename"))?;
                    Ok(Member { upstream: known(&it.name, &name)?, rename, weight: 1 })
                };
                let list = list.iter().enumerate().map(compile);
                let list = list.collect::<Result<Vec<_>, ConfigError>>()?;
                check_list(&list, &place)?;
                list
            }
        };
        weigh(&mut members, file, here)?;
        Ok(Self { pattern, members, balance: file.balance })
    }
}

/// Sets the weight of each upstream.
fn weigh(members: &mut [Member], file: &ModelFile, here: &Pointer) -> Result<(), ConfigError> {
    let Some(weights) = file.weights.as_ref().filter(|it| !it.is_empty()) else { return Ok(()) };
    let here = here.key("weights");
    if file.balance == Balance::First {
        return Err(here.fault(Fault::WeightsUnused));
    }
    for (name, weight) in weights {
        let place = here.key(name);
        let mut named = members.iter_mut().filter(|it| it.upstream == *name).peekable();
        if named.peek().is_none() {
            let known = members.iter().map(|it| it.upstream.clone()).collect();
            return Err(place.fault(Fault::UnknownUpstream { known }));
        }
        let weight = u32::try_from(*weight).ok().filter(|it| (1..=MAX_WEIGHT).contains(it));
        let weight = weight.ok_or_else(|| place.out_of_range())?;
        named.for_each(|member| member.weight = weight);
    }
    Ok(())
}

/// Rejects an entry with the same upstream and name as an earlier one: it is a mistake.
fn check_list(list: &[Member], here: &Pointer) -> Result<(), ConfigError> {
    for (index, entry) in list.iter().enumerate() {
        let is_same = |it: &Member| it.upstream == entry.upstream && it.rename == entry.rename;
        let first = list.iter().take(index).position(is_same);
        if let Some(first) = first {
            return Err(here.index(index).repeats(&here.index(first)));
        }
    }
    Ok(())
}

/// A request that fails everywhere calls each of them once for each image.
const MAX_CANDIDATES: usize = 16;
/// As in Envoy's examples of weighted clusters: parts of a hundred.
const MAX_WEIGHT: u32 = 100;

/// The patterns of the entries, in their order.
pub(super) fn patterns(routes: &[Route]) -> Vec<Pattern> {
    routes.iter().map(|route| route.pattern.clone()).collect()
}

/// The entries of `models`, or one for all models if there is only one upstream.
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
                members: vec![Member { upstream: only.clone(), rename: Rename::Keep, weight: 1 }],
                balance: Balance::First,
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

//! Compares a list of models with the configured host models.

use serde::Serialize;

use super::catalogue::Listed;
use super::target::Target;
use super::version::reaches;

/// The state of an upstream's models.
pub(crate) struct Verdict {
    /// How many models are listed for the configured version.
    pub(crate) listed: usize,
    /// Each configured host model.
    pub(crate) host_models: Vec<HostModel>,
    /// Other models that could be host models: they take images, and the version reaches them.
    pub(crate) others: Vec<Listed>,
    /// Listed models that must not be used.
    pub(crate) hidden: Vec<String>,
}

/// A configured host model.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct HostModel {
    pub(crate) name: String,
    pub(crate) state: State,
    /// The lowest client version that it needs; `None` if the lists do not say.
    pub(crate) least: Option<String>,
}

/// Whether a host model can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum State {
    /// Listed, and the version reaches it.
    Usable,
    /// Not listed: the account has no access, or the model is retired.
    NotListed,
    /// It needs a newer `version` header than is configured.
    VersionTooOld,
    /// It needs a `version` header, and none is configured.
    NoVersion,
    /// Listed as hidden.
    Hidden,
    /// It takes no images, so edits would fail.
    NoImageInput,
}

impl State {
    /// For people; `version` is the configured one.
    pub(crate) fn words(self, version: Option<&str>) -> String {
        match self {
            Self::Usable => "usable".to_owned(),
            Self::NotListed => {
                "not listed for this account: retired, or not in its plan".to_owned()
            }
            Self::VersionTooOld => {
                let version = version.unwrap_or_default();
                format!("`version` {version} is too old: raise it under `headers`")
            }
            Self::NoVersion => "no `version` under `headers`: the upstream refuses it".to_owned(),
            Self::Hidden => "hidden: not for use".to_owned(),
            Self::NoImageInput => "takes no images".to_owned(),
        }
    }
}

impl Verdict {
    /// Whether a host model can be used.
    pub(crate) fn is_usable(&self) -> bool {
        self.host_models.iter().any(|it| it.state == State::Usable)
    }

    /// Whether the list has all configured host models.
    pub(crate) fn lacks_none(&self) -> bool {
        self.host_models.iter().all(|it| it.state != State::NotListed)
    }
}

/// Judges by the list for the configured version, and by the list for a newer client if there is
/// one.
pub(crate) fn of(target: &Target, models: &[Listed], newer: Option<&[Listed]>) -> Verdict {
    let version = target.version();
    let named = |name: &str, models: &[Listed]| models.iter().find(|it| it.slug == name).cloned();
    let judge = |name: &String| {
        let listed = named(name, models);
        let later = newer.and_then(|newer| named(name, newer));
        let state = match (&listed, &later) {
            (Some(listed), _) => state(listed, version),
            (None, Some(_)) => State::VersionTooOld,
            (None, None) => State::NotListed,
        };
        let least = listed.or(later).and_then(|it| it.least);
        HostModel { name: name.clone(), state, least }
    };
    let is_other = |it: &&Listed| {
        state(it, version) == State::Usable
            && it.images == Some(true)
            && !target.host_models.contains(&it.slug)
    };
    let hidden = models.iter().filter(|it| it.hidden);
    Verdict {
        listed: models.len(),
        host_models: target.host_models.iter().map(judge).collect(),
        others: models.iter().filter(is_other).cloned().collect(),
        hidden: hidden.map(|it| it.slug.clone()).collect(),
    }
}

fn state(model: &Listed, version: Option<&str>) -> State {
    let reached = match (version, &model.least) {
        (Some(ours), Some(least)) => reaches(ours, least),
        _ => None,
    };
    match (model.hidden, model.images, version, reached) {
        (true, ..) => State::Hidden,
        (_, Some(false), ..) => State::NoImageInput,
        (_, _, None, _) => State::NoVersion,
        (_, _, _, Some(false)) => State::VersionTooOld,
        // A model that is listed for this version is usable unless the list says otherwise.
        _ => State::Usable,
    }
}

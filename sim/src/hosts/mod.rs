//! Which host models there are, and how the backend rejects the others.
//!
//! A host model is the text model that calls the image tool. It is rejected if it was removed, if
//! its name is unknown, if it does not support the tool, or if the client is too old for it. The
//! `version` header has the age of a client; without one, a client is too old for every model.

mod form;
mod listing;
mod table;
mod version;

use std::borrow::Cow;

pub use self::{form::Form, version::Version};
use crate::rejection::Rejection;

/// How an unknown name is rejected.
const UNKNOWN: Form = Form::Detail;

/// A host model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostModel {
    /// Its name.
    pub slug: Cow<'static, str>,
    /// Whether requests that name it are served.
    pub state: State,
    /// The client version that the catalogue names.
    pub declares: Version,
    /// The client version from which it is listed and served.
    pub needs: Version,
    /// How an older client is rejected.
    pub too_old: Form,
    /// How the catalogue shows it.
    pub listing: Listing,
}

/// Whether requests that name a host model are served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It is served.
    Alive,
    /// It is served unless it has the image tool.
    TextOnly,
    /// It is rejected in this form, for every client version.
    Rejected(Form),
}

/// How the catalogue shows a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listing {
    /// With `visibility: list`.
    List,
    /// With `visibility: hide`.
    Hide,
    /// Not at all.
    Absent,
}

/// The host models of the account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Catalogue {
    models: Vec<HostModel>,
    /// Whether every other name is accepted as well.
    takes_any: bool,
}

impl Default for Catalogue {
    fn default() -> Self {
        Self { models: table::models(), takes_any: false }
    }
}

impl Catalogue {
    /// Reads the value of `--host-models`: `any`, or entries separated by commas or white space.
    /// `NAME` is served, `NAME@VERSION` from this client version on, `NAME=FORM` is rejected in
    /// this form. Entries that follow a leading `+` change the usual catalogue, others replace it.
    /// A `#` starts a comment.
    ///
    /// # Errors
    ///
    /// The first wrong entry, and what is expected.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.trim() == "any" {
            return Ok(Self { takes_any: true, ..Self::default() });
        }
        let (mut catalogue, text) = match text.trim_start().strip_prefix('+') {
            Some(rest) => (Self::default(), rest),
            None => (Self { models: Vec::new(), takes_any: false }, text),
        };
        let lines = text.lines().filter_map(|line| line.split('#').next());
        for entry in lines.flat_map(|line| line.split([',', ' ', '\t'])) {
            if !entry.is_empty() {
                catalogue.put(entry_of(entry)?);
            }
        }
        if catalogue.models.is_empty() {
            return Err("expected at least one host model, or `any`".to_owned());
        }
        Ok(catalogue)
    }

    /// Adds a model, or replaces the one of the same name.
    fn put(&mut self, model: HostModel) {
        match self.models.iter_mut().find(|other| other.slug == model.slug) {
            Some(other) => *other = model,
            None => self.models.push(model),
        }
    }

    /// Rejects a host model as the backend does. `version` is the client's, `has_tool` whether the
    /// request has the image tool.
    ///
    /// # Errors
    ///
    /// The rejection.
    pub fn check(
        &self,
        name: &str,
        version: Option<Version>,
        has_tool: bool,
    ) -> Result<(), Rejection> {
        if self.takes_any {
            return Ok(());
        }
        let Some(model) = self.models.iter().find(|model| model.slug == name) else {
            return Err(UNKNOWN.reject(name));
        };
        match model.state {
            State::Rejected(form) => Err(form.reject(name)),
            _ if version.unwrap_or_default() < model.needs => Err(model.too_old.reject(name)),
            State::TextOnly if has_tool => Err(Form::NoTool.reject(name)),
            State::TextOnly | State::Alive => Ok(()),
        }
    }
}

/// One entry of `--host-models`.
fn entry_of(text: &str) -> Result<HostModel, String> {
    let (name, state, needs) = if let Some((name, form)) = text.split_once('=') {
        let form = Form::parse(form)
            .ok_or_else(|| format!("'{form}' in '{text}' is not one of {}", form_names()))?;
        (name, State::Rejected(form), Version::default())
    } else if let Some((name, version)) = text.split_once('@') {
        let version = Version::parse(version)
            .ok_or_else(|| format!("'{version}' in '{text}' is not a version such as 0.170.0"))?;
        (name, State::Alive, version)
    } else {
        (text, State::Alive, Version::default())
    };
    if name.is_empty() {
        return Err(format!("'{text}' names no host model"));
    }
    Ok(HostModel {
        slug: Cow::Owned(name.to_owned()),
        state,
        declares: needs,
        needs,
        too_old: Form::Upgrade,
        listing: if state == State::Alive { Listing::List } else { Listing::Absent },
    })
}

/// The names of all forms, for a message.
fn form_names() -> String {
    Form::ALL.map(|(name, _)| name).join(", ")
}

/// A rejection of a host model that a prompt asks for: `[[sim:refuse_host=d]]` of all,
/// `[[sim:refuse_host=gpt-6-luna:d]]` of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// The host model to reject; `None` for every one.
    pub model: Option<String>,
    /// The form of the rejection.
    pub form: Form,
}

impl Order {
    /// Reads the value of the directive.
    pub fn parse(text: &str) -> Option<Self> {
        let (model, form) = match text.rsplit_once(':') {
            Some((model, form)) if !model.is_empty() => (Some(model.to_owned()), form),
            Some(_) => return None,
            None => (None, text),
        };
        Some(Self { model, form: Form::parse(form)? })
    }

    /// Whether it applies to this host model.
    pub fn is_about(&self, name: &str) -> bool {
        self.model.as_deref().is_none_or(|model| model == name)
    }
}

#[cfg(test)]
mod tests;

//! The Images API, as OpenAI, Azure and those who imitate them serve it: `POST …/images/generations`
//! and `POST …/images/edits`.
//!
//! [`form`] and [`request`] read what was asked, [`faults`] say what of all that can go wrong means
//! something here, [`direct`] reads what is asked of the Codex backend, [`answer`] words the answer, and [`delivery`] plans how it leaves.

pub mod answer;
pub mod delivery;
pub mod direct;
pub mod faults;
pub mod form;
pub mod request;

pub use self::{answer::Answer, form::Sent, request::Request};

/// Where the Codex backend serves it, before `/images/…`.
const CODEX: &str = "/backend-api/codex";

/// Where the API is served, before `/images/…`; the last is for a base without a path.
const BASES: [&str; 3] = ["/v1", CODEX, ""];

/// What Azure puts before the name of a deployment.
const DEPLOYMENTS: &str = "/openai/deployments/";

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// A image from words.
    Generations,
    /// A image from images and words.
    Edits,
}

/// A path of this API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// What is asked for.
    pub endpoint: Endpoint,
    /// The deployment, which on Azure stands for the model.
    pub deployment: Option<String>,
    /// Whether this is the Codex backend.
    pub direct: bool,
}

impl Route {
    /// Reads a path without its query.
    pub fn of(path: &str) -> Option<Self> {
        let (base, endpoint) = if let Some(base) = path.strip_suffix("/images/generations") {
            (base, Endpoint::Generations)
        } else {
            (path.strip_suffix("/images/edits")?, Endpoint::Edits)
        };
        if BASES.contains(&base) {
            return Some(Self { endpoint, deployment: None, direct: base == CODEX });
        }
        let name = base.strip_prefix(DEPLOYMENTS)?;
        let plain = !name.is_empty() && !name.contains('/');
        plain.then(|| Self { endpoint, deployment: Some(name.to_owned()), direct: false })
    }
}

#[cfg(test)]
mod tests;

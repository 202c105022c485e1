//! The Images API, as OpenAI, Azure and compatible providers serve it: `POST …/images/generations`
//! and `POST …/images/edits`.
//!
//! [`form`] and [`request`] read a request, [`direct`] one to the Codex backend. [`faults`] says
//! which faults apply here, [`answer`] writes the answer, and [`delivery`] plans how it is sent.

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

/// What a request wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// An image from a prompt.
    Generations,
    /// An image from images and a prompt.
    Edits,
}

/// A path of this API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// What the request wants.
    pub endpoint: Endpoint,
    /// The deployment, which names the model on Azure.
    pub deployment: Option<String>,
    /// Whether this path belongs to the Codex backend.
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

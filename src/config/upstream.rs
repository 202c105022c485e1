//! Upstreams: where images are generated, and with which credential and headers.

mod compile;

use std::fmt;
use std::rc::Rc;
use std::time::Duration;

use secrecy::SecretString;

use super::capacity::Capacity;
use super::credential::Credential;
use super::host_models::HostModels;
use crate::prices::ChargeBy;
use crate::upstream::request::ToolChoice;

/// The API of an upstream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Api {
    /// The Responses API, whose image tool is called.
    #[default]
    Responses,
    /// The Images API itself.
    Images,
}

/// How an upstream of the Images API accepts edits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Edits {
    /// As JSON, with the images as URLs.
    Json,
    /// As `multipart/form-data`, with the images as files.
    Form,
}

/// Whether answers of an upstream pass through to the client while they come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
pub enum Pass {
    /// They do, but not for an hour after the upstream has broken off after a complete answer.
    #[default]
    #[serde(rename = "auto")]
    Auto,
    /// They always do.
    #[serde(rename = "pass")]
    Always,
    /// They are held until they are complete. One that finds no room in memory passes through.
    #[serde(rename = "hold")]
    Never,
}

/// An upstream.
pub struct Upstream {
    name: String,
    api: Api,
    names_format: bool,
    sends_safety_identifier: bool,
    edits: Edits,
    streams: bool,
    cluster: String,
    authority: String,
    path: String,
    host_models: HostModels,
    capacity: Capacity,
    fingerprint: String,
    tool_choice: ToolChoice,
    charge_by: ChargeBy,
    delivery: Pass,
    credential: Credential,
    headers: Vec<(String, String)>,
    timeout: Duration,
    max_rest: Duration,
}

impl Upstream {
    /// The name under `upstreams`, which is also the value of `x-imagegate-upstream`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The Envoy cluster of the side calls.
    pub fn cluster(&self) -> &str {
        &self.cluster
    }

    /// The `:authority` of requests.
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// Its API.
    pub fn api(&self) -> Api {
        self.api
    }

    /// The `:path` of requests, with an optional query. For the Images API it is the prefix of the
    /// paths.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The `:path` of `endpoint` of the Images API. A query of [`path`](Self::path) stays after it.
    pub fn path_of(&self, endpoint: &str) -> String {
        let (base, query) = self.path.split_at(self.path.find('?').unwrap_or(self.path.len()));
        format!("{}/{endpoint}{query}", base.trim_end_matches('/'))
    }

    /// Whether base64 is requested by name (Images API only).
    pub fn names_format(&self) -> bool {
        self.names_format
    }

    /// Whether the client's `safety_identifier` is sent (Images API only).
    pub fn sends_safety_identifier(&self) -> bool {
        self.sends_safety_identifier
    }

    /// How edits are written (Images API only).
    pub fn edits(&self) -> Edits {
        self.edits
    }

    /// Whether a client that requests events gets the provider's own (Images API only).
    pub fn streams(&self) -> bool {
        self.streams
    }

    /// The text models that may call the image tool.
    pub fn host_models(&self) -> &HostModels {
        &self.host_models
    }

    /// The first of them. `None` for the Images API.
    pub fn first_host_model(&self) -> Option<Rc<str>> {
        let is_responses = self.api == Api::Responses;
        self.host_models.names().first().filter(|_| is_responses).cloned()
    }

    /// What it accepts.
    pub fn capacity(&self) -> Capacity {
        self.capacity
    }

    /// 16 hexadecimal digits. They change with every setting that decides whether it serves: where
    /// it is, which credential it is called with, and how requests present themselves. They reveal
    /// no secret.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// The value of the header `version`, by which Codex judges the client.
    pub fn version(&self) -> Option<&str> {
        let version = self.headers.iter().find(|(name, _)| name == "version");
        version.map(|(_, value)| value.as_str())
    }

    /// Whether that model must call the tool.
    pub fn tool_choice(&self) -> ToolChoice {
        self.tool_choice
    }

    /// Whose price an image has, if another model than was requested generated it.
    pub fn charge_by(&self) -> ChargeBy {
        self.charge_by
    }

    /// Whether its answers pass through while they come.
    pub fn delivery(&self) -> Pass {
        self.delivery
    }

    /// The header that carries the credential, and its value. `None` if a later filter of Envoy
    /// sets it.
    pub fn credential(&self) -> Option<(&str, &SecretString)> {
        self.credential.header.as_ref().map(|(name, value)| (name.as_str(), value))
    }

    /// The value of `chatgpt-account-id`.
    pub fn account_id(&self) -> Option<&str> {
        self.credential.account_id.as_deref()
    }

    /// Headers to add, with names in lower case. The filter sets none of them itself.
    pub fn headers(&self) -> &[(String, String)] {
        &self.headers
    }

    /// How long one upstream call may take, 1 ms to 24 h.
    pub fn timeout(&self) -> Duration {
        self.timeout
    }

    /// The longest time that it is not called after it has said that it serves no request for now.
    /// Zero if it is always called. At most 31 days.
    pub fn max_rest(&self) -> Duration {
        self.max_rest
    }
}

/// Writes names only. Headers and the account belong to the operator.
impl fmt::Debug for Upstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upstream").field("name", &self.name).finish_non_exhaustive()
    }
}

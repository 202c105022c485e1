//! Upstreams: where images are generated, and with which credential and headers.

use std::collections::BTreeMap;
use std::fmt;
use std::rc::Rc;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

use super::capacity::Capacity;
use super::credential::{Credential, Environment};
use super::error::{ConfigError, Fault};
use super::file::{SentFile, UpstreamFile};
use super::host_models::HostModels;
use super::pointer::Pointer;
use super::text;
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

    /// Compiles the upstream `name` from `file`, which is at `here`.
    pub(super) fn compile(
        name: &str,
        mut file: UpstreamFile,
        here: &Pointer,
        env: &Environment<'_>,
    ) -> Result<Self, ConfigError> {
        if !text::is_name(name) {
            return Err(here.invalid());
        }
        let field = |key: &str, value: Option<String>, default: &str, fits: fn(&str) -> bool| {
            let value = value.unwrap_or_else(|| default.to_owned());
            if fits(&value) { Ok(value) } else { Err(here.key(key).invalid()) }
        };
        let timeout = file.timeout.map_or(DEFAULT_TIMEOUT, |span| span.0);
        if !(MIN_TIMEOUT..=MAX_TIMEOUT).contains(&timeout) {
            return Err(here.key("timeout").out_of_range());
        }
        let max_rest = file.max_rest.map_or(DEFAULT_MAX_REST, |span| span.0);
        if max_rest > LONGEST_MAX_REST {
            return Err(here.key("max_rest").out_of_range());
        }
        check_api(&file, here)?;
        let host_models = HostModels::compile(&mut file, here)?;
        let capacity = Capacity::compile(&file, here)?;
        let credential = Credential::compile(file.credential, &here.key("credential"), env)?;
        let default_path = match file.api {
            Api::Responses => DEFAULT_PATH,
            Api::Images => DEFAULT_IMAGES_PATH,
        };
        let mut upstream = Self {
            name: name.to_owned(),
            api: file.api,
            names_format: matches!(file.response_format, Some(SentFile::Send)),
            sends_safety_identifier: !matches!(file.safety_identifier, Some(SentFile::Omit)),
            edits: file.edits.unwrap_or(DEFAULT_EDITS),
            streams: matches!(file.stream, Some(SentFile::Send)),
            cluster: field("cluster", file.cluster, name, text::is_cluster)?,
            authority: field("authority", Some(file.authority), "", text::is_authority)?,
            path: field("path", file.path, default_path, text::is_path)?,
            host_models,
            capacity,
            fingerprint: String::new(),
            tool_choice: file.tool_choice.unwrap_or_default(),
            charge_by: file.charge_by.unwrap_or_default(),
            delivery: file.delivery.unwrap_or_default(),
            headers: compile_headers(file.headers, &credential, &here.key("headers"))?,
            credential,
            timeout,
            max_rest,
        };
        upstream.fingerprint = fingerprint(&upstream);
        Ok(upstream)
    }
}

fn fingerprint(upstream: &Upstream) -> String {
    let account = upstream.account_id().unwrap_or_default();
    let credential = upstream.credential().map_or("", |(_, value)| value.expose_secret());
    let mut words = vec![upstream.authority(), upstream.path(), account, credential];
    words.extend(upstream.host_models().names().iter().map(|name| &**name));
    words.extend(upstream.headers.iter().flat_map(|(name, value)| [name.as_str(), value]));
    let digest = Sha256::digest(words.join("\n"));
    digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

/// Rejects settings of the other API: one that is written is meant to do something.
fn check_api(file: &UpstreamFile, here: &Pointer) -> Result<(), ConfigError> {
    let (api, settings) = match file.api {
        Api::Responses => (
            "images",
            vec![
                ("response_format", file.response_format.is_some()),
                ("edits", file.edits.is_some()),
                ("stream", file.stream.is_some()),
                ("safety_identifier", file.safety_identifier.is_some()),
            ],
        ),
        Api::Images => (
            "responses",
            vec![
                ("host_model", file.host_model.is_some()),
                ("host_models", file.host_models.is_some()),
                ("host_model_cooldown", file.host_model_cooldown.is_some()),
                ("tool_choice", file.tool_choice.is_some()),
            ],
        ),
    };
    match settings.into_iter().find(|(_, written)| *written) {
        Some((name, _)) => Err(here.key(name).fault(Fault::OtherApi { api })),
        None => Ok(()),
    }
}

fn compile_headers(
    file: BTreeMap<String, String>,
    credential: &Credential,
    here: &Pointer,
) -> Result<Vec<(String, String)>, ConfigError> {
    // By name.
    let mut headers: Vec<((String, String), Pointer)> = Vec::new();
    for (written, value) in file {
        let place = here.key(&written);
        let name = written.to_ascii_lowercase();
        let is_credential = credential.header.as_ref().is_some_and(|(it, _)| *it == name);
        if text::is_reserved_header(&name) || is_credential {
            return Err(place.fault(Fault::ReservedHeader { accepted: place.accepted() }));
        }
        if !text::is_header_name(&name) || !text::is_header_value(&value) {
            return Err(place.invalid());
        }
        let at = headers.partition_point(|((before, _), _)| *before < name);
        match headers.get(at) {
            Some(((other, _), first)) if *other == name => return Err(place.repeats(first)),
            _ => headers.insert(at, ((name, value), place)),
        }
    }
    Ok(headers.into_iter().map(|(header, _)| header).collect())
}

/// Writes names only. Headers and the account belong to the operator.
impl fmt::Debug for Upstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upstream").field("name", &self.name).finish_non_exhaustive()
    }
}

/// The path of the Codex backend.
const DEFAULT_PATH: &str = "/backend-api/codex/responses";
/// That of the OpenAI API.
const DEFAULT_IMAGES_PATH: &str = "/v1/images";
/// OpenAI, Azure and compatible APIs accept it. Only the Codex backend requires JSON.
const DEFAULT_EDITS: Edits = Edits::Form;
/// A large image of high quality takes minutes.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(300);
/// The longest window of a known usage limit is a week.
const DEFAULT_MAX_REST: Duration = Duration::from_secs(7 * 86_400);
/// A month. More means a wrong unit.
const LONGEST_MAX_REST: Duration = Duration::from_secs(31 * 86_400);
/// Envoy counts timeouts in milliseconds, and zero means no timeout.
const MIN_TIMEOUT: Duration = Duration::from_millis(1);
/// No image takes a day. More means a wrong unit.
const MAX_TIMEOUT: Duration = Duration::from_secs(86_400);

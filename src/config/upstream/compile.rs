//! From an entry of `upstreams` to [`Upstream`].

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::time::Duration;

use secrecy::ExposeSecret;
use sha2::{Digest, Sha256};

use super::super::credential::{Credential, Environment};
use super::super::error::{ConfigError, Fault};
use super::super::file::{SentFile, UpstreamFile};
use super::super::pointer::Pointer;
use super::super::text;
use super::super::units::Span;
use super::{Api, Capacity, Edits, HostModels, Upstream};

impl Upstream {
    /// Compiles the upstream `name` from `file`, which is at `here`.
    pub(in crate::config) fn compile(
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
        let timeout = compile_span(file.timeout, DEFAULT_TIMEOUT, TIMEOUTS, &here.key("timeout"))?;
        let max_rest =
            compile_span(file.max_rest, DEFAULT_MAX_REST, MAX_RESTS, &here.key("max_rest"))?;
        check_api(&file, here)?;
        let host_models = HostModels::compile(&mut file, here)?;
        let capacity = Capacity::compile(&file, here)?;
        let credential = Credential::compile(file.credential, &here.key("credential"), env)?;
        let mut upstream = Self {
            name: name.to_owned(),
            api: file.api,
            names_format: matches!(file.response_format, Some(SentFile::Send)),
            sends_safety_identifier: !matches!(file.safety_identifier, Some(SentFile::Omit)),
            edits: file.edits.unwrap_or(DEFAULT_EDITS),
            streams: matches!(file.stream, Some(SentFile::Send)),
            cluster: field("cluster", file.cluster, name, text::is_cluster)?,
            authority: field("authority", Some(file.authority), "", text::is_authority)?,
            path: field("path", file.path, default_path(file.api), text::is_path)?,
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

fn compile_span(
    file: Option<Span>,
    default: Duration,
    range: RangeInclusive<Duration>,
    here: &Pointer,
) -> Result<Duration, ConfigError> {
    let span = file.map_or(default, |span| span.0);
    if range.contains(&span) { Ok(span) } else { Err(here.out_of_range()) }
}

fn default_path(api: Api) -> &'static str {
    match api {
        Api::Responses => DEFAULT_PATH,
        Api::Images => DEFAULT_IMAGES_PATH,
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
/// Zero for an upstream that never rests, to a month: more means a wrong unit.
const MAX_RESTS: RangeInclusive<Duration> = Duration::ZERO..=Duration::from_secs(31 * 86_400);
/// Envoy counts timeouts in milliseconds, and zero means no timeout. No image takes a day: more
/// means a wrong unit.
const TIMEOUTS: RangeInclusive<Duration> = Duration::from_millis(1)..=Duration::from_secs(86_400);

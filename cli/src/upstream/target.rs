//! The Codex upstreams of a configuration, as the filter's own parser reads them.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::env;
use std::path::Path;

use imagegate::config::{Api, Config, Upstream};
use secrecy::ExposeSecret;
use serde_json::Value;

use super::credential::Source;
use crate::check;
use crate::exit::Failure;

/// An upstream to ask.
pub(crate) struct Target {
    /// Its name in the configuration.
    pub(crate) name: String,
    /// The configured host models, the first one first.
    pub(crate) host_models: Vec<String>,
    authority: String,
    path: String,
    /// What the filter would send: its own headers and those of the configuration.
    headers: Vec<(String, String)>,
    /// Whether Envoy sets the credential.
    by_envoy: bool,
    /// Variables of the credential that are not set here.
    unset: Vec<String>,
}

/// Of the upstreams of `config` those of Codex, and the names of the others; of all, or of the one that is `wanted`.
///
/// # Errors
///
/// A file that cannot be read, that the filter refuses, or that has no such upstream.
pub(crate) fn of(
    config: &Path,
    wanted: Option<&str>,
) -> Result<(Vec<Target>, Vec<String>), Failure> {
    let refuse = |words: String| Err(Failure::Refused(format!("{}: {words}", config.display())));
    let documents = check::configurations(config)?;
    if documents.is_empty() {
        return refuse("no configuration of imagegate in this file".to_owned());
    }
    let (mut targets, mut others) = (Vec::new(), Vec::new());
    for document in documents {
        let (found, rest) = match of_document(document) {
            Ok(found) => found,
            Err(words) => return refuse(words),
        };
        targets.extend(found.into_iter().filter(|it| wanted.is_none_or(|name| name == it.name)));
        others.extend(rest);
    }
    if targets.is_empty() {
        let which =
            wanted.map_or_else(|| "no upstream".to_owned(), |name| format!("no upstream {name:?}"));
        let accepted = "accepted: `api: responses` and a `path` that ends in /codex/responses";
        return refuse(format!("{which} of Codex in it, {accepted}"));
    }
    Ok((targets, if wanted.is_some() { Vec::new() } else { others }))
}

fn of_document(document: Value) -> Result<(Vec<Target>, Vec<String>), String> {
    let unset = RefCell::new(BTreeSet::new());
    let look_up = |name: &str| {
        let value = env::var_os(name).and_then(|it| it.into_string().ok());
        // One that is missing is reported by its name, and only if it is needed.
        Some(value.filter(|value| !value.is_empty()).unwrap_or_else(|| {
            unset.borrow_mut().insert(name.to_owned());
            "unset".to_owned()
        }))
    };
    let parsed = Config::parse(document.to_string().as_bytes(), &look_up);
    let config = parsed.map_err(|error| format!("the filter refuses it: {error}"))?;
    let unset = unset.into_inner();
    let (mut targets, mut others) = (Vec::new(), Vec::new());
    for upstream in config.upstreams() {
        if upstream.api() != Api::Responses || !path(upstream).ends_with(CODEX_PATH) {
            others.push(upstream.name().to_owned());
            continue;
        }
        let settings = document.get("upstreams").and_then(|it| it.get(upstream.name()));
        let unset = variables(settings).filter(|name| unset.contains(*name));
        let unset = unset.map(str::to_owned).collect();
        targets.push(Target::new(upstream, unset));
    }
    Ok((targets, others))
}

/// The path without its query.
fn path(upstream: &Upstream) -> &str {
    upstream.path().split('?').next().unwrap_or_default()
}

/// The variables that an upstream's credential names.
fn variables(settings: Option<&Value>) -> impl Iterator<Item = &str> {
    let credential = settings.and_then(|it| it.get("credential"));
    let names = ["bearer_env", "account_id_env", "key_env"];
    names.into_iter().filter_map(move |name| credential?.get(name)?.as_str())
}

impl Target {
    /// An upstream and the variables that it lacks.
    fn new(upstream: &Upstream, unset: Vec<String>) -> Self {
        let mut headers: Vec<_> = upstream.headers().to_vec();
        if let Some((name, secret)) = upstream.credential() {
            headers.push((name.to_owned(), secret.expose_secret().to_owned()));
        }
        if let Some(account) = upstream.account_id() {
            headers.push((ACCOUNT.to_owned(), account.to_owned()));
        }
        let path = path(upstream);
        Self {
            name: upstream.name().to_owned(),
            host_models: upstream.host_models().names().iter().map(|it| it.to_string()).collect(),
            authority: upstream.authority().to_owned(),
            path: path.strip_suffix("/responses").unwrap_or(path).to_owned(),
            headers,
            by_envoy: upstream.credential().is_none(),
            unset,
        }
    }

    /// The configured `version` header.
    pub(crate) fn version(&self) -> Option<&str> {
        self.headers.iter().find(|(name, _)| name == "version").map(|(_, value)| value.as_str())
    }

    /// What stands before `/models`; `place` instead of the upstream's own authority.
    pub(crate) fn base(&self, place: Option<&str>) -> String {
        let place = place.map_or_else(|| format!("https://{}", self.authority), str::to_owned);
        format!("{}{}", place.trim_end_matches('/'), self.path)
    }

    /// The headers to send, with the credential.
    ///
    /// # Errors
    ///
    /// A credential that is not there, in words without it.
    pub(crate) fn headers(&self, source: &Source) -> Result<Vec<(String, String)>, String> {
        if let Some(name) = self.unset.first() {
            return Err(format!("the environment variable {name} is not set here, or empty"));
        }
        let mut headers = self.headers.clone();
        match source {
            Source::Read { access_token, account_id } if self.by_envoy => {
                headers.push(("authorization".to_owned(), format!("Bearer {access_token}")));
                headers.push((ACCOUNT.to_owned(), account_id.clone()));
            }
            Source::None if self.by_envoy => {
                return Err(
                    "its credential is Envoy's: name it by --auth-file or --sds-dir".to_owned()
                );
            }
            _ => {}
        }
        if !headers.iter().any(|(name, _)| name == "user-agent") {
            // The filter's own.
            headers.push((
                "user-agent".to_owned(),
                concat!("imagegate/", env!("CARGO_PKG_VERSION")).to_owned(),
            ));
        }
        headers.push(("accept".to_owned(), "application/json".to_owned()));
        Ok(headers)
    }
}

/// The end of the paths of Codex.
const CODEX_PATH: &str = "/codex/responses";
/// The header of the account.
const ACCOUNT: &str = "chatgpt-account-id";

//! The Codex upstreams of a configuration. The filter's own parser reads it.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::env;
use std::path::{Path, PathBuf};

use imagegate::config::{Api, Config, ConfigError, Upstream};
use secrecy::ExposeSecret;
use serde_json::Value;

use super::credential::Source;
use crate::check;
use crate::exit::CommandError;

/// An upstream to call.
pub(crate) struct Target {
    /// Its name in the configuration.
    pub(crate) name: String,
    /// The configured host models, the first one first.
    pub(crate) host_models: Vec<String>,
    authority: String,
    path: String,
    /// The headers that the filter would send: its own and those of the configuration.
    headers: Vec<(String, String)>,
    /// Whether Envoy sets the credential.
    by_envoy: bool,
    /// Variables of the credential that are not set here.
    unset: Vec<String>,
}

/// Why a file names no upstream that can be called.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TargetError {
    /// The file has nothing to do with imagegate.
    #[error("{}: no configuration of imagegate in this file", .0.display())]
    NoConfiguration(PathBuf),
    /// The filter rejects the configuration.
    #[error("{}: the filter refuses it: {error}", path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// The parser's error. In a box, since it is large.
        error: Box<ConfigError>,
    },
    /// No upstream is Codex, or not the one that was asked for.
    #[error(
        "{}: no upstream{} of Codex in it, accepted: `api: responses` and a `path` that ends in \
         /codex/responses",
        path.display(),
        name.as_ref().map(|name| format!(" {name:?}")).unwrap_or_default()
    )]
    NoCodex {
        /// The file.
        path: PathBuf,
        /// The name that was asked for.
        name: Option<String>,
    },
    /// The file of a secret has another form.
    #[error(
        "{}: no secret with an `inline_string`, accepted: a file that `imagegatectl token` writes",
        .0.display()
    )]
    NoSecret(PathBuf),
}

/// Why an upstream has no credential to send.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CredentialError {
    /// A variable is missing.
    #[error("the environment variable {0} is not set here, or empty")]
    Unset(String),
    /// Envoy has the credential, and no argument names it.
    #[error("its credential is Envoy's: name it by --auth-file or --sds-dir")]
    NotNamed,
}

/// The Codex upstreams of `config`, and the names of the others. If one is `wanted`, only that one.
///
/// # Errors
///
/// If the file cannot be read, the filter rejects it, or it has no such upstream.
pub(crate) fn of(
    config: &Path,
    wanted: Option<&str>,
) -> Result<(Vec<Target>, Vec<String>), CommandError> {
    let path = config.to_owned();
    let documents = check::configurations(config)?;
    if documents.is_empty() {
        return Err(TargetError::NoConfiguration(path).into());
    }
    let (mut targets, mut others) = (Vec::new(), Vec::new());
    for document in documents {
        let (found, rest) = match of_document(document) {
            Ok(found) => found,
            Err(error) => return Err(TargetError::Invalid { path, error: Box::new(error) }.into()),
        };
        targets.extend(found.into_iter().filter(|it| wanted.is_none_or(|name| name == it.name)));
        others.extend(rest);
    }
    if targets.is_empty() {
        return Err(TargetError::NoCodex { path, name: wanted.map(str::to_owned) }.into());
    }
    Ok((targets, if wanted.is_some() { Vec::new() } else { others }))
}

fn of_document(document: Value) -> Result<(Vec<Target>, Vec<String>), ConfigError> {
    let unset = RefCell::new(BTreeSet::new());
    let look_up = |name: &str| {
        let value = env::var_os(name).and_then(|it| it.into_string().ok());
        // A missing variable is reported by its name, and only if it is needed.
        Some(value.filter(|value| !value.is_empty()).unwrap_or_else(|| {
            unset.borrow_mut().insert(name.to_owned());
            "unset".to_owned()
        }))
    };
    let config = Config::parse(document.to_string().as_bytes(), &look_up)?;
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

    /// The URL before `/models`. `place` replaces the upstream's own authority.
    pub(crate) fn base(&self, place: Option<&str>) -> String {
        let place = place.map_or_else(|| format!("https://{}", self.authority), str::to_owned);
        format!("{}{}", place.trim_end_matches('/'), self.path)
    }

    /// The headers to send, with the credential.
    ///
    /// # Errors
    ///
    /// If there is no credential.
    pub(crate) fn headers(
        &self,
        source: &Source,
    ) -> Result<Vec<(String, String)>, CredentialError> {
        if let Some(name) = self.unset.first() {
            return Err(CredentialError::Unset(name.clone()));
        }
        let mut headers = self.headers.clone();
        match source {
            Source::Read { access_token, account_id } if self.by_envoy => {
                headers.push(("authorization".to_owned(), format!("Bearer {access_token}")));
                headers.push((ACCOUNT.to_owned(), account_id.clone()));
            }
            Source::None if self.by_envoy => {
                return Err(CredentialError::NotNamed);
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

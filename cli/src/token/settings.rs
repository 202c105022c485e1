//! The arguments of `token`, checked and completed.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::error::SettingsError;
use super::oauth::Client;
use crate::cli::TokenArguments;
use crate::exit::CommandError;
use crate::http::{self, UrlError};

/// The settings of a run.
pub(crate) struct Settings {
    /// The credential; not a symbolic link, so that a rename replaces the file and not the link.
    pub(crate) auth_file: PathBuf,
    /// Where Envoy's files go.
    pub(crate) sds_dir: PathBuf,
    /// Their mode.
    pub(crate) sds_mode: u32,
    /// How long before its end a token is refreshed, with this run's random part.
    pub(crate) margin: Duration,
    /// The token server.
    pub(crate) client: Client,
}

impl Settings {
    /// Reads the arguments.
    ///
    /// # Errors
    ///
    /// If an argument cannot be used.
    pub(crate) fn new(arguments: &TokenArguments) -> Result<Self, CommandError> {
        let auth_file = auth_file(arguments.auth_file.as_deref())?;
        // It is replaced as a whole. A named pipe would wait for a writer, and for no signal.
        if fs::metadata(&auth_file).is_ok_and(|it| !it.is_file()) {
            return Err(SettingsError::NotRegular(auth_file).into());
        }
        let auth_file = fs::canonicalize(&auth_file)
            .map_err(|error| CommandError::no_login(&auth_file, error))?;
        if !arguments.sds_dir.is_dir() {
            return Err(SettingsError::NoFolder(arguments.sds_dir.clone()).into());
        }
        let (url, loopback) = token_url(&arguments.issuer, arguments.allow_http)?;
        // Hosts that were set up at the same time should not refresh at the same time.
        let margin = if arguments.once {
            arguments.margin
        } else {
            arguments.margin.mul_f64(1.0 + random() / 4.0)
        };
        Ok(Self {
            auth_file,
            sds_dir: arguments.sds_dir.clone(),
            sds_mode: arguments.sds_mode,
            margin,
            client: Client::new(url, loopback),
        })
    }
}

/// The argument, else `$CODEX_HOME/auth.json`, else `~/.codex/auth.json`, as in Codex.
fn auth_file(argument: Option<&Path>) -> Result<PathBuf, SettingsError> {
    if let Some(path) = argument {
        return Ok(path.to_owned());
    }
    let set = |name| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let home = set("CODEX_HOME").or_else(|| set("HOME").map(|home| home.join(".codex")));
    home.map(|home| home.join("auth.json")).ok_or(SettingsError::NoAuthFile)
}

/// The URL of the token server, and whether it is this machine.
fn token_url(issuer: &str, allow_http: bool) -> Result<(String, bool), UrlError> {
    let insecure =
        "plain http shows the refresh token to the network, accepted: https, or --allow-http";
    let insecure = (!allow_http).then_some(insecure);
    let loopback = http::place(issuer, "--issuer", "https://auth.openai.com", insecure)?;
    Ok((format!("{}/oauth/token", issuer.trim_end_matches('/')), loopback))
}

/// A duration with a unit, up to 30 days.
///
/// # Errors
///
/// Words for clap.
pub(crate) fn margin(text: &str) -> Result<Duration, String> {
    match humantime::parse_duration(text) {
        Ok(margin) if margin <= LONGEST_MARGIN => Ok(margin),
        _ => Err("accepted: a duration with a unit such as 10m, up to 30d".to_owned()),
    }
}

/// An octal mode that gives other users no access.
///
/// # Errors
///
/// Words for clap.
pub(crate) fn mode(text: &str) -> Result<u32, String> {
    match u32::from_str_radix(text, 8) {
        Ok(mode) if mode & !0o660 == 0 && mode & 0o600 == 0o600 => Ok(mode),
        _ => Err("accepted: an octal mode that the owner can read and write and others cannot: \
                  600, 640 or 660"
            .to_owned()),
    }
}

/// From 0 to 1; only for spreading load.
pub(crate) fn random() -> f64 {
    let mut bytes = [0; 4];
    // Without random bytes the middle is good enough.
    let filled = getrandom::fill(&mut bytes).is_ok();
    if filled { f64::from(u32::from_ne_bytes(bytes)) / f64::from(u32::MAX) } else { 0.5 }
}

/// Longer than any token lives.
const LONGEST_MARGIN: Duration = Duration::from_secs(30 * 86_400);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_goes_to_this_machine_only() {
        for issuer in ["http://127.0.0.1:1", "http://localhost/", "http://[::1]:80"] {
            assert!(token_url(issuer, false).unwrap().1, "{issuer}");
        }
        for issuer in
            ["http://auth.example", "http://127.0.0.1.example", "http://localhost.example"]
        {
            assert!(token_url(issuer, false).is_err(), "{issuer}");
            assert!(!token_url(issuer, true).unwrap().1, "{issuer}");
        }
        let (url, loopback) = token_url("https://auth.openai.com/", false).unwrap();
        assert_eq!((url.as_str(), loopback), ("https://auth.openai.com/oauth/token", false));
    }

    #[test]
    fn an_issuer_has_no_user_query_or_fragment() {
        for issuer in
            ["", "auth.openai.com", "ftp://a", "https://u:p@a", "https://a?x", "https://a#x", "/x"]
        {
            assert!(token_url(issuer, true).is_err(), "{issuer}");
        }
    }

    #[test]
    fn a_mode_gives_other_users_no_access() {
        assert_eq!((mode("600"), mode("0640"), mode("660")), (Ok(0o600), Ok(0o640), Ok(0o660)));
        for text in ["", "644", "604", "777", "400", "4600", "x", "-600"] {
            assert!(mode(text).is_err(), "{text}");
        }
    }
}

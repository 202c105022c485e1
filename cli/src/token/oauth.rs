//! The token server: one request, and what its answer means.
//!
//! `POST {issuer}/oauth/token` with a JSON body, as Codex sends it. Every field of the answer may
//! be absent. An error is final if it says that the refresh token is dead. Every other error may
//! pass.

use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};
use ureq::Agent;

use crate::http;

/// A client of one token server.
pub(crate) struct Client {
    agent: Agent,
    url: String,
}

/// The new tokens. It has no `Debug`, since all fields are secrets.
#[derive(Default, Deserialize)]
pub(crate) struct Reply {
    /// Names the user and the account.
    pub(crate) id_token: Option<String>,
    /// The new access token.
    pub(crate) access_token: Option<String>,
    /// The next refresh token. The one that was sent is dead then.
    pub(crate) refresh_token: Option<String>,
}

/// Why there are no new tokens. No message holds anything of the body but a code.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TokenError {
    /// The refresh token is dead: the server's code, or the status.
    #[error("{0}")]
    Rejected(String),
    /// No connection, or one that broke.
    #[error("the token server cannot be reached: {0}")]
    Unreachable(Box<ureq::Error>),
    /// A success whose body is not the expected JSON.
    #[error("the token server answered with something that is not its JSON")]
    NotJson {
        /// How long the server wants no further request.
        retry_after: Option<Duration>,
    },
    /// Any other status.
    #[error(
        "the token server answered with status {status}{}",
        code.as_ref().map(|code| format!(" ({code})")).unwrap_or_default()
    )]
    Status {
        /// The status.
        status: u16,
        /// The server's code.
        code: Option<String>,
        /// How long the server wants no further request.
        retry_after: Option<Duration>,
    },
}

impl TokenError {
    /// How long the server wants no further request.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::NotJson { retry_after } | Self::Status { retry_after, .. } => *retry_after,
            Self::Rejected(_) | Self::Unreachable(_) => None,
        }
    }
}

impl Client {
    /// A client of `url`, which is this machine if `loopback`.
    pub(crate) fn new(url: String, loopback: bool) -> Self {
        Self { agent: http::agent(loopback, TIMEOUT), url }
    }

    /// Spends `refresh_token`.
    ///
    /// # Errors
    ///
    /// See [`TokenError`].
    pub(crate) fn refresh(&self, refresh_token: &str) -> Result<Reply, TokenError> {
        let body = json!({
            "client_id": CLIENT_ID,
            "grant_type": "refresh_token",
            "refresh_token": refresh_token,
        });
        let request = self.agent.post(&self.url).header("content-type", "application/json");
        let unreachable = |error: ureq::Error| TokenError::Unreachable(Box::new(error));
        let mut response = request.send(body.to_string()).map_err(unreachable)?;
        let status = response.status().as_u16();
        let header = response.headers().get("retry-after").and_then(|value| value.to_str().ok());
        let retry_after = header.and_then(|text| text.parse().ok()).map(Duration::from_secs);
        let body = response
            .body_mut()
            .with_config()
            .limit(MAX_BODY_BYTES)
            .read_to_vec()
            .map_err(unreachable)?;
        read(status, retry_after, &body)
    }
}

/// What an answer means.
fn read(status: u16, retry_after: Option<Duration>, body: &[u8]) -> Result<Reply, TokenError> {
    if (200..300).contains(&status) {
        return serde_json::from_slice(body).map_err(|_| TokenError::NotJson { retry_after });
    }
    let error: Value = serde_json::from_slice(body).unwrap_or_default();
    let codes = [error.pointer("/error/code"), error.get("error"), error.get("code")];
    let code = codes.into_iter().flatten().find_map(Value::as_str).filter(|code| is_code(code));
    let dead = code.is_some_and(|code| DEAD.contains(&code));
    if dead || status == 401 || (status == 400 && code == Some("invalid_grant")) {
        let code = code.map_or_else(|| format!("status {status}"), str::to_owned);
        return Err(TokenError::Rejected(code));
    }
    Err(TokenError::Status { status, code: code.map(str::to_owned), retry_after })
}

/// A word of a protocol, and no token: those are longer or have other characters.
fn is_code(text: &str) -> bool {
    (1..=48).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
}

/// The client id of Codex.
const CLIENT_ID: &str = "app_EMoamEEZ73f0CkXaXp7hrann";
/// The codes that end a credential, as in Codex.
const DEAD: &[&str] =
    &["refresh_token_expired", "refresh_token_reused", "refresh_token_invalidated"];
/// For the whole call.
const TIMEOUT: Duration = Duration::from_secs(30);
/// Three tokens of a few kilobytes each.
const MAX_BODY_BYTES: u64 = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_of_an_answer_may_be_absent() {
        let reply =
            read(200, None, br#"{"access_token":"a","expires_in":1,"id_token":null}"#).unwrap();
        assert_eq!(
            (reply.access_token.as_deref(), reply.id_token, reply.refresh_token),
            (Some("a"), None, None)
        );
        assert!(read(200, None, b"{}").is_ok());
    }

    #[test]
    fn only_a_dead_token_is_a_final_error() {
        for (status, body, code) in [
            (
                400,
                r#"{"error":{"code":"refresh_token_reused","message":"x"}}"#,
                "refresh_token_reused",
            ),
            (403, r#"{"error":"refresh_token_expired"}"#, "refresh_token_expired"),
            (400, r#"{"code":"refresh_token_invalidated"}"#, "refresh_token_invalidated"),
            (400, r#"{"error":"invalid_grant"}"#, "invalid_grant"),
            (401, "<html>", "status 401"),
            (401, r#"{"error":{"code":"S3CRET"}}"#, "status 401"),
        ] {
            let Err(TokenError::Rejected(found)) = read(status, None, body.as_bytes()) else {
                panic!("final: {status} {body}")
            };
            assert_eq!(found, code, "{status} {body}");
        }
        for (status, body) in [
            (400, r#"{"error":"invalid_request"}"#),
            (403, r#"{"error":"invalid_grant"}"#),
            (429, ""),
            (500, "[]"),
            (302, ""),
            (200, "<html>"),
            (200, "[1]"),
        ] {
            let wait = Some(Duration::from_secs(7));
            let error = read(status, wait, body.as_bytes()).err().unwrap();
            assert!(!matches!(error, TokenError::Rejected(_)), "{status} {body}");
            assert_eq!(error.retry_after(), wait, "{status} {body}");
        }
    }

    #[test]
    fn an_error_repeats_nothing_of_a_body_but_a_code() {
        let body = r#"{"error":{"code":"eyJhbGciOi.s3cret","message":"s3cret"}}"#;
        let error = read(500, None, body.as_bytes()).err().unwrap();
        assert_eq!(error.to_string(), "the token server answered with status 500");
    }
}

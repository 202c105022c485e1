//! The token server: one request, and what its answer means.
//!
//! `POST {issuer}/oauth/token` with a JSON body, as Codex sends it. Of the answer every field may be absent. A refusal is
//! final where it says that the refresh token is dead; everything else may pass.

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

/// The tokens that came. It has no `Debug`, since it is nothing but secrets.
#[derive(Default, Deserialize)]
pub(crate) struct Reply {
    /// Names the user and the account.
    pub(crate) id_token: Option<String>,
    /// The new access token.
    pub(crate) access_token: Option<String>,
    /// The next refresh token; the one that was sent is dead then.
    pub(crate) refresh_token: Option<String>,
}

/// Why no tokens came.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The refresh token is dead. A code of the server's, if it is one.
    Final(String),
    /// It may work later.
    Passing {
        /// What happened, without anything of the body.
        words: String,
        /// How long the server wants to be left alone.
        retry_after: Option<Duration>,
    },
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
    /// See [`Refusal`].
    pub(crate) fn refresh(&self, refresh_token: &str) -> Result<Reply, Refusal> {
        let body = json!({ "client_id": CLIENT_ID, "grant_type": "refresh_token", "refresh_token": refresh_token });
        let request = self.agent.post(&self.url).header("content-type", "application/json");
        let unreachable =
            |error: ureq::Error| passing(format!("the token server cannot be reached: {error}"));
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
        read(status, &body).map_err(|refusal| match refusal {
            Refusal::Passing { words, .. } => Refusal::Passing { words, retry_after },
            Refusal::Final(code) => Refusal::Final(code),
        })
    }
}

/// What an answer means.
fn read(status: u16, body: &[u8]) -> Result<Reply, Refusal> {
    if (200..300).contains(&status) {
        let words = "the token server answered with something that is not its JSON";
        return serde_json::from_slice(body).map_err(|_| passing(words.to_owned()));
    }
    let error: Value = serde_json::from_slice(body).unwrap_or_default();
    let codes = [error.pointer("/error/code"), error.get("error"), error.get("code")];
    let code = codes.into_iter().flatten().find_map(Value::as_str).filter(|code| is_code(code));
    let dead = code.is_some_and(|code| DEAD.contains(&code));
    if dead || status == 401 || (status == 400 && code == Some("invalid_grant")) {
        return Err(Refusal::Final(code.map_or_else(|| format!("status {status}"), str::to_owned)));
    }
    let code = code.map(|code| format!(" ({code})")).unwrap_or_default();
    Err(passing(format!("the token server answered with status {status}{code}")))
}

fn passing(words: String) -> Refusal {
    Refusal::Passing { words, retry_after: None }
}

/// A word of a protocol, and no token: those are longer or have other characters.
fn is_code(text: &str) -> bool {
    (1..=48).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
}

/// Codex's own.
const CLIENT_ID: &str = "app_EMoamEEZ73f0CkXaXp7hrann";
/// The codes that Codex takes for the end of a credential.
const DEAD: &[&str] =
    &["refresh_token_expired", "refresh_token_reused", "refresh_token_invalidated"];
/// For everything together.
const TIMEOUT: Duration = Duration::from_secs(30);
/// Three tokens of a few kilobytes each.
const MAX_BODY_BYTES: u64 = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_of_an_answer_may_be_absent() {
        let reply =
            read(200, br#"{"access_token":"a","expires_in":1,"id_token":null}"#).ok().unwrap();
        assert_eq!(
            (reply.access_token.as_deref(), reply.id_token, reply.refresh_token),
            (Some("a"), None, None)
        );
        assert!(read(200, b"{}").is_ok());
    }

    #[test]
    fn a_dead_token_is_told_from_trouble_that_passes() {
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
            assert_eq!(
                read(status, body.as_bytes()).err(),
                Some(Refusal::Final(code.to_owned())),
                "{status} {body}"
            );
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
            assert!(
                matches!(read(status, body.as_bytes()), Err(Refusal::Passing { .. })),
                "{status} {body}"
            );
        }
    }

    #[test]
    fn nothing_of_a_body_is_repeated_but_a_code() {
        let body = r#"{"error":{"code":"eyJhbGciOi.s3cret","message":"s3cret"}}"#;
        let Err(Refusal::Passing { words, .. }) = read(500, body.as_bytes()) else {
            panic!("passes")
        };
        assert_eq!(words, "the token server answered with status 500");
    }
}

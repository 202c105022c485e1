//! The claims of a token. Nothing is verified: the token came from its issuer over TLS, or from our
//! own disk.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;

/// The claims that are read.
#[derive(Default, Deserialize)]
pub(crate) struct Claims {
    exp: Option<f64>,
    iat: Option<f64>,
    #[serde(rename = "https://api.openai.com/auth")]
    auth: Option<Auth>,
}

#[derive(Deserialize)]
struct Auth {
    chatgpt_account_id: Option<String>,
}

impl Claims {
    /// The claims of a JSON Web Token. For any other text, all are `None`.
    pub(crate) fn of(token: &str) -> Self {
        let payload = token.split('.').nth(1).map(|part| part.trim_end_matches('='));
        let bytes = payload.and_then(|part| URL_SAFE_NO_PAD.decode(part).ok());
        bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default()
    }

    /// When the token ends, since the Unix epoch.
    pub(crate) fn expires(&self) -> Option<Duration> {
        self.exp.and_then(time)
    }

    /// When the token was issued.
    pub(crate) fn issued(&self) -> Option<Duration> {
        self.iat.and_then(time)
    }

    /// The account that the token is for.
    pub(crate) fn account_id(self) -> Option<String> {
        self.auth.and_then(|auth| auth.chatgpt_account_id)
    }
}

fn time(seconds: f64) -> Option<Duration> {
    Duration::try_from_secs_f64(seconds).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(claims: &str) -> String {
        format!("eyJhbGciOiJub25lIn0.{}.c2ln", URL_SAFE_NO_PAD.encode(claims))
    }

    #[test]
    fn claims_are_read() {
        let claims = Claims::of(&token(
            r#"{"exp":1767225600,"iat":1767000000.5,"x":1,
                "https://api.openai.com/auth":{"chatgpt_account_id":"acc","y":2}}"#,
        ));
        assert_eq!(claims.expires(), Some(Duration::from_secs(1_767_225_600)));
        assert_eq!(claims.issued(), Some(Duration::from_millis(1_767_000_000_500)));
        assert_eq!(claims.account_id().as_deref(), Some("acc"));
    }

    #[test]
    fn anything_else_has_none() {
        for text in [
            "",
            "opaque",
            "a.b",
            "a.!!.c",
            "a.e30.c",
            &token("[]"),
            &token(r#"{"exp":-1}"#),
            &token(r#"{"exp":1e300}"#),
        ] {
            assert_eq!(Claims::of(text).expires(), None, "{text}");
        }
    }
}

//! `auth.json`, as Codex writes it.
//!
//! We change four fields only: the three tokens and the time of the refresh. Every other value is
//! kept byte for byte, since Codex has fields that are not known here.

use std::collections::BTreeMap;
use std::time::{Duration, UNIX_EPOCH};

use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

use super::jwt::Claims;
use super::oauth::Reply;

type Object = BTreeMap<String, Box<RawValue>>;

/// A credential that can be refreshed. It has no `Debug`, since its fields are secrets.
pub(crate) struct AuthFile {
    document: Object,
    tokens: Object,
    access_token: String,
    refresh_token: Option<String>,
    account_id: String,
}

/// Why a file is no such credential. No message holds a value of the file.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ParseError {
    /// Not JSON, or a field is not what it should be.
    #[error("not an auth.json of Codex: not JSON, or not an object of the known form")]
    Form,
    /// Logged in with an API key.
    #[error(
        "this is the login of an API key, which has no access token to refresh. An API key is used \
         without `token`: as `key_env` or `bearer_env` of an upstream with `api: images`. `token` \
         needs a login with ChatGPT"
    )]
    ApiKey,
    /// Logged out.
    #[error("there is no access token in it")]
    NoAccessToken,
    /// Neither the file nor its id token names the account.
    #[error("there is no account id in it")]
    NoAccountId,
    /// A token that no header can carry.
    #[error("a token or the account id holds a character that is not visible ASCII")]
    NotVisible,
}

impl AuthFile {
    /// Reads the file's content.
    ///
    /// # Errors
    ///
    /// See [`ParseError`].
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, ParseError> {
        let document: Object = serde_json::from_slice(bytes).map_err(|_| ParseError::Form)?;
        let tokens = match document.get("tokens").map(|tokens| tokens.get()) {
            None | Some("null") if has_api_key(&document) => return Err(ParseError::ApiKey),
            None | Some("null") => return Err(ParseError::NoAccessToken),
            Some(tokens) => serde_json::from_str(tokens).map_err(|_| ParseError::Form)?,
        };
        Self::new(document, tokens)
    }

    fn new(document: Object, tokens: Object) -> Result<Self, ParseError> {
        let none =
            || if has_api_key(&document) { ParseError::ApiKey } else { ParseError::NoAccessToken };
        let access_token = text(&tokens, "access_token")?.ok_or_else(none)?;
        let refresh_token = text(&tokens, "refresh_token")?;
        let account_id = match text(&tokens, "account_id")? {
            Some(account_id) => account_id,
            None => {
                let id_token = text(&tokens, "id_token")?.unwrap_or_default();
                Claims::of(&id_token).account_id().ok_or(ParseError::NoAccountId)?
            }
        };
        let visible =
            |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
        if !visible(&access_token) || !visible(&account_id) {
            return Err(ParseError::NotVisible);
        }
        Ok(Self { document, tokens, access_token, refresh_token, account_id })
    }

    /// The token for the upstream.
    pub(crate) fn access_token(&self) -> &str {
        &self.access_token
    }

    /// The token that the next access token is requested with.
    pub(crate) fn refresh_token(&self) -> Option<&str> {
        self.refresh_token.as_deref()
    }

    /// The account, for `chatgpt-account-id`.
    pub(crate) fn account_id(&self) -> &str {
        &self.account_id
    }

    /// When the access token ends. If it does not say, [`DEFAULT_LIFE`] after its refresh, as in
    /// Codex.
    pub(crate) fn expires(&self) -> Duration {
        let claimed = Claims::of(&self.access_token).expires();
        claimed.unwrap_or_else(|| self.refreshed().unwrap_or_default().saturating_add(DEFAULT_LIFE))
    }

    /// When to refresh it: `margin` before its end, but not in the first half of its life.
    /// Otherwise a token with a shorter life than `margin` would be refreshed without a pause.
    pub(crate) fn due(&self, margin: Duration) -> Duration {
        let expires = self.expires();
        let born = Claims::of(&self.access_token).issued().or_else(|| self.refreshed());
        let half = born.map(|born| born.saturating_add(expires.saturating_sub(born) / 2));
        expires.saturating_sub(margin).max(half.unwrap_or_default())
    }

    /// Whether this was refreshed after `other`.
    pub(crate) fn is_newer_than(&self, other: &Self) -> bool {
        self.refreshed() > other.refreshed()
    }

    fn refreshed(&self) -> Option<Duration> {
        let time = text(&self.document, "last_refresh").ok().flatten()?;
        humantime::parse_rfc3339_weak(&time).ok()?.duration_since(UNIX_EPOCH).ok()
    }

    /// The same credential with the tokens of the server's answer at `now`. Every field of an
    /// answer may be absent. Then the old value stays.
    ///
    /// # Errors
    ///
    /// If the result is no credential any more.
    pub(crate) fn renewed(&self, reply: &Reply, now: Duration) -> Result<Self, ParseError> {
        let (mut document, mut tokens) = (self.document.clone(), self.tokens.clone());
        for (name, value) in [
            ("id_token", &reply.id_token),
            ("access_token", &reply.access_token),
            ("refresh_token", &reply.refresh_token),
        ] {
            if let Some(value) = value {
                tokens.insert(name.to_owned(), raw(value)?);
            }
        }
        let time = humantime::format_rfc3339_micros(UNIX_EPOCH + now).to_string();
        document.insert("last_refresh".to_owned(), raw(&time)?);
        document.insert("tokens".to_owned(), raw(&tokens)?);
        Self::new(document, tokens)
    }

    /// The file's content.
    ///
    /// # Errors
    ///
    /// None that is known.
    pub(crate) fn to_bytes(&self) -> Result<Vec<u8>, ParseError> {
        let mut bytes = serde_json::to_vec_pretty(&self.document).map_err(|_| ParseError::Form)?;
        bytes.push(b'\n');
        Ok(bytes)
    }
}

/// Whether this is the login of an API key: Codex writes the key, newer versions also `auth_mode`.
fn has_api_key(document: &Object) -> bool {
    let text = |name| text(document, name).ok().flatten();
    text("OPENAI_API_KEY").is_some_and(|key| !key.is_empty())
        || text("auth_mode").is_some_and(|mode| mode.eq_ignore_ascii_case("apikey"))
}

/// A text field. `null` counts as absent.
fn text(object: &Object, name: &str) -> Result<Option<String>, ParseError> {
    let value = object.get(name).map(|value| serde_json::from_str::<Option<String>>(value.get()));
    value.transpose().map(Option::flatten).map_err(|_| ParseError::Form)
}

fn raw<T: Serialize>(value: &T) -> Result<Box<RawValue>, ParseError> {
    to_raw_value(value).map_err(|_| ParseError::Form)
}

/// The life of a token that does not say when it ends.
const DEFAULT_LIFE: Duration = Duration::from_secs(8 * 86_400);

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    fn jwt(claims: &str) -> String {
        format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(claims))
    }

    fn file(access_token: &str) -> AuthFile {
        let text = format!(
            r#"{{"OPENAI_API_KEY": null, "tokens": {{
                "id_token": "i", "access_token": "{access_token}", "refresh_token": "r1",
                "account_id": "acc", "later": [1.50, 1e2]}},
                "last_refresh": "2026-01-01T00:00:00.5Z", "big": 123456789012345678901234567890}}"#
        );
        AuthFile::parse(text.as_bytes()).unwrap_or_else(|error| panic!("{error}"))
    }

    fn reply(access: Option<&str>, refresh: Option<&str>) -> Reply {
        Reply {
            id_token: None,
            access_token: access.map(str::to_owned),
            refresh_token: refresh.map(str::to_owned),
        }
    }

    const NEW_YEAR: Duration = Duration::from_secs(1_767_225_600);

    #[test]
    fn unknown_fields_are_kept_byte_for_byte() {
        let renewed = file("a1").renewed(&reply(Some("a2"), Some("r2")), NEW_YEAR).ok().unwrap();
        let text = String::from_utf8(renewed.to_bytes().unwrap()).unwrap();
        for part in [
            "[1.50, 1e2]",
            "123456789012345678901234567890",
            r#""OPENAI_API_KEY": null"#,
            "2026-01-01T00:00:00.000000Z",
        ] {
            assert!(text.contains(part), "{part}\n{text}");
        }
        let again = AuthFile::parse(text.as_bytes()).ok().unwrap();
        assert_eq!(
            (again.access_token(), again.refresh_token(), again.account_id()),
            ("a2", Some("r2"), "acc")
        );
        assert!(text.contains(r#""id_token":"i""#), "{text}");
    }

    #[test]
    fn a_token_that_an_answer_lacks_stays() {
        let renewed = file("a1").renewed(&reply(Some("a2"), None), NEW_YEAR).ok().unwrap();
        assert_eq!((renewed.access_token(), renewed.refresh_token()), ("a2", Some("r1")));
        let renewed = file("a1").renewed(&reply(None, Some("r2")), NEW_YEAR).ok().unwrap();
        assert_eq!((renewed.access_token(), renewed.refresh_token()), ("a1", Some("r2")));
    }

    #[test]
    fn a_token_is_due_before_its_end_but_not_in_its_first_half() {
        let minutes = |minutes: u64| NEW_YEAR + Duration::from_secs(60 * minutes);
        let token = |exp: u64| {
            file(&jwt(&format!(r#"{{"iat":1767225600,"exp":{}}}"#, 1_767_225_600 + 60 * exp)))
        };
        let margin = Duration::from_secs(600);
        assert_eq!((token(60).expires(), token(60).due(margin)), (minutes(60), minutes(50)));
        assert_eq!(token(12).due(margin), minutes(6));
        assert_eq!(token(0).due(margin), minutes(0));
        // Opaque: eight days after its refresh.
        let half_a_second = Duration::from_millis(500);
        assert_eq!(file("opaque").expires(), NEW_YEAR + half_a_second + DEFAULT_LIFE);
        assert_eq!(file("opaque").due(margin), NEW_YEAR + half_a_second + DEFAULT_LIFE - margin);
    }

    #[test]
    fn the_account_may_come_from_the_id_token() {
        let id_token = jwt(r#"{"https://api.openai.com/auth":{"chatgpt_account_id":"from-id"}}"#);
        let text = format!(r#"{{"tokens":{{"id_token":"{id_token}","access_token":"a"}}}}"#);
        let file = AuthFile::parse(text.as_bytes()).ok().unwrap();
        assert_eq!((file.account_id(), file.refresh_token()), ("from-id", None));
    }

    #[test]
    fn a_parse_error_holds_no_value_of_the_file() {
        for (text, error) in [
            ("", ParseError::Form),
            ("[]", ParseError::Form),
            (r#"{"tokens": "s3cret"}"#, ParseError::Form),
            (r#"{"tokens": {"access_token": 1}}"#, ParseError::Form),
            (r#"{"OPENAI_API_KEY": "s3cret"}"#, ParseError::ApiKey),
            (r#"{"OPENAI_API_KEY": "s3cret", "tokens": null}"#, ParseError::ApiKey),
            (
                r#"{"OPENAI_API_KEY": "s3cret", "tokens": {"access_token": null}}"#,
                ParseError::ApiKey,
            ),
            (r#"{"auth_mode": "apikey", "tokens": {}}"#, ParseError::ApiKey),
            (r#"{"OPENAI_API_KEY": "", "tokens": null}"#, ParseError::NoAccessToken),
            (r#"{"OPENAI_API_KEY": null}"#, ParseError::NoAccessToken),
            (r#"{"OPENAI_API_KEY": 1}"#, ParseError::NoAccessToken),
            (r#"{"tokens": null}"#, ParseError::NoAccessToken),
            (r#"{"tokens": {"access_token": null}}"#, ParseError::NoAccessToken),
            (r#"{"tokens": {"access_token": "a"}}"#, ParseError::NoAccountId),
            (r#"{"tokens": {"access_token": "a\nb", "account_id": "x"}}"#, ParseError::NotVisible),
            (r#"{"tokens": {"access_token": "", "account_id": "x"}}"#, ParseError::NotVisible),
        ] {
            assert_eq!(AuthFile::parse(text.as_bytes()).err(), Some(error), "{text}");
        }
    }
}

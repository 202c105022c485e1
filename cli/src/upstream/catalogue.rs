//! `GET …/codex/models?client_version=X`: the models of an account, as the Codex client asks for
//! them.
//!
//! The owner does not document the form of the answer, so each field may be absent or of another
//! type. Nothing of a body that is not such a list is ever shown.

use std::time::Duration;

use serde_json::Value;
use ureq::Agent;
use ureq::http::Response;

use super::target::CredentialError;
use super::version;
use crate::http;

/// Requests lists of models.
pub(crate) struct Client(Agent);

/// A model of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Listed {
    /// Its name.
    pub(crate) slug: String,
    /// It is not offered to people, and must not be used.
    pub(crate) hidden: bool,
    /// The lowest client version that may use it; `None` if the list does not say.
    pub(crate) least: Option<String>,
    /// Whether it takes images; `None` if the list does not say.
    pub(crate) images: Option<bool>,
}

/// Why there is no list. No message holds anything of a body.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CatalogueError {
    /// There is nothing to send as the credential.
    #[error(transparent)]
    Credential(#[from] CredentialError),
    /// A success with another document.
    #[error("the answer is not a list of models; is `path` that of Codex?")]
    NotAList,
    /// A protection in front of the upstream has answered.
    #[error(
        "status {0} with a web page: a protection such as Cloudflare's has refused this client or \
         its address, not the account"
    )]
    Challenged(u16),
    /// The upstream refuses the credential.
    #[error("status {0}: the credential or the account id is refused")]
    Unauthorized(u16),
    /// The upstream refuses the request itself.
    #[error(
        "status 400: the request is refused; is the header `version` one of Codex, such as 0.170.0?"
    )]
    BadRequest,
    /// Another status that a retry does not change.
    #[error("status {0}; is `path` that of Codex?")]
    Status(u16),
    /// No connection, or one that broke.
    #[error("it cannot be reached: {0}")]
    Unreachable(Box<ureq::Error>),
    /// The upstream cannot answer now.
    #[error("status {0}")]
    Unavailable(u16),
}

impl CatalogueError {
    /// Whether it may work later. Otherwise the credential or the configuration has to change.
    pub(crate) fn is_transient(&self) -> bool {
        match self {
            Self::Unreachable(_) | Self::Unavailable(_) => true,
            Self::Credential(_)
            | Self::NotAList
            | Self::Challenged(_)
            | Self::Unauthorized(_)
            | Self::BadRequest
            | Self::Status(_) => false,
        }
    }
}

impl Client {
    /// A client of this machine if `loopback`, else of the network.
    pub(crate) fn new(loopback: bool) -> Self {
        Self(http::agent(loopback, TIMEOUT))
    }

    /// The models that `base` lists for a client of this version.
    ///
    /// # Errors
    ///
    /// See [`CatalogueError`].
    pub(crate) fn models(
        &self,
        base: &str,
        client_version: &str,
        headers: &[(String, String)],
    ) -> Result<Vec<Listed>, CatalogueError> {
        let unreachable = |error: ureq::Error| CatalogueError::Unreachable(Box::new(error));
        let mut request = self.0.get(format!("{base}/models"));
        request = request.query("client_version", client_version);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let mut response = request.call().map_err(unreachable)?;
        let body = response.body_mut().with_config().limit(MAX_BODY_BYTES).read_to_vec();
        let body = body.map_err(unreachable)?;
        read(&response, &body)
    }
}

/// What an answer means.
fn read<T>(response: &Response<T>, body: &[u8]) -> Result<Vec<Listed>, CatalogueError> {
    let status = response.status().as_u16();
    let header = |name| response.headers().get(name).and_then(|value| value.to_str().ok());
    let is_html = header("content-type").is_some_and(|it| it.starts_with("text/html"));
    let challenged = header("cf-mitigated").is_some() || (status == 403 && is_html);
    match status {
        200 => list(body).ok_or(CatalogueError::NotAList),
        _ if challenged => Err(CatalogueError::Challenged(status)),
        401 | 403 => Err(CatalogueError::Unauthorized(status)),
        400 => Err(CatalogueError::BadRequest),
        429 | 500.. => Err(CatalogueError::Unavailable(status)),
        _ => Err(CatalogueError::Status(status)),
    }
}

/// The models, or `None` for another document. Entries without a name are ignored.
fn list(body: &[u8]) -> Option<Vec<Listed>> {
    let document: Value = serde_json::from_slice(body).ok()?;
    let items = [document.get("models"), document.get("data"), Some(&document)];
    let items = items.into_iter().flatten().find_map(Value::as_array)?;
    Some(items.iter().filter_map(listed).collect())
}

fn listed(item: &Value) -> Option<Listed> {
    let text = |name: &str| item.get(name).and_then(Value::as_str);
    let slug = text("slug").or_else(|| text("id"))?;
    // It is printed on a terminal.
    if slug.is_empty() || slug.len() > 128 || !slug.bytes().all(|byte| byte.is_ascii_graphic()) {
        return None;
    }
    let modalities = item.get("input_modalities").and_then(Value::as_array);
    let is_image = |it: &Value| it.as_str().is_some_and(|it| it.eq_ignore_ascii_case("image"));
    Some(Listed {
        slug: slug.to_owned(),
        hidden: text("visibility").is_some_and(|it| !it.eq_ignore_ascii_case("list")),
        least: item.get("minimal_client_version").and_then(version::text),
        images: modalities.map(|modalities| modalities.iter().any(is_image)),
    })
}

/// For one answer.
const TIMEOUT: Duration = Duration::from_secs(30);
/// Each model comes with its instructions, of tens of kilobytes.
const MAX_BODY_BYTES: u64 = 16 << 20;

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn answer(status: u16, content_type: &str) -> Response<()> {
        Response::builder().status(status).header("content-type", content_type).body(()).unwrap()
    }

    #[test]
    fn a_list_is_read_leniently() {
        let body = json!({"etag": 1, "models": [
            {"slug": "a", "visibility": "list", "minimal_client_version": "0.155.0",
             "input_modalities": ["text", "image"]},
            {"slug": "b", "visibility": "hide", "minimal_client_version": [0, 1, 2],
             "input_modalities": "text"},
            {"slug": "c", "visibility": null, "minimal_client_version": {"x": 1},
             "input_modalities": ["text", 7]},
            {"slug": 7}, "d", null, {"slug": "e\u{1b}[31m"}, {"id": "f"},
        ]});
        let listed = |slug: &str, hidden, least: Option<&str>, images| Listed {
            slug: slug.to_owned(),
            hidden,
            least: least.map(str::to_owned),
            images,
        };
        let expected = vec![
            listed("a", false, Some("0.155.0"), Some(true)),
            listed("b", true, Some("0.1.2"), None),
            listed("c", false, None, Some(false)),
            listed("f", false, None, None),
        ];
        assert_eq!(list(body.to_string().as_bytes()), Some(expected));
        for other in ["", "7", "{}", r#"{"models": 7}"#, "<html>"] {
            assert_eq!(list(other.as_bytes()), None, "{other}");
        }
    }

    #[test]
    fn only_an_unreachable_upstream_is_a_transient_error() {
        let error = |status, kind| {
            let error = read(&answer(status, kind), b"s3cret").unwrap_err();
            assert!(!error.to_string().contains("s3cret"));
            error
        };
        for status in [200, 301, 400, 401, 403, 404] {
            assert!(!error(status, "application/json").is_transient(), "{status}");
        }
        for status in [429, 500, 503] {
            assert!(error(status, "text/html").is_transient(), "{status}");
        }
        assert!(error(403, "text/html; charset=utf-8").to_string().contains("Cloudflare"));
        assert!(error(403, "application/json").to_string().contains("credential"));
    }
}

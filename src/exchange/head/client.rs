//! The head of a client's request, and the one that goes upstream in its place.
//!
//! It is made anew from a short list. What a client sent (credentials, cookies, `x-openai-*`, its
//! user agent) cannot cross because nothing is copied but what is named here.

use std::time::Duration;

use secrecy::ExposeSecret;

use super::fields::{Headers, ORIGINAL_PATH, TIMEOUT_HEADER, UPSTREAM_HEADER, is_json, value};
use crate::coding;
use crate::config::{RouteMatch, Upstream};
use crate::multipart::Boundary;
use crate::openai::endpoint::{Endpoint, without_query};
use crate::openai::error::{ClientFailure, Failure};
use crate::openai::request::{Encoding, RequestError};
use crate::translate::request::Body;

/// Envoy's own ids are UUIDs of 36 characters.
const MAX_ID_BYTES: usize = 128;
/// Envoy gives a call up so much later than this filter, which answers in the client's own terms.
const ENVOY_GRACE: Duration = Duration::from_secs(5);

/// The value of a configured header that stands for the request's id, as Envoy writes it.
const REQUEST_ID: &str = "%REQ(X-REQUEST-ID)%";

/// How the body is written, if it is as `endpoint` takes it.
pub(crate) fn encoding(endpoint: Endpoint, headers: &Headers) -> Result<Encoding, Failure> {
    let content_type = value(headers, "content-type").unwrap_or_default();
    let plain = value(headers, "content-encoding").is_none_or(coding::is_identity);
    if plain && is_json(content_type) {
        return Ok(Encoding::Json);
    }
    let form = Boundary::of_content_type(content_type);
    match (endpoint, form.filter(|_| plain)) {
        (Endpoint::Edits, Some(Ok(boundary))) => Ok(Encoding::Form(boundary)),
        (Endpoint::Edits, Some(Err(fault))) => {
            Err(RequestError::invalid_form(&fault.to_string()).into())
        }
        (Endpoint::Edits, None) => {
            Err(Failure::Client(ClientFailure::MediaType { accepted: FORM_OR_JSON }))
        }
        (
            Endpoint::Generations
            | Endpoint::Variations
            | Endpoint::Limits
            | Endpoint::Models
            | Endpoint::Model,
            _,
        ) => Err(Failure::Client(ClientFailure::MediaType { accepted: JSON })),
    }
}

const JSON: &str = "JSON with 'content-type: application/json'";
const FORM_OR_JSON: &str = "'multipart/form-data', or JSON with 'content-type: application/json'";

/// An id that is safe in headers and logs, also if a client made it up: visible ASCII, at most
/// [`MAX_ID_BYTES`], everything else as `_`.
fn presentable(id: &[u8]) -> String {
    let visible = |byte: &u8| if byte.is_ascii_graphic() { char::from(*byte) } else { '_' };
    id.iter().take(MAX_ID_BYTES).map(visible).collect()
}

/// The id of the request, which Envoy gives to each.
pub(crate) fn request_id(headers: &Headers) -> Option<String> {
    value(headers, "x-request-id").filter(|id| !id.is_empty()).map(presentable)
}

/// What of the client's head goes on living after it was read.
#[derive(Debug)]
pub(crate) struct ClientHead {
    /// `x-request-id`, which Envoy gives to each request.
    pub(crate) request_id: Option<String>,
    /// `:authority`. It stays: Envoy chooses the virtual host by it, so another one could lead to a
    /// virtual host without the route to the upstream. The route rewrites it.
    authority: Vec<u8>,
    /// `:scheme`.
    scheme: Vec<u8>,
    /// `x-forwarded-proto`, without which Envoy finds no route.
    forwarded_proto: Vec<u8>,
    /// The path as the client sent it, without its query, for the access log.
    path: Vec<u8>,
}

impl ClientHead {
    pub(crate) fn of(headers: &Headers) -> Self {
        Self {
            request_id: request_id(headers),
            authority: value(headers, ":authority").unwrap_or_default().to_vec(),
            scheme: value(headers, ":scheme").unwrap_or(b"https").to_vec(),
            forwarded_proto: value(headers, "x-forwarded-proto").unwrap_or(b"https").to_vec(),
            path: without_query(value(headers, ":path").unwrap_or_default()).to_vec(),
        }
    }

    /// The head of the client's own stream, for this body.
    pub(crate) fn forward(
        &self,
        upstream: &Upstream,
        path: &str,
        body: &Body,
        route_match: RouteMatch,
    ) -> Vec<(String, Vec<u8>)> {
        let patience = Self::patience(upstream.timeout()).as_millis();
        let mut headers: Vec<(String, Vec<u8>)> = self
            .call(upstream, path, body)
            .into_iter()
            .filter(|(name, _)| name != ":authority")
            .map(|(name, it)| (name, it.into_bytes()))
            .collect();
        headers.push((":authority".to_owned(), self.authority.clone()));
        headers.push((":scheme".to_owned(), self.scheme.clone()));
        headers.push(("x-forwarded-proto".to_owned(), self.forwarded_proto.clone()));
        headers.push((ORIGINAL_PATH.to_owned(), self.path.clone()));
        let mut push = |name: &str, value: String| headers.push((name.to_owned(), value.into()));
        push("content-length", body.bytes.len().to_string());
        push("x-envoy-upstream-rq-timeout-ms", patience.to_string());
        match route_match {
            RouteMatch::FilterState => {}
            RouteMatch::Header => push(UPSTREAM_HEADER, upstream.name().to_owned()),
        }
        headers
    }

    /// The head of a side call.
    pub(crate) fn call(
        &self,
        upstream: &Upstream,
        path: &str,
        body: &Body,
    ) -> Vec<(String, String)> {
        let mut headers = vec![
            (":method".to_owned(), "POST".to_owned()),
            (":authority".to_owned(), upstream.authority().to_owned()),
            (":path".to_owned(), path.to_owned()),
            ("accept".to_owned(), body.accept.to_owned()),
            ("content-type".to_owned(), body.content_type.to_string()),
        ];
        let mut push = |name: &str, value: &str| headers.push((name.to_owned(), value.to_owned()));
        if let Some((name, value)) = upstream.credential() {
            push(name, value.expose_secret());
        }
        if let Some(account) = upstream.account_id() {
            push("chatgpt-account-id", account);
        }
        if let Some(id) = &self.request_id {
            push("x-request-id", id);
        }
        let named =
            |name: &str| upstream.headers().iter().any(|(it, _)| it.eq_ignore_ascii_case(name));
        if !named("user-agent") {
            push("user-agent", concat!("imagegate/", env!("CARGO_PKG_VERSION")));
        }
        for (name, value) in upstream.headers() {
            match value == REQUEST_ID {
                true => push(name, self.request_id.as_deref().unwrap_or_default()),
                false => push(name, value),
            }
        }
        headers
    }

    /// The head of a call through the loopback listener. Its routes may be those of the client's
    /// own listener, so it is found like the client's request: by the client's host.
    pub(crate) fn loop_back(
        &self,
        upstream: &Upstream,
        mut headers: Vec<(String, String)>,
        timeout: Duration,
    ) -> Vec<(String, String)> {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        if !self.authority.is_empty() {
            headers.retain(|(name, _)| name != ":authority");
            headers.push((":authority".to_owned(), text(&self.authority)));
        }
        headers.push(("x-forwarded-proto".to_owned(), text(&self.forwarded_proto)));
        headers.push((UPSTREAM_HEADER.to_owned(), upstream.name().to_owned()));
        headers.push((TIMEOUT_HEADER.to_owned(), timeout.as_millis().to_string()));
        headers
    }

    /// When Envoy gives up a call that may take `timeout`.
    pub(crate) fn patience(timeout: Duration) -> Duration {
        timeout.saturating_add(ENVOY_GRACE)
    }
}

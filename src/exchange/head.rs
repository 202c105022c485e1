//! Heads: reading the client's and the upstream's, writing what goes upstream.
//!
//! The upstream's head is made anew from a short list. What a client sent (credentials, cookies,
//! `x-openai-*`, its user agent) cannot cross because nothing is copied but what is named here.

use std::str::FromStr;
use std::time::Duration;

use secrecy::ExposeSecret;

use crate::coding;
use crate::config::{RouteMatch, Upstream};
use crate::multipart::Boundary;
use crate::openai::endpoint::{Endpoint, without_query};
use crate::openai::error::{ClientFailure, Failure};
use crate::openai::request::{Encoding, RequestError};
use crate::translate::request::Body;
use crate::upstream::usage_limits::UsageLimits;

/// The prefix of the headers by which this filter and Envoy's routes speak to each other.
const OWN_PREFIX: &str = "x-imagegate-";
/// The header with the upstream's name, on the way to the loopback listener, and where routes match
/// a header.
pub const UPSTREAM_HEADER: &str = "x-imagegate-upstream";
/// The header with the call: the VM, the host's number of the client's stream, the call's link, and
/// the secret of this Envoy's filters, with dots between.
pub const CALL_HEADER: &str = "x-imagegate-call";
/// The header with the time after which Envoy gives the call up, in milliseconds.
pub const TIMEOUT_HEADER: &str = "x-imagegate-timeout-ms";
/// The header of the answer in which the filter on the loopback listener reports why Envoy answered
/// in the upstream's place.
pub const DETAILS_HEADER: &str = "x-imagegate-details";
/// The header in which Envoy and its access log look for the path before it was rewritten.
pub const ORIGINAL_PATH: &str = "x-envoy-original-path";
/// Envoy's own ids are UUIDs of 36 characters.
const MAX_ID_BYTES: usize = 128;
/// Envoy gives a call up so much later than this filter, which answers in the client's own terms.
const ENVOY_GRACE: Duration = Duration::from_secs(5);

/// The value of a configured header that stands for the request's id, as Envoy writes it.
const REQUEST_ID: &str = "%REQ(X-REQUEST-ID)%";

/// All headers of a request or response, names in lower case, values as they came.
pub type Headers = [(String, Vec<u8>)];

/// The first value of `name`.
pub(crate) fn value<'h>(headers: &'h Headers, name: &str) -> Option<&'h [u8]> {
    headers.iter().find(|(it, _)| it == name).map(|(_, value)| value.as_slice())
}

/// The names of headers that no client may send, each once: such a header chooses the route.
pub(crate) fn own_headers(headers: &Headers) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for (name, _) in headers {
        let ours =
            name.get(..OWN_PREFIX.len()).is_some_and(|it| it.eq_ignore_ascii_case(OWN_PREFIX));
        if ours && !names.contains(name) {
            names.push(name.clone());
        }
    }
    names
}

/// The path that the head names as the client's: an access log takes it for that.
#[must_use]
pub fn original_path(headers: &Headers) -> Option<&[u8]> {
    value(headers, ORIGINAL_PATH)
}

/// Whether the request is said to be gRPC, in any spelling: `application/grpc`, or with `+` and a
/// format after it. Envoy answers such a request in gRPC's own way.
pub(crate) fn is_grpc(headers: &Headers) -> bool {
    let is = |content_type: &[u8]| {
        let media_type = content_type.split(|byte| matches!(byte, b';' | b'+')).next();
        is_of(media_type.unwrap_or_default(), GRPC)
    };
    value(headers, "content-type").is_some_and(is)
}

const GRPC: &[u8] = b"application/grpc";

/// Whether the body is said to be JSON: `application/json`, with any parameters.
pub(crate) fn is_json(content_type: &[u8]) -> bool {
    is_of(content_type, b"application/json")
}

/// Whether the body is said to be events.
pub(crate) fn is_events(content_type: &[u8]) -> bool {
    is_of(content_type, b"text/event-stream")
}

fn is_of(content_type: &[u8], wanted: &[u8]) -> bool {
    let media_type = content_type.split(|byte| *byte == b';').next().unwrap_or_default();
    media_type.trim_ascii().eq_ignore_ascii_case(wanted)
}

/// What matters of an upstream's head.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ResponseHead {
    /// `:status`. 0 if it is not a number.
    pub status: u16,
    /// `retry-after`.
    pub retry_after: Option<Vec<u8>>,
    /// `content-encoding`.
    pub content_encoding: Option<Vec<u8>>,
    /// `content-type`.
    pub content_type: Option<Vec<u8>>,
    /// `content-length`. `None` if it is not a number.
    pub content_length: Option<u64>,
    /// The usage limits that it reports.
    pub usage_limits: Option<UsageLimits>,
    /// Envoy made this response itself, for this reason (`response.code_details`).
    pub envoy_details: Option<String>,
    /// The same, as the filter on the loopback listener reports it.
    pub loopback_details: Option<String>,
}

impl ResponseHead {
    /// What matters of `headers`, whose names are in lower case. `now` is the time since the Unix
    /// epoch.
    #[must_use]
    pub fn of(headers: &Headers, now: Duration) -> Self {
        let own = |name| value(headers, name).map(<[u8]>::to_vec);
        Self {
            status: number(value(headers, ":status")).unwrap_or(0),
            retry_after: retry_after(headers),
            content_encoding: own("content-encoding"),
            content_type: own("content-type"),
            content_length: content_length(headers),
            usage_limits: UsageLimits::read(headers, now),
            envoy_details: None,
            loopback_details: value(headers, DETAILS_HEADER)
                .map(|it| String::from_utf8_lossy(it).into_owned()),
        }
    }

    /// The head of a response that came through the loopback listener. Only there is the report
    /// trusted: another upstream could send one, too.
    pub(crate) fn of_loopback(mut self) -> Self {
        self.envoy_details = self.loopback_details.take().or(self.envoy_details);
        self
    }

    /// How long the usage limits that are used up still last, in whole seconds as in `retry-after`.
    /// An answer that is no refusal for a limit may report limits, too: an account serves beyond
    /// them for credits.
    pub(crate) fn limits_reset_after(&self, now: Duration) -> Option<Vec<u8>> {
        let wait = self.usage_limits?.serves_at()?.saturating_sub(now);
        Some(wait.as_secs().to_string().into_bytes())
    }

    /// Whether the body is JSON. Of the Responses API no image comes in it.
    pub(crate) fn is_json(&self) -> bool {
        self.content_type.as_deref().is_some_and(is_json)
    }

    /// Whether it is an answer of gRPC.
    pub(crate) fn is_grpc(&self) -> bool {
        self.content_type.as_deref().is_some_and(|it| is_of(it, GRPC))
    }

    /// Whether the body is a page for people.
    pub(crate) fn is_html(&self) -> bool {
        self.content_type.as_deref().is_some_and(|it| is_of(it, b"text/html"))
    }

    /// Whether the body is events.
    pub(crate) fn is_events(&self) -> bool {
        self.content_type.as_deref().is_some_and(is_events)
    }
}

/// `retry-after-ms`, which is more exact, in seconds, else `retry-after`.
fn retry_after(headers: &Headers) -> Option<Vec<u8>> {
    let millis = number::<u32>(value(headers, "retry-after-ms")).filter(|it| *it > 0);
    let exact = millis.map(|it| format!("{}.{:03}", it / 1000, it % 1000).into_bytes());
    exact.or_else(|| value(headers, "retry-after").map(<[u8]>::to_vec))
}

/// `content-length`. `None` if it is not there, or not a number.
pub(crate) fn content_length(headers: &Headers) -> Option<u64> {
    number(value(headers, "content-length"))
}

fn number<T: FromStr>(value: Option<&[u8]>) -> Option<T> {
    value.and_then(|it| std::str::from_utf8(it).ok()).and_then(|it| it.parse().ok())
}

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

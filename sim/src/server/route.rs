//! Which path has which answer.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http_body_util::{BodyExt, Limited};
use hyper::{HeaderMap, Method, Request, Response, body::Incoming, http::request::Parts};
use sha2::{Digest, Sha256};

use super::{
    State, answer,
    body::{Body, Broken},
    connection::Ending,
    head::{self, Headers},
    images::{self, Asked},
};
use crate::{
    clock,
    directive::HEADER,
    hosts::Version,
    images::{Route, Sent, faults::unauthorized},
    rejection::Rejection,
    request::Gate,
};

/// The longest body, in bytes. As with the real backend, ten reference images of 20 MiB as base64
/// do not fit.
const MAX_BODY: usize = 128 << 20;

/// The path of the Codex backend, which checks host models.
const CODEX: &str = "/backend-api/codex/responses";

/// The path of its catalogue.
const MODELS: &str = "/backend-api/codex/models";

/// The paths that answer with an image.
const RESPONSES: [&str; 3] = [CODEX, "/responses", "/v1/responses"];

/// Answers one request. An error ends the connection without an answer.
pub(super) async fn answer(
    request: Request<Incoming>,
    state: Arc<State>,
    ending: Ending,
) -> Result<Response<Body>, Broken> {
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let log = state.options.log;
    let response = match (&method, path.as_str()) {
        (&Method::GET, "/healthz") => plain(200, "text/plain", "ok\n".into()),
        (&Method::GET, "/stats") => {
            plain(200, "application/json", state.stats.to_json().to_bytes())
        }
        (&Method::DELETE, "/stats") => {
            state.reset();
            plain(204, "text/plain", Vec::new())
        }
        (&Method::POST, path) if RESPONSES.contains(&path) => {
            responses(request, state, ending).await?
        }
        (_, path) if RESPONSES.contains(&path) => {
            reject(Rejection::detail(405, "Method Not Allowed").with("allow", "POST"), clock::now())
        }
        (&Method::GET, MODELS) => models(&request.into_parts().0, &state),
        (_, MODELS) => {
            reject(Rejection::detail(405, "Method Not Allowed").with("allow", "GET"), clock::now())
        }
        (method, path) => match Route::of(path) {
            Some(route) if method == Method::POST => images(request, &route, state, ending).await?,
            Some(_) => reject_openai(method_not_allowed(), clock::now()),
            None => reject(Rejection::detail(404, "Not Found"), clock::now()),
        },
    };
    if log {
        eprintln!("{method} {path} {}", response.status().as_u16());
    }
    Ok(response)
}

async fn responses(
    request: Request<Incoming>,
    state: Arc<State>,
    ending: Ending,
) -> Result<Response<Body>, Broken> {
    let now = clock::now();
    let (head, body) = request.into_parts();
    let Some((body, trailers)) = collect(body).await else {
        let rejection =
            Rejection::detail(413, "Request body is too large").with("connection", "close");
        return Ok(reject(rejection, now));
    };
    let shown = serde_json::from_slice(&body).unwrap_or_default();
    state.stats.requested(&head, body.len(), shown, &trailers);
    if !is_authorized(&head, "authorization", state.options.token.as_deref()) {
        state.stats.rejected();
        return Ok(reject(Rejection::detail(401, "Unauthorized"), now));
    }
    answer::answer(&body, &directives(&head), gate(&head, &state), &state, ending, now).await
}

/// The directives in the headers of a request. Text that is not ASCII is no directive.
fn directives(head: &Parts) -> String {
    let values = head.headers.get_all(HEADER).iter();
    values.map(|value| value.to_str().unwrap_or("?")).collect::<Vec<_>>().join(" ")
}

/// The catalogue of host models. It belongs to an account, which the request must name.
fn models(head: &Parts, state: &State) -> Response<Body> {
    let header = |name: &str| head.headers.get(name).and_then(|value| value.to_str().ok());
    let token = state.options.token.as_deref();
    let has_account = header("chatgpt-account-id").is_some_and(|id| !id.is_empty());
    if !has_account || !is_authorized(head, "authorization", token) {
        return reject(Rejection::detail(401, "Unauthorized"), clock::now());
    }
    let query = head.uri.query().unwrap_or_default();
    let answer = state.options.hosts.answer(query, header("if-none-match"));
    reject(answer.unwrap_or_else(|rejection| rejection), clock::now())
}

/// Which API decides about the host model of a request.
fn gate<'a>(head: &Parts, state: &'a State) -> Gate<'a> {
    if head.uri.path() != CODEX {
        return Gate::Open;
    }
    let version = head.headers.get("version").and_then(|version| version.to_str().ok());
    Gate::Codex { hosts: &state.options.hosts, version: version.and_then(Version::parse) }
}

async fn images(
    request: Request<Incoming>,
    route: &Route,
    state: Arc<State>,
    ending: Ending,
) -> Result<Response<Body>, Broken> {
    let now = clock::now();
    let (head, body) = request.into_parts();
    let Some((body, trailers)) = collect(body).await else {
        let message = "Maximum content size limit (134217728) exceeded.";
        let rejection = Rejection::error(413, "server_error", None, message);
        return Ok(reject_openai(rejection.with("connection", "close"), now));
    };
    let len = body.len();
    let content_type = head.headers.get("content-type").and_then(|it| it.to_str().ok());
    let sent = Sent::read(content_type.unwrap_or_default(), body).await;
    state.stats.requested(&head, len, sent.shown(), &trailers);
    let token = state.options.token.as_deref();
    let azure = route.deployment.is_some();
    let keyed = azure && is_authorized(&head, "api-key", token);
    if !keyed && !is_authorized(&head, "authorization", token) {
        state.stats.rejected();
        return Ok(match route.direct {
            true => reject(Rejection::detail(401, "Unauthorized"), now),
            false => reject_openai(unauthorized(), now),
        });
    }
    if azure && !head.uri.query().is_some_and(has_version) {
        state.stats.rejected();
        let rejection =
            Rejection::error(404, "invalid_request_error", Some("404"), "Resource not found");
        return Ok(reject_openai(rejection, now));
    }
    let sent = Asked { route, sent: &sent, len, directives: &directives(&head) };
    images::answer(sent, &state, ending, now).await
}

/// Azure rejects requests without `api-version`.
fn has_version(query: &str) -> bool {
    let mut members = query.split('&').filter_map(|it| it.split_once('='));
    members.any(|(name, value)| name == "api-version" && !value.is_empty())
}

/// The whole body and its trailers, unless it is too long or breaks.
async fn collect(body: Incoming) -> Option<(Bytes, HeaderMap)> {
    let body = Limited::new(body, MAX_BODY).collect().await.ok()?;
    let trailers = body.trailers().cloned().unwrap_or_default();
    Some((body.to_bytes(), trailers))
}

/// Whether the header `name` has exactly one token, and the right one if `--token` is set. In
/// `authorization` it is a bearer token.
fn is_authorized(head: &Parts, name: &str, token: Option<&str>) -> bool {
    let mut values = head.headers.get_all(name).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return false };
    let Ok(value) = value.to_str() else { return false };
    let presented = match (name, value.split_once(' ')) {
        ("authorization", Some((scheme, token))) if scheme.eq_ignore_ascii_case("bearer") => token,
        ("authorization", _) => return false,
        _ => value,
    };
    let right = token.is_none_or(|token| Sha256::digest(token) == Sha256::digest(presented));
    !presented.trim().is_empty() && right
}

fn method_not_allowed() -> Rejection {
    let message = "Not allowed; this path takes POST only.";
    Rejection::error(405, "invalid_request_error", Some("method_not_supported"), message)
        .with("allow", "POST")
}

fn plain(status: u16, content_type: &'static str, body: Vec<u8>) -> Response<Body> {
    let headers: Headers = vec![("content-type", content_type.into())];
    head::respond(status, headers, Body::whole(body))
}

fn reject(rejection: Rejection, now: Duration) -> Response<Body> {
    head::reject(rejection, head::usual(now.as_secs(), now))
}

fn reject_openai(rejection: Rejection, now: Duration) -> Response<Body> {
    head::reject(rejection, head::openai(now.as_secs(), now))
}

//! Which path does what.

use std::{sync::Arc, time::Duration};

use http_body_util::{BodyExt, Limited};
use hyper::{Method, Request, Response, body::Incoming, http::request::Parts};
use sha2::{Digest, Sha256};

use super::{
    State, answer,
    body::{Body, Broken},
    connection::Fate,
    head::{self, Headers},
};
use crate::{cli::Log, clock, refusal::Refusal};

/// The longest body, in bytes: ten reference images of 20 MiB as base64 do not fit, as with the
/// real one.
const MAX_BODY: usize = 128 << 20;

/// The paths that answer with a picture.
const RESPONSES: [&str; 3] = ["/backend-api/codex/responses", "/responses", "/v1/responses"];

/// Answers one request. An error ends the connection without an answer.
pub(super) async fn answer(
    request: Request<Incoming>,
    state: Arc<State>,
    fate: Fate,
) -> Result<Response<Body>, Broken> {
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let log = state.options.log;
    let response = match (&method, path.as_str()) {
        (&Method::GET, "/healthz") => plain(200, "text/plain", "ok\n".into()),
        (&Method::GET, "/stats") => {
            plain(200, "application/json", state.stats.to_json().to_bytes())
        }
        (&Method::DELETE, "/stats") => {
            state.stats.reset();
            plain(204, "text/plain", Vec::new())
        }
        (&Method::POST, path) if RESPONSES.contains(&path) => {
            responses(request, state, fate).await?
        }
        (_, path) if RESPONSES.contains(&path) => {
            refuse(Refusal::detail(405, "Method Not Allowed").with("allow", "POST"), clock::now())
        }
        _ => refuse(Refusal::detail(404, "Not Found"), clock::now()),
    };
    if log == Log::Lines {
        eprintln!("{method} {path} {}", response.status().as_u16());
    }
    Ok(response)
}

async fn responses(
    request: Request<Incoming>,
    state: Arc<State>,
    fate: Fate,
) -> Result<Response<Body>, Broken> {
    let now = clock::now();
    let (head, body) = request.into_parts();
    let Ok(body) = Limited::new(body, MAX_BODY).collect().await else {
        let refusal = Refusal::detail(413, "Request body is too large").with("connection", "close");
        return Ok(refuse(refusal, now));
    };
    let trailers = body.trailers().cloned().unwrap_or_default();
    let body = body.to_bytes();
    state.stats.requested(&head, &body, &trailers);
    if !is_authorized(&head, state.options.token.as_deref()) {
        state.stats.refused();
        return Ok(refuse(Refusal::detail(401, "Unauthorized"), now));
    }
    answer::answer(&body, &state, fate, now).await
}

/// Whether there is one bearer token, and the right one where one is asked for.
fn is_authorized(head: &Parts, token: Option<&str>) -> bool {
    let mut values = head.headers.get_all("authorization").iter();
    let (Some(value), None) = (values.next(), values.next()) else { return false };
    let Ok(value) = value.to_str() else { return false };
    let Some((scheme, presented)) = value.split_once(' ') else { return false };
    let right = token.is_none_or(|token| Sha256::digest(token) == Sha256::digest(presented));
    scheme.eq_ignore_ascii_case("bearer") && !presented.trim().is_empty() && right
}

fn plain(status: u16, content_type: &'static str, body: Vec<u8>) -> Response<Body> {
    let headers: Headers = vec![("content-type", content_type.into())];
    head::respond(status, headers, Body::whole(body))
}

fn refuse(refusal: Refusal, now: Duration) -> Response<Body> {
    head::refuse(refusal, head::usual(now.as_secs(), now))
}

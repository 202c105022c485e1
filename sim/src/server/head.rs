//! The headers of an answer, as the real backends send them.
//!
//! Account and cookie headers let a test check that they do not cross a gateway.

use std::time::Duration;

use fastrand::Rng;
use hyper::{
    Response, StatusCode,
    header::{HeaderName, HeaderValue},
};

use super::body::Body;
use crate::rejection::Rejection;

/// Headers by name; the values may be any bytes.
pub(super) type Headers = Vec<(&'static str, Vec<u8>)>;

/// The headers of every answer. `number` is different for each answer, `now` is the time since the
/// Unix epoch.
pub(super) fn usual(number: u64, now: Duration) -> Headers {
    let mut rng = Rng::with_seed(number);
    let (first, second) = (rng.u64(..), rng.u64(..));
    let secs = now.as_secs();
    let headers = [
        ("content-type", "text/event-stream; charset=utf-8".to_owned()),
        ("cache-control", "no-cache".to_owned()),
        ("x-oai-request-id", format!("{second:016x}")),
        ("openai-model", "gpt-6-luna".to_owned()),
        ("openai-processing-ms", "317".to_owned()),
        ("openai-version", "2020-10-01".to_owned()),
        ("x-reasoning-included", "true".to_owned()),
        ("x-codex-turn-state", format!("{first:016x}")),
        ("x-codex-plan-type", "plus".to_owned()),
        ("x-codex-active-limit", "premium".to_owned()),
        ("x-codex-primary-used-percent", "12".to_owned()),
        ("x-codex-primary-window-minutes", "300".to_owned()),
        ("x-codex-primary-reset-at", (secs + 13_873).to_string()),
        ("x-codex-primary-reset-after-seconds", "13873".to_owned()),
        ("x-codex-primary-over-secondary-limit-percent", "0".to_owned()),
        ("x-codex-secondary-used-percent", "31".to_owned()),
        ("x-codex-secondary-window-minutes", "10080".to_owned()),
        ("x-codex-secondary-reset-at", (secs + 316_705).to_string()),
        ("x-codex-secondary-reset-after-seconds", "316705".to_owned()),
        ("x-codex-credits-has-credits", "False".to_owned()),
        ("x-codex-credits-balance", "0".to_owned()),
        ("x-codex-credits-unlimited", "False".to_owned()),
    ];
    let shared = edge(first, second, secs).into_iter();
    shared.chain(headers).map(|(name, value)| (name, value.into_bytes())).collect()
}

/// The headers that the edge adds to the answers of both backends.
fn edge(first: u64, second: u64, secs: u64) -> [(&'static str, String); 8] {
    [
        ("server", "cloudflare".to_owned()),
        ("cf-ray", format!("{first:016x}-SIM")),
        ("cf-cache-status", "DYNAMIC".to_owned()),
        (
            "set-cookie",
            format!(
                "__cf_bm={second:016x}-{secs}-1.0.1.1; path=/; HttpOnly; Secure; SameSite=None"
            ),
        ),
        ("set-cookie", format!("_cfuvid={first:016x}; path=/; HttpOnly; Secure; SameSite=None")),
        ("strict-transport-security", "max-age=31536000; includeSubDomains; preload".to_owned()),
        ("x-content-type-options", "nosniff".to_owned()),
        ("x-request-id", format!("req_{first:016x}{second:016x}")),
    ]
}

/// The headers of an answer of the Images API.
pub(super) fn openai(number: u64, now: Duration) -> Headers {
    let mut rng = Rng::with_seed(number);
    let (first, second) = (rng.u64(..), rng.u64(..));
    let secs = now.as_secs();
    let headers = [
        ("content-type", "application/json".to_owned()),
        ("openai-organization", "org-codex-sim".to_owned()),
        ("openai-project", format!("proj_{second:016x}")),
        ("openai-processing-ms", "9317".to_owned()),
        ("openai-version", "2020-10-01".to_owned()),
        ("x-ratelimit-limit-requests", "60".to_owned()),
        ("x-ratelimit-remaining-requests", "59".to_owned()),
        ("x-ratelimit-reset-requests", "1s".to_owned()),
        ("x-ratelimit-limit-tokens", "150000".to_owned()),
        ("x-ratelimit-remaining-tokens", "149984".to_owned()),
        ("x-ratelimit-reset-tokens", "6m0s".to_owned()),
        ("x-ratelimit-limit-input-images", "250".to_owned()),
        ("x-ratelimit-remaining-input-images", "249".to_owned()),
        ("x-ratelimit-reset-input-images", "240ms".to_owned()),
    ];
    let shared = edge(first, second, secs).into_iter();
    shared.chain(headers).map(|(name, value)| (name, value.into_bytes())).collect()
}

/// The headers of the Codex backend's own Images API, which has a limit of its own.
pub(super) fn direct(number: u64, now: Duration) -> Headers {
    let mut headers = usual(number, now);
    headers.retain(|(name, _)| {
        !name.starts_with("x-codex-secondary-")
            && !["openai-model", "x-reasoning-included", "x-codex-turn-state"].contains(name)
    });
    let resets_in = 52_117;
    for (name, value) in [
        ("content-type", "application/json".to_owned()),
        ("x-codex-active-limit", "imagegen_premium".to_owned()),
        ("x-codex-primary-used-percent", "4".to_owned()),
        ("x-codex-primary-window-minutes", "1440".to_owned()),
        ("x-codex-primary-reset-at", (now.as_secs() + resets_in).to_string()),
        ("x-codex-primary-reset-after-seconds", resets_in.to_string()),
        ("x-codex-imagegen-request-id", format!("imgreq_{:016x}", Rng::with_seed(!number).u64(..))),
    ] {
        set(&mut headers, name, value);
    }
    headers
}

/// Sets a header, in place of all others of that name.
pub(super) fn set(headers: &mut Headers, name: &'static str, value: impl Into<Vec<u8>>) {
    headers.retain(|(other, _)| *other != name);
    headers.push((name, value.into()));
}

/// An answer with these headers. A header that HTTP does not allow is left out.
pub(super) fn respond(status: u16, headers: Headers, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() =
        StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in headers {
        if let Ok(value) = HeaderValue::from_bytes(&value) {
            response.headers_mut().append(HeaderName::from_static(name), value);
        }
    }
    response
}

/// A rejection as an HTTP response.
pub(super) fn reject(rejection: Rejection, mut headers: Headers) -> Response<Body> {
    set(&mut headers, "content-type", rejection.content_type);
    for (name, value) in rejection.headers {
        set(&mut headers, name, value);
    }
    respond(rejection.status, headers, Body::whole(rejection.body))
}

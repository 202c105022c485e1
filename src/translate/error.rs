//! Translates errors of the upstream and of Envoy into this gateway's failures.
//!
//! The question is whose fault an error is. A refusal or an invalid value is the client's. Its
//! message is kept, shortened and without identifiers. A limit is reported with its wait. A problem
//! that the operator has to solve (a credential, a plan, a setting) or a breakdown is not the
//! client's. It becomes a 5xx that quotes nothing.
//!
//! Rules decide, not lists of codes, so that unknown codes are judged correctly:
//!
//! 1. some statuses decide with any body: 401, 402, 413, 429, timeouts;
//! 2. words in the code or the type (`sense`): content, money, plan, limits, credential;
//! 3. the named field (`field`): the client's, or ours;
//! 4. the type: `image_generation_user_error` is the client's, `server_error` is the upstream's;
//! 5. the message (`phrase`), then the status alone.
//!
//! [`UpstreamFailure::Failed`] also means that an image may have been generated,
//! so no other upstream is called.

mod envoy;
mod field;
mod host_model;
mod phrase;
mod redact;
mod report;
mod rest;
mod retry;
mod sense;
mod words;

use std::time::Duration;

use self::report::Report;
use crate::openai::error::{ClientFailure, UpstreamFailure};
use crate::upstream::{error::ErrorInfo, json};
use crate::{config::Api, openai::error::Failure};

pub use envoy::{from_envoy, leaves_open, never_left};
use host_model::host_model_fault;
pub use host_model::is_like_host_model;
pub use rest::{judge_event, judge_http, rest_of_envoy};
pub use words::from_words;

#[cfg(test)]
mod taxonomy;
#[cfg(test)]
mod tests;

/// The failure for a response with `status` from an upstream that speaks `api`. `retry_after` is
/// the header of that name. `now` is the time since the Unix epoch.
#[must_use]
pub fn from_http(
    api: Api,
    status: u16,
    retry_after: Option<&[u8]>,
    body: &[u8],
    now: Duration,
) -> Failure {
    of_info(api, status, retry_after, body, &read_body(body), now)
}

/// The same for a body whose error has been read.
fn of_info(
    api: Api,
    status: u16,
    retry_after: Option<&[u8]>,
    body: &[u8],
    info: &ErrorInfo,
    now: Duration,
) -> Failure {
    if let Some(failure) = envoy::from_reply(status, body) {
        return failure;
    }
    if is_page(status, body) {
        return Failure::Upstream(UpstreamFailure::Blocked);
    }
    match status {
        // An error in JSON in place of events.
        200..=299 => match *info == ErrorInfo::default() {
            true => Failure::Upstream(UpstreamFailure::InvalidResponse),
            false => from_event(api, info, now),
        },
        status => Report::new(api, info, retry_after, now).judge(status),
    }
}

/// The failure if the body of an error says that the text model `host_model` is not served.
#[must_use]
pub fn host_model_refused(body: &[u8], host_model: &str) -> Option<Failure> {
    refuses_host_model(&read_body(body), host_model)
}

/// The same for an error that was read.
///
/// `None` if the code has another meaning or names another field. Then the message may quote the
/// prompt, and a client can make it say anything.
#[must_use]
pub fn refuses_host_model(info: &ErrorInfo, host_model: &str) -> Option<Failure> {
    let fault = host_model_fault(info, host_model)?;
    Some(Failure::Upstream(UpstreamFailure::HostModelRefused {
        host_model: host_model.to_owned(),
        fault,
    }))
}

/// The failure for an `error` or `response.failed` event, or for an output item's `error`.
#[must_use]
pub fn from_event(api: Api, info: &ErrorInfo, now: Duration) -> Failure {
    let report = Report::new(api, info, None, now);
    // Some events have an HTTP status as their code.
    let status = info.code.as_deref().and_then(|code| code.parse().ok());
    match status.filter(|status| (400..=599).contains(status)) {
        Some(status) => report.judge(status),
        None => report.of_event(),
    }
}

/// The failure for a `response.incomplete` event.
#[must_use]
pub fn from_incomplete(reason: Option<&str>) -> Failure {
    match reason {
        Some("content_filter") => Failure::Client(ClientFailure::Refused {
            message: report::REFUSED.to_owned(),
            details: None,
        }),
        _ => Failure::Upstream(UpstreamFailure::NoImage),
    }
}

/// Whether the body is an HTML page for people, such as a challenge or a block, in place of a
/// response.
fn is_page(status: u16, body: &[u8]) -> bool {
    let start = body.trim_ascii_start();
    let start = start.get(..start.len().min(MAX_PAGE_BYTES)).unwrap_or_default();
    let page = String::from_utf8_lossy(start).to_ascii_lowercase();
    let is_html = page.starts_with("<!doctype html") || page.starts_with("<html");
    let is_challenge = ["just a moment", "attention required", "challenge-platform", "cf-chl"]
        .into_iter()
        .any(|it| page.contains(it));
    match status {
        200 | 403 => is_html,
        400..=499 | 503 => is_html && is_challenge,
        _ => false,
    }
}

/// Reads an error. A body that is not JSON is the message, because some proxies on the way respond
/// in plain text.
fn read_body(body: &[u8]) -> ErrorInfo {
    match json::value(body) {
        Some(value) => ErrorInfo::read(&value).unwrap_or_default(),
        None => {
            let message = std::str::from_utf8(body).ok().map(str::to_owned);
            ErrorInfo { message, ..ErrorInfo::default() }
        }
    }
}

/// A challenge says so in its first lines.
const MAX_PAGE_BYTES: usize = 8 * 1024;

//! The upstream's failures, and Envoy's own, as failures of ours.
//!
//! The one question is whose fault it is. A refusal and a bad value are the client's and keep their words,
//! shortened and without identifiers. A limit is told with its wait. What the operator has to mend (a
//! credential, a plan, a setting) and what broke is not the client's: a 5xx that quotes nothing.
//!
//! Rules decide, not lists of codes, so that a code that nobody has seen falls out right:
//!
//! 1. some statuses stand for themselves, whatever their body: 401, 402, 413, 429, time-outs;
//! 2. words in the code or the type (`sense`): content, money, plan, limits, credential;
//! 3. the field that is named (`field`): the client's, or ours;
//! 4. the type: `image_generation_user_error` is the client's, `server_error` is nobody's;
//! 5. the message (`phrase`), then the status alone.
//!
//! [`Failure::Upstream(UpstreamFailure::Failed)`] also says that an image may have been drawn: no other upstream is asked.

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

use serde_json::Value;

use self::report::Report;
use crate::openai::error::{ClientFailure, UpstreamFailure};
use crate::{config::Api, openai::error::Failure, upstream::error::ErrorInfo};

pub use envoy::{from_envoy, leaves_open, never_left};
use host_model::host_model_fault;
pub use host_model::is_like_host_model;
pub use rest::{judge_event, judge_http, rest_of_envoy};
pub use words::from_words;

#[cfg(test)]
mod taxonomy;
#[cfg(test)]
mod tests;

/// The failure behind a status other than 2xx of an upstream that speaks `api`. `retry_after` is the
/// header of that name, `now` the time since the Unix epoch.
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

/// The same of a body whose error has been read.
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
        // An error in JSON where events should come.
        200..=299 => match *info == ErrorInfo::default() {
            true => Failure::Upstream(UpstreamFailure::InvalidResponse),
            false => from_event(api, info, now),
        },
        status => Report::new(api, info, retry_after, now).judge(status),
    }
}

/// What the body of an error says about the text model that was asked, if it is about that one.
#[must_use]
pub fn host_model_refused(body: &[u8], host_model: &str) -> Option<Failure> {
    refuses_host_model(&read_body(body), host_model)
}

/// The same of an error that was read.
///
/// `None` if the error has a meaning of its own or names another field: its message may quote the
/// prompt, and so whatever a client wants it to say.
#[must_use]
pub fn refuses_host_model(info: &ErrorInfo, host_model: &str) -> Option<Failure> {
    let fault = host_model_fault(info, host_model)?;
    Some(Failure::Upstream(UpstreamFailure::HostModelRefused {
        host_model: host_model.to_owned(),
        fault,
    }))
}

/// The failure behind an `error` or `response.failed` event, or an output item's `error`.
#[must_use]
pub fn from_event(api: Api, info: &ErrorInfo, now: Duration) -> Failure {
    let report = Report::new(api, info, None, now);
    // Some tell the status that it stands for as its code.
    let status = info.code.as_deref().and_then(|code| code.parse().ok());
    match status.filter(|status| (400..=599).contains(status)) {
        Some(status) => report.judge(status),
        None => report.of_event(),
    }
}

/// The failure behind a `response.incomplete` event.
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

/// Whether a page for people stands where an answer should: a challenge, or a block.
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

/// A body that is not JSON is taken as the message: some proxies on the way answer in plain text.
fn read_body(body: &[u8]) -> ErrorInfo {
    match serde_json::from_slice::<Value>(body) {
        Ok(value) => ErrorInfo::read(&value).unwrap_or_default(),
        Err(_not_json) => {
            let message = std::str::from_utf8(body).ok().map(str::to_owned);
            ErrorInfo { message, ..ErrorInfo::default() }
        }
    }
}

/// A challenge says so in its first lines.
const MAX_PAGE_BYTES: usize = 8 * 1024;

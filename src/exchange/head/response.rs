//! The head of an upstream's response.

use std::time::Duration;

use super::fields::{
    DETAILS_HEADER, GRPC, Headers, content_length, is_events, is_json, is_of, number, value,
};
use crate::upstream::usage_limits::UsageLimits;

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

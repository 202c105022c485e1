//! What a client gets when there is no image: status, body and headers.
//!
//! Three parts, read in this order: [`Failure`] is everything that can go wrong, with its data;
//! [`table`] gives each of them its status, `type`, `code`, `param`, words and retry headers, once;
//! [`ApiError`] is the answer that follows, in the OpenAI API's error envelope.

mod answer;
mod client;
mod failure;
mod gateway;
mod limit_reached;
pub mod model_names;
pub mod table;
pub(crate) mod template;
mod upstream;

use std::time::Duration;

use serde::Serialize;

pub use client::{ClientFailure, KeyReason};
pub use failure::Failure;
pub use gateway::GatewayFailure;
pub use limit_reached::{Fits, LimitReached};
pub use upstream::{HostModelFault, UpstreamFailure};

use super::choice::choice;
use crate::span;

choice! {
    /// The `type` of an error.
    pub enum Kind {
        /// The request cannot be served as it is.
        InvalidRequest = "invalid_request_error",
        /// The safety system refused the request or the image.
        ImageGenerationUser = "image_generation_user_error",
        /// Too many requests.
        Requests = "requests",
        /// The quota is used up.
        InsufficientQuota = "insufficient_quota",
        /// Not the client's fault.
        Server = "server_error",
    }
}

/// An error in the words of the Images API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiError {
    /// HTTP status.
    pub status: u16,
    /// `error.type`.
    pub kind: Kind,
    /// `error.code`.
    pub code: Option<&'static str>,
    /// `error.param`: the field at fault, if there is one.
    pub param: Option<String>,
    /// `error.message`: what is wrong and what is accepted.
    pub message: String,
    /// When and whether the client should try again.
    pub retry: Retry,
    /// `error.moderation_details`, written only if there are some.
    pub moderation: Option<ModerationDetails>,
    /// The method that the URL accepts, in a 405.
    pub allow: Option<&'static str>,
    /// `x-ratelimit-*`, if a limit is reached.
    pub more: Vec<(&'static str, String)>,
}

impl ApiError {
    /// The body: `{"error":{"message","type","param","code"}}`, with all four keys always
    /// (OpenAI API reference, "Error") and `moderation_details` when there are any.
    #[must_use]
    pub fn write(&self) -> Vec<u8> {
        let envelope = Envelope {
            error: Body {
                message: &self.message,
                kind: self.kind.as_str(),
                param: self.param.as_deref(),
                code: self.code,
                moderation_details: self.moderation.as_ref(),
            },
        };
        // Strings and a list of strings always serialise.
        serde_json::to_vec(&envelope).unwrap_or_default()
    }

    /// The headers that belong to the error, `content-type` first.
    #[must_use]
    pub fn headers(&self) -> Vec<(&'static str, String)> {
        let mut headers = vec![("content-type", "application/json".to_owned())];
        if self.status == 401 {
            // Required by RFC 9110 §15.5.2.
            headers.push(("www-authenticate", "Bearer".to_owned()));
        }
        if let Some(allow) = self.allow {
            headers.push(("allow", allow.to_owned()));
        }
        self.retry.write(&mut headers);
        headers.extend(self.more.iter().cloned());
        headers
    }
}

/// What an error says about trying again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Retry {
    /// How long to wait first.
    pub after: Option<Duration>,
    /// Whether to try again at all.
    pub advice: Advice,
}

/// Whether a client should send the same request again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Advice {
    /// The client decides by the status: the OpenAI SDKs try 408, 409, 429 and 5xx again.
    #[default]
    ByStatus,
    /// No: `x-should-retry: false`, which the OpenAI SDKs honour for any status.
    Never,
}

impl Retry {
    /// `retry-after` takes whole seconds (RFC 9110 §10.2.3), so it is rounded up and at least 1;
    /// `retry-after-ms`, which the SDKs read first, is exact.
    fn write(self, headers: &mut Vec<(&'static str, String)>) {
        if let Some(after) = self.after {
            headers.push(("retry-after", whole_secs(after).to_string()));
            headers.push(("retry-after-ms", after.as_millis().max(1).to_string()));
        }
        match self.advice {
            Advice::ByStatus => {}
            Advice::Never => headers.push(("x-should-retry", "false".to_owned())),
        }
    }
}

/// What the safety system says about a refusal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ModerationDetails {
    /// Where it looked: `input`, `output` or `unknown`.
    #[serde(rename = "moderation_stage")]
    pub stage: String,
    /// What it found.
    pub categories: Vec<String>,
}

/// `wait` in whole seconds, rounded up, at least 1.
fn whole_secs(wait: Duration) -> u64 {
    span::whole_secs(wait).max(1)
}

#[derive(Serialize)]
struct Envelope<'a> {
    error: Body<'a>,
}

#[derive(Serialize)]
struct Body<'a> {
    message: &'a str,
    #[serde(rename = "type")]
    kind: &'a str,
    param: Option<&'a str>,
    code: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    moderation_details: Option<&'a ModerationDetails>,
}

#[cfg(test)]
mod tests;

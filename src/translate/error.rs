//! The upstream's failures, and Envoy's own, as failures of ours.
//!
//! The one question is whose fault it is. A refusal and a bad value are the client's and keep their
//! words, shortened and without identifiers. A limit is told with its wait. Everything else, our
//! credential and our part of the request included, is not the client's: a 5xx that quotes nothing.
//!
//! `error.code` decides, then `error.type`: the type alone never does, since a refusal, a bad size
//! and an unknown model share one. Codes are those of the Responses API, the image guide and the
//! Codex command line.
//!
//! The same word may mean another thing from an upstream that speaks the Images API: there the model that
//! is not found is the client's, where the Responses API means our text model.

mod envoy;
mod field;
mod host_model;
mod redact;
mod retry;
mod words;

use std::{borrow::Cow, time::Duration};

use serde_json::Value;

use self::field::{Origin, guess, origin};
use crate::{
    codex::error::{ErrorInfo, Moderation},
    config::Api,
    openai::{
        choice::Choice,
        echo::echo,
        error::{Failure, ModerationDetails, table::ValueFault},
        reference_image::ReferenceFault,
    },
};

pub use envoy::{from_envoy, leaves_open, never_left};
use host_model::host_model_fault;
pub use words::from_words;

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
    let info = read_body(body);
    let report = Report { api, info: &info, retry_after, now };
    match status {
        // An error in JSON where events should come.
        200..=299 => match info == ErrorInfo::default() {
            true => Failure::UpstreamGarbled,
            false => from_event(api, &info, now),
        },
        400 | 422 => report.by_word().unwrap_or_else(|| report.of_request()),
        401 | 402 => Failure::UpstreamCredential,
        403 => match report.by_word() {
            Some(
                own @ (Failure::Refused { .. }
                | Failure::ModelRefused
                | Failure::UpstreamNotEntitled
                | Failure::RateLimited { .. }
                | Failure::QuotaExhausted),
            ) => own,
            _ => Failure::UpstreamCredential,
        },
        404 => match report.by_word() {
            Some(
                own @ (Failure::ValueRefused { .. }
                | Failure::Refused { .. }
                | Failure::ModelRefused),
            ) => own,
            _ => Failure::UpstreamRejects,
        },
        // 524 is 504 in the words of a proxy that many providers stand behind.
        408 | 504 | 524 => Failure::UpstreamTimeout,
        413 => Failure::UpstreamTooLarge,
        429 => report.by_word().unwrap_or_else(|| report.rate_limited()),
        503 => report.overloaded(),
        500..=599 => match report.by_word() {
            Some(
                own @ (Failure::Refused { .. }
                | Failure::PromptInvalid { .. }
                | Failure::ValueRefused { .. }
                | Failure::UpstreamOverloaded { .. }),
            ) => own,
            _ => Failure::UpstreamFailed,
        },
        _ => Failure::UpstreamFailed,
    }
}

/// What the body of an error says about the text model that was asked, if it is about that one.
#[must_use]
pub fn host_model_refused(body: &[u8], host_model: &str) -> Option<Failure> {
    refuses_host_model(&read_body(body), host_model)
}

/// The same of an error that was read.
#[must_use]
pub fn refuses_host_model(info: &ErrorInfo, host_model: &str) -> Option<Failure> {
    let fault = host_model_fault(info, host_model)?;
    Some(Failure::HostModelRefused { host_model: host_model.to_owned(), fault })
}

/// The failure behind an `error` or `response.failed` event, or an output item's `error`.
#[must_use]
pub fn from_event(api: Api, info: &ErrorInfo, now: Duration) -> Failure {
    let report = Report { api, info, retry_after: None, now };
    report.by_word().unwrap_or_else(|| match info.kind.as_deref() {
        Some("invalid_request_error" | USER_ERROR) => report.of_request(),
        _ if report.value_fault().is_some() => report.of_request(),
        Some("authentication_error" | "permission_error") => Failure::UpstreamCredential,
        _ => Failure::UpstreamFailed,
    })
}

/// The failure behind a `response.incomplete` event.
#[must_use]
pub fn from_incomplete(reason: Option<&str>) -> Failure {
    match reason {
        Some("content_filter") => Failure::Refused { message: REFUSED.to_owned(), details: None },
        _ => Failure::UpstreamNoImage,
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

/// An error and what came with it.
struct Report<'a> {
    api: Api,
    info: &'a ErrorInfo,
    retry_after: Option<&'a [u8]>,
    now: Duration,
}

impl Report<'_> {
    /// The failure that the code, the type or a telling phrase stands for, whatever the status.
    fn by_word(&self) -> Option<Failure> {
        [&self.info.code, &self.info.kind]
            .into_iter()
            .flatten()
            .find_map(|word| self.of_word(word))
            .or_else(|| self.of_phrase())
    }

    fn of_word(&self, word: &str) -> Option<Failure> {
        if let Some(fault) = ReferenceFault::parse(word) {
            return Some(self.reference_invalid(fault));
        }
        match word {
            "moderation_blocked"
            | "content_policy_violation"
            | "image_content_policy_violation"
            | "safety_violation"
            | "policy_violation"
            | "misalignment_policy_violation"
            | "cyber_policy"
            | "bio_policy"
            | "content_filter"
            // Azure's.
            | "contentFilter"
            | "ResponsibleAIPolicyViolation" => Some(self.refused()),
            "invalid_prompt" => {
                Some(Failure::PromptInvalid { message: self.message(PROMPT_INVALID) })
            }
            "context_length_exceeded" => Some(Failure::ValueRefused {
                param: Some(Cow::Borrowed("prompt")),
                fault: ValueFault::TooLong,
                message: self.message(VALUE_REFUSED),
            }),
            "usage_limit_reached" | "rate_limit_exceeded" | "rate_limit_error" => {
                Some(self.rate_limited())
            }
            "insufficient_quota"
            | "credit_balance_exhausted"
            | "organization_spend_limit_exceeded"
            | "project_spend_limit_exceeded"
            | "organization_usage_limit_exceeded"
            | "billing_hard_limit_reached" => Some(Failure::QuotaExhausted),
            "usage_not_included" => Some(Failure::UpstreamNotEntitled),
            "server_is_overloaded" | "slow_down" => Some(self.overloaded()),
            "model_not_found" if self.api == Api::Images => Some(Failure::ModelRefused),
            _ => None,
        }
    }

    fn of_phrase(&self) -> Option<Failure> {
        let says = |phrase| self.info.message.as_deref().is_some_and(|text| text.contains(phrase));
        if says("does not represent a valid image") {
            Some(self.reference_invalid(ReferenceFault::Image))
        } else if self.info.moderation.is_some()
            || says("rejected by the safety system")
            || says("as a result of our safety system")
        {
            Some(self.refused())
        } else if says("is at capacity") {
            Some(self.overloaded())
        } else if says("Tool choice 'image_generation' not found") {
            Some(Failure::UpstreamNotEntitled)
        } else {
            None
        }
    }

    /// A request that the upstream does not accept: by the client's fault if it names a field that
    /// the client set, else by ours.
    fn of_request(&self) -> Failure {
        let Some(fault) = self.value_fault() else { return Failure::UpstreamRejects };
        let message = self.info.message.as_deref().unwrap_or_default();
        let param = match self.origin() {
            Origin::Ours => return Failure::UpstreamRejects,
            Origin::Client(field) => Some(field),
            Origin::Unnamed => match guess(message) {
                Some(field) => Some(Cow::Borrowed(field)),
                None if self.info.kind.as_deref() == Some(USER_ERROR) => None,
                None => return Failure::UpstreamRejects,
            },
        };
        Failure::ValueRefused { param, fault, message: self.message(VALUE_REFUSED) }
    }

    /// What is wrong with a value, if that is what the error is about.
    fn value_fault(&self) -> Option<ValueFault> {
        match self.info.code.as_deref()? {
            "invalid_value"
            | "integer_above_max_value"
            | "integer_below_min_value"
            | "string_above_max_length" => Some(ValueFault::Invalid),
            "unsupported_value" | "unsupported_parameter" => Some(ValueFault::Unsupported),
            // Not every provider knows every field of the API that it speaks.
            "unknown_parameter" if self.api == Api::Images => Some(ValueFault::Unsupported),
            // Of the image model, that is; the text model is ours, and its `param` is `model`.
            "model_not_found" if self.info.param.as_deref() == Some("tools[0].model") => {
                Some(ValueFault::Invalid)
            }
            _ => None,
        }
    }

    fn origin(&self) -> Origin {
        origin(self.api, self.info.param.as_deref())
    }

    fn refused(&self) -> Failure {
        let details = self.info.moderation.as_ref().map(details);
        Failure::Refused { message: self.message(REFUSED), details }
    }

    fn reference_invalid(&self, fault: ReferenceFault) -> Failure {
        let param = match self.origin() {
            Origin::Client(field) if field.starts_with("images") || field == "mask" => {
                field.into_owned()
            }
            Origin::Client(_) | Origin::Ours | Origin::Unnamed => "images".to_owned(),
        };
        Failure::ReferenceInvalid { param, fault, message: self.message(REFERENCE_INVALID) }
    }

    fn rate_limited(&self) -> Failure {
        Failure::RateLimited { retry_after: self.wait() }
    }

    fn overloaded(&self) -> Failure {
        Failure::UpstreamOverloaded { retry_after: self.wait() }
    }

    fn wait(&self) -> Duration {
        retry::wait(self.info, self.retry_after, self.now)
    }

    fn message(&self, instead: &str) -> String {
        self.info.message.as_deref().map_or_else(|| instead.to_owned(), redact::redact)
    }
}

fn details(moderation: &Moderation) -> ModerationDetails {
    ModerationDetails {
        stage: echo(moderation.stage.as_deref().unwrap_or("unknown")),
        categories: moderation.categories.iter().map(|category| echo(category)).collect(),
    }
}

/// The type that refusals and bad values share.
const USER_ERROR: &str = "image_generation_user_error";

// Said where the upstream gives no reason.
const REFUSED: &str = "The request was rejected by the safety system.";
const PROMPT_INVALID: &str = "The image service does not accept the prompt.";
const REFERENCE_INVALID: &str = "The image service cannot use a reference image.";
const VALUE_REFUSED: &str = "The image service does not accept a value of the request.";

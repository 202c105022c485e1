//! Translates a response in words instead of an image into a failure.
//!
//! The instructions forbid the text model to answer in words. If it does, it may refuse, report
//! that a limit is reached, say that it has no image tool, ask a question, or claim that it has
//! generated an image. It uses the language of the prompt. Only a refusal is the client's. An
//! unclear text is never reported as a refusal.
//!
//! A prompt can make the model say anything. So its words decide only the response to this client
//! and whether another upstream is called. They have no lasting effect.

mod denial;
mod lexicon;
mod meaning;
mod pattern;
mod plain;
mod prose;
mod text;
mod wait;

#[cfg(test)]
mod tests;

use std::time::Duration;

use self::meaning::Meaning;
use super::redact::redact;
use crate::openai::error::{ClientFailure, Failure, UpstreamFailure};

/// The failure for `text`, the model's words. The wait of a limit is the one that the model names,
/// or a default. It is a hint for the client, and no reason to rest an upstream.
#[must_use]
pub fn from_words(text: &str) -> Failure {
    match Meaning::of(text) {
        Meaning::Refusal => {
            let message = format!("The model answered without an image: {}", redact(text.trim()));
            Failure::Client(ClientFailure::Refused { message, details: None })
        }
        Meaning::Limit(wait) => Failure::Upstream(UpstreamFailure::RateLimited {
            retry_after: wait.unwrap_or(DEFAULT_WAIT),
        }),
        Meaning::NoTool => Failure::Upstream(UpstreamFailure::NoTool),
        Meaning::Other => Failure::Upstream(UpstreamFailure::NoImage),
    }
}

/// A limit that a model reports is the image service's, which counts by the minute.
const DEFAULT_WAIT: Duration = Duration::from_secs(60);

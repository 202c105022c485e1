//! An answer in words where an image should be.
//!
//! The text model is told not to answer in words. Where it does, it may refuse, pass on that a limit is
//! reached, say that it has no image tool, ask back, or believe that it has drawn; in whatever
//! language the prompt has. Only a refusal is the client's: what is not surely one is not told as one.
//!
//! The words are the model's, and a prompt can choose them. So they decide what this client is told and
//! whether another upstream is asked, and nothing that lasts.

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

/// The failure behind `text`, the model's words. The wait of a limit is what the model says, or a
/// guess: a hint for the client, and no reason to rest an upstream.
#[must_use]
pub fn from_words(text: &str) -> Failure {
    match Meaning::of(text) {
        Meaning::Refusal => {
            let message = format!("The model answered without an image: {}", redact(text.trim()));
            Failure::Client(ClientFailure::Refused { message, details: None })
        }
        Meaning::Limit(wait) => Failure::Upstream(UpstreamFailure::RateLimited {
            retry_after: wait.unwrap_or(UNTOLD_WAIT),
        }),
        Meaning::NoTool => Failure::Upstream(UpstreamFailure::NoTool),
        Meaning::Other => Failure::Upstream(UpstreamFailure::NoImage),
    }
}

/// What a model calls a limit is the image service's, which counts by the minute.
const UNTOLD_WAIT: Duration = Duration::from_secs(60);

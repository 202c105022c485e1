//! A request whose body is on its way: one that may go on, or one that its head has rejected.
//!
//! Over HTTP/1.1 Envoy closes the connection if the reply comes before the end of the request. The
//! client then has to open another one, which costs more than the request. So a rejection by the
//! head waits for a short body, unless many wait already.

use std::time::Duration;

use super::body::RequestBody;
use crate::exchange::head::{Headers, content_length};
use crate::exchange::outcome::End;
use crate::exchange::shared::Shared;
use crate::memory::Lease;
use crate::openai::error::Failure;

/// A body is short up to this many bytes. A prompt has at most 32,000 characters.
const SHORT_BODY_BYTES: u64 = 64 * 1024;
/// How long a rejection waits. A client that does not send the body gets it then.
const REJECTION_TIMEOUT: Duration = Duration::from_secs(1);

/// A request whose end has not come.
#[derive(Debug)]
pub(crate) enum Reading {
    /// It may go on.
    Body(RequestBody),
    /// This is reported after the body, which is dropped.
    Rejected { failure: Failure, since: Duration, _place: Lease },
}

impl Reading {
    /// A request with these headers that is rejected.
    ///
    /// # Errors
    ///
    /// The failure, if it is to be reported at once: nothing more comes, the body is long or of a
    /// length that is not declared, or there is no place to wait.
    pub(crate) fn rejected(
        shared: &Shared,
        failure: Failure,
        headers: &Headers,
        end: End,
        now: Duration,
    ) -> Result<Self, Failure> {
        let is_short = content_length(headers).is_some_and(|len| len <= SHORT_BODY_BYTES);
        let waits = end == End::Open && is_short;
        match waits.then(|| shared.wait_to_reject()).flatten() {
            Some(place) => Ok(Self::Rejected { failure, since: now, _place: place }),
            None => Err(failure),
        }
    }

    /// Takes the next bytes of the body.
    pub(crate) fn push(
        &mut self,
        shared: &Shared,
        chunk: &[u8],
        now: Duration,
    ) -> Result<(), Failure> {
        match self {
            Self::Body(body) => body.push(shared, chunk, now),
            Self::Rejected { .. } => Ok(()),
        }
    }

    /// What is reported now, if the body has been waited for too long.
    pub(crate) fn tick(&self, shared: &Shared, now: Duration) -> Option<Failure> {
        match self {
            Self::Body(body) => body.tick(shared, now),
            Self::Rejected { failure, since, .. } => {
                (now.saturating_sub(*since) >= REJECTION_TIMEOUT).then(|| failure.clone())
            }
        }
    }

    /// Takes the end of the request. Returns its body.
    ///
    /// # Errors
    ///
    /// Why the request is rejected.
    pub(crate) fn end(self) -> Result<RequestBody, Failure> {
        match self {
            Self::Body(body) => Ok(body),
            Self::Rejected { failure, .. } => Err(failure),
        }
    }
}

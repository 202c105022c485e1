//! One upstream call, from its head to its picture or its failure.
//!
//! ```text
//!            2xx                    terminal event, end
//! Waiting ─────────▶ Collecting ──────────────────────▶ Settled
//!    │  other status                 end                   ▲
//!    ├─────────────▶ Failing ──────────────────────────────┤
//!    └── fail ─────────────────────────────────────────────┘
//! ```

use std::time::Duration;

use crate::memory::Lease;
use crate::openai::error::Failure;
use crate::translate::collect::{Bounds, Collector, Picture, Progress};
use crate::translate::error;

/// An error body is read up to this many bytes; the recorded ones have a few hundred.
const MAX_ERROR_BODY_BYTES: usize = 64 * 1024;

/// What matters of an upstream's head.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ResponseHead {
    /// `:status`, 0 where it is not a number.
    pub status: u16,
    /// `retry-after`.
    pub retry_after: Option<Vec<u8>>,
    /// `content-encoding`.
    pub content_encoding: Option<Vec<u8>>,
    /// Envoy made this response itself, for this reason (`response.code_details`).
    pub envoy_details: Option<String>,
}

/// A call.
#[derive(Debug)]
pub(super) struct Call {
    state: State,
}

#[derive(Debug)]
enum State {
    /// For its head, with the room taken for its picture.
    Waiting(Lease),
    Collecting(Box<Collector>),
    Failing {
        head: ResponseHead,
        body: Vec<u8>,
    },
    Settled(Result<Picture, Failure>),
}

impl Call {
    pub(super) fn new(room: Lease) -> Self {
        Self { state: State::Waiting(room) }
    }

    pub(super) fn is_settled(&self) -> bool {
        matches!(self.state, State::Settled(_))
    }

    /// Settles a call that is still open.
    pub(super) fn fail(&mut self, failure: Failure) {
        if !self.is_settled() {
            self.state = State::Settled(Err(failure));
        }
    }

    /// Takes the head. A second one is ignored.
    pub(super) fn head(&mut self, head: ResponseHead, bounds: &Bounds) {
        let settled = State::Settled(Err(Failure::UpstreamCut));
        self.state = match std::mem::replace(&mut self.state, settled) {
            State::Waiting(room) => match head {
                ResponseHead { envoy_details: Some(details), status, .. } => {
                    State::Settled(Err(error::from_envoy(status, &details)))
                }
                // `accept-encoding` is not sent, so nothing may be encoded.
                ResponseHead { status: 200..=299, content_encoding: Some(encoding), .. }
                    if !encoding.eq_ignore_ascii_case(b"identity") =>
                {
                    State::Settled(Err(Failure::UpstreamGarbled))
                }
                ResponseHead { status: 200..=299, .. } => {
                    State::Collecting(Box::new(Collector::new(bounds.clone(), room)))
                }
                head => State::Failing { head, body: Vec::new() },
            },
            other => other,
        };
    }

    /// Takes bytes of the body.
    pub(super) fn body(&mut self, chunk: Vec<u8>, now: Duration) {
        match &mut self.state {
            State::Collecting(collector) => {
                if collector.feed(chunk, now) == Progress::Settled {
                    self.end(now);
                }
            }
            State::Failing { body, .. } => {
                let room = MAX_ERROR_BODY_BYTES.saturating_sub(body.len()).min(chunk.len());
                body.extend_from_slice(chunk.get(..room).unwrap_or_default());
            }
            State::Waiting(_) | State::Settled(_) => {}
        }
    }

    /// Takes the end of the body.
    pub(super) fn end(&mut self, now: Duration) {
        let result = match &mut self.state {
            State::Waiting(_) => Err(Failure::UpstreamCut),
            State::Collecting(collector) => collector.finish(now),
            State::Failing { head, body } => {
                Err(error::from_http(head.status, head.retry_after.as_deref(), body, now))
            }
            State::Settled(_) => return,
        };
        self.state = State::Settled(result);
    }

    /// The outcome; a call that is still open was cut.
    pub(super) fn into_result(self) -> Result<Picture, Failure> {
        match self.state {
            State::Settled(result) => result,
            State::Waiting(_) | State::Collecting(_) | State::Failing { .. } => {
                Err(Failure::UpstreamCut)
            }
        }
    }
}

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

use serde::de::IgnoredAny;

use crate::config::Api;
use crate::memory::Lease;
use crate::openai::error::Failure;
use crate::translate::collect::{Bounds, Collector, Document, Picture, Preview, Progress};
use crate::translate::error;

/// An error body is read up to this many bytes; the recorded ones have a few hundred.
const MAX_ERROR_BODY_BYTES: usize = 64 * 1024;

/// Up to this many bytes a body is looked at after each piece, whether it is whole.
const MAX_WHOLE_BYTES: usize = 8 * 1024;
/// How long the body of an error may take.
const ERROR_BODY_TIMEOUT: Duration = Duration::from_secs(2);

/// What matters of an upstream's head.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ResponseHead {
    /// `:status`, 0 where it is not a number.
    pub status: u16,
    /// `retry-after`.
    pub retry_after: Option<Vec<u8>>,
    /// `content-encoding`.
    pub content_encoding: Option<Vec<u8>>,
    /// `content-type`.
    pub content_type: Option<Vec<u8>>,
    /// Envoy made this response itself, for this reason (`response.code_details`).
    pub envoy_details: Option<String>,
}

impl ResponseHead {
    /// Whether the body is JSON. Of the Responses API no picture comes in it.
    fn is_json(&self) -> bool {
        self.content_type.as_deref().is_some_and(super::head::is_json)
    }
}

/// Whether an error's JSON is complete, so that nobody needs to wait for the end of its body.
fn is_whole(body: &[u8]) -> bool {
    body.len() <= MAX_WHOLE_BYTES
        && body.trim_ascii_end().last() == Some(&b'}')
        && serde_json::from_slice::<IgnoredAny>(body).is_ok()
}

/// A call.
#[derive(Debug)]
pub(super) struct Call {
    api: Api,
    state: State,
    /// Previews that came whole.
    previews: Vec<Preview>,
    has_begun: bool,
}

#[derive(Debug)]
enum State {
    /// For its head, with the room taken for its picture.
    Waiting(Lease),
    Collecting(Box<Collector>),
    /// Reading an error, since its head came.
    Failing {
        head: ResponseHead,
        body: Vec<u8>,
        since: Duration,
    },
    Settled(Result<Picture, Failure>),
}

impl State {
    fn collecting(bounds: &Bounds, room: Lease, document: Document) -> Self {
        Self::Collecting(Box::new(Collector::new(bounds.clone(), room, document)))
    }
}

impl Call {
    pub(super) fn new(room: Lease, api: Api) -> Self {
        Self { api, state: State::Waiting(room), previews: Vec::new(), has_begun: false }
    }

    pub(super) fn is_settled(&self) -> bool {
        matches!(self.state, State::Settled(_))
    }

    /// The previews that have come whole since this was last asked.
    pub(super) fn take_previews(&mut self) -> Vec<Preview> {
        std::mem::take(&mut self.previews)
    }

    /// Whether a byte of the picture has come, or of a preview that the client is shown.
    pub(super) fn has_begun(&self) -> bool {
        self.has_begun
    }

    /// Whether the answer of an upstream that may bring a picture is being read.
    pub(super) fn is_collecting(&self) -> bool {
        matches!(self.state, State::Collecting(_))
    }

    /// Settles a call that is still open.
    pub(super) fn fail(&mut self, failure: Failure) {
        if !self.is_settled() {
            self.state = State::Settled(Err(failure));
        }
    }

    /// Takes the head. A second one is ignored.
    pub(super) fn head(&mut self, head: ResponseHead, bounds: &Bounds, now: Duration) {
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
                ResponseHead { status: 200..=299, .. } => match (self.api, head.is_json()) {
                    (Api::Responses, false) => State::collecting(bounds, room, Document::Event),
                    (Api::Images, true) => State::collecting(bounds, room, Document::Images),
                    // An error told with a status of success.
                    (Api::Responses, true) => State::Failing { head, body: Vec::new(), since: now },
                    // A page of HTML, events that nobody asked for.
                    (Api::Images, false) => State::Settled(Err(Failure::UpstreamGarbled)),
                },
                head => State::Failing { head, body: Vec::new(), since: now },
            },
            other => other,
        };
    }

    /// Takes bytes of the body.
    pub(super) fn body(&mut self, chunk: Vec<u8>, now: Duration) {
        match &mut self.state {
            State::Collecting(collector) => {
                let progress = collector.feed(chunk, now);
                self.previews.extend(collector.take_previews());
                self.has_begun |= collector.has_begun();
                if progress == Progress::Settled {
                    self.end(now);
                }
            }
            State::Failing { body, .. } => {
                let room = MAX_ERROR_BODY_BYTES.saturating_sub(body.len()).min(chunk.len());
                body.extend_from_slice(chunk.get(..room).unwrap_or_default());
                if body.len() >= MAX_ERROR_BODY_BYTES || is_whole(body) {
                    self.end(now);
                }
            }
            State::Waiting(_) | State::Settled(_) => {}
        }
    }

    /// Notes that time has passed: an error is not waited for as a picture is.
    pub(super) fn tick(&mut self, now: Duration) {
        if let State::Failing { since, .. } = &self.state {
            if now.saturating_sub(*since) >= ERROR_BODY_TIMEOUT {
                self.end(now);
            }
        }
    }

    /// Takes the end of the body.
    pub(super) fn end(&mut self, now: Duration) {
        let result = match &mut self.state {
            State::Waiting(_) => Err(Failure::UpstreamCut),
            State::Collecting(collector) => {
                let result = collector.finish(now);
                self.previews.extend(collector.take_previews());
                result
            }
            State::Failing { head, body, .. } => {
                let retry_after = head.retry_after.as_deref();
                Err(error::from_http(self.api, head.status, retry_after, body, now))
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

//! A streaming response: events, as their bytes arrive.
//!
//! While the head is held, a failure keeps its status. The head leaves with the chunk in which the
//! first image begins, not with the one in which it ends: a body above the buffer limit of the
//! stream ends the Envoy process while the head is held, and passes at any size once it has left.

use std::time::Duration;

use super::step::{Head, Step};
use crate::exchange::outcome::End;
use crate::exchange::upstream::calls::Calls;
use crate::openai::error::Failure;
use crate::translate::collect::Image;
use crate::translate::stream::{self, StreamOptions, Writer, keep_alive};

/// A client that got no byte for this long gets a comment with the next bytes of the upstream.
const KEEP_ALIVE: Duration = Duration::from_secs(5);

/// The events of one response.
#[derive(Debug)]
pub(crate) struct Stream {
    writer: Writer,
    pub(super) previews: u32,
}

impl Stream {
    pub(super) fn new(wanted: StreamOptions) -> Self {
        let previews = wanted.previews;
        Self { writer: Writer::new(wanted), previews }
    }

    /// Takes bytes of the client's own stream.
    pub(super) fn body(
        &mut self,
        calls: &mut Calls,
        head: Head,
        chunk: Vec<u8>,
        end: End,
        now: Duration,
    ) -> Step {
        let has_bytes = !chunk.is_empty();
        calls.own_body(chunk, end, now);
        let mut events = self.previews(calls, now);
        if calls.is_settled() {
            return Step::Settled(events);
        }
        let is_due = match head {
            // The head leaves with the first byte of an image, before any event is whole.
            Head::Held => calls.has_begun(),
            Head::Left { last_sent } => has_bytes && now.saturating_sub(last_sent) >= KEEP_ALIVE,
        };
        if events.is_empty() && is_due {
            keep_alive(&mut events);
        }
        match events.is_empty() {
            true => Step::Wait,
            false => Step::Bytes(events),
        }
    }

    /// The events of the previews that have come whole.
    fn previews(&mut self, calls: &mut Calls, now: Duration) -> Vec<u8> {
        let mut events = Vec::new();
        for preview in calls.take_previews() {
            if self.writer.preview(preview, now.as_secs(), &mut events).is_err() {
                calls.give_up(&Failure::overloaded(), now);
                break;
            }
        }
        events
    }

    /// Writes the event that carries the image.
    pub(super) fn completed(
        &mut self,
        image: &Image,
        events: &mut Vec<u8>,
        now: Duration,
    ) -> Result<(), Failure> {
        let written = self.writer.completed(image, now.as_secs(), events);
        written.map_err(|_| Failure::overloaded())
    }
}

/// The event that reports a failure, after `events`.
pub(super) fn failed(failure: &Failure, mut events: Vec<u8>) -> Vec<u8> {
    stream::failed(failure, &mut events);
    events
}

/// The headers of a response of events.
pub(super) fn headers() -> Vec<(&'static str, String)> {
    vec![
        ("content-type", "text/event-stream; charset=utf-8".to_owned()),
        ("cache-control", "no-cache".to_owned()),
    ]
}

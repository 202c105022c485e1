//! A non-streaming response, kept alive with white space.
//!
//! White space may stand before JSON, so a space shows every hop that the connection lives. The
//! price is the status: once the first space has left, with the head, a failure can only be
//! reported in the body of a 200.
//!
//! Only the body callbacks of the client's own stream can send anything, so it takes bytes of the
//! upstream to send a space. Only requests with one call are answered like this: the last side call
//! of several may end after that stream.

use std::time::Duration;

use super::step::Step;
use crate::exchange::outcome::End;
use crate::exchange::upstream::calls::Calls;
use crate::openai::request::ResponseFormat;

const SPACE: &[u8] = b" ";

/// A space, if a client that gets one after `every` has waited that long since `last_sent`, and an
/// image may still come on its own stream.
pub(super) fn space(
    every: Duration,
    calls: &mut Calls,
    last_sent: Duration,
    now: Duration,
) -> Option<Vec<u8>> {
    let is_due = now.saturating_sub(last_sent) >= every;
    // The upstream may send white space before its answer as well.
    (is_due && (calls.is_collecting() || calls.is_unread())).then(|| SPACE.to_vec())
}

/// An answer that is kept alive.
#[derive(Debug)]
pub(crate) struct Keepalive {
    pub(super) format: ResponseFormat,
    /// A client that got no byte for this long gets a space.
    every: Duration,
}

impl Keepalive {
    pub(super) fn new(format: ResponseFormat, every: Duration) -> Self {
        Self { format, every }
    }

    /// Takes bytes of the client's own stream. One space beside the head is all that leaves early.
    pub(super) fn body(
        &self,
        calls: &mut Calls,
        last_sent: Duration,
        chunk: Vec<u8>,
        end: End,
        now: Duration,
    ) -> Step {
        let has_bytes = !chunk.is_empty();
        calls.own_body(chunk, end, now);
        if calls.is_settled() {
            return Step::Settled(Vec::new());
        }
        let space = has_bytes.then(|| space(self.every, calls, last_sent, now)).flatten();
        space.map_or(Step::Wait, Step::Bytes)
    }
}

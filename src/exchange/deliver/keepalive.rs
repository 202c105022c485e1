//! The client wants one answer, and is kept company while it is drawn.
//!
//! ```text
//!         bytes come, the client got none for long        outcome
//! Held ─────────────────────────────────────────▶ Left ────────────▶ Told
//!   │ outcome
//!   └─────────▶ Replied
//! ```
//!
//! White space may stand before JSON, so a space tells every hop that the connection lives. The price is the
//! status: once the first has left, with the head, a failure can only be told in the body of a 200.
//! Only the body callbacks of the client's own stream can send anything, so it needs bytes of the upstream
//! to send one, and only requests with one call are served like this: the last side call of several may
//! end behind that stream. One byte leaves beside the head; the answer leaves in a later callback, where a
//! body of any length does no harm.

use std::time::Duration;

use crate::exchange::head::ResponseHead;
use crate::exchange::outcome::{LocalReply, OnAnswer, OnResponseBody, OnResponseEnd, Open};
use crate::exchange::upstream::calls::Asking;
use crate::exchange::{End, Exchange, Phase};
use crate::openai::error::Failure;
use crate::translate::collect::Bounds;

const SPACE: &[u8] = b" ";

/// A request whose answer is kept open by white space.
#[derive(Debug)]
pub(crate) struct Keepalive {
    pub(crate) asking: Asking,
    /// A client that got nothing for so long gets a space.
    every: Duration,
    /// When the client last got bytes, or began to wait.
    last: Duration,
    /// The head has left.
    left: bool,
    /// How the rules stood at admission, as headers.
    limits: Vec<(&'static str, String)>,
}

impl Keepalive {
    pub(crate) fn new(
        asking: Asking,
        every: Duration,
        limits: Vec<(&'static str, String)>,
        now: Duration,
    ) -> Self {
        Self { asking, every, last: now, left: false, limits }
    }

    pub(crate) fn head(&mut self, head: ResponseHead, bounds: &Bounds, now: Duration) {
        self.asking.own_head(head, bounds, now);
    }

    /// Takes bytes; whether a space is due for them.
    fn feed(&mut self, chunk: Vec<u8>, end: End, now: Duration) -> bool {
        let has_bytes = !chunk.is_empty();
        self.asking.own_body(chunk, end, now);
        let is_due = now.saturating_sub(self.last) >= self.every;
        // White space before the answer: its upstream may do the same as this.
        let may_draw = self.asking.is_collecting() || self.asking.is_unread();
        has_bytes && is_due && may_draw
    }

    /// Why the call was given up, where the head has left and nothing has come since.
    pub(crate) fn overdue(&self) -> Option<Failure> {
        (self.left && self.asking.is_settled()).then_some(Failure::UpstreamTimeout)
    }
}

impl Exchange {
    /// Takes bytes of the response where the client is kept company.
    pub(crate) fn keepalive_body(
        &mut self,
        chunk: Vec<u8>,
        end: End,
        now: Duration,
    ) -> OnResponseBody {
        let Phase::KeptAlive(kept) = &mut self.phase else { return OnResponseBody::Pass };
        let is_due = kept.feed(chunk, end, now);
        if kept.asking.is_settled() {
            return self.end_keepalive(now);
        }
        if !is_due {
            return match kept.left {
                true => OnResponseBody::Send(Vec::new()),
                false => OnResponseBody::Hold,
            };
        }
        kept.last = now;
        kept.asking.commit();
        let is_first = !std::mem::replace(&mut kept.left, true);
        let limits = std::mem::take(&mut kept.limits);
        self.record.bytes_out = self.record.bytes_out.saturating_add(SPACE.len());
        match is_first {
            true => OnResponseBody::Open(self.open_keepalive(limits)),
            false => OnResponseBody::Send(SPACE.to_vec()),
        }
    }

    /// The head, with the first space.
    fn open_keepalive(&mut self, limits: Vec<(&'static str, String)>) -> Open {
        self.record.status = Some(200);
        self.record.committed = true;
        let mut headers = vec![
            ("content-type", "application/json".to_owned()),
            ("cache-control", "no-store".to_owned()),
        ];
        headers.extend(limits);
        let reply = LocalReply::ok(headers, SPACE.to_vec());
        let LocalReply { status, headers, body, .. } = self.with_request_id(reply);
        Open { status, headers, body }
    }

    /// Tells the outcome: as a reply while the head is held, else in the body.
    fn end_keepalive(&mut self, now: Duration) -> OnResponseBody {
        let phase = std::mem::replace(&mut self.phase, Phase::Replied);
        let Phase::KeptAlive(kept) = phase else { return OnResponseBody::Pass };
        let Keepalive { asking, left, .. } = *kept;
        let spaces = self.record.bytes_out;
        let reply = self.answer(asking, now);
        if !left {
            return OnResponseBody::Reply(reply);
        }
        self.phase = Phase::Told;
        self.record.status = Some(200);
        self.record.bytes_out = spaces.saturating_add(reply.body.len());
        OnResponseBody::Send(reply.body)
    }

    /// Takes the end of the response where trailers stand in for the last part of the body. Where the head
    /// has left, nothing more can be put into the body then.
    pub(crate) fn keepalive_trailers(&mut self, now: Duration) -> OnResponseEnd {
        let Phase::KeptAlive(kept) = &self.phase else { return OnResponseEnd::Pass };
        if !kept.left {
            return match self.keepalive_body(Vec::new(), End::Stream, now) {
                OnResponseBody::Reply(reply) => OnResponseEnd::Reply(reply),
                _ => OnResponseEnd::Hold,
            };
        }
        let failure = kept.overdue().unwrap_or(Failure::UpstreamCut);
        self.break_off(&failure, now)
    }

    /// Notes that time has passed. Once the head has left nothing can be told from the clock: the next
    /// bytes of the upstream bring the error, or Envoy, which waits a little longer, resets the stream.
    pub(crate) fn tick_keepalive(&mut self, now: Duration) -> OnAnswer {
        let Phase::KeptAlive(kept) = &mut self.phase else { return OnAnswer::Pass };
        kept.asking.tick(now);
        if kept.left || !kept.asking.is_settled() {
            return OnAnswer::Hold;
        }
        match self.end_keepalive(now) {
            OnResponseBody::Reply(reply) => OnAnswer::Reply(reply),
            _ => OnAnswer::Hold,
        }
    }
}

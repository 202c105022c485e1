//! What the filter on the loopback listener brings for the calls of an exchange.
//!
//! A call through that listener is a stream of its own there, in the same VM. Its bytes come here
//! as they arrive, so the outcome is known with the upstream's last event, and not only when Envoy
//! hands over the whole answer of a side call. What that answer then says is dropped.

use std::time::Duration;

use super::head::ResponseHead;
use super::{Exchange, Phase};

impl Exchange {
    /// Notes that the loopback listener carries the call of this link. Returns whether its answer
    /// is wanted.
    pub fn take_call(&mut self, link: u32) -> bool {
        let Phase::Answering(answering) = &mut self.phase else { return false };
        answering.calls().take_link(link)
    }

    /// Whether an answer is wanted under this link: the client is there, and the call is open.
    pub fn wants_call(&mut self, link: u32) -> bool {
        let Phase::Answering(answering) = &mut self.phase else { return false };
        answering.calls().wants(link)
    }

    /// Takes the head of the response to the call of this link.
    pub fn carried_headers(&mut self, link: u32, head: ResponseHead, now: Duration) {
        let bounds = self.account.shared.bounds();
        let Phase::Answering(answering) = &mut self.phase else { return };
        answering.calls().carried(link, now, |call| call.head(head, &bounds, now));
        let elapsed = self.account.record.elapsed(now);
        self.account.record.ms_to_first_byte.get_or_insert(elapsed);
    }

    /// Takes bytes of the response to the call of this link.
    pub fn carried_body(&mut self, link: u32, chunk: Vec<u8>, now: Duration) {
        let Phase::Answering(answering) = &mut self.phase else { return };
        answering.calls().carried(link, now, |call| call.body(chunk, now));
    }

    /// Takes the end of the response to the call of this link.
    pub fn carried_end(&mut self, link: u32, now: Duration) {
        let Phase::Answering(answering) = &mut self.phase else { return };
        answering.calls().carried(link, now, |call| call.end(now));
    }
}

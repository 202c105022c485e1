//! The driver: turns a delivery's step into what Envoy allows, and settles the money.
//!
//! | what happens | head held | head left |
//! |---|---|---|
//! | [`Step::Wait`] | hold | send nothing, or let the bytes pass |
//! | [`Step::Bytes`] | open, with as much as may leave beside the head | send |
//! | [`Step::Settled`], an image came | settle, reply 200 | settle, send |
//! | [`Step::Settled`], none came | settle, reply with the failure's status | settle, send the failure if the body can carry it, else reset |
//! | [`Step::Passed`] | settle, reply 200 | settle, let the bytes pass, or put what is left of the chunk in its place: white space may follow |
//! | the end, with trailers | as the end of the body, but it cannot open | reset, unless all is sent |
//! | a tick, a side call's end, or a call that did not start | once every call has its outcome: settle, reply | nothing: the next bytes carry the outcome |
//!
//! The head leaves before the outcome only in deliveries that have one call. If Envoy has no
//! cluster for the first side calls, the request is answered at once: it has not left yet.
//!
//! The last cell holds because only the body callbacks of the client's own stream can send once the
//! head has left. If no more bytes come, Envoy, which waits a little longer, resets the stream.

use std::time::Duration;

use super::delivery::Delivery;
use super::step::{Head, Step};
use crate::exchange::account::Account;
use crate::exchange::account::charge::Charge;
use crate::exchange::effect::Effect;
use crate::exchange::head::ResponseHead;
use crate::exchange::outcome::{
    BodyAccess, End, LocalReply, OnAnswer, OnResponseBody, OnResponseEnd,
};
use crate::exchange::upstream::calls::Calls;
use crate::exchange::upstream::result::{Generated, Results};
use crate::limits::local::LimitStatus;
use crate::openai::error::{Failure, GatewayFailure, UpstreamFailure};
use crate::translate::collect::Bounds;
use crate::translate::error;
use crate::translate::relay::Begun;

/// A request whose upstreams are being called.
#[derive(Debug)]
pub(crate) struct Answering {
    pub(super) calls: Calls,
    pub(super) head: Head,
    pub(super) delivery: Delivery,
    /// What did not fit beside the head. It leaves with the next bytes.
    pub(super) waiting: Vec<u8>,
    /// How the rules stand, as headers, if that is known before the head leaves.
    pub(super) limits: Vec<(&'static str, String)>,
    /// When the client began to wait.
    since: Duration,
}

/// What comes of all calls, once it is settled.
#[derive(Debug)]
pub(super) enum Outcome {
    /// The answer, and how the rules then stand.
    Whole { body: Vec<u8>, settled: Vec<LimitStatus> },
    /// What leaves before the failure. `is_committed` if it is too late for a status of its own.
    Failed { failure: Failure, before: Vec<u8>, is_committed: bool },
}

/// What a callback comes to.
#[derive(Debug)]
pub(crate) struct Turn<T> {
    pub(crate) outcome: T,
    /// The outcome of the exchange is sent with this: nothing after it counts.
    pub(crate) is_last: bool,
}

impl<T> Turn<T> {
    pub(super) fn last(outcome: T) -> Self {
        Self { outcome, is_last: true }
    }

    pub(super) fn goes_on(outcome: T) -> Self {
        Self { outcome, is_last: false }
    }
}

impl Answering {
    pub(crate) fn new(
        calls: Calls,
        delivery: Delivery,
        limits: Vec<(&'static str, String)>,
        now: Duration,
    ) -> Self {
        Self { calls, head: Head::Held, delivery, waiting: Vec::new(), limits, since: now }
    }

    pub(crate) fn calls(&mut self) -> &mut Calls {
        &mut self.calls
    }

    pub(crate) fn head(&self) -> Head {
        self.head
    }

    /// Whether the end of an answer that passes through has come.
    pub(crate) fn has_ended(&self) -> bool {
        self.delivery.has_ended()
    }

    /// Whether the client's own stream goes upstream.
    pub(crate) fn uses_own_stream(&self) -> bool {
        self.calls.uses_own_stream()
    }

    /// How the next bytes of the response are read.
    pub(crate) fn access(&self) -> BodyAccess {
        match self.head {
            Head::Left { .. } if self.delivery.passes() => BodyAccess::Peek,
            Head::Left { .. } | Head::Held => BodyAccess::Drain,
        }
    }

    /// Takes the head of the client's own stream.
    pub(crate) fn response_head(&mut self, head: ResponseHead, bounds: Bounds, now: Duration) {
        let previews = match &mut self.delivery {
            Delivery::Stream(stream) => stream.previews,
            Delivery::PassThrough(it) => {
                it.set_content_length(head.content_length);
                0
            }
            Delivery::Collect(_) | Delivery::Keepalive(_) | Delivery::PassImage(_) => 0,
        };
        let may_pass = self.delivery.may_pass();
        self.calls.own_head(head, &Bounds { previews, may_pass, ..bounds }, now);
    }

    /// Takes bytes of the client's own stream.
    pub(crate) fn body(
        &mut self,
        account: &mut Account,
        chunk: Vec<u8>,
        end: End,
        now: Duration,
    ) -> Turn<OnResponseBody> {
        let len = chunk.len();
        match (self.step(chunk, end, now), self.head) {
            (Step::Wait, Head::Held) => Turn::goes_on(OnResponseBody::Hold),
            (Step::Wait, Head::Left { .. }) => {
                Turn::goes_on(self.send(account, Vec::new(), len, now))
            }
            (Step::Bytes(bytes), Head::Held) => {
                Turn::goes_on(OnResponseBody::Open(self.open(account, bytes, len, now)))
            }
            (Step::Bytes(bytes), Head::Left { .. }) => {
                // The chunk was taken.
                let sent = self.send(account, bytes, 0, now);
                self.delivery.note_opened(&mut self.calls, true);
                Turn::goes_on(sent)
            }
            // The head is held as long as a chunk may be replaced.
            (Step::Replace(_), Head::Held) => Turn::goes_on(OnResponseBody::Hold),
            (Step::Replace(bytes), Head::Left { .. }) => {
                Turn::goes_on(self.replace(account, bytes, now))
            }
            (Step::Settled(before), Head::Held) => {
                let outcome = self.settle(account, before, now);
                self.open_or_reply(account, outcome, len, now)
            }
            (Step::Settled(before), Head::Left { .. }) => {
                let outcome = self.settle(account, before, now);
                self.end_body(account, outcome, now)
            }
            (Step::Passed { body, images }, Head::Held) => {
                let outcome = self.settle_passed(account, body, &images, now);
                Turn::last(OnResponseBody::Reply(self.reply(account, outcome, now)))
            }
            (Step::Passed { body, images }, Head::Left { .. }) => {
                let _ = self.settle_passed(account, Vec::new(), &images, now);
                // Only white space may follow: its length may have been announced.
                Turn::goes_on(match body.is_empty() {
                    true => self.send(account, body, len, now),
                    false => self.replace(account, body, now),
                })
            }
        }
    }

    /// What the bytes mean, by the delivery.
    fn step(&mut self, chunk: Vec<u8>, end: End, now: Duration) -> Step {
        let last_sent = match self.head {
            Head::Held => self.since,
            Head::Left { last_sent } => last_sent,
        };
        self.delivery.body(&mut self.calls, self.head, last_sent, chunk, end, now)
    }

    /// Takes the end of a response that has trailers.
    pub(crate) fn trailers(&mut self, account: &mut Account, now: Duration) -> Turn<OnResponseEnd> {
        if self.delivery.end_if_whole() {
            return Turn::goes_on(OnResponseEnd::Pass);
        }
        if matches!(self.head, Head::Left { .. }) && !self.delivery.passes_image() {
            // No body can be put before trailers: an image that only they end is lost.
            self.calls.fail(&Failure::Upstream(UpstreamFailure::Disconnected));
        }
        let outcome = match (self.step(Vec::new(), End::Stream, now), self.head) {
            // Bytes are never due here: the stream has ended, so its call has its outcome or has
            // gone to another upstream.
            (Step::Wait | Step::Bytes(_) | Step::Replace(_), Head::Held) => {
                return Turn::goes_on(OnResponseEnd::Hold);
            }
            (Step::Settled(before), Head::Held) => self.settle(account, before, now),
            (Step::Passed { body, images }, Head::Held) => {
                self.settle_passed(account, body, &images, now)
            }
            (_, Head::Left { .. }) => {
                let failure = self.settle_failed(account, now);
                return Turn::last(OnResponseEnd::Reset(account.fail_late(&failure)));
            }
        };
        Turn::last(OnResponseEnd::Reply(self.reply(account, outcome, now)))
    }

    /// Answers in the place of Envoy, whose answer `head` begins, on a stream that never went
    /// upstream: with the images that have come, or with what Envoy reports.
    pub(crate) fn envoy_answers(
        &mut self,
        account: &mut Account,
        head: &ResponseHead,
        now: Duration,
    ) -> Turn<LocalReply> {
        let details = head.envoy_details.as_deref().unwrap_or_default();
        self.calls.give_up(&error::from_envoy(head.status, details), now);
        let outcome = self.settle(account, Vec::new(), now);
        Turn::last(self.reply(account, outcome, now))
    }

    /// Takes the end of a side call's response.
    pub(crate) fn side_end(
        &mut self,
        account: &mut Account,
        token: u32,
        now: Duration,
    ) -> Turn<OnAnswer> {
        self.calls.side_end(token, now);
        self.answer_if_settled(account, now)
    }

    /// Notes that time has passed.
    pub(crate) fn tick(&mut self, account: &mut Account, now: Duration) -> Turn<OnAnswer> {
        if self.delivery.is_whole() {
            // All images have left. What spoils the answer now is not the clock.
            return Turn::goes_on(OnAnswer::Hold);
        }
        self.calls.tick(now);
        self.answer_if_settled(account, now)
    }

    /// Answers if the head is held and every call is settled. Nothing after the terminal event
    /// counts, and its stream's end is not waited for: a connection that breaks in between would
    /// lose the image.
    fn answer_if_settled(&mut self, account: &mut Account, now: Duration) -> Turn<OnAnswer> {
        if matches!(self.head, Head::Left { .. }) || !self.calls.is_settled() {
            return Turn::goes_on(OnAnswer::Hold);
        }
        let outcome = self.settle(account, Vec::new(), now);
        Turn::last(OnAnswer::Reply(self.reply(account, outcome, now)))
    }

    /// The next call of another upstream, or the answer if the last calls could not be started.
    pub(crate) fn next_effect(
        &mut self,
        account: &mut Account,
        now: Duration,
    ) -> Option<Turn<Effect>> {
        if self.calls.lacks_cluster() {
            // Else the client gets fewer images than it asked for, and the log does not say why.
            account.settle(&Charge::nothing(), now);
            return Some(Turn::last(Effect::Reply(
                account.fail(&Failure::Gateway(GatewayFailure::ClusterMissing)),
            )));
        }
        // What the calls have said so far counts for the choice of the next upstream.
        account.take_signs(&mut self.calls, now);
        let call = self.calls.next_call(now);
        account.note_failover(&self.calls.take_refusals(), now);
        if let Some(call) = call {
            return Some(Turn::goes_on(Effect::Call(call)));
        }
        let Turn { outcome, is_last } = self.answer_if_settled(account, now);
        match outcome {
            OnAnswer::Reply(reply) => Some(Turn { outcome: Effect::Reply(reply), is_last }),
            OnAnswer::Hold | OnAnswer::Pass => None,
        }
    }

    /// Settles what came of all calls. `before` leaves before it.
    fn settle(&mut self, account: &mut Account, before: Vec<u8>, now: Duration) -> Outcome {
        // A stream whose image has begun, or that has events to send, is a 200 by now.
        let is_committed =
            self.delivery.streams() && (self.calls.has_begun() || !before.is_empty());
        let left = match self.calls.have_image() {
            true => Vec::new(),
            false => self.take_left(Begun::Lost),
        };
        let results = self.calls.take_results();
        account.note_results(&results, now);
        let Results { images, failures, .. } = results;
        if images.is_empty() {
            let failure = account.reported(failures, now);
            Self::settle_left(account, &left, 0, now);
            account.record.count_failed();
            return Outcome::Failed { failure, before, is_committed };
        }
        // The client gets the images that came. The operator learns why some are missing.
        account.log_partial(&failures);
        let charge = account.deliver(&images, now);
        let mut body = before;
        match self.delivery.write(images, &mut body, now) {
            Ok(()) => Outcome::Whole { body, settled: account.settle(&charge, now) },
            Err(failure) => {
                account.record.undeliver();
                account.settle(&Charge::nothing(), now);
                Outcome::Failed { failure, before: body, is_committed }
            }
        }
    }

    /// Settles an answer that has passed through whole, with these images.
    fn settle_passed(
        &mut self,
        account: &mut Account,
        body: Vec<u8>,
        images: &[Generated],
        now: Duration,
    ) -> Outcome {
        account.take_signs(&mut self.calls, now);
        let charge = account.deliver(images, now);
        Outcome::Whole { body, settled: account.settle(&charge, now) }
    }

    /// Settles a request whose outcome cannot be sent. Returns the failure.
    fn settle_failed(&mut self, account: &mut Account, now: Duration) -> Failure {
        let left = self.take_left(Begun::Lost);
        let results = self.calls.take_results();
        account.note_results(&results, now);
        let failure = account.reported(results.failures, now);
        Self::settle_left(account, &left, 0, now);
        account.record.count_failed();
        failure
    }

    /// The images that have left, of an answer that does not become whole.
    fn take_left(&mut self, begun: Begun) -> Vec<Generated> {
        match self.head {
            Head::Left { .. } => self.delivery.take_passed(&mut self.calls, begun),
            Head::Held => Vec::new(),
        }
    }

    /// Charges the images that have left of an answer that did not become whole, and others up to
    /// `abandoned`.
    fn settle_left(account: &mut Account, left: &[Generated], abandoned: u32, now: Duration) {
        let mut charge = match left.is_empty() {
            true => Charge::nothing(),
            false => account.deliver(left, now),
        };
        let left = u32::try_from(left.len()).unwrap_or(u32::MAX);
        account.abandon(&mut charge, abandoned.saturating_sub(left));
        account.settle(&charge, now);
    }

    /// Notes that the exchange ended before its outcome was sent: the client left, or Envoy
    /// answered.
    pub(crate) fn end(&mut self, account: &mut Account, status: Option<u16>, now: Duration) {
        account.take_signs(&mut self.calls, now);
        let is_overdue = matches!(self.head, Head::Left { .. }) && self.calls.is_settled();
        let begun = if status.is_none() { Begun::Counts } else { Begun::Lost };
        let abandoned = self.abandoned(account, status);
        if !self.delivery.is_whole() {
            account.end_unanswered(status, is_overdue, &self.calls.states());
        } else if !self.delivery.has_ended() && status.is_some() {
            // All images have left and are charged, but to the client the transfer is broken.
            account.break_off(self.calls.is_overdue(now), now);
        }
        let left = self.take_left(begun);
        Self::settle_left(account, &left, abandoned, now);
        if self.delivery.passes() {
            account.record.count_failed();
        }
    }
}

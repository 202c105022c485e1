//! What leaves for the client: the reply, the head with its first bytes, and what follows.

use std::rc::Rc;
use std::time::Duration;

use super::driver::{Answering, Outcome, Turn};
use super::step::{Head, beside_head};
use crate::exchange::account::Account;
use crate::exchange::outcome::{LocalReply, OnResponseBody, Open};

impl Answering {
    /// The answer, while the head is held.
    pub(super) fn reply(
        &mut self,
        account: &mut Account,
        outcome: Outcome,
        now: Duration,
    ) -> LocalReply {
        let (body, settled) = match outcome {
            Outcome::Whole { body, settled } => (body, settled),
            Outcome::Failed { failure, before, is_committed: true } => {
                account.fail_late(&failure);
                let body = self.delivery.write_failure(&failure, before);
                (body.unwrap_or_default(), Vec::new())
            }
            Outcome::Failed { failure, .. } => return account.fail(&failure),
        };
        let mut headers = self.delivery.headers(false);
        headers.extend(match self.delivery.streams() {
            // As if its head had left early.
            true => std::mem::take(&mut self.limits),
            false => account.limit_headers(&settled, now),
        });
        account.give(body.len());
        account.ok(headers, body)
    }

    /// A whole answer leaves with its head if it can, else as a reply. A failure is a reply. `len`
    /// is the length of the chunk that brought the outcome.
    pub(super) fn open_or_reply(
        &mut self,
        account: &mut Account,
        outcome: Outcome,
        len: usize,
        now: Duration,
    ) -> Turn<OnResponseBody> {
        match outcome {
            Outcome::Whole { body, settled }
                if self.delivery.opens_whole() && body.len() <= beside_head(len) =>
            {
                self.delivery.finish();
                self.limits = account.limit_headers(&settled, now);
                // The client has a whole answer, however the upstream's response ends.
                self.limits.push(("content-length", body.len().to_string()));
                Turn::goes_on(OnResponseBody::Open(self.open(account, body, len, now)))
            }
            outcome => Turn::last(OnResponseBody::Reply(self.reply(account, outcome, now))),
        }
    }

    /// The end of an answer whose head has left. The response may go on if its image has passed.
    pub(super) fn end_body(
        &mut self,
        account: &mut Account,
        outcome: Outcome,
        now: Duration,
    ) -> Turn<OnResponseBody> {
        match outcome {
            Outcome::Whole { body, .. } if self.delivery.passes() && self.delivery.finish() => {
                Turn::goes_on(self.replace(account, body, now))
            }
            outcome => Turn::last(self.send_last(account, outcome, now)),
        }
    }

    /// Puts what waits, and `bytes`, in the place of a chunk. The head has left.
    pub(super) fn replace(
        &mut self,
        account: &mut Account,
        bytes: Vec<u8>,
        now: Duration,
    ) -> OnResponseBody {
        let mut sent = std::mem::take(&mut self.waiting);
        sent.extend_from_slice(&bytes);
        account.record.bytes_out = account.record.bytes_out.saturating_add(sent.len());
        if !sent.is_empty() {
            self.head = Head::Left { last_sent: now };
        }
        OnResponseBody::Replace(sent)
    }

    /// The last bytes of an answer whose head has left.
    fn send_last(
        &mut self,
        account: &mut Account,
        outcome: Outcome,
        now: Duration,
    ) -> OnResponseBody {
        match outcome {
            Outcome::Whole { body, .. } => self.send(account, body, 0, now),
            Outcome::Failed { failure, before, .. } => {
                let code = account.fail_late(&failure);
                match self.delivery.write_failure(&failure, before) {
                    Some(body) => self.send(account, body, 0, now),
                    None => OnResponseBody::Reset(code),
                }
            }
        }
    }

    /// Lets the head go, with as many of `bytes` as may leave beside it.
    ///
    /// A body above the stream's buffer limit ends the Envoy process while the head is held. The
    /// chunk that came has `len` bytes. What does not fit leaves with the next bytes.
    pub(super) fn open(
        &mut self,
        account: &mut Account,
        bytes: Vec<u8>,
        len: usize,
        now: Duration,
    ) -> Open {
        self.calls.commit();
        let mut body = bytes;
        self.waiting = body.split_off(body.len().min(beside_head(len)));
        self.delivery.note_opened(&mut self.calls, self.waiting.is_empty());
        self.head = Head::Left { last_sent: now };
        // The outcome of an answer that leaves whole is known.
        account.record.committed = !self.delivery.streams() && !self.delivery.is_whole();
        let mut headers = self.delivery.headers(true);
        // Of an answer that is not settled, they are those of the admission.
        let limits = std::mem::take(&mut self.limits);
        headers.extend(if limits.is_empty() { account.limits(now) } else { limits });
        self.give(account, body.len());
        let LocalReply { status, headers, body, .. } = account.ok(headers, body);
        let keep = Rc::clone(account.shared.config.response_headers_to_keep());
        Open { status, headers, keep, body }
    }

    /// Notes that Envoy gets this many bytes for the client. Of an answer that passes through, at
    /// most one chunk leaves in this way, and Envoy's flow control bounds the rest.
    fn give(&self, account: &mut Account, bytes: usize) {
        if !self.delivery.passes() || self.delivery.is_whole() {
            account.give(bytes);
        }
    }

    /// Sends what waits, and `bytes`. The head has left. A chunk of `len` bytes stays in Envoy's
    /// buffer after them if the answer passes through.
    pub(super) fn send(
        &mut self,
        account: &mut Account,
        bytes: Vec<u8>,
        len: usize,
        now: Duration,
    ) -> OnResponseBody {
        let mut sent = std::mem::take(&mut self.waiting);
        match sent.is_empty() {
            true => sent = bytes,
            false => sent.extend_from_slice(&bytes),
        }
        let passes = self.delivery.passes();
        let left = sent.len().saturating_add(if passes { len } else { 0 });
        account.record.bytes_out = account.record.bytes_out.saturating_add(left);
        self.give(account, sent.len());
        if !sent.is_empty() {
            self.head = Head::Left { last_sent: now };
        }
        match passes && sent.is_empty() {
            true => OnResponseBody::Pass,
            false => OnResponseBody::Send(sent),
        }
    }
}

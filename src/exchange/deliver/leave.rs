//! What leaves for the client: the reply, the head with its first bytes, and what follows.

use std::time::Duration;

use super::delivery::Delivery;
use super::driver::{Answering, Outcome};
use super::step::Head;
use crate::exchange::account::Account;
use crate::exchange::outcome::{LocalReply, OnResponseBody, Open};

/// This many bytes may leave beside the head, however short the chunk: no buffer limit in use is
/// lower.
const MIN_BESIDE_HEAD: usize = 16 * 1024;
/// No more than this, however long the chunk: by default Envoy's buffer takes 1 MiB.
const MAX_BESIDE_HEAD: usize = 960 * 1024;

impl Answering {
    /// The answer, while the head is held.
    pub(super) fn reply(&mut self, account: &mut Account, outcome: Outcome) -> LocalReply {
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
            false => settled,
        });
        account.ok(headers, body)
    }

    /// The last bytes of an answer whose head has left.
    pub(super) fn send_last(
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
    /// A body above the stream's buffer limit ends the Envoy process while the head is held. Envoy
    /// has just held the chunk of `len` bytes, so as many are safe. The rest leaves with the next
    /// bytes.
    pub(super) fn open(
        &mut self,
        account: &mut Account,
        bytes: Vec<u8>,
        len: usize,
        now: Duration,
    ) -> Open {
        self.calls.commit();
        let mut body = bytes;
        let room = len.clamp(MIN_BESIDE_HEAD, MAX_BESIDE_HEAD);
        if body.len() > room {
            self.waiting = body.split_off(room);
        } else if let Delivery::PassThrough(it) = &mut self.delivery {
            it.note_sent();
        }
        self.head = Head::Left { last_sent: now };
        account.record.committed = !self.delivery.streams();
        let mut headers = self.delivery.headers(true);
        headers.append(&mut self.limits);
        let LocalReply { status, headers, body, .. } = account.ok(headers, body);
        Open { status, headers, body }
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
        let passes = self.delivery.passes_through();
        let left = sent.len().saturating_add(if passes { len } else { 0 });
        account.record.bytes_out = account.record.bytes_out.saturating_add(left);
        if !sent.is_empty() {
            self.head = Head::Left { last_sent: now };
        }
        match passes && sent.is_empty() {
            true => OnResponseBody::Pass,
            false => OnResponseBody::Send(sent),
        }
    }
}

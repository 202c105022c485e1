//! What an answer that passes on comes to: who pays for what, and how its end is told.

use std::time::Duration;

use super::Stage;
use crate::exchange::account::ticket::Charge;
use crate::exchange::outcome::{LocalReply, OnResponseBody};
use crate::exchange::{Exchange, Phase};
use crate::openai::error::Failure;
use crate::translate::collect::Picture;
use crate::translate::relay::Begun;

impl Exchange {
    /// Tells the failure while the head is held.
    pub(crate) fn refuse_relay(&mut self, now: Duration) -> LocalReply {
        self.note_relay_signs(now);
        let phase = std::mem::replace(&mut self.phase, Phase::Replied);
        let failure = match phase {
            Phase::Relaying(relaying) => self.told(relaying.into_failure(), 0, now),
            _ => Failure::Internal,
        };
        self.fail_relay(&failure, now);
        self.refuse(&failure)
    }

    /// Breaks off an answer whose head has left. What has passed is charged.
    pub(crate) fn break_relay(&mut self, now: Duration) -> OnResponseBody {
        self.note_relay_signs(now);
        let phase = std::mem::replace(&mut self.phase, Phase::Told);
        let Phase::Relaying(mut relaying) = phase else { return OnResponseBody::Pass };
        self.settle_relay(&relaying.relay.passed(Begun::Lost, relaying.sent), now);
        self.fail_relay(&relaying.into_failure(), now);
        OnResponseBody::Reset
    }

    /// Notes why an answer brought fewer pictures than were asked for, and settles what is not settled yet.
    pub(crate) fn fail_relay(&mut self, failure: &Failure, now: Duration) {
        self.settle(&Charge::nothing(), now);
        self.record.fail_own(failure);
        self.record.fail_stream(failure);
        self.count_failed();
    }

    /// Charges the pictures that have passed; how the rules then stand, as headers.
    pub(crate) fn settle_relay(
        &mut self,
        pictures: &[Picture],
        now: Duration,
    ) -> Vec<(&'static str, String)> {
        let charge = self.ticket.as_ref().filter(|_| !pictures.is_empty());
        let charge =
            charge.map(|ticket| ticket.charge(&self.gate, pictures, &vec![0; pictures.len()]));
        if !pictures.is_empty() {
            self.record.deliver(pictures, now);
        }
        self.count_failed();
        self.settle(&charge.unwrap_or_else(Charge::nothing), now)
    }

    /// Notes what the answer has said about its upstream.
    pub(crate) fn note_relay_signs(&mut self, now: Duration) {
        let Phase::Relaying(relaying) = &mut self.phase else { return };
        let signs = relaying.take_signs();
        self.note_signs(&signs, now);
    }

    /// Counts what was asked for and not delivered: one call may have been asked for several pictures.
    pub(crate) fn count_failed(&mut self) {
        let Self { record, .. } = self;
        record.images_failed = record.images_asked.saturating_sub(record.images_delivered);
    }

    /// The exchange ends before its answer has: the client left, or Envoy broke the answer off.
    pub(crate) fn end_relay(&mut self, status: Option<u16>, now: Duration) {
        self.note_relay_signs(now);
        let phase = std::mem::replace(&mut self.phase, Phase::Replied);
        let Phase::Relaying(mut relaying) = phase else { return };
        match relaying.stage {
            Stage::Told => {
                // All has passed and is charged, but to the client the transfer is broken.
                if !relaying.has_ended && status.is_some() {
                    let overdue = relaying.asking.is_settled();
                    let failure =
                        if overdue { Failure::UpstreamTimeout } else { Failure::UpstreamCut };
                    self.record.fail_own(&failure);
                    self.record.fail_stream(&failure);
                }
            }
            Stage::Held(_) => {
                let calls = relaying.asking.fates();
                self.record.end_early(status, &calls);
            }
            Stage::Left(_) => {
                let overdue = relaying.asking.is_settled().then_some(Failure::UpstreamTimeout);
                self.record.end_late(status, overdue, &relaying.asking.fates());
                let begun = match status {
                    None => Begun::Counts,
                    Some(_) => Begun::Lost,
                };
                self.settle_relay(&relaying.relay.passed(begun, relaying.sent), now);
            }
        }
        self.count_failed();
    }
}

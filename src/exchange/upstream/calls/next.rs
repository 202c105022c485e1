//! Another upstream for calls that one has refused.

use std::time::Duration;

use super::{Calls, Own};
use crate::exchange::effect::SideCall;
use crate::exchange::upstream::call::Call;
use crate::openai::error::{Failure, GatewayFailure};

impl Calls {
    /// Moves each refused call to the next upstream that may serve it.
    pub(super) fn try_next(&mut self, now: Duration) {
        let Some(failover) = &self.failover else { return };
        let is_late = now >= self.deadline;
        let tried: Vec<_> = match self.calls.iter().any(|call| call.refusal().is_some()) {
            true => self.calls.iter().flat_map(Call::tried).collect(),
            false => Vec::new(),
        };
        let refused_at = match self.own {
            Own::Refused { at } => {
                self.own = Own::Open;
                at
            }
            Own::Open | Own::Ended | Own::Replaced | Own::Unused => now,
        };
        for (place, call) in self.calls.iter_mut().enumerate() {
            let Some(refusal) = call.refusal().filter(|_| !is_late) else { continue };
            let Some(next) = failover.next(call.place(), refusal, &tried, now) else { continue };
            if place == 0 {
                match self.own {
                    Own::Open => {
                        self.own = Own::Refused { at: refused_at };
                        continue;
                    }
                    Own::Refused { .. } | Own::Ended => self.own = Own::Replaced,
                    Own::Replaced | Own::Unused => {}
                }
            }
            self.refusals.push((call.candidate(), refusal.clone()));
            call.try_next(next);
        }
        self.drop_failover_if_done();
    }

    /// Lets the client's body go once no call can use it any more.
    fn drop_failover_if_done(&mut self) {
        let Some(failover) = &self.failover else { return };
        // A call whose only upstream has taken the host model goes nowhere else.
        let is_done = |call: &Call| {
            let is_last = !failover.has_upstream_after(call.candidate());
            call.is_settled() || call.has_begun() || is_last && call.is_accepted()
        };
        if self.calls.iter().all(is_done) && !self.waits_for_own() {
            self.failover = None;
        }
    }

    pub(super) fn waits_for_own(&self) -> bool {
        matches!(self.own, Own::Refused { .. })
    }

    /// The next side call to start for an upstream that is called after another one.
    pub(crate) fn next_call(&mut self, now: Duration) -> Option<SideCall> {
        self.try_next(now);
        loop {
            let due = |(_, call): &(usize, &mut Call)| call.is_due();
            let (place, call) = self.calls.iter_mut().enumerate().find(due)?;
            let failover = self.failover.as_ref();
            match failover.and_then(|it| it.call(call.place(), self.deadline, now)) {
                Some((mut side_call, target)) => {
                    call.made(target);
                    // The end of the earlier side call, which the loopback listener has settled, may
                    // still come.
                    self.tokens.retain(|(_, it)| *it != place);
                    self.starting.push_back(place);
                    side_call.link = side_call.link.map(|_| self.links.add(place));
                    return Some(side_call);
                }
                None => call.fail(Failure::Gateway(GatewayFailure::Internal)),
            }
        }
    }

    /// Notes that bytes have left for the client: from now on no other upstream is called.
    pub(crate) fn commit(&mut self) {
        self.failover = None;
        if self.waits_for_own() {
            self.own = Own::Open;
        }
    }

    /// The failures that another upstream was called after, since they were last taken.
    pub(crate) fn take_refusals(&mut self) -> Vec<(usize, Failure)> {
        std::mem::take(&mut self.refusals)
    }
}

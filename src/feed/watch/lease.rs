//! Which context asks for the list, and when: one at a time, which has the lease.

use std::time::Duration;

use super::{Job, Watch};
use crate::feed::order::Order;
use crate::feed::place;
use crate::feed::state::{self, Lease, State};
use crate::feed::write::touch_head;
use crate::limits::Store;
use crate::span::millis;

/// A worker that serves requests leaves the work this long to one that does not, such as Envoy's
/// main thread.
const COURTESY: Duration = Duration::from_millis(300);
/// As long as no list has been read, it is asked for this often.
const FIRST: Duration = Duration::from_secs(1);
/// The list is read whole this often, whatever the server says of its version.
const WHOLE: Duration = Duration::from_secs(600);
/// The lease outlives what is awaited by this much.
const LEASE: Duration = Duration::from_secs(10);
/// How often the head is touched while others write it.
const MAX_TOUCHES: u32 = 8;

impl Watch {
    /// Takes the lease and asks, if it is time.
    pub(super) fn begin(&mut self, store: &dyn Store, is_idle: bool, now: Duration) -> Vec<Order> {
        place::touch(store, self.feed.fingerprint, now);
        if !self.may_begin(&state::read(store, &self.feed), is_idle, now) {
            return Vec::new();
        }
        let number = self.leases.saturating_add(1);
        let until = millis(now.saturating_add(self.feed.source.timeout).saturating_add(LEASE));
        let taken = state::change(store, &self.feed, |state| {
            if !self.may_begin(state, is_idle, now) {
                return None;
            }
            state.correct(now);
            state.lease = Some(Lease { holder: self.holder, number, until });
            state.tried_at = Some(millis(now));
            let is_old = state.read_at.is_none_or(|at| millis(now).abs_diff(at) >= millis(WHOLE));
            let whole = is_old || state.reread;
            Some(if whole { None } else { state.etag.clone().zip(state.generation) })
        });
        let Some(known) = taken else { return Vec::new() };
        // A swap that fails is that of another who has done the same, or has put its list in force
        // just now.
        let touched = (0..MAX_TOUCHES).any(|_| touch_head(store, &self.feed).is_ok());
        if !touched {
            return Vec::new();
        }
        // From here on no other context puts a list in force. The one before may have done so, and
        // may have been held up before it noted the version.
        let in_force = self.feed.head(store).map(|head| head.generation);
        let is_in_force = |(etag, it)| (in_force == Some(it)).then_some(etag);
        let etag = known.and_then(is_in_force);
        self.leases = number;
        // Before the lease ends, so that the failure is noted.
        let grace = LEASE.checked_div(2).unwrap_or(LEASE);
        let until = millis(now.saturating_add(self.feed.source.timeout).saturating_add(grace));
        self.job = Job::Asked { token: None, conditional: etag.is_some(), until };
        vec![Order::Fetch { etag }]
    }

    fn may_begin(&self, state: &State, is_idle: bool, now: Duration) -> bool {
        let now = millis(now);
        let longest = millis(self.feed.source.timeout.saturating_add(LEASE));
        if let Some(lease) = &state.lease {
            // The context before this one in the same VM: an update replaces it.
            let is_replaced =
                lease.holder.vm == self.holder.vm && lease.holder.serial < self.holder.serial;
            // A clock that was set back may not make it longer.
            let is_over = lease.until <= now || lease.until.saturating_sub(now) > longest;
            return is_replaced || is_over;
        }
        let half = self.feed.source.interval.checked_div(2).unwrap_or(FIRST);
        let wait = if state.checked_at.is_none() { FIRST.min(half) } else { half };
        let courtesy = if is_idle { Duration::ZERO } else { COURTESY };
        let wait = millis(wait.saturating_add(courtesy));
        state.tried_at.is_none_or(|at| now.abs_diff(at) >= wait)
    }

    pub(super) fn is_ours(&self, state: &State) -> bool {
        let lease = state.lease.as_ref();
        lease.is_some_and(|it| it.holder == self.holder && it.number == self.leases)
    }

    /// Makes the lease longer if it ends soon. Whether it is still held.
    pub(super) fn renew(&self, store: &dyn Store, now: Duration) -> bool {
        let state = state::read(store, &self.feed);
        let soon = millis(now.saturating_add(LEASE.checked_div(2).unwrap_or(LEASE)));
        if state.lease.as_ref().is_some_and(|it| it.until > soon) {
            return self.is_ours(&state);
        }
        let renewed = state::change(store, &self.feed, |state| {
            if !self.is_ours(state) {
                return None;
            }
            state.lease.as_mut().map(|it| it.until = millis(now.saturating_add(LEASE)))
        });
        renewed.is_some()
    }
}

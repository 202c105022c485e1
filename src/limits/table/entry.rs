//! What one scope has used and holds, under each rule that counts it.

use std::time::Duration;

use prost::Message;

use super::id::RuleId;
use crate::limits::{Hold, State, Window};

/// The states of one scope.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Entry {
    #[prost(message, repeated, tag = "1")]
    states: Vec<RuleState>,
}

/// The state of one rule.
#[derive(Clone, PartialEq, Message)]
struct RuleState {
    #[prost(fixed64, tag = "1")]
    rule: RuleId,
    /// When nothing in it counts any more, in seconds since the Unix epoch. It is stored because
    /// the rule may be gone from the configuration.
    #[prost(fixed32, tag = "2")]
    expires: u32,
    /// An interval and what was used in it, again and again.
    #[prost(uint64, repeated, tag = "3")]
    used: Vec<u64>,
    /// When a hold expires, its interval and its amount, again and again.
    #[prost(uint64, repeated, tag = "4")]
    holds: Vec<u64>,
}

impl Entry {
    /// The entry that these bytes hold. Bytes that are none hold nothing.
    pub(super) fn read(bytes: &[u8]) -> Self {
        Self::decode(bytes).unwrap_or_default()
    }

    /// The state of a rule, as it is at `now`. `None` if there is none.
    pub(super) fn state(&self, rule: RuleId, window: Window, now: Duration) -> Option<State> {
        let found = self.states.iter().find(|it| it.rule == rule)?;
        let mut state = found.state();
        state.prune(window, now);
        Some(state)
    }

    /// Puts the state of a rule in the place of the last one. An empty one goes when
    /// the entry is pruned.
    pub(super) fn put(&mut self, rule: RuleId, window: Window, state: &State) {
        let state = RuleState::new(rule, window, state);
        match self.states.iter_mut().find(|it| it.rule == rule) {
            Some(place) => *place = state,
            None => self.states.push(state),
        }
    }

    /// Takes back a hold under a rule.
    pub(super) fn take_back(&mut self, rule: RuleId, hold: Hold) {
        let Some(found) = self.states.iter_mut().find(|it| it.rule == rule) else { return };
        let mut state = found.state();
        state.settle(hold, 0);
        (found.used, found.holds) = (used(&state), holds(&state));
    }

    /// Drops the states in which nothing counts.
    pub(super) fn prune(&mut self, now: u32) {
        self.states.retain(|it| it.expires > now && !(it.used.is_empty() && it.holds.is_empty()));
    }

    /// When nothing in it counts any more.
    pub(super) fn expires(&self) -> u32 {
        self.states.iter().map(|it| it.expires).max().unwrap_or(0)
    }

    /// When the last of its holds expires; 0 if it has none.
    pub(super) fn held_until(&self) -> u32 {
        let holds = self.states.iter().flat_map(|it| it.holds.chunks_exact(3));
        holds.filter_map(|hold| hold.first()).map(|until| seconds(*until)).max().unwrap_or(0)
    }
}

impl RuleState {
    fn new(rule: RuleId, window: Window, state: &State) -> Self {
        Self { rule, expires: expires(window, state), used: used(state), holds: holds(state) }
    }

    fn state(&self) -> State {
        let mut state = State::default();
        for pair in self.used.chunks_exact(2) {
            if let [interval, amount] = *pair {
                state.used.push((interval, amount));
            }
        }
        for hold in self.holds.chunks_exact(3) {
            if let [until, interval, amount] = *hold {
                state.holds.push(Hold { until, interval, amount });
            }
        }
        state
    }
}

fn used(state: &State) -> Vec<u64> {
    state.used.iter().flat_map(|(interval, amount)| [*interval, *amount]).collect()
}

fn holds(state: &State) -> Vec<u64> {
    state.holds.iter().flat_map(|hold| [hold.until, hold.interval, hold.amount]).collect()
}

/// When nothing in `state` counts any more.
fn expires(window: Window, state: &State) -> u32 {
    let used = state.used.iter().map(|(interval, _)| {
        let leaves = window.leaves(*interval);
        leaves.as_secs().saturating_add(u64::from(leaves.subsec_nanos() > 0))
    });
    let held = state.holds.iter().map(|hold| hold.until);
    seconds(used.chain(held).max().unwrap_or(0))
}

fn seconds(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

//! What all workers know of a list beside its entries: who fetches it, and how old it is.
//!
//! It is one small JSON value in the shared data, changed by compare-and-swap.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::handle::Feed;
use super::place;
use crate::config::Source;
use crate::limits::Store;
use crate::span::millis;

/// How often a write is tried while other workers write.
const MAX_TRIES: u32 = 64;

/// Who fetches: a context of a VM. A later context of the same VM has a higher serial.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Holder {
    pub(super) vm: u64,
    pub(super) serial: u64,
}

/// The right to fetch. Times are Unix milliseconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Lease {
    pub(super) holder: Holder,
    /// It is the holder's `number`-th.
    pub(super) number: u64,
    pub(super) until: u64,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct State {
    fingerprint: [u8; 16],
    pub(super) lease: Option<Lease>,
    /// When the list was first asked for.
    since: u64,
    /// When it was last asked for.
    pub(super) tried_at: Option<u64>,
    /// When the list in force was last known to be that of the source.
    pub(super) checked_at: Option<u64>,
    /// The version of the list in force, if the source names versions.
    pub(super) etag: Option<String>,
    /// What the buckets of the list with that version carry.
    pub(super) generation: Option<u64>,
    /// The list has just changed: it is read once more whatever the version says. Web servers make
    /// the version of a file from its time in seconds and its length.
    pub(super) reread: bool,
    /// When the list was last read whole.
    pub(super) read_at: Option<u64>,
    /// Why the last attempt failed; none if it did not.
    pub(super) failing: Option<String>,
}

impl State {
    /// How long ago the list was last known to be that of the source.
    pub(super) fn age(&self, now: Duration) -> Duration {
        let since = self.checked_at.unwrap_or(self.since);
        now.saturating_sub(Duration::from_millis(since))
    }

    /// Corrects times that are yet to come, after a clock was set back: the age would be 0 until
    /// then, however long the list is not read.
    pub(super) fn correct(&mut self, now: Duration) {
        let now = millis(now);
        self.since = self.since.min(now);
        for time in [&mut self.checked_at, &mut self.read_at] {
            *time = time.map(|it| it.min(now));
        }
    }
}

fn load(store: &dyn Store, feed: &Feed) -> (State, Option<u32>) {
    let (bytes, token) = store.get(&place::state_key(feed.place));
    let state = bytes.and_then(|bytes| serde_json::from_slice::<State>(&bytes).ok());
    let own = state.filter(|it| it.fingerprint == feed.fingerprint).unwrap_or_default();
    (State { fingerprint: feed.fingerprint, ..own }, token)
}

/// What is known now.
pub(super) fn read(store: &dyn Store, feed: &Feed) -> State {
    load(store, feed).0
}

/// Stores what `step` makes of the state, and returns what it returns; `None` leaves the state as
/// it is. If another worker writes at the same time, `step` is called again.
pub(super) fn change<T>(
    store: &dyn Store,
    feed: &Feed,
    mut step: impl FnMut(&mut State) -> Option<T>,
) -> Option<T> {
    for _ in 0..MAX_TRIES {
        let (mut state, token) = load(store, feed);
        let result = step(&mut state)?;
        let bytes = serde_json::to_vec(&state).unwrap_or_default();
        if store.swap(&place::state_key(feed.place), &bytes, token).is_ok() {
            return Some(result);
        }
    }
    None
}

impl Feed {
    /// The list of `source`. `None` if there are too many other lists.
    #[must_use]
    pub fn claim(store: &dyn Store, source: &Source, now: Duration) -> Option<Self> {
        let fingerprint = source.fingerprint();
        let place = place::claim(store, fingerprint, now)?;
        let feed = Self { source: source.clone(), fingerprint, place };
        begin(store, &feed, now);
        Some(feed)
    }

    /// How long ago the list was last known to be that of the source; since this Envoy first asked
    /// for it, if it has never been read.
    #[must_use]
    pub fn age(&self, store: &dyn Store, now: Duration) -> Duration {
        read(store, self).age(now)
    }
}

/// Notes that the list is asked for from now on, if it is not yet.
fn begin(store: &dyn Store, feed: &Feed, now: Duration) {
    change(store, feed, |state| (state.since == 0).then(|| state.since = millis(now).max(1)));
}

//! The lock that makes a step over several slots atomic, and the journal of that step.
//!
//! It is one key of the shared data: the workers are threads, a step takes some microseconds, and
//! no worker sleeps in it. A worker that finds the lock held lets other threads run, among them
//! the one that holds it. A worker that is lost while it holds the lock would hold it for ever. So a
//! lock that does not change over many looks is taken over. Its value is the journal: what the
//! lost worker was about to store, so that it can be taken back.

use prost::Message;

use super::table::id::{RuleId, ScopeId, TableError};
use super::{Conflict, Hold, Store};

/// The key of the lock.
const LOCK: &str = "imagegate.limits.step";
/// The lock if no worker holds it. No journal begins with this byte.
const FREE: &[u8] = b"free";
/// The lock is taken over after this many looks, of a microsecond or more each. That is longer
/// than a scheduler mostly keeps a thread waiting. A worker that is only slow loses nothing by it.
const PATIENCE: u32 = 200_000;
/// How many journals of lost workers a lock keeps. More in a row end with the process.
const MAX_LOST: usize = 16;

/// A hold that a step is about to store.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Planned {
    #[prost(bytes = "vec", tag = "1")]
    scope: Vec<u8>,
    #[prost(fixed64, tag = "2")]
    pub(super) rule: RuleId,
    #[prost(uint64, tag = "3")]
    until: u64,
    #[prost(uint64, tag = "4")]
    interval: u64,
    #[prost(uint64, tag = "5")]
    amount: u64,
}

/// What a step is about to store.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Journal {
    /// The number of the step. Slots that it has stored have it too.
    #[prost(fixed64, tag = "1")]
    pub(super) step: u64,
    #[prost(message, repeated, tag = "2")]
    pub(super) plan: Vec<Planned>,
    /// The journals of the workers that the lock was taken over from. They are here until the step
    /// ends, because its worker may be lost too before it has taken their holds back.
    #[prost(message, repeated, tag = "3")]
    pub(super) lost: Vec<Self>,
}

impl Journal {
    /// The journals in a lock that is taken over, its own included.
    fn flattened(mut self) -> Vec<Self> {
        let mut all = std::mem::take(&mut self.lost);
        all.push(self);
        let before = all.len().saturating_sub(MAX_LOST);
        all.split_off(before)
    }
}

/// The lock, held.
#[derive(Debug)]
pub(super) struct Lock {
    pub(super) step: u64,
}

impl Planned {
    pub(super) fn new(scope: ScopeId, rule: RuleId, hold: Hold) -> Self {
        let Hold { until, interval, amount } = hold;
        Self { scope: scope.0.to_vec(), rule, until, interval, amount }
    }

    /// The scope; `None` if another program has written the journal.
    pub(super) fn scope(&self) -> Option<ScopeId> {
        self.scope.as_slice().try_into().ok().map(ScopeId)
    }

    /// The slot of the scope.
    pub(super) fn slot(&self) -> Option<u16> {
        self.scope().map(ScopeId::slot)
    }

    pub(super) const fn hold(&self) -> Hold {
        Hold { until: self.until, interval: self.interval, amount: self.amount }
    }
}

/// Makes the key that workers race for. Call it before there are workers.
pub(super) fn prepare(store: &dyn Store) {
    if store.get(LOCK).0.is_none() {
        // Without a token this always succeeds.
        let _ = store.swap(LOCK, FREE, None);
    }
}

impl Lock {
    /// Waits until no other worker holds the lock, and takes it. Returns the journals of the workers
    /// that it was taken over from.
    pub(super) fn acquire(
        store: &dyn Store,
        plan: Vec<Planned>,
    ) -> Result<(Self, Vec<Journal>), TableError> {
        let mut journal = Journal { step: 0, plan, lost: Vec::new() };
        let mut looks = 0_u32;
        let mut seen = None;
        loop {
            let (Some(value), Some(token)) = store.get(LOCK) else {
                return Err(TableError::OutOfReach);
            };
            if seen != Some(token) {
                // It has changed since: its holder is alive.
                (seen, looks) = (Some(token), 0);
            }
            looks = looks.saturating_add(1);
            if value == FREE || looks > PATIENCE {
                // The host gives each token once.
                journal.step = u64::from(token);
                let lost = (value != FREE).then(|| Journal::decode(&*value).ok()).flatten();
                journal.lost = lost.map(Journal::flattened).unwrap_or_default();
                if store.swap(LOCK, &journal.encode_to_vec(), Some(token)).is_ok() {
                    return Ok((Self { step: journal.step }, journal.lost));
                }
            }
            store.wait();
        }
    }

    /// The token of the lock. `None` if another worker has taken it over.
    fn token(&self, store: &dyn Store) -> Option<u32> {
        let (value, token) = store.get(LOCK);
        let journal = value.and_then(|value| Journal::decode(&*value).ok())?;
        token.filter(|_| journal.step == self.step)
    }

    /// Whether no other worker has taken the lock over.
    pub(super) fn is_held(&self, store: &dyn Store) -> bool {
        self.token(store).is_some()
    }

    /// Gives the lock back.
    ///
    /// # Errors
    ///
    /// [`TableError::LockLost`]: another worker has taken it over.
    pub(super) fn release(self, store: &dyn Store) -> Result<(), TableError> {
        let token = self.token(store).ok_or(TableError::LockLost)?;
        store.swap(LOCK, FREE, Some(token)).map_err(|Conflict| TableError::LockLost)
    }
}

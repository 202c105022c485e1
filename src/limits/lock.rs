//! The lock that makes a step over several slots atomic.
//!
//! It is one key of the shared data: the workers are threads, a step takes a few microseconds, and
//! no worker sleeps in it. A worker that is lost while it holds the lock would hold it for ever. So
//! a lock that does not change over many looks is taken over.

use super::{Conflict, Store};

/// The key of the lock.
const LOCK: &str = "imagegate.limits.lock";
/// The lock when no worker holds it. Not empty: the host does not distinguish an empty value from
/// none.
const FREE: &[u8] = b"free";
/// The lock is taken over after this many looks, of about a microsecond each. That is some seconds,
/// longer than any scheduler keeps a thread waiting.
const PATIENCE: u32 = 5_000_000;

/// The shared data breaks its contract.
#[derive(Debug)]
pub(super) struct OutOfReach;

/// Creates the keys that workers will race for. Call it before there are workers: when the plugin
/// is configured.
pub fn prepare(store: &dyn Store) {
    if store.get(LOCK).0.is_none() {
        // Without a token this always succeeds.
        let _ = store.swap(LOCK, FREE, None);
    }
}

/// Waits until no other worker holds the lock, and takes it.
pub(super) fn acquire(store: &dyn Store) -> Result<(), OutOfReach> {
    let mut looks = 0_u32;
    let mut seen = None;
    loop {
        let (value, token) = store.get(LOCK);
        let Some(value) = value else { return Err(OutOfReach) };
        if seen != token {
            // It has changed since: its holder is alive.
            (seen, looks) = (token, 0);
        }
        looks = looks.saturating_add(1);
        if value == FREE || looks > PATIENCE {
            match store.swap(LOCK, b"held", token) {
                Ok(()) => return Ok(()),
                Err(Conflict) => continue,
            }
        }
    }
}

/// Gives the lock back.
pub(super) fn release(store: &dyn Store) -> Result<(), OutOfReach> {
    store.swap(LOCK, FREE, None).map_err(|Conflict| OutOfReach)
}

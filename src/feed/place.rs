//! The places of the shared data that lists are kept in.
//!
//! Keys of the shared data are never freed. So there is a fixed number of places. If no worker has
//! asked for a list in a while, its place is given to another list.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::bucket::BUCKETS;
use crate::limits::Store;

/// How many different lists there may be at a time: in listeners of their own, and while an update
/// of the configuration is under way.
pub const MAX_FEEDS: usize = 4;

/// A place is in use for this long after it was last noted.
const IN_USE: Duration = Duration::from_secs(600);
/// How often it is noted.
const TOUCH: Duration = Duration::from_secs(60);
/// How often a write is tried while other workers write.
const MAX_TRIES: u32 = 64;
const PLACES_KEY: &str = "imagegate.feed";

#[derive(Default, Serialize, Deserialize)]
struct Places {
    taken: Vec<Taken>,
}

#[derive(Serialize, Deserialize)]
struct Taken {
    fingerprint: [u8; 16],
    /// Unix seconds.
    seen: u64,
}

/// The place of the list with this fingerprint, which is in use from now on. `None` if all are in
/// use by others.
pub(super) fn claim(store: &dyn Store, fingerprint: [u8; 16], now: Duration) -> Option<u8> {
    for _ in 0..MAX_TRIES {
        let (bytes, token) = store.get(PLACES_KEY);
        let mut places: Places =
            bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default();
        let own = places.taken.iter().position(|it| it.fingerprint == fingerprint);
        let free = || {
            let idle = |it: &Taken| now.as_secs().abs_diff(it.seen) > IN_USE.as_secs();
            match places.taken.len() < MAX_FEEDS {
                true => Some(places.taken.len()),
                false => places.taken.iter().position(idle),
            }
        };
        let place = own.or_else(free)?;
        let taken = Taken { fingerprint, seen: now.as_secs() };
        match places.taken.get_mut(place) {
            Some(entry) => *entry = taken,
            None => places.taken.push(taken),
        }
        let bytes = serde_json::to_vec(&places).unwrap_or_default();
        if store.swap(PLACES_KEY, &bytes, token).is_ok() {
            let place = u8::try_from(place).ok()?;
            prepare(store, place);
            return Some(place);
        }
    }
    None
}

/// Notes that the list with this fingerprint is still in use.
pub(super) fn touch(store: &dyn Store, fingerprint: [u8; 16], now: Duration) {
    let (bytes, token) = store.get(PLACES_KEY);
    let Some(mut places) = bytes.and_then(|it| serde_json::from_slice::<Places>(&it).ok()) else {
        return;
    };
    let own = places.taken.iter_mut().find(|it| it.fingerprint == fingerprint);
    if let Some(taken) = own.filter(|it| now.as_secs().abs_diff(it.seen) >= TOUCH.as_secs()) {
        taken.seen = now.as_secs();
        let bytes = serde_json::to_vec(&places).unwrap_or_default();
        // If another worker was faster, it has noted the time too, or the next one will in a
        // moment.
        let _ = store.swap(PLACES_KEY, &bytes, token);
    }
}

/// Creates the keys of a place. A swap of a key that does not exist succeeds with any token, so
/// each exists before workers race for it: the first to configure itself is not a worker.
fn prepare(store: &dyn Store, place: u8) {
    let create = |key: &str| {
        if store.get(key).1.is_none() {
            // Whoever was faster has created it.
            let _ = store.swap(key, &[], None);
        }
    };
    // The last key to be created: if it is there, all are.
    if store.get(&state_key(place)).1.is_some() {
        return;
    }
    for bucket in 0..BUCKETS {
        create(&bucket_key(place, false, bucket));
        create(&bucket_key(place, true, bucket));
    }
    create(&head_key(place));
    create(&state_key(place));
}

pub(super) fn head_key(place: u8) -> String {
    format!("imagegate.feed.{place}.head")
}

pub(super) fn state_key(place: u8) -> String {
    format!("imagegate.feed.{place}.state")
}

pub(super) fn bucket_key(place: u8, second: bool, bucket: u16) -> String {
    format!("imagegate.feed.{place}.{}.{bucket}", u8::from(second))
}

//! Writes a list into the shared data, in small steps, and puts it in force.
//!
//! Only the holder of the lease writes, and only into the set of buckets that is not in force. A
//! worker may be held up for so long that another has taken the lease over. So before each write it
//! makes sure that it still has the lease, and each write is a swap with a token that was read
//! before that: if the other worker has written since, the swap fails. A worker that takes over the
//! lease touches the head first, so that the swap of the head by the worker before it fails too.

use super::bucket::Head;
use super::handle::Feed;
use super::load::List;
use super::place;
use crate::limits::Store;

/// Another worker writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Lost;

/// Writes one list.
#[derive(Debug)]
pub(super) struct Writer {
    list: List,
    next: usize,
    second: bool,
}

/// Makes every write of the head that began before this fail.
///
/// # Errors
///
/// Another worker is doing the same.
pub(super) fn touch_head(store: &dyn Store, feed: &Feed) -> Result<(), Lost> {
    let key = place::head_key(feed.place);
    let (bytes, token) = store.get(&key);
    store.swap(&key, &bytes.unwrap_or_default(), token).map_err(|_| Lost)
}

impl Writer {
    /// Writes `list` beside the one in force.
    pub(super) fn new(store: &dyn Store, feed: &Feed, list: List) -> Self {
        let second = feed.any_head(store).is_some_and(|head| !head.second);
        Self { list, next: 0, second }
    }

    /// Writes up to `most` buckets. Returns whether the list is whole and in force. `is_ours` says
    /// whether the lease is still held.
    ///
    /// # Errors
    ///
    /// Another worker writes.
    pub(super) fn step(
        &mut self,
        store: &dyn Store,
        feed: &Feed,
        is_ours: &dyn Fn() -> bool,
        most: usize,
    ) -> Result<bool, Lost> {
        let mut written: usize = 0;
        while written < most {
            let Some(bucket) = self.list.buckets.get_mut(self.next) else {
                return self.commit(store, feed, is_ours).map(|()| true);
            };
            let bytes = std::mem::take(bucket);
            if !bytes.is_empty() {
                let number = u16::try_from(self.next).map_err(|_| Lost)?;
                let key = place::bucket_key(feed.place, self.second, number);
                swap(store, &key, &bytes, is_ours)?;
                written = written.saturating_add(1);
            }
            self.next = self.next.saturating_add(1);
        }
        Ok(false)
    }

    fn commit(
        &self,
        store: &dyn Store,
        feed: &Feed,
        is_ours: &dyn Fn() -> bool,
    ) -> Result<(), Lost> {
        let head = Head {
            fingerprint: feed.fingerprint,
            generation: self.list.generation,
            second: self.second,
            consumers: self.list.consumers,
        };
        swap(store, &place::head_key(feed.place), &head.write(), is_ours)
    }
}

fn swap(
    store: &dyn Store,
    key: &str,
    bytes: &[u8],
    is_ours: &dyn Fn() -> bool,
) -> Result<(), Lost> {
    let (_, token) = store.get(key);
    // The keys were created when the place was claimed.
    if token.is_none() || !is_ours() {
        return Err(Lost);
    }
    store.swap(key, bytes, token).map_err(|_| Lost)
}

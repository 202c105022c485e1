//! Which list is meant, and which of its versions is in force.

use super::bucket::Head;
use super::place;
use crate::config::Source;
use crate::limits::Store;

/// A list of consumers and users, in its place.
#[derive(Debug, Clone)]
pub struct Feed {
    pub(super) source: Source,
    pub(super) fingerprint: [u8; 16],
    pub(super) place: u8,
}

impl Feed {
    /// Whether the two are one list.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        self.fingerprint == other.fingerprint
    }

    /// How many consumers the list has. 0 if it has never been read.
    #[must_use]
    pub fn consumers(&self, store: &dyn Store) -> u32 {
        self.head(store).map_or(0, |head| head.consumers)
    }

    /// The head of the list in force. `None` if it has never been read, or the place is another
    /// list's now.
    pub(super) fn head(&self, store: &dyn Store) -> Option<Head> {
        self.any_head(store).filter(|head| head.fingerprint == self.fingerprint)
    }

    /// The head of the list that is in this place, also if that is another list.
    pub(super) fn any_head(&self, store: &dyn Store) -> Option<Head> {
        let (bytes, _) = store.get(&place::head_key(self.place));
        Head::read(&bytes?)
    }
}

//! Looks up consumers and users in the list that is in force.

use serde::{Deserialize, Serialize};

use super::bucket::{self, Id, Kind, Read};
use super::handle::Feed;
use super::place;
use crate::config::Consumer;
use crate::limits::Store;

/// A list may be replaced while it is read, but hardly twice.
const MAX_READS: u32 = 3;

/// What the list says about a key or a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found<T> {
    /// No list has been read yet, so nothing is known.
    Unread,
    /// The list does not have it.
    Absent,
    /// What the list has.
    Is(T),
}

/// A user of the list.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct User {
    /// A consumer of the list acts for the user.
    #[serde(rename = "o", default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) own: bool,
    #[serde(rename = "b", default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) blocked: bool,
    #[serde(rename = "g", default, skip_serializing_if = "Vec::is_empty")]
    pub(super) groups: Vec<String>,
}

impl Feed {
    /// The consumer whose key has this SHA-256.
    pub(super) fn consumer_of(&self, store: &dyn Store, digest: &[u8; 32]) -> Found<Consumer> {
        self.find(store, &Id::key(*digest), Consumer::restore)
    }

    /// The consumer with this name in the mesh.
    pub(super) fn consumer_known_as(&self, store: &dyn Store, name: &str) -> Found<Consumer> {
        self.find(store, &Id::named(Kind::Identity, name), Consumer::restore)
    }

    /// The user of this id.
    pub(super) fn user(&self, store: &dyn Store, id: &str) -> Found<User> {
        let parse = |bytes: &[u8]| serde_json::from_slice(bytes).ok();
        self.find(store, &Id::named(Kind::User, id), parse)
    }

    fn find<T>(&self, store: &dyn Store, id: &Id, parse: impl Fn(&[u8]) -> Option<T>) -> Found<T> {
        let Some(mut head) = self.head(store) else { return Found::Unread };
        for _ in 0..MAX_READS {
            let key = place::bucket_key(self.place, head.second, id.bucket());
            let bytes = store.get(&key).0.unwrap_or_default();
            match bucket::find(&bytes, head.generation, id) {
                // No worker writes bytes that cannot be read.
                Read::Entry(payload) => return parse(payload).map_or(Found::Unread, Found::Is),
                Read::Absent => return Found::Absent,
                Read::Foreign => {}
            }
            // Nothing of this list is in the bucket, or the list was replaced in the meantime.
            match self.head(store) {
                Some(now) if now == head => return Found::Absent,
                Some(now) => head = now,
                None => return Found::Unread,
            }
        }
        Found::Unread
    }
}

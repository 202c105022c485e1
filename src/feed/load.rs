//! From a document to buckets, in small steps.

use std::collections::BTreeMap;

use super::bucket::{self, BUCKETS, Id, Kind};
use super::document::{Field, Part, Reader};
use super::lookup::User;
use super::refusal::Refusal;
use crate::config::{Config, Listing};

/// The largest document. Envoy buffers 32 MiB of an answer if its runtime does not say otherwise.
pub(super) const MAX_BYTES: usize = 32 << 20;
/// Twice what a large company has. A document of 32 MiB has no room for many more.
const MAX_CONSUMERS: usize = 200_000;
const MAX_USERS: usize = 200_000;
/// One entry is read in one step. This is some 15,000 keys.
const MAX_ENTRY: usize = 1 << 20;
/// What the buckets of one list may hold. A consumer is stored once for each of its keys.
const MAX_STORED: usize = 128 << 20;

/// Reads a list.
pub(super) struct Loader {
    reader: Reader,
    listing: Listing,
    buckets: Vec<Vec<u8>>,
    generation: u64,
    users: BTreeMap<String, User>,
    stored: usize,
    consumers: u32,
    read: bool,
}

/// A list as it is stored.
#[derive(Debug)]
pub(super) struct List {
    /// The buckets in their order. Those without entries are empty.
    pub(super) buckets: Vec<Vec<u8>>,
    pub(super) generation: u64,
    pub(super) consumers: u32,
}

impl Loader {
    /// Reads `document` for buckets of `generation`.
    ///
    /// # Errors
    ///
    /// It is empty or too large.
    pub(super) fn new(document: Vec<u8>, generation: u64) -> Result<Self, Refusal> {
        if document.is_empty() {
            return Err(Refusal::Empty);
        }
        if document.len() > MAX_BYTES {
            return Err(Refusal::TooLarge(MAX_BYTES));
        }
        Ok(Self {
            reader: Reader::new(document),
            listing: Listing::default(),
            buckets: vec![Vec::new(); usize::from(BUCKETS)],
            generation,
            users: BTreeMap::new(),
            stored: 0,
            consumers: 0,
            read: false,
        })
    }

    /// Reads up to `most` entries. Returns the list once it is whole.
    ///
    /// # Errors
    ///
    /// The first thing that is wrong with the document.
    pub(super) fn step(&mut self, config: &Config, most: usize) -> Result<Option<List>, Refusal> {
        for _ in 0..most {
            if !self.read {
                self.read = self.next(config)?;
            } else if let Some((id, user)) = self.users.pop_first() {
                let payload = serde_json::to_vec(&user).unwrap_or_default();
                self.add(&Id::named(Kind::User, &id), &payload)?;
            } else {
                let buckets = std::mem::take(&mut self.buckets);
                let (generation, consumers) = (self.generation, self.consumers);
                return Ok(Some(List { buckets, generation, consumers }));
            }
        }
        Ok(None)
    }

    /// Reads the next entry. Returns whether there is none left.
    fn next(&mut self, config: &Config) -> Result<bool, Refusal> {
        match self.reader.next()? {
            Part::Between => return Ok(false),
            Part::End => return Ok(true),
            Part::Entry(Field::Consumers, place, _) if place >= MAX_CONSUMERS => {
                return Err(Refusal::TooMany { field: "consumers", most: MAX_CONSUMERS });
            }
            Part::Entry(Field::Users, place, _) if place >= MAX_USERS => {
                return Err(Refusal::TooMany { field: "users", most: MAX_USERS });
            }
            Part::Entry(field, place, json) if json.len() > MAX_ENTRY => {
                return Err(Refusal::EntryTooLarge { field: field.name(), place, most: MAX_ENTRY });
            }
            Part::Entry(Field::Users, place, json) => {
                let listed = self.listing.user(config, place, json).map_err(Refusal::Entry)?;
                let user = self.users.entry(listed.id).or_default();
                user.blocked = listed.blocked;
                user.groups = listed.groups.into();
            }
            Part::Entry(Field::Consumers, place, json) => {
                let listed = self.listing.consumer(config, place, json).map_err(Refusal::Entry)?;
                if let Some(user) = listed.consumer.user() {
                    self.users.entry(user.to_owned()).or_default().own = true;
                }
                let payload = listed.consumer.store();
                for digest in listed.keys {
                    self.add(&Id::key(digest), &payload)?;
                }
                for name in listed.identities {
                    self.add(&Id::named(Kind::Identity, &name), &payload)?;
                }
                self.consumers = self.consumers.saturating_add(1);
            }
        }
        Ok(false)
    }

    fn add(&mut self, id: &Id, payload: &[u8]) -> Result<(), Refusal> {
        let Some(bucket) = self.buckets.get_mut(usize::from(id.bucket())) else { return Ok(()) };
        if bucket.is_empty() {
            *bucket = bucket::begin(self.generation);
        }
        let before = bucket.len();
        bucket::add(bucket, id, payload);
        self.stored = self.stored.saturating_add(bucket.len().saturating_sub(before));
        match self.stored <= MAX_STORED {
            true => Ok(()),
            false => Err(Refusal::TooWide(MAX_STORED)),
        }
    }
}

/// Checks a whole list for a configuration. Returns how many consumers it has.
///
/// # Errors
///
/// The first thing that is wrong with the document.
pub fn check(config: &Config, document: Vec<u8>) -> Result<u32, Refusal> {
    let mut loader = Loader::new(document, 1)?;
    loop {
        if let Some(list) = loader.step(config, usize::MAX)? {
            return Ok(list.consumers);
        }
    }
}

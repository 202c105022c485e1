//! The entries of a list of consumers and users that is fetched while Envoy runs. They follow the
//! rules of `consumers` and `users` in the configuration, and may name nothing that it names, but
//! for a consumer that is disabled there: so a key is revoked while the list cannot be changed, and
//! later the list may still have it.

use std::collections::BTreeMap;
use std::rc::Rc;

use serde::de::DeserializeOwned;

use super::consumer::{self, Consumer, Digest};
use super::error::{ConfigError, Fault};
use super::file::{ConsumerFile, UserFile};
use super::pointer::Pointer;
use super::{Config, document, group, identity, node, text};

/// A consumer of the list.
pub struct ListedConsumer {
    /// The consumer.
    pub consumer: Consumer,
    /// The SHA-256 of each of its keys.
    pub keys: Vec<[u8; 32]>,
    /// The names that the mesh gives it.
    pub identities: Vec<String>,
}

/// A user of the list.
pub struct ListedUser {
    /// The user's id.
    pub id: String,
    /// Whether every request for the user is rejected.
    pub blocked: bool,
    /// The groups that the user belongs to.
    pub groups: Box<[String]>,
}

/// The entries of one list that have been read: what must be unique, and where it is.
#[derive(Default)]
pub struct Listing {
    names: BTreeMap<String, usize>,
    keys: BTreeMap<Digest, (usize, usize)>,
    identities: BTreeMap<String, (usize, usize)>,
    users: BTreeMap<String, usize>,
}

impl Listing {
    /// Reads the entry at `place` of `consumers`.
    ///
    /// # Errors
    ///
    /// The first field that breaks a rule.
    pub fn consumer(
        &mut self,
        config: &Config,
        place: usize,
        json: &[u8],
    ) -> Result<ListedConsumer, ConfigError> {
        let here = Pointer::default().key("consumers").index(place);
        let mut file: ConsumerFile = read(json, &here)?;
        let (keys, identities) = (file.key_sha256.take(), file.identities.take());
        if keys.is_none() && identities.is_none() {
            return Err(here.key("key_sha256").missing());
        }
        let keys = match keys {
            Some(list) if list.is_empty() => return Err(here.key("key_sha256").empty()),
            list => self.keys(config, place, &list.unwrap_or_default())?,
        };
        let identities = match identities {
            Some(list) => self.identities(config, place, list)?,
            None => Vec::new(),
        };
        let consumer = Consumer::compile(file, &here)?;
        let here = here.key("name");
        if takes(config.consumer(consumer.name())) {
            return Err(here.fault(Fault::Configured));
        }
        if let Some(first) = self.names.insert(consumer.name().to_owned(), place) {
            let first = Pointer::default().key("consumers").index(first).key("name");
            return Err(here.repeats(&first));
        }
        Ok(ListedConsumer { consumer, keys, identities })
    }

    fn keys(
        &mut self,
        config: &Config,
        place: usize,
        hex: &[String],
    ) -> Result<Vec<Digest>, ConfigError> {
        let at = |(place, index): (usize, usize)| {
            Pointer::default().key("consumers").index(place).key("key_sha256").index(index)
        };
        let here = Pointer::default().key("consumers").index(place).key("key_sha256");
        let mut digests = Vec::with_capacity(hex.len());
        for (index, (digest, here)) in
            consumer::compile_digests(hex, &here)?.into_iter().enumerate()
        {
            if takes(config.consumer_of(&digest)) {
                return Err(here.fault(Fault::Configured));
            }
            if let Some(first) = self.keys.insert(digest, (place, index)) {
                return Err(here.repeats(&at(first)));
            }
            digests.push(digest);
        }
        Ok(digests)
    }

    fn identities(
        &mut self,
        config: &Config,
        place: usize,
        names: Vec<String>,
    ) -> Result<Vec<String>, ConfigError> {
        let list = |place| Pointer::default().key("consumers").index(place).key("identities");
        if config.identity().is_none() {
            return Err(list(place).fault(Fault::NoIdentity));
        }
        if names.is_empty() {
            return Err(list(place).empty());
        }
        for (index, name) in names.iter().enumerate() {
            let here = list(place).index(index);
            if !identity::is_identity(name.as_bytes()) {
                return Err(here.invalid());
            }
            if takes(config.consumer_known_as(name)) {
                return Err(here.fault(Fault::Configured));
            }
            if let Some((first, index)) = self.identities.insert(name.clone(), (place, index)) {
                return Err(here.repeats(&list(first).index(index)));
            }
        }
        Ok(names)
    }

    /// Reads the entry at `place` of `users`.
    ///
    /// # Errors
    ///
    /// The first field that breaks a rule.
    pub fn user(
        &mut self,
        config: &Config,
        place: usize,
        json: &[u8],
    ) -> Result<ListedUser, ConfigError> {
        let list = Pointer::default().key("users");
        let here = list.index(place);
        let file: UserFile = read(json, &here)?;
        let groups = group::compile(file.groups, &here.key("groups"))?;
        let here = here.key("id");
        if !text::is_end_user(&file.id) {
            return Err(here.invalid());
        }
        if config.is_configured_user(&file.id) {
            return Err(here.fault(Fault::Configured));
        }
        if let Some(first) = self.users.insert(file.id.clone(), place) {
            return Err(here.repeats(&list.index(first).key("id")));
        }
        Ok(ListedUser { id: file.id, blocked: file.blocked, groups })
    }
}

/// Whether the configuration has this consumer for itself. What it says of one comes first in any
/// case: one that is disabled there stays so, whatever the list says.
fn takes(configured: Option<&Rc<Consumer>>) -> bool {
    configured.is_some_and(|it| !it.is_disabled())
}

/// Reads one entry. Nearly all are right, so it is first read directly, which takes a third of the
/// time. serde alone would read `null` as an absent field and an array as an object, and its errors
/// quote values: an entry that may have such, or does not fit, is read as the configuration is.
fn read<T: DeserializeOwned>(json: &[u8], here: &Pointer) -> Result<T, ConfigError> {
    let plain = json.starts_with(b"{") && memchr::memmem::find(json, b"null").is_none();
    if plain {
        if let Ok(entry) = serde_json::from_slice(json) {
            return Ok(entry);
        }
    }
    let value = document::parse_json(json).map_err(|it| match it.fault {
        // No list is a `Struct`, which the words for a configuration offer.
        Fault::Syntax(error) => here.fault(Fault::EntrySyntax { error, accepted: here.accepted() }),
        _ => here.around(it),
    })?;
    node::read_at(value, here)
}

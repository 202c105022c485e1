//! Consumers: who may call, with which keys, for which users, and for what.
//!
//! Only the SHA-256 of a key is stored. A digest reveals nothing about a key of enough randomness,
//! but it is still not in [`Consumer`] or in any error.

mod stored;

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use super::error::{ConfigError, Fault};
use super::file::ConsumerFile;
use super::group;
use super::identity::{self, Identities, Identity};
use super::list;
use super::pointer::Pointer;
use super::text;
use crate::pattern::Pattern;

/// The SHA-256 of a key.
pub(super) type Digest = [u8; 32];

/// The user or users that a consumer acts for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// For its own user.
    #[default]
    Consumer,
    /// For the user that each request names.
    Master,
}

/// A client that may call.
#[derive(Debug)]
pub struct Consumer {
    name: String,
    user: Option<String>,
    any_user: bool,
    groups: Box<[String]>,
    models: Option<Vec<Pattern>>,
    sizes: Option<Vec<String>>,
    expires_at: Option<Duration>,
    disabled: bool,
}

impl Consumer {
    /// The unique name, for records and metrics.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The user that the consumer acts for: the configured one, or else one with the name of the
    /// consumer. `None` for a master, whose requests name their users.
    pub fn user(&self) -> Option<&str> {
        self.user.as_deref()
    }

    /// Whether a request may name any end user instead of [`user`](Self::user).
    pub fn takes_any_user(&self) -> bool {
        self.any_user
    }

    /// The groups that it belongs to.
    pub fn groups(&self) -> &[String] {
        &self.groups
    }

    /// The user or users that the consumer acts for.
    pub fn role(&self) -> Role {
        if self.user.is_some() { Role::Consumer } else { Role::Master }
    }

    /// When its keys stop working, as the time since the Unix epoch.
    pub fn expires_at(&self) -> Option<Duration> {
        self.expires_at
    }

    /// Whether its keys are switched off.
    pub fn is_disabled(&self) -> bool {
        self.disabled
    }

    /// Whether it may use `model`: the name in the request, or the default one.
    pub fn allows_model(&self, model: &str) -> bool {
        self.models.as_ref().is_none_or(|list| list.iter().any(|pattern| pattern.matches(model)))
    }

    /// Whether it may request `size`: `auto` or `WIDTHxHEIGHT`. A request without a size means
    /// `auto`.
    pub fn allows_size(&self, size: &str) -> bool {
        self.sizes.as_ref().is_none_or(|list| list.iter().any(|allowed| allowed == size))
    }

    /// The patterns of [`allows_model`](Self::allows_model), for a message. Empty if every model is
    /// allowed.
    pub fn models(&self) -> impl Iterator<Item = String> {
        self.models.iter().flatten().map(ToString::to_string)
    }

    /// Those of them that are names and have no wildcard.
    pub fn named_models(&self) -> impl Iterator<Item = &str> {
        self.models.iter().flatten().filter_map(Pattern::literal)
    }

    /// The sizes of [`allows_size`](Self::allows_size), for a message. Empty if every size is
    /// allowed.
    pub fn sizes(&self) -> impl Iterator<Item = String> {
        self.sizes.iter().flatten().cloned()
    }

    pub(super) fn compile(file: ConsumerFile, here: &Pointer) -> Result<Self, ConfigError> {
        if !text::is_name(&file.name) {
            return Err(here.key("name").invalid());
        }
        let user = match (file.role, file.user) {
            (Role::Master, None) => None,
            (Role::Master, Some(_)) => return Err(here.key("user").fault(Fault::UserOfMaster)),
            (Role::Consumer, None) => Some(file.name.clone()),
            (Role::Consumer, Some(user)) if text::is_name(&user) => Some(user),
            (Role::Consumer, Some(_)) => return Err(here.key("user").invalid()),
        };
        if file.any_user && user.is_none() {
            return Err(here.key("any_user").fault(Fault::AnyUserOfMaster));
        }
        let size = |text: String, here: &Pointer| {
            if text::is_size(&text) { Ok(text) } else { Err(here.invalid()) }
        };
        Ok(Self {
            groups: group::compile(file.groups, &here.key("groups"))?,
            models: list::compile(file.models, &here.key("models"), list::pattern)?,
            sizes: list::compile(file.sizes, &here.key("sizes"), size)?,
            expires_at: file.expires_at.map(|time| time.0),
            disabled: file.disabled,
            name: file.name,
            any_user: file.any_user,
            user,
        })
    }
}

/// The consumers in their order, and the index of each key's consumer.
#[derive(Default)]
pub(super) struct Consumers {
    pub(super) list: Vec<Rc<Consumer>>,
    /// Its place, and that of the key in its list.
    by_digest: BTreeMap<Digest, (usize, usize)>,
    names: BTreeMap<String, usize>,
    by_identity: Identities,
}

impl Consumers {
    /// Compiles `consumers`. With `more`, others are fetched while Envoy runs, so there need be
    /// none here.
    pub(super) fn compile(
        file: Option<Vec<ConsumerFile>>,
        source: Option<&Identity>,
        more: bool,
    ) -> Result<Self, ConfigError> {
        let root = Pointer::default().key("consumers");
        let file = match file {
            None if !more => return Err(root.missing()),
            Some(list) if list.is_empty() && !more => return Err(root.empty()),
            list => list.unwrap_or_default(),
        };
        let (mut list, mut by_digest) = (Vec::new(), BTreeMap::new());
        let mut names = BTreeMap::new();
        let mut by_identity = Identities::new();
        for (index, mut entry) in file.into_iter().enumerate() {
            let here = root.index(index);
            let (keys, identities) = (entry.key_sha256.take(), entry.identities.take());
            let keys = match keys {
                None if identities.is_none() => return Err(here.key("key_sha256").missing()),
                None => Vec::new(),
                Some(keys) if keys.is_empty() => return Err(here.key("key_sha256").empty()),
                Some(keys) => keys,
            };
            identity::note(identities, index, &root, source, &mut by_identity)?;
            let digests = compile_digests(&keys, &here.key("key_sha256"))?;
            for (key, (digest, place)) in digests.into_iter().enumerate() {
                if let Some((first, its_key)) = by_digest.insert(digest, (index, key)) {
                    return Err(place.repeats(&root.index(first).key("key_sha256").index(its_key)));
                }
            }
            let consumer = Consumer::compile(entry, &here)?;
            let place = here.key("name");
            if let Some(first) = names.insert(consumer.name.clone(), index) {
                return Err(place.repeats(&root.index(first).key("name")));
            }
            list.push(Rc::new(consumer));
        }
        Ok(Self { list, by_digest, names, by_identity })
    }

    /// The consumer of this name.
    pub(super) fn named(&self, name: &str) -> Option<&Rc<Consumer>> {
        self.names.get(name).and_then(|index| self.list.get(*index))
    }

    /// The consumer whose key has this SHA-256.
    pub(super) fn of_digest(&self, digest: &Digest) -> Option<&Rc<Consumer>> {
        self.by_digest.get(digest).and_then(|(index, _)| self.list.get(*index))
    }

    /// The consumer with this name in the mesh.
    pub(super) fn known_as(&self, name: &str) -> Option<&Rc<Consumer>> {
        self.by_identity.get(name).and_then(|(index, _)| self.list.get(*index))
    }
}

/// The digests of `keys` and their places.
///
/// # Errors
///
/// One is no SHA-256, or that of the empty key.
pub(super) fn compile_digests(
    keys: &[String],
    here: &Pointer,
) -> Result<Vec<(Digest, Pointer)>, ConfigError> {
    let digests = keys.iter().enumerate().map(|(index, hex)| {
        let place = here.index(index);
        match parse_digest(hex) {
            Some(digest) if digest != EMPTY_KEY => Ok((digest, place)),
            _ => Err(place.invalid()),
        }
    });
    digests.collect()
}

/// 64 hexadecimal digits of either case.
fn parse_digest(hex: &str) -> Option<Digest> {
    let digits = hex.as_bytes();
    if digits.len() != DIGEST_DIGITS {
        return None;
    }
    let mut digest = Digest::default();
    for (byte, pair) in digest.iter_mut().zip(digits.chunks_exact(2)) {
        let value = pair.iter().try_fold(0_u8, |value, digit| {
            let nibble = u8::try_from(char::from(*digit).to_digit(16)?).ok()?;
            Some((value << 4) | nibble)
        });
        *byte = value?;
    }
    Some(digest)
}

/// Two for each byte.
const DIGEST_DIGITS: usize = 64;
/// The SHA-256 of no bytes: a script writes it for a key that it failed to read.
const EMPTY_KEY: Digest = [
    0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9, 0x24,
    0x27, 0xae, 0x41, 0xe4, 0x64, 0x9b, 0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_64_hexadecimal_digits() {
        let hex = "00ff".repeat(16);
        let digest: Digest = [[0, 0xff]; 16].concat().try_into().unwrap();
        assert_eq!(parse_digest(&hex), Some(digest));
        assert_eq!(parse_digest(&hex.to_uppercase()), Some(digest));
        for text in [
            "",
            "00",
            &"0".repeat(63),
            &"0".repeat(65),
            &"g".repeat(64),
            &"é".repeat(32),
            &"+f".repeat(32),
        ] {
            assert_eq!(parse_digest(text), None, "{text}");
        }
    }

    #[test]
    fn the_empty_key_is_known() {
        use sha2::Digest as _;
        assert_eq!(EMPTY_KEY, <Digest>::from(sha2::Sha256::digest(b"")));
    }
}

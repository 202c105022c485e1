//! Which consumer calls, and for which user.
//!
//! A key in the request names the consumer: one of the configuration, or of the list that is fetched
//! while Envoy runs. If the key is wrong, the request is rejected: it never
//! falls back to what the mesh says. Without a key, an earlier filter of Envoy names the consumer,
//! if the configuration says how.
//!
//! A consumer presents its key in `authorization: Bearer`, `x-api-key` or `api-key`: the spellings
//! of the OpenAI, Anthropic and Azure clients. The key is looked up by its SHA-256. An attacker
//! cannot choose a key whose digest comes close to a known one, so the time of the look-up reveals
//! nothing and need not be constant.

use std::rc::Rc;
use std::time::Duration;

use sha2::{Digest, Sha256};

use crate::config::{
    Config, Consumer, Identity, UnknownUsers, UserState, is_end_user, union_of_groups,
};
use crate::feed::{Directory, Found, Ownership, Person};
use crate::openai::error::KeyReason;

/// Why a request has no consumer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denied {
    /// The key is not accepted.
    Key(KeyReason),
    /// The configuration does not have the key, and the list that may have it has not been read
    /// yet.
    Unread,
}

impl From<KeyReason> for Denied {
    fn from(reason: KeyReason) -> Self {
        Self::Key(reason)
    }
}

/// For whom a request is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The user.
    pub user: String,
    /// The groups of the consumer and of the user, each once.
    pub groups: Vec<String>,
}

/// Why a request has no user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UserError {
    /// The key is a master key and the request names no user.
    Required,
    /// The request names a user other than the consumer's own.
    Foreign,
    /// The consumer takes any end user, but the request names the own user of another consumer.
    OfAnother,
    /// The key is a master key and the request names a user who is not in the configuration. Holds
    /// that name, cut to 128 bytes.
    Unknown(String),
    /// The request names what is the id of no user.
    Invalid,
    /// The user is blocked.
    Blocked,
    /// The configuration does not know the user, and the list that may has not been read yet.
    Unread,
}

/// Finds the consumer by the key in the request, or by the name from the mesh. The consumer may be
/// disabled or expired. `property` is the value of the property that [`wanted_property`] names.
///
/// The first header present, in the order `authorization`, `x-api-key`, `api-key`, decides. The
/// others are ignored. Names of headers are case-insensitive.
///
/// # Errors
///
/// There is no key, it is malformed, or no consumer has it; or no consumer has the name from the
/// mesh.
pub fn identify(
    directory: &Directory<'_>,
    headers: &[(&str, &[u8])],
    property: Option<&[u8]>,
) -> Result<Rc<Consumer>, Denied> {
    match find_key(headers) {
        Ok(key) => {
            let digest = Sha256::digest(key).into();
            known(directory.consumer_of(&digest), KeyReason::Unknown)
        }
        Err(KeyReason::Missing) => identify_by_mesh(directory, headers, property),
        Err(reason) => Err(reason.into()),
    }
}

fn known(found: Found<Rc<Consumer>>, otherwise: KeyReason) -> Result<Rc<Consumer>, Denied> {
    match found {
        Found::Is(consumer) => Ok(consumer),
        Found::Absent => Err(otherwise.into()),
        Found::Unread => Err(Denied::Unread),
    }
}

/// The property that names the consumer. `None` if the configuration names no property.
#[must_use]
pub fn wanted_property(config: &Config) -> Option<&[String]> {
    match config.identity() {
        Some(Identity::Property(path)) => Some(path),
        Some(Identity::Header(_)) | None => None,
    }
}

/// The consumer by the name that an earlier filter gives. If the header is there twice, it names no
/// consumer: one of the two may be the client's own.
fn identify_by_mesh(
    directory: &Directory<'_>,
    headers: &[(&str, &[u8])],
    property: Option<&[u8]>,
) -> Result<Rc<Consumer>, Denied> {
    let name = match directory.config.identity() {
        None => return Err(KeyReason::Missing.into()),
        Some(Identity::Property(_)) => property,
        Some(Identity::Header(header)) => {
            let mut found = headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case(header));
            match (found.next(), found.next()) {
                (Some(_), Some(_)) => return Err(KeyReason::UnknownIdentity.into()),
                (first, _) => first.map(|(_, value)| *value),
            }
        }
    };
    let name = name.filter(|name| !name.is_empty()).ok_or(KeyReason::Missing)?;
    let name = std::str::from_utf8(name).map_err(|_| KeyReason::UnknownIdentity)?;
    known(directory.consumer_known_as(name), KeyReason::UnknownIdentity)
}

/// Checks that a consumer may call at `now`, the time since the Unix epoch.
///
/// # Errors
///
/// It is disabled, or it has expired.
pub fn check_validity(consumer: &Consumer, now: Duration) -> Result<(), KeyReason> {
    if consumer.is_disabled() {
        return Err(KeyReason::Disabled);
    }
    if consumer.expires_at().is_some_and(|end| now >= end) {
        return Err(KeyReason::Expired);
    }
    Ok(())
}

/// Finds the user that a request is made for. `requested` is the user that the request names. An
/// empty name is no name.
///
/// # Errors
///
/// The consumer may not act for that user, or the user may not be served.
pub fn resolve_user(
    directory: &Directory<'_>,
    consumer: &Consumer,
    requested: Option<&str>,
) -> Result<Caller, UserError> {
    let requested = requested.filter(|user| !user.is_empty());
    let user = match (consumer.user(), requested) {
        (Some(_), Some(requested)) if consumer.takes_any_user() => {
            return end_user(directory, consumer, requested);
        }
        (Some(own), Some(requested)) if own != requested => return Err(UserError::Foreign),
        (Some(own), _) => own,
        (None, None) => return Err(UserError::Required),
        (None, Some(requested)) => requested,
    };
    let person = person(directory, user)?;
    match (person.state, directory.config.unknown_users()) {
        (UserState::Known, _) => Ok(caller(consumer, user, &person)),
        (UserState::Blocked, _) => Err(UserError::Blocked),
        // What could not be the id of a listed user is not admitted either: ids become keys of
        // counters.
        (UserState::Unknown, _) if !is_end_user(user) => Err(UserError::Invalid),
        (UserState::Unknown, UnknownUsers::Admit) => Ok(caller(consumer, user, &person)),
        (UserState::Unknown, UnknownUsers::Reject) => Err(UserError::Unknown(shorten(user))),
    }
}

/// The end user named by a consumer that takes any, listed or not. The own users of other consumers
/// are excluded: one key must not use up the limits of another.
fn end_user(
    directory: &Directory<'_>,
    consumer: &Consumer,
    user: &str,
) -> Result<Caller, UserError> {
    let person = person(directory, user)?;
    let is_own = consumer.user() == Some(user);
    match (person.state, person.own) {
        (UserState::Blocked, _) => Err(UserError::Blocked),
        (_, Ownership::Own) if !is_own => Err(UserError::OfAnother),
        (_, Ownership::Unread) if !is_own => Err(UserError::Unread),
        _ if is_end_user(user) => Ok(caller(consumer, user, &person)),
        _ => Err(UserError::Invalid),
    }
}

fn person(directory: &Directory<'_>, user: &str) -> Result<Person, UserError> {
    match directory.user(user) {
        Found::Is(person) => Ok(person),
        Found::Absent | Found::Unread => Err(UserError::Unread),
    }
}

fn caller(consumer: &Consumer, user: &str, person: &Person) -> Caller {
    let groups = union_of_groups(consumer.groups(), &person.groups).into_owned();
    Caller { user: user.to_owned(), groups }
}

/// The key in the header that decides.
fn find_key<'h>(headers: &[(&str, &'h [u8])]) -> Result<&'h [u8], KeyReason> {
    for scheme in [Scheme::Bearer, Scheme::Plain("x-api-key"), Scheme::Plain("api-key")] {
        let named = |(name, _): &&(&str, &[u8])| name.eq_ignore_ascii_case(scheme.header());
        let mut found = headers.iter().filter(named);
        match (found.next(), found.next()) {
            (None, _) => {}
            (Some((_, value)), None) => return scheme.key_in(value).ok_or(KeyReason::Malformed),
            (Some(_), Some(_)) => return Err(KeyReason::Ambiguous),
        }
    }
    Err(KeyReason::Missing)
}

/// How a header carries a key.
#[derive(Clone, Copy)]
enum Scheme {
    /// `authorization: Bearer KEY` (RFC 6750 §2.1).
    Bearer,
    /// The key is the value of this header.
    Plain(&'static str),
}

impl Scheme {
    fn header(self) -> &'static str {
        match self {
            Self::Bearer => "authorization",
            Self::Plain(name) => name,
        }
    }

    /// The key in `value`. `None` if it is not one that the configuration can hold.
    fn key_in(self, value: &[u8]) -> Option<&[u8]> {
        let value = value.trim_ascii();
        let key = match self {
            Self::Plain(_) => value,
            // RFC 9110 §11.1: the scheme is case-insensitive, and spaces follow it.
            Self::Bearer => {
                let (scheme, rest) = value.split_at_checked(BEARER.len())?;
                let key = rest.trim_ascii_start();
                let separate = key.len() < rest.len();
                (scheme.eq_ignore_ascii_case(BEARER) && separate).then_some(key)?
            }
        };
        let fits = (1..=MAX_KEY_BYTES).contains(&key.len());
        (fits && key.iter().all(u8::is_ascii_graphic)).then_some(key)
    }
}

/// At most 128 bytes of `user`, for a message.
fn shorten(user: &str) -> String {
    let fits = |(at, c): &(usize, char)| at.saturating_add(c.len_utf8()) <= MAX_SHOWN_BYTES;
    user.char_indices().take_while(fits).map(|(_, c)| c).collect()
}

const BEARER: &[u8] = b"bearer";
/// Keys usually have a few dozen characters. Longer ones only cost hashing.
const MAX_KEY_BYTES: usize = 512;
/// As long as an id may be.
const MAX_SHOWN_BYTES: usize = 128;

#[cfg(test)]
mod tests;

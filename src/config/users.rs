//! `users`: what is known about the users that requests are made for.

use std::collections::BTreeMap;

use super::consumer::Consumers;
use super::error::ConfigError;
use super::file::UserFile;
use super::pointer::Pointer;
use super::{group, text};

/// What is known about a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UserState {
    /// Listed under `users`, or the user of a consumer.
    Known,
    /// Listed as blocked.
    Blocked,
    /// Not in the configuration.
    Unknown,
}

/// What happens if a request with a master key names a user who is not in the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum UnknownUsers {
    /// Reject the request.
    Reject,
    /// Serve the request.
    Admit,
}

/// A user in the configuration.
pub(super) struct User {
    pub(super) state: UserState,
    pub(super) groups: Box<[String]>,
    /// Whether a consumer acts for the user if a request names none.
    pub(super) is_own: bool,
    /// Whether `users` has it, or a consumer that is not disabled acts for it.
    pub(super) is_configured: bool,
}

/// The users by their ids.
pub(super) type Users = BTreeMap<String, User>;

/// Every user in the document, the listed ones and those that consumers act for, and their groups.
///
/// # Errors
///
/// The first field that breaks a rule.
pub(super) fn compile(
    file: Vec<UserFile>,
    here: &Pointer,
    consumers: &Consumers,
) -> Result<Users, ConfigError> {
    let mut places = BTreeMap::new();
    let mut users = Users::new();
    for consumer in &consumers.list {
        let Some(id) = consumer.user() else { continue };
        let user = users.entry(id.to_owned()).or_insert_with(|| User {
            state: UserState::Known,
            groups: Box::default(),
            is_own: true,
            is_configured: false,
        });
        user.is_configured |= !consumer.is_disabled();
    }
    for (index, entry) in file.into_iter().enumerate() {
        let place = here.index(index).key("id");
        if !text::is_end_user(&entry.id) {
            return Err(place.invalid());
        }
        if let Some(first) = places.insert(entry.id.clone(), index) {
            return Err(place.repeats(&here.index(first).key("id")));
        }
        let groups = group::compile(entry.groups, &here.index(index).key("groups"))?;
        let state = if entry.blocked { UserState::Blocked } else { UserState::Known };
        let is_own = users.contains_key(&entry.id);
        users.insert(entry.id, User { state, groups, is_own, is_configured: true });
    }
    Ok(users)
}

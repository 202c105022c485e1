//! Who may call: the consumers, their users, and where more of both come from.

use std::rc::Rc;

use super::consumer::Consumers;
use super::error::ConfigError;
use super::file::{ConsumerFile, IdentityFile, SourceFile, UserFile};
use super::identity::{self, Identity};
use super::pointer::Pointer;
use super::source::{self, Source};
use super::users::{self, Users};
use super::{Config, Consumer, UnknownUsers, UserState};

/// The sections `identity`, `consumers`, `consumers_from`, `users` and `unknown_users`.
pub(super) struct Callers {
    pub(super) consumers: Consumers,
    pub(super) consumers_from: Option<Source>,
    identity: Option<Identity>,
    pub(super) users: Users,
    pub(super) unknown_users: UnknownUsers,
}

impl Callers {
    /// Compiles these sections.
    ///
    /// # Errors
    ///
    /// The first field that breaks a rule.
    pub(super) fn compile(
        identity: Option<IdentityFile>,
        consumers_from: Option<SourceFile>,
        consumers: Option<Vec<ConsumerFile>>,
        users: Vec<UserFile>,
        unknown_users: Option<UnknownUsers>,
    ) -> Result<Self, ConfigError> {
        let identity = identity::compile(identity)?;
        let consumers_from = source::compile(consumers_from)?;
        let fetches = consumers_from.is_some();
        let consumers = Consumers::compile(consumers, identity.as_ref(), fetches)?;
        let users = users::compile(users, &Pointer::default().key("users"), &consumers)?;
        let unknown_users = unknown_users.unwrap_or(UnknownUsers::Reject);
        Ok(Self { consumers, consumers_from, identity, users, unknown_users })
    }
}

/// What the exchange asks about callers.
impl Config {
    /// The consumers in the order of the document.
    pub fn consumers(&self) -> &[Rc<Consumer>] {
        &self.callers.consumers.list
    }

    /// Where more consumers and users are fetched from while Envoy runs.
    pub fn consumers_from(&self) -> Option<&Source> {
        self.callers.consumers_from.as_ref()
    }

    /// The consumer of this name.
    pub fn consumer(&self, name: &str) -> Option<&Rc<Consumer>> {
        self.callers.consumers.named(name)
    }

    /// The consumer whose key has this SHA-256.
    pub fn consumer_of(&self, digest: &[u8; 32]) -> Option<&Rc<Consumer>> {
        self.callers.consumers.of_digest(digest)
    }

    /// Where an earlier filter puts the name of the caller.
    pub fn identity(&self) -> Option<&Identity> {
        self.callers.identity.as_ref()
    }

    /// The consumer with this name in the mesh.
    pub fn consumer_known_as(&self, name: &str) -> Option<&Rc<Consumer>> {
        self.callers.consumers.known_as(name)
    }

    /// What is known about the user `id`.
    pub fn user(&self, id: &str) -> UserState {
        self.callers.users.get(id).map_or(UserState::Unknown, |user| user.state)
    }

    /// Whether `users` has the user `id`, or a consumer that is not disabled acts for it.
    pub(super) fn is_configured_user(&self, id: &str) -> bool {
        self.callers.users.get(id).is_some_and(|user| user.is_configured)
    }

    /// The groups of the user `id`.
    pub fn groups_of_user(&self, id: &str) -> &[String] {
        self.callers.users.get(id).map(|user| &*user.groups).unwrap_or_default()
    }

    /// Whether a consumer acts for the user `id` if a request names no user.
    pub fn is_own_user(&self, id: &str) -> bool {
        self.callers.users.get(id).is_some_and(|user| user.is_own)
    }

    /// What happens to users who are not in the configuration.
    pub fn unknown_users(&self) -> UnknownUsers {
        self.callers.unknown_users
    }
}

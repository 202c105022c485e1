//! Consumers and users of the configuration and of the list together. What the configuration says
//! comes first.

use std::borrow::Cow;
use std::rc::Rc;

use super::handle::Feed;
use super::lookup::{Found, User};
use crate::config::{Config, Consumer, UserState, union_of_groups};
use crate::limits::Store;

/// Everybody who may call, and for whom.
#[derive(Clone, Copy)]
pub struct Directory<'d> {
    /// The configuration.
    pub config: &'d Config,
    feed: Option<(&'d Feed, &'d dyn Store)>,
}

/// What is known about a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// Whether the user may be served.
    pub state: UserState,
    /// Whether a consumer acts for the user.
    pub own: Ownership,
    /// The groups that the user belongs to.
    pub groups: Vec<String>,
}

/// Whether a consumer acts for a user if a request names no user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ownership {
    /// One does.
    Own,
    /// None does.
    Free,
    /// None of the configuration does, and the list has not been read yet.
    Unread,
}

impl<'d> Directory<'d> {
    /// Those of `config` and, if there is one, of the list in `feed`.
    #[must_use]
    pub const fn new(config: &'d Config, feed: Option<(&'d Feed, &'d dyn Store)>) -> Self {
        Self { config, feed }
    }

    /// The consumer whose key has this SHA-256.
    #[must_use]
    pub fn consumer_of(&self, digest: &[u8; 32]) -> Found<Rc<Consumer>> {
        match self.config.consumer_of(digest) {
            Some(consumer) => Found::Is(Rc::clone(consumer)),
            None => self.listed(|feed, store| feed.consumer_of(store, digest)),
        }
    }

    /// The consumer with this name in the mesh.
    #[must_use]
    pub fn consumer_known_as(&self, name: &str) -> Found<Rc<Consumer>> {
        match self.config.consumer_known_as(name) {
            Some(consumer) => Found::Is(Rc::clone(consumer)),
            None => self.listed(|feed, store| feed.consumer_known_as(store, name)),
        }
    }

    /// A list that names a consumer of the configuration is refused, unless that one is disabled.
    /// But an update may have added the consumer since: its name, and so its limits and records, is
    /// then that one's alone.
    fn listed(
        &self,
        find: impl FnOnce(&Feed, &dyn Store) -> Found<Consumer>,
    ) -> Found<Rc<Consumer>> {
        let Some((feed, store)) = self.feed else { return Found::Absent };
        match find(feed, store) {
            Found::Is(consumer) if self.config.consumer(consumer.name()).is_some() => Found::Absent,
            Found::Is(consumer) => Found::Is(Rc::new(consumer)),
            Found::Absent => Found::Absent,
            Found::Unread => Found::Unread,
        }
    }

    /// The user of this id. Unread only if the configuration does not know the user.
    #[must_use]
    pub fn user(&self, id: &str) -> Found<Person> {
        let known = self.config.user(id);
        let is_own = self.config.is_own_user(id);
        let ownership = |own: bool| if own { Ownership::Own } else { Ownership::Free };
        let groups = self.config.groups_of_user(id);
        let person = |state, own, groups: Cow<'_, [String]>| {
            Found::Is(Person { state, own, groups: groups.into_owned() })
        };
        let Some((feed, store)) = self.feed else {
            return person(known, ownership(is_own), groups.into());
        };
        match (feed.user(store, id), known) {
            (Found::Unread, UserState::Unknown) => Found::Unread,
            (Found::Unread, _) if is_own => person(known, Ownership::Own, groups.into()),
            (Found::Unread, _) => person(known, Ownership::Unread, groups.into()),
            (Found::Absent, _) => person(known, ownership(is_own), groups.into()),
            (Found::Is(User { blocked: true, .. }), _) | (_, UserState::Blocked) => {
                person(UserState::Blocked, ownership(is_own), groups.into())
            }
            (Found::Is(user), _) => {
                let groups = union_of_groups(groups, &user.groups);
                person(UserState::Known, ownership(is_own || user.own), groups)
            }
        }
    }
}

//! The gauges that are the same for all workers: of all configurations that are in force.
//!
//! Each listener may have a configuration of its own, and an old one is in force until its listener
//! has drained.

use std::collections::BTreeMap;
use std::rc::{Rc, Weak};
use std::time::Duration;

use super::metrics::{Count, LIST_AGE, LISTED, MAX_OPEN_EXCHANGES};
use super::shared::Shared;
use crate::feed::Feed;

/// The configurations that are in force, the newest last. One is in force until it is dropped.
#[derive(Debug, Default)]
pub struct InForce(Vec<Weak<Shared>>);

impl InForce {
    /// Adds the newest configuration.
    pub fn add(&mut self, newest: &Rc<Shared>) {
        self.0.retain(|it| it.strong_count() > 0);
        self.0.push(Rc::downgrade(newest));
    }

    /// The gauges of all of them at `now`. `None` unless `shared` is the newest: one sets them.
    #[must_use]
    pub fn gauges_by(&self, shared: &Rc<Shared>, now: Duration) -> Option<Vec<Count>> {
        let all: Vec<_> = self.0.iter().filter_map(Weak::upgrade).collect();
        let newest = all.last().filter(|it| Rc::ptr_eq(it, shared))?;
        // Of upstreams that share a name, that of the newest configuration counts.
        let upstreams = all.iter().flat_map(|it| it.upstream_gauges(now));
        let upstreams: BTreeMap<_, _> =
            upstreams.map(|gauge| (gauge.name().into_owned(), gauge)).collect();
        let mut gauges: Vec<_> = upstreams.into_values().collect();
        gauges.extend(of_lists(&all, now));
        let most = newest.config.max_open_exchanges();
        gauges.push(MAX_OPEN_EXCHANGES.of(u64::try_from(most).unwrap_or(u64::MAX)));
        Some(gauges)
    }
}

/// The age of the oldest list of consumers, so that none goes stale unseen, and how many consumers
/// all of them have. None if there is no list.
fn of_lists(configurations: &[Rc<Shared>], now: Duration) -> Vec<Count> {
    let mut lists: Vec<(&Feed, &Shared)> = Vec::new();
    for shared in configurations {
        if let Some(feed) = shared.feed() {
            if !lists.iter().any(|(other, _)| other.is_same(feed)) {
                lists.push((feed, shared));
            }
        }
    }
    let Some(age) = lists.iter().map(|(feed, shared)| feed.age(shared.store(), now)).max() else {
        return Vec::new();
    };
    let listed = lists.iter().map(|(feed, shared)| u64::from(feed.consumers(shared.store())));
    vec![LIST_AGE.of(age.as_secs()), LISTED.of(listed.fold(0, u64::saturating_add))]
}

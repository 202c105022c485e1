//! The gauges that are the same for all workers: of all configurations that are in force.
//!
//! Each listener may have a configuration of its own, and an old one is in force until its listener
//! has drained.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use super::metrics::{Count, LIST_AGE, LISTED, MAX_OPEN_EXCHANGES};
use super::shared::Shared;
use crate::feed::Feed;

/// The gauges of these configurations at `now`; the newest of them is the last.
#[must_use]
pub fn gauges(configurations: &[Rc<Shared>], now: Duration) -> Vec<Count> {
    // Of upstreams that share a name, that of the newest configuration counts.
    let upstreams = configurations.iter().flat_map(|it| it.upstream_gauges(now));
    let upstreams: BTreeMap<_, _> =
        upstreams.map(|gauge| (gauge.name().into_owned(), gauge)).collect();
    let mut gauges: Vec<_> = upstreams.into_values().collect();
    gauges.extend(of_lists(configurations, now));
    gauges.extend(configurations.last().map(|newest| {
        let most = newest.config.max_open_exchanges();
        MAX_OPEN_EXCHANGES.of(u64::try_from(most).unwrap_or(u64::MAX))
    }));
    gauges
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

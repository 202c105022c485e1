//! What operators see of the lists: one gauge for all of them, whichever listener reads which.

use std::rc::Rc;
use std::time::Duration;

use imagegate::exchange::metrics::Count;
use imagegate::exchange::{InForce, Shared, Vm};
use imagegate::feed::{Answer, Feed, Watch};
use serde_json::{Value, json};

use super::world::{list, reading, secs};
use crate::support::{NOW, SharedData};

/// A configuration over `store` that reads the list at `path`, with `more` laid over it.
fn over(store: &SharedData, path: &str, more: &Value) -> (Rc<Shared>, Feed) {
    let mut document = json!({"consumers_from": {
        "cluster": "keys", "authority": "keys.example", "path": path,
    }});
    for (name, value) in more.as_object().unwrap() {
        document[name] = value.clone();
    }
    let config = reading(&document);
    let feed = Feed::claim(store, config.consumers_from().unwrap(), NOW).unwrap();
    let shared = Shared::new(config, Rc::<Vm>::default(), Box::new(store.clone()));
    (Rc::new(shared.with_feed(feed.clone())), feed)
}

/// One worker reads this list at `now`, whatever was read before.
fn read(store: &SharedData, shared: &Shared, feed: &Feed, names: &[&str], now: Duration) {
    let mut watch = Watch::new(feed.clone(), now.as_secs(), 0);
    assert_eq!(watch.tick(store, &shared.config, true, &|| now).len(), 1);
    watch.started(store, Ok(1), now);
    let text = list(names);
    let answer = Answer { status: 200, etag: None, encoding: None, len: text.len() };
    let mut bytes = |from: usize, len: usize| text.as_bytes()[from..from + len].to_vec();
    watch.answered(store, 1, Some(&answer), &mut bytes, now);
    for _ in 0..200 {
        watch.tick(store, &shared.config, true, &|| now);
    }
}

/// The gauges of configurations that came in this order, as the last of them sets them.
fn gauges(configurations: &[&Rc<Shared>], now: Duration) -> Vec<Count> {
    let mut all = InForce::default();
    configurations.iter().for_each(|it| all.add(it));
    let (newest, others) = configurations.split_last().unwrap();
    assert!(others.iter().all(|it| all.gauges_by(it, now).is_none()), "another sets them, too");
    all.gauges_by(newest, now).unwrap()
}

fn amount(configurations: &[&Rc<Shared>], name: &str, now: Duration) -> Vec<u64> {
    let all = gauges(configurations, now);
    all.iter().filter(|it| it.name() == name).map(|it| it.amount).collect()
}

#[test]
fn a_list_that_is_not_read_any_more_is_seen_beside_another() {
    let store = SharedData::default();
    let (first, its_list) = over(&store, "/first", &json!({}));
    let (second, other_list) = over(&store, "/second", &json!({}));
    read(&store, &first, &its_list, &["ann", "bob"], NOW);
    read(&store, &second, &other_list, &["eve"], NOW);
    let later = NOW + secs(200);
    read(&store, &second, &other_list, &["eve"], later);
    let (age, listed) = ("imagegate_consumers_list_age_seconds", "imagegate_consumers_listed");
    for both in [[&first, &second], [&second, &first]] {
        assert_eq!(amount(&both, age, later), [200]);
        assert_eq!(amount(&both, listed, later), [3]);
    }
    assert_eq!(amount(&[&second], age, later), [0]);
    // An update of a configuration goes on with its list, while the old one is drained.
    let (updated, _) = over(&store, "/first", &json!({}));
    assert_eq!(amount(&[&first, &second, &updated], listed, later), [3]);
}

#[test]
fn each_configuration_shows_its_upstreams_and_the_newest_its_bound() {
    let store = SharedData::default();
    let (first, _) = over(&store, "/list", &json!({"max_open_exchanges": 10}));
    let more = json!({
        "max_open_exchanges": 20,
        "upstreams": {"other": {"api": "images", "authority": "api.example",
            "credential": {"bearer_env": "TOKEN"}}},
    });
    let (second, _) = over(&store, "/list", &more);
    for both in [[&first, &second], [&second, &first]] {
        for upstream in ["codex", "other"] {
            let name = format!("imagegate_upstream_rest_seconds.upstream.{upstream}");
            assert_eq!(amount(&both, &name, NOW), [0], "{name}");
        }
    }
    let most = "imagegate_max_open_exchanges";
    assert_eq!(amount(&[&first, &second], most, NOW), [20]);
    assert_eq!(amount(&[&second, &first], most, NOW), [10]);
}

#[test]
fn if_the_newest_configuration_is_dropped_the_one_before_sets_the_gauges() {
    let store = SharedData::default();
    let (first, _) = over(&store, "/list", &json!({}));
    let (second, _) = over(&store, "/list", &json!({}));
    let mut all = InForce::default();
    assert!(all.gauges_by(&first, NOW).is_none(), "it is not in force yet");
    all.add(&first);
    all.add(&second);
    assert!(all.gauges_by(&first, NOW).is_none());
    drop(second);
    assert!(all.gauges_by(&first, NOW).is_some());
}

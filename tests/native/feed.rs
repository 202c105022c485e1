//! The list of consumers that is fetched while Envoy runs, without Envoy: workers over one shared
//! data, and a server that answers as the test says.

mod differential;
mod gauges;
mod hostile;
mod refused;
mod requests;
mod takeover;
mod world;

use std::time::Duration;

use imagegate::config::UserState;
use imagegate::feed::{Answer, Directory, Feed, Found, Ownership, Severity, Watch};
use serde_json::json;

use crate::support::{NOW, SharedData, digest};
use world::{Served, World, list, reading, secs, served};

#[test]
fn one_fetch_serves_all_workers_and_a_change_takes_one_interval() {
    let mut world = World::new(5, &list(&["ann", "bob"]));
    assert_eq!(world.find("sk-ann"), Found::Unread);
    assert_eq!(world.find("sk-test-acme"), Found::Is("acme-web".to_owned()));
    let mut now = world.run(NOW, NOW + secs(3));
    assert_eq!(world.known(&["ann", "bob", "eve"]), [true, true, false]);
    assert_eq!(world.asked, [None]);
    // Read once more after the first reading, and then by its version.
    now = world.run(now, now + secs(20));
    assert_eq!(world.asked.len(), 5);
    assert!(world.asked[1].is_none() && world.asked[2..].iter().all(Option::is_some));
    world.serve(served(&list(&["bob", "eve"])));
    now = world.run(now, now + secs(10));
    assert_eq!(world.known(&["ann", "bob", "eve"]), [false, true, true]);
    assert_eq!(world.failures, 0);
    world.serve(served(&list(&[])));
    world.run(now, now + secs(10));
    assert_eq!(world.known(&["ann", "bob", "eve"]), [false, false, false]);
    let words: Vec<_> = world.log.iter().map(|(severity, _)| *severity).collect();
    assert_eq!(words, [Severity::Info; 3], "{:?}", world.log);
}

/// nginx makes the version of a file from its time in seconds and its length. So two files of one
/// second have the same version.
#[test]
fn a_second_change_that_the_version_hides_is_seen_as_well() {
    let mut world = World::new(2, &list(&["ann"]));
    let mut now = world.run(NOW, NOW + secs(30));
    let hidden = |text: &str| Served::Document(text.to_owned(), Some("W/\"5-100\"".to_owned()));
    world.serve(hidden(&list(&["bob"])));
    while !world.known(&["bob"])[0] {
        now = world.run(now, now + Duration::from_millis(100));
    }
    world.serve(hidden(&list(&["eve"])));
    world.run(now, now + secs(10));
    assert_eq!(world.known(&["bob", "eve"]), [false, true]);
}

#[test]
fn a_list_without_a_version_is_read_each_time() {
    let mut world = World::new(2, "");
    world.serve(Served::Document(list(&["ann"]), None));
    let now = world.run(NOW, NOW + secs(30));
    assert!(world.asked.len() >= 5 && world.asked.iter().all(Option::is_none));
    world.serve(Served::Document(list(&["bob"]), None));
    world.run(now, now + secs(10));
    assert_eq!(world.known(&["ann", "bob"]), [false, true]);
    // The change is no line in the log: each answer may be one.
    assert_eq!(world.log.len(), 1, "{:?}", world.log);
}

#[test]
fn users_and_groups_of_the_list_and_of_the_configuration_are_one() {
    let more = json!({"users": [{"id": "cfg", "groups": ["c"]}, {"id": "bad", "blocked": true}]});
    let text = json!({
        "consumers": [{"name": "ann", "key_sha256": [digest("sk-ann")], "user": "team",
            "groups": ["g"]}],
        "users": [{"id": "team", "groups": ["t"]}, {"id": "gone", "blocked": true}, {"id": "new"}],
    });
    let mut world = World::over(reading(&more), 1, &text.to_string());
    let user = |world: &World, id: &str| {
        Directory::new(&world.config, Some((&world.feed, &world.store))).user(id)
    };
    assert_eq!(user(&world, "team"), Found::Unread);
    let Found::Is(known) = user(&world, "cfg") else { panic!("the configuration knows it") };
    assert_eq!((known.state, known.own), (UserState::Known, Ownership::Unread));
    let Found::Is(own) = user(&world, "acme") else { panic!("the configuration knows it") };
    assert_eq!((own.state, own.own), (UserState::Known, Ownership::Own));
    world.run(NOW, NOW + secs(3));
    for (id, state, own, groups) in [
        ("team", UserState::Known, Ownership::Own, &["t"][..]),
        ("gone", UserState::Blocked, Ownership::Free, &[]),
        ("new", UserState::Known, Ownership::Free, &[]),
        ("cfg", UserState::Known, Ownership::Free, &["c"]),
        ("bad", UserState::Blocked, Ownership::Free, &[]),
        ("other", UserState::Unknown, Ownership::Free, &[]),
    ] {
        let Found::Is(person) = user(&world, id) else { panic!("{id}") };
        assert_eq!((person.state, person.own), (state, own), "{id}");
        assert_eq!(person.groups, groups, "{id}");
    }
}

/// An update of the configuration adds a consumer that the list in force has.
#[test]
fn what_an_update_adds_to_the_configuration_is_that_of_the_configuration() {
    let mut world = World::new(1, &list(&["ann", "bob"]));
    world.run(NOW, NOW + secs(3));
    let added = json!({"consumers": [
        {"name": "ann", "key_sha256": [digest("sk-other")]},
        {"name": "new", "key_sha256": [digest("sk-bob")]},
    ]});
    world.config = reading(&added);
    assert_eq!(world.find("sk-ann"), Found::Absent);
    assert_eq!(world.find("sk-other"), Found::Is("ann".to_owned()));
    assert_eq!(world.find("sk-bob"), Found::Is("new".to_owned()));
}

#[test]
fn lists_of_different_sources_do_not_mix_and_there_are_four_at_most() {
    let store = SharedData::default();
    let source = |path: &str| {
        let mut source = reading(&json!({})).consumers_from().unwrap().clone();
        source.path = path.to_owned();
        source
    };
    let claim = |path: &str, now| Feed::claim(&store, &source(path), now);
    let config = reading(&json!({}));
    let first = claim("/0", NOW).unwrap();
    let mut watch = Watch::new(first.clone(), 1, 0);
    watch.tick(&store, &config, true, &|| NOW);
    watch.started(&store, Ok(1), NOW);
    let text = list(&["ann"]);
    let answer = Answer { status: 200, etag: None, encoding: None, len: text.len() };
    let mut read = |from: usize, len: usize| text.as_bytes()[from..from + len].to_vec();
    watch.answered(&store, 1, Some(&answer), &mut read, NOW);
    for _ in 0..200 {
        watch.tick(&store, &config, true, &|| NOW);
    }
    assert_eq!(first.consumers(&store), 1);
    for path in ["/1", "/2", "/3"] {
        assert_eq!(claim(path, NOW).unwrap().consumers(&store), 0, "{path}");
    }
    assert!(claim("/4", NOW).is_none());
    // Whoever reads the first list again finds it, as after an update of the configuration.
    let again = claim("/0", NOW + secs(5)).unwrap();
    assert_eq!(again.consumers(&store), 1);
    // A list that nobody has read for a while makes room; the one that takes its place starts anew.
    let late = NOW + secs(700);
    let fifth = claim("/4", late).unwrap();
    let unread = |feed: &Feed| {
        let directory = Directory::new(&config, Some((feed, &store)));
        let digest: [u8; 32] = <sha2::Sha256 as sha2::Digest>::digest("sk-ann").into();
        matches!(directory.consumer_of(&digest), Found::Unread)
    };
    assert!(unread(&fifth));
    // And whoever still has the list that was there does not read the other.
    let mut watch = Watch::new(fifth, 2, 0);
    watch.tick(&store, &config, true, &|| late);
    watch.started(&store, Ok(2), late);
    let other = list(&["bob"]);
    let answer = Answer { status: 200, etag: None, encoding: None, len: other.len() };
    let mut read = |from: usize, len: usize| other.as_bytes()[from..from + len].to_vec();
    watch.answered(&store, 2, Some(&answer), &mut read, late);
    for _ in 0..200 {
        watch.tick(&store, &config, true, &|| late);
    }
    assert!(unread(&again));
}

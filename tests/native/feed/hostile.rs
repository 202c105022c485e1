//! Answers and clocks that mislead: a version that is not that of the list in force, a compressed
//! body, a clock that is set back.

use imagegate::feed::{Answer, Order, Severity, Watch};
use imagegate::limits::Store;

use super::world::{Served, World, list, secs, served};
use crate::support::NOW;

const STATE: &str = "imagegate.feed.0.state";

/// A worker puts a list in force and is held up before it notes the version. Another takes over,
/// and the server has the list before again: its version is the one that was noted.
#[test]
fn a_304_counts_only_for_the_list_in_force() {
    let mut world = World::new(2, &list(&["ann"]));
    let mut now = world.run(NOW, NOW + secs(30));
    let noted = world.store.get(STATE).0.unwrap();
    world.serve(served(&list(&["bob"])));
    now = world.run(now, now + secs(20));
    assert_eq!(world.known(&["ann", "bob"]), [false, true]);
    world.store.swap(STATE, &noted, None).unwrap();
    world.serve(served(&list(&["ann"])));
    world.run(now, now + secs(20));
    assert_eq!(world.known(&["ann", "bob"]), [true, false], "a revoked key still works");
}

/// What comes of an answer with this `content-encoding`, whose body is no list.
fn encoded(encoding: &str) -> Vec<Order> {
    let world = World::new(0, "");
    let mut watch = Watch::new(world.feed.clone(), 9, 0);
    watch.tick(&world.store, &world.config, true, &|| NOW);
    watch.started(&world.store, Ok(1), NOW);
    let encoding = Some(encoding.to_owned());
    let answer = Answer { status: 200, etag: None, encoding, len: 5 };
    let mut read = |from, len| b"{ ]}}"[from..from + len].to_vec();
    watch.answered(&world.store, 1, Some(&answer), &mut read, NOW)
}

#[test]
fn a_compressed_answer_is_refused_by_its_head() {
    for coding in ["gzip", "GZIP", "identity, br"] {
        let refused = encoded(coding);
        let Some(Order::Log(Severity::Warn, words)) = refused.last() else { panic!("{coding}") };
        assert!(words.contains("the answer has a `content-encoding`, accepted: none"), "{words}");
    }
    for coding in ["identity", "Identity", " ", ""] {
        assert!(encoded(coding).is_empty(), "the body is read: {coding}");
    }
}

#[test]
fn the_age_grows_after_a_clock_was_set_back() {
    let mut world = World::new(2, &list(&["ann"]));
    world.run(NOW, NOW + secs(12));
    world.serve(Served::Cut);
    let back = NOW - secs(86_400);
    let now = world.run(back, back + secs(120));
    let age = world.feed.age(&world.store, now);
    assert!(age > secs(100) && age <= secs(120), "{age:?}");
    assert_eq!(world.known(&["ann"]), [true]);
}

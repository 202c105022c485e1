//! A worker that is held up, or lost, while it reads a list; and updates of the configuration.

use std::time::Duration;

use imagegate::feed::Found;
use proptest::prelude::*;

use super::world::{Served, World, list, secs, served};
use crate::support::NOW;

#[test]
fn a_worker_that_is_lost_while_it_asks_is_replaced() {
    let mut world = World::new(2, &list(&["ann"]));
    world.tick(0, NOW);
    assert_eq!(world.asked.len(), 1);
    // The first worker is never heard of again. Its lease is its timeout and 10 s.
    let mut now = NOW;
    while world.find("sk-ann") == Found::Unread && now < NOW + secs(60) {
        now += Duration::from_millis(100);
        world.tick(1, now);
    }
    assert!(now >= NOW + secs(10) && now <= NOW + secs(20), "{:?}", now - NOW);
}

#[test]
fn an_update_of_the_configuration_takes_the_work_over_at_once() {
    let mut world = World::new(1, &list(&["ann"]));
    let mut now = world.run(NOW, NOW + secs(12));
    world.serve(Served::Silence);
    now = world.run(now, now + secs(6));
    world.serve(served(&list(&["bob"])));
    // The context of the new configuration, in the same VM. The list in force stays so.
    world.add_worker(1, 1);
    assert_eq!(world.known(&["ann"]), [true]);
    let before = now;
    while world.known(&["ann"])[0] {
        now += Duration::from_millis(100);
        world.tick(1, now);
        assert!(now < before + secs(10), "the key is still known");
    }
    assert_eq!(world.known(&["bob"]), [true]);
    // The context of the old one goes on with its tick, and changes nothing.
    world.tick(0, now);
    world.run(now, now + secs(12));
    assert_eq!(world.known(&["ann", "bob"]), [false, true]);
}

#[test]
fn a_clock_that_is_set_back_does_not_stop_the_reading() {
    let mut world = World::new(2, &list(&["ann"]));
    world.run(NOW, NOW + secs(12));
    world.serve(served(&list(&["bob"])));
    let back = NOW - secs(86_400);
    world.run(back, back + secs(12));
    assert_eq!(world.known(&["ann", "bob"]), [false, true]);
}

#[derive(Debug, Clone)]
enum Event {
    /// A worker ticks.
    Tick(usize),
    /// Time goes on, so that a lease may end.
    Wait(u64),
    /// The server has another list.
    Serve(usize),
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let event = prop_oneof![
        12 => (0..3_usize).prop_map(Event::Tick),
        3 => prop::sample::select(vec![10, 1_000, 5_000, 16_000]).prop_map(Event::Wait),
        1 => (0..LISTS.len()).prop_map(Event::Serve),
    ];
    prop::collection::vec(event, 1..600)
}

/// A list of these consumers and of others, so that it takes several ticks to read and to write.
fn long_list(names: &[&str]) -> Served {
    let others: Vec<_> = (0..60).map(|number| format!("other-{number}")).collect();
    let others = others.iter().map(String::as_str);
    served(&list(&names.iter().copied().chain(others).collect::<Vec<_>>()))
}

/// Each consumer is in some of them.
const LISTS: [&[&str]; 4] =
    [&["ann", "bob"], &["bob", "eve"], &["eve"], &["ann", "bob", "eve", "dan"]];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(30))]

    /// Whatever workers do, and whenever they are held up: who may call are those of one list, as a
    /// whole, and never those of none.
    #[test]
    fn the_list_in_force_is_always_one_whole_list(events in events()) {
        let mut world = World::new(3, "");
        world.serve(long_list(LISTS[0]));
        let mut now = world.run(NOW, NOW + secs(4));
        let everybody = ["ann", "bob", "eve", "dan"];
        let mut served_so_far = vec![0];
        for event in events {
            match event {
                Event::Tick(worker) => world.tick(worker, now),
                Event::Wait(millis) => now += Duration::from_millis(millis),
                Event::Serve(which) => {
                    world.serve(long_list(LISTS[which]));
                    served_so_far.push(which);
                }
            }
            let known = world.known(&everybody);
            let is_of = |which: &usize| {
                everybody.iter().zip(&known).all(|(name, it)| LISTS[*which].contains(name) == *it)
            };
            prop_assert!(served_so_far.iter().any(is_of), "{known:?}");
        }
        // Left alone, the workers agree on the last.
        world.run(now + secs(20), now + secs(45));
        let last = LISTS[*served_so_far.last().unwrap()];
        let expected: Vec<_> = everybody.iter().map(|name| last.contains(name)).collect();
        prop_assert_eq!(world.known(&everybody), expected);
    }
}

#![allow(clippy::unwrap_used, clippy::arithmetic_side_effects, reason = "a test may panic")]

use std::cell::RefCell;
use std::collections::HashMap;
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::limits::Conflict;

const NOW: Duration = Duration::from_secs(1_767_225_600);
const LONGEST: Duration = Duration::from_secs(7 * 86_400);
const KEY: Key<'static> = Key { name: "codex", fingerprint: "0f", longest: LONGEST };

/// Shared data of Envoy, in which another worker may write between a read and a write.
#[derive(Default)]
struct Data {
    values: RefCell<HashMap<String, (Vec<u8>, u32)>>,
    conflicts: RefCell<u32>,
}

impl Store for Data {
    fn get(&self, key: &str) -> (Option<Vec<u8>>, Option<u32>) {
        let values = self.values.borrow();
        values.get(key).map_or((None, None), |(value, token)| (Some(value.clone()), Some(*token)))
    }

    fn swap(&self, key: &str, value: &[u8], _: Option<u32>) -> Result<(), Conflict> {
        if *self.conflicts.borrow() > 0 {
            *self.conflicts.borrow_mut() -= 1;
            return Err(Conflict);
        }
        let token = self.get(key).1.unwrap_or_default();
        self.values.borrow_mut().insert(key.to_owned(), (value.to_vec(), token + 1));
        Ok(())
    }
}

const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

fn named(wait: u64) -> Refusal {
    Refusal { wait: Some(secs(wait)), ..Refusal::of(Cause::RateLimited) }
}

/// How long the upstream rests from `now` on, in seconds.
fn rests(data: &Data, now: Duration) -> Option<u64> {
    Some((read(data, KEY, now).resting(now)?.until - now).as_secs())
}

fn refuse(data: &Data, refusal: &Refusal, now: Duration) -> Option<u64> {
    note_refusal(data, KEY, refusal, now);
    rests(data, now)
}

#[test]
fn usage_that_says_the_same_is_not_written_again() {
    let data = Data::default();
    let written = || data.get("imagegate.upstream.codex").1.unwrap();
    let usage = |percent, after| Usage { percent, resets_at: NOW + secs(3_600) + after };
    note_usage(&data, KEY, usage(7, secs(0)), NOW);
    let first = written();
    note_usage(&data, KEY, usage(7, Duration::from_millis(900)), NOW);
    assert_eq!(written(), first);
    note_usage(&data, KEY, usage(7, secs(5)), NOW);
    note_usage(&data, KEY, usage(8, secs(5)), NOW);
    assert_eq!(written(), first + 2);
    assert_eq!(read(&data, KEY, NOW).used_percent(NOW), 8);
}

#[test]
fn a_named_time_is_kept_within_bounds() {
    let data = Data::default();
    assert_eq!(refuse(&data, &named(14_000), NOW), Some(14_000));
    assert_eq!(refuse(&data, &named(7), NOW), Some(14_000), "a later end stays");
    assert_eq!(refuse(&data, &named(u64::MAX), NOW), Some(LONGEST.as_secs()));
    let never = Data::default();
    assert_eq!(note_refusal(&never, Key { longest: Duration::ZERO, ..KEY }, &named(60), NOW), None);
    assert_eq!(rests(&never, NOW), None);
}

#[test]
fn pauses_without_a_named_time_grow_until_an_answer() {
    let data = Data::default();
    let refusal = Refusal::of(Cause::RateLimited);
    let mut now = NOW;
    for pause in [5, 10, 20, 40, 60, 60] {
        assert_eq!(refuse(&data, &refusal, now), Some(pause));
        assert_eq!(refuse(&data, &refusal, now), Some(pause), "one of the same time");
        now += secs(pause);
        assert_eq!(rests(&data, now), None);
    }
    note_serves(&data, KEY, now);
    assert_eq!(refuse(&data, &refusal, now), Some(5));
    assert_eq!(refuse(&data, &refusal, now + secs(5) + MEMORY), Some(5), "long ago");
}

#[test]
fn a_message_only_makes_a_pause_shorter() {
    let hinted =
        |secs| Refusal { hint: Some(Duration::from_secs(secs)), ..Refusal::of(Cause::RateLimited) };
    assert_eq!(refuse(&Data::default(), &hinted(2), NOW), Some(2));
    assert_eq!(refuse(&Data::default(), &hinted(600_000), NOW), Some(5));
}

#[test]
fn after_a_rest_one_request_calls_the_upstream() {
    let data = Data::default();
    assert!(claim(&data, KEY, NOW).is_ok(), "nothing is known");
    refuse(&data, &named(60), NOW);
    let over = NOW + secs(60);
    assert!(claim(&data, KEY, over).is_ok());
    assert!(claim(&data, KEY, over).is_err());
    assert_eq!(rests(&data, over), Some(5));
    // The upstream refuses again, or has not refused within a few seconds.
    assert_eq!(refuse(&data, &named(30), over + secs(1)), Some(30));
    assert!(claim(&data, KEY, over + secs(31)).is_ok());
    assert_eq!(rests(&data, over + secs(31) + PROBE), None);
    assert!(claim(&data, KEY, over + secs(31) + PROBE).is_ok());
    assert!(claim(&data, KEY, over + secs(31) + PROBE).is_ok());
}

#[test]
fn a_request_that_sends_nothing_leaves_the_call_to_another() {
    let data = Data::default();
    refuse(&data, &named(60), NOW);
    let over = NOW + secs(60);
    assert!(claim(&data, KEY, over).is_ok());
    release(&data, KEY, over);
    assert!(claim(&data, KEY, over + secs(1)).is_ok());
    // A request releases only its own call, and never a rest.
    release(&data, KEY, over);
    assert!(claim(&data, KEY, over + secs(1)).is_err());
    refuse(&data, &named(60), over + secs(2));
    release(&data, KEY, over + secs(1));
    assert_eq!(rests(&data, over + secs(2)), Some(60));
}

#[test]
fn an_answer_ends_a_probe_but_no_rest() {
    let data = Data::default();
    refuse(&data, &named(60), NOW);
    note_serves(&data, KEY, NOW + secs(1));
    assert_eq!(rests(&data, NOW + secs(1)), Some(59), "it was on its way");
    let over = NOW + secs(60);
    assert!(claim(&data, KEY, over).is_ok());
    note_serves(&data, KEY, over);
    assert!(claim(&data, KEY, over).is_ok());
    assert!(claim(&data, KEY, over).is_ok());
}

#[test]
fn only_the_first_refusal_begins_a_rest() {
    let data = Data::default();
    let note = |wait| note_refusal(&data, KEY, &named(wait), NOW);
    assert_eq!(note(60), Some(Resting { cause: Cause::RateLimited, until: NOW + secs(60) }));
    assert_eq!(note(60), None);
    assert_eq!(note(90), None, "it goes on");
    assert_eq!(rests(&data, NOW), Some(90));
}

#[test]
fn usage_is_known_until_it_resets() {
    let data = Data::default();
    note_usage(&data, KEY, Usage { percent: 87, resets_at: NOW + secs(60) }, NOW);
    refuse(&data, &named(30), NOW);
    let state = read(&data, KEY, NOW);
    assert_eq!((state.used_percent(NOW), state.used_percent(NOW + secs(60))), (87, 0));
    assert_eq!(rests(&data, NOW), Some(30));
}

#[test]
fn a_clock_that_is_a_little_late_changes_nothing() {
    let data = Data::default();
    let late = NOW - secs(1);
    refuse(&data, &named(u64::MAX), NOW);
    assert_eq!(rests(&data, late), Some(LONGEST.as_secs() + 1));
    assert!(claim(&data, KEY, NOW + LONGEST).is_ok());
    assert!(claim(&data, KEY, late + LONGEST).is_err());
}

#[test]
fn another_configuration_starts_without_a_rest() {
    let data = Data::default();
    refuse(&data, &named(60), NOW);
    assert_eq!(read(&data, Key { fingerprint: "10", ..KEY }, NOW), State::default());
    assert_eq!(read(&data, Key { name: "other", ..KEY }, NOW), State::default());
    assert_eq!(rests(&data, NOW), Some(60));
}

#[test]
fn configurations_in_force_together_do_not_overwrite_each_other() {
    let data = Data::default();
    let other = |fingerprint| Key { fingerprint, ..KEY };
    refuse(&data, &named(60), NOW);
    note_usage(&data, other("10"), Usage { percent: 7, resets_at: NOW + secs(60) }, NOW);
    assert_eq!(rests(&data, NOW), Some(60));
    assert_eq!(read(&data, other("10"), NOW).used_percent(NOW), 7);
    // Those that wrote last stay.
    let usage = Usage { percent: 9, resets_at: NOW + secs(60) };
    ["1", "2", "3", "4"].into_iter().for_each(|it| note_usage(&data, other(it), usage, NOW));
    assert_eq!((rests(&data, NOW), read(&data, other("1"), NOW).used_percent(NOW)), (None, 9));
    let len = data.get("imagegate.upstream.codex").0.unwrap().len();
    ["5", "6", "7", "8"].into_iter().for_each(|it| note_usage(&data, other(it), usage, NOW));
    assert_eq!(data.get("imagegate.upstream.codex").0.unwrap().len(), len);
}

#[test]
fn a_write_that_collides_with_another_worker_is_tried_again() {
    let data = Data { conflicts: RefCell::new(3), ..Data::default() };
    assert_eq!(refuse(&data, &named(60), NOW), Some(60));
    // After many collisions the write is dropped.
    let data = Data { conflicts: RefCell::new(u32::MAX), ..Data::default() };
    assert_eq!(refuse(&data, &named(60), NOW), None);
}

/// Shared data to which another worker writes just before the first write.
struct Racing<'a>(&'a Data, std::cell::Cell<bool>, &'a dyn Fn(&Data));

impl Store for Racing<'_> {
    fn get(&self, key: &str) -> (Option<Vec<u8>>, Option<u32>) {
        self.0.get(key)
    }

    fn swap(&self, key: &str, value: &[u8], token: Option<u32>) -> Result<(), Conflict> {
        match self.1.replace(true) {
            true => self.0.swap(key, value, token),
            false => {
                (self.2)(self.0);
                Err(Conflict)
            }
        }
    }
}

#[test]
fn of_two_workers_one_calls_and_a_rest_that_began_meanwhile_stays() {
    let over = NOW + secs(60);
    let race = |other: &dyn Fn(&Data), own: &dyn Fn(&dyn Store)| {
        let data = Data::default();
        refuse(&data, &named(60), NOW);
        own(&Racing(&data, std::cell::Cell::default(), other));
        rests(&data, over)
    };
    let claims = |data: &Data| assert!(claim(data, KEY, over).is_ok());
    assert_eq!(race(&claims, &|own| assert!(claim(own, KEY, over).is_err())), Some(5));
    let refuses = |data: &Data| {
        refuse(data, &named(30), over);
    };
    assert_eq!(race(&refuses, &|own| assert!(claim(own, KEY, over).is_err())), Some(30));
    assert_eq!(race(&refuses, &|own| note_serves(own, KEY, over)), Some(30));
    let own = |own: &dyn Store| {
        assert_eq!(note_refusal(own, KEY, &named(90), over), None, "it had begun");
    };
    assert_eq!(race(&refuses, &own), Some(90));
}

proptest! {
    #[test]
    fn any_value_is_read(text in "\\PC*", line in "(rest|used)( [0-9a-z_]{0,24}){0,5}") {
        let _ = State::parse(&text);
        let _ = State::parse(&format!("{line}\n{text}"));
    }

    #[test]
    fn a_state_is_read_as_it_was_written(
        until in 0..=u64::from(u32::MAX), level: u32, probed in 0..=u64::from(u32::MAX),
        cause in prop::sample::select(Cause::ALL.to_vec()), percent in 0_u8..=100,
    ) {
        let millis = Duration::from_millis;
        let rest = Rest { until: millis(until), level, probed_until: millis(probed), cause };
        let usage = Usage { percent, resets_at: millis(until) };
        for state in [
            State { rest: Some(rest), usage: Some(usage) },
            State { rest: Some(rest), usage: None },
            State { rest: None, usage: Some(usage) },
        ] {
            prop_assert_eq!(State::parse(&state.write().join("\n")), state);
        }
    }
}

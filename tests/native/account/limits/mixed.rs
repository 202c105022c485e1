//! Rules of all units at once, some of them in one slot, against a naive ledger: each request
//! counts once in each of them, however it ends.

use std::time::Duration;

use super::{START, rule, scope, store};
use imagegate::limits::local::{self, Outcome, Reservation};
use imagegate::limits::{Per, Rule, Unit, Window};
use proptest::prelude::*;

const MINUTE: Window = Window::Sliding(Duration::from_secs(60));
/// Longer than any case.
const PATIENCE: Duration = Duration::from_secs(1_000_000);

fn rules() -> Vec<Rule> {
    vec![
        rule("key-rpm", Per::Key, Unit::Requests, 6, MINUTE),
        rule("user-rpm", Per::User, Unit::Requests, 5, MINUTE),
        rule("user-day", Per::User, Unit::Requests, 900, Window::Day),
        rule("user-images", Per::User, Unit::Images, 9, MINUTE),
        rule("user-usd", Per::User, Unit::Usd, 9_000, Window::Month),
        rule("user-flight", Per::User, Unit::Concurrent, 4, Window::Now),
        rule("all-rpm", Per::Global, Unit::Requests, 900, MINUTE),
        Rule { shadow: true, ..rule("all-shadow", Per::Global, Unit::Requests, 2, Window::Day) },
    ]
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum End {
    Open,
    /// With this outcome, and in flight or not.
    Settled(Outcome, bool),
}

/// What was admitted.
#[derive(Debug)]
struct Request {
    names: (&'static str, &'static str),
    images: u64,
    at: Duration,
    end: End,
}

fn amount(unit: Unit, images: u64) -> u64 {
    match unit {
        Unit::Requests | Unit::Concurrent => 1,
        Unit::Usd => images * 10,
        _ => images,
    }
}

/// What `rule` counts for a caller as used and as reserved.
fn counted(ledger: &[Request], rule: &Rule, names: (&str, &str), now: Duration) -> (u64, u64) {
    let is_same = |it: &&Request| match rule.per {
        Per::Key => it.names.0 == names.0,
        Per::User => it.names.1 == names.1,
        _ => true,
    };
    let (mut used, mut reserved) = (0, 0);
    for it in ledger.iter().filter(is_same) {
        let in_window = now < rule.window.leaves(rule.window.interval(it.at));
        match (rule.unit, it.end) {
            (Unit::Concurrent, End::Open | End::Settled(_, true)) => reserved += 1,
            (Unit::Concurrent, End::Settled(_, false)) => {}
            (Unit::Requests, End::Open) => used += u64::from(in_window),
            (unit, End::Open) => reserved += amount(unit, it.images),
            (unit, End::Settled(outcome, _)) if in_window => used += outcome.of(unit),
            _ => {}
        }
    }
    (used, reserved)
}

#[derive(Debug, Clone)]
enum Step {
    Reserve(usize, u64),
    /// An open request; whether it went upstream, and with how many images.
    Settle(usize, bool, u64),
    Land(usize),
    Wait(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (0..4_usize, 0..4_u64).prop_map(|(who, images)| Step::Reserve(who, images)),
        3 => (any::<usize>(), any::<bool>(), 0..4_u64)
            .prop_map(|(place, left, images)| Step::Settle(place, left, images)),
        2 => any::<usize>().prop_map(Step::Land),
        2 => prop::sample::select(vec![1, 900, 5_000, 31_000, 61_000]).prop_map(Step::Wait),
    ];
    prop::collection::vec(step, 1..50)
}

const CALLERS: [(&str, &str); 4] = [("c", "u"), ("c", "v"), ("d", "u"), ("d", "v")];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn each_request_counts_once_under_each_rule(steps in steps()) {
        let (store, rules) = (store(), rules());
        let mut now = Duration::from_secs(START);
        let (mut ledger, mut held) = (Vec::<Request>::new(), Vec::<Reservation>::new());
        let place_of = |ledger: &[Request], wanted: &dyn Fn(End) -> bool, place: usize| {
            let found: Vec<_> = (0..ledger.len()).filter(|at| wanted(ledger[*at].end)).collect();
            (!found.is_empty()).then(|| found[place % found.len()])
        };
        for step in steps {
            match step {
                Step::Reserve(who, images) => {
                    let names = CALLERS[who];
                    let fits = rules.iter().filter(|it| !it.shadow).all(|rule| {
                        let (used, reserved) = counted(&ledger, rule, names, now);
                        amount(rule.unit, images) <= rule.max.saturating_sub(used + reserved)
                    });
                    let asked = |unit| amount(unit, images);
                    let (counters, scope) = (store.counters(), scope(names.0, names.1));
                    let result = local::reserve(counters, &rules, &scope, &asked, PATIENCE, now);
                    prop_assert_eq!(result.is_ok(), fits);
                    if let Ok(reserved) = result {
                        held.push(reserved.reservation);
                        ledger.push(Request { names, images, at: now, end: End::Open });
                    }
                }
                Step::Settle(place, left, images) => {
                    let Some(at) = place_of(&ledger, &|end| end == End::Open, place) else {
                        continue;
                    };
                    let images = if left { images } else { 0 };
                    let outcome = Outcome {
                        requests: u64::from(left),
                        images,
                        pixels: 0,
                        nanodollars: images * 10,
                    };
                    local::settle(store.counters(), &rules, &mut held[at], &outcome, now).unwrap();
                    ledger[at].end = End::Settled(outcome, true);
                }
                Step::Land(place) => {
                    let in_flight = |end| matches!(end, End::Settled(_, true));
                    let Some(at) = place_of(&ledger, &in_flight, place) else { continue };
                    local::land(store.counters(), std::mem::take(&mut held[at]), now).unwrap();
                    if let End::Settled(outcome, _) = ledger[at].end {
                        ledger[at].end = End::Settled(outcome, false);
                    }
                }
                Step::Wait(millis) => now += Duration::from_millis(millis),
            }
            for names in CALLERS {
                let statuses =
                    local::statuses(store.counters(), &rules, &scope(names.0, names.1), now);
                for it in statuses {
                    let expected = counted(&ledger, &rules[it.rule], names, now);
                    let name = &rules[it.rule].name;
                    prop_assert_eq!((it.used, it.reserved), expected, "{} {:?}", name, names);
                }
            }
        }
    }
}

//! The local engine of limits against a naive ledger.

use std::time::{Duration, UNIX_EPOCH};

use super::{PATIENCE, START, delivered, names, reserve, rule, scope, store};
use imagegate::limits::local::{self, Error, Outcome, Reserved};
use imagegate::limits::{Per, Scope, Unit, Window};
use proptest::prelude::*;

/// The UTC month, week's Monday or day of a time, in words.
fn period(window: Window, now: Duration) -> String {
    let date = humantime::format_rfc3339_seconds(UNIX_EPOCH + now).to_string();
    match window {
        Window::Month => date[..7].to_owned(),
        Window::Day => date[..10].to_owned(),
        Window::Week => {
            // 2024-01-01 was a Monday.
            let monday = 1_704_067_200_i128;
            ((i128::from(now.as_secs()) - monday).div_euclid(604_800)).to_string()
        }
        Window::Sliding(_) | Window::Now => panic!("{window:?} is no window of the calendar"),
    }
}

/// What was admitted, when, and how it ended.
#[derive(Debug, Clone, Copy)]
struct Entry {
    at: Duration,
    /// The amount that counts: first what is reserved, then what was used.
    amount: u64,
    held: bool,
}

/// The least and the most that a naive count gives as taken at `now`.
fn taken(ledger: &[Entry], window: Window, now: Duration) -> (u64, u64) {
    let count = |counts: &dyn Fn(&Entry) -> bool| {
        ledger.iter().filter(|entry| entry.held || counts(entry)).map(|entry| entry.amount).sum()
    };
    match window {
        Window::Sliding(length) => (
            count(&|entry| entry.at + length > now),
            count(&|entry| entry.at + length + length / 60 + Duration::from_millis(1) >= now),
        ),
        Window::Now => (count(&|_| false), count(&|_| false)),
        calendar => {
            let exact = count(&|entry| period(calendar, entry.at) >= period(calendar, now));
            (exact, exact)
        }
    }
}

#[derive(Debug, Clone)]
enum Step {
    Reserve(u64),
    /// Settles the oldest open reservation with this many images at most.
    Settle(u64),
    Release,
    /// Ends the oldest request that is settled.
    Land,
    Wait(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (0..4_u64).prop_map(Step::Reserve),
        2 => (0..4_u64).prop_map(Step::Settle),
        1 => Just(Step::Release),
        2 => Just(Step::Land),
        // In milliseconds. The long ones cross days, weeks and the leap day, but end before a
        // reservation expires.
        3 => prop::sample::select(vec![0, 1, 17, 999, 1_000, 5_000, 59_000, 60_000, 61_000])
            .prop_map(Step::Wait),
    ];
    prop::collection::vec(step, 1..60)
}

fn windows() -> impl Strategy<Value = Window> {
    prop::sample::select(vec![
        Window::Sliding(Duration::from_secs(1)),
        Window::Sliding(Duration::from_secs(60)),
        Window::Sliding(Duration::from_secs(86_400)),
        Window::Day,
        Window::Week,
        Window::Month,
        Window::Now,
    ])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn the_engine_admits_what_a_naive_ledger_admits(
        steps in steps(),
        window in windows(),
        max in 1..8_u64,
        hours in 0..24_u64,
        counts_requests: bool,
    ) {
        let store = store();
        let unit = match window {
            Window::Now => Unit::Concurrent,
            _ if counts_requests => Unit::Requests,
            _ => Unit::Images,
        };
        let rules = [rule("r", Per::User, unit, max, window)];
        let mut now = Duration::from_secs(START + hours * 86_400);
        let mut ledger: Vec<Entry> = Vec::new();
        let mut open: Vec<(usize, Reserved)> = Vec::new();
        let mut settled: Vec<(usize, Reserved)> = Vec::new();
        for step in steps {
            match step {
                Step::Reserve(images) => {
                    let amount = if unit == Unit::Images { images } else { 1 };
                    let (least, most) = taken(&ledger, window, now);
                    match reserve(&store, &rules, &scope("c", "u"), images, now) {
                        Ok(reserved) => {
                            prop_assert!(least + amount <= max, "{least} + {amount} > {max}");
                            open.push((ledger.len(), reserved));
                            // A request counts in its window only, even while it is in flight.
                            let held = unit != Unit::Requests;
                            ledger.push(Entry { at: now, amount, held });
                        }
                        Err(Error::Rejected(refused)) => {
                            prop_assert!(most + amount > max, "{most} + {amount} <= {max}");
                            prop_assert_eq!(refused.fits_at.is_none(), amount > max);
                            prop_assert!(refused.fits_at.is_none_or(|at| at > now));
                        }
                        Err(other) => prop_assert!(false, "{other:?}"),
                    }
                }
                Step::Settle(images) if !open.is_empty() => {
                    let (place, mut reserved) = open.remove(0);
                    let images = images.min(ledger[place].amount);
                    let held = &mut reserved.reservation;
                    local::settle(store.counters(), &rules, held, &delivered(images), now).unwrap();
                    if unit != Unit::Concurrent {
                        let used = if unit == Unit::Requests { 1 } else { images };
                        (ledger[place].held, ledger[place].amount) = (false, used);
                    }
                    settled.push((place, reserved));
                }
                Step::Release if !open.is_empty() => {
                    let (place, mut reserved) = open.remove(0);
                    let (held, outcome) = (&mut reserved.reservation, Outcome::default());
                    local::settle(store.counters(), &rules, held, &outcome, now).unwrap();
                    if unit != Unit::Concurrent {
                        (ledger[place].held, ledger[place].amount) = (false, 0);
                    }
                    settled.push((place, reserved));
                }
                Step::Land if !settled.is_empty() => {
                    let (place, reserved) = settled.remove(0);
                    local::land(store.counters(), reserved.reservation, now).unwrap();
                    if unit == Unit::Concurrent {
                        (ledger[place].held, ledger[place].amount) = (false, 0);
                    }
                }
                Step::Settle(_) | Step::Release | Step::Land => {}
                Step::Wait(millis) => now += Duration::from_millis(millis),
            }
            // No reservation expires in this test: all waits together are shorter than that takes.
            if now > Duration::from_secs(START + hours * 86_400) + PATIENCE {
                break;
            }
        }
    }

    #[test]
    fn each_group_admits_what_a_naive_ledger_of_its_own_admits(
        steps in prop::collection::vec((1..8_usize, 0..3_u64, 0..3_u64), 1..60),
        max in 1..8_u64,
    ) {
        let store = store();
        let rules = [rule("team", Per::Group, Unit::Images, max, Window::Day)];
        let now = Duration::from_secs(START - 3_600);
        let mut ledgers = [0_u64; 3];
        for (members, images, used) in steps {
            let belongs = |group: &usize| members & (1 << group) != 0;
            let of: Vec<usize> = (0..3).filter(belongs).collect();
            let groups = names(&of.iter().map(|it| ["a", "b", "c"][*it]).collect::<Vec<_>>());
            let scope = Scope { groups: &groups, ..scope("c", "u") };
            let fits = of.iter().all(|it| ledgers[*it] + images <= max);
            match reserve(&store, &rules, &scope, images, now) {
                Ok(mut reserved) => {
                    prop_assert!(fits, "{ledgers:?} {of:?} {images}");
                    let (held, used) = (&mut reserved.reservation, used.min(images));
                    local::settle(store.counters(), &rules, held, &delivered(used), now).unwrap();
                    of.iter().for_each(|it| ledgers[*it] += used);
                }
                Err(Error::Rejected(refused)) => {
                    prop_assert!(!fits, "{ledgers:?} {of:?} {images}");
                    prop_assert_eq!(refused.fits_at.is_none(), images > max);
                }
                Err(other) => prop_assert!(false, "{other:?}"),
            }
        }
        let all = names(&["a", "b", "c"]);
        let scope = Scope { groups: &all, ..scope("c", "u") };
        let statuses = local::statuses(store.counters(), &rules, &scope, now);
        prop_assert_eq!(statuses.iter().map(|it| it.used).collect::<Vec<_>>(), ledgers);
    }

    #[test]
    fn a_rejected_request_leaves_every_counter_as_it_was(images in 1..4_u64, before in 0..3_u64) {
        let store = store();
        let rules = [
            rule("many", Per::Key, Unit::Requests, 100, Window::Sliding(Duration::from_secs(60))),
            rule("few", Per::User, Unit::Images, 3, Window::Day),
            rule("dollars", Per::Global, Unit::Usd, 10_000_000_000, Window::Month),
        ];
        let now = Duration::from_secs(START);
        let scope = scope("c", "u");
        for _ in 0..before {
            let _ = reserve(&store, &rules, &scope, 1, now);
        }
        let statuses = local::statuses(store.counters(), &rules, &scope, now);
        if before + images > 3 {
            let result = reserve(&store, &rules, &scope, images, now);
            prop_assert!(matches!(result, Err(Error::Rejected(_))));
            prop_assert_eq!(local::statuses(store.counters(), &rules, &scope, now), statuses);
        }
    }
}

//! The table against a naive ledger, with more scopes than a slot has room for, and with workers
//! that are lost in the middle of a step.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use super::table::{ROOM, Watched, neighbours, several_kinds, unsalted};
use super::{PATIENCE, START, delivered, reserve, rule, scope, store};
use imagegate::limits::local::{self, Counters, Error};
use imagegate::limits::{Per, Unit, Window};
use proptest::prelude::*;

/// What one user has used, and when a request of that user was last counted.
type Ledger = BTreeMap<usize, (u64, u64)>;

/// Notes what a user has used. If there is no room, the longest unused user goes.
fn note(ledger: &mut Ledger, user: usize, used: u64, second: u64) {
    let before = ledger.remove(&user).map_or(0, |(used, _)| used);
    if ledger.len() == ROOM {
        let (oldest, _) = ledger.iter().min_by_key(|(_, (_, written))| *written).unwrap();
        let oldest = *oldest;
        ledger.remove(&oldest);
    }
    ledger.insert(user, (before + used, second));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn a_full_slot_counts_for_those_who_were_there_last(
        steps in prop::collection::vec((0..48_usize, 1..3_u64), 60..200),
    ) {
        let shelf = unsalted();
        let rules = [rule("images", Per::User, Unit::Images, 6, Window::Month)];
        let users = neighbours();
        let mut ledger = Ledger::new();
        for (second, (user, images)) in (0..).zip(steps) {
            let now = Duration::from_secs(START - 10_000 + second);
            let used = ledger.get(&user).map_or(0, |(used, _)| *used);
            match reserve(&shelf, &rules, &scope("c", &users[user]), images, now) {
                Ok(mut reserved) => {
                    prop_assert!(used + images <= 6);
                    let held = &mut reserved.reservation;
                    local::settle(shelf.counters(), &rules, held, &delivered(images), now).unwrap();
                    note(&mut ledger, user, images, second);
                }
                Err(Error::Rejected(_)) => prop_assert!(used + images > 6),
                Err(other) => prop_assert!(false, "{other:?}"),
            }
        }
    }
}

#[derive(Debug, Clone, Copy)]
enum Step {
    /// Reserves and settles this many images.
    Deliver(u64),
    /// Reserves, and is lost at this write.
    Lose(u64, usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => (1..3_u64).prop_map(Step::Deliver),
        1 => (1..3_u64, 0..5_usize).prop_map(|(images, write)| Step::Lose(images, write)),
    ];
    prop::collection::vec(step, 1..6)
}

proptest! {
    // A lock is taken over only after many looks.
    #![proptest_config(ProptestConfig::with_cases(6))]

    #[test]
    fn what_lost_workers_have_stored_in_part_never_counts(steps in steps()) {
        let shelf = store();
        let rules = several_kinds();
        let now = Duration::from_secs(START);
        let (mut images, mut requests) = (0, 0);
        for step in steps {
            match step {
                Step::Deliver(amount) => {
                    let result = reserve(&shelf, &rules, &scope("c", "u"), amount, now);
                    prop_assert_eq!(result.is_ok(), images + amount <= 5 && requests < 5);
                    let Ok(mut reserved) = result else { continue };
                    let held = &mut reserved.reservation;
                    local::settle(shelf.counters(), &rules, held, &delivered(amount), now).unwrap();
                    (images, requests) = (images + amount, requests + 1);
                }
                Step::Lose(amount, write) => {
                    let lost = Watched::new(&shelf.data, Some(write), &|| panic!("lost"));
                    let counters = Counters::new(&lost, &shelf.table);
                    let _ = catch_unwind(AssertUnwindSafe(|| {
                        local::reserve(counters, &rules, &scope("c", "u"), &|_| amount, PATIENCE, now)
                    }));
                }
            }
        }
        // The next reservation takes back what the last worker has left.
        let _ = reserve(&shelf, &rules, &scope("c", "u"), 9, now);
        let statuses = local::statuses(shelf.counters(), &rules, &scope("c", "u"), now);
        let counts: Vec<_> = statuses.iter().map(|it| (it.used, it.reserved)).collect();
        prop_assert_eq!(counts, [(images, 0), (requests, 0), (images, 0)]);
    }
}

//! Reservations in several slots, far from every limit: they take no lock.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use super::table::Watched;
use super::{PATIENCE, START, Shelf, delivered, reserve, rule, scope, store};
use imagegate::limits::local::{self, Counters, Error};
use imagegate::limits::{Per, Rule, Unit, Window};

const NOW: Duration = Duration::from_secs(START);

/// Rules of which each counts another kind of scope.
fn ample() -> [Rule; 3] {
    [
        rule("images", Per::User, Unit::Images, 400, Window::Month),
        rule("requests", Per::Key, Unit::Requests, 500, Window::Day),
        rule("all", Per::Global, Unit::Images, 9_000, Window::Sliding(Duration::from_secs(60))),
    ]
}

/// What is used and what is reserved under each rule.
fn counts(shelf: &Shelf, rules: &[Rule], now: Duration) -> Vec<(u64, u64)> {
    let statuses = local::statuses(shelf.counters(), rules, &scope("c", "u"), now);
    statuses.iter().map(|it| (it.used, it.reserved)).collect()
}

/// Reserves this many images. `at_write` runs before this write.
fn reserve_with(
    shelf: &Shelf,
    images: u64,
    write: usize,
    at_write: &dyn Fn(),
) -> Result<local::Reserved, Error> {
    let watched = Watched::new(&shelf.data, Some(write), at_write);
    let counters = Counters::new(&watched, &shelf.table);
    let amount = |unit: Unit| if unit == Unit::Images { images } else { 1 };
    local::reserve(counters, &ample(), &scope("c", "u"), &amount, PATIENCE, NOW)
}

fn is_locked(shelf: &Shelf, images: u64) -> bool {
    let watched = Watched::new(&shelf.data, None, &|| {});
    let counters = Counters::new(&watched, &shelf.table);
    let amount = |unit: Unit| if unit == Unit::Images { images } else { 1 };
    local::reserve(counters, &ample(), &scope("c", "u"), &amount, PATIENCE, NOW).unwrap();
    watched.written().iter().any(|key| key == "imagegate.limits.step")
}

#[test]
fn the_lock_is_taken_only_close_to_a_limit() {
    let shelf = store();
    assert!(!is_locked(&shelf, 1));
    assert!(!is_locked(&shelf, 1));
    // 400 images are too few for 64 more requests of 7.
    for _ in 0..42 {
        assert!(is_locked(&shelf, 7));
    }
    // A quarter of the limit is left until 300 are counted.
    for _ in 296..300 {
        assert!(!is_locked(&shelf, 1));
    }
    assert!(is_locked(&shelf, 1));
}

/// Whether a reservation under these rules takes the lock, if it is in dollars what `usd` says.
fn locks(shelf: &Shelf, rules: &[Rule], usd: u64) -> bool {
    let watched = Watched::new(&shelf.data, None, &|| {});
    let counters = Counters::new(&watched, &shelf.table);
    let amount = |unit: Unit| if unit == Unit::Usd { usd } else { 1 };
    local::reserve(counters, rules, &scope("c", "u"), &amount, PATIENCE, NOW).unwrap();
    watched.written().iter().any(|key| key == "imagegate.limits.step")
}

#[test]
fn a_rule_that_cannot_reject_a_request_needs_no_lock() {
    let ample = rule("b", Per::Key, Unit::Images, 100_000, Window::Month);
    let shelf = store();
    let shadow = Rule { shadow: true, ..rule("a", Per::User, Unit::Usd, 10, Window::Month) };
    let rules = [shadow, ample];
    assert!((0..20).all(|_| !locks(&shelf, &rules, 1)));
    let shelf = store();
    let [shadow, ample] = rules;
    let rules = [Rule { shadow: false, ..shadow }, ample];
    assert!(locks(&shelf, &rules, 10));
    assert!(!locks(&shelf, &rules, 0));
}

#[test]
fn a_reservation_that_is_overtaken_counts_once() {
    for write in 0..3 {
        let shelf = store();
        let rules = ample();
        reserve(&shelf, &rules, &scope("c", "u"), 1, NOW).unwrap();
        let other = || drop(reserve(&shelf, &rules, &scope("c", "u"), 2, NOW).unwrap());
        reserve_with(&shelf, 3, write, &other).unwrap();
        let found = counts(&shelf, &rules, NOW);
        assert_eq!(found, [(0, 6), (3, 0), (0, 6)], "overtaken at write {write}");
    }
}

#[test]
fn a_reservation_that_no_longer_fits_is_taken_back() {
    for write in 0..3 {
        let shelf = store();
        let rules = ample();
        reserve(&shelf, &rules, &scope("c", "u"), 1, NOW).unwrap();
        let result = RefCell::new(None);
        // The one who is faster takes all that the user has.
        let other = || {
            let user = [rule("images", Per::User, Unit::Images, 400, Window::Month)];
            *result.borrow_mut() = reserve(&shelf, &user, &scope("c", "u"), 399, NOW).ok();
        };
        let own = reserve_with(&shelf, 3, write, &other);
        assert_eq!(
            result.borrow().is_some(),
            matches!(own, Err(Error::Rejected(_))),
            "overtaken at write {write}"
        );
        let images = if own.is_ok() { 4 } else { 400 };
        let (requests, all) = if own.is_ok() { (2, 4) } else { (1, 1) };
        let found = counts(&shelf, &rules, NOW);
        assert_eq!(found, [(0, images), (requests, 0), (0, all)], "overtaken at write {write}");
    }
}

#[test]
fn what_a_lost_worker_has_stored_without_the_lock_expires() {
    for write in 0..3 {
        let shelf = store();
        let rules = ample();
        let mut first = reserve(&shelf, &rules, &scope("c", "u"), 1, NOW).unwrap();
        let held = &mut first.reservation;
        local::settle(shelf.counters(), &rules, held, &delivered(1), NOW).unwrap();
        let lost = || panic!("the worker is lost");
        let ended = catch_unwind(AssertUnwindSafe(|| reserve_with(&shelf, 3, write, &lost)));
        assert!(ended.is_err());
        // `PATIENCE` is rounded up by some seconds.
        let later = NOW + PATIENCE + Duration::from_secs(8);
        assert!(
            counts(&shelf, &rules, later).iter().all(|(_, reserved)| *reserved == 0),
            "{write}"
        );
        assert!(reserve(&shelf, &rules, &scope("c", "u"), 399, later).is_ok());
    }
}

/// Four workers that each serve 24 requests at once admit what the limit allows, and no more.
#[test]
fn four_workers_with_96_requests_at_once_admit_exactly_the_limit() {
    for limit in [96, 300, 1_000] {
        let shelf = Arc::new(store());
        let rules = Arc::new([
            rule("images", Per::User, Unit::Images, limit, Window::Month),
            rule("requests", Per::Key, Unit::Requests, 100_000, Window::Day),
            rule("all", Per::Global, Unit::Images, 200_000, Window::Day),
        ]);
        let workers: Vec<_> = (0..4)
            .map(|_| {
                let (shelf, rules) = (shelf.clone(), rules.clone());
                std::thread::spawn(move || serve(&shelf, &rules[..]))
            })
            .collect();
        let served: u64 = workers.into_iter().map(|it| it.join().unwrap()).sum();
        assert_eq!(served, limit);
        let found = counts(&shelf, &rules[..], NOW);
        assert_eq!(found, [(limit, 0), (limit, 0), (limit, 0)]);
    }
}

/// Sends 600 requests, 24 of them in flight at a time. Returns how many were admitted.
fn serve(shelf: &Shelf, rules: &[Rule]) -> u64 {
    let mut open = std::collections::VecDeque::new();
    let mut admitted = 0;
    for _ in 0..600 {
        match reserve(shelf, rules, &scope("c", "u"), 1, NOW) {
            Ok(reserved) => {
                admitted += 1;
                open.push_back(reserved);
            }
            Err(Error::Rejected(_)) => {}
            Err(other) => panic!("{other:?}"),
        }
        if open.len() == 24 {
            settle(shelf, rules, open.pop_front().unwrap());
        }
    }
    open.into_iter().for_each(|it| settle(shelf, rules, it));
    admitted
}

fn settle(shelf: &Shelf, rules: &[Rule], mut reserved: local::Reserved) {
    let held = &mut reserved.reservation;
    local::settle(shelf.counters(), rules, held, &delivered(1), NOW).unwrap();
}

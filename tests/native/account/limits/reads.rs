//! How often a step reads the shared data, and what it reports without another read.

use std::time::Duration;

use super::table::{MINUTE, NOW, ROOM, Watched, neighbours, several_kinds, unsalted, used};
use super::{PATIENCE, delivered, reserve, rule, scope, store};
use imagegate::limits::local::{self, Counters, Error, Outcome};
use imagegate::limits::{Per, Unit, Window};

#[test]
fn a_slot_in_which_only_requests_count_is_not_read_for_a_settlement() {
    let rules = [
        rule("images", Per::User, Unit::Images, 900, Window::Month),
        rule("requests", Per::Key, Unit::Requests, 900, MINUTE),
        rule("all", Per::Global, Unit::Requests, 900, Window::Day),
    ];
    let later = NOW + Duration::from_secs(61);
    // Whether it went upstream, when it is settled, and how many slots are read.
    for (requests, at, slots) in [(1, NOW, 1), (0, NOW, 3), (1, later, 2)] {
        let shelf = store();
        reserve(&shelf, &rules, &scope("c", "u"), 1, NOW).unwrap();
        let mut held = reserve(&shelf, &rules, &scope("c", "u"), 1, NOW).unwrap().reservation;
        let watched = Watched::new(&shelf.data, None, &|| {});
        let counters = Counters::new(&watched, &shelf.table);
        let outcome = Outcome { requests, ..delivered(1) };
        let settled = local::settle(counters, &rules, &mut held, &outcome, at).unwrap();
        assert_eq!(watched.read.borrow().len(), slots, "{requests} {at:?}");
        // What it returns is how the rules stand.
        assert_eq!(settled, local::statuses(shelf.counters(), &rules, &scope("c", "u"), at));
    }
}

#[test]
fn a_rejection_reports_the_rules_as_they_stand_without_another_read() {
    let shelf = store();
    let rules = several_kinds();
    reserve(&shelf, &rules, &scope("c", "u"), 4, NOW).unwrap();
    let watched = Watched::new(&shelf.data, None, &|| {});
    let counters = Counters::new(&watched, &shelf.table);
    let amount = |unit: Unit| if unit == Unit::Requests { 1 } else { 2 };
    let result = local::reserve(counters, &rules, &scope("c", "u"), &amount, PATIENCE, NOW);
    let Err(Error::Rejected(rejected)) = result else { panic!("a full rule admits") };
    let statuses = local::statuses(shelf.counters(), &rules, &scope("c", "u"), NOW);
    assert_eq!(rejected.statuses, statuses);
    assert_eq!(rejected.limit_status, statuses[0]);
    // Three slots, before the lock and under it.
    let slots = watched.read.borrow().iter().filter(|it| it.contains(".scopes.")).count();
    assert_eq!(slots, 6);
}

#[test]
fn every_scope_that_loses_its_counters_is_counted() {
    let shelf = unsalted();
    let images = [rule("images", Per::User, Unit::Images, 9, Window::Month)];
    let users = neighbours();
    let serve = |user: &str| {
        let mut held = reserve(&shelf, &images, &scope("c", user), 1, NOW).unwrap().reservation;
        local::settle(shelf.counters(), &images, &mut held, &delivered(1), NOW).unwrap();
    };
    users[..ROOM].iter().for_each(|user| serve(user));
    assert_eq!(shelf.counters().take_evicted(), 0);
    // A request that makes room in its first slot, and is rejected in the end for its second one.
    let rules = [
        rule("images", Per::User, Unit::Images, 400, Window::Month),
        rule("requests", Per::Key, Unit::Requests, 400, Window::Day),
    ];
    let take_all = || {
        let keys = [rule("requests", Per::Key, Unit::Requests, 400, Window::Day)];
        let amount = |_: Unit| 400;
        let all = local::reserve(shelf.counters(), &keys, &scope("c", "u"), &amount, PATIENCE, NOW);
        all.unwrap();
    };
    // It makes the slot of the key, and stores that of the user. Then another takes all of the key.
    let watched = Watched::new(&shelf.data, Some(2), &take_all);
    let counters = Counters::new(&watched, &shelf.table);
    let user = scope("c", &users[ROOM]);
    let result = local::reserve(counters, &rules, &user, &|_| 1, PATIENCE, NOW);
    assert!(matches!(result, Err(Error::Rejected(_))), "{result:?}");
    let counted: u64 = users[..ROOM].iter().map(|user| used(&shelf, &images, user)).sum();
    let gone = u32::try_from(ROOM).unwrap() - u32::try_from(counted).unwrap();
    assert_eq!((gone, shelf.counters().take_evicted()), (1, 1));
}

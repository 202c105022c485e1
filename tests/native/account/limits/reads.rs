//! What steps over the table report besides their result.

use super::table::{NOW, ROOM, Watched, neighbours, unsalted, used};
use super::{PATIENCE, delivered, reserve, rule, scope};
use imagegate::limits::local::{self, Counters, Error};
use imagegate::limits::{Per, Unit, Window};

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

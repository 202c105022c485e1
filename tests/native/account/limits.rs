//! The local engine of limits: what it admits, with many workers at once, and what it forgets.

mod ledger;
mod losses;
mod mixed;
mod reads;
mod slow;
mod table;
mod unlocked;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use imagegate::limits::local::{self, Counters, Error, Outcome, Reserved, Table};
use imagegate::limits::{Conflict, Engine, Per, Rule, Scope, Store, Unit, Window};

/// Envoy's shared data: one mutex, and a swap of a key that does not exist always succeeds.
#[derive(Default)]
struct SharedData {
    values: Mutex<HashMap<String, (Vec<u8>, u32)>>,
    next: AtomicU64,
}

impl Store for SharedData {
    fn get(&self, key: &str) -> (Option<Vec<u8>>, Option<u32>) {
        match self.values.lock().unwrap().get(key) {
            // Envoy passes an empty value like no value.
            Some((value, token)) => (Some(value.clone()).filter(|it| !it.is_empty()), Some(*token)),
            None => (None, None),
        }
    }

    fn swap(&self, key: &str, value: &[u8], token: Option<u32>) -> Result<(), Conflict> {
        let mut values = self.values.lock().unwrap();
        if let (Some((_, now)), Some(token)) = (values.get(key), token) {
            if *now != token {
                return Err(Conflict);
            }
        }
        let next = u32::try_from(self.next.fetch_add(1, Ordering::Relaxed) + 1).unwrap();
        values.insert(key.to_owned(), (value.to_vec(), next));
        Ok(())
    }
}

/// The shared data, and the table in it.
struct Shelf {
    data: SharedData,
    table: Table,
}

impl Shelf {
    fn counters(&self) -> Counters<'_> {
        Counters::new(&self.data, &self.table)
    }
}

fn store() -> Shelf {
    over(SharedData::default())
}

fn over(data: SharedData) -> Shelf {
    let table = Table::prepare(&data);
    Shelf { data, table }
}

const PATIENCE: Duration = Duration::from_secs(300);
/// 2028-02-28T23:00:00Z: the day before a leap day.
const START: u64 = 1_835_391_600;

fn rule(name: &str, per: Per, unit: Unit, max: u64, window: Window) -> Rule {
    Rule {
        name: name.to_owned(),
        id: Rule::id_of(name, per, unit, window),
        per,
        unit,
        max,
        window,
        models: None,
        consumers: None,
        users: None,
        groups: None,
        shadow: false,
        engine: Engine::Local,
    }
}

fn scope<'a>(consumer: &'a str, user: &'a str) -> Scope<'a> {
    Scope { consumer, user, model: "gpt-image-2", groups: &[] }
}

/// Reserves one request for this many images of a cent each.
fn reserve(
    store: &Shelf,
    rules: &[Rule],
    scope: &Scope<'_>,
    images: u64,
    now: Duration,
) -> Result<Reserved, Error> {
    let amount = |unit: Unit| match unit {
        Unit::Requests | Unit::Concurrent => 1,
        Unit::Images => images,
        Unit::Megapixels => images * 1_048_576,
        Unit::Usd => images * 10_000_000,
    };
    local::reserve(store.counters(), rules, scope, &amount, PATIENCE, now)
}

fn delivered(images: u64) -> Outcome {
    Outcome { requests: 1, images, pixels: images * 1_048_576, nanodollars: images * 10_000_000 }
}

#[test]
fn workers_at_once_admit_exactly_the_limit_even_for_a_key_never_seen() {
    for round in 0..20 {
        let store = Arc::new(store());
        let rules = Arc::new([
            rule("a", Per::Key, Unit::Images, 100, Window::Day),
            rule("b", Per::Global, Unit::Requests, 1_000, Window::Sliding(Duration::from_secs(60))),
        ]);
        let admitted = Arc::new(AtomicU64::new(0));
        let workers: Vec<_> = (0..8_u64)
            .map(|worker| {
                let (store, rules, admitted) = (store.clone(), rules.clone(), admitted.clone());
                std::thread::spawn(move || {
                    // Clocks of workers differ by some milliseconds.
                    let now = Duration::from_secs(START) + Duration::from_millis(worker * 3);
                    let consumer = format!("c{round}");
                    for _ in 0..40 {
                        let reserved = reserve(&store, &rules[..], &scope(&consumer, "u"), 1, now);
                        if let Ok(mut reserved) = reserved {
                            admitted.fetch_add(1, Ordering::Relaxed);
                            local::settle(
                                store.counters(),
                                &*rules,
                                &mut reserved.reservation,
                                &delivered(1),
                                now,
                            )
                            .unwrap();
                        }
                    }
                })
            })
            .collect();
        workers.into_iter().for_each(|worker| worker.join().unwrap());
        assert_eq!(admitted.load(Ordering::Relaxed), 100);
        let statuses = local::statuses(
            store.counters(),
            &*rules,
            &scope(&format!("c{round}"), "u"),
            Duration::from_secs(START + 1),
        );
        assert_eq!((statuses[0].used, statuses[0].reserved), (100, 0));
        assert_eq!((statuses[1].used, statuses[1].reserved), (100, 0));
    }
}

#[test]
fn a_budget_of_a_dollar_admits_four_images_of_21_cents() {
    let store = store();
    let rules = [rule("budget", Per::User, Unit::Usd, 1_000_000_000, Window::Month)];
    let now = Duration::from_secs(START);
    let price = |_: Unit| 211_000_000;
    let reserve_one =
        || local::reserve(store.counters(), &rules, &scope("c", "u"), &price, PATIENCE, now);
    let admitted: Vec<_> = (0..4).map(|_| reserve_one().unwrap()).collect();
    let Err(Error::Rejected(refused)) = reserve_one() else { panic!("a fifth was admitted") };
    assert_eq!(refused.limit_status.remaining, 156_000_000);
    let outcome = Outcome { nanodollars: 211_000_000, ..Outcome::default() };
    for mut reserved in admitted {
        local::settle(store.counters(), &rules, &mut reserved.reservation, &outcome, now).unwrap();
    }
    let limit_status = &local::statuses(store.counters(), &rules, &scope("c", "u"), now)[0];
    assert_eq!(
        (limit_status.used, limit_status.reserved, limit_status.remaining),
        (844_000_000, 0, 156_000_000)
    );
}

#[test]
fn a_reservation_outlives_the_end_of_its_period_and_its_settlement_does_not() {
    let store = store();
    let rules = [rule("month", Per::User, Unit::Images, 5, Window::Month)];
    // 2028-02-29T23:59:59Z.
    let before = Duration::from_secs(1_835_481_599);
    let after = before + Duration::from_secs(1);
    let mut reserved = reserve(&store, &rules, &scope("c", "u"), 5, before).unwrap();
    assert!(matches!(reserve(&store, &rules, &scope("c", "u"), 1, after), Err(Error::Rejected(_))));
    local::settle(store.counters(), &rules, &mut reserved.reservation, &delivered(5), after)
        .unwrap();
    let limit_status = &local::statuses(store.counters(), &rules, &scope("c", "u"), after)[0];
    assert_eq!((limit_status.used, limit_status.reserved), (0, 0));
}

#[test]
fn a_lost_reservation_expires_and_its_late_settlement_still_counts() {
    let store = store();
    let rules = [rule("images", Per::User, Unit::Images, 5, Window::Day)];
    let now = Duration::from_secs(START - 7_200);
    let mut lost = reserve(&store, &rules, &scope("c", "u"), 5, now).unwrap();
    let later = now + PATIENCE + Duration::from_secs(9);
    let limit_status =
        |at| local::statuses(store.counters(), &rules, &scope("c", "u"), at)[0].clone();
    assert_eq!(limit_status(now).reserved, 5);
    assert_eq!(limit_status(later).reserved, 0);
    local::settle(store.counters(), &rules, &mut lost.reservation, &delivered(2), later).unwrap();
    assert_eq!((limit_status(later).used, limit_status(later).reserved), (2, 0));
}

#[test]
fn a_place_in_flight_outlives_the_settlement_and_is_held_until_it_lands() {
    let store = store();
    let rules = [
        rule("in-flight", Per::Key, Unit::Concurrent, 1, Window::Now),
        rule("images", Per::Key, Unit::Images, 9, Window::Day),
    ];
    let now = Duration::from_secs(START);
    let mut reserved = reserve(&store, &rules, &scope("c", "u"), 3, now).unwrap();
    let settle = |reserved: &mut Reserved, now| {
        let held = &mut reserved.reservation;
        let statuses = local::settle(store.counters(), &rules, held, &delivered(2), now).unwrap();
        statuses.iter().map(|it| (it.used, it.reserved, it.remaining)).collect::<Vec<_>>()
    };
    assert_eq!(settle(&mut reserved, now), [(0, 1, 0), (2, 0, 7)]);
    // A second settlement counts nothing.
    assert_eq!(settle(&mut reserved, now), [(0, 1, 0)]);
    assert!(reserve(&store, &rules, &scope("c", "u"), 1, now).is_err());
    // It would expire, but it is renewed.
    let later = now + PATIENCE - Duration::from_secs(1);
    local::renew(store.counters(), &mut reserved.reservation, PATIENCE, later).unwrap();
    let last = later + PATIENCE - Duration::from_secs(1);
    assert!(reserve(&store, &rules, &scope("c", "u"), 1, last).is_err());
    local::land(store.counters(), reserved.reservation, last).unwrap();
    let statuses = local::statuses(store.counters(), &rules, &scope("c", "u"), last);
    let statuses: Vec<_> = statuses.iter().map(|it| (it.used, it.reserved)).collect();
    assert_eq!(statuses, [(0, 0), (2, 0)]);
}

#[test]
fn a_shadow_rule_counts_and_reports_but_admits() {
    let store = store();
    let mut shadow = rule("shadow", Per::User, Unit::Images, 1, Window::Day);
    shadow.shadow = true;
    let rules = [shadow];
    let now = Duration::from_secs(START);
    assert!(reserve(&store, &rules, &scope("c", "u"), 1, now).unwrap().shadowed.is_empty());
    assert_eq!(reserve(&store, &rules, &scope("c", "u"), 1, now).unwrap().shadowed, [0]);
    assert_eq!(local::statuses(store.counters(), &rules, &scope("c", "u"), now)[0].reserved, 2);
}

#[test]
fn each_kind_of_scope_counts_apart() {
    let now = Duration::from_secs(START);
    let scope_of = |consumer, user, model| Scope { consumer, user, model, groups: &[] };
    let first = scope_of("c1", "u1", "m1");
    let others =
        [scope_of("c2", "u1", "m1"), scope_of("c1", "u2", "m1"), scope_of("c1", "u1", "m2")];
    for (per, apart) in [
        (Per::Key, [true, false, false]),
        (Per::User, [false, true, false]),
        (Per::Model, [false, false, true]),
        (Per::Global, [false, false, false]),
    ] {
        let store = store();
        let rules = [rule("one", per, Unit::Images, 1, Window::Day)];
        reserve(&store, &rules, &first, 1, now).unwrap();
        let admitted = others.map(|other| reserve(&store, &rules, &other, 1, now).is_ok());
        assert_eq!(admitted, apart, "{per:?}");
    }
}

#[test]
fn scopes_are_separate_and_selectors_choose_them() {
    let store = store();
    let mut only = rule("only", Per::User, Unit::Images, 1, Window::Day);
    only.consumers = Some(vec!["c1".to_owned()]);
    let rules = [only];
    let now = Duration::from_secs(START);
    reserve(&store, &rules, &scope("c1", "u1"), 1, now).unwrap();
    assert!(reserve(&store, &rules, &scope("c1", "u1"), 1, now).is_err());
    assert!(reserve(&store, &rules, &scope("c1", "u2"), 1, now).is_ok());
    let other = reserve(&store, &rules, &scope("c2", "u1"), 9, now).unwrap();
    assert!(other.reservation.statuses().is_empty());
}

fn names(groups: &[&str]) -> Vec<String> {
    groups.iter().map(|it| (*it).to_owned()).collect()
}

#[test]
fn a_caller_in_two_groups_counts_in_both_and_a_caller_in_none_in_none() {
    let store = store();
    let rules = [rule("team", Per::Group, Unit::Images, 3, Window::Day)];
    let now = Duration::from_secs(START);
    let (a, b, both) = (names(&["a"]), names(&["b"]), names(&["a", "b"]));
    let of = |groups| Scope { groups, ..scope("c", "u") };
    let reserved = |groups| {
        let statuses = local::statuses(store.counters(), &rules, &of(groups), now);
        statuses.iter().map(|it| (it.rule, it.reserved)).collect::<Vec<_>>()
    };
    let of_both = reserve(&store, &rules, &of(&both), 2, now).unwrap().reservation;
    assert_eq!(of_both.statuses().len(), 2);
    assert_eq!((reserved(&a), reserved(&b)), (vec![(0, 2)], vec![(0, 2)]));
    // `b` has no room for two, so `a` counts nothing either.
    reserve(&store, &rules, &of(&b), 1, now).unwrap();
    let Err(Error::Rejected(refused)) = reserve(&store, &rules, &of(&both), 1, now) else {
        panic!("a full group admits")
    };
    assert_eq!((refused.limit_status.rule, refused.limit_status.remaining), (0, 0));
    assert_eq!(reserved(&both), [(0, 2), (0, 3)]);
    reserve(&store, &rules, &of(&a), 1, now).unwrap();
    let of_none = reserve(&store, &rules, &of(&[]), 9, now).unwrap().reservation;
    assert!(of_none.statuses().is_empty());
}

#[test]
fn a_rejection_by_several_groups_names_the_time_of_the_last_to_admit() {
    let minute = Window::Sliding(Duration::from_secs(60));
    let now = Duration::from_secs(START);
    let later = now + Duration::from_secs(20);
    for order in [names(&["early", "late"]), names(&["late", "early"])] {
        let store = store();
        let mut rules = [rule("team", Per::Group, Unit::Images, 1, minute)];
        for (group, at) in [("early", now), ("late", later)] {
            let groups = names(&[group]);
            let scope = Scope { groups: &groups, ..scope("c", "u") };
            let mut held = reserve(&store, &rules, &scope, 1, at).unwrap().reservation;
            local::settle(store.counters(), &rules, &mut held, &delivered(1), at).unwrap();
        }
        let scope = Scope { groups: &order, ..scope("c", "u") };
        let Err(Error::Rejected(refused)) = reserve(&store, &rules, &scope, 1, later) else {
            panic!("two full groups admit")
        };
        let fits_at = refused.fits_at.unwrap();
        assert!(fits_at > later + Duration::from_secs(50), "{fits_at:?}");
        assert_eq!(refused.limit_status.full_at, Some(fits_at));
        // A rule in shadow is named once.
        rules[0].shadow = true;
        assert_eq!(reserve(&store, &rules, &scope, 1, later).unwrap().shadowed, [0]);
    }
}

#[test]
fn a_scope_takes_little_memory() {
    let store = store();
    let rules = [
        rule("rpm", Per::User, Unit::Requests, 5, Window::Sliding(Duration::from_secs(60))),
        rule("images", Per::User, Unit::Images, 5, Window::Day),
        rule("budget", Per::User, Unit::Usd, 1_000_000_000, Window::Month),
    ];
    let now = Duration::from_secs(START);
    for user in 0..1_000 {
        let user = format!("user-{user}");
        let mut reserved = reserve(&store, &rules, &scope("c", &user), 1, now).unwrap();
        let held = &mut reserved.reservation;
        local::settle(store.counters(), &rules, held, &delivered(1), now).unwrap();
    }
    let values = store.data.values.lock().unwrap();
    let bytes: usize = values.values().map(|(value, _)| value.len()).sum();
    assert!(bytes < 1_000 * 128, "{bytes} bytes are held");
}

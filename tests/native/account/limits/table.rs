//! The table of the counters: its room, its lock, and what becomes of a worker that is lost.

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use super::{PATIENCE, START, SharedData, Shelf, delivered, over, reserve, rule, scope, store};
use imagegate::limits::local::{self, Counters, Error, LimitStatus, Outcome, Table};
use imagegate::limits::{Conflict, Per, Rule, Store, Unit, Window};

pub(super) const NOW: Duration = Duration::from_secs(START);
pub(super) const MINUTE: Window = Window::Sliding(Duration::from_secs(60));
const LOCK: &str = "imagegate.limits.step";
const SALT: &str = "imagegate.limits.salt";

/// Users that share a slot if the salt is all zeros: the numbers of the first ones whose SHA-256
/// begins with two zeros.
const NEIGHBOURS: [u32; 48] = [
    59_046, 76_151, 90_269, 158_144, 467_551, 483_263, 606_678, 675_733, 734_766, 756_270, 891_473,
    941_421, 954_408, 975_059, 1_135_286, 1_185_071, 1_236_588, 1_264_759, 1_273_196, 1_378_212,
    1_484_128, 1_772_327, 1_907_007, 1_915_471, 1_919_243, 1_947_238, 2_000_052, 2_003_336,
    2_037_679, 2_141_424, 2_154_262, 2_179_320, 2_369_145, 2_426_353, 2_557_626, 2_730_373,
    2_787_336, 2_822_991, 2_949_972, 3_011_076, 3_065_872, 3_068_280, 3_076_481, 3_080_266,
    3_113_988, 3_219_072, 3_239_382, 3_396_228,
];
/// Scopes that fit into one slot.
pub(super) const ROOM: usize = 40;

pub(super) fn neighbours() -> Vec<String> {
    NEIGHBOURS.iter().map(|number| format!("u{number}")).collect()
}

pub(super) fn unsalted() -> Shelf {
    let data = SharedData::default();
    data.swap(SALT, &[0; 16], None).unwrap();
    over(data)
}

pub(super) fn used(shelf: &Shelf, rules: &[Rule], user: &str) -> u64 {
    local::statuses(shelf.counters(), rules, &scope("c", user), NOW)[0].used
}

#[test]
fn of_scopes_that_share_a_full_slot_the_longest_unused_goes() {
    let shelf = unsalted();
    let rules = [rule("images", Per::User, Unit::Images, 9, Window::Month)];
    for (second, user) in (0..).zip(neighbours()) {
        let now = NOW + Duration::from_secs(second);
        let mut reserved = reserve(&shelf, &rules, &scope("c", &user), 2, now).unwrap();
        let held = &mut reserved.reservation;
        local::settle(shelf.counters(), &rules, held, &delivered(2), now).unwrap();
    }
    let counted = neighbours().iter().map(|user| used(&shelf, &rules, user)).collect::<Vec<_>>();
    let gone = NEIGHBOURS.len() - ROOM;
    assert_eq!(counted, [vec![0; gone], vec![2; ROOM]].concat());
    assert_eq!(usize::try_from(shelf.counters().take_evicted()).unwrap(), gone);
}

#[test]
fn a_scope_with_a_request_in_flight_keeps_its_counters_and_only_then_is_one_refused() {
    let shelf = unsalted();
    let rules = [rule("images", Per::User, Unit::Images, 9, Window::Month)];
    let users = neighbours();
    let mut open: Vec<_> = users[..ROOM]
        .iter()
        .map(|user| reserve(&shelf, &rules, &scope("c", user), 2, NOW).unwrap())
        .collect();
    let late = || reserve(&shelf, &rules, &scope("c", &users[ROOM]), 1, NOW);
    assert_eq!(late().unwrap_err(), Error::Full);
    // Those who are in the table go on.
    assert!(reserve(&shelf, &rules, &scope("c", &users[7]), 1, NOW).is_ok());
    let held = &mut open[3].reservation;
    local::settle(shelf.counters(), &rules, held, &delivered(1), NOW).unwrap();
    assert_eq!(shelf.counters().take_evicted(), 0);
    late().unwrap();
    assert_eq!(shelf.counters().take_evicted(), 1);
    assert_eq!(used(&shelf, &rules, &users[3]), 0);
}

#[test]
fn scopes_in_which_nothing_counts_any_more_make_room_first() {
    let shelf = unsalted();
    let rules = [rule("rpm", Per::User, Unit::Requests, 9, MINUTE)];
    let users = neighbours();
    for user in &users[..ROOM] {
        let mut reserved = reserve(&shelf, &rules, &scope("c", user), 1, NOW).unwrap();
        let held = &mut reserved.reservation;
        local::settle(shelf.counters(), &rules, held, &delivered(1), NOW).unwrap();
    }
    let later = NOW + Duration::from_secs(62);
    reserve(&shelf, &rules, &scope("c", &users[ROOM]), 1, later).unwrap();
    assert_eq!(shelf.counters().take_evicted(), 0);
}

#[test]
fn the_slot_of_a_name_cannot_be_known_outside() {
    let slot = |shelf: &Shelf| {
        let rules = [rule("rpm", Per::User, Unit::Requests, 9, MINUTE)];
        reserve(shelf, &rules, &scope("c", "alice"), 1, NOW).unwrap();
        let values = shelf.data.values.lock().unwrap();
        values.keys().find(|key| key.starts_with("imagegate.scopes.")).unwrap().clone()
    };
    let slots: std::collections::BTreeSet<String> = (0..8).map(|_| slot(&store())).collect();
    assert!(slots.len() > 1, "{slots:?}");
    // A second configuration of the same process finds the counters of the first.
    let shelf = store();
    slot(&shelf);
    let rules = [rule("rpm", Per::User, Unit::Requests, 9, MINUTE)];
    let again = over(shelf.data);
    let status = &local::statuses(again.counters(), &rules, &scope("c", "alice"), NOW)[0];
    assert_eq!(status.used, 1);
}

/// Shared data that counts its writes, and ends or delays its worker at one of them.
pub(super) struct Watched<'a> {
    data: &'a SharedData,
    /// The keys that were read.
    pub(super) read: RefCell<Vec<String>>,
    /// The keys that were written.
    written: RefCell<Vec<String>>,
    /// The write that `at_write` comes before.
    write: Cell<Option<usize>>,
    at_write: &'a dyn Fn(),
}

impl<'a> Watched<'a> {
    pub(super) fn new(data: &'a SharedData, write: Option<usize>, at_write: &'a dyn Fn()) -> Self {
        let (read, written) = (RefCell::default(), RefCell::default());
        Self { data, read, written, write: Cell::new(write), at_write }
    }
}

impl Watched<'_> {
    /// The keys that were written, in their order.
    pub(super) fn written(&self) -> Vec<String> {
        self.written.borrow().clone()
    }
}

impl Store for Watched<'_> {
    fn get(&self, key: &str) -> (Option<Vec<u8>>, Option<u32>) {
        self.read.borrow_mut().push(key.to_owned());
        self.data.get(key)
    }

    fn swap(&self, key: &str, value: &[u8], token: Option<u32>) -> Result<(), Conflict> {
        if self.write.get() == Some(self.written.borrow().len()) {
            self.write.set(None);
            (self.at_write)();
        }
        self.written.borrow_mut().push(key.to_owned());
        self.data.swap(key, value, token)
    }
}

#[test]
fn rules_of_one_kind_of_scope_take_no_lock_and_one_slot() {
    let shelf = store();
    let rules = [
        rule("requests", Per::User, Unit::Requests, 9, MINUTE),
        rule("images", Per::User, Unit::Images, 9, Window::Day),
        rule("budget", Per::User, Unit::Usd, 10_000_000_000, Window::Month),
    ];
    reserve(&shelf, &rules, &scope("c", "u"), 1, NOW).unwrap();
    let watched = Watched::new(&shelf.data, None, &|| {});
    let counters = Counters::new(&watched, &shelf.table);
    let amount = |_: Unit| 1;
    let mut reserved =
        local::reserve(counters, &rules, &scope("c", "u"), &amount, PATIENCE, NOW).unwrap();
    local::settle(counters, &rules, &mut reserved.reservation, &delivered(1), NOW).unwrap();
    let written = watched.written.borrow();
    assert_eq!(written.len(), 2, "{written:?}");
    assert!(written.iter().all(|key| key.starts_with("imagegate.scopes.")), "{written:?}");
}

#[test]
fn a_settlement_that_changes_nothing_writes_nothing() {
    let shelf = store();
    let rules = [
        rule("in-flight", Per::Key, Unit::Concurrent, 9, Window::Now),
        rule("images", Per::Key, Unit::Images, 9, Window::Day),
    ];
    let mut reserved = reserve(&shelf, &rules, &scope("c", "u"), 0, NOW).unwrap();
    let watched = Watched::new(&shelf.data, None, &|| {});
    let counters = Counters::new(&watched, &shelf.table);
    let outcome = Outcome::default();
    local::settle(counters, &rules, &mut reserved.reservation, &outcome, NOW).unwrap();
    assert!(watched.written.borrow().is_empty());
}

/// Rules of which each counts another kind of scope.
pub(super) fn several_kinds() -> [Rule; 3] {
    [
        rule("images", Per::User, Unit::Images, 5, Window::Month),
        rule("requests", Per::Key, Unit::Requests, 5, MINUTE),
        rule("all", Per::Global, Unit::Images, 50, Window::Day),
    ]
}

/// What requests in flight have taken: a request counts as used, the rest as reserved.
fn taken(shelf: &Shelf, rules: &[Rule]) -> Vec<u64> {
    let statuses = local::statuses(shelf.counters(), rules, &scope("c", "u"), NOW);
    let as_used = |it: &LimitStatus| rules[it.rule].unit == Unit::Requests;
    assert!(statuses.iter().all(|it| as_used(it) == (it.used > 0)), "{statuses:?}");
    statuses.iter().map(|it| it.used + it.reserved).collect()
}

#[test]
fn what_a_lost_worker_has_stored_in_part_is_taken_back() {
    // The lock, three slots, the lock.
    for write in 0..5 {
        let shelf = store();
        let rules = several_kinds();
        reserve(&shelf, &rules, &scope("c", "u"), 2, NOW).unwrap();
        let lost = Watched::new(&shelf.data, Some(write), &|| panic!("the worker is lost"));
        let counters = Counters::new(&lost, &shelf.table);
        let ended = catch_unwind(AssertUnwindSafe(|| {
            local::reserve(counters, &rules, &scope("c", "u"), &|_| 1, PATIENCE, NOW)
        }));
        assert!(ended.is_err(), "{write}");
        // The next one takes the lock over.
        reserve(&shelf, &rules, &scope("c", "u"), 1, NOW).unwrap();
        assert_eq!(taken(&shelf, &rules), [3, 2, 3], "lost at write {write}");
    }
}

#[test]
fn a_worker_that_is_lost_while_it_takes_back_loses_nothing() {
    // The lock of the first, which has stored all; then that of the second, and what it does.
    for write in 0..8 {
        let shelf = store();
        let rules = several_kinds();
        reserve(&shelf, &rules, &scope("c", "u"), 2, NOW).unwrap();
        for write in [4, write] {
            let lost = Watched::new(&shelf.data, Some(write), &|| panic!("the worker is lost"));
            let counters = Counters::new(&lost, &shelf.table);
            let _ = catch_unwind(AssertUnwindSafe(|| {
                local::reserve(counters, &rules, &scope("c", "u"), &|_| 1, PATIENCE, NOW)
            }));
        }
        reserve(&shelf, &rules, &scope("c", "u"), 1, NOW).unwrap();
        assert_eq!(taken(&shelf, &rules), [3, 2, 3], "the second is lost at write {write}");
    }
}

#[test]
fn a_worker_whose_lock_was_taken_over_while_it_was_slow_counts_once() {
    for write in 0..5 {
        let shelf = store();
        let rules = several_kinds();
        reserve(&shelf, &rules, &scope("c", "u"), 2, NOW).unwrap();
        let other = || drop(reserve(&shelf, &rules, &scope("c", "u"), 1, NOW).unwrap());
        let slow = Watched::new(&shelf.data, Some(write), &other);
        let counters = Counters::new(&slow, &shelf.table);
        local::reserve(counters, &rules, &scope("c", "u"), &|_| 1, PATIENCE, NOW).unwrap();
        assert_eq!(taken(&shelf, &rules), [4, 3, 4], "slow at write {write}");
        assert_eq!(shelf.data.get(LOCK).0.unwrap(), b"free");
    }
}

#[test]
fn a_reservation_meets_a_settlement_in_one_of_its_slots() {
    for write in 1..4 {
        let shelf = store();
        let rules = several_kinds();
        let first = reserve(&shelf, &rules, &scope("c", "u"), 4, NOW).unwrap();
        let first = RefCell::new(Some(first));
        let settle = || {
            let mut first = first.borrow_mut().take().unwrap();
            let held = &mut first.reservation;
            local::settle(shelf.counters(), &rules, held, &delivered(1), NOW).unwrap();
        };
        let watched = Watched::new(&shelf.data, Some(write), &settle);
        let counters = Counters::new(&watched, &shelf.table);
        local::reserve(counters, &rules, &scope("c", "u"), &|_| 1, PATIENCE, NOW).unwrap();
        let statuses = local::statuses(shelf.counters(), &rules, &scope("c", "u"), NOW);
        let counts: Vec<_> = statuses.iter().map(|it| (it.used, it.reserved)).collect();
        assert_eq!(counts, [(1, 1), (2, 0), (1, 1)], "settled before write {write}");
    }
}

#[test]
fn a_journal_that_cannot_be_read_ends_with_its_lock() {
    let shelf = store();
    shelf.data.swap(LOCK, b"\xff\xff", None).unwrap();
    assert!(reserve(&shelf, &several_kinds(), &scope("c", "u"), 1, NOW).is_ok());
}

#[test]
fn a_store_that_was_never_prepared_admits_nothing() {
    let data = SharedData::default();
    let table = Table::open(&data);
    let counters = Counters::new(&data, &table);
    let rules = [rule("images", Per::User, Unit::Images, 5, Window::Day)];
    let result = local::reserve(counters, &rules, &scope("c", "u"), &|_| 1, PATIENCE, NOW);
    assert_eq!(result.unwrap_err(), Error::Store);
}

#[test]
fn bytes_of_another_layout_are_an_empty_slot() {
    let shelf = unsalted();
    let rules = [rule("images", Per::User, Unit::Images, 5, Window::Day)];
    let users = neighbours();
    reserve(&shelf, &rules, &scope("c", &users[0]), 5, NOW).unwrap();
    for garbage in [&b"\xff garbage"[..], b"\x02", b"\x02\0\0\0\0\0\0\0\0 and half an entry"] {
        shelf.data.swap("imagegate.scopes.0", garbage, None).unwrap();
        reserve(&shelf, &rules, &scope("c", &users[0]), 5, NOW).unwrap();
    }
}

/// Shared data in which one key can be read and never written.
struct Stuck<'a> {
    data: &'a SharedData,
    key: String,
}

impl Store for Stuck<'_> {
    fn get(&self, key: &str) -> (Option<Vec<u8>>, Option<u32>) {
        self.data.get(key)
    }

    fn swap(&self, key: &str, value: &[u8], token: Option<u32>) -> Result<(), Conflict> {
        if key == self.key { Err(Conflict) } else { self.data.swap(key, value, token) }
    }
}

#[test]
fn a_settlement_that_cannot_reach_one_slot_counts_in_the_others() {
    let shelf = store();
    let rules = [Per::User, Per::Key, Per::Global];
    let rules = rules.map(|per| rule("images", per, Unit::Images, 5, Window::Month));
    let mut held = reserve(&shelf, &rules, &scope("c", "u"), 2, NOW).unwrap().reservation;
    let number = |key: &String| key.strip_prefix("imagegate.scopes.").map(|it| it.parse().unwrap());
    let slots: std::collections::BTreeSet<u16> =
        shelf.data.values.lock().unwrap().keys().filter_map(number).collect();
    // The first of them, so that others come after it.
    let key = format!("imagegate.scopes.{}", slots.first().unwrap());
    let stuck = Stuck { data: &shelf.data, key };
    let counters = Counters::new(&stuck, &shelf.table);
    let settled = local::settle(counters, &rules, &mut held, &delivered(2), NOW);
    assert_eq!(settled.unwrap_err(), Error::Store);
    let statuses = local::statuses(shelf.counters(), &rules, &scope("c", "u"), NOW);
    assert_eq!(statuses.iter().filter(|it| it.used > 0).count(), slots.len() - 1);
}

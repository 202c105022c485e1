//! Workers that are slow at a read, while others do all that they can meanwhile.

use std::cell::Cell;
use std::time::Duration;

use super::table::several_kinds;
use super::{PATIENCE, START, SharedData, reserve, rule, scope, store};
use imagegate::limits::local::{self, Counters, Outcome};
use imagegate::limits::{Conflict, Per, Store, Unit, Window};

const NOW: Duration = Duration::from_secs(START);
const LOCK: &str = "imagegate.limits.step";

/// When a read of a slot is slow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Slow {
    Before,
    After,
}

/// Shared data whose worker is slow at one read of a slot.
struct Slowed<'a> {
    data: &'a SharedData,
    /// How many reads of slots come before the slow one. `None` after it.
    left: Cell<Option<usize>>,
    slow: Slow,
    /// What others do meanwhile.
    meanwhile: &'a dyn Fn(),
    /// What others do before the worker first looks at the lock.
    before_lock: &'a dyn Fn(),
    has_looked: Cell<bool>,
}

impl Store for Slowed<'_> {
    fn get(&self, key: &str) -> (Option<Vec<u8>>, Option<u32>) {
        if key == LOCK && !self.has_looked.replace(true) {
            (self.before_lock)();
        }
        let left = self.left.get().filter(|_| key.starts_with("imagegate.scopes."));
        let is_slow = left == Some(0);
        if let Some(left) = left {
            self.left.set(left.checked_sub(1));
        }
        if is_slow && self.slow == Slow::Before {
            (self.meanwhile)();
        }
        let found = self.data.get(key);
        if is_slow && self.slow == Slow::After {
            (self.meanwhile)();
        }
        found
    }

    fn swap(&self, key: &str, value: &[u8], token: Option<u32>) -> Result<(), Conflict> {
        self.data.swap(key, value, token)
    }
}

#[test]
fn a_slot_that_a_slow_worker_makes_loses_nothing() {
    for read in 0..4 {
        let shelf = store();
        let rules = [rule("images", Per::User, Unit::Images, 5, Window::Month)];
        let admitted = Cell::new(0);
        let fill = || {
            while reserve(&shelf, &rules, &scope("c", "u"), 1, NOW).is_ok() {
                admitted.set(admitted.get() + 1);
            }
        };
        let slowed = Slowed {
            data: &shelf.data,
            left: Cell::new(Some(read)),
            slow: Slow::After,
            meanwhile: &fill,
            before_lock: &|| {},
            has_looked: Cell::default(),
        };
        let counters = Counters::new(&slowed, &shelf.table);
        let own = local::reserve(counters, &rules, &scope("c", "u"), &|_| 1, PATIENCE, NOW);
        admitted.set(admitted.get() + u32::from(own.is_ok()));
        fill();
        assert_eq!(admitted.get(), 5, "slow after read {read}");
    }
}

#[test]
fn a_worker_whose_lock_was_taken_over_before_it_read_counts_once() {
    for read in 0..12 {
        let shelf = store();
        let rules = several_kinds();
        let one = || reserve(&shelf, &rules, &scope("c", "u"), 1, NOW).unwrap();
        one();
        // What the worker has read before the lock no longer holds: it has to read again.
        let settle = || {
            let held = &mut one().reservation;
            local::settle(shelf.counters(), &rules, held, &Outcome::default(), NOW).unwrap();
        };
        let slowed = Slowed {
            data: &shelf.data,
            left: Cell::new(Some(read)),
            slow: Slow::Before,
            meanwhile: &|| drop(one()),
            before_lock: &settle,
            has_looked: Cell::default(),
        };
        let counters = Counters::new(&slowed, &shelf.table);
        local::reserve(counters, &rules, &scope("c", "u"), &|_| 1, PATIENCE, NOW).unwrap();
        let expected = if slowed.left.get().is_none() { 3 } else { 2 };
        let statuses = local::statuses(shelf.counters(), &rules, &scope("c", "u"), NOW);
        let taken: Vec<u64> = statuses.iter().map(|it| it.used + it.reserved).collect();
        assert_eq!(taken, [expected; 3], "slow before read {read}");
    }
}

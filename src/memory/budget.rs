//! A byte budget shared by all exchanges of a VM.

use std::cell::Cell;
use std::rc::Rc;

/// So many bytes may be held at once; what is held is given back when its [`Lease`] drops.
///
/// A VM runs on one thread, so a cell counts.
#[derive(Debug, Clone, Default)]
pub struct Budget {
    used: Rc<Cell<usize>>,
}

/// A part of the budget.
///
/// Invariant: the sum of `held` over all leases of a budget is its `used`.
#[derive(Debug)]
pub struct Lease {
    used: Rc<Cell<usize>>,
    held: usize,
    max: usize,
}

/// The budget does not reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the byte budget of this VM is used up")]
pub struct Exhausted;

impl Budget {
    /// A budget of which nothing is used.
    pub fn new() -> Self {
        Self::default()
    }

    /// The bytes that all leases hold.
    pub fn used(&self) -> usize {
        self.used.get()
    }

    /// An empty lease, under which all leases together may reach `max` bytes.
    ///
    /// `max` belongs to the lease, not to the budget: two configurations may be in force in one VM
    /// while an update drains, and each holds to its own limit over the same memory.
    pub fn lease(&self, max: usize) -> Lease {
        Lease { used: Rc::clone(&self.used), held: 0, max }
    }
}

impl Lease {
    /// Makes the lease cover at least `bytes` in all. A lease never shrinks before it drops.
    ///
    /// # Errors
    ///
    /// [`Exhausted`] where the budget does not reach; the lease is then as it was.
    pub fn cover(&mut self, bytes: usize) -> Result<(), Exhausted> {
        let more = bytes.saturating_sub(self.held);
        let used = self.used.get().saturating_add(more);
        if more > 0 && used > self.max {
            return Err(Exhausted);
        }
        self.used.set(used);
        self.held = self.held.saturating_add(more);
        Ok(())
    }

    /// As [`cover`](Self::cover), but where nobody holds anything it always succeeds: a budget
    /// smaller than one answer slows a worker down to one answer at a time; it does not shut it.
    ///
    /// # Errors
    ///
    /// [`Exhausted`] where others hold bytes and the budget does not reach.
    pub fn cover_first(&mut self, bytes: usize) -> Result<(), Exhausted> {
        if self.used.get() == self.held {
            let room = self.max.saturating_sub(self.used.get());
            return self.cover(bytes.min(self.held.saturating_add(room)));
        }
        self.cover(bytes)
    }

    /// Takes so many bytes of what this lease holds into a lease of their own, as far as they reach.
    #[must_use]
    pub fn split(&mut self, bytes: usize) -> Self {
        let held = bytes.min(self.held);
        self.held = self.held.saturating_sub(held);
        Self { used: Rc::clone(&self.used), held, max: self.max }
    }

    /// The bytes that this lease covers.
    pub fn held(&self) -> usize {
        self.held
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.used.set(self.used.get().saturating_sub(self.held));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_gives_back_what_it_held() {
        let budget = Budget::new();
        let mut lease = budget.lease(100);
        lease.cover(60).unwrap();
        lease.cover(40).unwrap();
        assert_eq!((budget.used(), lease.held()), (60, 60));
        drop(lease);
        assert_eq!(budget.used(), 0);
    }

    #[test]
    fn leases_share_the_budget_and_a_refused_one_changes_nothing() {
        let budget = Budget::new();
        let (mut first, mut second) = (budget.lease(100), budget.lease(100));
        first.cover(60).unwrap();
        assert_eq!(second.cover(41), Err(Exhausted));
        assert_eq!((budget.used(), second.held()), (60, 0));
        second.cover(40).unwrap();
    }

    #[test]
    fn a_lease_is_split_without_letting_go_of_a_byte() {
        let budget = Budget::new();
        let mut lease = budget.lease(100);
        lease.cover(60).unwrap();
        let part = lease.split(40);
        assert_eq!((lease.held(), part.held(), budget.used()), (20, 40, 60));
        assert_eq!(lease.split(100).held(), 20);
        drop(part);
        assert_eq!(budget.used(), 0);
    }

    #[test]
    fn the_first_lease_is_admitted_even_where_it_wants_more_than_there_is() {
        let budget = Budget::new();
        let (mut first, mut second) = (budget.lease(100), budget.lease(100));
        first.cover_first(1_000).unwrap();
        assert_eq!(budget.used(), 100);
        assert_eq!(second.cover_first(1), Err(Exhausted));
        assert_eq!(first.cover(101), Err(Exhausted));
    }
}

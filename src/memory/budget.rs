//! A byte budget shared by all exchanges of a VM.

use std::cell::Cell;
use std::rc::Rc;

/// How many bytes are held now. A [`Lease`] returns its bytes when it is dropped.
///
/// A VM runs on one thread, so a cell is enough.
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

/// The budget is not large enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the byte budget of this VM is used up")]
pub struct BudgetError;

impl Budget {
    /// An unused budget.
    pub fn new() -> Self {
        Self::default()
    }

    /// The bytes that all leases hold.
    pub fn used(&self) -> usize {
        self.used.get()
    }

    /// An empty lease. It grows only while all leases together hold at most `max` bytes.
    ///
    /// `max` belongs to the lease, not to the budget: two configurations may be in force in one VM
    /// while an update drains, and each has its own limit for the same memory.
    pub fn lease(&self, max: usize) -> Lease {
        Lease { used: Rc::clone(&self.used), held: 0, max }
    }
}

impl Lease {
    /// Makes the lease cover at least `bytes` in all. A lease never shrinks before it drops.
    ///
    /// # Errors
    ///
    /// [`BudgetError`] if the budget is not large enough. The lease is then as it was.
    pub fn cover(&mut self, bytes: usize) -> Result<(), BudgetError> {
        let more = bytes.saturating_sub(self.held);
        let used = self.used.get().saturating_add(more);
        if more > 0 && used > self.max {
            return Err(BudgetError);
        }
        self.used.set(used);
        self.held = self.held.saturating_add(more);
        Ok(())
    }

    /// Like [`cover`](Self::cover), but it always succeeds if no other lease holds anything. So a
    /// budget smaller than one answer slows a worker down to one answer at a time, and does not
    /// stop it.
    ///
    /// # Errors
    ///
    /// [`BudgetError`] if others hold bytes and the budget is not large enough.
    pub fn cover_first(&mut self, bytes: usize) -> Result<(), BudgetError> {
        if self.used.get() == self.held {
            let room = self.max.saturating_sub(self.used.get());
            return self.cover(bytes.min(self.held.saturating_add(room)));
        }
        self.cover(bytes)
    }

    /// Covers this many bytes more, even if the budget is not large enough: they are in use, and it
    /// is too late to refuse them.
    pub fn add(&mut self, bytes: usize) {
        self.used.set(self.used.get().saturating_add(bytes));
        self.held = self.held.saturating_add(bytes);
    }

    /// Moves this many bytes of this lease into a new one, or all if it holds fewer.
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
    fn a_lease_returns_what_it_held() {
        let budget = Budget::new();
        let mut lease = budget.lease(100);
        lease.cover(60).unwrap();
        lease.cover(40).unwrap();
        assert_eq!((budget.used(), lease.held()), (60, 60));
        drop(lease);
        assert_eq!(budget.used(), 0);
    }

    #[test]
    fn leases_share_the_budget_and_a_rejected_one_changes_nothing() {
        let budget = Budget::new();
        let (mut first, mut second) = (budget.lease(100), budget.lease(100));
        first.cover(60).unwrap();
        assert_eq!(second.cover(41), Err(BudgetError));
        assert_eq!((budget.used(), second.held()), (60, 0));
        second.cover(40).unwrap();
    }

    #[test]
    fn what_is_in_use_already_counts_past_the_budget() {
        let budget = Budget::new();
        let (mut first, mut second) = (budget.lease(100), budget.lease(100));
        first.add(70);
        first.add(70);
        assert_eq!((budget.used(), first.held()), (140, 140));
        assert_eq!(second.cover_first(1), Err(BudgetError));
        drop(first);
        second.cover(100).unwrap();
    }

    #[test]
    fn a_split_of_a_lease_releases_no_byte() {
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
    fn the_first_lease_is_admitted_even_if_it_exceeds_the_budget() {
        let budget = Budget::new();
        let (mut first, mut second) = (budget.lease(100), budget.lease(100));
        first.cover_first(1_000).unwrap();
        assert_eq!(budget.used(), 100);
        assert_eq!(second.cover_first(1), Err(BudgetError));
        assert_eq!(first.cover(101), Err(BudgetError));
    }
}

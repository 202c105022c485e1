//! The bytes that open exchanges hold: one budget for a VM, and pieces kept without a copy.
//!
//! Linear memory ends at 1 GiB in each VM. An allocation that fails there is a trap, and a trap
//! ends every stream of the worker. So everything large is covered by a [`Lease`] before it is
//! kept, and it is kept as [`Pieces`], never in one vector that doubles.

mod budget;
mod pieces;

pub use budget::{Budget, BudgetError, Lease};
pub use pieces::Pieces;

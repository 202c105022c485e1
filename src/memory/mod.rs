//! The bytes that open exchanges hold: a budget for all of one VM, and pieces kept without a copy.
//!
//! Linear memory ends at 1 GiB a VM, an allocation that fails there is a trap, and a trap ends every
//! stream of the worker. So each large thing is covered by a [`Lease`] before it is kept, and large
//! things are [`Pieces`], never one vector that doubles.

mod budget;
mod pieces;

pub use budget::{Budget, Exhausted, Lease};
pub use pieces::Pieces;

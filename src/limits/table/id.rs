//! The names of what the table holds, and why it may refuse.

use crate::limits::Window;

/// The name of a rule in the table.
pub(in crate::limits) type RuleId = u64;

/// Where the entry of a scope is: 128 bits that no client can choose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::limits) struct ScopeId(pub(in crate::limits) [u8; 16]);

impl ScopeId {
    /// The number of its slot.
    pub(in crate::limits) const fn slot(self) -> u16 {
        let [first, second, ..] = self.0;
        u16::from_le_bytes([first, second])
    }
}

/// Where a rule counts for a scope.
#[derive(Debug, Clone, Copy)]
pub(in crate::limits) struct Place {
    pub(in crate::limits) scope: ScopeId,
    pub(in crate::limits) rule: RuleId,
    pub(in crate::limits) window: Window,
}

/// Why the table was not changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::limits) enum TableError {
    /// A slot is full of scopes with requests in flight.
    Full,
    /// The shared data breaks its contract.
    OutOfReach,
    /// Another worker has taken the lock over, and has taken back what was stored.
    LockLost,
}

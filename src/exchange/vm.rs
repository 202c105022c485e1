//! What all configurations in one VM share.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;

use super::effect::CheckRequest;
use crate::memory::Budget;

/// Settlements that wait for the clock: some seconds of a busy worker, a few hundred bytes each.
const MAX_SETTLEMENTS: usize = 10_000;

/// What belongs to the VM, for all configurations in force in it: they share one linear memory.
#[derive(Debug, Default)]
pub struct Vm {
    /// The bytes that open exchanges hold, and that Envoy was given for their clients.
    pub budget: Budget,
    /// The exchanges that are open: from the head of a request that may go on until Envoy has sent
    /// the answer, or the client has left.
    pub open: Budget,
    /// The rejections that wait for the end of their requests.
    pub(crate) rejections: Budget,
    /// Whether any body has reached the filter yet.
    pub(crate) bodies_come: Cell<bool>,
    settlements: Settlements,
}

/// What is reported to the rate-limit service at the end of exchanges. An exchange may end where no
/// call can be made, so the clock sends it.
#[derive(Debug, Default)]
struct Settlements {
    waiting: RefCell<VecDeque<CheckRequest>>,
    lost: Cell<u64>,
}

impl Vm {
    /// At most `most` of the settlements for the rate-limit service, oldest first.
    #[must_use]
    pub fn take_settlements(&self, most: usize) -> Vec<CheckRequest> {
        let Ok(mut waiting) = self.settlements.waiting.try_borrow_mut() else { return Vec::new() };
        let most = most.min(waiting.len());
        waiting.drain(..most).collect()
    }

    /// How many settlements were lost since this was last called, because the queue was full. What
    /// they would have given back stays counted until its window ends.
    #[must_use]
    pub fn take_lost_settlements(&self) -> u64 {
        self.settlements.lost.take()
    }

    pub(crate) fn tell_service(&self, settlement: CheckRequest) {
        match self.settlements.waiting.try_borrow_mut() {
            Ok(mut waiting) if waiting.len() < MAX_SETTLEMENTS => waiting.push_back(settlement),
            _ => self.lose_settlement(),
        }
    }

    pub(crate) fn lose_settlement(&self) {
        self.settlements.lost.set(self.settlements.lost.get().saturating_add(1));
    }
}

//! Checks by the rate-limit service whose answers come after their requests have ended.
//!
//! The service counts a check when it reads it, and the client may have left by then. The shell
//! brings the answer here, and what the service has counted goes back.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Duration;

use crate::limits::rls::{Check, Decision, Service};

/// Each is out for the service's `timeout` at most. This many are some seconds of a worker all of
/// whose clients leave.
const MAX_CHECKS: usize = 10_000;

/// The checks that are out, by the tokens of their calls.
#[derive(Debug, Default)]
pub(crate) struct LateChecks(RefCell<BTreeMap<u32, Check>>);

/// What the answer to such a check comes to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Late {
    /// No such check is out.
    Unknown,
    /// There is nothing to give back.
    Nothing,
    /// This message gives back what the service has counted.
    Refund(Vec<u8>),
}

impl LateChecks {
    /// Keeps a check until its answer comes. False if there is no room.
    pub(crate) fn add(&self, token: u32, check: Check) -> bool {
        match self.0.try_borrow_mut() {
            Ok(mut checks) if checks.len() < MAX_CHECKS => {
                checks.insert(token, check);
                true
            }
            _ => false,
        }
    }

    /// Takes an answer, a `RateLimitResponse`. `None` if the call failed: then it is not known
    /// whether the service has counted anything, and a refund might give back what it has not.
    pub(crate) fn answer(
        &self,
        token: u32,
        message: Option<&[u8]>,
        service: &Service,
        now: Duration,
    ) -> Late {
        let check = self.0.try_borrow_mut().ok().and_then(|mut checks| checks.remove(&token));
        let Some(check) = check else { return Late::Unknown };
        match message.map_or(Decision::Unavailable, Decision::read) {
            Decision::Unavailable => Late::Nothing,
            Decision::Admits(_) | Decision::Rejects(_) => {
                check.settle(service, 0, now).map_or(Late::Nothing, Late::Refund)
            }
        }
    }
}

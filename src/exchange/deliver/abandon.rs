//! The images that a client abandons: it leaves, and upstreams generate them all the same.

use super::delivery::Delivery;
use super::driver::Answering;
use crate::config::OnAbandon;
use crate::exchange::account::Account;

impl Answering {
    /// How many images are charged if the exchange ends now, whoever gets them. `status` is what
    /// the client was sent; `None` if it left.
    pub(super) fn abandoned(&self, account: &Account, status: Option<u16>) -> u32 {
        match (status, account.shared.config.on_abandon()) {
            (None, OnAbandon::Charge) => self.asked_of_upstreams(),
            (None, OnAbandon::Release) | (Some(_), _) => 0,
        }
    }

    /// How many images upstreams were asked for, and have not refused or failed to make.
    fn asked_of_upstreams(&self) -> u32 {
        let calls = self.calls.drawing();
        match &self.delivery {
            // One call asks for all of them.
            Delivery::PassThrough(it) => it.asked().saturating_mul(calls),
            Delivery::Collect(_)
            | Delivery::Keepalive(_)
            | Delivery::Stream(_)
            | Delivery::PassImage(_) => calls,
        }
    }
}

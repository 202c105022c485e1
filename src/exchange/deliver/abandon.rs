//! The images that a client abandons: it leaves, and upstreams generate them all the same.

use super::driver::Answering;
use crate::config::OnAbandon;
use crate::exchange::account::Account;

impl Answering {
    /// How many images are charged if the exchange ends now, whoever gets them. `status` is what
    /// the client was sent; `None` if it left.
    pub(super) fn abandoned(&self, account: &Account, status: Option<u16>) -> u32 {
        match (status, account.shared.config.on_abandon()) {
            (None, OnAbandon::Charge) => self.calls.drawing(),
            (None, OnAbandon::Release) | (Some(_), _) => 0,
        }
    }
}

//! The calls that the loopback listener carries.

use std::time::Duration;

use super::Calls;
use crate::exchange::upstream::call::Call;

impl Calls {
    /// The side call of this token, if its bytes come with its response: the filter on the loopback
    /// listener brings those of a call that it carries.
    pub(crate) fn direct(&mut self, token: u32) -> Option<&mut Call> {
        let (_, place) = self.tokens.iter().find(|(it, _)| *it == token)?;
        self.calls.get_mut(*place).filter(|_| !self.links.is_taken(*place))
    }

    /// Whether the side call of this token goes through the loopback listener.
    pub(crate) fn is_linked(&self, token: u32) -> bool {
        let place = self.tokens.iter().find(|(it, _)| *it == token);
        place.is_some_and(|(_, place)| self.links.is_linked(*place))
    }

    /// Notes that the filter on the loopback listener carries the call of this link. Returns
    /// whether its answer is still wanted.
    pub(crate) fn take_link(&mut self, link: u32) -> bool {
        self.links.take(link);
        self.wants(link)
    }

    /// Whether an answer is still wanted under this link.
    pub(crate) fn wants(&self, link: u32) -> bool {
        let call = self.links.place(link).and_then(|place| self.calls.get(place));
        call.is_some_and(|call| !call.is_settled() && !call.is_due())
    }

    /// Takes what comes on the loopback listener for the call of this link.
    pub(crate) fn carried(&mut self, link: u32, now: Duration, step: impl FnOnce(&mut Call)) {
        if !self.wants(link) {
            return;
        }
        self.sent = None;
        let call = self.links.place(link).and_then(|place| self.calls.get_mut(place));
        call.map(step);
        self.try_next(now);
    }
}

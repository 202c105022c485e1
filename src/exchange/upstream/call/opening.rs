//! How an answer begins: its head, and the first byte of its body.

use std::time::Duration;

use super::unread::{Reading, Unread};
use super::{Call, State};
use crate::coding;
use crate::config::Api;
use crate::exchange::head::ResponseHead;
use crate::exchange::upstream::rests::Sign;
use crate::openai::error::{Failure, GatewayFailure, UpstreamFailure};
use crate::pool::Usage;
use crate::translate::collect::Bounds;
use crate::translate::error;

impl Call {
    /// Takes the head. A second one is ignored.
    pub(crate) fn head(&mut self, head: ResponseHead, bounds: &Bounds, now: Duration) {
        if !matches!(self.state, State::Waiting) {
            return;
        }
        let (host_model, images, room) = (self.refusable(), self.images, self.room);
        let bounds = Bounds { host_model, images, room, ..bounds.clone() };
        self.read_signs(&head);
        // 201–299: accepted, partial, or answered by a cache.
        self.is_pinned |= (201..=299).contains(&head.status);
        self.state = match head {
            ResponseHead { envoy_details: Some(details), status, .. } => {
                self.is_pinned = !error::never_left(&details);
                State::Failed(error::from_envoy(status, &details))
            }
            // `accept-encoding` is not sent, so nothing may be encoded.
            ResponseHead { status: 200..=299, content_encoding: Some(encoding), .. }
                if !coding::is_identity(&encoding) =>
            {
                State::Failed(Failure::Upstream(UpstreamFailure::InvalidResponse))
            }
            ResponseHead { status: 200..=299, .. } if head.is_html() => match self.target.api {
                // A page for people, such as a challenge.
                Api::Responses => State::failing(head, now),
                Api::Images => State::Failed(Failure::Upstream(UpstreamFailure::InvalidResponse)),
            },
            ResponseHead { status: 200..=299, .. } => {
                State::Unread(Box::new(Unread { head, bounds, since: now }))
            }
            head => State::failing(head, now),
        };
    }

    /// Takes what the head says about the upstream, its status apart.
    fn read_signs(&mut self, head: &ResponseHead) {
        if let Some((percent, resets_at)) = head.usage_limits.and_then(|it| it.tightest()) {
            self.sign(Sign::Uses(Usage { percent, resets_at }));
        }
        let refusal = head.envoy_details.as_deref().and_then(error::rest_of_envoy);
        refusal.into_iter().for_each(|it| self.sign(Sign::Refuses(it)));
    }

    /// Notes how the answer is to be read that begins with `chunk`, if the chunk decides it.
    pub(crate) fn judge(&mut self, chunk: &[u8]) {
        let State::Unread(unread) = &self.state else { return };
        let Some(reading) = unread.judge(self.target.api, chunk) else { return };
        let nothing = State::Failed(Failure::Gateway(GatewayFailure::Internal));
        let State::Unread(unread) = std::mem::replace(&mut self.state, nothing) else { return };
        let Unread { head, bounds, since } = *unread;
        self.state = match reading {
            Reading::As(document) => State::collecting(bounds, document),
            Reading::Error => State::failing(head, since),
            Reading::Garbled => State::Failed(Failure::Upstream(UpstreamFailure::InvalidResponse)),
        };
    }
}

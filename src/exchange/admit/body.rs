//! The body of a request, as it comes: its length is bounded, and its memory is reserved before it
//! is held.

use std::rc::Rc;
use std::time::Duration;

use super::caller::{check_endpoint, identify, valid};
use crate::config::Consumer;
use crate::exchange::account::record::Record;
use crate::exchange::head::{ClientHead, Headers, content_length, encoding, value};
use crate::exchange::outcome::End;
use crate::exchange::shared::{BODY_TIMEOUT, FIRST_BODY_TIMEOUT, Shared};
use crate::memory::{Budget, Lease, Pieces};
use crate::openai::endpoint::Endpoint;
use crate::openai::error::{ClientFailure, Failure, GatewayFailure};
use crate::openai::request::Encoding;

/// The body of a request whose head is held.
#[derive(Debug)]
pub(crate) struct RequestBody {
    pub(crate) consumer: Rc<Consumer>,
    pub(crate) endpoint: Endpoint,
    pub(crate) encoding: Encoding,
    pub(crate) head: ClientHead,
    /// Covered by `lease`, not by a lease of their own.
    pub(crate) body: Pieces,
    pub(crate) lease: Lease,
    /// When the last bytes came.
    last: Duration,
}

impl RequestBody {
    /// Checks the head, and opens the body of a request that may go on.
    pub(crate) fn open(
        shared: &Shared,
        endpoint: Endpoint,
        headers: &Headers,
        property: Option<&[u8]>,
        end: End,
        record: &mut Record,
        now: Duration,
    ) -> Result<Self, Failure> {
        let method = value(headers, ":method").unwrap_or_default();
        let caller = identify(shared, headers, property, record);
        check_endpoint(endpoint, method)?;
        let consumer = caller.and_then(|it| valid(it, now))?;
        let encoding = encoding(endpoint, headers)?;
        let declared = content_length(headers);
        let limit = shared.config.request().max_body_bytes;
        if declared.is_some_and(|len| usize::try_from(len).map_or(true, |len| len > limit)) {
            return Err(Failure::Client(ClientFailure::BodyTooLarge { limit }));
        }
        if end == End::Stream {
            return Err(Failure::Client(ClientFailure::BodyEmpty));
        }
        Ok(Self {
            consumer,
            endpoint,
            encoding,
            head: ClientHead::of(headers),
            body: Pieces::new(Budget::new().lease(usize::MAX)),
            lease: shared.lease(),
            last: now,
        })
    }

    /// Reserves memory for a body of `len` bytes in all, and for what is made of it while it is
    /// still held: as much again for JSON, and a third more for a form, whose files become base64.
    ///
    /// Only bytes that have come are reserved: a declared length costs nothing.
    fn reserve(&mut self, len: usize) -> Result<(), Failure> {
        let made = match self.encoding {
            Encoding::Json => len,
            Encoding::Form(_) => len.saturating_add(len.div_ceil(3)),
        };
        self.lease.cover_first(len.saturating_add(made)).map_err(|_| Failure::overloaded())
    }

    /// The body in one piece. It came in pieces, because a vector that grows takes up to three
    /// times its length.
    pub(crate) fn join(body: Pieces) -> Result<Vec<u8>, Failure> {
        let mut whole = Vec::new();
        whole.try_reserve_exact(body.len()).map_err(|_| Failure::overloaded())?;
        body.drain_into(&mut whole);
        Ok(whole)
    }

    pub(crate) fn push(
        &mut self,
        shared: &Shared,
        chunk: &[u8],
        now: Duration,
    ) -> Result<(), Failure> {
        let limit = shared.config.request().max_body_bytes;
        let len = self.body.len().saturating_add(chunk.len());
        if len > limit {
            return Err(Failure::Client(ClientFailure::BodyTooLarge { limit }));
        }
        if !chunk.is_empty() {
            self.last = now;
        }
        self.reserve(len)?;
        self.body.push_copy(chunk).map_err(|_| Failure::overloaded())
    }

    /// Whether the body has been silent for too long.
    pub(crate) fn tick(&self, shared: &Shared, now: Duration) -> Option<Failure> {
        let silent = now.saturating_sub(self.last);
        if !shared.bodies_come() {
            return (silent >= FIRST_BODY_TIMEOUT)
                .then_some(Failure::Gateway(GatewayFailure::Misconfigured));
        }
        (silent >= BODY_TIMEOUT).then_some(Failure::Client(ClientFailure::BodyTimeout))
    }
}

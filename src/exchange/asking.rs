//! Upstream is asked: one call for each picture, the first of them the client's own stream.

use std::time::Duration;

use super::call::Call;
use crate::config::Api;
use crate::memory::Lease;
use crate::openai::error::Failure;
use crate::openai::request::{ImagesName, ResponseFormat};
use crate::translate::collect::{Picture, Preview};
use crate::translate::stream::Wanted;

/// The calls of a request, until each has its picture or its failure.
#[derive(Debug)]
pub(super) struct Asking {
    calls: Vec<Call>,
    /// The token of each side call that is under way, beside its place in `calls`.
    tokens: Vec<(u32, usize)>,
    /// Covers what was sent until the upstream has begun to answer.
    sent: Option<Lease>,
    pub(super) terms: Terms,
    deadline: Duration,
}

/// In which of its own terms the client is answered.
#[derive(Debug)]
pub(super) struct Terms {
    /// What the upstream speaks.
    pub(super) api: Api,
    pub(super) format: ResponseFormat,
    /// The client wants events.
    pub(super) wanted: Option<Wanted>,
    /// How errors call the images.
    pub(super) images_name: ImagesName,
}

impl Asking {
    /// Calls with these rooms for their pictures, which end at `deadline`.
    pub(super) fn new(rooms: Vec<Lease>, sent: Lease, terms: Terms, deadline: Duration) -> Self {
        let calls = rooms.into_iter().map(|room| Call::new(room, terms.api)).collect();
        Self { calls, tokens: Vec::new(), sent: Some(sent), terms, deadline }
    }

    /// How many calls there are.
    pub(super) fn len(&self) -> usize {
        self.calls.len()
    }

    /// The client's own stream, whose upstream has begun to answer.
    pub(super) fn answered(&mut self) -> Option<&mut Call> {
        self.sent = None;
        self.own()
    }

    /// The client's own stream.
    pub(super) fn own(&mut self) -> Option<&mut Call> {
        self.calls.first_mut()
    }

    /// The previews of the client's own stream that have come whole since this was last asked.
    pub(super) fn take_previews(&mut self) -> Vec<Preview> {
        self.own().map(Call::take_previews).unwrap_or_default()
    }

    /// Whether a byte of the first picture has come, or of a preview that the client is shown.
    pub(super) fn has_begun(&self) -> bool {
        self.calls.first().is_some_and(Call::has_begun)
    }

    /// The side call of this token.
    pub(super) fn side(&mut self, token: u32) -> Option<&mut Call> {
        let (_, place) = self.tokens.iter().find(|(it, _)| *it == token)?;
        self.calls.get_mut(*place)
    }

    /// Takes what became of the attempt to start the next side call.
    pub(super) fn side_call_started(&mut self, token: Option<u32>) {
        let place = self.tokens.len().saturating_add(1);
        match token {
            Some(token) => self.tokens.push((token, place)),
            None => {
                // Its place is taken all the same, by a token that no call has.
                self.tokens.push((u32::MAX, place));
                if let Some(call) = self.calls.get_mut(place) {
                    call.fail(Failure::UpstreamUnreachable);
                }
            }
        }
    }

    /// Settles every call that is still open.
    pub(super) fn fail(&mut self, failure: &Failure) {
        self.calls.iter_mut().for_each(|call| call.fail(failure.clone()));
    }

    /// Notes that time has passed.
    pub(super) fn tick(&mut self, now: Duration) {
        if now >= self.deadline {
            self.fail(&Failure::UpstreamTimeout);
        }
        self.calls.iter_mut().for_each(|call| call.tick(now));
    }

    /// Whether every call has its outcome.
    pub(super) fn is_settled(&self) -> bool {
        self.calls.iter().all(Call::is_settled)
    }

    /// What came of the calls, each in their order, in the client's terms.
    pub(super) fn into_results(self) -> (Vec<Picture>, Vec<Failure>) {
        let (mut pictures, mut failures) = (Vec::new(), Vec::new());
        for call in self.calls {
            match call.into_result() {
                Ok(picture) => pictures.push(picture),
                Err(failure) => failures.push(failure.with_images_name(self.terms.images_name)),
            }
        }
        (pictures, failures)
    }
}

//! One image, whose base64 passes through to the client while it comes, in an answer of the
//! filter's own.
//!
//! While the head is held, a failure keeps its status. The head leaves with the first bytes of the
//! image that counts. From then on the bytes of the base64 stay in Envoy's buffer and are only
//! read, all others are taken out, and the size, the quality and the tokens follow after them. So
//! no image is held, and a client that reads slowly slows down its own upstream only. A failure
//! then breaks the transfer off.
//!
//! The answers of an upstream may have to be held (its `delivery`). Then the image is collected,
//! and passes through only if it finds no room.

use std::time::Duration;

use super::keepalive;
use super::step::{Step, beside_head};
use crate::exchange::outcome::End;
use crate::exchange::upstream::calls::Calls;
use crate::exchange::upstream::result::Generated;
use crate::openai::request::ResponseFormat;
use crate::translate::answer;
use crate::translate::collect::{Beginning, Passed};
use crate::translate::relay::Begun;

/// What comes before the base64 has fewer bytes.
const MAX_OPENING_BYTES: usize = 256;

/// An image that passes through.
#[derive(Debug)]
pub(crate) struct PassImage {
    pub(super) format: ResponseFormat,
    /// The image passes through even if it has room.
    passes: bool,
    /// A client that got no byte for this long gets a space. `None` if it does not.
    keepalive: Option<Duration>,
    progress: Progress,
    /// The end of the response has come.
    has_ended: bool,
}

/// How much of the answer has left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Progress {
    /// Nothing of the image.
    Nothing,
    /// The image has begun to leave.
    Begun,
    /// All of the image.
    Image,
    /// All of the answer, which is settled: after the image, or with the head.
    Answer { with_head: bool },
}

impl PassImage {
    pub(super) fn new(format: ResponseFormat, passes: bool, keepalive: Option<Duration>) -> Self {
        Self { format, passes, keepalive, progress: Progress::Nothing, has_ended: false }
    }

    /// Whether the image has begun to leave.
    pub(super) fn has_begun(&self) -> bool {
        !matches!(self.progress, Progress::Nothing | Progress::Answer { with_head: true })
    }

    /// Whether the answer is whole, and is settled.
    pub(super) fn is_whole(&self) -> bool {
        matches!(self.progress, Progress::Answer { .. })
    }

    /// Whether the end of the response has come.
    pub(super) fn has_ended(&self) -> bool {
        self.has_ended
    }

    /// Notes the end of a response that has trailers.
    pub(super) fn end(&mut self) {
        self.has_ended = true;
    }

    /// Whether white space comes before the answer.
    pub(super) fn is_kept_alive(&self) -> bool {
        self.keepalive.is_some()
    }

    /// Whether a whole answer may leave with its head, in place of a reply.
    pub(super) fn opens(&self) -> bool {
        self.passes && !self.has_ended
    }

    /// Notes that the whole answer leaves.
    pub(super) fn finish(&mut self) {
        self.progress = Progress::Answer { with_head: !self.has_begun() };
    }

    /// Notes that everything that came has left.
    pub(super) fn note_sent(&mut self, calls: &mut Calls) {
        if self.progress == Progress::Begun && calls.own_has_passed() {
            self.progress = Progress::Image;
        }
    }

    /// The image that has left, of an answer that breaks off, once.
    pub(super) fn take_passed(&self, calls: &mut Calls, begun: Begun) -> Vec<Generated> {
        let has_left = match self.progress {
            Progress::Nothing | Progress::Answer { .. } => return Vec::new(),
            Progress::Begun => begun == Begun::Counts,
            Progress::Image => true,
        };
        let image = calls.own_passed_image().filter(|_| has_left);
        let generated = |(candidate, image)| Generated { candidate, image };
        image.map(generated).into_iter().collect()
    }

    /// Takes bytes of the client's own stream.
    pub(super) fn body(
        &mut self,
        calls: &mut Calls,
        last_sent: Duration,
        chunk: Vec<u8>,
        end: End,
        now: Duration,
    ) -> Step {
        self.has_ended |= end == End::Stream;
        if self.is_whole() {
            return Step::Replace(Vec::new());
        }
        let has_bytes = !chunk.is_empty();
        let most = beside_head(chunk.len()).saturating_sub(MAX_OPENING_BYTES);
        calls.own_body(chunk, end, now);
        if self.has_begun() {
            return self.pass(calls);
        }
        if calls.is_settled() {
            return Step::Settled(Vec::new());
        }
        let may_pass = self.passes || calls.own_lacks_room();
        // A URL names the type of its image.
        let needs_format = self.format == ResponseFormat::Url;
        if let Some(beginning) = may_pass.then(|| calls.own_pass(most, needs_format)).flatten() {
            self.progress = Progress::Begun;
            return Step::Bytes(self.opening(beginning, now));
        }
        let every = self.keepalive.filter(|_| has_bytes);
        let space = every.and_then(|every| keepalive::space(every, calls, last_sent, now));
        space.map_or(Step::Wait, Step::Bytes)
    }

    /// The beginning of the answer, with that of the image.
    fn opening(&self, beginning: Beginning, now: Duration) -> Vec<u8> {
        let created = beginning.created_at.unwrap_or(now.as_secs());
        let mut opening = answer::opening(self.format, beginning.format(), created);
        opening.extend_from_slice(&beginning.base64);
        opening
    }

    /// What leaves of a chunk, which stays in Envoy's buffer.
    fn pass(&mut self, calls: &mut Calls) -> Step {
        let passed = match calls.own_passed() {
            Some(Passed::Whole) if !calls.is_settled() => return Step::Wait,
            Some(Passed::Part(bytes)) => bytes,
            // An outcome comes with the end of an event, and so after the base64.
            Some(Passed::Whole) | None => Vec::new(),
        };
        if calls.is_settled() {
            return Step::Settled(passed);
        }
        self.note_sent(calls);
        Step::Replace(passed)
    }
}

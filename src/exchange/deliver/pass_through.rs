//! The answer of an upstream of the Images API passes through as it comes, and is counted as it
//! passes.
//!
//! While the head is held, bytes are taken out of Envoy's buffer as in every delivery, a failure
//! keeps its status, and the rules of [`Call`] decide what is one. The head leaves with the first
//! byte of an image. From then on the bytes stay in Envoy's buffer and are only read: no image is
//! held, at any size, and a client that reads slowly slows down its own upstream only. A
//! failure then breaks the transfer off: no half of an image ends like a whole one. An answer that
//! ends after an image and lacks only brackets gets them. The upstream's
//! `content-length` reaches the client. An answer that is not whole at that length is broken off
//! before its last bytes leave, because a client takes an answer of the announced length for whole.
//!
//! What is charged once the head has left is what has passed. Whole images count, however the
//! answer ends. The image that is coming counts if the client leaves: else a client could leave a
//! few bytes before the end of each image and pay for none.
//!
//! [`Call`]: crate::exchange::upstream::call::Call

use std::rc::Rc;
use std::time::Duration;

use super::step::{Head, Step, beside_head};
use crate::config::{Api, Model};
use crate::exchange::outcome::End;
use crate::exchange::shared::Shared;
use crate::exchange::upstream::calls::Calls;
use crate::exchange::upstream::rests::Sign;
use crate::exchange::upstream::result::Generated;
use crate::memory::Lease;
use crate::openai::error::Failure;
use crate::openai::request::{ImageRequest, ResponseFormat};
use crate::translate::collect::{Bounds, Image};
use crate::translate::relay::{BYTE_ORDER_MARK, Begun, Relay, Transit, is_blank};

/// This many bytes may come before the first image: a prompt of the greatest length fits, revised
/// and with each of its characters escaped. All of it is white space and words.
const MAX_HELD_BYTES: usize = 256 * 1024;

/// Whether the answer can reach the client as it comes: the client wants it in this form, no white
/// space is wanted before it, and no other upstream may have to be called.
pub(super) fn applies(
    shared: &Shared,
    model: &Model<'_>,
    request: &ImageRequest<'_>,
    format: ResponseFormat,
) -> bool {
    let is_kept_alive = request.n == 1 && shared.config.keepalive().is_some();
    let [only] = model.candidates.as_slice() else { return false };
    only.upstream.api() == Api::Images
        && request.stream.is_none()
        && format == ResponseFormat::B64Json
        && !is_kept_alive
}

/// An answer that passes through.
#[derive(Debug)]
pub(crate) struct PassThrough {
    relay: Relay,
    /// What has come before the first image. It leaves with the head.
    held: Vec<u8>,
    /// Covers it.
    lease: Lease,
    /// More has come before the first image than can be held.
    is_overlong: bool,
    /// This many images have left whole.
    sent: usize,
    /// This many of those that came while the head was held end in what leaves with it.
    beside_head: usize,
    /// The answer has passed, and is settled. Only white space may follow.
    is_whole: bool,
    /// The end of the response has come.
    has_ended: bool,
    /// The length of the answer, if the upstream reports it.
    content_length: Option<u64>,
    /// How many bytes of that length have not come.
    left: Option<u64>,
    /// The brackets that an answer lacks which has ended.
    closing: Vec<u8>,
}

impl PassThrough {
    pub(super) fn new(asked: u32, bounds: &Bounds) -> Self {
        Self {
            relay: Relay::new(asked, bounds),
            held: Vec::new(),
            lease: bounds.budget.lease(bounds.max_buffered_bytes),
            is_overlong: false,
            sent: 0,
            beside_head: 0,
            is_whole: false,
            has_ended: false,
            content_length: None,
            left: None,
            closing: Vec::new(),
        }
    }

    /// Takes the length that the response's head reports.
    pub(super) fn set_content_length(&mut self, len: Option<u64>) {
        (self.content_length, self.left) = (len, len);
    }

    /// The length of the answer, as a header.
    pub(super) fn content_length(&self) -> Option<(&'static str, String)> {
        self.content_length.map(|it| ("content-length", it.to_string()))
    }

    /// Whether the answer has passed, and is settled.
    pub(super) fn is_whole(&self) -> bool {
        self.is_whole
    }

    /// Whether the end of the response has come.
    pub(super) fn has_ended(&self) -> bool {
        self.has_ended
    }

    /// Notes the end of a response that has trailers.
    pub(super) fn end(&mut self) {
        self.has_ended = true;
    }

    /// Notes that the head has left, with as much of the answer as [`beside_head`] allows.
    pub(super) fn note_opened(&mut self) {
        self.sent = self.beside_head;
    }

    /// The images that have left, of an answer that breaks off, once.
    pub(super) fn take_passed(&mut self, begun: Begun) -> Vec<Generated> {
        match self.is_whole {
            true => Vec::new(),
            false => generated(self.relay.passed(begun, self.sent)),
        }
    }

    /// Takes bytes of the response.
    ///
    /// # Errors
    ///
    /// The answer cannot pass through. It is to be collected, beginning with these bytes.
    pub(super) fn body(
        &mut self,
        calls: &mut Calls,
        head: Head,
        chunk: Vec<u8>,
        end: End,
        now: Duration,
    ) -> Result<Step, Vec<u8>> {
        calls.judge(&chunk);
        // The client did not ask for events, but an image may come in them.
        if calls.reads_events() {
            return Err(chunk);
        }
        self.has_ended |= end == End::Stream;
        let len = u64::try_from(chunk.len()).unwrap_or(u64::MAX);
        self.left = self.left.map(|left| left.saturating_sub(len));
        if self.is_whole {
            return Ok(self.tail(&chunk));
        }
        let chunk = Rc::new(chunk);
        let images = self.feed(calls, head, &chunk, end, now);
        if self.is_mendable(head) || self.is_overlong {
            return Err(self.take_held(&chunk));
        }
        Ok(match (head, images) {
            (Head::Held, Some(images)) => {
                Step::Passed { body: self.whole(&chunk), images: generated(images) }
            }
            (_, None) if calls.is_settled() => Step::Settled(Vec::new()),
            (Head::Held, None) => match self.relay.has_begun() {
                true => Step::Bytes(self.take_held(&chunk)),
                false => Step::Wait,
            },
            (Head::Left { .. }, images) => {
                self.sent = self.relay.passed_len();
                match images {
                    Some(images) => {
                        self.is_whole = true;
                        Step::Passed { body: self.last(&chunk), images: generated(images) }
                    }
                    None => Step::Wait,
                }
            }
        })
    }

    /// Takes bytes. Returns the images if the answer ends with them. A failure settles the call.
    fn feed(
        &mut self,
        calls: &mut Calls,
        head: Head,
        chunk: &Rc<Vec<u8>>,
        end: End,
        now: Duration,
    ) -> Option<Vec<Image>> {
        if calls.is_unread() && end == End::Open {
            self.hold(calls, chunk);
            return None;
        }
        if !calls.is_collecting() {
            calls.own_body(chunk.to_vec(), end, now);
            return None;
        }
        let (transit, first) = match head {
            Head::Held => (Transit::Held, self.first_part(chunk)),
            Head::Left { .. } => (Transit::Passing, chunk.len()),
        };
        let fed = self.relay.feed(chunk, first, transit, now);
        self.beside_head = self.relay.first_len();
        match fed {
            Some(Ok(images)) => {
                self.note_signs(calls, true);
                return Some(images);
            }
            // The caller has it collected.
            Some(Err(_)) if self.is_mendable(head) => return None,
            Some(Err(failure)) => {
                self.note_signs(calls, self.relay.has_image());
                calls.fail(&failure);
            }
            None if end == End::Stream || self.left == Some(0) => {
                if let Some(images) = self.complete(head, now) {
                    self.note_signs(calls, true);
                    return Some(images);
                }
                let failure = self.relay.cut_short();
                if self.is_mendable(head) {
                    return None;
                }
                self.note_signs(calls, self.relay.has_image());
                calls.fail(&failure);
            }
            None => {}
        }
        if !self.relay.has_begun() {
            self.hold(calls, chunk);
        }
        None
    }

    /// Notes what the answer says about the upstream. It may say beside its images that it serves
    /// no others for now.
    fn note_signs(&self, calls: &mut Calls, has_image: bool) {
        let serves = has_image.then_some(Sign::Serves);
        let refuses = self.relay.refusal().map(Sign::Refuses);
        serves.into_iter().chain(refuses).for_each(|sign| calls.own_sign(sign));
    }

    /// Completes an answer that ends after an image and lacks nothing but brackets. If its length
    /// was announced, a client would not take it for whole.
    fn complete(&mut self, head: Head, now: Duration) -> Option<Vec<Image>> {
        let may = matches!(head, Head::Left { .. }) && self.content_length.is_none();
        let (closing, images) = may.then(|| self.relay.complete(now)).flatten()?;
        self.closing = closing;
        Some(images)
    }

    /// How many bytes of `chunk` leave with the head, if it is opened now: those that fit beside
    /// the head after what is held.
    fn first_part(&self, chunk: &[u8]) -> usize {
        let starts = if self.held.is_empty() { chunk } else { &self.held };
        let mark = if starts.starts_with(BYTE_ORDER_MARK) { BYTE_ORDER_MARK.len() } else { 0 };
        let room = beside_head(chunk.len()).saturating_add(mark);
        room.saturating_sub(self.held.len())
    }

    /// Whether an image cannot pass as it is, and no byte has left: a collector may be able to read
    /// it.
    fn is_mendable(&self, head: Head) -> bool {
        matches!(head, Head::Held) && self.relay.is_odd()
    }

    /// Keeps bytes that come before the first image. If they are too many, the answer does not pass
    /// through: a collector drops what is not read of it.
    fn hold(&mut self, calls: &mut Calls, chunk: &[u8]) {
        let len = self.held.len().saturating_add(chunk.len());
        // Twice, since a vector that grows may have room for as much again; and once more while it
        // is copied.
        if len > MAX_HELD_BYTES {
            self.is_overlong = true;
        } else if self.lease.cover(len.saturating_mul(3)).is_err() {
            calls.fail(&Failure::overloaded());
        } else {
            self.held.extend_from_slice(chunk);
        }
    }

    /// What was held, and `chunk`, without the byte order mark that would spoil the client's JSON.
    fn take_held(&mut self, chunk: &[u8]) -> Vec<u8> {
        let mut body = std::mem::take(&mut self.held);
        // What was held leaves with this callback.
        drop(self.lease.split(usize::MAX));
        body.extend_from_slice(chunk);
        if body.starts_with(BYTE_ORDER_MARK) {
            body.drain(..BYTE_ORDER_MARK.len());
            let mark = u64::try_from(BYTE_ORDER_MARK.len()).unwrap_or_default();
            self.content_length = self.content_length.map(|it| it.saturating_sub(mark));
        }
        body
    }

    /// The whole answer, which ends in `chunk`, without what may not follow JSON.
    fn whole(&mut self, chunk: &[u8]) -> Vec<u8> {
        let mut body = self.take_held(chunk);
        let end = body.len().saturating_sub(self.relay.unread_len());
        if !is_blank(body.get(end..).unwrap_or_default()) {
            body.truncate(end);
        }
        body
    }

    /// What leaves in the place of the chunk in which the answer ends. Nothing if the chunk may
    /// pass as it is.
    fn last(&mut self, chunk: &[u8]) -> Vec<u8> {
        let end = chunk.len().saturating_sub(self.relay.unread_len());
        let (body, tail) = chunk.split_at_checked(end).unwrap_or((chunk, &[]));
        if self.closing.is_empty() && is_blank(tail) {
            return Vec::new();
        }
        [body, &std::mem::take(&mut self.closing), &self.blank(tail)].concat()
    }

    /// White space may follow the answer. Anything else would spoil the client's JSON.
    fn tail(&self, chunk: &[u8]) -> Step {
        match is_blank(chunk) {
            true => Step::Wait,
            false => Step::Replace(self.blank(chunk)),
        }
    }

    /// What leaves in the place of bytes after the answer: as many, if its length was announced.
    fn blank(&self, tail: &[u8]) -> Vec<u8> {
        vec![b' '; if self.content_length.is_some() { tail.len() } else { 0 }]
    }
}

/// The images of the only upstream that can be called.
fn generated(images: Vec<Image>) -> Vec<Generated> {
    images.into_iter().map(|image| Generated { candidate: 0, image }).collect()
}

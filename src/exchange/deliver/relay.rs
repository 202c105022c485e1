//! The answer of a provider is passed on as it comes, and counted as it passes.
//!
//! ```text
//!         first byte of a picture           last bracket
//! Held ───────────────────────────▶ Left ─────────────────▶ Told
//!   │ failure, or the whole answer    │ broken
//!   └──────────▶ Replied              └──────▶ broken off
//! ```
//!
//! While the head is held, bytes are taken as everywhere, a failure keeps its status, and it is [`Call`]'s
//! rules that say what is one. From then on Envoy's buffer is only looked at: no picture is held, whatever
//! it weighs, and a client that reads slowly slows its provider down and nobody else. What can no longer be
//! told is shown by breaking the transfer off: no half of an answer ends like a whole one.
//!
//! What is charged once the head has left is what has passed. Whole pictures count whatever ends the answer;
//! the one that is coming counts where it is the client that leaves, since a client could else leave a few
//! bytes before the end of each picture and pay for none.
//!
//! [`Call`]: crate::exchange::upstream::call::Call

mod settling;

use std::rc::Rc;
use std::time::Duration;

use crate::config::{Api, Model};
use crate::exchange::deliver::stream::{MAX_BESIDE_HEAD, MIN_BESIDE_HEAD};
use crate::exchange::head::ResponseHead;
use crate::exchange::outcome::{LocalReply, OnAnswer, OnResponseBody, OnResponseEnd, Open};
use crate::exchange::shared::Gate;
use crate::exchange::upstream::calls::Asking;
use crate::exchange::upstream::rests::Sign;
use crate::exchange::{End, Exchange, Phase};
use crate::openai::error::Failure;
use crate::openai::request::{ImageRequest, ResponseFormat};
use crate::translate::collect::{Bounds, Picture};
use crate::translate::relay::{BYTE_ORDER_MARK, Relay, Stands, is_blank, room};

/// So much may come before the first picture: a prompt of the greatest length, revised and with each of its
/// characters escaped, fits. All of it is white space and words.
const MAX_HELD_BYTES: usize = 256 * 1024;

/// Whether the answer can reach the client as it comes: it is in the client's terms then, white space is not
/// wanted before it, and no other upstream may have to be asked.
pub(crate) fn applies(
    gate: &Gate,
    model: &Model<'_>,
    request: &ImageRequest<'_>,
    format: ResponseFormat,
) -> bool {
    let is_kept_alive = request.n == 1 && gate.config.keepalive().is_some();
    let [only] = model.candidates.as_slice() else { return false };
    only.upstream.api() == Api::Images
        && request.stream.is_none()
        && format == ResponseFormat::B64Json
        && !is_kept_alive
}

/// What a request for `n` pictures may hold while it is relayed.
pub(crate) fn room_for(n: u32) -> usize {
    // Twice, since a vector that grows may have room for as much again; and once more while it is copied.
    let held = MAX_HELD_BYTES.saturating_mul(3);
    room(usize::try_from(n).unwrap_or(usize::MAX)).saturating_add(held)
}

/// A request whose answer is passed on.
#[derive(Debug)]
pub(crate) struct Relaying {
    /// Its one call: until the head has left its failures are told by its rules.
    asking: Asking,
    relay: Relay,
    stage: Stage,
    /// How many pictures were asked for.
    asked: u32,
    /// So many pictures have gone on whole.
    sent: usize,
    /// Its end has come.
    has_ended: bool,
    /// The length of the answer, where the provider tells it.
    content_length: Option<u64>,
    /// How the rules stood at admission, as headers.
    limits: Vec<(&'static str, String)>,
}

#[derive(Debug)]
enum Stage {
    /// The head is held, and with it what has come.
    Held(Vec<u8>),
    /// The head has left, and this is to follow it.
    Left(Vec<u8>),
    /// The answer has passed, and is settled.
    Told,
}

impl Relaying {
    pub(crate) fn new(
        asking: Asking,
        asked: u32,
        bounds: &Bounds,
        limits: Vec<(&'static str, String)>,
    ) -> Self {
        let relay = Relay::new(asked, bounds);
        let stage = Stage::Held(Vec::new());
        Self {
            asking,
            relay,
            stage,
            asked,
            sent: 0,
            has_ended: false,
            content_length: None,
            limits,
        }
    }

    fn head(&mut self, head: ResponseHead, bounds: &Bounds, now: Duration) {
        self.content_length = head.content_length;
        self.asking.own_head(head, bounds, now);
    }

    /// Whether the head is still held.
    pub(crate) fn is_held(&self) -> bool {
        matches!(self.stage, Stage::Held(_))
    }

    /// Takes bytes; the pictures where they end the answer. A failure settles the call.
    fn feed(&mut self, chunk: &Rc<Vec<u8>>, end: End, now: Duration) -> Option<Vec<Picture>> {
        if self.asking.is_unread() && end == End::Open {
            self.hold(chunk);
            return None;
        }
        if !self.asking.is_collecting() {
            self.asking.own_body(chunk.to_vec(), end, now);
            return None;
        }
        let stands = if self.is_held() { Stands::Held } else { Stands::Passing };
        match self.relay.feed(chunk, stands, now) {
            Some(Ok(pictures)) => {
                self.asking.own_sign(Sign::Serves);
                return Some(pictures);
            }
            // The caller has it collected.
            Some(Err(_)) if self.is_mendable() => return None,
            Some(Err(failure)) => {
                let refusal = self.relay.refusal().map(Sign::Refuses);
                refusal.into_iter().for_each(|sign| self.asking.own_sign(sign));
                self.asking.fail(&failure);
            }
            None if end == End::Stream => self.asking.fail(&self.relay.cut_short()),
            None => {}
        }
        if !self.relay.has_begun() {
            self.hold(chunk);
        }
        None
    }

    /// Whether the only picture cannot pass as it is, and nothing of it has left: a collector may read it.
    fn is_mendable(&self) -> bool {
        self.is_held() && self.asked == 1 && self.relay.is_odd()
    }

    /// Keeps bytes from before the first picture.
    fn hold(&mut self, chunk: &[u8]) {
        let Stage::Held(held) = &mut self.stage else { return };
        if held.len().saturating_add(chunk.len()) > MAX_HELD_BYTES {
            self.asking.fail(&Failure::UpstreamGarbled);
        } else {
            held.extend_from_slice(chunk);
        }
    }

    /// What leaves beside the head, of what was held and the chunk in hand; the rest follows. A body above the
    /// stream's buffer limit ends the Envoy process while the head is held, and Envoy has just held the chunk.
    fn leave(&mut self, chunk: &[u8]) -> Vec<u8> {
        let mut body = self.take_held(chunk);
        let room = chunk.len().clamp(MIN_BESIDE_HEAD, MAX_BESIDE_HEAD);
        let rest = if body.len() > room { body.split_off(room) } else { Vec::new() };
        if rest.is_empty() {
            self.sent = self.relay.passed_len();
        }
        self.stage = Stage::Left(rest);
        body
    }

    /// What the answer has said about its upstream since this was last taken.
    pub(crate) fn take_signs(&mut self) -> Vec<(usize, Sign)> {
        self.asking.take_signs()
    }

    /// What was held, and `chunk`, without the byte order mark that would spoil the client's JSON.
    fn take_held(&mut self, chunk: &[u8]) -> Vec<u8> {
        let Stage::Held(held) = &mut self.stage else { return Vec::new() };
        let mut body = std::mem::take(held);
        body.extend_from_slice(chunk);
        if body.starts_with(BYTE_ORDER_MARK) {
            body.drain(..BYTE_ORDER_MARK.len());
            let mark = u64::try_from(BYTE_ORDER_MARK.len()).unwrap_or_default();
            self.content_length = self.content_length.map(|it| it.saturating_sub(mark));
        }
        body
    }

    /// Why the call failed.
    fn into_failure(self) -> Failure {
        let failure = self.asking.into_results().failures.into_iter().next();
        failure.map_or(Failure::UpstreamCut, |it| it.told)
    }
}

impl Exchange {
    /// Takes the head of the response.
    pub(crate) fn relay_head(&mut self, head: ResponseHead, now: Duration) {
        if let Phase::Relaying(relaying) = &mut self.phase {
            relaying.head(head, &self.gate.bounds(), now);
        }
    }

    /// Has the answer collected, as it is anywhere, which begins with these bytes.
    fn collect_relay(&mut self, bytes: Vec<u8>, end: End, now: Duration) -> OnResponseBody {
        if let Phase::Relaying(relaying) = std::mem::replace(&mut self.phase, Phase::Replied) {
            self.phase = Phase::Asking(Box::new(relaying.asking));
        }
        self.response_body(bytes, end, now)
    }

    /// Takes bytes of the response where the answer is passed on: before the head has left they are taken out
    /// of Envoy's buffer, behind it they are in it.
    pub(crate) fn relay_body(&mut self, chunk: Vec<u8>, end: End, now: Duration) -> OnResponseBody {
        let Phase::Relaying(relaying) = &mut self.phase else { return OnResponseBody::Pass };
        relaying.asking.judge(&chunk);
        // Events that nobody asked for are not what the client is to get, but a picture is drawn.
        if relaying.asking.reads_events() {
            return self.collect_relay(chunk, end, now);
        }
        let chunk = Rc::new(chunk);
        relaying.has_ended |= end == End::Stream;
        if matches!(relaying.stage, Stage::Told) {
            return self.relay_rest(&chunk, now);
        }
        let pictures = relaying.feed(&chunk, end, now);
        if relaying.is_mendable() {
            let held = relaying.take_held(&chunk);
            return self.collect_relay(held, end, now);
        }
        let failed = relaying.asking.is_settled();
        let begun = relaying.relay.has_begun();
        match (&mut relaying.stage, pictures) {
            (Stage::Held(_), Some(pictures)) => {
                let mut body = relaying.take_held(&chunk);
                let end = body.len().saturating_sub(relaying.relay.unread_len());
                if !is_blank(body.get(end..).unwrap_or_default()) {
                    body.truncate(end);
                }
                OnResponseBody::Reply(self.relay_at_once(body, &pictures, now))
            }
            (Stage::Held(_), None) if failed => OnResponseBody::Reply(self.refuse_relay(now)),
            (Stage::Held(_), None) if begun => {
                let body = relaying.leave(&chunk);
                OnResponseBody::Open(self.open_relay(body))
            }
            (Stage::Held(_), None) => OnResponseBody::Hold,
            (_, None) if failed => self.break_relay(now),
            (stage, pictures) => {
                let waiting = match stage {
                    Stage::Left(waiting) => std::mem::take(waiting),
                    Stage::Held(_) | Stage::Told => Vec::new(),
                };
                relaying.sent = relaying.relay.passed_len();
                if let Some(pictures) = pictures {
                    *stage = Stage::Told;
                    self.settle_relay(&pictures, now);
                }
                self.pass(waiting, &chunk)
            }
        }
    }

    /// Lets the chunk in Envoy's buffer go on behind `waiting`.
    fn pass(&mut self, waiting: Vec<u8>, chunk: &[u8]) -> OnResponseBody {
        let bytes = waiting.len().saturating_add(chunk.len());
        self.record.bytes_out = self.record.bytes_out.saturating_add(bytes);
        match waiting.is_empty() {
            true => OnResponseBody::Pass,
            false => OnResponseBody::Send(waiting),
        }
    }

    /// Behind the answer white space passes: its length may have been told. Anything else would make the
    /// client's JSON none.
    fn relay_rest(&mut self, chunk: &[u8], now: Duration) -> OnResponseBody {
        if is_blank(chunk) {
            return self.pass(Vec::new(), chunk);
        }
        self.phase = Phase::Told;
        self.fail_relay(&Failure::UpstreamGarbled, now);
        OnResponseBody::Reset
    }

    /// The head that opens the answer, with its first bytes. Of the provider's headers nothing crosses but the
    /// length.
    fn open_relay(&mut self, body: Vec<u8>) -> Open {
        self.record.status = Some(200);
        self.record.committed = true;
        self.record.bytes_out = body.len();
        let mut headers = vec![("content-type", "application/json".to_owned())];
        if let Phase::Relaying(relaying) = &mut self.phase {
            let length = relaying.content_length.map(|it| ("content-length", it.to_string()));
            headers.extend(length);
            headers.append(&mut relaying.limits);
        }
        let reply = LocalReply::ok(headers, body);
        let LocalReply { status, headers, body, .. } = self.with_request_id(reply);
        Open { status, headers, body }
    }

    /// The answer came whole while the head was held.
    fn relay_at_once(&mut self, body: Vec<u8>, pictures: &[Picture], now: Duration) -> LocalReply {
        self.note_relay_signs(now);
        self.phase = Phase::Replied;
        let limits = self.settle_relay(pictures, now);
        self.deliver(body, limits)
    }

    /// Takes the end of the response where trailers stand in for the last part of the body.
    pub(crate) fn relay_trailers(&mut self, now: Duration) -> OnResponseEnd {
        let Phase::Relaying(relaying) = &mut self.phase else { return OnResponseEnd::Pass };
        relaying.has_ended = true;
        if matches!(relaying.stage, Stage::Told) {
            return OnResponseEnd::Pass;
        }
        match self.relay_body(Vec::new(), End::Stream, now) {
            OnResponseBody::Reply(reply) => OnResponseEnd::Reply(reply),
            OnResponseBody::Reset => OnResponseEnd::Reset,
            _ => OnResponseEnd::Hold,
        }
    }

    /// Notes that time has passed. Once the head has left nothing can be told from the clock: the next bytes
    /// break the answer off, or Envoy, which waits a little longer, resets the stream.
    pub(crate) fn tick_relay(&mut self, now: Duration) -> OnAnswer {
        let Phase::Relaying(relaying) = &mut self.phase else { return OnAnswer::Pass };
        relaying.asking.tick(now);
        match relaying.is_held() && relaying.asking.is_settled() {
            true => OnAnswer::Reply(self.refuse_relay(now)),
            false => OnAnswer::Hold,
        }
    }
}

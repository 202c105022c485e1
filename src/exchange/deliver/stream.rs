//! The client is answered with events, as their bytes arrive.
//!
//! ```text
//!         first byte of a picture             last event
//! Held ───────────────────────────▶ Left ───────────────────▶ Told
//!   │ failure, or the whole stream at once
//!   └──────────────────────────────────────▶ Replied
//! ```
//!
//! While the head is held, a failure keeps its status. It leaves with the chunk in which the first picture
//! begins, not with the one in which it ends: a body above the buffer limit of the stream ends the Envoy
//! process while the head is held, and passes at any size once it has left. Where a picture begins and ends
//! in one chunk, what leaves beside the head is at most as long as that chunk, which Envoy's buffer
//! has just held; the rest follows with the next.

use std::time::Duration;

use crate::exchange::account::ticket::Charge;
use crate::exchange::head::ResponseHead;
use crate::exchange::outcome::{LocalReply, OnAnswer, OnResponseBody, OnResponseEnd, Open};
use crate::exchange::upstream::calls::Asking;
use crate::exchange::{End, Exchange, Phase};
use crate::openai::error::Failure;
use crate::translate::collect::{Bounds, Picture};
use crate::translate::stream::{Wanted, Writer, failed, keep_alive};

/// So many bytes may leave beside the head whatever the chunk: no buffer limit in use is lower.
pub(crate) const MIN_BESIDE_HEAD: usize = 16 * 1024;
/// No more than so many, however long the chunk: by default Envoy's buffer takes 1 MiB.
pub(crate) const MAX_BESIDE_HEAD: usize = 960 * 1024;
/// A client that got nothing for so long gets a comment, when the upstream gives the occasion.
const KEEP_ALIVE: Duration = Duration::from_secs(5);

/// A request whose client wants events.
#[derive(Debug)]
pub(crate) struct Streaming {
    pub(crate) asking: Asking,
    writer: Writer,
    previews: u32,
    /// Events that did not fit beside the head.
    waiting: Vec<u8>,
    /// When the client last got bytes; nothing while the head is held.
    last: Option<Duration>,
    /// How the rules stood at admission, as headers.
    limits: Vec<(&'static str, String)>,
}

impl Streaming {
    pub(crate) fn new(asking: Asking, wanted: Wanted, limits: Vec<(&'static str, String)>) -> Self {
        let previews = wanted.previews;
        let writer = Writer::new(wanted);
        Self { asking, writer, previews, waiting: Vec::new(), last: None, limits }
    }

    pub(crate) fn head(&mut self, head: ResponseHead, bounds: Bounds, now: Duration) {
        self.asking.own_head(head, &Bounds { previews: self.previews, ..bounds }, now);
    }

    /// Whether the head is still held.
    pub(crate) fn is_held(&self) -> bool {
        self.last.is_none()
    }

    /// Notes that time has passed; whether the head is held and the outcome known.
    pub(crate) fn tick(&mut self, now: Duration) -> bool {
        self.asking.tick(now);
        self.is_held() && self.asking.is_settled()
    }

    /// Why the call was given up, where nothing has come since.
    pub(crate) fn overdue(&self) -> Option<Failure> {
        self.asking.is_settled().then_some(Failure::UpstreamTimeout)
    }

    /// Takes bytes, and gives what is to be sent for them, the outcome apart.
    fn feed(&mut self, chunk: Vec<u8>, end: End, now: Duration) -> Vec<u8> {
        self.asking.own_body(chunk, end, now);
        let mut events = std::mem::take(&mut self.waiting);
        for preview in self.asking.take_previews() {
            if self.writer.preview(preview, now.as_secs(), &mut events).is_err() {
                self.asking.fail(&Failure::overloaded());
                break;
            }
        }
        events
    }

    /// What leaves beside the head, at most `room` bytes; the rest waits.
    fn beside_head(&mut self, mut events: Vec<u8>, room: usize) -> Vec<u8> {
        if events.is_empty() {
            keep_alive(&mut events);
        } else if events.len() > room {
            self.waiting = events.split_off(room);
        }
        events
    }
}

impl Exchange {
    /// Takes bytes of the response where the client wants events.
    pub(crate) fn stream_body(
        &mut self,
        chunk: Vec<u8>,
        end: End,
        now: Duration,
    ) -> OnResponseBody {
        let Phase::Streaming(streaming) = &mut self.phase else { return OnResponseBody::Pass };
        let len = chunk.len();
        let mut events = streaming.feed(chunk, end, now);
        if streaming.asking.is_settled() {
            return self.end_stream(events, now);
        }
        let Some(last) = streaming.last else {
            if !streaming.asking.has_begun() && events.is_empty() {
                return OnResponseBody::Hold;
            }
            streaming.last = Some(now);
            streaming.asking.commit();
            let body = streaming.beside_head(events, len.clamp(MIN_BESIDE_HEAD, MAX_BESIDE_HEAD));
            return OnResponseBody::Open(self.open_stream(body));
        };
        if events.is_empty() && len > 0 && now.saturating_sub(last) >= KEEP_ALIVE {
            keep_alive(&mut events);
        }
        if !events.is_empty() {
            streaming.last = Some(now);
        }
        OnResponseBody::Send(self.sent(events))
    }

    /// Takes the end of the response where trailers stand in for the last part of the body. Where the head
    /// has left, nothing more can be put into the body then.
    pub(crate) fn stream_trailers(&mut self, now: Duration) -> OnResponseEnd {
        let Phase::Streaming(streaming) = &mut self.phase else { return OnResponseEnd::Pass };
        if streaming.is_held() {
            return match self.stream_body(Vec::new(), End::Stream, now) {
                OnResponseBody::Reply(reply) => OnResponseEnd::Reply(reply),
                _ => OnResponseEnd::Hold,
            };
        }
        let failure = streaming.overdue().unwrap_or(Failure::UpstreamCut);
        self.break_off(&failure, now)
    }

    /// The head that opens the stream, with its first bytes.
    fn open_stream(&mut self, body: Vec<u8>) -> Open {
        let limits = match &mut self.phase {
            Phase::Streaming(streaming) => std::mem::take(&mut streaming.limits),
            _ => Vec::new(),
        };
        let LocalReply { status, headers, body, .. } = self.stream_reply(body, limits);
        Open { status, headers, body }
    }

    fn stream_reply(&mut self, body: Vec<u8>, limits: Vec<(&'static str, String)>) -> LocalReply {
        self.record.status = Some(200);
        let body = self.sent(body);
        let mut headers = vec![
            ("content-type", "text/event-stream; charset=utf-8".to_owned()),
            ("cache-control", "no-cache".to_owned()),
        ];
        headers.extend(limits);
        self.with_request_id(LocalReply::ok(headers, body))
    }

    fn sent(&mut self, bytes: Vec<u8>) -> Vec<u8> {
        self.record.bytes_out = self.record.bytes_out.saturating_add(bytes.len());
        bytes
    }

    /// Tells the outcome behind `events`. Nothing after it counts.
    fn end_stream(&mut self, mut events: Vec<u8>, now: Duration) -> OnResponseBody {
        let phase = std::mem::replace(&mut self.phase, Phase::Replied);
        let Phase::Streaming(streaming) = phase else { return OnResponseBody::Pass };
        let is_held = streaming.is_held();
        let tells_status = is_held && events.is_empty() && !streaming.asking.has_begun();
        let Streaming { asking, mut writer, limits, .. } = *streaming;
        let results = asking.into_results();
        self.note_results(&results, now);
        let told = match results.failures.into_iter().next() {
            Some(failed) => Err(self.told(failed.told, failed.told_by, now)),
            None => {
                self.complete(&results.pictures, &results.drawn_by, &mut writer, &mut events, now)
            }
        };
        if let Err(failure) = told {
            self.settle(&Charge::nothing(), now);
            if tells_status {
                return OnResponseBody::Reply(self.refuse(&failure));
            }
            self.record.fail_stream(&failure);
            failed(&failure, &mut events);
        }
        if is_held {
            return OnResponseBody::Reply(self.stream_reply(events, limits));
        }
        self.phase = Phase::Told;
        OnResponseBody::Send(self.sent(events))
    }

    /// Hands the picture over, which is what is charged.
    fn complete(
        &mut self,
        pictures: &[Picture],
        drawn_by: &[usize],
        writer: &mut Writer,
        events: &mut Vec<u8>,
        now: Duration,
    ) -> Result<(), Failure> {
        let picture = pictures.first().ok_or(Failure::UpstreamNoImage)?;
        let ticket = self.ticket.as_ref();
        let charge = ticket.map(|ticket| ticket.charge(&self.gate, pictures, drawn_by));
        writer.completed(picture, now.as_secs(), events).map_err(|_| Failure::overloaded())?;
        self.record.deliver(pictures, now);
        self.settle(&charge.unwrap_or_else(Charge::nothing), now);
        Ok(())
    }

    /// Notes that time has passed. Once the head has left nothing can be told from the clock: the next
    /// bytes of the upstream bring the error, or Envoy, which waits a little longer, resets the stream.
    pub(crate) fn tick_stream(&mut self, now: Duration) -> OnAnswer {
        let Phase::Streaming(streaming) = &mut self.phase else { return OnAnswer::Pass };
        if !streaming.tick(now) {
            return OnAnswer::Hold;
        }
        match self.end_stream(Vec::new(), now) {
            OnResponseBody::Reply(reply) => OnAnswer::Reply(reply),
            _ => OnAnswer::Hold,
        }
    }
}

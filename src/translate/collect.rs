//! One upstream stream, or one answer of the Images API, to one image.
//!
//! What counts, in the order of the rules:
//!
//! 1. Nothing after the terminal event counts. `response.completed` is the only one that succeeds;
//!    a stream that ends without it failed, however much of an image came.
//! 2. The image is the `result` of an `output_item.done`, else the one in
//!    `response.completed.output`. A non-empty `result` is success whatever its `status` says.
//! 3. The first image is the image: each call asks for one. Others are counted as dropped.
//! 4. A preview is never the image, unless the operator set `accept_last_partial`.
//! 5. Words in place of an image are a refusal.
//!
//! A response that comes as one JSON document counts as its terminal event does.
//!
//! An answer of the Images API counts once its last bracket is closed; its first image is the image. Of its
//! events the one that ends in `.completed` carries the image, and is the only one that succeeds.

use std::ops::Range;
use std::rc::Rc;
use std::time::Duration;

use crate::config::LastPartial;
use crate::memory::{Budget, Lease, Pieces};
use crate::openai::error::{Failure, UpstreamFailure};
use crate::pool::Refusal;
use crate::sse::{Decoder, Token};
use crate::upstream::event::Attributes;
pub use crate::upstream::scanner::Document;
use crate::upstream::scanner::{Keep, Kind, ScanError, Scanner};
use crate::upstream::usage::ImageUsage;

use accumulator::Accumulator;

mod accumulator;
mod images;

/// What bounds a collector.
#[derive(Debug, Clone)]
pub struct Bounds {
    /// The base64 of an image, in bytes.
    pub max_base64_bytes: usize,
    /// All that is held in this VM.
    pub budget: Budget,
    /// How much of the budget may be used in all, in bytes.
    pub max_buffered_bytes: usize,
    /// Whether a preview may stand in for an image that never came.
    pub last_partial: LastPartial,
    /// How many previews the client is shown.
    pub previews: u32,
    /// The text model that is asked to call the image tool, if there is one.
    pub host_model: Option<Rc<str>>,
}

/// A image and what was told about it.
#[derive(Debug)]
pub struct Image {
    /// Its base64.
    pub base64: Rc<Pieces>,
    /// What came back, as told by the item, else by the tool.
    pub attributes: Attributes,
    /// The prompt that the tool was given.
    pub revised_prompt: Option<String>,
    /// Unix seconds at which the upstream began.
    pub created_at: Option<u64>,
    /// Tokens of the image model.
    pub usage: Option<ImageUsage>,
    /// Images that came beside this one and were dropped.
    pub dropped: u32,
    /// What part of what its answer drew is delivered.
    pub share: Share,
}

/// Some of the images of an answer.
#[derive(Debug, Clone, Copy)]
pub struct Share {
    /// How many are delivered.
    pub delivered: usize,
    /// How many there were.
    pub made: usize,
}

/// A preview on its way to the client.
#[derive(Debug)]
pub struct Preview {
    /// Its base64.
    pub base64: Rc<Pieces>,
    /// What was told about it, by itself or by the tool.
    pub attributes: Attributes,
    /// Which one it is, from 0.
    pub index: u32,
    /// Unix seconds at which the upstream began.
    pub created_at: Option<u64>,
}

/// Whether a collector wants more bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// The outcome is open.
    Open,
    /// The outcome is known; further bytes do not count.
    Settled,
}

/// Reads one stream to its outcome.
#[derive(Debug)]
pub struct Collector {
    /// Nothing where no events come, but one document.
    decoder: Option<Decoder>,
    scanner: Scanner,
    accumulator: Accumulator,
    outcome: Option<Result<Image, Failure>>,
}

impl Collector {
    /// A collector at the start of a stream of events, or of an answer of the Images API. `room` covers the
    /// image as far as it reaches.
    pub fn new(bounds: Bounds, room: Lease, document: Document) -> Self {
        let mut scanner = Scanner::of(document);
        scanner.keep(Keep::UpTo(bounds.max_base64_bytes), bounds.keep_preview(0));
        Self {
            decoder: (!document.is_whole_answer()).then(Decoder::new),
            scanner,
            accumulator: Accumulator::new(bounds, room, document),
            outcome: None,
        }
    }

    /// Takes the next bytes of the stream. `now` is the time since the Unix epoch.
    pub fn feed(&mut self, chunk: Vec<u8>, now: Duration) -> Progress {
        self.accumulator.now = now;
        if self.outcome.is_none() {
            let chunk = Rc::new(chunk);
            let Self { decoder, scanner, accumulator, outcome } = self;
            match decoder {
                Some(decoder) => decoder.feed(&chunk, |token| {
                    take(scanner, accumulator, outcome, &chunk, token);
                }),
                None => self.feed_document(&chunk),
            }
        }
        self.progress()
    }

    fn feed_document(&mut self, chunk: &Rc<Vec<u8>>) {
        let scanned = feed_scanner(&mut self.scanner, &mut self.accumulator, chunk, 0..chunk.len());
        if let Err(error) = scanned {
            self.outcome = Some(Err(failure(error)));
        } else if self.scanner.is_whole() {
            self.outcome = Some(self.accumulator.document(self.scanner.finish_event()));
        }
    }

    /// Takes the end of the stream.
    ///
    /// # Errors
    ///
    /// Why there is no image.
    pub fn finish(&mut self, now: Duration) -> Result<Image, Failure> {
        self.accumulator.now = now;
        let Self { decoder, scanner, accumulator, outcome } = self;
        let nothing = Rc::new(Vec::new());
        if let Some(decoder) = decoder {
            decoder.finish(|token| take(scanner, accumulator, outcome, &nothing, token));
        }
        match (outcome.take(), decoder) {
            (Some(outcome), _) => outcome,
            (None, None) if is_other_json(&scanner.finish_event().skeleton) => {
                Err(Failure::Upstream(UpstreamFailure::InvalidResponse))
            }
            (None, _) => accumulator.cut_short(),
        }
    }

    /// The previews that have come whole since this was last asked, in their order.
    pub fn take_previews(&mut self) -> Vec<Preview> {
        std::mem::take(&mut self.accumulator.previews)
    }

    /// Whether a byte of an image has come, or of a preview that the client is shown.
    pub fn has_begun(&self) -> bool {
        let shows = self.accumulator.bounds.previews > 0;
        self.scanner.has_begun(Kind::Image) || shows && self.scanner.has_begun(Kind::Preview)
    }

    /// Whether anything says that the upstream has drawn, be it that nobody is shown it.
    pub fn has_drawn(&self) -> bool {
        let came = |kind| self.scanner.has_begun(kind);
        came(Kind::Image) || came(Kind::Preview) || self.accumulator.is_drawn
    }

    /// Whether an error said that the upstream serves nobody for now.
    pub fn refusal(&self) -> Option<Refusal> {
        self.accumulator.refusal
    }

    /// Whether it reads events, and not one document.
    pub fn reads_events(&self) -> bool {
        self.decoder.is_some()
    }

    /// Whether the text model works on the request: it is not refused any more.
    pub fn is_accepted(&self) -> bool {
        self.accumulator.is_accepted
    }

    /// The room that covers the image, if nothing of one has come.
    pub fn take_room(&mut self) -> Option<Lease> {
        self.accumulator.room.take()
    }

    /// Whether the outcome is known.
    pub fn progress(&self) -> Progress {
        match self.outcome {
            Some(_) => Progress::Settled,
            None => Progress::Open,
        }
    }
}

/// Takes one token of the stream, unless the outcome is known.
fn take(
    scanner: &mut Scanner,
    accumulator: &mut Accumulator,
    outcome: &mut Option<Result<Image, Failure>>,
    chunk: &Rc<Vec<u8>>,
    token: Token<'_>,
) {
    if outcome.is_some() {
        return;
    }
    let scanned = match token {
        Token::Data(range) => feed_scanner(scanner, accumulator, chunk, range),
        // A line end between two `data` lines is white space of the JSON, or breaks it.
        Token::LineEnd => feed_scanner(scanner, accumulator, &Rc::new(b"\n".to_vec()), 0..1),
        Token::Dispatch(name) => {
            let scanned = scanner.finish_event();
            *outcome = accumulator.event(name, scanned);
            let keep = match accumulator.image {
                Some(_) => Keep::Nothing,
                None => Keep::UpTo(accumulator.bounds.max_base64_bytes),
            };
            scanner.keep(keep, accumulator.bounds.keep_preview(accumulator.shown));
            Ok(())
        }
    };
    if let Err(error) = scanned {
        *outcome = Some(Err(failure(error)));
    }
}

/// Whether a document that ended without a closed bracket began as something other than an object: a
/// bare string or number was never going to be an answer.
pub(super) fn is_other_json(skeleton: &[u8]) -> bool {
    skeleton.trim_ascii_start().first().is_some_and(|first| *first != b'{')
}

pub(super) fn failure(error: ScanError) -> Failure {
    match error {
        ScanError::PictureTooLarge { limit } => Failure::Upstream(UpstreamFailure::ImageTooLarge {
            limit: limit.saturating_div(4).saturating_mul(3),
        }),
        ScanError::EventTooLarge | ScanError::NotBase64 => {
            Failure::Upstream(UpstreamFailure::InvalidResponse)
        }
        ScanError::Exhausted(_) => Failure::overloaded(),
    }
}

fn feed_scanner(
    scanner: &mut Scanner,
    accumulator: &mut Accumulator,
    chunk: &Rc<Vec<u8>>,
    range: Range<usize>,
) -> Result<(), ScanError> {
    scanner.feed(chunk, range, &mut |kind| accumulator.lease(kind))
}

impl Bounds {
    /// Whether the next preview is kept, after so many were shown.
    fn keep_preview(&self, shown: u32) -> Keep {
        match self.last_partial {
            _ if shown < self.previews => Keep::UpTo(self.max_base64_bytes),
            LastPartial::Accept => Keep::UpTo(self.max_base64_bytes),
            LastPartial::Refuse => Keep::Nothing,
        }
    }
}

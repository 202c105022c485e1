//! Reads one upstream stream, or one response of the Images API, to one image.
//!
//! The rules, in their order:
//!
//! 1. Nothing after the terminal event counts. An image counts once its base64 has ended, in an
//!    item that has said what it is. Then it is delivered, whatever the upstream says after it, and
//!    however it ends: the image was generated, and may have left for the client. Half an image is
//!    a failure.
//! 2. The image is the `result` of an `output_item.done`, else the one in the `output` of the
//!    terminal event. A non-empty `result` is success, with any `status`.
//! 3. The first image is the result, because each call of the Responses API asks for one. Others
//!    count as dropped.
//! 4. A preview is never the result, unless the operator sets `accept_last_partial`.
//! 5. If there are only words and no image, the words are translated into a failure.
//!
//! A response in one JSON document is read as its terminal event.
//!
//! A response of the Images API counts once its last bracket is closed, or once it ends or fails
//! after an image. Its first images are the result, as many as were asked for. If it comes as
//! events, each has one image and a name that ends in `.completed`, or its data is a whole
//! response. They are read until each image has come or failed.

use std::ops::Range;
use std::rc::Rc;
use std::time::Duration;

use crate::config::LastPartial;
use crate::memory::{Budget, Pieces};
use crate::openai::error::{Failure, UpstreamFailure};
use crate::pool::Refusal;
use crate::sse::{Decoder, Token};
use crate::upstream::event::Attributes;
pub use crate::upstream::scanner::Document;
use crate::upstream::scanner::{Keep, Kind, ScanError, Scanner};
use crate::upstream::usage::ImageUsage;

use accumulator::Accumulator;

pub use pass::{Beginning, Passed};

mod accumulator;
mod images;
mod pass;

/// The limits of a collector.
#[derive(Debug, Clone)]
pub struct Bounds {
    /// The longest base64 of an image, in bytes.
    pub max_base64_bytes: usize,
    /// The memory budget of this VM.
    pub budget: Budget,
    /// How much of the budget may be in use, in bytes.
    pub max_buffered_bytes: usize,
    /// Whether the last preview may replace an image that never came.
    pub last_partial: LastPartial,
    /// How many images the call asks for.
    pub images: usize,
    /// How many previews the client gets.
    pub previews: u32,
    /// The text model that calls the image tool, if there is one.
    pub host_model: Option<Rc<str>>,
    /// The most bytes of base64 that the image may have, by what was requested.
    pub room: usize,
    /// Whether the image can pass through if it has no room here.
    pub may_pass: bool,
}

/// An image and what was reported about it.
#[derive(Debug)]
pub struct Image {
    /// Its base64.
    pub base64: Rc<Pieces>,
    /// Its attributes, as reported by the item, else by the tool.
    pub attributes: Attributes,
    /// The prompt that the tool was given.
    pub revised_prompt: Option<String>,
    /// When the upstream began, in Unix seconds.
    pub created_at: Option<u64>,
    /// Tokens of the image model.
    pub usage: Option<ImageUsage>,
    /// How many other images came and were dropped.
    pub dropped: u32,
    /// How much of the response's images is delivered.
    pub share: Share,
}

/// The delivered part of the images of a response.
#[derive(Debug, Clone, Copy)]
pub struct Share {
    /// How many are delivered.
    pub delivered: usize,
    /// How many were generated.
    pub generated: usize,
}

/// A preview on its way to the client.
#[derive(Debug)]
pub struct Preview {
    /// Its base64.
    pub base64: Rc<Pieces>,
    /// Its attributes, as reported by the preview, else by the tool.
    pub attributes: Attributes,
    /// Its index, from 0.
    pub index: u32,
    /// When the upstream began, in Unix seconds.
    pub created_at: Option<u64>,
}

/// Whether a collector needs more bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// The outcome is open.
    Open,
    /// The outcome is known; further bytes do not count.
    Settled,
}

/// The images of one answer may have this many bytes of base64 together: while it is written they
/// are in linear memory twice.
pub const MAX_ANSWER_BYTES: usize = 256 * 1024 * 1024;

/// What comes of a call: the images that it asked for, at least one of them, or why there is none.
pub type Outcome = Result<Vec<Image>, Failure>;

/// Reads one stream to its outcome.
#[derive(Debug)]
pub struct Collector {
    /// `None` if the response is one document and not events.
    decoder: Option<Decoder>,
    scanner: Scanner,
    accumulator: Accumulator,
    outcome: Option<Outcome>,
    /// What of the last chunk passes through.
    passed: Option<Passed>,
}

impl Collector {
    /// A collector at the start of a stream of events, or of a response of the Images API.
    pub fn new(bounds: Bounds, document: Document) -> Self {
        let mut scanner = Scanner::of(document);
        scanner.keep_images(bounds.images);
        scanner.keep(Keep::UpTo(bounds.max_base64_bytes), bounds.keep_preview(0));
        Self {
            decoder: (!document.is_whole_answer()).then(Decoder::new),
            scanner,
            accumulator: Accumulator::new(bounds, document),
            outcome: None,
            passed: None,
        }
    }

    /// Takes the next bytes of the stream. `now` is the time since the Unix epoch.
    pub fn feed(&mut self, chunk: Vec<u8>, now: Duration) -> Progress {
        self.accumulator.now = now;
        if self.outcome.is_none() {
            let chunk = Rc::new(chunk);
            match self.reads_events() {
                true => self.feed_events(&chunk),
                false => self.feed_document(&chunk),
            }
        }
        self.progress()
    }

    fn feed_events(&mut self, chunk: &Rc<Vec<u8>>) {
        let Self { decoder: Some(decoder), scanner, accumulator, outcome, passed } = self else {
            return;
        };
        // Most chunks lie within an image. They are searched once: for the end of its string.
        let start = if decoder.is_in_data() { scanner.string_len(chunk) } else { 0 };
        if start > 0 {
            let fed = scanner.feed_string(chunk, start, &mut |kind| accumulator.lease(kind));
            note_error(scanner, accumulator, outcome, fed);
        }
        decoder.feed(chunk, start, |token| take(scanner, accumulator, outcome, chunk, token));
        let ranges = scanner.take_passing();
        *passed = accumulator.is_passing.then(|| Passed::of(chunk, &ranges));
    }

    fn feed_document(&mut self, chunk: &Rc<Vec<u8>>) {
        let scanned = feed_scanner(&mut self.scanner, &mut self.accumulator, chunk, 0..chunk.len());
        match scanned {
            Err(error) if !self.scanner.has_image() => self.outcome = Some(Err(failure(error))),
            Ok(()) if !self.scanner.is_whole() => {}
            // What spoils the rest does not take away an image that has come whole.
            Ok(()) | Err(_) => {
                self.outcome = Some(self.accumulator.document(self.scanner.finish_event()));
            }
        }
    }

    /// Takes the end of the stream.
    ///
    /// # Errors
    ///
    /// Why there is no image.
    pub fn finish(&mut self, now: Duration) -> Outcome {
        self.accumulator.now = now;
        let Self { decoder, scanner, accumulator, outcome, .. } = self;
        let nothing = Rc::new(Vec::new());
        let is_cut = accumulator.is_passing && accumulator.image.is_none() && outcome.is_none();
        if let Some(decoder) = decoder {
            decoder.finish(|token| take(scanner, accumulator, outcome, &nothing, token));
        }
        if is_cut && accumulator.image.is_none() && !matches!(outcome, Some(Ok(_))) {
            *outcome = Some(Err(Failure::Upstream(UpstreamFailure::Disconnected)));
        }
        match (outcome.take(), decoder) {
            (Some(outcome), _) => outcome,
            (None, None) if scanner.has_image() => accumulator.document(scanner.finish_event()),
            (None, None) if is_other_json(&scanner.finish_event().skeleton) => {
                Err(Failure::Upstream(UpstreamFailure::InvalidResponse))
            }
            (None, _) => accumulator.cut_short(),
        }
    }

    /// The previews that are complete since the last call, in their order.
    pub fn take_previews(&mut self) -> Vec<Preview> {
        std::mem::take(&mut self.accumulator.previews)
    }

    /// Whether a byte of an image has come, or of a preview for the client.
    pub fn has_begun(&self) -> bool {
        let shows = self.accumulator.bounds.previews > 0;
        self.scanner.has_begun(Kind::Image) || shows && self.scanner.has_begun(Kind::Preview)
    }

    /// Whether the upstream has generated anything, even if the client does not get it.
    pub fn has_generated(&self) -> bool {
        let has_begun = |kind| self.scanner.has_begun(kind);
        has_begun(Kind::Image) || has_begun(Kind::Preview) || self.accumulator.has_generated
    }

    /// The refusal, if an error said that the upstream serves no request for now.
    pub fn refusal(&self) -> Option<Refusal> {
        self.accumulator.refusal
    }

    /// Whether an image has come whole, of a response that goes on.
    pub fn has_whole(&self) -> bool {
        self.accumulator.has_whole() || self.scanner.has_image()
    }

    /// Whether it reads events instead of one document.
    pub fn reads_events(&self) -> bool {
        self.decoder.is_some()
    }

    /// Whether the text model works on the request. After that, the upstream no longer refuses it.
    pub fn is_accepted(&self) -> bool {
        self.accumulator.is_accepted
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
    outcome: &mut Option<Outcome>,
    chunk: &Rc<Vec<u8>>,
    token: Token<'_>,
) {
    if outcome.is_some() {
        return;
    }
    let scanned = match token {
        Token::Data(range) => feed_scanner(scanner, accumulator, chunk, range),
        // A line end between two `data` lines is white space in the JSON, or makes it invalid.
        Token::LineEnd => feed_scanner(scanner, accumulator, &Rc::new(b"\n".to_vec()), 0..1),
        Token::Dispatch(name) => {
            let scanned = scanner.finish_event();
            *outcome = accumulator.event(name, scanned);
            if accumulator.is_passing && accumulator.image.is_none() && outcome.is_none() {
                // The event that the image came in was not what it said.
                *outcome = Some(Err(Failure::Upstream(UpstreamFailure::InvalidResponse)));
            }
            let keep = match accumulator.image {
                Some(_) => Keep::Nothing,
                None => Keep::UpTo(accumulator.bounds.max_base64_bytes),
            };
            scanner.keep(keep, accumulator.bounds.keep_preview(accumulator.shown));
            Ok(())
        }
    };
    note_error(scanner, accumulator, outcome, scanned);
}

/// Takes the outcome of a stream that cannot be scanned, unless an image has come whole.
fn note_error(
    scanner: &mut Scanner,
    accumulator: &mut Accumulator,
    outcome: &mut Option<Outcome>,
    scanned: Result<(), ScanError>,
) {
    if let Err(error) = scanned {
        *outcome = match error {
            // Nothing that is said from now on takes the image away.
            _ if accumulator.has_whole() => Some(accumulator.cut_short()),
            _ if scanner.has_image() => {
                scanner.skip_event();
                None
            }
            ScanError::EventTooLarge if !accumulator.is_passing => {
                scanner.skip_event();
                // Nobody knows what was in it.
                accumulator.has_generated = true;
                None
            }
            error => Some(Err(failure(error))),
        };
    }
}

/// Whether a document that ended without a closing bracket is not an object. A bare string or
/// number cannot be a response.
pub(super) fn is_other_json(skeleton: &[u8]) -> bool {
    skeleton.trim_ascii_start().first().is_some_and(|first| *first != b'{')
}

pub(super) fn failure(error: ScanError) -> Failure {
    match error {
        ScanError::ImageTooLarge { limit } => Failure::Upstream(UpstreamFailure::ImageTooLarge {
            limit: limit.saturating_div(4).saturating_mul(3),
        }),
        ScanError::EventTooLarge | ScanError::NotBase64 => {
            Failure::Upstream(UpstreamFailure::InvalidResponse)
        }
        ScanError::OverBudget(_) => Failure::overloaded(),
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
    /// Whether the next preview is kept, after `shown` previews.
    fn keep_preview(&self, shown: u32) -> Keep {
        match self.last_partial {
            _ if shown < self.previews => Keep::UpTo(self.max_base64_bytes),
            LastPartial::Accept => Keep::UpTo(self.max_base64_bytes),
            LastPartial::Refuse => Keep::Nothing,
        }
    }
}

//! An image that passes through while it comes: its base64 leaves in an answer of the filter's own.

use std::ops::Range;
use std::rc::Rc;

use super::{Collector, Image};
use crate::memory::Pieces;
use crate::translate::sniff;
use crate::upstream::event::Item;

/// The kinds of events in which the image comes that counts.
const FINAL_KINDS: [&[u8]; 2] = [b"response.output_item.done", b"response.completed"];

/// What of a chunk passes through.
#[derive(Debug, PartialEq, Eq)]
pub enum Passed {
    /// All of it.
    Whole,
    /// These bytes of it.
    Part(Vec<u8>),
}

/// The beginning of an image that passes through.
#[derive(Debug)]
pub struct Beginning {
    /// Its base64 so far.
    pub base64: Vec<u8>,
    /// When the upstream began, in Unix seconds.
    pub created_at: Option<u64>,
}

impl Beginning {
    /// The format of the image, by its first bytes.
    #[must_use]
    pub fn format(&self) -> Option<&'static str> {
        sniff::format_of(&self.base64)
    }
}

impl Passed {
    pub(super) fn of(chunk: &[u8], ranges: &[Range<usize>]) -> Self {
        if let [Range { start: 0, end }] = ranges {
            if *end == chunk.len() {
                return Self::Whole;
            }
        }
        let parts = ranges.iter().filter_map(|range| chunk.get(range.clone()));
        Self::Part(parts.collect::<Vec<_>>().concat())
    }
}

impl Collector {
    /// Lets the image pass through, once. Returns its beginning, after which comes what
    /// [`take_passed`](Self::take_passed) returns. An outcome then has only the first bytes of it.
    ///
    /// `None` if no byte of the image that counts has come, or if it may not be plain base64: it
    /// is then collected. So is one that has come whole and is longer than `most`, and one whose
    /// bytes do not show a format if `needs_format`.
    pub fn pass(&mut self, most: usize, needs_format: bool) -> Option<Beginning> {
        if self.accumulator.is_passing || self.outcome.is_some() {
            return None;
        }
        let Some(decoder) = &self.decoder else { return None };
        let keeps = |it: &Pieces, is_image: bool| sniff::most(it, is_image && !needs_format);
        let base64 = match &mut self.accumulator.image {
            Some((base64, _)) if base64.len() <= most => {
                Rc::get_mut(base64).and_then(|it| keeps(it, true).map(|kept| it.take_all_but(kept)))
            }
            Some(_) => None,
            None => self.scanner.pass(|it, is_image, event| {
                keeps(it, is_image).filter(|_| is_final(event, decoder.name()))
            }),
        };
        self.accumulator.is_passing = base64.is_some();
        if base64.is_some() {
            // It can no longer stand in.
            self.accumulator.preview = None;
        }
        base64.map(|base64| Beginning { base64, created_at: self.accumulator.created_at })
    }

    /// Whether the last byte has come of an image that passes through.
    pub fn has_passed(&self) -> bool {
        let has_come = self.accumulator.image.is_some() || self.scanner.has_image();
        self.accumulator.is_passing && has_come
    }

    /// What of the last chunk passes through. `None` if no image passes through.
    pub fn take_passed(&mut self) -> Option<Passed> {
        self.passed.take()
    }

    /// Whether the image passes through because it has no room here.
    pub fn lacks_room(&self) -> bool {
        self.accumulator.lacks_room
    }

    /// The image that passes through, or what has come of it, of a response that breaks off: with
    /// only its first bytes. `None` if there is none.
    pub fn passed_image(&mut self) -> Option<Image> {
        if !self.accumulator.is_passing {
            return None;
        }
        let (base64, item) = match self.accumulator.image.take() {
            Some(image) => image,
            None => (Rc::new(self.scanner.take_passed_on()?.base64), Item::default()),
        };
        Some(self.accumulator.image(base64, item, None, self.accumulator.dropped()))
    }
}

/// Whether an event carries the image that counts: its JSON `skeleton` decides, if it has said by
/// now, else the `name` of its `event:` line.
fn is_final(skeleton: &[u8], name: &[u8]) -> bool {
    let has = |text: &[u8]| memchr::memmem::find(skeleton, text).is_some();
    match has(b"\"response.") {
        true => FINAL_KINDS.into_iter().any(|kind| has(&[b"\"", kind, b"\""].concat())),
        false => FINAL_KINDS.contains(&name),
    }
}

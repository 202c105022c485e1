//! An answer of the Images API that passes on as it comes: what is known of it without holding it.
//!
//! The bytes are the provider's and reach the client as they are; here they are only read. Of each image
//! the first bytes are kept, which tell its size where the provider does not, and of what stands around the
//! images a skeleton. A image counts once its string has ended; what is not base64 is none.

use std::rc::Rc;
use std::time::Duration;

use super::collect::{Bounds, Image, Share, failure, is_other_json};
use super::{error, sniff};
use crate::config::Api;
use crate::memory::Budget;
use crate::openai::error::{Failure, UpstreamFailure};
use crate::pool::Refusal;
use crate::upstream::event::Attributes;
use crate::upstream::images::ImagesResponse;
pub use crate::upstream::scanner::BYTE_ORDER_MARK;
use crate::upstream::scanner::{
    Document, Keep, Kept, Kind, MAX_SKELETON_BYTES, ScanError, Scanned, Scanner,
};
use crate::upstream::usage::Rest;

/// What a relay of `n` images may hold at most: the skeleton, and the first bytes of images in pieces that
/// may be half empty.
pub const fn room(n: usize) -> usize {
    MAX_SKELETON_BYTES.saturating_add(n.saturating_mul(4 * sniff::PASSING_BYTES))
}

/// Whether the image that is coming counts, where an answer breaks off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Begun {
    /// As a whole one.
    Counts,
    /// As none.
    Lost,
}

/// Reads one answer as it passes.
#[derive(Debug)]
pub struct Relay {
    scanner: Scanner,
    /// How many images were asked for; no more count.
    asked: usize,
    /// The images of an answer that is no JSON.
    unread: Vec<Kept>,
    /// An error said that the upstream serves nobody for now.
    refusal: Option<Refusal>,
    /// A image came that a client could not decode as it is.
    is_odd: bool,
}

/// Where an answer is while its bytes are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transit {
    /// Held back: what follows it can be left out.
    Held,
    /// On its way: its bytes reach the client.
    Passing,
}

impl Relay {
    /// A relay at the start of an answer that is to have `asked` images.
    pub fn new(asked: u32, bounds: &Bounds) -> Self {
        let mut scanner = Scanner::of(Document::Images);
        let keep = Keep::Heads { most: sniff::PASSING_BYTES, limit: bounds.max_base64_bytes };
        scanner.keep(keep, Keep::Nothing);
        let asked = usize::try_from(asked).unwrap_or(usize::MAX);
        Self { scanner, asked, unread: Vec::new(), refusal: None, is_odd: false }
    }

    /// Takes the next bytes; an outcome where they end the answer: its images, of which there is one at
    /// least, each without all but its first bytes. Nothing is to be fed behind an outcome. `now` is the
    /// time since the Unix epoch.
    pub fn feed(
        &mut self,
        chunk: &Rc<Vec<u8>>,
        transit: Transit,
        now: Duration,
    ) -> Option<Result<Vec<Image>, Failure>> {
        // Covered by the room that the request has taken, whatever their own lease says.
        let uncounted = &mut |_| Budget::new().lease(usize::MAX);
        if let Err(error) = self.scanner.feed(chunk, 0..chunk.len(), uncounted) {
            self.is_odd = error == ScanError::NotBase64;
            return Some(Err(failure(error)));
        }
        if !self.scanner.is_whole() {
            return None;
        }
        let tail = chunk.get(chunk.len().saturating_sub(self.unread_len())..).unwrap_or_default();
        if transit == Transit::Passing && !is_blank(tail) {
            self.unread = self.scanner.take_passed();
            return Some(Err(Failure::Upstream(UpstreamFailure::InvalidResponse)));
        }
        Some(self.whole(now))
    }

    /// How many of the bytes that came last come after the answer.
    pub fn unread_len(&self) -> usize {
        self.scanner.unread_len()
    }

    /// Whether it failed for an image that is not plain base64, and that may be read all the same.
    pub fn is_odd(&self) -> bool {
        self.is_odd
    }

    /// Whether the answer said that the upstream serves nobody for now.
    pub fn refusal(&self) -> Option<Refusal> {
        self.refusal
    }

    /// Why an answer that ends here is none.
    pub fn cut_short(&mut self) -> Failure {
        self.unread = self.scanner.take_passed();
        match is_other_json(&self.scanner.finish_event().skeleton) {
            true => Failure::Upstream(UpstreamFailure::InvalidResponse),
            false => Failure::Upstream(UpstreamFailure::Disconnected),
        }
    }

    /// Whether a byte of an image has come.
    pub fn has_begun(&self) -> bool {
        self.scanner.has_begun(Kind::Image)
    }

    /// How many images have come whole.
    pub fn passed_len(&self) -> usize {
        self.scanner.passed_len()
    }

    /// The images that have passed, of an answer that breaks off, of which `sent` have left whole.
    pub fn passed(&mut self, begun: Begun, sent: usize) -> Vec<Image> {
        let mut kept = std::mem::take(&mut self.unread);
        kept.extend(self.scanner.take_passed());
        if begun == Begun::Counts {
            kept.extend(self.scanner.take_begun());
        }
        // What stands in the chunk that breaks it off, or still waits, reaches nobody.
        kept.truncate(match begun {
            Begun::Counts => sent.saturating_add(1),
            Begun::Lost => sent,
        });
        self.images(kept, &ImagesResponse::default())
    }

    fn whole(&mut self, now: Duration) -> Result<Vec<Image>, Failure> {
        let mut kept = self.scanner.take_passed();
        let Scanned { skeleton, .. } = self.scanner.finish_event();
        let answer = ImagesResponse::read(&skeleton);
        if let Some(answer) = &answer {
            // Of members of one name a reader sees the last.
            let is_seen = |it: &Kept| answer.data.iter().any(|of| of.base64 == Some(it.ordinal));
            kept.retain(is_seen);
        }
        match answer {
            Some(answer) if !kept.is_empty() => Ok(self.images(kept, &answer)),
            answer => {
                // No answer that a client can read, but the images have passed.
                self.unread = kept;
                let error = answer.as_ref().and_then(|answer| answer.error.as_ref());
                self.refusal = error.and_then(|it| error::judge_event(Api::Images, it, now).1);
                Err(without_pictures(answer.as_ref(), now))
            }
        }
    }

    /// What counts of `kept`, in the order in which they came, with what `answer` tells of them all.
    fn images(&self, mut kept: Vec<Kept>, answer: &ImagesResponse) -> Vec<Image> {
        let made = answer.data.iter().filter(|it| it.base64.is_some()).count().max(kept.len());
        let mut dropped = u32::try_from(made.saturating_sub(self.asked)).unwrap_or(u32::MAX);
        kept.truncate(self.asked);
        let parts = u64::try_from(kept.len()).unwrap_or(u64::MAX);
        let share = Share { delivered: kept.len(), made };
        let mut rest = Rest::Taken;
        let echo = Attributes::default();
        let of = |kept: Kept| Image {
            attributes: sniff::complete(answer.attributes.clone(), &echo, &kept.base64),
            base64: Rc::new(kept.base64),
            revised_prompt: None,
            created_at: answer.created,
            usage: answer.usage.map(|it| it.part(parts, std::mem::replace(&mut rest, Rest::Left))),
            dropped: std::mem::take(&mut dropped),
            share,
        };
        kept.into_iter().map(of).collect()
    }
}

/// Whether bytes may follow JSON.
#[must_use]
pub fn is_blank(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n'))
}

/// Why an answer has no image; nothing stands for one that is no JSON object.
pub(super) fn without_pictures(answer: Option<&ImagesResponse>, now: Duration) -> Failure {
    let Some(answer) = answer else { return Failure::Upstream(UpstreamFailure::InvalidResponse) };
    if let Some(info) = &answer.error {
        return error::from_event(Api::Images, info, now);
    }
    // What came is not base64.
    if answer.data.iter().any(|it| it.base64.is_some()) {
        return Failure::Upstream(UpstreamFailure::InvalidResponse);
    }
    match answer.data.iter().any(|it| it.is_hosted) {
        true => Failure::Upstream(UpstreamFailure::ReturnedUrl),
        false => Failure::Upstream(UpstreamFailure::NoImage),
    }
}

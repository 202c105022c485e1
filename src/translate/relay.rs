//! Reads a response of the Images API while it is passed through, without holding it.
//!
//! The provider's bytes reach the client unchanged. Here they are only read. The first bytes of
//! each image are kept, because they have its size if the provider does not report it. A skeleton
//! is kept of what is around the images. An image counts once its string has ended. A string that
//! is not base64 is no image.

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
use crate::upstream::json;
pub use crate::upstream::scanner::{BYTE_ORDER_MARK, is_white_space};
use crate::upstream::scanner::{Document, Keep, Kept, Kind, ScanError, Scanned, Scanner};
use crate::upstream::usage::Rest;

/// Whether an incomplete image counts if the response breaks off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Begun {
    /// It counts as a whole one.
    Counts,
    /// It does not count.
    Lost,
}

/// Reads one response as it is passed through.
#[derive(Debug)]
pub struct Relay {
    scanner: Scanner,
    /// How many images were requested. Further ones do not count.
    requested: usize,
    /// The images of a response that is not valid JSON.
    unread: Vec<Kept>,
    /// The refusal by which the upstream serves no request for now.
    refusal: Option<Refusal>,
    /// An image came that a client cannot read as it is, but a collector may.
    is_odd: bool,
    /// How many images had come whole within the first part of the last chunk.
    first_len: usize,
    /// How many of the last bytes come after the response.
    unread_len: usize,
}

/// Whether the bytes of a response are held back while they are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transit {
    /// Held back. What follows the response can be left out.
    Held,
    /// Passed through. Its bytes reach the client.
    Passing,
}

impl Relay {
    /// A relay at the start of a response that must have `requested` images.
    pub fn new(requested: u32, bounds: &Bounds) -> Self {
        let mut scanner = Scanner::of(Document::Images);
        let keep = Keep::Heads { most: sniff::PASSING_BYTES, limit: bounds.max_base64_bytes };
        scanner.keep(keep, Keep::Nothing);
        let requested = usize::try_from(requested).unwrap_or(usize::MAX);
        Self {
            scanner,
            requested,
            unread: Vec::new(),
            refusal: None,
            is_odd: false,
            first_len: 0,
            unread_len: 0,
        }
    }

    /// Takes the next bytes. Returns an outcome if they end the response: at least one image, each
    /// with only its first bytes. Feed no bytes after an outcome. The first `first` bytes may leave
    /// before the others do: [`first_len`](Self::first_len) counts the images that end in them.
    /// `now` is the time since the Unix epoch.
    pub fn feed(
        &mut self,
        chunk: &Rc<Vec<u8>>,
        first: usize,
        transit: Transit,
        now: Duration,
    ) -> Option<Result<Vec<Image>, Failure>> {
        if let Err(error) = self.scan(chunk, first.min(chunk.len())) {
            // A collector drops one of several images that is too large.
            let is_one_of_several =
                matches!(error, ScanError::ImageTooLarge { .. }) && self.requested > 1;
            self.is_odd =
                error == ScanError::NotBase64 || is_one_of_several || self.passed_len() > 0;
            return Some(Err(failure(error)));
        }
        self.scanner.is_whole().then(|| {
            let scanned = self.scanner.finish_event();
            self.whole(scanned, transit, now)
        })
    }

    fn scan(&mut self, chunk: &Rc<Vec<u8>>, first: usize) -> Result<(), ScanError> {
        // They are few, and no lease covers them.
        let uncounted = &mut |_| Budget::new().lease(usize::MAX);
        self.scanner.feed(chunk, 0..first, uncounted)?;
        self.first_len = self.scanner.passed_len();
        self.unread_len = self.scanner.unread_len();
        self.scanner.feed(chunk, first..chunk.len(), uncounted)?;
        self.unread_len = self.unread_len.saturating_add(self.scanner.unread_len());
        Ok(())
    }

    /// How many bytes of the last chunk come after the response.
    pub fn unread_len(&self) -> usize {
        self.unread_len
    }

    /// Whether it failed although an image has come whole, or because of one that is not plain
    /// base64. A client may still get it, but not as it is.
    pub fn is_odd(&self) -> bool {
        self.is_odd
    }

    /// The refusal, if the response says that the upstream serves no request for now.
    pub fn refusal(&self) -> Option<Refusal> {
        self.refusal
    }

    /// Completes a response that ends here after an image. Returns the brackets that it lacks, and
    /// its images. `None` if it lacks more: see [`cut_short`](Self::cut_short).
    pub fn complete(&mut self, now: Duration) -> Option<(Vec<u8>, Vec<Image>)> {
        let skeleton = self.scanner.skeleton();
        let may = self.passed_len() > 0 && self.scanner.is_complete();
        let closing = json::closing(skeleton).filter(|_| may)?;
        let skeleton = [skeleton, &closing].concat();
        // An entry that has only begun is none that a client can read.
        let answer = ImagesResponse::read(&skeleton)?;
        if answer.data.iter().any(|it| it.base64.is_none()) {
            return None;
        }
        let scanned = Scanned { skeleton, ..self.scanner.finish_event() };
        self.whole(scanned, Transit::Passing, now).ok().map(|images| (closing, images))
    }

    /// Why a response that ends here is a failure.
    pub fn cut_short(&mut self) -> Failure {
        self.unread.extend(self.scanner.take_passed());
        self.is_odd |= !self.unread.is_empty();
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

    /// Whether an image has come whole of a response that is not.
    pub fn has_image(&self) -> bool {
        self.passed_len() > 0 || !self.unread.is_empty()
    }

    /// How many images had come whole with the first part of the last chunk.
    pub fn first_len(&self) -> usize {
        self.first_len
    }

    /// The images that were passed through before the response broke off. `sent` of them have left
    /// whole.
    pub fn passed(&mut self, begun: Begun, sent: usize) -> Vec<Image> {
        let mut kept = std::mem::take(&mut self.unread);
        kept.extend(self.scanner.take_passed());
        if begun == Begun::Counts {
            kept.extend(self.scanner.take_begun());
        }
        // Images in the chunk that breaks the response off, or that still wait, do not reach the
        // client.
        kept.truncate(match begun {
            Begun::Counts => sent.saturating_add(1),
            Begun::Lost => sent,
        });
        images(kept, self.requested, &ImagesResponse::default())
    }

    /// The images of a response that has ended.
    fn whole(
        &mut self,
        scanned: Scanned,
        transit: Transit,
        now: Duration,
    ) -> Result<Vec<Image>, Failure> {
        let Scanned { skeleton, passed: mut kept, .. } = scanned;
        let answer = ImagesResponse::read(&skeleton);
        let error = answer.as_ref().and_then(|answer| answer.error.as_ref());
        self.refusal = error.and_then(|it| error::judge_event(Api::Images, it, now).1);
        // If members share a name, a reader sees the last one.
        let data = answer.iter().flat_map(|it| &it.data);
        let seen: Vec<_> = data.filter_map(|it| it.base64).collect();
        let is_seen = |it: &Kept| seen.contains(&it.ordinal);
        let any_seen = kept.iter().any(is_seen);
        if any_seen {
            kept.retain(is_seen);
        }
        match answer {
            // One that no reader sees has left all the same.
            Some(answer) if any_seen || transit == Transit::Passing && !kept.is_empty() => {
                Ok(images(kept, self.requested, &answer))
            }
            answer => {
                self.is_odd = !kept.is_empty();
                // The client cannot read the response, but the images were passed through.
                self.unread = kept;
                Err(without_images(answer.as_ref(), now))
            }
        }
    }
}

/// The images of `kept` that count, in their order and `requested` at most, with what `answer`
/// reports about them.
pub(super) fn images(mut kept: Vec<Kept>, requested: usize, answer: &ImagesResponse) -> Vec<Image> {
    let generated = answer.data.iter().filter(|it| it.base64.is_some()).count().max(kept.len());
    let mut dropped = u32::try_from(generated.saturating_sub(requested)).unwrap_or(u32::MAX);
    kept.truncate(requested);
    let parts = u64::try_from(kept.len()).unwrap_or(u64::MAX);
    let share = Share { delivered: kept.len(), generated };
    let mut rest = Rest::Taken;
    let echo = Attributes::default();
    let prompt = |kept: &Kept| {
        let data = answer.data.iter().find(|it| it.base64 == Some(kept.ordinal));
        data.and_then(|it| it.revised_prompt.clone())
    };
    let of = |kept: Kept| Image {
        attributes: sniff::complete(answer.attributes.clone(), &echo, &kept.base64),
        revised_prompt: prompt(&kept),
        base64: Rc::new(kept.base64),
        created_at: answer.created,
        usage: answer.usage.map(|it| it.part(parts, std::mem::replace(&mut rest, Rest::Left))),
        dropped: std::mem::take(&mut dropped),
        share,
    };
    kept.into_iter().map(of).collect()
}

/// Whether bytes may follow JSON.
#[must_use]
pub fn is_blank(bytes: &[u8]) -> bool {
    bytes.iter().copied().all(is_white_space)
}

/// Why a response has no image. `answer` is `None` if the response is no JSON object.
pub(super) fn without_images(answer: Option<&ImagesResponse>, now: Duration) -> Failure {
    let Some(answer) = answer else { return Failure::Upstream(UpstreamFailure::InvalidResponse) };
    if let Some(info) = &answer.error {
        return error::from_event(Api::Images, info, now);
    }
    // The upstream sent something that is not base64.
    if answer.data.iter().any(|it| it.base64.is_some()) {
        return Failure::Upstream(UpstreamFailure::InvalidResponse);
    }
    match answer.data.iter().any(|it| it.is_hosted) {
        true => Failure::Upstream(UpstreamFailure::ReturnedUrl),
        false => Failure::Upstream(UpstreamFailure::NoImage),
    }
}

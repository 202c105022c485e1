//! An image of an event that passes through while it comes.

use std::ops::Range;

use super::escape::{Escape, Form};
use super::{BYTE_ORDER_MARK, Keep, Kept, Place, Scanner, State};
use crate::memory::Pieces;

/// Base64 that passes through has this many bytes at least, or has come whole. An odd form shows
/// itself in fewer: of the alphabet for URLs, one byte in 32 of an image is not plain.
const MIN_BYTES: usize = 1024;

impl Scanner {
    /// Lets the image that is arriving pass through. Returns its base64 so far, and keeps as many
    /// of its first bytes as `keeps` says. From now on [`take_passing`](Self::take_passing) has the
    /// rest.
    ///
    /// `keeps` gets the beginning of a string, whether its item has said that it is an image, and
    /// the event so far. It is asked once for a string: what it is asked about does not change.
    /// `None` if it does not take the string for the image, if no image is arriving in plain
    /// base64, or if too little of it has come to know.
    pub fn pass(
        &mut self,
        keeps: impl FnOnce(&Pieces, bool, &[u8]) -> Option<usize>,
    ) -> Option<Vec<u8>> {
        let is_image = self.path.item_is_image();
        let State::Kept { place: Place::Image, kept, keep, escape, form, .. } = &mut self.state
        else {
            return None;
        };
        let Keep::UpTo(limit) = *keep else { return None };
        let is_plain = *form == Form::Plain && *escape == Escape::No;
        if !is_plain || kept.base64.len() < MIN_BYTES {
            return None;
        }
        let Some(most) = keeps(&kept.base64, is_image, &self.scanned.skeleton) else {
            *form = Form::Held;
            return None;
        };
        *keep = Keep::Passing { most, limit };
        self.is_passing = true;
        Some(kept.base64.take_all_but(most))
    }

    /// Whether an image has come whole, of an event that has not ended. If its item has not said
    /// what it is, it is none so far, unless its bytes had it pass through.
    pub fn has_image(&self) -> bool {
        let is_sure = self.is_passing || self.path.item_is_image();
        let unsure = usize::from(self.kept_in_item && !is_sure);
        self.scanned.images.len() > unsure
    }

    /// Whether the skeleton has all brackets and commas of the event.
    pub fn is_complete(&self) -> bool {
        !self.is_pruned
    }

    /// The skeleton so far, without a byte order mark. The first bytes of a mark may have been
    /// consumed before the answer was known to be one.
    pub fn skeleton(&self) -> &[u8] {
        let skeleton = &self.scanned.skeleton;
        let is_mark = |byte: &&u8| BYTE_ORDER_MARK.contains(*byte);
        let mark = skeleton.iter().take(BYTE_ORDER_MARK.len()).take_while(is_mark).count();
        skeleton.get(mark..).unwrap_or_default()
    }

    /// Where in the last chunk the bytes are of an image that passes through, in their order. Take
    /// them after each chunk.
    pub fn take_passing(&mut self) -> Vec<Range<usize>> {
        std::mem::take(&mut self.passing)
    }

    /// The first bytes of an image that passes through, of an event that has not ended.
    pub fn take_passed_on(&mut self) -> Option<Kept> {
        self.scanned.images.pop().or_else(|| self.take_begun())
    }
}

/// Notes that the bytes in `range` are of an image that passes through, if they are.
pub(super) fn note_passing(passing: &mut Vec<Range<usize>>, keep: Keep, range: Range<usize>) {
    if !matches!(keep, Keep::Passing { .. }) || range.is_empty() {
        return;
    }
    match passing.last_mut() {
        Some(last) if last.end == range.start => last.end = range.end,
        Some(_) | None => passing.push(range),
    }
}

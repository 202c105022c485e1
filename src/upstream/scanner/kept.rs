//! Strings of which something is kept: an image or a preview whole, or an image's first bytes.

use std::ops::Range;
use std::rc::Rc;

use super::escape::{Escape, Escaped, Form, Step};
use super::lease::{begin, may_go};
use super::pass::note_passing;
use super::{Keep, Kept, Kind, MAX_PASSED, Place, ScanError, Scanner, State, odd};
use crate::memory::Lease;
use crate::upstream::base64::{plain_len, prefix_len};

impl Keep {
    /// How many bytes of a string are kept.
    fn most(self) -> usize {
        match self {
            Self::UpTo(most) | Self::Heads { most, .. } | Self::Passing { most, .. } => most,
            Self::Nothing => 0,
        }
    }

    /// How many it may have.
    fn limit(self) -> usize {
        match self {
            Self::UpTo(limit) | Self::Heads { limit, .. } | Self::Passing { limit, .. } => limit,
            Self::Nothing => usize::MAX,
        }
    }

    /// Whether the client gets the string as it comes, so that it cannot be corrected.
    pub(super) fn passes_on(self) -> bool {
        matches!(self, Self::Heads { .. } | Self::Passing { .. })
    }
}

impl Scanner {
    /// The first bytes of each complete image in this event.
    pub fn take_passed(&mut self) -> Vec<Kept> {
        std::mem::take(&mut self.scanned.passed)
    }

    /// The number of complete images in this event.
    pub fn passed_len(&self) -> usize {
        self.scanned.passed.len()
    }

    /// The kept bytes of the image that is arriving, if a byte of it has arrived.
    pub fn take_begun(&mut self) -> Option<Kept> {
        match std::mem::replace(&mut self.state, State::Dropped { escaped: Escaped::No }) {
            State::Kept { kept, len, place: Place::Image, .. } if len > 0 => Some(kept),
            state => {
                self.state = state;
                None
            }
        }
    }

    /// How many bytes at the start of `bytes` go on with a string that is kept or dropped. None of
    /// them ends the string or a line. Not all that do may be counted.
    pub fn string_len(&self, bytes: &[u8]) -> usize {
        match self.state {
            State::Kept { escape: Escape::No, .. } => prefix_len(bytes),
            State::Dropped { escaped: Escaped::No } => plain_len(bytes),
            _ => 0,
        }
    }

    /// Takes the first `len` bytes of a chunk, as many as [`string_len`](Self::string_len) has
    /// returned for it. They are not searched again.
    ///
    /// # Errors
    ///
    /// As [`feed`](Self::feed).
    pub fn feed_string(
        &mut self,
        chunk: &Rc<Vec<u8>>,
        len: usize,
        lease: &mut dyn FnMut(Kind) -> Lease,
    ) -> Result<(), ScanError> {
        self.unread = 0;
        if let Err(error) = self.take_base64(chunk, 0..len, lease) {
            self.miss_image(error)?;
        }
        Ok(())
    }

    pub(super) fn scan_kept(
        &mut self,
        chunk: &Rc<Vec<u8>>,
        at: usize,
        rest: &[u8],
        lease: &mut dyn FnMut(Kind) -> Lease,
    ) -> Result<usize, ScanError> {
        let State::Kept { keep, escape, .. } = &self.state else { return Ok(0) };
        if *escape != Escape::No {
            note_passing(&mut self.passing, *keep, at..at.saturating_add(1));
            return self.scan_escape(rest, lease);
        }
        let len = prefix_len(rest);
        self.take_base64(chunk, at..at.saturating_add(len), lease)?;
        // It may have been dropped.
        let State::Kept { keep, escape, .. } = &mut self.state else { return Ok(len) };
        match rest.get(len) {
            None => return Ok(len),
            Some(b'"') => self.close_kept()?,
            Some(b'\\') => {
                let backslash = at.saturating_add(len);
                note_passing(&mut self.passing, *keep, backslash..backslash.saturating_add(1));
                *escape = Escape::Backslash;
            }
            Some(byte) => self.scan_odd(*byte, lease)?,
        }
        Ok(len.saturating_add(1))
    }

    /// Takes bytes of a string of base64, if something of it is kept.
    fn take_base64(
        &mut self,
        chunk: &Rc<Vec<u8>>,
        range: Range<usize>,
        lease: &mut dyn FnMut(Kind) -> Lease,
    ) -> Result<(), ScanError> {
        let State::Kept { kept, len: whole, keep, place, .. } = &mut self.state else {
            return Ok(());
        };
        let (start, len) = (range.start, range.len());
        note_passing(&mut self.passing, *keep, range);
        if len > 0 && *whole == 0 {
            begin(*place, kept, &mut self.began, lease);
        }
        *whole = whole.saturating_add(len);
        let room = keep.most().saturating_sub(kept.base64.len()).min(len);
        let pushed = kept.base64.push(chunk, start..start.saturating_add(room));
        let limit = keep.limit();
        // The image itself comes later.
        if may_go(pushed, *place)? || *whole > limit && *place == Place::Preview {
            self.state = State::Dropped { escaped: Escaped::No };
        } else if *whole > limit {
            return Err(ScanError::ImageTooLarge { limit });
        }
        Ok(())
    }

    fn scan_escape(
        &mut self,
        rest: &[u8],
        lease: &mut dyn FnMut(Kind) -> Lease,
    ) -> Result<usize, ScanError> {
        let State::Kept { kept, len, keep, escape, place, .. } = &mut self.state else {
            return Ok(0);
        };
        let Some(&byte) = rest.first() else { return Ok(0) };
        match escape.step(byte) {
            Step::More(next) => *escape = next,
            Step::Decoded(byte) if prefix_len(&[byte]) == 1 => {
                *escape = Escape::No;
                if *len == 0 {
                    begin(*place, kept, &mut self.began, lease);
                }
                *len = len.saturating_add(1);
                if kept.base64.len() < keep.most()
                    && may_go(kept.base64.push_copy(&[byte]), *place)?
                {
                    self.state = State::Dropped { escaped: Escaped::No };
                }
            }
            Step::Decoded(byte) => {
                *escape = Escape::No;
                self.scan_odd(byte, lease)?;
            }
            Step::Broken if keep.passes_on() => return Err(ScanError::NotBase64),
            Step::Broken => self.state = State::Dropped { escaped: Escaped::No },
        }
        Ok(1)
    }

    /// Drops an image that is too large or finds no room, if there may be others beside it. Returns
    /// that none of its bytes is used.
    pub(super) fn miss_image(&mut self, error: ScanError) -> Result<usize, ScanError> {
        let State::Kept { place: Place::Image, keep: Keep::UpTo(_), escape, .. } = &self.state
        else {
            return Err(error);
        };
        if self.most_images < 2 {
            return Err(error);
        }
        let escaped = if *escape == Escape::Backslash { Escaped::Yes } else { Escaped::No };
        self.state = State::Dropped { escaped };
        self.scanned.missed.get_or_insert(error);
        Ok(0)
    }

    fn close_kept(&mut self) -> Result<(), ScanError> {
        let state = std::mem::replace(&mut self.state, State::Structure);
        let State::Kept { place, mut kept, len, keep, form, .. } = state else {
            return Ok(());
        };
        let goes = form == Form::UrlSafe && may_go(odd::pad(&mut kept.base64), place)?;
        if goes {
            // Like an image whose end has not arrived.
        } else if len == 0 {
            // An empty string is not an image: it stays empty in the skeleton.
            let digits = kept.ordinal.checked_ilog10().unwrap_or(0).saturating_add(1);
            let digits = usize::try_from(digits).unwrap_or(1);
            let len = self.scanned.skeleton.len().saturating_sub(digits);
            self.scanned.skeleton.truncate(len);
        } else if matches!(keep, Keep::Heads { .. }) {
            if self.scanned.passed.len() < MAX_PASSED {
                self.scanned.passed.push(kept);
            }
        } else if kept.base64.is_empty() {
            // An empty `data:` URL: its ordinal stays, as that of an image that cannot be read.
        } else if place == Place::Image {
            self.scanned.images.push(kept);
            self.kept_in_item = true;
        } else {
            self.scanned.preview = Some(kept);
        }
        self.close_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::Budget;

    const ITEM: &str = r#"{"type":"image_generation_call","id":"b"#;

    /// Scans an event that is cut at `at`, and the bytes in front of the second piece that go on
    /// with a string as such. Returns the skeleton, the image, and how many bytes that were.
    fn scan(event: &[u8], at: usize, keep: Keep) -> (Vec<u8>, Option<Vec<u8>>, usize) {
        let (head, tail) = event.split_at(at);
        let (head, tail) = (Rc::new(head.to_vec()), Rc::new(tail.to_vec()));
        let budget = Budget::new();
        let mut lease = |_| budget.lease(usize::MAX);
        let mut scanner = Scanner::new();
        scanner.keep(keep, Keep::Nothing);
        scanner.feed(&head, 0..head.len(), &mut lease).unwrap();
        let len = scanner.string_len(&tail);
        scanner.feed_string(&tail, len, &mut lease).unwrap();
        scanner.feed(&tail, len..tail.len(), &mut lease).unwrap();
        let scanned = scanner.finish_event();
        let image = scanned.images.into_iter().next().map(|kept| {
            let mut base64 = Vec::new();
            kept.base64.drain_into(&mut base64);
            base64
        });
        (scanned.skeleton, image, len)
    }

    #[test]
    fn what_goes_on_with_a_string_is_taken_as_if_it_were_searched() {
        let base64 = "QUJD".repeat(100);
        for (string, keep) in [
            (base64.clone(), Keep::UpTo(1 << 20)),
            (base64.clone(), Keep::Nothing),
            (format!("{base64}\\/{base64}"), Keep::UpTo(1 << 20)),
            (format!(r#"{base64} !\"é\\{base64}"#), Keep::Nothing),
            (format!("data:image/png;base64,{base64}"), Keep::UpTo(1 << 20)),
        ] {
            let event = format!(r#"{{"item":{ITEM}","result":"{string}","size":"1x1"}}}}"#);
            let (skeleton, image, _) = scan(event.as_bytes(), event.len(), keep);
            assert_eq!(image.is_some(), keep != Keep::Nothing);
            let mut longest = 0;
            for at in 0..event.len() {
                let (cut_skeleton, cut_image, len) = scan(event.as_bytes(), at, keep);
                assert_eq!((&cut_skeleton, &cut_image), (&skeleton, &image), "cut at {at}");
                longest = longest.max(len);
            }
            // Most of the string is not searched again.
            assert!(longest >= base64.len() - 1, "{longest}");
        }
    }
}

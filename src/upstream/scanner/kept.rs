//! Strings of which something is kept: an image or a preview whole, or an image's first bytes.

use std::rc::Rc;

use super::escape::{Escape, Escaped, Form, Step};
use super::lease::{begin, may_go};
use super::pass::note_passing;
use super::{Keep, Kept, Kind, MAX_PASSED, Place, ScanError, Scanner, State, odd};
use crate::memory::Lease;
use crate::upstream::base64::prefix_len;

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

    pub(super) fn scan_kept(
        &mut self,
        chunk: &Rc<Vec<u8>>,
        at: usize,
        rest: &[u8],
        lease: &mut dyn FnMut(Kind) -> Lease,
    ) -> Result<usize, ScanError> {
        let State::Kept { kept, len: whole, keep, escape, place, .. } = &mut self.state else {
            return Ok(0);
        };
        if *escape != Escape::No {
            note_passing(&mut self.passing, *keep, at..at.saturating_add(1));
            return self.scan_escape(rest, lease);
        }
        let len = prefix_len(rest);
        note_passing(&mut self.passing, *keep, at..at.saturating_add(len));
        if len > 0 && *whole == 0 {
            begin(*place, kept, &mut self.began, lease);
        }
        *whole = whole.saturating_add(len);
        let room = keep.most().saturating_sub(kept.base64.len()).min(len);
        let pushed = kept.base64.push(chunk, at..at.saturating_add(room));
        if may_go(pushed, *place)? {
            self.state = State::Dropped { escaped: Escaped::No };
            return Ok(len);
        }
        let limit = keep.limit();
        if *whole > limit {
            // The image itself comes later.
            if *place == Place::Preview {
                self.state = State::Dropped { escaped: Escaped::No };
                return Ok(len);
            }
            return Err(ScanError::ImageTooLarge { limit });
        }
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

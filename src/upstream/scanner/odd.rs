//! Base64 in odd forms that some upstreams send: as a `data:` URL, broken into lines, or in the
//! alphabet for URLs (RFC 4648 §5). Plain base64 is kept of it.
//!
//! If an image is passed through unchanged, it cannot be corrected, so an odd form is an error
//! there.

use super::escape::{Escape, Escaped, Form};
use super::lease::{begin, may_go};
use super::{Keep, Kind, ScanError, Scanner, State};
use crate::memory::{BudgetError, Lease, Pieces};

impl Scanner {
    /// Takes a byte of a kept string that is not in the base64 alphabet.
    pub(super) fn scan_odd(
        &mut self,
        byte: u8,
        lease: &mut dyn FnMut(Kind) -> Lease,
    ) -> Result<(), ScanError> {
        let State::Kept { kept, len, keep, place, form, .. } = &mut self.state else {
            return Ok(());
        };
        if keep.passes_on() {
            return Err(ScanError::NotBase64);
        }
        match byte {
            b'\n' | b'\r' => *form = form.or(Form::Lines),
            b'-' | b'_' => {
                if *len == 0 {
                    begin(*place, kept, &mut self.began, lease);
                }
                (*len, *form) = (len.saturating_add(1), Form::UrlSafe);
                let plain = if byte == b'-' { b"+" } else { b"/" };
                if may_go(kept.base64.push_copy(plain), *place)? {
                    self.state = State::Dropped { escaped: Escaped::No };
                }
            }
            b':' if *len == SCHEME.len() && kept.base64.head(SCHEME.len()) == SCHEME => {
                self.open_url();
            }
            _ => self.state = State::Dropped { escaped: Escaped::No },
        }
        Ok(())
    }

    /// The kept bytes are the scheme of a URL.
    fn open_url(&mut self) {
        let dropped = State::Dropped { escaped: Escaped::No };
        let State::Kept { place, mut kept, keep, .. } = std::mem::replace(&mut self.state, dropped)
        else {
            return;
        };
        kept.base64.clear();
        let (left, escaped) = (MAX_URL_HEAD_BYTES, Escaped::No);
        self.state = State::UrlHead { place, kept, keep, left, escaped };
    }

    /// Skips the media type, up to the comma.
    pub(super) fn scan_url_head(&mut self, rest: &[u8]) -> usize {
        let State::UrlHead { left, escaped, .. } = &mut self.state else { return 0 };
        let mut used = 0_usize;
        for byte in rest {
            used = used.saturating_add(1);
            if *escaped == Escaped::Yes {
                *escaped = Escaped::No;
            } else if *byte == b'\\' {
                *escaped = Escaped::Yes;
            } else if *byte == b',' {
                self.close_url_head();
                return used;
            } else if *byte == b'"' || *left == 0 {
                // Not an image: the string ends here, or is skipped to its end.
                self.state = State::Dropped { escaped: Escaped::No };
                return if *byte == b'"' { used.saturating_sub(1) } else { used };
            }
            *left = left.saturating_sub(1);
        }
        used
    }

    /// Begins the base64. Its room has been taken with the scheme.
    fn close_url_head(&mut self) {
        let dropped = State::Dropped { escaped: Escaped::No };
        if let State::UrlHead { place, kept, keep, .. } =
            std::mem::replace(&mut self.state, dropped)
        {
            let (len, escape, form) = (SCHEME.len(), Escape::No, Form::Plain);
            // The scheme has been counted, and is not part of the image.
            let keep = match keep {
                Keep::UpTo(limit) => Keep::UpTo(limit.saturating_add(SCHEME.len())),
                other => other,
            };
            self.state = State::Kept { place, kept, len, keep, escape, form };
        }
    }
}

/// Ends base64 in the alphabet for URLs like plain base64: its padding may be missing.
pub(super) fn pad(base64: &mut Pieces) -> Result<(), BudgetError> {
    match base64.len() % 4 {
        2 => base64.push_copy(b"=="),
        3 => base64.push_copy(b"="),
        _ => Ok(()),
    }
}

const SCHEME: &[u8] = b"data";
/// `image/png;base64`, with room for parameters.
const MAX_URL_HEAD_BYTES: usize = 512;

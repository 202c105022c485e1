//! Base64 that is not as it should be, and that some upstreams send all the same: as a `data:` URL, broken into
//! lines, or in the alphabet for URLs (RFC 4648 §5). What is kept is plain base64.
//!
//! A image that passes on as it comes cannot be mended, so there it is none.

use super::escape::{Escape, Escaped};
use super::kept::{begin, may_go};
use super::{Keep, Kind, ScanError, Scanner, State};
use crate::memory::{BudgetError, Lease, Pieces};

impl Scanner {
    /// Takes a byte of a kept string that is none of base64.
    pub(super) fn scan_odd(
        &mut self,
        byte: u8,
        lease: &mut dyn FnMut(Kind) -> Lease,
    ) -> Result<(), ScanError> {
        let State::Kept { kept, len, keep, place, is_url_safe, .. } = &mut self.state else {
            return Ok(());
        };
        if matches!(keep, Keep::Heads { .. }) {
            return Err(ScanError::NotBase64);
        }
        match byte {
            b'\n' | b'\r' => {}
            b'-' | b'_' => {
                if *len == 0 {
                    begin(*place, kept, &mut self.began, lease);
                }
                (*len, *is_url_safe) = (len.saturating_add(1), true);
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

    /// What was kept is the scheme of a URL.
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

    /// Passes over the media type, up to the comma.
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
                // No image: the string ends here, or is passed over to its end.
                self.state = State::Dropped { escaped: Escaped::No };
                return if *byte == b'"' { used.saturating_sub(1) } else { used };
            }
            *left = left.saturating_sub(1);
        }
        used
    }

    /// The base64 begins; its room has been taken with the scheme.
    fn close_url_head(&mut self) {
        let dropped = State::Dropped { escaped: Escaped::No };
        if let State::UrlHead { place, kept, keep, .. } =
            std::mem::replace(&mut self.state, dropped)
        {
            let (len, escape, is_url_safe) = (SCHEME.len(), Escape::No, false);
            // The scheme has been counted, and is no part of the image.
            let keep = match keep {
                Keep::UpTo(limit) => Keep::UpTo(limit.saturating_add(SCHEME.len())),
                other => other,
            };
            self.state = State::Kept { place, kept, len, keep, escape, is_url_safe };
        }
    }
}

/// Ends base64 in the alphabet for URLs as plain base64 ends: its padding may have been left out.
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

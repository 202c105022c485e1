//! Takes one event's JSON apart as its bytes arrive, so that no event is ever held whole. An answer
//! of the Images API is taken apart in the same way: it is like one event with images in
//! `b64_json`, as in the events of that API.
//!
//! An event of the image tool is a few hundred bytes around one base64 string of megabytes. The
//! scanner copies the few hundred bytes, the *skeleton*, and diverts the string: it is kept if it
//! is the image, and dropped if it is a preview or a repetition. In the skeleton the string is
//! replaced by its ordinal (`"result":"0"` for the first). Any other string beyond 16 KiB (such as
//! an echoed mask) is left empty, but for a revised prompt.
//!
//! The scanner reads only as much JSON as it needs to know where it is: strings, brackets and the
//! keys on the way to `result`. Later serde_json checks whether the skeleton is JSON at all.

use std::ops::Range;
use std::rc::Rc;

use self::escape::{Escape, Form};
use super::path::{Path, Place};

pub(super) use self::escape::{Ended, Escaped, string_end};
pub use self::scanned::{Kept, MAX_SKELETON_BYTES, ScanError, Scanned};
pub use super::path::Document;
use crate::memory::{Budget, Lease, Pieces};

/// The byte order mark. Some writers put it before their JSON. RFC 8259 §8.1 forbids that, but lets
/// readers ignore it.
pub const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The first bytes are kept of at most this many images of an event. No request asks for more.
const MAX_PASSED: usize = 16;

/// Whether a byte is white space of JSON (RFC 8259 §2).
pub const fn is_white_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

/// What a kept string is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The image.
    Image,
    /// A preview, which may be dropped.
    Preview,
}

/// Whether a string of one kind is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// Kept, up to this many bytes of base64.
    UpTo(usize),
    /// Each of them is scanned and measured, and its first bytes are kept.
    Heads {
        /// How many bytes of base64 to keep.
        most: usize,
        /// How many it may have in all.
        limit: usize,
    },
    /// The rest of an image that passes through: see [`Scanner::pass`].
    Passing {
        /// How many bytes of base64 to keep.
        most: usize,
        /// How many it may have in all.
        limit: usize,
    },
    /// Skipped.
    Nothing,
}

/// Scans the data of events, one after the other.
#[derive(Debug)]
pub struct Scanner {
    path: Path,
    state: State,
    scanned: Scanned,
    /// How many strings of this event were diverted.
    diverted: usize,
    /// The last image is from the current item.
    kept_in_item: bool,
    /// At most this many images of an event are kept.
    most_images: usize,
    keep_image: Keep,
    keep_preview: Keep,
    /// Whether a byte of an image, and of a preview, has been kept.
    began: (bool, bool),
    /// How many of the last bytes come after a whole answer.
    unread: usize,
    /// Where in the chunk the bytes are of an image that passes through, since they were last
    /// taken.
    passing: Vec<Range<usize>>,
    /// The image of this event passes through.
    is_passing: bool,
    /// Something was left out of the skeleton of this event.
    is_pruned: bool,
}

#[derive(Debug)]
enum State {
    /// Between strings.
    Structure,
    /// The event so far is in the skeleton, and has not been scanned.
    Unscanned,
    /// In an event that is not read.
    Skipped,
    /// In a string that goes to the skeleton. Its quote is at this offset there.
    Plain { start: usize, escaped: Escaped },
    /// In a string of which nothing is kept.
    Dropped { escaped: Escaped },
    /// In a string of which something is kept. `len` bytes of it have arrived.
    Kept { place: Place, kept: Kept, len: usize, keep: Keep, escape: Escape, form: Form },
    /// In the start of a `data:` URL with such a string. At most `left` more bytes may come before
    /// its comma.
    UrlHead { place: Place, kept: Kept, keep: Keep, left: usize, escaped: Escaped },
}

impl Default for Scanner {
    fn default() -> Self {
        Self::new()
    }
}

impl Scanner {
    /// A scanner of events that keeps nothing until [`keep`](Self::keep) says otherwise.
    pub fn new() -> Self {
        Self::of(Document::Event)
    }

    /// A scanner of another kind of document that keeps nothing until then.
    pub fn of(document: Document) -> Self {
        Self {
            path: Path::of(document),
            state: State::Structure,
            scanned: Scanned::default(),
            diverted: 0,
            kept_in_item: false,
            most_images: 1,
            keep_image: Keep::Nothing,
            keep_preview: Keep::Nothing,
            began: (false, false),
            unread: 0,
            passing: Vec::new(),
            is_passing: false,
            is_pruned: false,
        }
    }

    /// Whether a whole answer is complete: it has had a bracket, and no bracket or string is open.
    /// An event ends where the stream says so.
    pub fn is_whole(&self) -> bool {
        self.path.is_closed() && matches!(self.state, State::Structure)
    }

    /// Whether a byte of such a string has been kept, in this event or an earlier one.
    pub fn has_begun(&self, kind: Kind) -> bool {
        match kind {
            Kind::Image => self.began.0,
            Kind::Preview => self.began.1,
        }
    }

    /// Sets how many images of an event are kept: one, if this is not called.
    pub fn keep_images(&mut self, most: usize) {
        self.most_images = most;
    }

    /// Sets what to keep from the next string on.
    pub fn keep(&mut self, image: Keep, preview: Keep) {
        self.keep_image = image;
        self.keep_preview = preview;
    }

    /// Takes the next bytes of the event, `range` of `chunk`. `lease` makes the lease for a string
    /// that will be kept.
    ///
    /// # Errors
    ///
    /// [`ScanError`]. The event is then lost: see [`skip_event`](Self::skip_event).
    pub fn feed(
        &mut self,
        chunk: &Rc<Vec<u8>>,
        range: Range<usize>,
        lease: &mut dyn FnMut(Kind) -> Lease,
    ) -> Result<(), ScanError> {
        self.unread = 0;
        if matches!(self.state, State::Skipped)
            || self.skips(chunk.get(range.clone()).unwrap_or_default())
        {
            return Ok(());
        }
        self.scan_late(lease)?;
        self.scan(chunk, range, lease)
    }

    fn scan(
        &mut self,
        chunk: &Rc<Vec<u8>>,
        range: Range<usize>,
        lease: &mut dyn FnMut(Kind) -> Lease,
    ) -> Result<(), ScanError> {
        let Range { start: mut at, end } = range;
        let ends = self.path.document().is_whole_answer();
        while let Some(rest) = chunk.get(at..end).filter(|rest| !rest.is_empty()) {
            // Bytes after a whole answer are not part of it.
            if ends && self.is_whole() {
                break;
            }
            let used = match &mut self.state {
                State::Structure | State::Unscanned | State::Skipped => {
                    self.scan_structure(rest)?
                }
                State::Plain { .. } => self.scan_plain(rest)?,
                State::Dropped { .. } => self.scan_dropped(rest),
                State::Kept { .. } => match self.scan_kept(chunk, at, rest, lease) {
                    Err(error) => self.miss_image(error)?,
                    Ok(used) => used,
                },
                State::UrlHead { .. } => self.scan_url_head(rest),
            };
            at = at.saturating_add(used);
        }
        self.unread = end.saturating_sub(at);
        Ok(())
    }

    /// How many of the last bytes come after a whole answer.
    pub fn unread_len(&self) -> usize {
        self.unread
    }

    /// Skips the rest of an event that cannot be scanned. Nothing of it is kept, unless an image
    /// has come whole: then what came before.
    pub fn skip_event(&mut self) {
        if !self.has_image() {
            self.scanned = Scanned::default();
        }
        self.state = State::Skipped;
    }

    /// Ends the event and starts the next.
    pub fn finish_event(&mut self) -> Scanned {
        if !self.has_image() {
            self.scanned.images.clear();
        }
        self.path = Path::of(self.path.document());
        self.state = State::Structure;
        self.diverted = 0;
        (self.kept_in_item, self.is_passing, self.is_pruned) = (false, false, false);
        let mark = self.scanned.skeleton.len().saturating_sub(self.skeleton().len());
        let mut scanned = std::mem::take(&mut self.scanned);
        scanned.skeleton.drain(..mark);
        scanned
    }

    fn scan_structure(&mut self, rest: &[u8]) -> Result<usize, ScanError> {
        if self.scanned.skeleton.is_empty() {
            // White space that keeps a connection open may come before an answer for minutes.
            let blank = rest.iter().position(|byte| !is_white_space(*byte));
            match blank.unwrap_or(rest.len()) {
                0 => {}
                blank => return Ok(blank),
            }
        }
        let ends = self.path.document().is_whole_answer();
        for (at, byte) in rest.iter().enumerate() {
            if *byte == b'"' {
                return self.open_string(rest, at);
            }
            if self.path.step(*byte) == Place::ItemEnd {
                self.end_item()?;
            }
            if ends && self.path.is_closed() {
                let used = at.saturating_add(1);
                self.extend(rest.get(..used).unwrap_or_default())?;
                return Ok(used);
            }
        }
        self.extend(rest)?;
        Ok(rest.len())
    }

    /// Ends an object that might have been an image call. If it was not, the string kept from it is
    /// dropped.
    fn end_item(&mut self) -> Result<(), ScanError> {
        if std::mem::take(&mut self.kept_in_item) && !self.path.item_is_image() {
            self.scanned.images.pop();
            if self.is_passing {
                return Err(ScanError::NotBase64);
            }
        }
        self.path.leave_item();
        Ok(())
    }

    /// Takes what is before the string that opens at `at` of `rest`, and its quote; or the whole
    /// string, if it is short and here. Returns how many bytes these are.
    fn open_string(&mut self, rest: &[u8], at: usize) -> Result<usize, ScanError> {
        let used = at.saturating_add(1);
        let place = self.path.open_string();
        let keep = match place {
            Place::Image if self.wants_image() => self.keep_image,
            Place::Image => Keep::Nothing,
            Place::Preview => self.keep_preview,
            Place::Elsewhere | Place::ItemEnd => return self.open_plain(rest, used),
        };
        self.extend(rest.get(..at).unwrap_or_default())?;
        let ordinal = match self.scanned.images.last() {
            // Of members that share a name, the first that has an image counts.
            Some(kept) if place == Place::Image && self.kept_in_item => kept.ordinal,
            _ => {
                let next = self.diverted;
                self.diverted = next.saturating_add(1);
                next
            }
        };
        self.extend(format!("\"{ordinal}").as_bytes())?;
        if keep == Keep::Nothing {
            self.state = State::Dropped { escaped: Escaped::No };
            return Ok(used);
        }
        // It gets its lease with its first byte: an empty string takes no room.
        let kept = Kept { ordinal, base64: Pieces::new(Budget::new().lease(0)) };
        let escape = Escape::No;
        self.state = State::Kept { place, kept, len: 0, keep, escape, form: Form::Plain };
        Ok(used)
    }

    /// Whether the string of an image that opens here may be one to keep.
    fn wants_image(&self) -> bool {
        self.scanned.images.len() < self.most_images
            && !self.kept_in_item
            && self.path.item_may_be_image()
    }

    fn extend(&mut self, bytes: &[u8]) -> Result<(), ScanError> {
        let skeleton = &mut self.scanned.skeleton;
        // One byte is reserved for the quote that closes a dropped string.
        if skeleton.len().saturating_add(bytes.len()) >= MAX_SKELETON_BYTES {
            return self.extend_full(bytes);
        }
        skeleton.extend_from_slice(bytes);
        Ok(())
    }
}

mod escape;
mod kept;
mod lease;
mod odd;
mod pass;
mod plain;
mod prune;
mod scanned;
mod unscanned;

#[cfg(test)]
mod tests;

//! Takes one event's JSON apart as its bytes arrive, so that no event is ever held whole. An answer of the
//! Images API is taken apart in the same way: it is one event whose images are called `b64_json`, as they are
//! in the events of that API.
//!
//! An event of the image tool is a few hundred bytes around one base64 string of megabytes. The
//! scanner copies the few hundred bytes, the *skeleton*, and diverts the string: kept where it is
//! the image, dropped where it is a preview or a repetition. In the skeleton the string's ordinal
//! stands in its place (`"result":"0"` for the first), and any other string beyond
//! 16 KiB (an echoed mask, say) is left empty.
//!
//! The scanner reads only as much JSON as it needs to know where it is: strings, brackets and the
//! keys on the way to `result`. Whether the skeleton is JSON at all, serde_json says later.

use std::ops::Range;
use std::rc::Rc;

use self::escape::{Ended, Escape, Escaped, string_end};
use super::path::{Path, Place};

pub use super::path::Document;
use crate::memory::{Budget, BudgetError, Lease, Pieces};

/// A skeleton may have so many bytes; the recorded ones stay below 6 KB.
pub const MAX_SKELETON_BYTES: usize = 256 * 1024;
/// A longer string is left out of the skeleton; what is read from it (messages, prompts) is shorter.
const MAX_STRING_BYTES: usize = 16 * 1024;

/// Some writers put it before their JSON, which RFC 8259 §8.1 forbids; readers may ignore it.
pub const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Of so many images of an event the first bytes are kept; no request asks for more.
const MAX_PASSED: usize = 16;

/// What a kept string is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The image.
    Image,
    /// A preview, which may be let go.
    Preview,
}

/// Whether a string of one kind is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// Kept up to so many bytes of base64.
    UpTo(usize),
    /// Each of them scanned and measured, its first bytes kept.
    Heads {
        /// So many bytes of base64.
        most: usize,
        /// It may have so many in all.
        limit: usize,
    },
    /// Scanned over.
    Nothing,
}

/// Why an event cannot be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ScanError {
    /// The base64 of an image is longer than the limit.
    #[error("an image of more than {limit} bytes of base64")]
    PictureTooLarge {
        /// The limit, in bytes of base64.
        limit: usize,
    },
    /// An event's JSON, the large strings left out, is beyond [`MAX_SKELETON_BYTES`].
    #[error("an event of more than {MAX_SKELETON_BYTES} bytes beside its image")]
    EventTooLarge,
    /// A image that passes on as it comes is not base64, and may not even be JSON.
    #[error("an image that is not base64")]
    NotBase64,
    /// The byte budget of the VM is used up.
    #[error(transparent)]
    OverBudget(#[from] BudgetError),
}

/// A string that was kept.
#[derive(Debug)]
pub struct Kept {
    /// Which of the event's diverted strings it is, from 0.
    pub ordinal: usize,
    /// Its content: bytes of the base64 alphabet only.
    pub base64: Pieces,
}

/// What an event came to.
#[derive(Debug, Default)]
pub struct Scanned {
    /// The event's JSON with each diverted string replaced by its ordinal.
    pub skeleton: Vec<u8>,
    /// The image, where one was kept.
    pub image: Option<Kept>,
    /// The first bytes of each image, where those were kept.
    pub passed: Vec<Kept>,
    /// The preview, where one was kept.
    pub preview: Option<Kept>,
}

/// Scans the data of events, one after the other.
#[derive(Debug)]
pub struct Scanner {
    path: Path,
    state: State,
    scanned: Scanned,
    /// How many strings of this event were diverted.
    diverted: usize,
    /// The item that the path is in gave the image.
    kept_in_item: bool,
    keep_picture: Keep,
    keep_preview: Keep,
    /// A byte of an image, of a preview, has been kept.
    began: (bool, bool),
    /// Bytes after a whole answer, of those that came last.
    unread: usize,
}

#[derive(Debug)]
enum State {
    /// Between strings.
    Structure,
    /// In a string that goes to the skeleton, which began at this offset of it (its quote).
    Plain { start: usize, escaped: Escaped },
    /// In a string of which nothing is kept.
    Dropped { escaped: Escaped },
    /// In a string of which something is kept; `len` bytes of it have come.
    Kept { place: Place, kept: Kept, len: usize, keep: Keep, escape: Escape, is_url_safe: bool },
    /// In the start of a `data:` URL that holds such a string; `left` bytes more may come before its comma.
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

    /// The same of another kind of document.
    pub fn of(document: Document) -> Self {
        Self {
            path: Path::of(document),
            state: State::Structure,
            scanned: Scanned::default(),
            diverted: 0,
            kept_in_item: false,
            keep_picture: Keep::Nothing,
            keep_preview: Keep::Nothing,
            began: (false, false),
            unread: 0,
        }
    }

    /// Whether the document is complete: it has opened a bracket, and none and no string is open.
    pub fn is_whole(&self) -> bool {
        self.path.is_closed() && matches!(self.state, State::Structure)
    }

    /// Whether a byte of such a string has been kept yet, in this event or one before.
    pub fn has_begun(&self, kind: Kind) -> bool {
        match kind {
            Kind::Image => self.began.0,
            Kind::Preview => self.began.1,
        }
    }

    /// Says what to keep from the next string on.
    pub fn keep(&mut self, image: Keep, preview: Keep) {
        self.keep_picture = image;
        self.keep_preview = preview;
    }

    /// Takes the next bytes of the event, `range` of `chunk`. `lease` makes the lease that covers a
    /// string about to be kept.
    ///
    /// # Errors
    ///
    /// [`ScanError`]; the event is lost then, and with it the scanner's place in the stream.
    pub fn feed(
        &mut self,
        chunk: &Rc<Vec<u8>>,
        range: Range<usize>,
        lease: &mut dyn FnMut(Kind) -> Lease,
    ) -> Result<(), ScanError> {
        let Range { start: mut at, end } = range;
        let ends = self.path.document().is_whole_answer();
        while let Some(rest) = chunk.get(at..end).filter(|rest| !rest.is_empty()) {
            // What follows a whole answer is not a part of it.
            if ends && self.is_whole() {
                break;
            }
            let used = match &mut self.state {
                State::Structure => self.scan_structure(rest)?,
                State::Plain { .. } => self.scan_plain(rest)?,
                State::Dropped { .. } => self.scan_dropped(rest),
                State::Kept { .. } => self.scan_kept(chunk, at, rest, lease)?,
                State::UrlHead { .. } => self.scan_url_head(rest),
            };
            at = at.saturating_add(used);
        }
        self.unread = end.saturating_sub(at);
        Ok(())
    }

    /// How many of the bytes that came last come after a whole answer.
    pub fn unread_len(&self) -> usize {
        self.unread
    }

    /// Ends the event and starts the next.
    pub fn finish_event(&mut self) -> Scanned {
        self.path = Path::of(self.path.document());
        self.state = State::Structure;
        self.diverted = 0;
        self.kept_in_item = false;
        let mut scanned = std::mem::take(&mut self.scanned);
        // Its first bytes may have come, and gone, before the answer was known to be one.
        let is_mark = |byte: &&u8| BYTE_ORDER_MARK.contains(*byte);
        let mark = scanned.skeleton.iter().take(BYTE_ORDER_MARK.len()).take_while(is_mark).count();
        scanned.skeleton.drain(..mark);
        scanned
    }

    fn scan_structure(&mut self, rest: &[u8]) -> Result<usize, ScanError> {
        let len = memchr::memchr(b'"', rest).unwrap_or(rest.len());
        let between = rest.get(..len).unwrap_or_default();
        let ends = self.path.document().is_whole_answer();
        for (at, byte) in (1_usize..).zip(between) {
            if self.path.step(*byte) == Place::ItemEnd {
                self.end_item();
            }
            if ends && self.path.is_closed() {
                self.extend(between.get(..at).unwrap_or_default())?;
                return Ok(at);
            }
        }
        self.extend(between)?;
        if len == rest.len() {
            return Ok(len);
        }
        self.open_string()?;
        Ok(len.saturating_add(1))
    }

    /// The object that might have been an image call ends: a string kept from one that was not goes.
    fn end_item(&mut self) {
        if std::mem::take(&mut self.kept_in_item) && !self.path.item_is_picture() {
            self.scanned.image = None;
        }
        self.path.leave_item();
    }

    fn open_string(&mut self) -> Result<(), ScanError> {
        let place = self.path.open_string();
        let keep = match place {
            Place::Image if self.scanned.image.is_none() && self.path.item_may_be_picture() => {
                self.keep_picture
            }
            Place::Image => Keep::Nothing,
            Place::Preview => self.keep_preview,
            Place::Elsewhere | Place::ItemEnd => {
                self.state =
                    State::Plain { start: self.scanned.skeleton.len(), escaped: Escaped::No };
                return self.extend(b"\"");
            }
        };
        let ordinal = self.diverted;
        self.diverted = self.diverted.saturating_add(1);
        self.extend(format!("\"{ordinal}").as_bytes())?;
        if keep == Keep::Nothing {
            self.state = State::Dropped { escaped: Escaped::No };
            return Ok(());
        }
        // Its lease comes with its first byte: an empty string takes nobody's room.
        let kept = Kept { ordinal, base64: Pieces::new(Budget::new().lease(0)) };
        let escape = Escape::No;
        self.state = State::Kept { place, kept, len: 0, keep, escape, is_url_safe: false };
        Ok(())
    }

    fn scan_plain(&mut self, rest: &[u8]) -> Result<usize, ScanError> {
        let State::Plain { start, escaped } = &mut self.state else { return Ok(0) };
        let (len, ended) = string_end(rest, escaped);
        let (start, escaped) = (*start, *escaped);
        let so_far = self.scanned.skeleton.len().saturating_sub(start);
        if so_far.saturating_add(len) > MAX_STRING_BYTES {
            self.scanned.skeleton.truncate(start);
            self.extend(b"\"")?;
            self.state = State::Dropped { escaped };
        } else {
            let content = match ended {
                Ended::Yes => rest.get(..len.saturating_sub(1)),
                Ended::No => rest.get(..len),
            };
            let content = content.unwrap_or_default();
            self.path.string_bytes(content);
            self.extend(content)?;
        }
        if ended == Ended::Yes {
            self.close_string()?;
        }
        Ok(len)
    }

    fn scan_dropped(&mut self, rest: &[u8]) -> usize {
        let State::Dropped { escaped } = &mut self.state else { return 0 };
        let (len, ended) = string_end(rest, escaped);
        if ended == Ended::Yes {
            // The closing quote has room: the opening one had.
            self.scanned.skeleton.push(b'"');
            self.path.close_string();
            self.state = State::Structure;
        }
        len
    }

    fn close_string(&mut self) -> Result<(), ScanError> {
        self.path.close_string();
        self.state = State::Structure;
        self.extend(b"\"")
    }

    fn extend(&mut self, bytes: &[u8]) -> Result<(), ScanError> {
        let skeleton = &mut self.scanned.skeleton;
        // One byte is kept in hand for the quote that closes a dropped string.
        if skeleton.len().saturating_add(bytes.len()) >= MAX_SKELETON_BYTES {
            return Err(ScanError::EventTooLarge);
        }
        skeleton.extend_from_slice(bytes);
        Ok(())
    }
}

mod escape;
mod kept;
mod odd;

#[cfg(test)]
mod tests;

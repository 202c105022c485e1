//! `multipart/form-data` (RFC 7578) as its parts, each a slice of the body; [`writer`] makes one.
//!
//! The whole body stands in memory already when it is read, so nothing here is copied and nothing is
//! held: a [`Part`] is found by one search for the boundary. A delimiter is a line (RFC 2046 §5.1.1):
//!
//! ```text
//! delimiter = CRLF "--" boundary *( SP / HTAB ) CRLF        close = CRLF "--" boundary "--"
//! ```
//!
//! and the CRLF before it belongs to it; at the start of the body there is none. A line that only
//! begins like a delimiter is data. What stands before the first and behind the closing one is ignored.

mod boundary;
mod head;
mod params;
pub mod writer;

use std::borrow::Cow;

use memchr::memmem::Finder;

pub use boundary::{BadBoundary, Boundary};

#[cfg(test)]
mod tests;

/// A field of the form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part<'a> {
    /// `name` of the `content-disposition`.
    pub name: Cow<'a, [u8]>,
    /// What the part's headers call it.
    pub kind: Kind,
    /// The bytes between the part's headers and the next delimiter.
    pub data: &'a [u8],
}

/// What a part is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The value of a plain field.
    Text,
    /// A file: it has a `filename`, or a media type of one (`image/*`, `application/octet-stream`).
    File,
}

/// Why a body cannot be read. `part` counts from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The boundary of the `content-type` is nowhere.
    #[error("the boundary that 'content-type' declares does not occur in it")]
    NoDelimiter,
    /// There is no closing delimiter.
    #[error("it ends before the closing boundary")]
    Truncated,
    /// The headers of a part are no headers.
    #[error("the headers of part {part} cannot be read")]
    Head {
        /// Which part.
        part: usize,
    },
    /// The headers of a part are longer than is read.
    #[error("the headers of part {part} are longer than {limit} bytes")]
    HeadTooLong {
        /// Which part.
        part: usize,
        /// [`MAX_HEAD_BYTES`].
        limit: usize,
    },
    /// A part does not say which field it is.
    #[error("part {part} needs one header 'content-disposition: form-data; name=\"…\"'")]
    Disposition {
        /// Which part.
        part: usize,
    },
    /// A part is encoded, which RFC 7578 §4.7 deprecates.
    #[error("part {part} has a 'content-transfer-encoding'. Send the bytes as they are")]
    Encoded {
        /// Which part.
        part: usize,
    },
}

/// The headers of one part; browsers send some two hundred bytes.
pub const MAX_HEAD_BYTES: usize = 8 * 1024;

/// The parts of a body in order. It ends with the closing delimiter, or with the first error.
#[derive(Debug)]
pub struct Parts<'a> {
    needle: Finder<'a>,
    /// What follows the last delimiter, from the CRLF that ends its line.
    rest: &'a [u8],
    state: State,
    /// How many parts were found.
    count: usize,
}

#[derive(Debug, PartialEq, Eq)]
enum State {
    Start,
    Open,
    Ended,
}

/// The next delimiter: what stands before it, and behind it unless it closes the body.
struct Delimiter<'a> {
    before: &'a [u8],
    behind: Option<&'a [u8]>,
}

impl<'a> Parts<'a> {
    /// The parts of `body` between delimiters of `boundary`.
    #[must_use]
    pub fn new(body: &'a [u8], boundary: &'a Boundary) -> Self {
        let needle = Finder::new(boundary.delimiter());
        Self { needle, rest: body, state: State::Start, count: 0 }
    }

    fn step(&mut self) -> Result<Option<Part<'a>>, Error> {
        if self.state == State::Start {
            let first = self.first().ok_or(Error::NoDelimiter)?;
            self.state = State::Open;
            match first.behind {
                Some(behind) => self.rest = behind,
                None => return Ok(None),
            }
        }
        self.count = self.count.saturating_add(1);
        let delimiter = self.seek(self.rest).ok_or(Error::Truncated)?;
        // The line end of the delimiter before; it is the delimiter's own where the part is nothing.
        let part = delimiter.before.strip_prefix(b"\r\n").unwrap_or_default();
        let part = head::read(part, self.count)?;
        match delimiter.behind {
            Some(behind) => self.rest = behind,
            None => self.state = State::Ended,
        }
        Ok(Some(part))
    }

    /// The delimiter that ends the preamble.
    fn first(&self) -> Option<Delimiter<'a>> {
        let line = self.needle.needle().strip_prefix(b"\r\n").unwrap_or_default();
        let at_start = self.rest.strip_prefix(line).and_then(|tail| delimiter(b"", tail));
        at_start.or_else(|| self.seek(self.rest))
    }

    fn seek(&self, bytes: &'a [u8]) -> Option<Delimiter<'a>> {
        let mut from = 0_usize;
        loop {
            let at = from.checked_add(self.needle.find(bytes.get(from..)?)?)?;
            from = at.checked_add(self.needle.needle().len())?;
            let found = delimiter(bytes.get(..at)?, bytes.get(from..)?);
            if found.is_some() {
                return found;
            }
        }
    }
}

impl<'a> Iterator for Parts<'a> {
    type Item = Result<Part<'a>, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.state == State::Ended {
            return None;
        }
        let part = self.step().transpose();
        if !matches!(part, Some(Ok(_))) {
            self.state = State::Ended;
        }
        part
    }
}

/// The delimiter of which `tail` follows the boundary; nothing where it is data after all.
fn delimiter<'a>(before: &'a [u8], tail: &'a [u8]) -> Option<Delimiter<'a>> {
    if tail.starts_with(b"--") {
        return Some(Delimiter { before, behind: None });
    }
    let padding = tail.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    let behind = tail.get(padding..).filter(|behind| behind.starts_with(b"\r\n"))?;
    Some(Delimiter { before, behind: Some(behind) })
}

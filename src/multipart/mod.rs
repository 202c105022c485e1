//! Reads `multipart/form-data` (RFC 7578) as parts, each a slice of the body. [`writer`] writes a
//! form.
//!
//! The whole body is already in memory when it is read, so nothing is copied or held here: one
//! search for the boundary finds a [`Part`]. A delimiter is a line (RFC 2046 §5.1.1):
//!
//! ```text
//! delimiter = CRLF "--" boundary *( SP / HTAB ) CRLF        close = CRLF "--" boundary "--"
//! ```
//!
//! The CRLF before it belongs to it, except at the start of the body, which has none. A line that
//! only begins like a delimiter is data. Bytes before the first delimiter and after the closing one
//! are ignored.

mod boundary;
mod head;
mod params;
pub mod writer;

use std::borrow::Cow;

use memchr::memmem::Finder;

pub use boundary::{Boundary, BoundaryError};

#[cfg(test)]
mod tests;

/// A field of the form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part<'a> {
    /// `name` of the `content-disposition`.
    pub name: Cow<'a, [u8]>,
    /// What the part is, by its headers.
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
    /// The boundary of the `content-type` does not occur.
    #[error("the boundary that 'content-type' declares does not occur in it")]
    NoDelimiter,
    /// There is no closing delimiter.
    #[error("it ends before the closing boundary")]
    Truncated,
    /// The headers of a part are malformed.
    #[error("the headers of part {part} cannot be read")]
    Head {
        /// Which part.
        part: usize,
    },
    /// The headers of a part are too long.
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

/// The longest headers of one part. Browsers send some two hundred bytes.
pub const MAX_HEAD_BYTES: usize = 8 * 1024;

/// The parts of a body in order. It ends with the closing delimiter, or with the first error.
#[derive(Debug)]
pub struct Parts<'a> {
    needle: Finder<'a>,
    /// The bytes after the last delimiter, from the CRLF that ends its line.
    rest: &'a [u8],
    state: State,
    /// The number of parts found.
    count: usize,
}

#[derive(Debug, PartialEq, Eq)]
enum State {
    Start,
    Open,
    Ended,
}

/// The next delimiter: the bytes before it, and those after it unless it closes the body.
struct Delimiter<'a> {
    before: &'a [u8],
    after: Option<&'a [u8]>,
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
            match first.after {
                Some(after) => self.rest = after,
                None => return Ok(None),
            }
        }
        self.count = self.count.saturating_add(1);
        let delimiter = self.seek(self.rest).ok_or(Error::Truncated)?;
        // The line end of the delimiter before. If the part is empty, it belongs to this delimiter.
        let part = delimiter.before.strip_prefix(b"\r\n").unwrap_or_default();
        let part = head::read(part, self.count)?;
        match delimiter.after {
            Some(after) => self.rest = after,
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

/// The delimiter whose boundary `tail` follows. `None` if it is data after all.
fn delimiter<'a>(before: &'a [u8], tail: &'a [u8]) -> Option<Delimiter<'a>> {
    if tail.starts_with(b"--") {
        return Some(Delimiter { before, after: None });
    }
    let padding = tail.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    let after = tail.get(padding..).filter(|after| after.starts_with(b"\r\n"))?;
    Some(Delimiter { before, after: Some(after) })
}

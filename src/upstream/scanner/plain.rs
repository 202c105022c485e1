//! Strings that go to the skeleton, and those of which nothing is kept.

use super::escape::{Ended, Escaped, string_end};
use super::{MAX_SKELETON_BYTES, ScanError, Scanner, State};

/// A longer string is left out of the skeleton. All strings that are read from it are shorter, but
/// for revised prompts.
const MAX_STRING_BYTES: usize = 16 * 1024;
/// Keys and most values are shorter, quotes included.
const SHORT_STRING_BYTES: usize = 128;

impl Scanner {
    /// Takes what is before the content of a string, at `at` of `rest`; or the whole string, if it
    /// is short and here. Returns how many bytes these are.
    pub(super) fn open_plain(&mut self, rest: &[u8], at: usize) -> Result<usize, ScanError> {
        let end = at.saturating_add(SHORT_STRING_BYTES).min(rest.len());
        let content = rest.get(at..end).unwrap_or_default();
        let (len, ended) = string_end(content, &mut Escaped::No);
        if ended == Ended::No {
            self.extend(rest.get(..at).unwrap_or_default())?;
            let start = self.scanned.skeleton.len().saturating_sub(1);
            self.state = State::Plain { start, escaped: Escaped::No };
            return Ok(at);
        }
        // Nearly all strings: they are copied with what is before them.
        self.path.string_bytes(content.get(..len.saturating_sub(1)).unwrap_or_default());
        self.path.close_string();
        let used = at.saturating_add(len);
        self.extend(rest.get(..used).unwrap_or_default())?;
        Ok(used)
    }

    pub(super) fn scan_plain(&mut self, rest: &[u8]) -> Result<usize, ScanError> {
        let State::Plain { start, escaped } = &mut self.state else { return Ok(0) };
        let (len, ended) = string_end(rest, escaped);
        let (start, escaped) = (*start, *escaped);
        let so_far = self.scanned.skeleton.len().saturating_sub(start);
        let most = match self.path.is_revised_prompt() {
            // However many there are, they leave room for what follows.
            true => MAX_SKELETON_BYTES.saturating_sub(start) / 2,
            false => MAX_STRING_BYTES,
        };
        if so_far.saturating_add(len) > most {
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

    pub(super) fn scan_dropped(&mut self, rest: &[u8]) -> usize {
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

    pub(super) fn close_string(&mut self) -> Result<(), ScanError> {
        self.path.close_string();
        self.state = State::Structure;
        self.extend(b"\"")
    }
}

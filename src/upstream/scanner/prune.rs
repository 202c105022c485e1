//! Makes room in a skeleton that is full.
//!
//! Some relays put much beside an image, such as lists of numbers or an echo of the request. What
//! leads to no image is cut to a few KiB then, and long strings are emptied. This runs only once a
//! skeleton is full, and frees much or fails. So each byte is looked at a few times at most.

use super::escape::{Ended, Escaped, string_end};
use super::{MAX_SKELETON_BYTES, ScanError, Scanner, State, is_white_space};

/// At least as many bytes have to become free.
const MIN_FREED_BYTES: usize = MAX_SKELETON_BYTES / 8;
/// As many bytes are kept of an object or an array that leads to no image. All that is read of such
/// ones is shorter: errors, counts, tools.
const MAX_VALUE_BYTES: usize = 4 * 1024;
/// The names of objects and arrays that lead to an image, or to words in its place.
const WAYS: [&[u8]; 5] = [b"response", b"item", b"output", b"data", b"content"];
/// The only string that is read at any length.
const LONG: &[u8] = b"revised_prompt";

impl Scanner {
    /// Adds bytes for which there is no room.
    pub(super) fn extend_full(&mut self, bytes: &[u8]) -> Result<(), ScanError> {
        for piece in bytes.chunks(MIN_FREED_BYTES) {
            if self.scanned.skeleton.len().saturating_add(piece.len()) >= MAX_SKELETON_BYTES {
                self.prune()?;
            }
            self.scanned.skeleton.extend_from_slice(piece);
        }
        Ok(())
    }

    fn prune(&mut self) -> Result<(), ScanError> {
        let pruned = pruned(&self.scanned.skeleton);
        let freed = self.scanned.skeleton.len().saturating_sub(pruned.len());
        if freed < MIN_FREED_BYTES {
            return Err(ScanError::EventTooLarge);
        }
        if let State::Plain { start, .. } = &mut self.state {
            // The string that is arriving stays as it is, at the end.
            *start = start.saturating_sub(freed);
        }
        self.scanned.skeleton = pruned;
        self.is_pruned = true;
        Ok(())
    }
}

/// An open bracket.
#[derive(Debug)]
struct Frame {
    is_array: bool,
    leads: bool,
    start: usize,
    /// Where the current member or entry begins.
    member: usize,
}

impl Frame {
    /// Whether no more of it is kept, of which `len` bytes are written.
    fn is_full(&self, len: usize) -> bool {
        !self.leads && len.saturating_sub(self.start) > MAX_VALUE_BYTES
    }
}

/// The beginning of JSON, with as many open brackets and the same open string, and less in it.
fn pruned(text: &[u8]) -> Vec<u8> {
    let mut pruner = Pruner::new(text.len());
    let mut rest = text;
    while let Some(used) = pruner.step(rest) {
        rest = rest.get(used..).unwrap_or_default();
    }
    pruner.out
}

struct Pruner<'t> {
    out: Vec<u8>,
    frames: Vec<Frame>,
    /// The last byte that is not white space.
    last: u8,
    /// The last name of a member.
    name: &'t [u8],
}

impl<'t> Pruner<'t> {
    fn new(room: usize) -> Self {
        Self { out: Vec::with_capacity(room), frames: Vec::new(), last: b' ', name: b"" }
    }

    /// Takes a string, or another byte. Returns how many bytes these are; `None` if there are none.
    fn step(&mut self, text: &'t [u8]) -> Option<usize> {
        let (byte, rest) = text.split_first()?;
        let mut used = 1_usize;
        match byte {
            b'"' => used = used.saturating_add(self.string(text, rest)),
            b'{' | b'[' => self.open(*byte),
            b',' => self.comma(),
            b'}' | b']' => self.close(*byte),
            _ if is_white_space(*byte) && self.out.last().copied().is_some_and(is_white_space) => {}
            _ => self.out.push(*byte),
        }
        if !is_white_space(*byte) {
            self.last = *byte;
        }
        Some(used)
    }

    /// Takes the string `text`, whose content begins at `rest`. Returns the length of that, with its
    /// quote.
    fn string(&mut self, text: &'t [u8], rest: &'t [u8]) -> usize {
        let (len, ended) = string_end(rest, &mut Escaped::No);
        let is_in_array = self.frames.last().is_none_or(|it| it.is_array);
        let is_name = self.last != b':' && !is_in_array;
        if is_name {
            self.name = rest.get(..len.saturating_sub(1)).unwrap_or_default();
        }
        let is_short = len <= MAX_VALUE_BYTES || is_name || self.name == LONG;
        let kept = match is_short || ended == Ended::No {
            true => text.get(..len.saturating_add(1)).unwrap_or_default(),
            false => b"\"\"",
        };
        self.out.extend_from_slice(kept);
        len
    }

    fn open(&mut self, bracket: u8) {
        let leads = match self.frames.last() {
            None => bracket == b'{',
            Some(outer) => outer.leads && (outer.is_array || WAYS.contains(&self.name)),
        };
        let start = self.out.len();
        self.out.push(bracket);
        let member = self.out.len();
        self.frames.push(Frame { is_array: bracket == b'[', leads, start, member });
    }

    fn comma(&mut self) {
        match self.frames.last_mut() {
            Some(frame) if frame.is_full(self.out.len()) => self.out.truncate(frame.member),
            Some(frame) => {
                self.out.push(b',');
                frame.member = self.out.len();
            }
            None => self.out.push(b','),
        }
    }

    fn close(&mut self, bracket: u8) {
        let len = self.out.len();
        if let Some(frame) = self.frames.pop().filter(|it| it.is_full(len)) {
            self.out.truncate(frame.member);
            if self.out.last() == Some(&b',') {
                self.out.pop();
            }
        }
        self.out.push(bracket);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;

    fn text(bytes: &str) -> String {
        String::from_utf8(pruned(bytes.as_bytes())).unwrap()
    }

    #[test]
    fn what_leads_to_no_image_is_cut_and_the_rest_stays() {
        let (zeros, long) = ("0,".repeat(9000), "x".repeat(9000));
        let read =
            r#""response":{"output":[{"type":"t","result":"0"},{"b":[1]}]},"error":{"code":"c"}"#;
        for junk in [
            format!(r#""x":[{zeros}0]"#),
            format!(r#""x":{{"a":[{zeros}0],"b":[{zeros}0],"c":1}}"#),
            format!(r#""x":{{"a":"{long}","b":"{long}\""}}"#),
            format!(r#""response":{{"y":[{zeros}0],"z":"{long}"}}"#),
            format!(r#""x":[{}0]"#, r#"{"output":[0],"data":"]"},"#.repeat(900)),
        ] {
            for whole in [format!("{{{read},{junk}}}"), format!("{{{junk},{read}}}")] {
                let pruned = text(&whole);
                assert!(pruned.contains(read) && pruned.len() < 12_000, "{pruned}");
                assert!(serde_json::from_str::<serde_json::Value>(&pruned).is_ok(), "{pruned}");
            }
        }
        let prompt = format!(r#"{{"data":[{{"revised_prompt":"{long}"}}]}}"#);
        assert_eq!(text(&prompt), prompt);
        assert!(text(&format!("[{zeros}")).len() < 5000);
        assert_eq!(text("{ \n\n \"a\" :  1"), "{ \"a\" : 1");
    }

    /// What is not arriving any more can be cut anywhere, and goes on as if nothing were missing.
    #[test]
    fn the_beginning_of_a_text_can_go_on() {
        let zeros = "0,".repeat(4000);
        let whole = format!(
            r#"{{"x":{{"a":[{zeros}0],"b":"\"]"}},"item":{{"y":[{zeros}[1,2]],"result":"0"}},"type":"t"}}"#
        );
        for at in (0..whole.len()).step_by(61).chain(16_000..whole.len()) {
            let (first, rest) = whole.split_at(at);
            let joined = text(first) + rest;
            let value: serde_json::Value = serde_json::from_str(&joined).unwrap();
            assert_eq!((&value["item"]["result"], &value["type"]), (&"0".into(), &"t".into()));
        }
    }
}

//! Lists and objects in brackets whose lines are indented less than the parser wants.
//!
//! YAML wants each line in brackets to be indented deeper than the field around it, and so the
//! closing bracket below the name of its field is an error. yaml-cpp, which Envoy reads with, and
//! the loaders of Kubernetes do not look at the indentation in brackets, and people write
//!
//! ```yaml
//! key_sha256: [
//!   "9f86…",
//! ]
//! ```
//!
//! In brackets a space means nothing, so one is put before what the parser refuses.

use std::collections::BTreeMap;

/// All texts that the parser is given for one file have this many bytes at most. More is needed only
/// for a file with hundreds of such lines that are not alike.
const MOST_BYTES: usize = 64 << 20;
/// What the parser says of a line in brackets, and nowhere else.
const WORDS: [&str; 2] = ["invalid indentation", "invalid indentation in flow construct"];

/// Where spaces are put, and how many: by the bytes of a file before which they go.
#[derive(Debug, Default)]
pub(super) struct Padding {
    places: BTreeMap<usize, usize>,
    bytes: usize,
}

impl Padding {
    /// Puts more spaces before `at` if the parser says there that a line in brackets is indented too
    /// little. Returns whether it is worth another try.
    pub(super) fn grow(&mut self, source: &str, at: usize, words: &str) -> bool {
        self.bytes = self.bytes.saturating_add(source.len());
        if !WORDS.contains(&words) || self.bytes > MOST_BYTES {
            return false;
        }
        let count = self.places.get(&at).map_or(1, |count| count.saturating_mul(2));
        self.places.insert(at, count);
        for place in closed_alike(source, at) {
            self.places.entry(place).or_insert(1);
        }
        count < source.len().max(2)
    }

    /// The text with the spaces, and the byte of the file for each of its characters.
    pub(super) fn apply(&self, source: &str) -> (String, Vec<usize>) {
        let mut text = String::with_capacity(source.len());
        let mut bytes = Vec::with_capacity(source.len());
        let mut places = self.places.iter().peekable();
        for (at, char) in source.char_indices() {
            while let Some((_, count)) = places.next_if(|(place, _)| **place <= at) {
                text.extend(std::iter::repeat_n(' ', *count));
                bytes.extend(std::iter::repeat_n(at, *count));
            }
            text.push(char);
            bytes.push(at);
        }
        (text, bytes)
    }
}

/// Where the lines after that of `at` start that begin with the same closing bracket, as far as no
/// block of lines may have begun (`|` or `>`), in which a space is text.
fn closed_alike(source: &str, at: usize) -> impl Iterator<Item = usize> {
    let (before, rest) = source.split_at_checked(at).unwrap_or((source, ""));
    let start = before.rfind('\n').map_or(0, |end| end.saturating_add(1));
    let indent = before.get(start..).unwrap_or_default();
    let closing = rest.get(..1).filter(|it| matches!(*it, "]" | "}") && indent.trim().is_empty());
    let lines = rest.split_inclusive('\n').scan(at, |place, line| {
        let start = *place;
        *place = place.saturating_add(line.len());
        Some((start, line))
    });
    let flow = lines.take_while(|(_, line)| !line.contains(['|', '>'])).skip(1);
    flow.filter_map(move |(start, line)| {
        let begins = line.strip_prefix(indent)?.starts_with(closing?);
        begins.then_some(start.saturating_add(indent.len()))
    })
}

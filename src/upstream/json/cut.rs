//! JSON that is cut off, or that is none from some place on: what comes before can be read.

use std::borrow::Cow;

use serde::de::IgnoredAny;

use super::mend::mended;
use crate::upstream::scanner::{Ended, Escaped, string_end};

/// Where a text can be cut so that it is JSON once its brackets are closed.
#[derive(Debug, Default)]
struct Cut {
    /// How many of its bytes come before.
    len: usize,
    /// The brackets that are open there.
    open: Vec<Bracket>,
}

/// An open bracket.
#[derive(Debug)]
struct Bracket {
    /// The one that closes it.
    closes: u8,
    /// It opens counts, whose member begins here. Half of them are worse than none.
    counts: Option<usize>,
}

/// What can be read of `bytes`, as JSON. `None` if all of it is JSON, or nothing can be read.
pub(crate) fn most(bytes: &[u8]) -> Option<Vec<u8>> {
    let text = String::from_utf8_lossy(bytes);
    let text = mended(&text).map_or(text, Cow::Owned);
    let (fault, _) = fault(&text)?;
    let cut = Cut::last(text.as_bytes().get(..fault)?).before_counts();
    let start = text.as_bytes().get(..cut.len).filter(|it| !it.is_empty())?;
    Some([start, &cut.closing()].concat())
}

/// The brackets that complete `bytes`. `None` if it is not JSON with them.
pub(crate) fn closing(bytes: &[u8]) -> Option<Vec<u8>> {
    let text = String::from_utf8_lossy(bytes);
    let text = mended(&text).map_or(text, Cow::Owned);
    let (_, is_end) = fault(&text)?;
    let cut = Cut::last(text.as_bytes());
    let is_all = is_end && cut.len == text.trim_ascii_end().len();
    let has_half = cut.open.iter().any(|it| it.counts.is_some());
    (is_all && !has_half && cut.len > 0).then(|| cut.closing())
}

/// Where `text` stops being JSON, and whether it only ends too early. `None` if it is JSON.
fn fault(text: &str) -> Option<(usize, bool)> {
    let error = serde_json::from_str::<IgnoredAny>(text).err()?;
    if error.is_eof() {
        return Some((text.len(), true));
    }
    let lines = text.split_inclusive('\n').take(error.line().saturating_sub(1));
    let line = lines.fold(0_usize, |sum, line| sum.saturating_add(line.len()));
    // Its column is that of the byte at fault, from 1.
    Some((line.saturating_add(error.column()).saturating_sub(1).min(text.len()), false))
}

impl Cut {
    /// The last place in `text`, which is the beginning of JSON: after a bracket or a string, or
    /// before a comma.
    fn last(text: &[u8]) -> Self {
        let mut cut = Self::default();
        // The last byte that is not white space, and whether the last name is that of counts.
        let (mut last, mut is_usage) = (b' ', false);
        let mut at = 0_usize;
        while let Some(byte) = text.get(at) {
            let next = at.saturating_add(1);
            let is_value = last == b':' || cut.is_in_array();
            at = match byte {
                b'"' => {
                    let rest = text.get(next..).unwrap_or_default();
                    let (len, ended) = string_end(rest, &mut Escaped::No);
                    if ended == Ended::No {
                        return cut;
                    }
                    let end = next.saturating_add(len);
                    match is_value {
                        true => cut.len = end,
                        false => is_usage = text.get(at..end).is_some_and(|it| it.ends_with(USAGE)),
                    }
                    end
                }
                other => {
                    cut.take(*other, at, last == b':' && is_usage);
                    next
                }
            };
            if !byte.is_ascii_whitespace() {
                last = *byte;
            }
        }
        cut
    }

    fn is_in_array(&self) -> bool {
        self.open.last().is_some_and(|it| it.closes == b']')
    }

    /// Takes the byte at `at`, which is in no string. `counts` says whether counts would open here.
    fn take(&mut self, byte: u8, at: usize, counts: bool) {
        match byte {
            b'{' | b'[' => {
                let closes = if byte == b'{' { b'}' } else { b']' };
                self.open.push(Bracket { closes, counts: counts.then_some(self.len) });
                self.len = at.saturating_add(1);
            }
            b'}' | b']' => {
                self.open.pop();
                self.len = at.saturating_add(1);
            }
            b',' => self.len = at,
            _ => {}
        }
    }

    /// The same place, or the one before counts that are not whole.
    fn before_counts(mut self) -> Self {
        let half = self.open.iter().position(|it| it.counts.is_some());
        if let Some(place) = half {
            self.len = self.open.get(place).and_then(|it| it.counts).unwrap_or(self.len);
            self.open.truncate(place);
        }
        self
    }

    fn closing(self) -> Vec<u8> {
        self.open.into_iter().rev().map(|it| it.closes).collect()
    }
}

/// The end of the names `usage` and `tool_usage`, with its quote.
const USAGE: &[u8] = b"usage\"";

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;

    fn text(bytes: Option<Vec<u8>>) -> Option<String> {
        bytes.map(|it| String::from_utf8(it).unwrap())
    }

    #[test]
    fn what_comes_before_a_fault_is_read() {
        for (broken, read) in [
            (r#"{"a":[{"b":"0"}"#, Some(r#"{"a":[{"b":"0"}]}"#)),
            (r#"{"a":[{"b":"0""#, Some(r#"{"a":[{"b":"0"}]}"#)),
            (r#"{"a":[{"b":"0","c":"x"#, Some(r#"{"a":[{"b":"0"}]}"#)),
            (r#"{"a":[{"b":"0"},{"b":"1"#, Some(r#"{"a":[{"b":"0"},{}]}"#)),
            (r#"{"a":[{"b":"0"}],"c":12"#, Some(r#"{"a":[{"b":"0"}]}"#)),
            (r#"{"a":["0","1\"]"#, Some(r#"{"a":["0"]}"#)),
            (r#"{"a":[{"b":"0"} x]}"#, Some(r#"{"a":[{"b":"0"}]}"#)),
            ("{\"a\":\"é\",\n\"b\":[1,\n\"c\" x]}", Some("{\"a\":\"é\",\n\"b\":[1,\n\"c\"]}")),
            (r#"{"a":"\ud83d","b":{"c":nul"#, Some(r#"{"a":"\ufffd","b":{}}"#)),
            (r#"{"a":[1],"usage":{"b":1,"c":{"d":2}"#, Some(r#"{"a":[1]}"#)),
            (r#"{"a":{"tool_usage" : {"b":{"c":1,"d"#, Some(r#"{"a":{}}"#)),
            (r#"{"usage":{"b":1},"c":[{"d":1},{"#, Some(r#"{"usage":{"b":1},"c":[{"d":1},{}]}"#)),
            (r#"{"a":1}}"#, Some(r#"{"a":1}"#)),
            (r#"{"a":1} {"a":2}"#, Some(r#"{"a":1}"#)),
            (r#"{"a":1}"#, None),
            ("x{}", None),
            ("", None),
        ] {
            assert_eq!(text(most(broken.as_bytes())).as_deref(), read, "{broken}");
        }
    }

    #[test]
    fn any_cut_of_a_text_is_json_again() {
        let whole = r#"{"a":[{"b":"0\"","c":[]},{"b":"1","n":-1.5e3}],"d":{"e":null,"f":[1,"x"]}}"#;
        for end in 1..whole.len() {
            let read = text(most(&whole.as_bytes()[..end])).unwrap();
            assert!(serde_json::from_str::<IgnoredAny>(&read).is_ok(), "{end} {read}");
        }
    }

    #[test]
    fn only_a_text_that_lacks_nothing_but_brackets_is_completed() {
        for (cut, lacks) in [
            (r#"{"a":[{"b":"0"}"#, Some("]}")),
            ("{\"a\":[{\"b\":\"0\"\n", Some("}]}")),
            (r#"{"a":[{"b":"0"}],"#, None),
            (r#"{"a":[{"b":"0"}],"usage":{"c":1"#, None),
            (r#"{"a":[{"b":"0"}],"usage":{"c":{}"#, None),
            (r#"{"a":[{"b":"0"}],"usage":{"c":{}}"#, Some("}")),
            (r#"{"a":[{"b":"0"}],"c""#, None),
            (r#"{"a":[{"b":"0"}],"c":1"#, None),
            (r#"{"a":[{"b":"0"},{"b":"1"#, None),
            (r#"{"a":[{"b":"0"} x"#, None),
            (r#"{"a":1}"#, None),
            ("", None),
        ] {
            assert_eq!(text(closing(cut.as_bytes())).as_deref(), lacks, "{cut}");
        }
    }
}

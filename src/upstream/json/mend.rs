//! JSON that serde_json rejects as a whole for a part that nobody reads.
//!
//! Three things are JSON (RFC 8259 §6, §8.2 and §9), but not for serde_json: an escape of half a
//! surrogate pair, a number that no `f64` holds, and more than 127 brackets within each other. Each
//! is replaced by something that reads as what it is worth.

/// `text` with `\ufffd` in the place of each escape of half a surrogate pair, [`HUGE`] in that of
/// each number that is too large, and `null` in that of what is nested too deep. `None` if there is
/// nothing to mend.
pub(super) fn mended(text: &str) -> Option<String> {
    let mut mender = Mender::new(text);
    let mut at = 0_usize;
    while let Some(byte) = text.as_bytes().get(at) {
        at = match byte {
            b'"' => mender.string(at),
            b'{' | b'[' => mender.open(at),
            b'}' | b']' => mender.close(at),
            b'-' | b'0'..=b'9' => mender.number(at),
            _ => at.saturating_add(1),
        };
    }
    mender.finish()
}

#[derive(Debug)]
struct Mender<'a> {
    text: &'a str,
    mended: String,
    /// The text before this is in `mended`.
    from: usize,
    has_changed: bool,
    depth: usize,
    /// Where the value begins that is nested too deep.
    deep: Option<usize>,
}

impl<'a> Mender<'a> {
    fn new(text: &'a str) -> Self {
        let mended = String::with_capacity(text.len());
        Self { text, mended, from: 0, has_changed: false, depth: 0, deep: None }
    }

    fn rest(&self, at: usize) -> &'a str {
        self.text.get(at..).unwrap_or_default()
    }

    /// Puts `other` in the place of the text from `start` to `end`.
    fn replace(&mut self, start: usize, end: usize, other: &str) {
        if self.deep.is_none() {
            self.mended.push_str(self.text.get(self.from..start).unwrap_or_default());
            self.mended.push_str(other);
            (self.from, self.has_changed) = (end, true);
        }
    }

    fn finish(mut self) -> Option<String> {
        self.mended.push_str(self.rest(self.from));
        self.has_changed.then_some(self.mended)
    }

    fn open(&mut self, at: usize) -> usize {
        self.depth = self.depth.saturating_add(1);
        if self.depth > MAX_DEPTH && self.deep.is_none() {
            self.deep = Some(at);
        }
        at.saturating_add(1)
    }

    fn close(&mut self, at: usize) -> usize {
        let end = at.saturating_add(1);
        self.depth = self.depth.saturating_sub(1);
        if self.depth == MAX_DEPTH {
            if let Some(start) = self.deep.take() {
                self.replace(start, end, "null");
            }
        }
        end
    }

    /// The end of the string that opens at `at`.
    fn string(&mut self, at: usize) -> usize {
        let mut at = at.saturating_add(1);
        while let Some(found) = memchr::memchr2(b'"', b'\\', self.rest(at).as_bytes()) {
            at = at.saturating_add(found);
            if self.rest(at).starts_with('"') {
                return at.saturating_add(1);
            }
            let (len, is_half) = escape(self.rest(at));
            let end = at.saturating_add(len);
            if is_half {
                self.replace(at, end, HALF);
            }
            at = end;
        }
        self.text.len()
    }

    /// The end of the number that begins at `at`.
    fn number(&mut self, at: usize) -> usize {
        let is_part = |byte: &u8| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E');
        let number = self.rest(at);
        let len = number.bytes().position(|byte| !is_part(&byte)).unwrap_or(number.len());
        let end = at.saturating_add(len);
        let value = number.get(..len).and_then(|it| it.parse::<f64>().ok());
        if value.is_some_and(f64::is_infinite) {
            self.replace(at, end, HUGE);
        }
        end
    }
}

/// The length of the escape that `text` begins with, or of the two of a surrogate pair, and whether
/// it is half a pair.
fn escape(text: &str) -> (usize, bool) {
    let unit = |at: usize| {
        let digits = text.get(at..)?.strip_prefix("\\u")?.get(..4)?;
        u16::from_str_radix(digits, 16).ok()
    };
    match (unit(0), unit(HALF.len())) {
        (Some(0xd800..=0xdbff), Some(0xdc00..=0xdfff)) => (HALF.len().saturating_mul(2), false),
        (Some(unit), _) => (HALF.len(), matches!(unit, 0xd800..=0xdfff)),
        // A backslash and a character.
        (None, _) => (2, false),
    }
}

/// The escape of the character that stands for one that is lost.
const HALF: &str = "\\ufffd";
/// A number that no count and no time can be.
const HUGE: &str = "1e308";
/// serde_json reads up to 127 levels. Nothing that is read here is deeper than ten.
const MAX_DEPTH: usize = 100;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use super::super::{Tape, value};
    use serde_json::{Value, json};

    #[test]
    fn half_a_surrogate_pair_reads_as_a_lost_character() {
        for (text, read) in [
            (r#""a\ud83d""#, "a\u{fffd}"),
            (r#""\ude00\ud83d\ude00\uD83D\"\\ud83d\u00e9""#, "\u{fffd}😀\u{fffd}\"\\ud83dé"),
            (r#""\ud83d\ud83d\ude00""#, "\u{fffd}😀"),
        ] {
            assert_eq!(value(text.as_bytes()), Some(Value::from(read)), "{text}");
        }
        let cut = b"[\"a\xf0\x9f\x98\", \"\\ude00\xff\"]";
        assert_eq!(value(cut), Some(json!(["a\u{fffd}", "\u{fffd}\u{fffd}"])));
        for text in [r#""\ud83d"#, r#""\ud83d\é""#, r#""\ud83d\u12""#, r#"\ud83d"#, r#""\"#] {
            assert_eq!(value(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn a_number_that_is_too_large_is_no_count_and_spoils_nothing_beside_it() {
        let digits = "9".repeat(400);
        for number in ["1e999", "-1E+400", "1.5e309", &digits, &format!("-{digits}.5")] {
            let text = format!(r#"{{"a":"1e999","n":[{number}],"b":{number} , "c":7}}"#);
            let tape = Tape::parse(text.as_bytes()).unwrap();
            let json = tape.root();
            assert_eq!((json.text("a"), json.number("c")), (Some("1e999"), Some(7)), "{number}");
            assert_eq!(json.number("b"), None, "{number}");
            assert!(json.get("b").unwrap().is_number());
        }
        for (number, read) in [("-0", Some(0)), ("0e999", Some(0)), ("1e-999", Some(0))] {
            let tape = Tape::parse(number.as_bytes()).unwrap();
            assert_eq!(tape.root().as_u64(), read, "{number}");
        }
        for text in ["[1e999", "[1e999,]", "{1e999:1}", "1e999e9", "[1e999 1]", "[x1e999]"] {
            assert_eq!(value(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn what_is_nested_too_deep_is_left_out() {
        for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
            for depth in [1, 99, 100, 101, 127, 128, 1000, 100_000] {
                let deep = [&open.repeat(depth), "\"]}\\ud83d\"", &close.repeat(depth)].concat();
                let text = format!(r#"{{"a":{deep},"b":[{deep},"\ud83d"],"n":7}}"#);
                let tape = Tape::parse(text.as_bytes()).unwrap();
                let json = tape.root();
                assert_eq!(json.number("n"), Some(7), "{depth}");
                assert_eq!(json.array("b").count(), 2, "{depth}");
            }
        }
        assert_eq!(value("[".repeat(1000).as_bytes()), None);
        assert_eq!(value(["[".repeat(200), "]".repeat(199)].concat().as_bytes()), None);
    }
}

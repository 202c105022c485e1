//! Decodes bytes, cut anywhere, into events.
//!
//! WHATWG HTML standard §9.2.6: lines end with LF, CR or CRLF; `:` opens a comment; a blank line
//! dispatches the event. Two things differ. An event that lacks only its blank line at the end of
//! the stream is dispatched all the same: upstreams send such events. `id` and `retry`, which are
//! for reconnection, are skipped.

use std::ops::Range;

/// An event's name is kept up to this many bytes. The longest one in the Responses API has 48.
const MAX_NAME_BYTES: usize = 128;

/// One step of decoding.
#[derive(Debug, PartialEq, Eq)]
pub enum Token<'a> {
    /// Bytes of the event's data, as a range of the chunk being fed.
    Data(Range<usize>),
    /// A line end within the data: one `\n`.
    LineEnd,
    /// The event is complete. Holds its name, which is empty if the stream gave none.
    Dispatch(&'a [u8]),
}

/// Turns bytes, cut anywhere, into [`Token`]s.
///
/// # Invariants
///
/// - What is held between two chunks is at most a field's name and an event's name: never data.
/// - It reads each byte at most once, for pieces of any size.
#[derive(Debug, Default)]
pub struct Decoder {
    state: State,
    /// The last line ended with CR. If an LF comes next, it belongs to that line.
    after_cr: bool,
    /// The event has at least one `data` field.
    has_data: bool,
    name: Vec<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// The start of the stream, where a byte order mark may be. Holds how many of its bytes were
    /// seen.
    Mark(usize),
    /// In a field's name. Holds the part seen so far.
    Field(FieldName),
    /// After the colon, where one space is dropped.
    Colon(Field),
    /// In a field's value.
    Value(Field),
}

/// The first bytes of a field's name. Names that matter have at most five.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct FieldName {
    bytes: [u8; 6],
    len: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Field {
    Data,
    Event,
    /// A comment, or a field that is not used here.
    Other,
}

impl Default for State {
    fn default() -> Self {
        Self::Mark(0)
    }
}

impl FieldName {
    fn push(&mut self, byte: u8) {
        if let Some(place) = self.bytes.get_mut(self.len) {
            *place = byte;
            self.len = self.len.saturating_add(1);
        }
    }

    fn field(&self) -> Field {
        match self.bytes.get(..self.len) {
            Some(b"data") => Field::Data,
            Some(b"event") => Field::Event,
            _ => Field::Other,
        }
    }
}

impl Decoder {
    /// A decoder at the start of a stream.
    pub fn new() -> Self {
        Self::default()
    }

    /// The name of the event that is coming, as far as the stream has given it.
    pub fn name(&self) -> &[u8] {
        &self.name
    }

    /// Whether it is within a line of data: all bytes up to the next line end are data.
    pub fn is_in_data(&self) -> bool {
        self.state == State::Value(Field::Data)
    }

    /// Takes the next piece of the stream, and passes each token to `sink`, in order. It is what
    /// comes from `at` on in the chunk; the bytes before it are known to be data.
    pub fn feed(&mut self, chunk: &[u8], mut at: usize, mut sink: impl FnMut(Token<'_>)) {
        while let Some(rest) = chunk.get(at..).filter(|rest| !rest.is_empty()) {
            at = at.saturating_add(self.step(rest, at, &mut sink));
        }
    }

    /// Ends the stream: an event that lacks only its blank line is dispatched.
    pub fn finish(&mut self, mut sink: impl FnMut(Token<'_>)) {
        if self.state != State::default() && self.state != State::Field(FieldName::default()) {
            self.end_line(&mut sink);
        }
        self.end_line(&mut sink);
    }

    /// Consumes a prefix of `rest`, which is at `at` in the chunk, and returns its length. It is
    /// zero only if the state changes instead.
    fn step(&mut self, rest: &[u8], at: usize, sink: &mut impl FnMut(Token<'_>)) -> usize {
        let Some(&first) = rest.first() else { return 0 };
        if std::mem::take(&mut self.after_cr) && first == b'\n' {
            return 1;
        }
        match self.state {
            State::Mark(seen) => self.step_mark(seen, first),
            State::Field(name) => self.step_field(name, first, sink),
            State::Colon(field) => {
                self.state = State::Value(field);
                usize::from(first == b' ')
            }
            State::Value(field) => self.step_value(field, rest, at, sink),
        }
    }

    fn step_mark(&mut self, seen: usize, first: u8) -> usize {
        const MARK: &[u8] = "\u{feff}".as_bytes();
        // Its first bytes may have been consumed before the answer was known to be a stream.
        let place = MARK.iter().position(|byte| *byte == first);
        if let Some(seen) = place.filter(|place| seen == 0 || seen == *place) {
            let seen = seen.saturating_add(1);
            self.state = match seen < MARK.len() {
                true => State::Mark(seen),
                false => State::Field(FieldName::default()),
            };
            return 1;
        }
        // Half a mark is the start of an unknown field.
        let mut name = FieldName::default();
        MARK.iter().take(seen).for_each(|byte| name.push(*byte));
        self.state = State::Field(name);
        0
    }

    fn step_field(
        &mut self,
        mut name: FieldName,
        first: u8,
        sink: &mut impl FnMut(Token<'_>),
    ) -> usize {
        match first {
            b'\n' | b'\r' => {
                self.end_line(sink);
                self.after_cr = first == b'\r';
            }
            b':' => self.open_value(name.field(), sink),
            _ => {
                name.push(first);
                self.state = State::Field(name);
            }
        }
        1
    }

    fn open_value(&mut self, field: Field, sink: &mut impl FnMut(Token<'_>)) {
        self.state = State::Colon(field);
        self.open_field(field, sink);
    }

    fn open_field(&mut self, field: Field, sink: &mut impl FnMut(Token<'_>)) {
        match field {
            Field::Data if self.has_data => sink(Token::LineEnd),
            Field::Data => self.has_data = true,
            Field::Event => self.name.clear(),
            Field::Other => {}
        }
    }

    fn step_value(
        &mut self,
        field: Field,
        rest: &[u8],
        at: usize,
        sink: &mut impl FnMut(Token<'_>),
    ) -> usize {
        let end = memchr::memchr2(b'\n', b'\r', rest);
        let len = end.unwrap_or(rest.len());
        if len > 0 {
            match field {
                Field::Data => sink(Token::Data(at..at.saturating_add(len))),
                Field::Event => {
                    let room = MAX_NAME_BYTES.saturating_sub(self.name.len()).min(len);
                    self.name.extend_from_slice(rest.get(..room).unwrap_or_default());
                }
                Field::Other => {}
            }
        }
        let Some(end) = end else { return len };
        self.end_line(sink);
        self.after_cr = rest.get(end) == Some(&b'\r');
        len.saturating_add(1)
    }

    /// Ends the current line: a blank one dispatches, a name alone is an empty field.
    fn end_line(&mut self, sink: &mut impl FnMut(Token<'_>)) {
        if let State::Field(name) = self.state {
            if name.len == 0 {
                self.dispatch(sink);
            } else {
                self.open_field(name.field(), sink);
            }
        } else if let State::Mark(0) = self.state {
            self.dispatch(sink);
        }
        self.state = State::Field(FieldName::default());
    }

    fn dispatch(&mut self, sink: &mut impl FnMut(Token<'_>)) {
        if std::mem::take(&mut self.has_data) {
            sink(Token::Dispatch(&self.name));
        }
        self.name.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events(stream: &[u8]) -> Vec<(String, String)> {
        let (mut events, mut data) = (Vec::new(), Vec::new());
        let mut decoder = Decoder::new();
        let mut sink = |chunk: &[u8], token: Token<'_>| match token {
            Token::Data(range) => data.extend_from_slice(&chunk[range]),
            Token::LineEnd => data.push(b'\n'),
            Token::Dispatch(name) => events.push((
                String::from_utf8_lossy(name).into_owned(),
                String::from_utf8(std::mem::take(&mut data)).unwrap(),
            )),
        };
        decoder.feed(stream, 0, |token| sink(stream, token));
        decoder.finish(|token| sink(b"", token));
        events
    }

    fn event(name: &str, data: &str) -> (String, String) {
        (name.to_owned(), data.to_owned())
    }

    #[test]
    fn each_line_end_of_the_standard_ends_a_line() {
        for end in ["\n", "\r", "\r\n"] {
            let stream = format!("event: a{end}data: 1{end}{end}data:2{end}data: 3{end}{end}");
            assert_eq!(events(stream.as_bytes()), [event("a", "1"), event("", "2\n3")], "{end:?}");
        }
    }

    #[test]
    fn one_crlf_is_one_line_end() {
        assert_eq!(events(b"data: 1\r\ndata: 2\r\n\r\n"), [event("", "1\n2")]);
    }

    #[test]
    fn a_byte_order_mark_is_dropped_and_half_of_one_is_not_a_field() {
        assert_eq!(events("\u{feff}data: 1\n\n".as_bytes()), [event("", "1")]);
        assert_eq!(events(b"\xef\xbbdata: 1\ndata: 2\n\n"), [event("", "2")]);
        assert_eq!(events(b"\xbb\xbfdata: 1\n\n"), [event("", "1")]);
        assert_eq!(events(b"\xbfdata: 1\n\n"), [event("", "1")]);
        assert_eq!(events(b"\xef\xbfdata: 1\ndata: 2\n\n"), [event("", "2")]);
    }

    #[test]
    fn comments_and_unknown_fields_are_skipped() {
        assert_eq!(events(b": hi\nid: 7\nretry: 1\ndatax: no\ndata: 1\n\n"), [event("", "1")]);
    }

    #[test]
    fn only_one_space_after_the_colon_is_dropped() {
        assert_eq!(events(b"data:  1 \n\n"), [event("", " 1 ")]);
    }

    #[test]
    fn a_field_without_a_colon_has_an_empty_value() {
        assert_eq!(events(b"data\ndata\n\n"), [event("", "\n")]);
    }

    #[test]
    fn an_event_without_data_is_dropped_with_its_name() {
        assert_eq!(events(b"event: a\n\ndata: 1\n\n"), [event("", "1")]);
    }

    #[test]
    fn the_end_of_the_stream_dispatches_the_last_event() {
        assert_eq!(events(b"event: a\ndata: 1"), [event("a", "1")]);
        assert_eq!(events(b"event: a\ndata: 1\n"), [event("a", "1")]);
        assert_eq!(events(b"data"), [event("", "")]);
        assert_eq!(events(b""), []);
    }

    #[test]
    fn a_name_is_held_up_to_its_bound() {
        let stream = format!("event: {}\ndata: 1\n\n", "x".repeat(10_000));
        assert_eq!(events(stream.as_bytes()), [event(&"x".repeat(MAX_NAME_BYTES), "1")]);
    }
}

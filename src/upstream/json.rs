//! JSON that borrows its strings from what was read.
//!
//! An event is read, asked for a few members, and dropped. `serde_json::Value` makes a string of
//! each key and of each value, and a tree of each object: for a small image that is most of what
//! reading a stream costs. Here the values are in one list, in the order of the text.
//!
//! If several members have the same name, the last one counts, as with `serde_json::Value`. The crate
//! `serde_json_borrow` takes the first, so it is not used.
//!
//! A string may escape half a surrogate pair (RFC 8259 §8.2) or have bytes that are no UTF-8, as from
//! writers that cut a text within a character; a number may be larger than any `f64`, and brackets
//! may be nested deeper than serde_json follows. serde_json rejects the whole text for it. Here such
//! a character reads as U+FFFD, as a browser reads events, such a number is none that can be read,
//! and what is nested too deep is `null`: no image is lost for what stands beside it.
//!
//! Nothing that an upstream sends is parsed as a `Value`. With the feature `raw_value`, serde_json
//! takes the string in a member `$serde_json::private::RawValue` for JSON, and reads it with a fresh
//! limit of depth: nested again and again, it would use up the stack.

mod cut;
mod mend;
mod node;

use std::time::Duration;

use serde::de::DeserializeSeed;
use serde_json::Value;

pub(crate) use self::cut::{closing, most};
use self::node::{Node, Push};

/// At first there is room for one node per this many bytes of text. Most texts need less room.
const BYTES_PER_NODE: usize = 8;
/// At first there is room for at most this many nodes.
const MAX_FIRST_NODES: usize = 256;

/// The values of a JSON text.
#[derive(Debug)]
pub(super) struct Tape<'a>(Vec<Node<'a>>);

/// A JSON value: its node, and those that belong to it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Json<'t>(&'t [Node<'t>]);

/// Reads JSON of an upstream as a value that owns its strings. `None` if `bytes` is not JSON.
pub(crate) fn value(bytes: &[u8]) -> Option<Value> {
    Tape::parse(bytes).map(|tape| tape.root().to_value())
}

impl<'a> Tape<'a> {
    /// `None` if `bytes` is not JSON.
    pub(super) fn parse(bytes: &'a [u8]) -> Option<Self> {
        // All of it is checked at once, instead of each string for itself. `from_utf8` reads ASCII
        // by the word; `from_utf8_lossy` never does.
        if let Ok(text) = std::str::from_utf8(bytes) {
            return Self::read(text).or_else(|| Self::mended(text));
        }
        let text = String::from_utf8_lossy(bytes);
        Tape::read(&text).map(Tape::into_owned).or_else(|| Self::mended(&text))
    }

    fn mended(text: &str) -> Option<Self> {
        Tape::read(&mend::mended(text)?).map(Tape::into_owned)
    }

    fn read(text: &'a str) -> Option<Self> {
        let room = text.len().div_ceil(BYTES_PER_NODE).min(MAX_FIRST_NODES);
        let mut nodes = Vec::with_capacity(room);
        let mut deserializer = serde_json::Deserializer::from_str(text);
        Push(&mut nodes).deserialize(&mut deserializer).ok()?;
        deserializer.end().ok()?;
        Some(Self(nodes))
    }

    fn into_owned<'o>(self) -> Tape<'o> {
        Tape(self.0.into_iter().map(Node::into_owned).collect())
    }

    /// The value that the text is.
    pub(super) fn root(&self) -> Json<'_> {
        Json(&self.0)
    }
}

/// `number` as an integer, if it is one and not negative.
fn whole(number: f64) -> Option<u64> {
    // The conversion of a duration is checked.
    let seconds = Duration::try_from_secs_f64(number).ok()?;
    (number.fract() == 0.0).then_some(seconds.as_secs())
}

impl<'t> Json<'t> {
    fn node(self) -> Option<&'t Node<'t>> {
        self.0.first()
    }

    /// What it contains: the values of an array, or each name and its value of an object.
    fn inner(self) -> impl Iterator<Item = Self> {
        let mut rest = self.0.get(1..).unwrap_or_default();
        std::iter::from_fn(move || {
            let len = rest.first()?.len().saturating_add(1);
            let (next, after) = rest.split_at_checked(len)?;
            rest = after;
            Some(Self(next))
        })
    }

    /// The names and the values of its members, in their order. Empty if it is no object.
    pub(super) fn members(self) -> impl Iterator<Item = (&'t str, Self)> {
        let mut inner = self.is_object().then(|| self.inner()).into_iter().flatten();
        std::iter::from_fn(move || Some((inner.next()?.as_str()?, inner.next()?)))
    }

    pub(super) fn get(self, key: &str) -> Option<Self> {
        self.members().filter(|(name, _)| *name == key).last().map(|(_, value)| value)
    }

    pub(super) fn as_str(self) -> Option<&'t str> {
        match self.node()? {
            Node::Text(text) => Some(text),
            _ => None,
        }
    }

    /// A whole number from 0 on. Some writers have only floating-point numbers, and write `196.0`.
    pub(super) fn as_u64(self) -> Option<u64> {
        match self.node()? {
            Node::Number(number) => number.as_u64().or_else(|| whole(number.as_f64()?)),
            _ => None,
        }
    }

    pub(super) fn as_bool(self) -> Option<bool> {
        match self.node()? {
            Node::Bool(it) => Some(*it),
            _ => None,
        }
    }

    pub(super) fn is_number(self) -> bool {
        matches!(self.node(), Some(Node::Number(_)))
    }

    pub(super) fn is_object(self) -> bool {
        matches!(self.node(), Some(Node::Object(_)))
    }

    pub(super) fn is_array(self) -> bool {
        matches!(self.node(), Some(Node::Array(_)))
    }

    /// The entries of an array. Empty if it is another value.
    pub(super) fn entries(self) -> impl Iterator<Item = Self> {
        self.is_array().then(|| self.inner()).into_iter().flatten()
    }

    /// The member `key`, if it is text.
    pub(super) fn text(self, key: &str) -> Option<&'t str> {
        self.get(key).and_then(Self::as_str)
    }

    /// The member `key`, if it is a whole number from 0 on.
    pub(super) fn number(self, key: &str) -> Option<u64> {
        self.get(key).and_then(Self::as_u64)
    }

    /// The entries of the member `key`. Empty if it is no array.
    pub(super) fn array(self, key: &str) -> impl Iterator<Item = Self> {
        self.get(key).into_iter().flat_map(Self::entries)
    }

    /// The same as a value that owns its strings.
    pub(super) fn to_value(self) -> Value {
        match self.node() {
            None | Some(Node::Null) => Value::Null,
            Some(Node::Bool(it)) => Value::Bool(*it),
            Some(Node::Number(it)) => Value::Number(it.clone()),
            Some(Node::Text(it)) => Value::String(it.clone().into_owned()),
            Some(Node::Array(_)) => Value::Array(self.inner().map(Self::to_value).collect()),
            Some(Node::Object(_)) => {
                let owned = self.members().map(|(name, it)| (name.to_owned(), it.to_value()));
                Value::Object(owned.collect())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;

    #[test]
    fn it_reads_what_serde_json_reads() {
        for text in [
            r#"{"a":[1,-2,0.5,1e3,null,true,"x"],"b":{"c":"\u00e9\n\"","":{}},"d":[]}"#,
            r#"{"a":1,"b":2,"a":3}"#,
            r#"18446744073709551615"#,
            r#"18446744073709551616"#,
            r#""\ud83d\ude00 text""#,
            " [ ] ",
            "",
            "{",
            r#"{"a":1,}"#,
            r#"{"a":1} x"#,
            "[nul]",
        ] {
            let expected = serde_json::from_slice::<Value>(text.as_bytes()).ok();
            assert_eq!(
                Tape::parse(text.as_bytes()).map(|it| it.root().to_value()),
                expected,
                "{text}"
            );
        }
        assert!(Tape::parse(b"\xff\"\"").is_none());
    }

    #[test]
    fn a_string_is_never_read_as_json() {
        let nested = (0..8).fold("[]".to_owned(), |inner, _| {
            serde_json::json!({"$serde_json::private::RawValue": inner}).to_string()
        });
        let value = value(nested.as_bytes()).unwrap();
        assert!(value["$serde_json::private::RawValue"].is_string(), "{value}");
    }

    #[test]
    fn whole_numbers_may_be_written_with_a_fraction() {
        for (text, number) in [
            ("196.0", Some(196)),
            ("1.382e3", Some(1382)),
            ("0.0", Some(0)),
            ("18446744073709551615", Some(u64::MAX)),
            ("196.5", None),
            ("-196.0", None),
            ("1e300", None),
        ] {
            let tape = Tape::parse(text.as_bytes()).unwrap();
            assert_eq!(tape.root().as_u64(), number, "{text}");
        }
    }

    #[test]
    fn a_member_is_found_by_its_name() {
        let tape = Tape::parse(br#"{"a":"x","n":7,"l":[[1],2],"a":"y"}"#).unwrap();
        let json = tape.root();
        assert_eq!((json.text("a"), json.number("n")), (Some("y"), Some(7)));
        assert_eq!((json.array("l").count(), json.array("a").count()), (2, 0));
        assert_eq!(json.array("l").last().and_then(Json::as_u64), Some(2));
        assert!(json.get("b").is_none() && json.text("n").is_none() && json.number("a").is_none());
    }
}

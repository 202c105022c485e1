//! JSON that borrows its strings from what was read.
//!
//! An event is read, asked for a few members, and dropped. `serde_json::Value` makes a string of
//! each key and of each value, and a tree of each object: for a small image that is most of what
//! reading a stream costs.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Number, Value};

/// A JSON value.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Json<'a> {
    Null,
    Bool(bool),
    Number(Number),
    Text(Cow<'a, str>),
    Array(Vec<Self>),
    /// The members in their order. Of several with one name, the last counts.
    Object(Vec<(Cow<'a, str>, Self)>),
}

impl<'a> Json<'a> {
    /// `None` if `bytes` is not JSON.
    pub(super) fn parse(bytes: &'a [u8]) -> Option<Self> {
        // All of it is checked at once, instead of each string for itself.
        serde_json::from_str(std::str::from_utf8(bytes).ok()?).ok()
    }

    pub(super) fn get(&self, key: &str) -> Option<&Self> {
        let Self::Object(members) = self else { return None };
        members.iter().rev().find(|(name, _)| name == key).map(|(_, value)| value)
    }

    pub(super) fn as_str(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(super) fn as_u64(&self) -> Option<u64> {
        match self {
            Self::Number(number) => number.as_u64(),
            _ => None,
        }
    }

    pub(super) fn as_array(&self) -> Option<&[Self]> {
        match self {
            Self::Array(list) => Some(list),
            _ => None,
        }
    }

    pub(super) fn is_object(&self) -> bool {
        matches!(self, Self::Object(_))
    }

    /// The member `key`, if it is text.
    pub(super) fn text(&self, key: &str) -> Option<&str> {
        self.get(key).and_then(Self::as_str)
    }

    /// The member `key`, if it is a whole number from 0 on.
    pub(super) fn number(&self, key: &str) -> Option<u64> {
        self.get(key).and_then(Self::as_u64)
    }

    /// The entries of the member `key`. Empty if it is no array.
    pub(super) fn array(&self, key: &str) -> &[Self] {
        self.get(key).and_then(Self::as_array).unwrap_or_default()
    }

    /// The same as a value that owns its strings.
    pub(super) fn to_value(&self) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Bool(it) => Value::Bool(*it),
            Self::Number(it) => Value::Number(it.clone()),
            Self::Text(it) => Value::String(it.clone().into_owned()),
            Self::Array(list) => Value::Array(list.iter().map(Self::to_value).collect()),
            Self::Object(members) => {
                let owned = members.iter().map(|(name, it)| (name.to_string(), it.to_value()));
                Value::Object(owned.collect())
            }
        }
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Json<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(JsonVisitor)
    }
}

struct JsonVisitor;

impl<'de> Visitor<'de> for JsonVisitor {
    type Value = Json<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Json<'de>, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, it: bool) -> Result<Json<'de>, E> {
        Ok(Json::Bool(it))
    }

    fn visit_u64<E>(self, it: u64) -> Result<Json<'de>, E> {
        Ok(Json::Number(it.into()))
    }

    fn visit_i64<E>(self, it: i64) -> Result<Json<'de>, E> {
        Ok(Json::Number(it.into()))
    }

    fn visit_f64<E>(self, it: f64) -> Result<Json<'de>, E> {
        Ok(Number::from_f64(it).map_or(Json::Null, Json::Number))
    }

    fn visit_borrowed_str<E>(self, it: &'de str) -> Result<Json<'de>, E> {
        Ok(Json::Text(Cow::Borrowed(it)))
    }

    /// A string with escapes.
    fn visit_str<E>(self, it: &str) -> Result<Json<'de>, E> {
        Ok(Json::Text(Cow::Owned(it.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Json<'de>, A::Error> {
        let mut list = Vec::new();
        while let Some(it) = seq.next_element()? {
            list.push(it);
        }
        Ok(Json::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Json<'de>, A::Error> {
        let mut members = Vec::new();
        while let Some((Name(name), it)) = map.next_entry()? {
            members.push((name, it));
        }
        Ok(Json::Object(members))
    }
}

/// The name of a member: serde's own `Cow` never borrows.
struct Name<'a>(Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Name<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match deserializer.deserialize_str(JsonVisitor)? {
            Json::Text(name) => Ok(Self(name)),
            _ => Err(D::Error::custom("a name is text")),
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
            r#""\ud800""#,
            "[1e999]",
            "[nul]",
        ] {
            let expected = serde_json::from_slice::<Value>(text.as_bytes()).ok();
            assert_eq!(Json::parse(text.as_bytes()).map(|it| it.to_value()), expected, "{text}");
        }
        assert_eq!(Json::parse(b"\"\xff\""), None);
        let deep = "[".repeat(1000) + &"]".repeat(1000);
        assert_eq!(Json::parse(deep.as_bytes()), None);
    }

    #[test]
    fn a_member_is_found_by_its_name() {
        let json = Json::parse(br#"{"a":"x","n":7,"l":[1],"a":"y"}"#).unwrap();
        assert_eq!((json.text("a"), json.number("n")), (Some("y"), Some(7)));
        assert_eq!((json.array("l").len(), json.array("a").len()), (1, 0));
        assert!(json.get("b").is_none() && json.text("n").is_none() && json.number("a").is_none());
    }
}

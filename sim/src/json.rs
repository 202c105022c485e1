//! JSON that keeps the order of its members.
//!
//! `serde_json` has a feature for this, `preserve_order`, but the workspace builds the filter
//! together with this package, and the feature would change the filter as well.
//!
//! On the wire `type` is first and the base64 of an image is in the middle of an event, which
//! matters to a reader that scans for them. An image is a [`Json::Base64`], shared bytes that are
//! never copied: an event of 16 MB takes a few hundred bytes.

use bytes::Bytes;
use serde_json::Value;

use crate::rope::Rope;

/// A JSON value.
#[derive(Clone, Debug, PartialEq)]
pub enum Json {
    /// A value without an order to keep: a string, a number, null, or a value from a client.
    Value(Value),
    /// An object in its order.
    Object(Vec<(String, Self)>),
    /// A list.
    List(Vec<Self>),
    /// A string of base64, which needs no escapes.
    Base64(Bytes),
}

/// How a document is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct JsonStyle {
    /// `\/` in place of `/` inside base64, as some encoders write it.
    pub escaped_slashes: bool,
    /// Text before each member of the outermost object, which starts a new line of the event.
    pub between_members: &'static str,
    /// White space around everything that is not a value.
    pub space: &'static str,
}

impl JsonStyle {
    fn mark(self, out: &mut Rope, mark: &str) {
        out.text(self.space);
        out.text(mark);
        out.text(self.space);
    }

    fn comma(self, out: &mut Rope, index: usize) {
        if index > 0 {
            self.mark(out, ",");
        }
    }
}

impl Json {
    /// JSON's `null`.
    pub const NULL: Self = Self::Value(Value::Null);

    /// The member of an object, if this is an object that has it.
    pub fn member(&self, key: &str) -> Option<&Self> {
        match self {
            Self::Object(members) => {
                members.iter().find(|(name, _)| name == key).map(|(_, value)| value)
            }
            Self::Value(_) | Self::List(_) | Self::Base64(_) => None,
        }
    }

    /// The text of a member that is a string.
    pub fn text(&self, key: &str) -> Option<&str> {
        match self.member(key)? {
            Self::Value(Value::String(text)) => Some(text),
            _ => None,
        }
    }

    /// Sets a member: in its place, or as the last one. Does nothing to any other value
    /// than an object.
    pub fn set(&mut self, key: &str, value: impl Into<Self>) {
        let Self::Object(members) = self else { return };
        match members.iter_mut().find(|(name, _)| name == key) {
            Some((_, old)) => *old = value.into(),
            None => members.push((key.to_owned(), value.into())),
        }
    }

    /// Changes a member, if there is one.
    pub fn change(&mut self, key: &str, edit: impl FnOnce(&mut Self)) {
        let Self::Object(members) = self else { return };
        if let Some((_, value)) = members.iter_mut().find(|(name, _)| name == key) {
            edit(value);
        }
    }

    /// Removes a member.
    pub fn remove(&mut self, key: &str) -> Option<Self> {
        let Self::Object(members) = self else { return None };
        let at = members.iter().position(|(name, _)| name == key)?;
        Some(members.remove(at).1)
    }

    /// Appends the text of this value.
    pub fn write(&self, out: &mut Rope, style: JsonStyle) {
        match self {
            Self::Value(value) => out.text(&value.to_string()),
            Self::Base64(base64) if style.escaped_slashes => {
                out.text("\"");
                out.text(&String::from_utf8_lossy(base64).replace('/', "\\/"));
                out.text("\"");
            }
            Self::Base64(base64) => {
                out.text("\"");
                out.shared(base64.clone());
                out.text("\"");
            }
            Self::List(items) => {
                style.mark(out, "[");
                for (index, item) in items.iter().enumerate() {
                    style.comma(out, index);
                    item.write(out, JsonStyle { between_members: "", ..style });
                }
                style.mark(out, "]");
            }
            Self::Object(members) => {
                style.mark(out, "{");
                for (index, (key, value)) in members.iter().enumerate() {
                    style.comma(out, index);
                    out.text(style.between_members);
                    out.text(&Value::from(key.as_str()).to_string());
                    style.mark(out, ":");
                    value.write(out, JsonStyle { between_members: "", ..style });
                }
                style.mark(out, "}");
            }
        }
    }

    /// The text of this value.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Rope::default();
        self.write(&mut out, JsonStyle::default());
        out.into_bytes()
    }
}

impl<T: Into<Value>> From<T> for Json {
    fn from(value: T) -> Self {
        Self::Value(value.into())
    }
}

/// An object that keeps the order of its members.
#[macro_export]
macro_rules! object {
    ($($key:literal: $value:expr),* $(,)?) => {
        $crate::json::Json::Object(vec![$(($key.to_owned(), $crate::json::Json::from($value))),*])
    };
}

/// A list of values that convert to [`Json`].
#[macro_export]
macro_rules! list {
    ($($value:expr),* $(,)?) => {
        $crate::json::Json::List(vec![$($crate::json::Json::from($value)),*])
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(json: &Json, style: JsonStyle) -> String {
        let mut out = Rope::default();
        json.write(&mut out, style);
        String::from_utf8(out.into_bytes()).unwrap()
    }

    #[test]
    fn members_keep_their_order_and_strings_their_escapes() {
        let json = object! { "type": "x", "a": list![1, Json::NULL], "text": "\"\n" };
        assert_eq!(
            written(&json, JsonStyle::default()),
            r#"{"type":"x","a":[1,null],"text":"\"\n"}"#
        );
    }

    #[test]
    fn base64_is_written_as_it_is_or_with_escaped_slashes() {
        let json = object! { "result": Json::Base64(Bytes::from_static(b"a/b+")) };
        assert_eq!(written(&json, JsonStyle::default()), r#"{"result":"a/b+"}"#);
        let style = JsonStyle { escaped_slashes: true, ..JsonStyle::default() };
        assert_eq!(written(&json, style), r#"{"result":"a\/b+"}"#);
    }

    #[test]
    fn white_space_can_stand_around_every_mark() {
        let json = object! { "a": list![1, 2], "b": object! {} };
        let text = written(&json, JsonStyle { space: " ", ..JsonStyle::default() });
        assert_eq!(text, r#" { "a" :  [ 1 , 2 ]  , "b" :  {  }  } "#);
    }

    #[test]
    fn members_of_the_outermost_object_can_start_a_line() {
        let json = object! { "a": object! { "b": 1 }, "c": 2 };
        let style = JsonStyle { between_members: "\ndata: ", ..JsonStyle::default() };
        assert_eq!(written(&json, style), "{\ndata: \"a\":{\"b\":1},\ndata: \"c\":2}");
    }
}

//! The bytes of the plugin configuration as one JSON value.
//!
//! Envoy unwraps a `google.protobuf.StringValue`, so its JSON text arrives unchanged. A
//! `google.protobuf.Struct` arrives as raw protobuf. The text is first read into a tree, which
//! finds names that an object has twice. Without it serde's maps would keep the last one, and two
//! upstreams of one name would silently become one.

use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use super::error::{ConfigError, Fault};
use super::pointer::{Path, Pointer};
use super::struct_value;

/// Parses either form.
///
/// # Errors
///
/// The bytes are empty, neither JSON nor a `Struct`, or have a name twice in one object.
pub(super) fn parse(bytes: &[u8]) -> Result<Value, ConfigError> {
    let here = Pointer::default();
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Err(here.fault(Fault::Blank { accepted: here.accepted() }));
    }
    if struct_value::is_struct(bytes) { struct_value::parse(bytes) } else { parse_json(bytes) }
}

/// Parses JSON text.
///
/// # Errors
///
/// It is not JSON, or has a name twice in one object.
pub(super) fn parse_json(bytes: &[u8]) -> Result<Value, ConfigError> {
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let path = Cell::default();
    let tree = Tree(&path).deserialize(&mut json).map_err(|error| {
        // `Tree` accepts every value, so a data error can only come from itself: a name that is
        // there twice.
        if error.is_data() {
            return Pointer::default().along(&path.take()).fault(Fault::SameName);
        }
        Pointer::default().fault(Fault::Syntax(error))
    })?;
    json.end().map_err(|error| Pointer::default().fault(Fault::Syntax(error)))?;
    Ok(tree)
}

/// Reads a value. Keeps the way to what is wrong.
#[derive(Clone, Copy)]
struct Tree<'p>(&'p Cell<Path>);

impl Tree<'_> {
    /// `error` is in the field `name` of an object.
    #[inline(never)]
    fn in_field<E>(self, name: &str, error: E) -> E {
        let mut path = self.0.take();
        path.in_field(name);
        self.0.set(path);
        error
    }

    /// `error` is in the element `index` of an array.
    #[inline(never)]
    fn in_element<E>(self, index: usize, error: E) -> E {
        let mut path = self.0.take();
        path.in_element(index);
        self.0.set(path);
        error
    }
}

impl<'de> DeserializeSeed<'de> for Tree<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Value, D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Tree<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, truth: bool) -> Result<Value, E> {
        Ok(Value::Bool(truth))
    }

    fn visit_i64<E>(self, integer: i64) -> Result<Value, E> {
        Ok(Value::from(integer))
    }

    fn visit_u64<E>(self, integer: u64) -> Result<Value, E> {
        Ok(Value::from(integer))
    }

    fn visit_f64<E>(self, double: f64) -> Result<Value, E> {
        // JSON text has no NaN and no infinity, and serde_json rejects 1e999.
        Ok(Value::Number(struct_value::number(double).unwrap_or_else(|| Number::from(0))))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::from(text))
    }

    fn visit_string<E>(self, text: String) -> Result<Value, E> {
        Ok(Value::String(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        loop {
            let next = items.next_element_seed(self);
            match next.map_err(|error| self.in_element(list.len(), error))? {
                Some(item) => list.push(item),
                None => return Ok(Value::Array(list)),
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(name) = fields.next_key::<String>()? {
            // Rejected while its value is read: what is not JSON before that goes first.
            let value = match object.contains_key(&name) {
                true => fields.next_value_seed(Refuse),
                false => fields.next_value_seed(self),
            };
            let value = value.map_err(|error| self.in_field(&name, error))?;
            object.insert(name, value);
        }
        Ok(Value::Object(object))
    }
}

/// The value of a name that its object already has.
struct Refuse;

impl<'de> DeserializeSeed<'de> for Refuse {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, _: D) -> Result<Value, D::Error> {
        Err(D::Error::custom("a second field of this name"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn rejection(text: &str) -> String {
        parse(text.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn json_text_becomes_the_same_value() {
        let text =
            r#"{"a":[1,-2,2.5,10.0,1e3,null,true,"\u00e9"],"b":{"c":{}},"d":18446744073709551615}"#;
        let expected =
            json!({"a": [1, -2, 2.5, 10, 1000, null, true, "é"], "b": {"c": {}}, "d": u64::MAX});
        assert_eq!(parse(text.as_bytes()).unwrap(), expected);
    }

    #[test]
    fn a_second_field_of_a_name_is_rejected_with_its_pointer() {
        assert!(rejection(r#"{"a":1,"a":1}"#).starts_with("/a: a second field of this name"));
        let text = rejection(r#"{"x":[{"b/c":1},{"b/c":1,"b\u002fc":2}]}"#);
        assert!(text.starts_with("/x/1/b~1c: a second field"), "{text}");
    }

    #[test]
    fn a_syntax_fault_has_its_line_and_column() {
        assert_eq!(
            rejection("{\n  \"a\": sk-1234\n}"),
            "the configuration: not JSON (expected value at line 2 column 8), accepted: JSON \
             text or a google.protobuf.Struct"
        );
        assert!(rejection(r#"{"a":1,"a" 2}"#).contains("expected `:` at line 1 column 12"));
        assert!(rejection("{} {}").contains("trailing characters at line 1 column 4"));
        assert!(rejection("{\"a\":1e999}").contains("number out of range"));
    }

    #[test]
    fn depth_is_bounded() {
        assert!(rejection(&"[".repeat(100_000)).contains("recursion limit exceeded"));
    }

    #[test]
    fn an_empty_document_is_not_a_configuration() {
        for text in ["", " \r\n\t"] {
            assert!(rejection(text).starts_with("the configuration: empty, accepted: "));
        }
    }

    #[test]
    fn bytes_that_are_not_utf_8_are_a_syntax_error() {
        assert!(parse(b"{\"a\":\"\xff\"}").unwrap_err().to_string().contains("not JSON"));
    }
}

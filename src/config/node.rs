//! Reads a JSON value with serde, with errors that are data.
//!
//! serde_json's own errors quote the offending value, which may be a secret in the wrong place, and
//! speak of Rust types. The error here keeps only the kind of fault. The pointer and the words come
//! from [`Pointer`]. Differences from serde_json: `null` is never read as an absent field (an
//! allow-list left blank must not mean "all"), and an array is never read as an object.

mod containers;
mod mismatch;

use serde::de::value::StrDeserializer;
use serde::de::{self, Deserializer, IntoDeserializer, Unexpected, Visitor};
use serde::forward_to_deserialize_any;
use serde_json::{Number, Value};

use containers::{Elements, Fields};
use mismatch::Mismatch;

use super::error::ConfigError;
use super::pointer::Pointer;

/// Reads `value` as the type of the schema.
///
/// # Errors
///
/// The first field that is unknown, missing or of the wrong type.
pub(super) fn read<T: de::DeserializeOwned>(value: Value) -> Result<T, ConfigError> {
    read_at(value, &Pointer::default())
}

/// The same for a value that is at `base` of its document.
///
/// # Errors
///
/// As above.
pub(super) fn read_at<T: de::DeserializeOwned>(
    value: Value,
    base: &Pointer,
) -> Result<T, ConfigError> {
    T::deserialize(Node(value)).map_err(|error| error.at(base))
}

struct Node(Value);

impl Node {
    /// Of a value where an object or a word is expected.
    #[inline(never)]
    fn unexpected(&self) -> Mismatch {
        Mismatch::of_type(&match &self.0 {
            Value::Null => Unexpected::Unit,
            Value::Bool(truth) => Unexpected::Bool(*truth),
            Value::Number(_) => Unexpected::Unsigned(0),
            Value::String(_) => Unexpected::Str(""),
            Value::Array(_) => Unexpected::Seq,
            Value::Object(_) => Unexpected::Map,
        })
    }

    /// Of a value where a text, a truth value, an array or a map is expected: it says what kind of
    /// number it is.
    #[inline(never)]
    fn mistaken(&self) -> Mismatch {
        match &self.0 {
            Value::Number(number) => match integer(number) {
                Some(Integer::Positive(_)) => self.unexpected(),
                Some(Integer::Negative(_)) => Mismatch::of_type(&Unexpected::Signed(0)),
                None => Mismatch::of_type(&Unexpected::Float(0.0)),
            },
            _ => self.unexpected(),
        }
    }
}

/// Each method reads one JSON type. So the module does not repeat the code for the other types for
/// each type of the schema.
impl<'de> Deserializer<'de> for Node {
    type Error = Mismatch;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        match self.0 {
            Value::Null => visitor.visit_unit(),
            Value::Bool(truth) => visitor.visit_bool(truth),
            Value::Number(number) => read_number(&number, visitor),
            Value::String(text) => visitor.visit_string(text),
            Value::Array(items) => visitor.visit_seq(Elements::new(items)),
            Value::Object(fields) => visitor.visit_map(Fields::new(fields)),
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        match self.0 {
            Value::Bool(truth) => visitor.visit_bool(truth),
            _ => Err(self.mistaken()),
        }
    }

    fn deserialize_u64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        match &self.0 {
            Value::Number(number) => read_number(number, visitor),
            _ => Err(self.unexpected()),
        }
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        match self.0 {
            Value::String(text) => visitor.visit_string(text),
            _ => Err(self.mistaken()),
        }
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        match self.0 {
            Value::Array(items) => visitor.visit_seq(Elements::new(items)),
            _ => Err(self.mistaken()),
        }
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        match self.0 {
            Value::Object(fields) => visitor.visit_map(Fields::new(fields)),
            _ => Err(self.mistaken()),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Mismatch> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Mismatch> {
        match self.0 {
            Value::Object(fields) => visitor.visit_map(Fields::new(fields)),
            _ => Err(self.unexpected()),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Mismatch> {
        match &self.0 {
            Value::String(text) => {
                let text: StrDeserializer<'_, Mismatch> = text.as_str().into_deserializer();
                visitor.visit_enum(text)
            }
            _ => Err(self.unexpected()),
        }
    }

    forward_to_deserialize_any! {
        i8 i16 i32 i64 i128 u8 u16 u32 u128 f32 f64 char str bytes byte_buf unit
        unit_struct tuple tuple_struct identifier ignored_any
    }
}

enum Integer {
    Positive(u64),
    Negative(i64),
}

/// The whole number that this is. One beyond 64 bits, or beyond what a double can represent
/// exactly, is outside every range, so its conversion may saturate. `None` if it has a fraction, or
/// is below every integer.
fn integer(number: &Number) -> Option<Integer> {
    if let Some(integer) = number.as_u64() {
        return Some(Integer::Positive(integer));
    }
    if let Some(integer) = number.as_i64() {
        return Some(Integer::Negative(integer));
    }
    let double = number.as_f64()?;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates")]
    let whole = double as u64;
    (double.fract() == 0.0 && double > 0.0).then_some(Integer::Positive(whole))
}

fn read_number<'de, V: Visitor<'de>>(number: &Number, visitor: V) -> Result<V::Value, Mismatch> {
    match integer(number) {
        Some(Integer::Positive(integer)) => visitor.visit_u64(integer),
        Some(Integer::Negative(integer)) => visitor.visit_i64(integer),
        None => visitor.visit_f64(number.as_f64().unwrap_or(f64::NAN)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;
    use serde_json::json;
    use std::collections::BTreeMap;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only the errors are looked at")]
    struct Sample {
        must: BTreeMap<String, Vec<u64>>,
        may: Option<Choice>,
        #[serde(default)]
        truth: bool,
    }

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Choice {
        One,
    }

    fn rejection(value: Value) -> String {
        let ConfigError { pointer, fault } = read::<Sample>(value).unwrap_err();
        let fault = fault.to_string();
        format!("{pointer} {}", fault.split(',').next().unwrap())
    }

    #[test]
    fn faults_have_their_place_and_kind() {
        assert_eq!(rejection(json!({"must": {"a": [1, "s3cret"]}})), "/must/a/1 a string");
        assert_eq!(rejection(json!({"must": {"a": [1, 1.5]}})), "/must/a/1 a fractional number");
        assert_eq!(rejection(json!({"must": {"a": [-1]}})), "/must/a/0 out of range");
        assert_eq!(rejection(json!({"must": {}, "may": 1e300})), "/may a number");
        assert_eq!(rejection(json!({"must": {}, "may": "two"})), "/may invalid value");
        assert_eq!(rejection(json!({"must": {}, "may": 1})), "/may a number");
        assert_eq!(rejection(json!({"must": []})), "/must an array");
        assert_eq!(rejection(json!({"may": "one"})), "/must missing");
        assert_eq!(rejection(json!([{}, null, true])), " an array");
        assert_eq!(rejection(json!({"must": -1})), "/must a negative number");
        assert_eq!(rejection(json!({"must": {"a": -0.5}})), "/must/a a fractional number");
        assert_eq!(rejection(json!({"must": {}, "truth": 1e300})), "/truth a number");
        assert_eq!(rejection(json!({"must": {}, "may": -1})), "/may a number");
    }

    #[test]
    fn an_unknown_field_is_part_of_the_pointer() {
        assert_eq!(rejection(json!({"must": {}, "x/y": 1})), "/x~1y unknown field");
    }

    #[test]
    fn null_is_not_an_absent_field() {
        assert_eq!(rejection(json!({"must": {}, "may": null})), "/may null");
        assert_eq!(rejection(json!({"must": {}, "truth": null})), "/truth null");
    }

    #[test]
    fn a_fitting_value_is_read() {
        let sample: Sample =
            read(json!({"must": {"a": [1]}, "may": "one", "truth": true})).unwrap();
        assert!(format!("{sample:?}").contains("One"));
    }
}

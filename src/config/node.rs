//! Reads a JSON value with serde, with errors that are data.
//!
//! serde_json's own errors quote the offending value, which may be a secret in the wrong place, and
//! speak of Rust types. The error here keeps only the kind of fault. The pointer and the words come
//! from [`Pointer`]. Differences from serde_json: `null` is never read as an absent field (an
//! allow-list left blank must not mean "all"), and an array is never read as an object.

use std::fmt;

use serde::de::value::{MapDeserializer, SeqDeserializer};
use serde::de::{self, Deserializer, Expected, IntoDeserializer, Unexpected, Visitor};
use serde::forward_to_deserialize_any;
use serde_json::{Number, Value};

use super::error::{ConfigError, Fault};
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
    serde_path_to_error::deserialize(Node(value)).map_err(|error| {
        let here = base.along(error.path());
        match error.into_inner() {
            Mismatch::Type { found } => {
                here.fault(Fault::Type { found, accepted: here.accepted() })
            }
            Mismatch::Value => here.invalid(),
            Mismatch::Range => here.out_of_range(),
            Mismatch::UnknownField { accepted } => here.fault(Fault::UnknownField { accepted }),
            Mismatch::MissingField { name } => here.key(name).missing(),
        }
    })
}

/// A value that does not fit the schema.
#[derive(Debug)]
enum Mismatch {
    Type { found: &'static str },
    Value,
    Range,
    UnknownField { accepted: &'static [&'static str] },
    MissingField { name: &'static str },
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the value does not fit the schema")
    }
}

impl std::error::Error for Mismatch {}

impl de::Error for Mismatch {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self::Value
    }

    fn invalid_type(found: Unexpected<'_>, _: &dyn Expected) -> Self {
        Self::Type { found: words(&found) }
    }

    fn invalid_value(found: Unexpected<'_>, _: &dyn Expected) -> Self {
        match found {
            Unexpected::Signed(_) | Unexpected::Unsigned(_) => Self::Range,
            _ => Self::Value,
        }
    }

    fn unknown_field(_: &str, accepted: &'static [&'static str]) -> Self {
        Self::UnknownField { accepted }
    }

    fn missing_field(name: &'static str) -> Self {
        Self::MissingField { name }
    }
}

/// The JSON type of the value that was found.
fn words(found: &Unexpected<'_>) -> &'static str {
    match found {
        Unexpected::Bool(_) => "a boolean",
        Unexpected::Unsigned(_) => "a number",
        Unexpected::Signed(_) => "a negative number",
        Unexpected::Float(_) => "a fractional number",
        Unexpected::Str(_) => "a string",
        Unexpected::Unit => "null",
        Unexpected::Seq => "an array",
        Unexpected::Map => "an object",
        _ => "another type",
    }
}

struct Node(Value);

impl Node {
    fn unexpected(&self) -> Mismatch {
        Mismatch::Type {
            found: words(&match &self.0 {
                Value::Null => Unexpected::Unit,
                Value::Bool(truth) => Unexpected::Bool(*truth),
                Value::Number(_) => Unexpected::Unsigned(0),
                Value::String(_) => Unexpected::Str(""),
                Value::Array(_) => Unexpected::Seq,
                Value::Object(_) => Unexpected::Map,
            }),
        }
    }
}

impl<'de> Deserializer<'de> for Node {
    type Error = Mismatch;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        match self.0 {
            Value::Null => visitor.visit_unit(),
            Value::Bool(truth) => visitor.visit_bool(truth),
            Value::Number(number) => read_number(&number, visitor),
            Value::String(text) => visitor.visit_string(text),
            Value::Array(items) => {
                visitor.visit_seq(SeqDeserializer::new(items.into_iter().map(Node)))
            }
            Value::Object(fields) => {
                let fields = fields.into_iter().map(|(name, value)| (name, Self(value)));
                visitor.visit_map(MapDeserializer::new(fields))
            }
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
            Value::Object(_) => self.deserialize_any(visitor),
            _ => Err(self.unexpected()),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Mismatch> {
        match self.0 {
            Value::String(text) => visitor.visit_enum(text.into_deserializer()),
            _ => Err(self.unexpected()),
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit
        unit_struct seq tuple tuple_struct map identifier ignored_any
    }
}

impl IntoDeserializer<'_, Mismatch> for Node {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

fn read_number<'de, V: Visitor<'de>>(number: &Number, visitor: V) -> Result<V::Value, Mismatch> {
    if let Some(integer) = number.as_u64() {
        return visitor.visit_u64(integer);
    }
    if let Some(integer) = number.as_i64() {
        return visitor.visit_i64(integer);
    }
    match number.as_f64().unwrap_or(f64::NAN) {
        // A whole number beyond 64 bits, or beyond what a double can represent exactly. It is
        // outside every range, so the conversion may saturate.
        whole if whole.fract() == 0.0 && whole > 0.0 =>
        {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "saturates"
            )]
            visitor.visit_u64(whole as u64)
        }
        double => visitor.visit_f64(double),
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
        may: Option<Kind>,
        #[serde(default)]
        truth: bool,
    }

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Kind {
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

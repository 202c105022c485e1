//! `google.protobuf.Struct` bytes as a JSON value.
//!
//! Envoy passes a `Struct` plugin configuration to the VM as raw protobuf, not as JSON. The type
//! has one kind of number, a double, so whole numbers are converted back into integers here. A
//! `Struct` cannot have one name twice: in protobuf the later one wins, and Envoy rejects such YAML
//! before it gets here.

use prost::Message;
use prost_types::value::Kind;
use prost_types::{Struct, Value as ProtoValue};
use serde_json::{Map, Number, Value};

use super::error::{ConfigError, Fault};
use super::pointer::Pointer;

/// Whether the bytes are a `Struct`, not JSON text.
///
/// A `Struct` with content starts with the tag 0x0A of `fields`, which is a line feed in JSON. It
/// has the tag 0x12 of a map entry's value, which is a control character that JSON allows nowhere
/// (RFC 8259 §7). So the two cannot be confused.
pub(super) fn is_struct(bytes: &[u8]) -> bool {
    bytes.first() == Some(&FIELDS_TAG) && bytes.contains(&ENTRY_VALUE_TAG)
}

/// Decodes the `Struct`.
///
/// # Errors
///
/// The bytes are not a `Struct`, nest too deep (prost stops at 100 messages, some 30 objects), or
/// have values that JSON does not have: NaN, infinities, a `Value` of no kind.
pub(super) fn parse(bytes: &[u8]) -> Result<Value, ConfigError> {
    let here = Pointer::default();
    let document = Struct::decode(bytes).map_err(|_| here.fault(Fault::NotStruct))?;
    read_object(document, &here)
}

/// The JSON number for a double. Whole numbers up to 2^53 become integers. `None` for NaN and
/// infinities.
pub(super) fn number(double: f64) -> Option<Number> {
    if double.fract() == 0.0 && double.abs() <= MAX_EXACT {
        #[expect(clippy::cast_possible_truncation, reason = "whole and below 2^53")]
        return Some(Number::from(double as i64));
    }
    Number::from_f64(double)
}

fn read_object(object: Struct, here: &Pointer) -> Result<Value, ConfigError> {
    let mut fields = Map::new();
    for (name, value) in object.fields {
        let value = read_value(value, &here.key(&name))?;
        fields.insert(name, value);
    }
    Ok(Value::Object(fields))
}

fn read_value(value: ProtoValue, here: &Pointer) -> Result<Value, ConfigError> {
    let not_json = || here.fault(Fault::NotJsonValue { accepted: here.accepted() });
    match value.kind.ok_or_else(not_json)? {
        Kind::NullValue(_) => Ok(Value::Null),
        Kind::BoolValue(truth) => Ok(Value::Bool(truth)),
        Kind::NumberValue(double) => number(double).map(Value::Number).ok_or_else(not_json),
        Kind::StringValue(text) => Ok(Value::String(text)),
        Kind::StructValue(object) => read_object(object, here),
        Kind::ListValue(list) => {
            let items = list.values.into_iter().enumerate();
            items.map(|(index, item)| read_value(item, &here.index(index))).collect()
        }
    }
}

/// Field 1 of `Struct`, length-delimited.
const FIELDS_TAG: u8 = 0x0A;
/// Field 2 of a map entry, length-delimited.
const ENTRY_VALUE_TAG: u8 = 0x12;
/// 2^53. A double represents every whole number up to it.
const MAX_EXACT: f64 = 9_007_199_254_740_992.0;

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn entry(name: &str, kind: Kind) -> (String, ProtoValue) {
        (name.to_owned(), ProtoValue { kind: Some(kind) })
    }

    fn object(entries: impl IntoIterator<Item = (String, ProtoValue)>) -> Struct {
        Struct { fields: entries.into_iter().collect() }
    }

    fn rejection(document: &Struct) -> String {
        parse(&document.encode_to_vec()).unwrap_err().to_string()
    }

    #[test]
    fn every_kind_has_its_json_value() {
        let list = prost_types::ListValue {
            values: vec![ProtoValue { kind: Some(Kind::NumberValue(-1000.0)) }],
        };
        let document = object([
            entry("null", Kind::NullValue(0)),
            entry("bool", Kind::BoolValue(true)),
            entry("whole", Kind::NumberValue(1e3)),
            entry("half", Kind::NumberValue(0.5)),
            entry("text", Kind::StringValue("t".to_owned())),
            entry("list", Kind::ListValue(list)),
            entry("object", Kind::StructValue(object([entry("x", Kind::BoolValue(false))]))),
        ]);
        let bytes = document.encode_to_vec();
        assert!(is_struct(&bytes));
        let expected = json!({
            "null": null, "bool": true, "whole": 1000, "half": 0.5, "text": "t", "list": [-1000],
            "object": { "x": false },
        });
        assert_eq!(parse(&bytes).unwrap(), expected);
    }

    #[test]
    fn numbers_that_json_does_not_have_are_rejected_by_name() {
        for double in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            let text = rejection(&object([entry("max_image_bytes", Kind::NumberValue(double))]));
            assert!(text.starts_with("/max_image_bytes: a protobuf value that JSON"), "{text}");
        }
    }

    #[test]
    fn a_value_of_no_kind_is_rejected_by_name() {
        let text = rejection(&object([("models".to_owned(), ProtoValue { kind: None })]));
        assert!(text.starts_with("/models: a protobuf value that JSON does not have"), "{text}");
    }

    #[test]
    fn depth_is_bounded() {
        let deep =
            (0..200).fold(object([]), |inner, _| object([entry("x", Kind::StructValue(inner))]));
        assert!(rejection(&deep).contains("not a google.protobuf.Struct"));
    }

    #[test]
    fn json_that_starts_with_a_line_feed_is_not_a_struct() {
        assert!(!is_struct(b"\n{\n  \"upstreams\": {}\n}"));
        assert!(!is_struct(b""));
    }

    #[test]
    fn large_and_negative_zero_numbers_stay_numbers() {
        assert_eq!(number(-0.0), Some(Number::from(0)));
        assert_eq!(number(1e300).and_then(|n| n.as_f64()), Some(1e300));
        assert_eq!(number(MAX_EXACT).and_then(|n| n.as_i64()), Some(9_007_199_254_740_992));
    }
}

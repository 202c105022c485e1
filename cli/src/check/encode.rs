//! A tree as the bytes that the filter would get of it.

use prost::Message;
use prost_types::value::Kind as ProtoKind;
use prost_types::{ListValue, Struct, Value as ProtoValue};

use super::tree::{Kind, Node};

/// The bytes of the `google.protobuf.Struct` that Envoy makes of an object.
pub(crate) fn as_struct(node: &Node) -> Vec<u8> {
    match proto(node) {
        ProtoKind::StructValue(document) => document.encode_to_vec(),
        // Envoy makes no plugin configuration of it. As JSON, the filter reports its type.
        ProtoKind::ListValue(_) => b"[]".to_vec(),
        ProtoKind::BoolValue(_) | ProtoKind::NumberValue(_) => b"0".to_vec(),
        ProtoKind::StringValue(_) => b"\"\"".to_vec(),
        ProtoKind::NullValue(_) => Vec::new(),
    }
}

fn proto(node: &Node) -> ProtoKind {
    let value = |node: &Node| ProtoValue { kind: Some(proto(node)) };
    match &node.kind {
        Kind::Null => ProtoKind::NullValue(0),
        Kind::Bool(truth) => ProtoKind::BoolValue(*truth),
        Kind::Number(number) => ProtoKind::NumberValue(*number),
        Kind::Text(text) => ProtoKind::StringValue(text.value.clone()),
        Kind::List(items) => {
            ProtoKind::ListValue(ListValue { values: items.iter().map(value).collect() })
        }
        Kind::Object(fields) => ProtoKind::StructValue(Struct {
            fields: fields.iter().map(|field| (field.name.clone(), value(&field.value))).collect(),
        }),
    }
}

/// JSON text; a name that an object has twice is there twice.
pub(crate) fn as_json(node: &Node) -> Vec<u8> {
    let mut text = String::new();
    write(node, &mut text);
    text.into_bytes()
}

fn write(node: &Node, text: &mut String) {
    match &node.kind {
        Kind::Null => text.push_str("null"),
        Kind::Bool(truth) => text.push_str(if *truth { "true" } else { "false" }),
        Kind::Number(number) => text.push_str(&self::number(*number)),
        Kind::Text(it) => text.push_str(&quoted(&it.value)),
        Kind::List(items) => {
            text.push('[');
            for (index, item) in items.iter().enumerate() {
                text.push_str(if index == 0 { "" } else { "," });
                write(item, text);
            }
            text.push(']');
        }
        Kind::Object(fields) => {
            text.push('{');
            for (index, field) in fields.iter().enumerate() {
                text.push_str(if index == 0 { "" } else { "," });
                text.push_str(&quoted(&field.name));
                text.push(':');
                write(&field.value, text);
            }
            text.push('}');
        }
    }
}

/// A double prints a whole number without a fraction, and any number so that it is read as the
/// same.
fn number(number: f64) -> String {
    if number.is_finite() { format!("{number}") } else { "null".to_owned() }
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

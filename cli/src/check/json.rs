//! JSON text as a tree. Whether it is valid is serde_json's to say, as in the filter.

use jsonc_parser::ast::{ObjectPropName, Value};
use jsonc_parser::common::Ranged;
use jsonc_parser::{CollectOptions, ParseOptions, parse_to_ast};

use super::tree::{Field, Kind, Node, Text};

/// The tree of `text`. `None` if it is not JSON.
pub(crate) fn parse(text: &str) -> Option<Node> {
    // The parser here is recursive and lenient: depth and syntax are serde_json's to judge.
    serde_json::from_str::<serde::de::IgnoredAny>(text).ok()?;
    let parsed = parse_to_ast(text, &CollectOptions::default(), &ParseOptions::default()).ok()?;
    parsed.value.as_ref().map(|value| node(value, text))
}

fn node(value: &Value<'_>, source: &str) -> Node {
    let range = value.range();
    let span = range.start..range.end;
    let kind = match value {
        Value::NullKeyword(_) => Kind::Null,
        Value::BooleanLit(truth) => Kind::Bool(truth.value),
        Value::NumberLit(number) => Kind::Number(number.value.parse().unwrap_or(f64::NAN)),
        Value::StringLit(text) => Kind::Text(self::text(&text.value, range.start, source)),
        Value::Array(list) => {
            Kind::List(list.elements.iter().map(|item| node(item, source)).collect())
        }
        Value::Object(object) => {
            let fields = object.properties.iter().map(|property| {
                let range = property.name.range();
                let name = match &property.name {
                    ObjectPropName::String(text) => text.value.to_string(),
                    ObjectPropName::Word(word) => word.value.to_owned(),
                };
                Field { name, span: range.start..range.end, value: node(&property.value, source) }
            });
            Kind::Object(fields.collect())
        }
    };
    Node { span, kind }
}

/// Text without escapes is one line of the file.
fn text(value: &str, start: usize, source: &str) -> Text {
    let as_written = source.get(start + 1..start + 1 + value.len()) == Some(value);
    Text { value: value.to_owned(), lines: if as_written { vec![start + 1] } else { Vec::new() } }
}

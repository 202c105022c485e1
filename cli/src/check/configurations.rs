//! The plugin configurations of a file, for commands that work with one.

use std::path::Path;

use imagegate::config::Config;
use serde_json::{Map, Number, Value};

use super::find::{self, Found};
use super::finding::Finding;
use super::input::{self, InputError};
use super::tree::{Kind, Node};
use crate::exit::CommandError;

/// The plugin configurations of a file in any form that `check` reads.
///
/// # Errors
///
/// If the file cannot be read, or is not JSON or YAML.
pub(crate) fn configurations(path: &Path) -> Result<Vec<Value>, CommandError> {
    let (name, source) = input::read(path, input::MAX_FILE_BYTES)?;
    let invalid = |finding: Finding| InputError::Invalid { name, title: finding.title };
    Ok(of_source(&source, path).map_err(invalid)?)
}

/// Why the filter refuses a configuration in a text in any form that `check` reads. `None` if it
/// takes all of them, or if there is none.
pub(crate) fn refusal(source: &str, path: &Path) -> Option<String> {
    let configurations = of_source(source, path).unwrap_or_default();
    configurations.iter().find_map(|configuration| {
        let bytes = serde_json::to_vec(configuration).unwrap_or_default();
        // Only Envoy has the variables of credentials.
        Config::parse(&bytes, &|_| Some("assumed".to_owned())).err().map(|it| it.to_string())
    })
}

fn of_source(source: &str, path: &Path) -> Result<Vec<Value>, Finding> {
    let (documents, rest) = input::with_embedded(input::parse(source, path)?);
    if let Some(finding) = rest.repeated.into_iter().next() {
        return Err(finding);
    }
    let mut configurations = Vec::new();
    for document in &documents {
        match find::find(&document.tree) {
            Found::Bare => configurations.push(of_text(&document.tree)),
            Found::Plugins(plugins) => {
                let written = plugins.iter().filter_map(|plugin| plugin.configuration);
                configurations.extend(written.map(|it| of_text(it.get("value").unwrap_or(it))));
            }
            Found::Nothing => {}
        }
    }
    Ok(configurations)
}

/// Text is parsed if it is JSON. Any other node is taken as it is.
fn of_text(node: &Node) -> Value {
    let text = node.text().and_then(|text| serde_json::from_str(text).ok());
    text.unwrap_or_else(|| value(node))
}

/// The node as a value of JSON.
pub(super) fn value(node: &Node) -> Value {
    match &node.kind {
        Kind::Null => Value::Null,
        Kind::Bool(truth) => Value::Bool(*truth),
        Kind::Number(number) => self::number(*number),
        Kind::Text(text) => Value::String(text.value.clone()),
        Kind::List(items) => Value::Array(items.iter().map(value).collect()),
        Kind::Object(fields) => {
            let fields = fields.iter().map(|field| (field.name.clone(), value(&field.value)));
            Value::Object(fields.collect::<Map<_, _>>())
        }
    }
}

/// A whole number stays a whole number in JSON.
fn number(number: f64) -> Value {
    let whole = number.fract() == 0.0 && number.abs() < MAX_WHOLE;
    if whole {
        return Value::Number(Number::from(number as i64));
    }
    Number::from_f64(number).map_or(Value::Null, Value::Number)
}

/// Above this, two whole numbers may share one double.
const MAX_WHOLE: f64 = 9_007_199_254_740_992.0;

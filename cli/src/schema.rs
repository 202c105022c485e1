//! `schema`: the JSON Schema of the configuration, for editors and for validators in CI.
//!
//! The structure comes from the parser (`imagegate::config::schema`). The meaning and the default
//! of a field come from the manual. Tests compare the manual's tables with the code.

use serde_json::Value;

use crate::exit::CommandError;
use crate::output;

const MANUAL: &str = include_str!("../../docs/configuration.md");

/// Prints the schema.
///
/// # Errors
///
/// If the output is closed.
pub(crate) fn print() -> Result<(), CommandError> {
    output::print(&format!("{:#}\n", schema()))
}

fn schema() -> Value {
    let mut schema = imagegate::config::schema();
    explain(&mut schema, "");
    if let Some(object) = schema.as_object_mut() {
        object.insert("title".to_owned(), "imagegate's plugin configuration".into());
    }
    schema
}

/// Adds the manual's words to every field.
fn explain(schema: &mut Value, pointer: &str) {
    let Some(object) = schema.as_object_mut() else { return };
    if let Some(row) = Row::of(pointer) {
        let description = format!("{} Accepted: {}.", row.meaning, row.accepted);
        object.insert("description".to_owned(), description.into());
        if let Some(default) = row.default {
            object.insert("default".to_owned(), default);
        }
    }
    explain_parts(schema, pointer);
}

/// The same for the schema's parts, in each of its forms.
fn explain_parts(schema: &mut Value, pointer: &str) {
    let Some(object) = schema.as_object_mut() else { return };
    if let Some(Value::Object(properties)) = object.get_mut("properties") {
        for (name, property) in properties {
            explain(property, &format!("{pointer}/{name}"));
        }
    }
    for elements in ["additionalProperties", "items"] {
        if let Some(element) = object.get_mut(elements) {
            explain(element, &format!("{pointer}/*"));
        }
    }
    for forms in ["anyOf", "oneOf"] {
        for form in object.get_mut(forms).and_then(Value::as_array_mut).into_iter().flatten() {
            explain_parts(form, pointer);
        }
    }
}

/// A row of the manual: `| pointer | accepted | default | meaning |`.
struct Row {
    accepted: String,
    default: Option<Value>,
    meaning: String,
}

impl Row {
    fn of(pointer: &str) -> Option<Self> {
        let start = format!("| `{pointer}` | ");
        let row = MANUAL.lines().find_map(|line| line.strip_prefix(&start))?;
        // A bar inside a cell is escaped.
        let row = row.strip_suffix(" |")?.replace("\\|", "\u{0}");
        let mut cells = row.split(" | ").map(|cell| cell.trim().replace('\u{0}', "|"));
        let (accepted, default, meaning) = (cells.next()?, cells.next()?, cells.next()?);
        let default = default.strip_prefix('`').and_then(|it| it.strip_suffix('`'));
        let default = default.and_then(|default| serde_json::from_str(default).ok());
        Some(Self { accepted, default, meaning })
    }
}

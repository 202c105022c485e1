//! The JSON Schema of the document (draft 2020-12), generated from the types that read it and from
//! the table of what is accepted. So it always agrees with the parser.
//!
//! Left out of the filter: `schemars` is a dependency of native builds only. A schema describes the
//! form only. The parser checks the rules between fields.

use std::borrow::Cow;

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Map, Value};

use super::accepted;
use super::file::{CredentialFile, EnvironmentFile, File};
use super::model::{CandidateFile, CandidatesFile, RenamedFile};
use super::units::{Amount, Bytes, Date, Dollars, Instant, Period, Span};

/// The schema of the plugin configuration. The description of each field is what is accepted there.
#[must_use]
pub fn schema() -> Value {
    let settings =
        SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true);
    let mut schema = settings.into_generator().into_root_schema_for::<File>().to_value();
    describe(&mut schema, "");
    if let Some(object) = schema.as_object_mut() {
        let one_of_them = serde_json::json!([
            { "required": ["consumers"] },
            { "required": ["consumers_from"] }
        ]);
        object.insert("anyOf".to_owned(), one_of_them);
    }
    schema
}

/// Makes the schema of the values at `pointer`, in which `*` is any name or index, agree with the
/// parser.
fn describe(schema: &mut Value, pointer: &str) {
    let Some(object) = schema.as_object_mut() else { return };
    reject_null(object);
    list_words(object);
    object.insert("description".to_owned(), Value::from(accepted::at(pointer)));
    if let Some(Value::Object(properties)) = object.get_mut("properties") {
        for (name, property) in properties {
            describe(property, &format!("{pointer}/{name}"));
        }
    }
    for elements in ["additionalProperties", "items"] {
        if let Some(element) = object.get_mut(elements) {
            describe(element, &format!("{pointer}/*"));
        }
    }
    for forms in ["anyOf", "oneOf"] {
        if let Some(Value::Array(forms)) = object.get_mut(forms) {
            for form in forms {
                describe(form, pointer);
                // The place has one description, above.
                form.as_object_mut().map(|form| form.remove("description"));
            }
        }
    }
}

/// To schemars an `Option` may be `null`; to the parser it may be absent.
fn reject_null(object: &mut Map<String, Value>) {
    if let Some(Value::Array(types)) = object.get_mut("type") {
        types.retain(|it| it != "null");
        if let [only] = types.as_slice() {
            let only = only.clone();
            object.insert("type".to_owned(), only);
        }
    }
    if let Some(Value::Array(values)) = object.get_mut("enum") {
        values.retain(|value| !value.is_null());
    }
    if let Some(Value::Array(forms)) = object.get_mut("anyOf") {
        forms.retain(|form| form.get("type").is_none_or(|it| it != "null"));
        if let [Value::Object(only)] = forms.as_slice() {
            let only = only.clone();
            object.remove("anyOf");
            object.extend(only);
        }
    }
}

/// Joins words into one list. Schemars writes them one by one because their variants have comments.
/// With a list, a validator's error has the words.
fn list_words(object: &mut Map<String, Value>) {
    let Some(Value::Array(forms)) = object.get("oneOf") else { return };
    let words: Option<Vec<_>> = forms.iter().map(|form| form.get("const").cloned()).collect();
    if let Some(words) = words {
        object.remove("oneOf");
        object.insert("type".to_owned(), Value::from("string"));
        object.insert("enum".to_owned(), Value::from(words));
    }
}

/// Gives a type that has its own reader the schema next to it.
macro_rules! schema_of {
    ($($type:ident: $schema:tt)*) => {$(
        impl JsonSchema for $type {
            fn schema_name() -> Cow<'static, str> {
                stringify!($type).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!($schema)
            }
        }
    )*};
}

// A pattern here never rejects what the parser accepts. It catches the usual mistakes.
schema_of! {
    Bytes: { "type": ["integer", "string"], "minimum": 0, "pattern": "^[0-9]" }
    Span: { "type": "string", "pattern": "^[0-9]+ ?[a-zµ]" }
    Date: { "type": "string", "format": "date" }
    Instant: { "type": "string", "format": "date-time" }
    Dollars: { "type": "string", "pattern": "^[0-9]+(\\.[0-9]+)?$" }
    Amount: { "type": ["integer", "string"], "minimum": 0, "pattern": "^[0-9]+(\\.[0-9]+)?$" }
    Period: { "type": "string", "pattern": "^(day|week|month|[0-9]+ ?[a-zµ].*)$" }
}

impl JsonSchema for CredentialFile {
    fn schema_name() -> Cow<'static, str> {
        "Credential".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut variables = EnvironmentFile::json_schema(generator);
        let one_of_them = serde_json::json!([
            { "required": ["bearer_env"] },
            { "required": ["key_env"] }
        ]);
        variables.insert("oneOf".to_owned(), one_of_them);
        json_schema!({ "anyOf": [{ "const": "envoy" }, variables] })
    }
}

impl JsonSchema for CandidatesFile {
    fn schema_name() -> Cow<'static, str> {
        "Candidates".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let one = CandidateFile::json_schema(generator);
        json_schema!({ "anyOf": [
            { "type": "string" },
            { "type": "array", "items": one, "minItems": 1, "maxItems": 16, "uniqueItems": true }
        ] })
    }
}

impl JsonSchema for CandidateFile {
    fn schema_name() -> Cow<'static, str> {
        "Candidate".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let renamed = RenamedFile::json_schema(generator);
        json_schema!({ "anyOf": [{ "type": "string" }, renamed] })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every place of the schema, and its description.
    fn places(schema: &Value, pointer: &str, found: &mut Vec<(String, String)>) {
        if !pointer.is_empty() {
            let words = schema.get("description").and_then(Value::as_str).unwrap_or_default();
            found.push((pointer.to_owned(), words.to_owned()));
        }
        for (name, property) in
            schema.get("properties").and_then(Value::as_object).into_iter().flatten()
        {
            places(property, &format!("{pointer}/{name}"), found);
        }
        for elements in ["additionalProperties", "items"] {
            if let Some(element) = schema.get(elements).filter(|element| element.is_object()) {
                places(element, &format!("{pointer}/*"), found);
            }
        }
        for forms in ["anyOf", "oneOf"] {
            for form in schema.get(forms).and_then(Value::as_array).into_iter().flatten() {
                // The place of a form is that of the whole value.
                let mut inner = Vec::new();
                places(form, pointer, &mut inner);
                found.extend(inner.into_iter().filter(|(place, _)| place != pointer));
            }
        }
    }

    #[test]
    fn the_schema_has_every_place_that_the_parser_knows_and_no_other() {
        let mut found = Vec::new();
        places(&schema(), "", &mut found);
        found.sort();
        let mut known: Vec<_> =
            accepted::all().filter(|(pattern, _)| !pattern.is_empty()).collect();
        known.sort_unstable();
        let found: Vec<_> =
            found.iter().map(|(pointer, words)| (pointer.as_str(), words.as_str())).collect();
        assert_eq!(found, known);
    }

    #[test]
    fn null_is_accepted_nowhere() {
        assert!(!schema().to_string().contains("null"));
    }
}

//! `schema`: the committed file comes from the parser, and a validator agrees with the parser about
//! the form. `make schema` writes the file.

use std::fs;

use serde_json::Value;

use crate::{
    fixtures::{assert_expected, files},
    invalid::{Invalid, tables},
    program::{root, run},
};

const COMMITTED: &str = "docs/configuration.schema.json";

fn committed() -> String {
    fs::read_to_string(root().join(COMMITTED)).unwrap_or_default()
}

#[test]
fn the_committed_schema_is_current() {
    let outcome = run(&["schema"]);
    assert_eq!((outcome.code, outcome.err.as_str()), (Some(0), ""));
    assert_expected(&root().join(COMMITTED), &outcome.out);
}

#[test]
fn every_field_of_the_manual_is_in_it_with_its_meaning_and_default() {
    let manual = fs::read_to_string(root().join("docs/configuration.md")).unwrap();
    let rows: Vec<_> = manual.lines().filter(|line| line.starts_with("| `/")).collect();
    let schema: Value = serde_json::from_str(&committed()).unwrap();
    assert!(rows.len() > 60, "only {} rows", rows.len());
    for row in rows {
        let pointer = row.split('`').nth(1).unwrap();
        let field = find(&schema, pointer).unwrap_or_else(|| panic!("no {pointer}"));
        let description = field["description"].as_str().unwrap();
        let meaning =
            row.strip_suffix(" |").unwrap().rsplit(" | ").next().unwrap().replace("\\|", "|");
        assert!(description.starts_with(meaning.trim()), "{pointer}: {description}");
        let default = row.split(" | ").nth(2).unwrap().trim();
        if let Some(default) = default.strip_prefix('`').and_then(|it| it.strip_suffix('`')) {
            assert_eq!(
                field["default"],
                serde_json::from_str::<Value>(default).unwrap(),
                "{pointer}"
            );
        }
    }
}

/// The schema of the values at a pointer of the manual.
fn find<'s>(schema: &'s Value, pointer: &str) -> Option<&'s Value> {
    pointer.split('/').skip(1).try_fold(schema, |schema, name| {
        let forms =
            schema["anyOf"].as_array().into_iter().chain(schema["oneOf"].as_array()).flatten();
        let mut all = std::iter::once(schema).chain(forms);
        all.find_map(|form| match name {
            "*" => form.get("items").or_else(|| form.get("additionalProperties")),
            _ => form.get("properties")?.get(name),
        })
    })
}

#[test]
fn valid_configurations_validate() {
    let validator =
        jsonschema::validator_for(&serde_json::from_str(&committed()).unwrap()).unwrap();
    let files = files(&root().join("tests/fixtures/configs/valid"), |it| it.ends_with(".json"));
    assert!(files.len() >= 17, "only {} files", files.len());
    for file in files {
        let document = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
        let errors: Vec<_> =
            validator.iter_errors(&document).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{}: {errors:?}", file.display());
    }
}

#[test]
fn a_wrong_form_does_not_validate() {
    let validator =
        jsonschema::validator_for(&serde_json::from_str(&committed()).unwrap()).unwrap();
    let form = [
        "unknown field",
        "missing",
        "null",
        "a number",
        "a negative number",
        "a fractional number",
        "a string",
        "an array",
        "an object",
        "a boolean",
    ];
    // What these accept depends on another field, which is the parser's to say.
    let depends = [
        "/models: missing",
        "/key_sha256: missing",
        "/window: missing",
        "/max: a string",
        "/max: a number",
    ];
    let mut count = 0;
    let tables = tables(&root().join("tests/fixtures/configs"));
    for Invalid { name, text, error } in tables.into_values().flatten() {
        let Ok(document) = serde_json::from_str(&text) else { continue };
        let (place_and_fault, _) = error.split_once(", accepted: ").unwrap();
        let fault = place_and_fault.rsplit(": ").next().unwrap();
        if form.contains(&fault) && !depends.iter().any(|it| place_and_fault.ends_with(it)) {
            assert!(!validator.is_valid(&document), "{name}: {error}");
            count += 1;
        }
    }
    assert!(count > 50, "only {count}");
}

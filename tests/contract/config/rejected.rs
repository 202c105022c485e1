//! The documents that are rejected, each with its error.

use serde_json::Value;

use super::{TOKEN, configs, parse, struct_bytes};
use crate::{
    fixtures::{assert_expected, rewriting},
    invalid::{Invalid, tables},
};

#[test]
fn invalid_documents_are_rejected_with_the_error_on_record() {
    let mut wrong = vec![];
    let mut count = 0;
    for (file, cases) in tables(&configs()) {
        count += cases.len();
        let errors: Vec<_> = cases.iter().map(error).collect();
        if rewriting() {
            let text = std::fs::read_to_string(&file).unwrap();
            assert_expected(&file, &with_errors(&text, &errors));
            continue;
        }
        for (Invalid { name, error: expected, .. }, error) in cases.iter().zip(errors) {
            if error != *expected {
                wrong.push(format!("{name}\nexpected: {expected}\nactual:   {error}"));
            }
        }
    }
    assert!(count >= 340, "only {count} cases");
    assert!(wrong.is_empty(), "UPDATE_GOLDEN=1 rewrites these:\n{}", wrong.join("\n"));
}

fn error(Invalid { name, text, .. }: &Invalid) -> String {
    let error = match parse(text.as_bytes()) {
        Ok(_) => panic!("{name} is accepted: {text}"),
        Err(error) => error.to_string(),
    };
    assert_eq!(error.lines().count(), 1, "{name}: {error}");
    assert!(!error.contains("secret") && !error.contains(TOKEN), "{name}: {error}");
    assert!(error.contains(", accepted: "), "{name}: {error}");
    error
}

/// A table with these errors in place of its own, and otherwise unchanged.
fn with_errors(table: &str, errors: &[String]) -> String {
    let mut errors = errors.iter();
    let mut written = String::new();
    for line in table.split_inclusive('\n') {
        match line.starts_with("  error: ") {
            true => {
                let error = errors.next().unwrap().replace('\'', "''");
                written.push_str(&format!("  error: '{error}'\n"));
            }
            false => written.push_str(line),
        }
    }
    assert_eq!(errors.next(), None, "each case has a line `  error: `");
    written
}

#[test]
fn a_struct_is_rejected_with_the_same_error() {
    let mut compared = 0;
    for Invalid { name, text, .. } in tables(&configs()).into_values().flatten() {
        let error = parse(text.as_bytes()).unwrap_err().to_string();
        // Text that is no JSON object, or has a name twice, cannot be a Struct.
        let Ok(document @ Value::Object(_)) = serde_json::from_str(&text) else { continue };
        if error.contains("a second field of this name") {
            continue;
        }
        compared += 1;
        assert_eq!(parse(&struct_bytes(&document)).unwrap_err().to_string(), error, "{name}");
    }
    assert!(compared >= 329, "only {compared} cases");
}

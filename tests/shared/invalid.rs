//! The configurations that are rejected: tables of cases in `fixtures/configs/invalid`.
//!
//! `base` is the document of `fixtures/configs/valid` that the cases of a file change, and `given`
//! what each of them changes, as a JSON merge patch (RFC 7396). The `patch` of a case is a merge
//! patch as well, or a JSON patch (RFC 6902) if it is an array: only that can write `null`, or
//! reach into an array. A case that is no JSON object, or has a name twice, is written as `text`.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use serde::Deserialize;
use serde_json::Value;

use crate::fixtures::files;

/// A configuration that is rejected.
pub(crate) struct Invalid {
    pub(crate) name: String,
    pub(crate) text: String,
    /// The error on record.
    pub(crate) error: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    base: String,
    given: Option<Value>,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    case: String,
    patch: Option<Value>,
    text: Option<String>,
    error: String,
}

/// The files of `tests/fixtures/configs`, each with its cases in the order of the file.
pub(crate) fn tables(configs: &Path) -> BTreeMap<PathBuf, Vec<Invalid>> {
    let files = files(&configs.join("invalid"), |name| name.ends_with(".yaml"));
    let tables: BTreeMap<_, _> = files
        .into_iter()
        .map(|file| {
            let cases = cases(configs, &file);
            (file, cases)
        })
        .collect();
    let mut names: Vec<_> = tables.values().flatten().map(|it| &it.name).collect();
    names.sort();
    assert!(names.is_sorted_by(|one, next| one < next), "a name twice in {names:?}");
    tables
}

fn cases(configs: &Path, file: &Path) -> Vec<Invalid> {
    let table: Table = serde_yaml_ng::from_slice(&fs::read(file).unwrap())
        .unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let base = configs.join("valid").join(&table.base).with_extension("json");
    let mut base: Value = serde_json::from_slice(&fs::read(base).unwrap()).unwrap();
    if let Some(given) = &table.given {
        json_patch::merge(&mut base, given);
    }
    let invalid = |Case { case: name, patch, text, error }| {
        let text = match (patch, text) {
            (Some(patch), None) => patched(&name, base.clone(), &patch).to_string(),
            (None, Some(text)) => text,
            _ => panic!("{name}: either `patch` or `text`"),
        };
        Invalid { name, text, error }
    };
    table.cases.into_iter().map(invalid).collect()
}

fn patched(case: &str, mut document: Value, patch: &Value) -> Value {
    if patch.is_array() {
        let patch: json_patch::Patch =
            serde_json::from_value(patch.clone()).unwrap_or_else(|error| panic!("{case}: {error}"));
        json_patch::patch(&mut document, &patch).unwrap_or_else(|error| panic!("{case}: {error}"));
    } else {
        json_patch::merge(&mut document, patch);
    }
    document
}

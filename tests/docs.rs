//! `docs/api.md` says what the code does: the same fields, the same rows of the error table.
//!
//! `UPDATE_GOLDEN=1 cargo test --test docs` rewrites the error table from the code.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::{env, fs};

use imagegate::openai::{
    error::table::{Class, Param, RetryRule, Row},
    request::{EDIT_FIELDS, FIELDS, FORM_FIELDS},
};

const API: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/api.md");
const BEGIN: &str = "<!-- errors: begin -->\n";
const END: &str = "<!-- errors: end -->\n";

#[test]
fn the_documented_errors_are_those_of_the_code() {
    let page = fs::read_to_string(API).unwrap();
    let (before, rest) = page.split_once(BEGIN).unwrap();
    let (documented, after) = rest.split_once(END).unwrap();
    let table = table();
    if env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(API, [before, BEGIN, &table, END, after].concat()).unwrap();
        return;
    }
    assert_eq!(documented, table, "see UPDATE_GOLDEN in this file's head");
}

#[test]
fn every_field_is_documented() {
    let page = fs::read_to_string(API).unwrap();
    for field in FIELDS.iter().chain(EDIT_FIELDS).chain(FORM_FIELDS).chain(&["image", "image[]"]) {
        assert!(page.contains(&format!("\n| `{field}` |")), "{field}");
    }
}

fn table() -> String {
    let mut table = String::from(
        "| Status | `type` | `code` | `param` | `message` | Retry headers | When |\n\
         |---|---|---|---|---|---|---|\n",
    );
    for row in Class::ALL.iter().map(|class| class.row()) {
        table.push_str(&line(&row));
    }
    table
}

fn line(row: &Row) -> String {
    let codes: Vec<_> = row.codes.iter().map(|code| format!("`{code}`")).collect();
    let param = match row.param {
        Param::Null => "`null`".to_owned(),
        Param::Fixed(name) => format!("`{name}`"),
        Param::Named => "the field".to_owned(),
    };
    let retry = match row.retry {
        RetryRule::ByStatus => "",
        RetryRule::After => "`retry-after`, `retry-after-ms`; over 60 s `x-should-retry: false`",
        RetryRule::Never => "`x-should-retry: false`",
    };
    format!(
        "| {} | `{}` | {} | {param} | {} | {retry} | {} |\n",
        row.status,
        row.kind.as_str(),
        codes.join(", "),
        escaped(row.message),
        escaped(row.when.trim()),
    )
}

/// `<key>` would be an HTML tag, and a bar the end of a cell.
fn escaped(text: &str) -> String {
    text.replace('<', "&lt;").replace('|', "\\|")
}

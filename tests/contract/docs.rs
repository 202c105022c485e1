//! `docs/api.md` and `docs/operations.md` say what the code does: the same fields, errors and
//! metrics. The README and the comparison name tests that exist.
//!
//! `UPDATE_GOLDEN=1 cargo test --test contract -- docs::` rewrites the tables of errors and metrics
//! from the code.

use std::{fs, path::Path};

use imagegate::exchange::metrics::{Kind, METRICS, Metric};
use imagegate::openai::{
    error::table::{Class, Param, RetryRule, Row},
    request::{EDIT_FIELDS, FIELDS, FORM_FIELDS},
};

use crate::fixtures::assert_expected;

const API: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/api.md");
const OPERATIONS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/operations.md");
const README: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/README.md");
const COMPARISON: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/comparison.md");
const RECORD: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/exchange/account/record.rs");

/// Asserts that the part of a page between the marks of this name is `table`, or rewrites it.
#[track_caller]
fn assert_documented(path: &str, name: &str, table: &str) {
    let page = fs::read_to_string(path).unwrap();
    let mark = |side| format!("<!-- {name}: {side} -->\n");
    let (begin, end) = (mark("begin"), mark("end"));
    let (before, rest) = page.split_once(&begin).unwrap();
    let (_, after) = rest.split_once(&end).unwrap();
    assert_expected(Path::new(path), &[before, &begin, table, &end, after].concat());
}

#[test]
fn the_documented_errors_are_those_of_the_code() {
    assert_documented(API, "errors", &table());
}

#[test]
fn the_documented_metrics_are_those_of_the_code() {
    let mut table =
        String::from("| Metric | Type | Labels | Unit | Meaning |\n|---|---|---|---|---|\n");
    for Metric { name, kind, labels, unit, meaning } in METRICS {
        let kind = match kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        };
        let labels: Vec<_> = labels.iter().map(|label| format!("`{label}`")).collect();
        let (labels, meaning) = (labels.join(", "), meaning.trim());
        table.push_str(&format!("| `{name}` | {kind} | {labels} | {unit} | {meaning} |\n"));
    }
    assert_documented(OPERATIONS, "metrics", &table);
}

#[test]
fn the_documented_fields_of_the_usage_record_are_those_of_the_code() {
    let source = fs::read_to_string(RECORD).unwrap();
    let (_, fields) = source.split_once("pub struct Record {\n").unwrap();
    let (fields, _) = fields.split_once("\n}").unwrap();
    let mut code: Vec<_> = fields
        .split("pub(crate) ")
        .zip(fields.split("pub(crate) ").skip(1))
        .filter(|(before, _)| !before.contains("serde(skip)"))
        .map(|(_, field)| field.split_once(':').unwrap().0)
        .collect();
    let page = fs::read_to_string(OPERATIONS).unwrap();
    let (_, rows) = page.split_once("| Field | Meaning |\n|---|---|\n").unwrap();
    let rows = rows.lines().take_while(|line| line.starts_with("| `"));
    let names = rows.flat_map(|row| row.split(" | ").next().unwrap().split('`').skip(1).step_by(2));
    let mut documented: Vec<_> = names.collect();
    code.sort_unstable();
    documented.sort_unstable();
    assert!(code.len() > 20, "{code:?}");
    assert_eq!(documented, code);
}

#[test]
fn the_examples_have_the_lines_that_make_labels() {
    let page = fs::read_to_string(OPERATIONS).unwrap();
    let from = page.find("stats_config:\n").unwrap();
    let lines = page[from..].lines().take_while(|line| !line.starts_with("```"));
    let lines: Vec<_> = lines.filter(|line| !line.trim().is_empty()).collect();
    for file in fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/envoy")).unwrap() {
        let path = file.unwrap().path();
        if path.extension().is_none_or(|it| it != "yaml") {
            continue;
        }
        let yaml = fs::read_to_string(&path).unwrap();
        if !yaml.starts_with("admin:\n") && !yaml.contains("\nadmin:\n") {
            // No bootstrap.
            continue;
        }
        for line in &lines {
            assert!(yaml.lines().any(|it| it == *line), "{} lacks {line}", path.display());
        }
    }
    for label in METRICS.iter().flat_map(|metric| metric.labels) {
        let tag = format!("tag_name: {label},");
        assert!(lines.iter().any(|line| line.contains(&tag)), "no tag for {label}");
    }
}

#[test]
fn every_field_is_documented() {
    let page = fs::read_to_string(API).unwrap();
    for field in FIELDS.iter().chain(EDIT_FIELDS).chain(FORM_FIELDS).chain(&["image", "image[]"]) {
        assert!(page.contains(&format!("\n| `{field}` |")), "{field}");
    }
}

/// A row of the tables of features: what imagegate does, and what each of the others does.
fn features(page: &str) -> Vec<(&str, &str, Vec<&str>)> {
    let (_, rest) = page.split_once("<!-- features: begin -->\n").unwrap();
    let (tables, _) = rest.split_once("<!-- features: end -->\n").unwrap();
    let rows = tables.lines().filter(|line| !line.is_empty() && !line.starts_with("|---"));
    let rows = rows.map(|row| row.trim_matches('|').split('|').map(str::trim));
    let rows =
        rows.map(|mut cells| (cells.next().unwrap(), cells.next().unwrap(), cells.collect()));
    rows.filter(|(_, ours, _)| *ours != "imagegate").collect()
}

/// Asserts that a cell links the file of a test, from a page in `folder`, with the test's name.
#[track_caller]
fn assert_links_a_test(feature: &str, cell: &str, folder: &str) {
    let (_, link) = cell.split_once("](").unwrap_or_else(|| panic!("{feature}: no link"));
    let (file, title) = link.split_once(" \"").unwrap_or_else(|| panic!("{feature}: no name"));
    let name = title.strip_suffix("\")").unwrap_or_else(|| panic!("{feature}: {title}"));
    let path = format!("{}/{folder}/{file}", env!("CARGO_MANIFEST_DIR"));
    let source = fs::read_to_string(&path).unwrap_or_else(|_| panic!("{feature}: no {file}"));
    // Between `#[test]` and the function are only attributes and indentation.
    let tests: Vec<_> = source.split("#[test]\n").skip(1).collect();
    let declared = format!("fn {name}(");
    let found = tests.iter().any(|test| {
        let mut lines = test.lines().map(str::trim).filter(|line| !line.starts_with("#["));
        lines.next().is_some_and(|line| line.starts_with(&declared))
    });
    assert!(found, "{feature}: no test {name} in {file}");
}

#[test]
fn each_feature_of_the_comparison_names_a_test_that_exists() {
    let page = fs::read_to_string(COMPARISON).unwrap();
    let rows = features(&page);
    assert!(rows.len() > 40, "only {} rows", rows.len());
    for (feature, ours, _) in rows.iter().filter(|(_, ours, _)| *ours != "no") {
        assert_links_a_test(feature, ours, "docs");
    }
}

#[test]
fn each_feature_of_the_readme_names_a_test_that_exists() {
    let page = fs::read_to_string(README).unwrap();
    let rows: Vec<_> = page
        .lines()
        .filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |")?.split_once(" | [test]"))
        .collect();
    assert!(rows.len() >= 10, "only {} rows", rows.len());
    for (feature, link) in rows {
        assert_links_a_test(feature, &format!("[test]{link}"), ".");
    }
}

/// People read it, so it is short.
#[test]
fn the_readme_is_one_screen_or_two() {
    let page = fs::read_to_string(README).unwrap();
    assert!(page.len() <= 10_240, "{} bytes; move the rest to docs/", page.len());
}

#[test]
fn the_clients_that_the_readme_counts_are_those_that_are_run() {
    let read =
        |path: &str| fs::read_to_string(format!("{}/{path}", env!("CARGO_MANIFEST_DIR"))).unwrap();
    let table = read("tests/clients/README.md");
    let head = table.lines().find(|line| line.starts_with("| Case |")).unwrap();
    let columns: Vec<_> = head.trim_matches('|').split('|').map(str::trim).skip(1).collect();
    let tests = read("tests/e2e/clients.rs");
    for column in &columns {
        let run = format!(".holds(\"{column}\")");
        assert_eq!(tests.matches(&run).count(), 1, "{column} is run by one test");
    }
    assert_eq!(tests.matches(".holds(\"").count(), columns.len());
    assert!(read("README.md").contains("ten published clients are tested"));
    let comparison = read("docs/comparison.md");
    let (_, ours, _) = *features(&comparison).iter().find(|it| it.0.contains("clients")).unwrap();
    assert_eq!((columns.len(), ours.starts_with("[ten]")), (10, true), "{ours}");
}

#[test]
fn what_the_comparison_says_of_others_has_a_source() {
    let page = fs::read_to_string(COMPARISON).unwrap();
    for (feature, _, theirs) in features(&page) {
        assert_eq!(theirs.len(), 5, "{feature}");
        for cell in theirs.into_iter().filter(|cell| *cell != "?") {
            let (word, note) = cell.split_once("[^").unwrap_or_else(|| panic!("{feature}: {cell}"));
            assert!(
                ["yes", "no", "partly", "by the provider"].contains(&word),
                "{feature}: {cell}"
            );
            assert!(page.contains(&format!("\n[^{note}: ")), "{feature}: {cell}");
        }
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

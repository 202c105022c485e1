//! `docs/openapi.yaml` says what the code does: the same fields, the same errors by status, the
//! same headers.
//!
//! `tests/e2e/openapi.rs` shows that the running gateway follows it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use imagegate::openai::endpoint::Endpoint;
use imagegate::openai::error::table::{Class, RetryRule, Row};
use imagegate::openai::model::Quality;
use imagegate::openai::request::{
    Background, Complexity, EDIT_FIELDS, Effort, FIELDS, FORM_FIELDS, InputFidelity, Limits,
    Moderation, OutputFormat, ResponseFormat,
};
use serde_json::{Value, json};

fn description() -> Value {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/openapi.yaml");
    serde_yaml_ng::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

fn schema(name: &str) -> Value {
    description()["components"]["schemas"][name].clone()
}

/// The keys of an object.
fn keys(object: &Value) -> BTreeSet<String> {
    object
        .as_object()
        .unwrap_or_else(|| panic!("an object, not {object}"))
        .keys()
        .cloned()
        .collect()
}

/// The strings of an array.
fn words(array: &Value) -> BTreeSet<String> {
    let elements = array.as_array().unwrap_or_else(|| panic!("an array, not {array}"));
    elements.iter().filter_map(Value::as_str).map(str::to_owned).collect()
}

fn set<'a>(words: impl IntoIterator<Item = &'a &'a str>) -> BTreeSet<String> {
    words.into_iter().map(|word| (*word).to_owned()).collect()
}

#[test]
fn the_endpoints_are_those_of_the_code() {
    let description = description();
    assert_eq!(description["info"]["version"], env!("CARGO_PKG_VERSION"));
    let paths = &description["paths"];
    assert_eq!(keys(paths), Endpoint::ALL.iter().map(|it| it.path().to_owned()).collect());
    for endpoint in Endpoint::ALL {
        let methods = keys(&paths[endpoint.path()]);
        assert_eq!(
            methods,
            BTreeSet::from([endpoint.method().to_ascii_lowercase()]),
            "{}",
            endpoint.path()
        );
    }
}

#[test]
fn the_fields_are_those_of_the_code() {
    assert_eq!(keys(&schema("Generation")["properties"]), set(FIELDS));
    assert_eq!(keys(&schema("Edit")["properties"]), set(EDIT_FIELDS));
    let files = ["image", "image[]", "mask", "markup"];
    // The description leaves out what no form may have.
    let rejected = ["style"];
    let form: BTreeSet<_> = set(FORM_FIELDS).union(&set(&files)).cloned().collect();
    let form = form.difference(&set(&rejected)).cloned().collect();
    assert_eq!(keys(&schema("EditForm")["properties"]), form);
}

#[test]
fn the_limits_are_those_of_the_code() {
    let limits = Limits::default();
    assert_eq!(schema("Prompt")["maxLength"], json!(limits.max_prompt_chars));
    assert_eq!(schema("N")["maximum"], json!(limits.max_n));
    assert_eq!(
        schema("Generation")["properties"]["images"]["maxItems"],
        json!(limits.max_reference_images)
    );
    assert_eq!(schema("Edit")["properties"]["images"]["maxItems"], json!(limits.max_edit_images));
    let form = &schema("EditForm")["properties"];
    assert_eq!(form["image[]"]["maxItems"], json!(limits.max_edit_images));
    assert_eq!(form["prompt"]["maxLength"], json!(limits.max_prompt_chars));
    assert_eq!(form["n"]["maximum"], json!(limits.max_n));
}

#[test]
fn the_choices_are_those_of_the_code() {
    let form = schema("EditForm");
    let hold = |name: &str, field: &str, choices: BTreeSet<String>| {
        assert_eq!(words(&schema(name)["enum"]), choices, "{name}");
        assert_eq!(words(&form["properties"][field]["enum"]), choices, "{field} of a form");
    };
    hold("Quality", "quality", set(Quality::WORDS));
    hold("Background", "background", set(Background::WORDS));
    hold("Moderation", "moderation", set(Moderation::WORDS));
    hold("OutputFormat", "output_format", set(OutputFormat::WORDS));
    hold("Complexity", "complexity", set(Complexity::WORDS));
    hold("ResponseFormat", "response_format", set(ResponseFormat::WORDS));
    hold("InputFidelity", "input_fidelity", set(InputFidelity::WORDS));
    let effort = &schema("Svg")["properties"]["reasoning"]["properties"]["effort"]["enum"];
    assert_eq!(words(effort), set(Effort::WORDS));
    assert_eq!(words(&form["properties"]["svg[reasoning][effort]"]["enum"]), set(Effort::WORDS));
}

/// What the rows of one status have in common.
#[derive(Default)]
struct OfStatus {
    kinds: BTreeSet<String>,
    codes: BTreeSet<String>,
    retry: BTreeSet<&'static str>,
}

#[test]
fn the_errors_are_those_of_the_code() {
    let mut statuses: BTreeMap<u16, OfStatus> = BTreeMap::new();
    for Row { status, kind, codes, retry, .. } in Class::ALL.iter().map(|class| class.row()) {
        let of_status = statuses.entry(status).or_default();
        of_status.kinds.insert(kind.as_str().to_owned());
        of_status.codes.extend(set(codes));
        of_status.retry.extend(match retry {
            RetryRule::ByStatus => &[][..],
            RetryRule::After => &["retry-after", "retry-after-ms", "x-should-retry"],
            RetryRule::Never => &["x-should-retry"],
        });
    }
    let description = description();
    let components = &description["components"];
    let described = keys(&components["responses"]);
    let names = statuses.keys().map(|status| format!("E{status}")).chain(["Images".to_owned()]);
    assert_eq!(described, names.collect());
    for (status, expected) in &statuses {
        let name = format!("E{status}");
        let error = &components["schemas"][&name]["properties"]["error"]["properties"];
        assert_eq!(words(&error["type"]["enum"]), expected.kinds, "type, {status}");
        assert_eq!(words(&error["code"]["enum"]), expected.codes, "code, {status}");
        let headers = keys(&components["responses"][&name]["headers"]);
        let retry = ["retry-after", "retry-after-ms", "x-should-retry"];
        for header in retry {
            assert_eq!(
                headers.contains(header),
                expected.retry.contains(header),
                "{header}, {status}"
            );
        }
    }
}

#[test]
fn every_status_is_described_for_each_endpoint_that_generates() {
    let description = description();
    let statuses: BTreeSet<_> =
        Class::ALL.iter().map(|class| class.row().status.to_string()).collect();
    for path in ["/v1/images/generations", "/v1/images/edits"] {
        let mut described = keys(&description["paths"][path]["post"]["responses"]);
        assert!(described.remove("200"));
        assert_eq!(described, statuses, "{path}");
    }
}

//! The configuration as an operator writes it: whole documents, in both forms.

mod limits;
mod manual;
mod prices;
mod properties;
mod rejected;

use std::fs;
use std::path::{Path, PathBuf};

use imagegate::config::{Candidate, Config, ConfigError, Upstream};
use prost::Message;
use prost_types::value::Kind;
use prost_types::{ListValue, Struct};
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use crate::fixtures::files;

/// The value of every environment variable. No error and no `Debug` may show it.
const TOKEN: &str = "s3cr3t-t0ken";

fn environment(variable: &str) -> Option<String> {
    match variable {
        "CODEX_ACCESS_TOKEN" | "CODEX_ACCOUNT_ID" => Some(TOKEN.to_owned()),
        "SET_EMPTY" => Some(String::new()),
        "SET_WITH_LINE_END" => Some(format!("{TOKEN}\n")),
        "SET_NOT_ASCII" => Some(format!("{TOKEN}é")),
        _ => None,
    }
}

fn parse(bytes: &[u8]) -> Result<Config, ConfigError> {
    Config::parse(bytes, &environment)
}

fn configs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/configs")
}

fn full() -> Value {
    valid("full.json")
}

fn minimal() -> Value {
    valid("minimal.json")
}

fn valid(name: &str) -> Value {
    serde_json::from_slice(&fs::read(configs().join("valid").join(name)).unwrap()).unwrap()
}

/// The document as Envoy passes a `google.protobuf.Struct`.
fn struct_bytes(document: &Value) -> Vec<u8> {
    match kind(document) {
        Kind::StructValue(document) => document.encode_to_vec(),
        _ => panic!("a Struct is an object"),
    }
}

fn kind(value: &Value) -> Kind {
    let wrap = |value: &Value| prost_types::Value { kind: Some(kind(value)) };
    match value {
        Value::Null => Kind::NullValue(0),
        Value::Bool(truth) => Kind::BoolValue(*truth),
        Value::Number(number) => Kind::NumberValue(number.as_f64().unwrap()),
        Value::String(text) => Kind::StringValue(text.clone()),
        Value::Array(items) => {
            Kind::ListValue(ListValue { values: items.iter().map(wrap).collect() })
        }
        Value::Object(fields) => Kind::StructValue(Struct {
            fields: fields.iter().map(|(name, value)| (name.clone(), wrap(value))).collect(),
        }),
    }
}

/// Everything that can be seen of a configuration.
fn describe(config: &Config) -> String {
    let names = [None, Some("gpt-image-1"), Some("openai:x"), Some("draw"), Some("other")];
    format!(
        "{:?}\n{}{}{:#?}\n{:?} {:?} {:?}\n{:?} {} {:?} {:?} {:?} {:?} {:?} {} {} {} {} {} {}\n\
         {:?}\n{:?}\n{:?}\n{:?} {:?}",
        config.counts(),
        config.upstreams().map(describe_upstream).collect::<String>(),
        names.into_iter().map(|it| describe_model(config, it)).collect::<String>(),
        config.consumers(),
        config.user("acme"),
        config.user("mallory@example.com"),
        config.user("nobody"),
        config.unknown_users(),
        config.max_image_bytes(),
        (config.max_buffered_bytes(), config.max_open_exchanges()),
        config.keepalive(),
        (config.response_headers_to_keep(), config.loopback()),
        (config.accept_last_partial(), config.on_abandon()),
        config.default_response_format(),
        config.request().max_body_bytes,
        config.request().max_prompt_chars,
        config.request().max_n,
        config.request().max_reference_images,
        config.request().max_edit_images,
        config.request().max_reference_image_bytes,
        config.prices(),
        config.limits(),
        (config.service(), config.consumers_from()),
        config.identity(),
        ["web", "ops", "nobody"]
            .map(|it| config.consumer_known_as(it).map(|it| it.name().to_owned())),
    )
}

fn describe_upstream(upstream: &Upstream) -> String {
    format!(
        "{} {:?} {} {} {:?} {} {} {} {} {} {:?} {:?} {:?} {:?} {:?} {:?} {:?} {:?}\n",
        upstream.name(),
        upstream.api(),
        upstream.names_format(),
        upstream.sends_safety_identifier(),
        upstream.edits(),
        upstream.streams(),
        upstream.cluster(),
        upstream.authority(),
        upstream.path(),
        upstream.host_models().names().join(","),
        upstream.tool_choice(),
        upstream.charge_by(),
        upstream.delivery(),
        upstream.credential().map(|(name, secret)| (name, secret.expose_secret())),
        upstream.account_id(),
        upstream.headers(),
        upstream.timeout(),
        upstream.max_rest(),
    )
}

fn describe_model(config: &Config, name: Option<&str>) -> String {
    match config.resolve_model(name) {
        Some(model) => {
            let at = |it: &Candidate<'_>| {
                format!("{} at {} by {}", it.sent, it.upstream.name(), it.weight)
            };
            let candidates: Vec<_> = model.candidates.iter().map(at).collect();
            let balance = model.balance;
            format!("{} -> {} {balance:?}\n", model.requested, candidates.join(", then "))
        }
        None => "none\n".to_owned(),
    }
}

#[test]
fn valid_documents_are_accepted_and_mean_the_same_in_both_forms() {
    let cases = files(&configs().join("valid"), |name| name.ends_with(".json"));
    assert!(cases.len() >= 17, "only {} cases", cases.len());
    for path in cases {
        let text = fs::read(&path).unwrap();
        let from_json = parse(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let bytes = struct_bytes(&serde_json::from_slice(&text).unwrap());
        let from_struct =
            parse(&bytes).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert_eq!(describe(&from_json), describe(&from_struct), "{}", path.display());
    }
}

/// Pointers to every value of `document`, itself first.
fn pointers(document: &Value) -> Vec<String> {
    let mut found = vec![String::new()];
    let inner: Vec<(String, &Value)> = match document {
        Value::Object(fields) => fields
            .iter()
            .map(|(name, value)| (name.replace('~', "~0").replace('/', "~1"), value))
            .collect(),
        Value::Array(items) => {
            items.iter().enumerate().map(|(at, item)| (at.to_string(), item)).collect()
        }
        _ => vec![],
    };
    for (name, value) in inner {
        found.extend(pointers(value).into_iter().map(|rest| format!("/{name}{rest}")));
    }
    found
}

#[test]
fn an_unknown_field_is_named_in_every_object() {
    let document = full();
    let mut objects = 0;
    for pointer in pointers(&document) {
        // The operator chooses the names in these.
        if pointer == "/upstreams" || pointer.ends_with("/headers") {
            continue;
        }
        let mut changed = document.clone();
        let Some(Value::Object(fields)) = changed.pointer_mut(&pointer) else { continue };
        fields.insert("unheard/of".to_owned(), json!(1));
        objects += 1;
        let error = parse(changed.to_string().as_bytes()).unwrap_err();
        assert_eq!(error.pointer, format!("{pointer}/unheard~1of"));
        assert!(error.fault.to_string().starts_with("unknown field, accepted: "), "{error}");
    }
    assert!(objects >= 23, "only {objects} objects");
}

#[test]
fn a_value_of_another_type_is_rejected_in_its_place_and_never_repeated() {
    let document = full();
    for pointer in pointers(&document) {
        for value in [
            json!(null),
            json!(true),
            json!(-7_654_321),
            json!(0.5),
            json!(TOKEN),
            json!([TOKEN]),
            json!({ "k": TOKEN }),
        ] {
            let mut changed = document.clone();
            *changed.pointer_mut(&pointer).unwrap() = value;
            let Err(error) = parse(changed.to_string().as_bytes()) else { continue };
            let text = error.to_string();
            assert!(!text.contains(TOKEN) && !text.contains("7654321"), "{text}");
            assert!(text.contains(", accepted: "), "{text}");
            assert!(
                !text.contains("what docs/configuration.md says") || text.contains("/k: "),
                "{text}"
            );
            // A change of a name or a pattern may show in a field that refers to it: rules refer
            // to consumers, to users, and to the unit in their maximum and window.
            let nearby = error.pointer.starts_with(&pointer)
                || pointer.starts_with("/models")
                || error.pointer.starts_with("/limits")
                || pointer.starts_with("/max");
            assert!(nearby, "changed {pointer}: {text}");
        }
    }
}

#[test]
fn the_configuration_shows_counts_only() {
    let config = parse(full().to_string().as_bytes()).unwrap();
    assert_eq!(
        format!("{config:?}"),
        "Config(Counts { upstreams: 2, models: 3, consumers: 3, users: 3, limits: 7, prices: 3 })"
    );
    let shown = format!("{:?} {:?}", config.upstreams().collect::<Vec<_>>(), config.consumers());
    assert!(!shown.contains(TOKEN), "{shown}");
}

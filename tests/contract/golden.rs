//! Whole translations, byte for byte: what a client sends becomes what the upstream is sent, and
//! what the upstream answers instead of an image becomes what the client is told.
//!
//! A fixture `<case>.json` stands beside its expectation. `UPDATE_GOLDEN=1 cargo test --test contract -- golden::`
//! rewrites the expectations; the difference is then reviewed like code.

use std::{
    env, fs,
    path::{Path, PathBuf},
    time::Duration,
};

use imagegate::{
    codex::{error::ErrorInfo, request::ToolChoice},
    config::Api,
    multipart::Boundary,
    openai::{
        error::ApiError,
        request::{Encoding, ImageRequest, Limits, RequestError},
    },
    translate::{
        error::{from_event, from_http},
        request::{Target, max_len, translate},
    },
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, value::RawValue};

#[test]
fn requests_reach_the_upstream_as_expected() {
    for case in cases("requests/generations", ".codex.json") {
        let body = fs::read(&case).unwrap();
        let request = ImageRequest::parse(&body, &Limits::default());
        assert_translation(&case, request);
    }
}

/// `<case>.json` is an edit in JSON, `<case>.form` one in `multipart/form-data`, whose boundary is
/// that of its closing delimiter.
#[test]
fn edits_reach_the_upstream_as_expected() {
    for case in cases("requests/edits", ".codex.json") {
        let body = fs::read(&case).unwrap();
        let encoding = match case.extension().is_some_and(|it| it == "form") {
            true => Encoding::Form(boundary(&body)),
            false => Encoding::Json,
        };
        assert_translation(&case, ImageRequest::parse_edit(&body, &encoding, &Limits::default()));
    }
}

fn boundary(body: &[u8]) -> Boundary {
    let text = String::from_utf8_lossy(body);
    let line = text.split("\r\n").find(|line| line.trim_end().ends_with("--") && line.len() > 2);
    let line = line.unwrap().trim_end();
    Boundary::new(line.get(2..line.len().saturating_sub(2)).unwrap().as_bytes()).unwrap()
}

fn assert_translation(case: &Path, request: Result<ImageRequest<'_>, RequestError>) {
    let request = request.unwrap_or_else(|error| panic!("{}: {error:?}", case.display()));
    let image_model = request.model.as_deref().unwrap_or("gpt-image-2");
    request.check_model(image_model).unwrap();
    let target = Target::Responses {
        host_model: "gpt-5.4-mini",
        image_model,
        tool_choice: ToolChoice::Force,
    };
    let translated = translate(&request, &target).bytes;
    assert!(translated.len() <= max_len(&request, &target), "{}", case.display());
    let mut translated = String::from_utf8(translated).unwrap();
    translated.push('\n');
    assert_golden(&case.with_extension("codex.json"), &translated);
}

/// An answer of the upstream: a status, maybe headers, and a body; or an event.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Answer {
    /// What the upstream speaks; the Responses API where it does not say.
    api: Option<Api>,
    status: Option<u16>,
    retry_after: Option<String>,
    /// JSON, or a string for a body that is not JSON.
    #[serde(default)]
    body: Value,
    event: Option<Value>,
}

/// What the client is told.
#[derive(Serialize)]
struct Told {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Box<RawValue>,
}

#[test]
fn failures_reach_the_client_as_expected() {
    for case in cases("errors", ".openai.json") {
        let answer: Answer = serde_json::from_slice(&fs::read(&case).unwrap())
            .unwrap_or_else(|error| panic!("{}: {error}", case.display()));
        let error = told(&answer);
        let body = RawValue::from_string(String::from_utf8(error.write()).unwrap()).unwrap();
        let told = Told { status: error.status, headers: error.headers(), body };
        let mut told = serde_json::to_string_pretty(&told).unwrap();
        told.push('\n');
        assert_golden(&case.with_extension("openai.json"), &told);
    }
}

fn told(answer: &Answer) -> ApiError {
    let api = answer.api.unwrap_or_default();
    let failure = match (&answer.event, answer.status) {
        (Some(event), None) => from_event(api, &ErrorInfo::read(event).unwrap_or_default(), NOW),
        (None, Some(status)) => {
            let body = match &answer.body {
                Value::String(text) => text.clone(),
                json => json.to_string(),
            };
            let retry_after = answer.retry_after.as_deref().map(str::as_bytes);
            from_http(api, status, retry_after, body.as_bytes(), NOW)
        }
        _ => panic!("a fixture has a status or an event"),
    };
    failure.to_api()
}

/// The fixtures of a folder, without their expectations.
fn cases(folder: &str, expectation: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(folder);
    let mut cases: Vec<_> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| !path.to_string_lossy().ends_with(expectation))
        .collect();
    assert!(!cases.is_empty(), "no fixtures in {}", folder.display());
    cases.sort();
    cases
}

fn assert_golden(path: &Path, actual: &str) {
    if env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(path, actual).unwrap();
        return;
    }
    let expected = fs::read_to_string(path).unwrap_or_default();
    assert_eq!(actual, expected, "{}: see UPDATE_GOLDEN in this file's head", path.display());
}

/// The moment of the fixtures: 2026-11-22T12:00:00Z.
const NOW: Duration = Duration::from_secs(1_795_348_800);

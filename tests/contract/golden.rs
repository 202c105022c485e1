//! Whole translations, byte for byte: from a client's request to the upstream's, and from an
//! upstream's error to the client's.
//!
//! `<case>.json` has its expectation beside it. `UPDATE_GOLDEN=1 cargo test --test contract --
//! golden::` rewrites the expectations.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use imagegate::{
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
    upstream::{error::ErrorInfo, request::ToolChoice},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, value::RawValue};

use crate::fixtures::{assert_expected, files};

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
    assert_expected(&case.with_extension("codex.json"), &translated);
}

/// An answer of the upstream: a status, maybe headers, and a body; or an event.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Answer {
    /// What the upstream speaks: by default the Responses API.
    api: Option<Api>,
    status: Option<u16>,
    retry_after: Option<String>,
    /// JSON, or a string for a body that is not JSON.
    #[serde(default)]
    body: Value,
    event: Option<Value>,
}

/// What the client receives.
#[derive(Serialize)]
struct Reply {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Box<RawValue>,
}

#[test]
fn failures_reach_the_client_as_expected() {
    for case in cases("errors", ".openai.json") {
        let answer: Answer = serde_json::from_slice(&fs::read(&case).unwrap())
            .unwrap_or_else(|error| panic!("{}: {error}", case.display()));
        let error = api_error(&answer);
        let body = RawValue::from_string(String::from_utf8(error.write()).unwrap()).unwrap();
        let reply = Reply { status: error.status, headers: error.headers(), body };
        let mut reply = serde_json::to_string_pretty(&reply).unwrap();
        reply.push('\n');
        assert_expected(&case.with_extension("openai.json"), &reply);
    }
}

fn api_error(answer: &Answer) -> ApiError {
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
    files(&folder, |name| !name.ends_with(expectation))
}

/// The moment of the fixtures: 2026-11-22T12:00:00Z.
const NOW: Duration = Duration::from_secs(1_795_348_800);

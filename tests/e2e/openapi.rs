//! `docs/openapi.yaml` and the running gate: requests made from the one, answers held to it.
//!
//! `tests/contract/openapi.rs` compares the description with the tables of the source. This finds
//! what no table has. Schemathesis generates the requests, with one seed (`tests/openapi/`). A
//! request that the schemas allow must be served or rejected as described. Any other request must
//! be rejected.

use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

use crate::harness::{Envoy, Generation, Key, Step, Upstream, config, needed, root};

const DESCRIPTION: &str = "docs/openapi.yaml";

#[test]
fn the_description_is_valid() {
    let python = needed(".tools/openapi/bin/python", "make setup");
    let mut command = Command::new(python);
    ends_well(command.args(["-m", "openapi_spec_validator", DESCRIPTION]));
}

#[test]
fn every_answer_is_described_and_nothing_else_is_accepted() {
    let upstream = Upstream::generating(&Generation::small(1));
    let envoy = Envoy::with(upstream.port(), &configuration());
    ends_well(&mut schemathesis(&envoy, "examples,coverage,fuzzing"));

    // Requests were sent at all: to both endpoints, and edits in both encodings.
    let received = upstream.received();
    let sent = |holds: &dyn Fn(&Value) -> bool| {
        received.iter().filter(|it| holds(&it.json()["tools"][0]["action"])).count()
    };
    assert!(sent(&|action| action == "edit") > 10);
    assert!(sent(&|action| action != "edit") > 10);
}

#[test]
fn failures_of_the_upstream_are_described() {
    let place = AtomicUsize::new(0);
    let upstream = Upstream::choosing(move |_| {
        let failures = failures();
        failures[place.fetch_add(1, Ordering::Relaxed) % failures.len()].clone()
    });
    let envoy = Envoy::with(upstream.port(), &configuration());
    let mut command = schemathesis(&envoy, "coverage");
    // They are server errors, and wanted.
    ends_well(command.args(["--exclude-checks", "not_a_server_error", "--mode", "positive"]));
    assert!(upstream.received().len() > 20);
}

/// What an upstream can do instead of generation; each becomes another answer.
fn failures() -> Vec<Vec<Step>> {
    let error = |status, code: &str, kind: &str| {
        let message = "Please try again in 2s.";
        Step::json(
            status,
            &json!({"error": {"code": code, "type": kind, "message": message, "param": null}}),
        )
    };
    let details = json!({"moderation_stage": "input", "categories": ["violence"]});
    vec![
        Step::json(
            400,
            &json!({"error": {"code": "moderation_blocked", "type": "image_generation_user_error",
            "message": "m", "param": null, "moderation_details": details}}),
        ),
        error(400, "invalid_value", "image_generation_user_error"),
        error(401, "invalid_api_key", "invalid_request_error"),
        error(413, "too_large", "invalid_request_error"),
        error(429, "rate_limit_exceeded", "requests"),
        error(429, "insufficient_quota", "insufficient_quota"),
        error(500, "server_error", "server_error"),
        error(503, "server_is_overloaded", "server_error"),
        vec![Step::StreamHead, Step::Close],
        vec![Step::Close],
        Step::stream("data: no event\n\n"),
    ]
}

/// Rules of every unit, so that every `x-ratelimit-*` header comes.
fn configuration() -> Value {
    let mut config = config();
    config["models_endpoint"] = json!({});
    config["prices"] = json!([{"model": "gpt-image-*", "usd": "0.01"}]);
    config["limits"] = ["requests", "images", "megapixels", "usd"]
        .map(|unit| {
            json!({"name": unit, "per": "key", "unit": unit, "max": large(unit),
            "window": "day"})
        })
        .into_iter()
        .chain([json!({"name": "concurrent", "per": "key", "unit": "concurrent", "max": 1000})])
        .collect();
    config
}

fn large(unit: &str) -> Value {
    if unit == "usd" { json!("100000") } else { json!(100_000) }
}

fn schemathesis(envoy: &Envoy, phases: &str) -> Command {
    let mut command = Command::new(needed(".tools/openapi/bin/schemathesis", "make setup"));
    command
        .args(["--config-file", "tests/openapi/schemathesis.toml", "run", DESCRIPTION])
        .args(["--no-color", "--phases", phases])
        .args(["--url", &format!("http://127.0.0.1:{}", envoy.port())])
        .env("IMAGEGATE_KEY", Key::WEB);
    command
}

fn ends_well(command: &mut Command) {
    let output = command.current_dir(root()).output().unwrap();
    let printed =
        [output.stdout, output.stderr].map(|it| String::from_utf8_lossy(&it).into_owned());
    assert!(output.status.success(), "{}\n{}", output.status, printed.concat());
}

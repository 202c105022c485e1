//! What a client gets when the upstream fails.

use serde_json::{Value, json};

use crate::harness::sse::{Output, event};
use crate::harness::{Envoy, Generation, Request, Response, Step, Upstream, config};

fn body() -> Value {
    json!({"prompt": "a square", "model": "gpt-image-2", "size": "1024x1024"})
}

fn send_request(envoy: &Envoy) -> Response {
    Request::generation(&body()).send(envoy)
}

/// Asserts the status and code that a script leads to; each is played before the same Envoy.
#[track_caller]
pub(crate) fn assert_reported(config: &Value, cases: Vec<(&str, Vec<Step>, u16, &str)>) {
    let upstream = Upstream::scripts([]);
    let envoy = Envoy::with(upstream.port(), config);
    for (case, script, status, code) in cases {
        upstream.push(script);
        let response = send_request(&envoy);
        assert_eq!(
            (response.status, response.error_code().as_str()),
            (status, code),
            "{case}: {}",
            response.json()
        );
    }
}

/// A response event.
fn response(kind: &str, response: &Value) -> Vec<u8> {
    event(&json!({"type": kind, "sequence_number": 9, "response": response}))
}

/// An error body of less than 64 KiB that serde_json can take for much deeper JSON than it is: a
/// string is read as JSON if its member has a name that is serde_json's own.
fn json_in_json() -> Vec<u8> {
    let deep = |inner: &str| format!("{}{inner}{}", "[".repeat(120), "]".repeat(120));
    let mut text = deep("");
    loop {
        let more = deep(&json!({"$serde_json::private::RawValue": text}).to_string());
        if more.len() >= 64 * 1024 {
            return text.into_bytes();
        }
        text = more;
    }
}

#[test]
fn a_failing_status_is_reported_by_whose_fault_it_is() {
    let error = |code: &str, kind: &str, message: &str| {
        json!({"error": {"code": code,
        "type": kind, "message": message, "param": null}})
    };
    let detail = json!({"detail": "Instructions are required"});
    let not_entitled = json!({"error": {"message": "Tool choice 'image_generation' not found in \
                                                    'tools' parameter.",
        "type": "invalid_request_error", "param": "tool_choice", "code": null}});
    let blocked = json!({"error": {"message": "Your request was rejected by the safety system.",
        "param": null,
        "type": "image_generation_user_error", "code": "moderation_blocked",
        "moderation_details": {"moderation_stage": "input", "categories": ["other"]}}});
    let limited =
        json!({"error": {"type": "usage_limit_reached", "message": "m", "resets_in_seconds": 120}});
    let quota = error("insufficient_quota", "insufficient_quota", "m");
    let whole = |status, body: &[u8]| vec![Step::Whole(status, Vec::new(), body.to_vec())];
    assert_reported(
        &config(),
        vec![
            ("ours", Step::json(400, &detail), 502, "upstream_rejected_request"),
            ("no entitlement", Step::json(400, &not_entitled), 502, "upstream_not_entitled"),
            ("refused", Step::json(400, &blocked), 400, "moderation_blocked"),
            (
                "our credential",
                Step::json(401, &error("token_expired", "x", "m")),
                502,
                "upstream_authentication_failed",
            ),
            (
                "our account",
                Step::json(403, &error("x", "x", "m")),
                502,
                "upstream_authentication_failed",
            ),
            ("not found", Step::json(404, &error("x", "x", "m")), 502, "upstream_rejected_request"),
            ("limit", Step::json(429, &limited), 429, "rate_limit_exceeded"),
            ("quota", Step::json(429, &quota), 429, "insufficient_quota"),
            (
                "failure",
                Step::json(500, &error("server_error", "server_error", "m")),
                502,
                "upstream_error",
            ),
            (
                "overload",
                Step::json(503, &error("server_is_overloaded", "x", "m")),
                503,
                "server_is_overloaded",
            ),
            ("a page", whole(502, b"<html>bad gateway</html>"), 502, "upstream_error"),
            ("no body", whole(500, b""), 502, "upstream_error"),
            ("bytes", whole(400, b"\xff\xfe\x00"), 502, "upstream_rejected_request"),
            ("JSON in JSON", whole(400, &json_in_json()), 502, "upstream_rejected_request"),
            ("a large page", whole(500, &vec![b'x'; 5_000_000]), 502, "upstream_error"),
            (
                "no content",
                vec![Step::Whole(204, Vec::new(), Vec::new())],
                502,
                "upstream_disconnected",
            ),
        ],
    );
}

#[test]
fn waits_are_reported_in_seconds_and_milliseconds() {
    let limited =
        json!({"error": {"type": "usage_limit_reached", "message": "m", "resets_in_seconds": 20}});
    let upstream = Upstream::scripts([Step::json(429, &limited)]);
    let envoy = Envoy::start(upstream.port());
    let response = send_request(&envoy);
    response.assert_error(429, "rate_limit_exceeded");
    assert_eq!(response.header("retry-after").as_deref(), Some("20"));
    assert_eq!(response.header("retry-after-ms").as_deref(), Some("20000"));
}

#[test]
fn a_refusal_keeps_its_details() {
    let refused = json!({"error": {"message": "Your request was rejected by the safety system.",
        "param": null,
        "type": "image_generation_user_error", "code": "moderation_blocked",
        "moderation_details": {"moderation_stage": "output", "categories": ["violence"]}}});
    let failed = response(
        "response.failed",
        &json!({"id": "r", "status": "failed", "error": refused["error"]}),
    );
    let upstream = Upstream::scripts([Step::json(400, &refused), Step::stream(failed)]);
    let envoy = Envoy::start(upstream.port());
    for _ in 0..2 {
        let response = send_request(&envoy);
        response.assert_error(400, "moderation_blocked");
        let error = &response.json()["error"];
        assert_eq!(error["type"], "image_generation_user_error");
        assert_eq!(
            error["moderation_details"],
            json!({"moderation_stage": "output", "categories": ["violence"]})
        );
    }
}

#[test]
fn errors_within_a_stream_are_reported_as_errors() {
    let nested = json!({"type": "error", "sequence_number": 2,
        "error": {"type": "insufficient_quota",
        "code": "insufficient_quota", "message": "You exceeded your current quota",
        "param": null}});
    let flat = json!({"type": "error", "sequence_number": 2, "code": "rate_limit_exceeded",
        "param": null,
        "message": "Rate limit reached. Please try again in 2s."});
    let failed =
        json!({"id": "r", "status": "failed", "error": {"code": "server_error", "message": "m"}});
    let failed = response("response.failed", &failed);
    let overloaded = json!({"id": "r", "status": "failed",
        "error": {"code": "server_is_overloaded", "message": "m"}});
    let incomplete = json!({"id": "r", "status": "incomplete",
        "incomplete_details": {"reason": "content_filter"}});
    let item = event(
        &json!({"type": "response.output_item.done", "output_index": 0, "item": {"id": "ig_1",
        "type": "image_generation_call", "status": "failed", "result": null,
        "error": {"code": "moderation_blocked", "message": "rejected by the safety system"}}}),
    );
    let generation = Generation::small(1);
    let opened = |bytes: Vec<u8>| Step::stream([generation.opening(), bytes].concat());
    assert_reported(
        &config(),
        vec![
            (
                "nested",
                opened([event(&nested), failed.clone()].concat()),
                429,
                "insufficient_quota",
            ),
            ("flat", opened(event(&flat)), 429, "rate_limit_exceeded"),
            ("failed", opened(failed), 502, "upstream_error"),
            (
                "overloaded",
                opened(response("response.failed", &overloaded)),
                503,
                "server_is_overloaded",
            ),
            (
                "filtered",
                opened(response("response.incomplete", &incomplete)),
                400,
                "moderation_blocked",
            ),
            (
                "item",
                opened([item, generation.completed(Output::Empty)].concat()),
                400,
                "moderation_blocked",
            ),
        ],
    );
}

#[test]
fn a_text_response_is_a_refusal_or_no_image() {
    let generation = Generation::small(1);
    let words = |text: &str| {
        let item = json!({"id": "msg_1", "type": "message", "role": "assistant",
            "status": "completed",
            "content": [{"type": "output_text", "text": text, "annotations": []}]});
        let done =
            event(&json!({"type": "response.output_item.done", "output_index": 0, "item": item}));
        Step::stream([done, generation.completed(Output::Empty)].concat())
    };
    let preview_alone = [generation.opening(), generation.completed(Output::Empty)].concat();
    assert_reported(
        &config(),
        vec![
            (
                "refusal",
                words("I'm sorry, but I can't help with that request."),
                400,
                "moderation_blocked",
            ),
            (
                "code",
                words("<svg xmlns=\"http://www.w3.org/2000/svg\"></svg>"),
                502,
                "image_tool_unavailable",
            ),
            (
                "nothing",
                Step::stream(generation.completed(Output::Empty)),
                502,
                "image_generation_failed",
            ),
            ("a preview alone", Step::stream(preview_alone), 502, "image_generation_failed"),
        ],
    );
}

#[test]
fn a_preview_counts_if_the_configuration_says_so() {
    let generation = Generation::small(1);
    let upstream = Upstream::always(Step::stream(
        [generation.opening(), generation.completed(Output::Empty)].concat(),
    ));
    let mut config = config();
    config["accept_last_partial"] = json!(true);
    let envoy = Envoy::with(upstream.port(), &config);
    let images = send_request(&envoy).images();
    let preview = String::from_utf8(generation.preview(0)).unwrap();
    assert!(preview.contains(&images[0]), "the preview differs");
}

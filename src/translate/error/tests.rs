//! Tests of the failures that errors of upstreams become.

use std::{borrow::Cow, time::Duration};

mod client;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{from_event, from_http, from_incomplete, host_model_refused};
use crate::openai::error::{ClientFailure, UpstreamFailure};
use crate::{
    config::Api,
    openai::{
        error::{Failure, ModerationDetails, table::ValueFault},
        reference_image::ReferenceFault,
    },
    upstream::error::ErrorInfo,
};

const NOW: Duration = Duration::from_secs(1_777_922_696);

fn http(status: u16, body: &Value) -> Failure {
    from_http(Api::Responses, status, None, body.to_string().as_bytes(), NOW)
}

fn event(value: &Value) -> Failure {
    from_event(Api::Responses, &ErrorInfo::read(value).unwrap_or_default(), NOW)
}

fn coded(code: &str) -> Value {
    json!({"error": {
        "code": code, "type": "invalid_request_error", "message": "Because.", "param": null,
    }})
}

#[test]
fn a_refusal_is_the_clients_with_every_code() {
    for code in [
        "moderation_blocked",
        "content_policy_violation",
        "image_content_policy_violation",
        "safety_violation",
        "policy_violation",
        "misalignment_policy_violation",
        "cyber_policy",
        "bio_policy",
        "content_filter",
    ] {
        let refused = Failure::Client(ClientFailure::Refused {
            message: "Because.".to_owned(),
            details: None,
        });
        assert_eq!(http(400, &coded(code)), refused, "{code}");
        assert_eq!(http(403, &coded(code)), refused, "{code}");
        assert_eq!(event(&coded(code)), refused, "{code}");
    }
}

/// Without this, a client could make every worker leave out host models that work.
#[test]
fn a_quoted_prompt_refuses_no_host_model() {
    let refuses = |error: &Value| {
        let body = json!({ "error": error }).to_string();
        host_model_refused(body.as_bytes(), "gpt-6-luna").is_some()
    };
    for quoted in [
        "The 'gpt-6-luna' model is not supported",
        "Tool 'image_generation' is not supported with gpt-6-luna",
        "The 'gpt-6-luna' model requires a newer version of Codex.",
    ] {
        assert!(refuses(&json!({ "message": quoted, "param": "model" })), "{quoted}");
        for (code, kind, param) in [
            ("moderation_blocked", "invalid_request_error", Value::Null),
            ("content_policy_violation", "invalid_request_error", json!("prompt")),
            ("invalid_prompt", "invalid_request_error", Value::Null),
            ("invalid_image_url", "invalid_request_error", json!("input")),
            ("invalid_value", "invalid_request_error", json!("input[0].content[0].text")),
            ("string_above_max_length", "invalid_request_error", json!("prompt")),
            ("anything", "image_generation_user_error", Value::Null),
            ("rate_limit_exceeded", "requests", Value::Null),
        ] {
            let message = format!("No: \"{quoted}\"");
            let error = json!({"code": code, "type": kind, "param": param, "message": message});
            assert!(!refuses(&error), "{error}");
        }
        let uncoded = format!("Your request was rejected by the safety system: \"{quoted}\"");
        assert!(!refuses(&json!({ "message": uncoded })), "{uncoded}");
    }
}

#[test]
fn the_details_of_a_refusal_are_passed_on() {
    let body = json!({"error": {
        "type": "image_generation_user_error", "code": "moderation_blocked",
        "message": "Rejected. Include the request ID req_abc123def.",
        "moderation_details": {"moderation_stage": "input", "categories": ["other"]},
    }});
    let details =
        ModerationDetails { stage: "input".to_owned(), categories: vec!["other".to_owned()] };
    let message = "Rejected. Include the request ID [redacted].".to_owned();
    assert_eq!(
        http(400, &body),
        Failure::Client(ClientFailure::Refused { message, details: Some(details) })
    );
}

#[test]
fn an_image_that_cannot_be_used_is_the_clients() {
    let invalid = |param: &str, fault| {
        Failure::Client(ClientFailure::ReferenceInvalid {
            param: param.to_owned(),
            fault,
            message: "Because.".to_owned(),
        })
    };
    let body = coded("failed_to_download_image");
    assert_eq!(http(400, &body), invalid("images", ReferenceFault::Download));
    assert_eq!(event(&body), invalid("images", ReferenceFault::Download));
    let named = json!({"error": {
        "code": "invalid_image_url", "message": "Because.",
        "param": "input[0].content[1].image_url",
    }});
    assert_eq!(http(400, &named), invalid("images[1]", ReferenceFault::Url));
    let message = "The image data you provided does not represent a valid image";
    let Failure::Client(ClientFailure::ReferenceInvalid { fault: ReferenceFault::Image, .. }) =
        from_http(Api::Responses, 400, None, message.as_bytes(), NOW)
    else {
        panic!("not an image fault");
    };
}

#[test]
fn a_value_is_mapped_to_the_clients_field() {
    let body = |code: &str, kind: &str, param: Value, message: &str| {
        let error = json!({"code": code, "type": kind, "param": param, "message": message});
        json!({ "error": error })
    };
    let user = "image_generation_user_error";
    let request = "invalid_request_error";
    for (code, kind, param, message, field) in [
        ("invalid_value", user, json!("tools"), "Invalid size '256x256'.", Some("size")),
        ("invalid_value", request, json!("tools[0].quality"), "Because.", Some("quality")),
        ("unsupported_value", request, json!(null), "Transparent background", Some("background")),
        ("invalid_value", user, json!("tools"), "Because.", None),
        (
            "string_above_max_length",
            request,
            json!("input[0].content[0].text"),
            "B",
            Some("prompt"),
        ),
    ] {
        let fault = match code {
            "unsupported_value" => ValueFault::Unsupported,
            _ => ValueFault::Invalid,
        };
        let refused = Failure::Client(ClientFailure::ValueRefused {
            param: field.map(Cow::Borrowed),
            fault,
            message: message.to_owned(),
        });
        let body = body(code, kind, param, message);
        assert_eq!(http(400, &body), refused, "{body}");
        assert_eq!(event(&body), refused, "{body}");
    }
}

#[test]
fn fields_that_we_set_are_not_the_clients() {
    for body in [
        json!({"error": {"code": "unknown_parameter", "param": "tools[0].n", "message": "secret"}}),
        json!({"error": {"code": "invalid_value", "param": "model", "message": "secret"}}),
        json!({"error": {"code": "invalid_value", "param": "tools", "message": "secret"}}),
        json!({"error": {"code": "model_not_found", "param": "model", "message": "secret"}}),
        json!({"error": {"code": "model_not_found", "param": null, "message": "secret model"}}),
        json!({"detail": "Instructions are required"}),
        json!({"detail": [{"loc": ["body"], "msg": "secret"}]}),
        json!("secret"),
        json!(null),
    ] {
        assert_eq!(http(400, &body), Failure::Upstream(UpstreamFailure::RejectsUs), "{body}");
    }
    assert_eq!(http(404, &coded("invalid_value")), Failure::Upstream(UpstreamFailure::RejectsUs));
    assert_eq!(
        from_http(Api::Responses, 400, None, b"\xff<html>", NOW),
        Failure::Upstream(UpstreamFailure::RejectsUs)
    );
}

#[test]
fn an_account_without_the_tool_is_the_operators_concern() {
    let body = json!({"error": {
        "message": "Tool choice 'image_generation' not found in 'tools' parameter.",
        "type": "invalid_request_error", "param": "tool_choice", "code": null,
    }});
    assert_eq!(http(400, &body), Failure::Upstream(UpstreamFailure::NotEntitled));
    let body = json!({"error": {"type": "usage_not_included", "message": "m"}});
    assert_eq!(http(429, &body), Failure::Upstream(UpstreamFailure::NotEntitled));
    assert_eq!(http(403, &body), Failure::Upstream(UpstreamFailure::NotEntitled));
}

#[test]
fn our_credential_is_not_the_clients() {
    for status in [401, 402, 403] {
        assert_eq!(
            http(status, &coded("invalid_api_key")),
            Failure::Upstream(UpstreamFailure::Credential)
        );
    }
    assert_eq!(http(401, &json!(null)), Failure::Upstream(UpstreamFailure::Credential));
    assert_eq!(http(403, &json!(null)), Failure::Upstream(UpstreamFailure::Credential));
    let body = json!({"error": {"type": "authentication_error", "message": "m"}});
    assert_eq!(event(&body), Failure::Upstream(UpstreamFailure::Credential));
}

#[test]
fn a_limit_is_reported_with_its_wait() {
    let body = json!({"error": {
        "type": "usage_limit_reached", "message": "The usage limit has been reached",
        "resets_at": NOW.as_secs() + 13_872, "resets_in_seconds": 13_872,
    }});
    let limited = |secs| {
        Failure::Upstream(UpstreamFailure::RateLimited { retry_after: Duration::from_secs(secs) })
    };
    assert_eq!(http(429, &body), limited(13_872));
    assert_eq!(event(&body), limited(13_872));
    assert_eq!(from_http(Api::Responses, 429, Some(b"12"), b"", NOW), limited(12));
    assert_eq!(http(429, &coded("some_new_code")), limited(5));
    assert_eq!(http(400, &coded("rate_limit_exceeded")), limited(5));
}

#[test]
fn an_exhausted_quota_is_not_a_rate_limit() {
    for word in [
        "insufficient_quota",
        "credit_balance_exhausted",
        "organization_spend_limit_exceeded",
        "project_spend_limit_exceeded",
        "organization_usage_limit_exceeded",
        "billing_hard_limit_reached",
    ] {
        assert_eq!(
            http(429, &coded(word)),
            Failure::Upstream(UpstreamFailure::QuotaExhausted),
            "{word}"
        );
        assert_eq!(
            event(&json!({"error": {"type": word}})),
            Failure::Upstream(UpstreamFailure::QuotaExhausted),
            "{word}"
        );
    }
}

#[test]
fn overload_differs_from_failure() {
    let overloaded =
        Failure::Upstream(UpstreamFailure::Overloaded { retry_after: Duration::from_secs(5) });
    let full = json!({"error": {"message": "The selected model is at capacity. Try another."}});
    assert_eq!(http(503, &json!(null)), overloaded);
    assert_eq!(http(500, &coded("server_is_overloaded")), overloaded);
    assert_eq!(event(&coded("slow_down")), overloaded);
    assert_eq!(http(429, &full), overloaded);
    assert_eq!(event(&full), overloaded);
    assert_eq!(http(500, &coded("server_error")), Failure::Upstream(UpstreamFailure::Failed));
    assert_eq!(
        event(&json!({"error": {"type": "server_error"}})),
        Failure::Upstream(UpstreamFailure::Failed)
    );
    assert_eq!(event(&json!({})), Failure::Upstream(UpstreamFailure::Failed));
}

#[test]
fn other_statuses_decide_alone() {
    for (status, failure) in [
        (100, Failure::Upstream(UpstreamFailure::Failed)),
        (302, Failure::Upstream(UpstreamFailure::Failed)),
        (408, Failure::Upstream(UpstreamFailure::Timeout)),
        (402, Failure::Upstream(UpstreamFailure::QuotaExhausted)),
        (404, Failure::Upstream(UpstreamFailure::RejectsUs)),
        (
            409,
            Failure::Upstream(UpstreamFailure::Overloaded { retry_after: Duration::from_secs(5) }),
        ),
        (413, Failure::Client(ClientFailure::UpstreamTooLarge)),
        (500, Failure::Upstream(UpstreamFailure::Failed)),
        (504, Failure::Upstream(UpstreamFailure::Timeout)),
        (520, Failure::Upstream(UpstreamFailure::Failed)),
        (521, Failure::Upstream(UpstreamFailure::Unreachable)),
        (451, Failure::Upstream(UpstreamFailure::Blocked)),
    ] {
        assert_eq!(http(status, &json!(null)), failure, "{status}");
    }
}

#[test]
fn an_incomplete_response_was_filtered_or_failed() {
    let Failure::Client(ClientFailure::Refused { details: None, .. }) =
        from_incomplete(Some("content_filter"))
    else {
        panic!("not a refusal");
    };
    assert_eq!(
        from_incomplete(Some("max_output_tokens")),
        Failure::Upstream(UpstreamFailure::NoImage)
    );
    assert_eq!(from_incomplete(None), Failure::Upstream(UpstreamFailure::NoImage));
}

proptest! {
    #[test]
    fn every_response_becomes_a_failure(
        status in any::<u16>(),
        header in prop::option::of(prop::collection::vec(any::<u8>(), 0..20)),
        body in prop::collection::vec(any::<u8>(), 0..100),
    ) {
        let error = from_http(Api::Responses, status, header.as_deref(), &body, NOW).to_api();
        prop_assert!((400..=599).contains(&error.status));
    }

    #[test]
    fn messages_of_the_upstream_reach_only_the_client_that_caused_them(
        status in prop::sample::select(vec![400_u16, 401, 403, 404, 422, 429, 500, 502, 503]),
        code in prop::sample::select(vec!["", "server_error", "unknown_parameter", "invalid_type"]),
        param in prop::sample::select(vec!["", "tools[0].n", "model", "input", "tools"]),
    ) {
        let body = json!({"error": {"code": code, "param": param, "message": "zebra"}});
        prop_assert!(!http(status, &body).to_api().message.contains("zebra"));
    }
}

#[test]
fn an_html_page_is_a_block_and_no_credential_failure() {
    let page = b" <!DOCTYPE html><html><title>Just a moment...</title>";
    for status in [200, 403, 429, 503] {
        let failure = from_http(Api::Responses, status, None, page, NOW);
        assert_eq!(failure, Failure::Upstream(UpstreamFailure::Blocked), "{status}");
    }
    let plain = b"<html><h1>404 Not Found</h1></html>";
    assert_eq!(
        from_http(Api::Images, 404, None, plain, NOW),
        Failure::Upstream(UpstreamFailure::RejectsUs)
    );
    assert_eq!(
        from_http(Api::Images, 502, None, page, NOW),
        Failure::Upstream(UpstreamFailure::Failed)
    );
}

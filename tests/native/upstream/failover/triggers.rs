//! Which failures lead to the next upstream, which do not, and how each is reported.

use super::{IMAGE, envoy, error, head, images, json_head, request, several, two, upstreams};
use crate::support::codex::{done, failed, preview};
use crate::support::driver::Driver;
use crate::support::{event, item, stream};
use imagegate::exchange::{End, ResponseHead};
use serde_json::{Value, json};

#[test]
fn each_form_of_refusal_fails_over() {
    let event = |data: Value| event(&data).into_bytes();
    let failed = |code: &str| failed(code).into_bytes();
    let tool = error("x");
    let tool = String::from_utf8(tool).unwrap();
    let tool = tool.replace("\"no\"", "\"Tool choice 'image_generation' not found in 'tools'\"");
    // All clients got this during an outage (openai/codex#25966).
    let outage = json!({"type": "image_generation_user_error", "code": "invalid_value",
        "param": "tools", "message": "The model 'gpt-image-2' does not exist."});
    for (head, bytes) in [
        (head(429), error("rate_limit_exceeded")),
        (head(429), error("usage_limit_reached")),
        (head(429), error("insufficient_quota")),
        (head(429), b"slow down".to_vec()),
        (head(500), error("server_is_overloaded")),
        (head(503), Vec::new()),
        (envoy(503, "upstream_reset_before_response_started{connection_timeout}"), Vec::new()),
        (head(503), b"no healthy upstream".to_vec()),
        (head(401), error("token_expired")),
        (head(403), error("usage_not_included")),
        (head(400), tool.into_bytes()),
        (head(400), json!({"error": outage}).to_string().into_bytes()),
        (head(200), event(json!({"type": "error", "error": outage}))),
        (
            head(200),
            event(json!({"type": "response.failed", "response": {"status": "failed",
                "error": outage}})),
        ),
        (head(400), b"{\"detail\":\"Instructions are not valid\"}".to_vec()),
        (head(404), Vec::new()),
        (head(403), b"<!doctype html><title>Just a moment...</title>".to_vec()),
        (
            envoy(503, "upstream_reset_before_response_started{remote_refused_stream_reset}"),
            Vec::new(),
        ),
        (head(200), failed("rate_limit_exceeded")),
        (head(200), failed("server_is_overloaded")),
        (json_head(), error("rate_limit_exceeded")),
        (envoy(503, "no_healthy_upstream"), Vec::new()),
        (envoy(503, "cluster_not_found"), Vec::new()),
        (envoy(503, "upstream_reset_before_response_started{overflow}"), Vec::new()),
        (
            envoy(503, "upstream_reset_before_response_started{remote_connection_failure|111}"),
            Vec::new(),
        ),
    ] {
        let (gate, _) = two();
        let mut driver = Driver::admitted(&gate, &request());
        let words = format!("{head:?} {}", String::from_utf8_lossy(&bytes));
        assert!(driver.upstream(head, &[&bytes]).waits(), "{words}");
        assert_eq!(driver.take_calls().len(), 1, "{words}");
        let reply = driver.side(0, Some(json_head()), &images()).clone();
        assert_eq!(reply.status, 200, "{words}");
    }
}

/// Upstreams quote the name that was sent, which is the operator's.
#[test]
fn messages_call_the_model_as_the_client_does() {
    let upstreams = json!({"codex": upstreams()["codex"], "openai": upstreams()["openai"]});
    let message = "The model 'secret-1' of gpt-6-luna cannot do 'quality' high.";
    let error = json!({"type": "image_generation_user_error", "code": "invalid_value",
        "param": "quality", "message": message});
    let failed =
        json!({"type": "response.failed", "response": {"status": "failed", "error": error}});
    let words = json!({"type": "response.output_item.done", "item": {"type": "message",
        "content": [{"type": "refusal", "refusal": "I can't help with that (secret-1)."}]}});
    let done = json!({"type": "response.completed", "response": {"output": []}});
    let of_events =
        |events: &[&Value]| events.iter().map(|it| event(it)).collect::<String>().into_bytes();
    let of_error = json!({"error": error}).to_string().into_bytes();
    let cases = [
        ("codex", head(400), of_error.clone()),
        ("codex", head(200), of_events(&[&failed])),
        ("codex", head(200), of_events(&[&words, &done])),
        ("openai", head(400), of_error.clone()),
        ("openai", json_head(), of_error),
    ];
    for (upstream, head, bytes) in cases {
        for (named, expected) in [(json!("acme-draw"), "acme-draw"), (Value::Null, "[redacted]")] {
            let models = json!([{"match": "*", "upstream": upstream, "rename": "secret-1"}]);
            let more = json!({"upstreams": upstreams, "models": models, "limits": []});
            let (gate, _) = several(&json!([]), &more);
            let request = json!({"prompt": "a cat", "model": named, "quality": "high"});
            let mut driver = Driver::admitted(&gate, &request);
            assert!(driver.sent_json().to_string().contains("secret-1"));
            let client = driver.upstream(head.clone(), &[&bytes]);
            let message = client.error("message").to_string();
            assert_eq!(client.status, 400, "{message}");
            assert!(message.contains(expected), "{message}");
            assert!(!message.contains("secret-1"), "{message}");
            // The text model of another upstream is not hidden.
            assert_eq!(message.contains("gpt-6-luna"), upstream == "openai", "{message}");
        }
    }
}

/// Nor do this gateway's own messages name it.
#[test]
fn a_rejection_before_any_call_names_no_renamed_model() {
    let models = json!([{"match": "*", "upstream": "codex", "rename": "gpt-image-1.5"}]);
    let (gate, _) = several(&json!([]), &json!({"models": models}));
    for more in [
        json!({"quality": "hd"}),
        json!({"quality": "max"}),
        json!({"size": "2048x2048"}),
        json!({"output_format": "gif"}),
    ] {
        for named in [json!("acme-draw"), Value::Null] {
            let mut request = json!({"prompt": "a cat", "model": named});
            more.as_object().unwrap().iter().for_each(|(name, it)| request[name] = it.clone());
            let reply = Driver::rejected(&gate, &request);
            let text = String::from_utf8(reply.body).unwrap();
            assert_eq!(reply.status, 400, "{text}");
            assert!(!text.contains("gpt-image"), "{text}");
        }
    }
}

#[test]
fn no_failover_after_a_possible_image_or_a_client_error() {
    let cut = b"upstream connect error or disconnect/reset before headers. \
        reset reason: connection termination";
    let stream = stream(IMAGE);
    let failed = failed("server_error");
    let previewed = (preview(0, "UFJFVklFVw==") + &failed).into_bytes();
    let generated = event(&json!({"type": "response.image_generation_call.completed",
        "output_index": 0, "partial_image_b64": "UFJFVklFVw=="}));
    let generated = (generated + &failed).into_bytes();
    let empty = done(&json!({"id": "ig_1", "type": "image_generation_call",
        "status": "completed", "result": null}));
    let empty = (empty + &failed).into_bytes();
    for (head, bytes, expected) in [
        (head(400), error("moderation_blocked"), "moderation_blocked"),
        (head(500), error("moderation_blocked"), "moderation_blocked"),
        (head(400), error("invalid_prompt"), "invalid_prompt"),
        (head(413), Vec::new(), "request_too_large"),
        (head(504), Vec::new(), "upstream_timeout"),
        (head(524), b"<html>".to_vec(), "upstream_timeout"),
        // Another gateway answers, whose upstream may have broken off.
        (head(502), b"<html>".to_vec(), "upstream_error"),
        (head(520), Vec::new(), "upstream_error"),
        (head(502), error("upstream_disconnected"), "upstream_error"),
        (ResponseHead { status: 202, ..json_head() }, error("server_error"), "upstream_error"),
        (head(200), empty, "upstream_error"),
        (head(500), error("invalid_prompt"), "invalid_prompt"),
        // The failure may have come after the image.
        (head(500), error("server_error"), "upstream_error"),
        (head(500), b"<html>".to_vec(), "upstream_error"),
        (head(502), error("server_error"), "upstream_error"),
        (head(200), failed.into_bytes(), "upstream_error"),
        (head(409), Vec::new(), "server_is_overloaded"),
        (head(429), b"local_rate_limited".to_vec(), "rate_limit_exceeded"),
        (head(403), b"RBAC: access denied".to_vec(), "upstream_authentication_failed"),
        // A JSON answer in place of a stream, cut in its image.
        (
            json_head(),
            b"{\"output\":[{\"type\":\"image_generation_call\",\"result\":\"AA".to_vec(),
            "upstream_disconnected",
        ),
        // The tool has generated an image, even if the response fails.
        (head(200), generated, "upstream_error"),
        (head(200), previewed, "upstream_error"),
        (head(408), Vec::new(), "upstream_timeout"),
        (head(503), cut.to_vec(), "upstream_disconnected"),
        (head(200), stream[..stream.len() / 4].to_vec(), "upstream_disconnected"),
        (envoy(504, "response_timeout"), Vec::new(), "upstream_timeout"),
        (
            envoy(503, "upstream_reset_before_response_started{connection_termination}"),
            Vec::new(),
            "upstream_disconnected",
        ),
        (
            envoy(503, "upstream_reset_before_response_started{remote_reset}"),
            Vec::new(),
            "upstream_disconnected",
        ),
        // The mesh itself rejects it, and must not be bypassed.
        (envoy(429, "request_rate_limited"), Vec::new(), "rate_limit_exceeded"),
        (envoy(403, "rbac_access_denied"), Vec::new(), "request_denied"),
    ] {
        let (gate, _) = two();
        let mut driver = Driver::admitted(&gate, &request());
        let words = format!("{head:?} {}", String::from_utf8_lossy(&bytes));
        assert_eq!(driver.upstream(head, &[&bytes]).code(), expected, "{words}");
        let record = driver.close(Some(502));
        assert_eq!(
            (&record["upstream"], record.get("attempts")),
            (&json!("codex"), None),
            "{words}"
        );
        assert_eq!(record["settled_nanodollars"], 0, "{words}");
    }
}

#[test]
fn no_failover_after_a_provider_that_may_have_generated() {
    let job = json!({"id": "job_1", "status": "queued", "message": "in progress"});
    let hosted = json!({"created": 1, "images": [{"url": "https://example.com"}], "message": "ok"});
    let preview = json!({"type": "image_generation.partial_image", "partial_image_index": 0,
        "b64_json": IMAGE});
    let failed = json!({"type": "error", "error": {"code": "server_error", "message": "no"}});
    let events = event(&preview) + &event(&failed);
    for (head, bytes) in [
        (ResponseHead { status: 202, ..json_head() }, job.to_string()),
        (json_head(), job.to_string()),
        (json_head(), hosted.to_string()),
        (head(200), events),
    ] {
        let (gate, _) = several(&json!(["openai", "codex"]), &json!({}));
        let mut driver = Driver::admitted(&gate, &request());
        let text = driver.upstream(head, &[bytes.as_bytes()]).clone();
        assert_eq!(text.status, 502, "{bytes}");
    }
    let (gate, _) = several(&json!(["openai", "codex"]), &json!({}));
    let mut driver = Driver::admitted(&gate, &request());
    driver.upstream(json_head(), &[&error("rate_limit_exceeded")]);
    driver.call();
}

#[test]
fn an_empty_image_takes_no_memory_and_does_not_count() {
    let (gate, budget) = two();
    let mut driver = Driver::admitted(&gate, &request());
    driver.upstream_head(head(200));
    let before = budget.used();
    let added = event(&json!({"type": "response.output_item.added", "output_index": 0,
        "item": item("ig_1", "")}));
    driver.upstream_bytes(added.replace("completed", "in_progress").as_bytes());
    assert_eq!(budget.used(), before, "the lease for the image that may follow");
    driver.response_body(failed("rate_limit_exceeded").as_bytes(), End::Stream);
    driver.call();
}

#[test]
fn a_failure_after_an_image_does_not_take_it_away() {
    for code in ["server_error", "rate_limit_exceeded"] {
        let (gate, _) = two();
        let mut driver = Driver::admitted(&gate, &request());
        let events = done(&item("ig_1", IMAGE)) + &failed(code);
        assert_eq!(driver.upstream(head(200), &[events.as_bytes()]).status, 200);
        assert!(driver.calls.is_empty());
    }
}

#[test]
fn a_side_call_that_broke_off_is_not_made_again() {
    let (gate, _) = several(&json!(["codex", "openai", "last"]), &json!({"limits": []}));
    let mut driver = Driver::admitted(&gate, &request());
    driver.upstream(head(429), &[b""]);
    driver.call();
    let reply = driver.side(0, None, b"").clone();
    assert_eq!(reply.code(), "upstream_disconnected");
}

#[test]
fn an_operator_learns_what_to_fix_although_another_upstream_serves() {
    let (gate, _) = two();
    let mut driver = Driver::admitted(&gate, &request());
    driver.upstream_head(head(401));
    driver.response_body(&error("token_expired"), End::Stream);
    driver.call();
    assert!(driver.notices[0].contains("renew the access token"), "{:?}", driver.notices);
}

/// Such an event is not read, so it may have had an image.
#[test]
fn an_event_that_is_too_long_keeps_the_request_where_it_is() {
    let long = "0,".repeat(200_000);
    let item = item("ig_1", IMAGE);
    let event = format!(
        "data: {{\"type\":\"response.output_item.done\",\"output\":[{long}0],\"item\":{item}}}\n\n"
    );
    let (gate, _) = two();
    let mut driver = Driver::admitted(&gate, &request());
    let refusal = failed("rate_limit_exceeded");
    driver.upstream(head(200), &[event.as_bytes(), refusal.as_bytes()]);
    assert!(driver.calls.is_empty());
    assert_eq!(driver.client.status, 429);
}

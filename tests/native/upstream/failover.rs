//! Several upstreams for one model: when the next one is called, for what, and what it costs.

use std::rc::Rc;
use std::time::Duration;

use crate::support::codex::{done, failed, preview};
use crate::support::driver::{Driver, Host};
use crate::support::{TOKEN, after, event, gate, item, stream};
use imagegate::exchange::{End, ResponseHead, Shared};
use imagegate::memory::Budget;
use proptest::prelude::*;
use serde_json::{Value, json};

const IMAGE: &str = "iVBORw0KGgo=";

/// Three upstreams that never rest, so that each test can have all of them called.
fn upstreams() -> Value {
    json!({
        "codex": {"authority": "chatgpt.example", "timeout": "60s", "max_rest": "0s",
            "credential": {"bearer_env": "TOKEN", "account_id_env": "ACCOUNT"}},
        "openai": {"api": "images", "authority": "provider.example", "cluster": "provider",
            "credential": {"key_env": "TOKEN", "header": "api-key"}, "timeout": "90s",
            "max_rest": "0s"},
        "last": {"authority": "last.example", "credential": "envoy", "timeout": "30s",
            "max_rest": "0s"},
    })
}

/// A gate whose models go to the upstreams `list`, with `more` laid over the document.
fn several(list: &Value, more: &Value) -> (Rc<Shared>, Budget) {
    let mut document = json!({
        "upstreams": upstreams(),
        "models": [{"match": "*", "upstream": list}],
        "prices": [
            {"model": "gpt-image-2", "usd": "0.25"},
            {"model": "gpt-image-1", "usd": "0.5"},
        ],
        "limits": [{"name": "budget", "per": "user", "unit": "usd", "max": "2", "window": "day"}],
    });
    for (key, value) in more.as_object().into_iter().flatten() {
        document[key] = value.clone();
    }
    gate(&document)
}

fn two() -> (Rc<Shared>, Budget) {
    several(&json!(["codex", {"name": "openai", "rename": "gpt-image-1"}]), &json!({}))
}

fn head(status: u16) -> ResponseHead {
    let media_type = if status == 200 { "text/event-stream" } else { "application/json" };
    ResponseHead { status, content_type: Some(media_type.into()), ..ResponseHead::default() }
}

fn json_head() -> ResponseHead {
    ResponseHead { content_type: Some(b"application/json".to_vec()), ..head(200) }
}

/// An answer by Envoy itself.
fn envoy(status: u16, details: &str) -> ResponseHead {
    ResponseHead { envoy_details: Some(details.to_owned()), ..head(status) }
}

fn error(code: &str) -> Vec<u8> {
    json!({"error": {"code": code, "type": code, "message": "no", "param": null}})
        .to_string()
        .into_bytes()
}

fn images() -> Vec<u8> {
    json!({"created": 1, "data": [{"b64_json": IMAGE}], "quality": "low", "size": "1024x1024"})
        .to_string()
        .into_bytes()
}

fn request() -> Value {
    json!({"prompt": "a cat", "model": "gpt-image-2"})
}

#[test]
fn the_next_upstream_is_called_in_its_own_terms() {
    let (gate, budget) = two();
    let request =
        json!({"prompt": "a cat", "model": "gpt-image-2", "quality": "low", "user": "acme"});
    let mut driver = Driver::admitted(&gate, &request);
    assert_eq!(driver.sent().upstream, "codex");

    driver.upstream(head(429), &[&error("rate_limit_exceeded")]);
    let call = driver.call();
    assert_eq!(call.cluster, "provider");
    assert_eq!(call.json(), json!({"model": "gpt-image-1", "prompt": "a cat", "quality": "low"}));
    assert_eq!(call.header(":path"), Some("/v1/images/generations"));
    assert_eq!(call.header(":authority"), Some("provider.example"));
    assert_eq!(call.header("api-key"), Some(TOKEN));
    assert_eq!(call.header("authorization"), None, "no upstream gets the credential of another");
    assert_eq!(call.header("chatgpt-account-id"), None);
    assert_eq!(call.header("x-request-id"), Some("request-1"));

    let reply = driver.side(0, Some(json_head()), &images()).clone();
    assert_eq!(reply.json()["data"][0]["b64_json"], IMAGE);
    let record = driver.close(Some(200));
    assert_eq!(record["upstream"], "openai");
    assert_eq!(
        record["attempts"],
        json!([{"upstream": "codex", "code": "rate_limit_exceeded", "calls": 1},
            {"upstream": "openai", "code": "ok", "calls": 1}])
    );
    // The higher price of the two is reserved. The upstream that generated is paid.
    assert_eq!(record["reserved_nanodollars"], 500_000_000);
    assert_eq!(record["settled_nanodollars"], 500_000_000);
    drop(driver);
    assert_eq!(budget.used(), 0, "nothing is left over");
}

#[test]
fn the_first_upstream_is_paid_at_its_own_price() {
    let (gate, budget) = two();
    let mut driver = Driver::admitted(&gate, &request());
    driver.upstream(head(200), &[&stream(IMAGE)]);
    let record = driver.close(Some(200));
    assert_eq!((&record["upstream"], record.get("attempts")), (&json!("codex"), None));
    assert_eq!(record["reserved_nanodollars"], 500_000_000);
    assert_eq!(record["settled_nanodollars"], 250_000_000);
    drop(driver);
    assert_eq!(budget.used(), 0);
}

#[test]
fn each_upstream_sets_which_price_is_charged() {
    for (charge_by, settled) in [("asked", 500_000_000), ("served", 900_000_000)] {
        let mut upstreams = upstreams();
        upstreams["openai"]["charge_by"] = json!(charge_by);
        let prices = json!([{"model": "gpt-image-2", "usd": "0.25"},
            {"model": "gpt-image-1", "usd": "0.5"}, {"model": "other", "usd": "0.9"}]);
        let list = json!(["codex", {"name": "openai", "rename": "gpt-image-1"}]);
        let (gate, _) = several(&list, &json!({"upstreams": upstreams, "prices": prices}));
        let mut driver = Driver::admitted(&gate, &request());
        driver.upstream(head(429), &[&error("rate_limit_exceeded")]);
        driver.call();
        let mut answer: Value = serde_json::from_slice(&images()).unwrap();
        answer["model"] = json!("other");
        driver.side(0, Some(json_head()), answer.to_string().as_bytes());
        let record = driver.close(Some(200));
        assert_eq!(record["settled_nanodollars"], settled, "{charge_by}");
        // The request to this upstream named another model.
        assert_eq!(
            (&record["model_served"], &record["price_mismatch"]),
            (&json!("other"), &json!(true))
        );
    }
}

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
        (head(503), cut.to_vec(), "upstream_unreachable"),
        (head(200), stream[..stream.len() / 4].to_vec(), "upstream_disconnected"),
        (head(200), stream[..stream.len() - 60].to_vec(), "upstream_disconnected"),
        (envoy(504, "response_timeout"), Vec::new(), "upstream_timeout"),
        (
            envoy(503, "upstream_reset_before_response_started{connection_termination}"),
            Vec::new(),
            "upstream_unreachable",
        ),
        (
            envoy(503, "upstream_reset_before_response_started{remote_reset}"),
            Vec::new(),
            "upstream_unreachable",
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
fn an_empty_image_takes_no_room_and_does_not_count() {
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
fn a_failure_after_an_image_is_reported() {
    let (gate, _) = two();
    let mut driver = Driver::admitted(&gate, &request());
    let events = done(&item("ig_1", IMAGE)) + &failed("server_error");
    assert_eq!(driver.upstream(head(200), &[events.as_bytes()]).status, 502);
}

#[test]
fn each_image_of_a_request_fails_over_separately() {
    let (gate, budget) = two();
    let mut driver =
        Driver::admitted(&gate, &json!({"prompt": "a cat", "model": "gpt-image-2", "n": 3}));
    driver.calls.clear();
    // Codex serves the first call, limits the second, and refuses the third.
    assert!(driver.upstream(head(200), &[&stream(IMAGE)]).waits() && driver.calls.is_empty());
    driver.side(0, Some(head(429)), &error("rate_limit_exceeded"));
    driver.call();
    driver.side(1, Some(head(404)), b"");
    driver.call();
    assert!(driver.side(2, Some(json_head()), &images()).waits() && driver.calls.is_empty());
    let reply = driver.side(3, Some(head(500)), b"").clone();
    assert_eq!(reply.json()["data"].as_array().unwrap().len(), 2);
    assert_eq!(reply.header("x-imagegate-images-failed"), Some("1"));
    let record = driver.close(Some(200));
    assert_eq!(
        record["attempts"],
        json!([{"upstream": "codex", "code": "rate_limit_exceeded", "calls": 1},
            {"upstream": "codex", "code": "upstream_rejected_request", "calls": 1},
            {"upstream": "codex", "code": "ok", "calls": 1},
            {"upstream": "openai", "code": "ok", "calls": 1},
            {"upstream": "openai", "code": "upstream_error", "calls": 1}])
    );
    assert_eq!(record["reserved_nanodollars"], 1_500_000_000);
    assert_eq!(record["settled_nanodollars"], 750_000_000);
    drop(driver);
    assert_eq!(budget.used(), 0);
}

#[test]
fn a_provider_without_the_model_fails_over() {
    let (gate, _) = several(&json!(["openai", "codex"]), &json!({}));
    let mut driver = Driver::admitted(&gate, &request());
    driver.upstream(head(404), &[&error("model_not_found")]);
    driver.call();
    let generated = driver.side(0, Some(head(200)), &stream(IMAGE)).clone();
    assert_eq!(generated.status, 200);

    let mut driver = Driver::admitted(&gate, &request());
    driver.upstream(head(404), &[&error("model_not_found")]);
    driver.call();
    let text = driver.side(0, Some(head(400)), &error("moderation_blocked")).clone();
    assert_eq!(text.code(), "moderation_blocked");
}

#[test]
fn if_all_upstreams_are_limited_the_shortest_wait_is_reported() {
    let (gate, _) =
        several(&json!(["codex", "openai", "last"]), &json!({"prices": [], "limits": []}));
    let mut driver = Driver::admitted(&gate, &request());
    let limited = |wait: &str| ResponseHead { retry_after: Some(wait.into()), ..head(429) };
    driver.upstream(limited("20"), &[&error("rate_limit_exceeded")]);
    driver.call();
    driver.side(0, Some(limited("7")), &error("rate_limit_exceeded"));
    driver.call();
    let reply = driver.side(1, Some(head(401)), b"").clone();
    assert_eq!((reply.status, reply.code()), (429, json!("rate_limit_exceeded")));
    assert_eq!(reply.header("retry-after"), Some("7"));
    let codes: Vec<_> = driver.close(Some(429))["attempts"].as_array().unwrap().clone();
    let codes: Vec<_> = codes.iter().map(|it| (&it["upstream"], &it["code"])).collect();
    let limited = json!("rate_limit_exceeded");
    assert_eq!(
        codes,
        [
            (&json!("codex"), &limited),
            (&json!("openai"), &limited),
            (&json!("last"), &json!("upstream_authentication_failed"))
        ]
    );
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
fn a_call_that_the_host_does_not_start_goes_to_the_next_upstream() {
    let (gate, budget) = several(&json!(["codex", "openai", "last"]), &json!({"limits": []}));
    let mut driver = Driver::admitted(&gate, &request());
    driver.host.extend([Host::Refuses, Host::Refuses]);
    let client = driver.upstream(head(429), &[&error("rate_limit_exceeded")]);
    assert_eq!(client.code(), "rate_limit_exceeded");
    let called: Vec<_> = driver.calls.iter().map(|it| it.cluster.as_str()).collect();
    assert_eq!(called, ["provider", "last"]);
    drop(driver);
    assert_eq!(budget.used(), 0);
}

#[test]
fn what_arrives_late_on_the_clients_own_stream_is_dropped() {
    let (gate, _) = two();
    let mut driver = Driver::admitted(&gate, &request());
    driver.upstream_head(head(503));
    for bytes in
        [error("server_is_overloaded"), stream(IMAGE), error("moderation_blocked"), Vec::new()]
    {
        assert!(driver.upstream_bytes(&bytes).waits());
        // It may still break, and then Envoy would answer without the filter.
        assert!(driver.calls.is_empty());
    }
    assert!(driver.upstream_end().waits());
    driver.call();
    let reply = driver.side(0, Some(json_head()), &images()).clone();
    assert_eq!(reply.json()["data"].as_array().unwrap().len(), 1);
}

#[test]
fn a_refusal_whose_end_does_not_arrive_is_reported() {
    for n in [1, 2] {
        let (gate, _) = two();
        let request = json!({"prompt": "a cat", "model": "gpt-image-2", "n": n});
        let mut driver = Driver::admitted(&gate, &request);
        driver.upstream_head(head(429));
        driver.response_body(&error("rate_limit_exceeded"), End::Open);
        assert!(driver.tick(after(1)).waits());
        assert_eq!(driver.tick(after(2)).waits(), n == 2);
        if n == 2 {
            driver.side(0, Some(head(400)), &error("moderation_blocked"));
        }
        assert_eq!(driver.client.code(), "rate_limit_exceeded");
        assert_eq!(driver.close(Some(429)).get("attempts"), None);
    }
}

#[test]
fn a_side_call_that_never_left_goes_to_the_next_upstream_at_once() {
    let (gate, _) = two();
    let mut driver = Driver::with_host(&gate, &[Host::Refuses]);
    let request = json!({"prompt": "a cat", "model": "gpt-image-2", "n": 2});
    driver.request(&crate::support::head(&[]), request.to_string().as_bytes());
    let clusters: Vec<_> = driver.take_calls().into_iter().map(|it| it.cluster).collect();
    assert_eq!(clusters, ["codex", "provider"]);
    assert!(driver.upstream(head(200), &[&stream(IMAGE)]).waits() && driver.calls.is_empty());
    let reply = driver.side(1, Some(json_head()), &images()).clone();
    assert_eq!(reply.json()["data"].as_array().unwrap().len(), 2);
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

#[test]
fn a_client_that_streams_gets_its_events_from_the_next_upstream() {
    let (gate, _) = two();
    let request =
        json!({"prompt": "a cat", "model": "gpt-image-2", "stream": true, "partial_images": 2});
    let mut driver = Driver::admitted(&gate, &request);
    driver.upstream(head(429), &[&error("rate_limit_exceeded")]);
    let sent = driver.call().json();
    assert_eq!((sent.get("stream"), sent.get("partial_images")), (None, None));
    let reply = driver.side(0, Some(json_head()), &images()).clone();
    let words = String::from_utf8(reply.body).unwrap();
    assert!(words.starts_with("event: image_generation.completed\n"), "{words}");
    assert!(words.contains(IMAGE));
    assert_eq!(driver.close(Some(200))["settled_nanodollars"], 500_000_000);
}

#[test]
fn a_client_that_streams_gets_a_status_if_all_upstreams_refuse() {
    let (gate, _) = two();
    let mut driver = Driver::admitted(
        &gate,
        &json!({"prompt": "a cat", "model": "gpt-image-2", "stream": true}),
    );
    driver.upstream(head(404), &[b""]);
    driver.call();
    let reply = driver.side(0, Some(head(401)), b"").clone();
    assert_eq!(reply.status, 502);
    assert_eq!(driver.close(Some(502))["settled_nanodollars"], 0);
}

#[test]
fn a_stream_that_has_opened_stays_with_its_upstream() {
    let (gate, _) = two();
    let request =
        json!({"prompt": "a cat", "model": "gpt-image-2", "stream": true, "partial_images": 1});
    let mut driver = Driver::admitted(&gate, &request);
    driver.upstream_head(head(200));
    assert_eq!(driver.upstream_bytes(preview(0, "UFJFVklFVw==").as_bytes()).status, 200);
    let client = driver.upstream_bytes(failed("rate_limit_exceeded").as_bytes());
    assert!(client.text().contains("rate_limit_exceeded"));
    assert!(driver.calls.is_empty());
}

#[test]
fn a_kept_alive_response_fails_over_until_its_first_space() {
    let failed = failed("rate_limit_exceeded");
    let list = json!(["codex", "openai"]);
    let (gate, _) = several(&list, &json!({"keepalive": "5s", "limits": []}));
    let mut driver = Driver::admitted(&gate, &request());
    driver.upstream(head(200), &[failed.as_bytes()]);
    driver.call();
    let reply = driver.side(0, Some(json_head()), &images()).clone();
    assert_eq!(reply.status, 200);

    let mut driver = Driver::admitted(&gate, &request());
    driver.upstream_head(head(200));
    driver.now = after(6);
    assert_eq!(driver.upstream_bytes(b": ping\n\n").text(), " ");
    let client = driver.upstream_bytes(failed.as_bytes());
    assert!(!client.at_once && client.text().contains("rate_limit_exceeded"));
    assert!(driver.calls.is_empty());
}

#[test]
fn each_call_has_its_own_timeout_and_the_longest_ends_all() {
    let (gate, _) = two();
    let mut driver = Driver::admitted(&gate, &request());
    let patience = driver
        .sent()
        .headers
        .iter()
        .find(|(name, _)| name == "x-envoy-upstream-rq-timeout-ms")
        .unwrap();
    assert_eq!(patience.1, b"65000", "its own timeout, and Envoy's grace");
    // The first upstream is silent for its 60 s. It may be generating.
    let reply = driver.tick(after(60));
    assert_eq!(reply.code(), "upstream_timeout");

    let mut driver = Driver::admitted(&gate, &request());
    driver.now = after(50);
    driver.upstream(head(429), &[&error("rate_limit_exceeded")]);
    let timeout = driver.call().timeout;
    assert_eq!(timeout, Duration::from_secs(45), "40 s are left, and Envoy's grace");
    assert!(driver.tick(after(89)).waits());
    assert!(!driver.tick(after(90)).waits());
}

#[test]
fn an_upstream_whose_model_cannot_serve_the_request_is_skipped() {
    let list = json!(["codex", {"name": "openai", "rename": "gpt-image-1"}]);
    let (gate, _) = several(&list, &json!({}));
    // gpt-image-1 does not have this size.
    let request = json!({"prompt": "a cat", "model": "gpt-image-2", "size": "2048x1152"});
    let mut driver = Driver::admitted(&gate, &request);
    let reply = driver.upstream(head(429), &[&error("rate_limit_exceeded")]).clone();
    assert_eq!(reply.status, 429);
    assert_eq!(driver.close(Some(429))["reserved_nanodollars"], 250_000_000);

    let list = json!([{"name": "openai", "rename": "gpt-image-1"}, "codex"]);
    let (gate, _) = several(&list, &json!({}));
    assert_eq!(Driver::admitted(&gate, &request).sent().upstream, "codex");
}

#[test]
fn each_upstream_needs_a_price_if_a_budget_applies() {
    let list = json!(["codex", {"name": "openai", "rename": "unknown-model"}]);
    let (gate, _) = several(&list, &json!({}));
    let reply = Driver::rejected(&gate, &request());
    assert_eq!((reply.status, reply.code()), (403, json!("price_unavailable")));
}

#[test]
fn the_request_stays_in_memory_only_while_another_upstream_may_be_called() {
    let (gate, budget) = two();
    let image = format!("iVBORw0KGgo{}", "A".repeat(1 << 20));
    let request = json!({"prompt": "a cat", "model": "gpt-image-2", "images": [image]});
    let mut driver = Driver::admitted(&gate, &request);
    let before = budget.used();
    driver.upstream_head(head(200));
    let item = done(&item("ig_1", IMAGE));
    // The copy that was sent is freed at the head, the request at the first byte of an image.
    let after_head = budget.used();
    driver.upstream_bytes(item.as_bytes());
    assert!(before - after_head >= 1 << 20, "{before} {after_head}");
    assert!(after_head - budget.used() >= 2 << 20, "{after_head} {}", budget.used());
    drop(driver);
    assert_eq!(budget.used(), 0);
}

#[test]
fn a_client_that_leaves_between_two_upstreams_is_charged_nothing() {
    let (gate, budget) = two();
    let mut driver = Driver::admitted(&gate, &request());
    driver.upstream(head(429), &[b""]);
    driver.call();
    let record = driver.close(None);
    assert_eq!(record["code"], "client_closed_request");
    assert_eq!(record["settled_nanodollars"], 0);
    assert_eq!(
        record["attempts"],
        json!([{"upstream": "codex", "code": "rate_limit_exceeded", "calls": 1},
            {"upstream": "openai", "code": "client_closed_request", "calls": 1}])
    );
    assert_eq!(record["upstream"], "openai", "the one that may have generated");
    drop(driver);
    assert_eq!(budget.used(), 0);
}

#[test]
fn the_metrics_count_each_upstream_separately() {
    let (gate, _) = two();
    let mut driver = Driver::admitted(&gate, &request());
    driver.upstream(head(503), &[b""]);
    driver.call();
    driver.side(0, Some(head(401)), b"");
    let names = driver.count_names();
    for name in [
        "imagegate_upstream_errors_total.kind.server_is_overloaded.upstream.codex",
        "imagegate_failovers_total.upstream.codex",
        "imagegate_upstream_errors_total.kind.upstream_authentication_failed.upstream.openai",
    ] {
        assert!(names.iter().any(|it| it == name), "{name} {names:?}");
    }
    assert!(!names.iter().any(|it| it == "imagegate_failovers_total.upstream.openai"));
}

/// What an upstream does to a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Does {
    Generates,
    Refuses,
    Blocks,
    Breaks,
}

fn does() -> impl Strategy<Value = Does> {
    prop_oneof![Just(Does::Generates), Just(Does::Refuses), Just(Does::Blocks), Just(Does::Breaks)]
}

fn response(does: Does, responses: bool) -> (Option<ResponseHead>, Vec<u8>) {
    match does {
        Does::Generates if responses => (Some(head(200)), stream(IMAGE)),
        Does::Generates => (Some(json_head()), images()),
        Does::Refuses => (Some(head(503)), Vec::new()),
        Does::Blocks => (Some(head(400)), error("moderation_blocked")),
        Does::Breaks => (None, Vec::new()),
    }
}

proptest! {
    /// For anything that three upstreams do to each of `n` calls, in any order: each call generates
    /// one image at most, no upstream is called after one that did not refuse, and each image is
    /// delivered and paid.
    #[test]
    fn each_image_is_generated_at_most_once(
        script in prop::collection::vec(prop::collection::vec(does(), 3), 1..4),
        order in prop::collection::vec(any::<prop::sample::Index>(), 12),
    ) {
        let list = json!(["codex", {"name": "openai", "rename": "gpt-image-1"}, "last"]);
        let limits = json!([{"name": "budget", "per": "user", "unit": "usd", "max": "100",
            "window": "day"}]);
        let (gate, budget) = several(&list, &json!({"limits": limits}));
        let n = script.len();
        let request = json!({"prompt": "a cat", "model": "gpt-image-2", "n": n});
        let mut driver = Driver::admitted(&gate, &request);
        // A call in flight: its token (`None` for the client's own stream), its place, and its
        // upstream.
        let mut in_flight: Vec<(Option<u32>, usize, usize)> =
            (0..n).map(|place| (u32::try_from(place).unwrap().checked_sub(1), place, 0)).collect();
        driver.calls.clear();
        let mut generated = 0;
        for pick in order {
            if in_flight.is_empty() {
                break;
            }
            let (call, place, upstream) = in_flight.remove(pick.index(in_flight.len()));
            let does = script[place][upstream];
            generated += usize::from(does == Does::Generates);
            let (head, bytes) = response(does, upstream != 1);
            // Envoy resets the client's stream itself.
            let reset = || envoy(503, "upstream_reset_before_response_started{remote_reset}");
            match call {
                Some(call) => driver.side(call, head, &bytes),
                None => driver.upstream(head.unwrap_or_else(reset), &[&bytes]),
            };
            let started = driver.take_calls();
            let moves_on = does == Does::Refuses && upstream < 2;
            prop_assert_eq!(started.len(), usize::from(moves_on), "{:?}", started);
            for call in started {
                prop_assert_eq!(call.cluster, ["codex", "provider", "last"][upstream + 1]);
                in_flight.push((Some(call.token), place, upstream + 1));
            }
        }
        prop_assert!(in_flight.is_empty());
        let images = driver.client.json()["data"].as_array().map_or(0, Vec::len);
        prop_assert_eq!(images, generated);
        let record = driver.close(Some(driver.client.status));
        prop_assert_eq!(&record["images_delivered"], generated);
        let [settled, reserved] = ["settled_nanodollars", "reserved_nanodollars"]
            .map(|name| record[name].as_u64());
        prop_assert!(settled <= reserved);
        prop_assert_eq!(settled > Some(0), generated > 0);
        drop(driver);
        prop_assert_eq!(budget.used(), 0);
    }
}

/// A provider that takes edits as forms takes no image by its URL. Codex does.
#[test]
fn an_edit_fails_over_as_a_form_and_skips_upstreams_that_cannot_take_it() {
    let edit = |url: &str| json!({"prompt": "p", "model": "gpt-image-2", "images": [url]});
    let (gate, budget) = several(&json!(["codex", "openai"]), &json!({}));
    let mut driver = Driver::admitted(&gate, &edit("data:image/png;base64,iVBORw0KGgo="));
    driver.upstream(head(429), &[&error("rate_limit_exceeded")]);
    let call = driver.call();
    let content_type = call.header("content-type").unwrap();
    assert!(content_type.starts_with("multipart/form-data; boundary="));
    let form = String::from_utf8_lossy(&call.body);
    assert!(form.contains("name=\"image\"; filename=\"image-1.png\""), "{form}");
    assert_eq!(driver.side(0, Some(json_head()), &images()).status, 200);
    driver.close(Some(200));
    drop(driver);

    let by_url = edit("https://example.com/a.png");
    let (other_gate, other) = several(&json!(["openai", "codex"]), &json!({}));
    assert_eq!(Driver::admitted(&other_gate, &by_url).sent().upstream, "codex");
    let (gate, _) = several(&json!("openai"), &json!({}));
    let rejected = Driver::rejected(&gate, &by_url);
    assert_eq!((rejected.status, rejected.code()), (400, json!("invalid_image_url")));
    assert_eq!((budget.used(), other.used()), (0, 0));
}

/// If a provider's stream begins with a refusal, the client's head is still held. If it begins with
/// a preview, the head has left.
#[test]
fn a_providers_stream_fails_over_before_its_first_preview() {
    let mut upstreams = upstreams();
    upstreams["openai"]["stream"] = json!("send");
    let (gate, budget) = several(&json!(["openai", "codex"]), &json!({"upstreams": upstreams}));
    let request = json!({"prompt": "a cat", "model": "gpt-image-2", "stream": true,
        "partial_images": 1});
    let refusal = event(&json!({"type": "error", "error": {"code": "rate_limit_exceeded"}}));
    let mut driver = Driver::admitted(&gate, &request);
    assert_eq!(driver.sent_json()["stream"], true);
    driver.upstream(head(200), &[refusal.as_bytes()]);
    let text = String::from_utf8(driver.call().body).unwrap();
    assert!(!text.contains("partial_images"), "{text}");
    let events = driver.side(0, Some(head(200)), &stream(IMAGE)).text();
    assert!(events.starts_with("event: image_generation.completed\n"), "{events}");
    assert_eq!(driver.close(Some(200))["upstream"], "codex");
    drop(driver);

    let preview = event(&json!({"type": "image_generation.partial_image",
        "b64_json": IMAGE, "partial_image_index": 0}));
    let mut driver = Driver::admitted(&gate, &request);
    driver.upstream_head(head(200));
    assert_eq!(driver.upstream_bytes(preview.as_bytes()).status, 200);
    let client = driver.upstream_bytes(refusal.as_bytes());
    assert!(client.text().contains("\"code\":\"rate_limit_exceeded\""));
    assert!(driver.calls.is_empty());
    assert_eq!(driver.close(Some(200))["settled_nanodollars"], 0);
    drop(driver);
    assert_eq!(budget.used(), 0);
}

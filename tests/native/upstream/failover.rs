//! Several upstreams for one model: when the next one is asked, for what, and what it costs.

use std::rc::Rc;
use std::time::Duration;

use crate::support::{NOW, TOKEN, ask, body, gate, stream};
use imagegate::exchange::{
    End, Exchange, Forward, Gate, LocalReply, OnAnswer, OnFailover, OnResponseBody,
    OnResponseHeaders, ResponseHead, SideBatch,
};
use imagegate::memory::Budget;
use proptest::prelude::*;
use serde_json::{Value, json};

const PICTURE: &str = "iVBORw0KGgo=";

/// Three upstreams that never rest: each test of fail-over wants all of them asked.
fn upstreams() -> Value {
    json!({
        "codex": {"authority": "chatgpt.example", "timeout": "60s", "max_rest": "0s",
            "credential": {"bearer_env": "TOKEN", "account_id_env": "ACCOUNT"}},
        "openai": {"api": "images", "authority": "provider.example", "cluster": "provider",
            "credential": {"key_env": "TOKEN", "header": "api-key"}, "timeout": "90s", "max_rest": "0s"},
        "last": {"authority": "last.example", "credential": "envoy", "timeout": "30s",
            "max_rest": "0s"},
    })
}

/// A gate whose models go to the upstreams `list`, with `more` laid over the document.
fn several(list: &Value, more: &Value) -> (Rc<Gate>, Budget) {
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

fn two() -> (Rc<Gate>, Budget) {
    several(&json!(["codex", {"name": "openai", "rename": "gpt-image-1"}]), &json!({}))
}

/// An exchange that waits for its upstream.
fn asked(gate: &Rc<Gate>, request: &Value) -> (Exchange, Forward) {
    let mut exchange = Exchange::new(Rc::clone(gate));
    let forward = ask(&mut exchange, request).unwrap_or_else(|reply| panic!("{}", body(&reply)));
    let calls = forward.side_calls.as_ref().map_or(0, |calls| calls.count);
    (0..calls).for_each(|call| exchange.side_call_started(Some(call)));
    (exchange, forward)
}

fn head(status: u16) -> ResponseHead {
    let media_type = if status == 200 { "text/event-stream" } else { "application/json" };
    ResponseHead { status, content_type: Some(media_type.into()), ..ResponseHead::default() }
}

fn json_head() -> ResponseHead {
    ResponseHead { content_type: Some(b"application/json".to_vec()), ..head(200) }
}

/// An answer of Envoy's own.
fn envoy(status: u16, details: &str) -> ResponseHead {
    ResponseHead { envoy_details: Some(details.to_owned()), ..head(status) }
}

fn error(code: &str) -> Vec<u8> {
    json!({"error": {"code": code, "type": code, "message": "no", "param": null}})
        .to_string()
        .into_bytes()
}

fn pictures() -> Vec<u8> {
    json!({"created": 1, "data": [{"b64_json": PICTURE}], "quality": "low", "size": "1024x1024"})
        .to_string()
        .into_bytes()
}

/// What came of an event.
#[derive(Debug)]
enum Came {
    Held,
    Calls(Vec<SideBatch>),
    Answer(LocalReply),
}

/// Does as the shell does behind a hold; calls get the tokens from `token` on.
fn wait(exchange: &mut Exchange, mut token: u32) -> Came {
    let mut calls = Vec::new();
    loop {
        match exchange.fail_over(NOW) {
            OnFailover::Call { batch, .. } => {
                calls.push(batch);
                exchange.side_call_started(Some(token));
                token += 1;
            }
            OnFailover::Reply(reply) => return Came::Answer(reply),
            OnFailover::Hold if calls.is_empty() => return Came::Held,
            OnFailover::Hold => return Came::Calls(calls),
        }
    }
}

/// Gives the client's own stream a whole response.
fn own(exchange: &mut Exchange, head: ResponseHead, bytes: &[u8], token: u32) -> Came {
    match exchange.response_headers(head, End::Open, NOW) {
        OnResponseHeaders::Hold => {}
        OnResponseHeaders::Reply(reply) => return Came::Answer(reply),
        OnResponseHeaders::Pass | OnResponseHeaders::Restore(_) => panic!("nobody waits"),
    }
    match wait(exchange, token) {
        Came::Held => {}
        other => return other,
    }
    for (chunk, end) in [(bytes.to_vec(), End::Open), (Vec::new(), End::Stream)] {
        match exchange.response_body(chunk, end, NOW) {
            OnResponseBody::Reply(reply) => return Came::Answer(reply),
            OnResponseBody::Hold => match wait(exchange, token) {
                Came::Held => {}
                other => return other,
            },
            other => panic!("{other:?}"),
        }
    }
    Came::Held
}

/// Gives a side call a whole response, or a reset.
fn side(exchange: &mut Exchange, call: u32, head: Option<ResponseHead>, bytes: &[u8]) -> Came {
    exchange.side_call_headers(call, head, NOW);
    exchange.side_call_body(call, bytes.to_vec(), NOW);
    match exchange.side_call_end(call, NOW) {
        OnAnswer::Reply(reply) => Came::Answer(reply),
        OnAnswer::Hold => wait(exchange, call + 100),
        OnAnswer::Pass => panic!("nobody waits"),
    }
}

fn calls(came: Came) -> Vec<SideBatch> {
    match came {
        Came::Calls(calls) => calls,
        other => panic!("{other:?}"),
    }
}

fn reply(came: Came) -> LocalReply {
    match came {
        Came::Answer(reply) => reply,
        other => panic!("{other:?}"),
    }
}

fn record(exchange: &mut Exchange, status: Option<u16>) -> Value {
    serde_json::from_slice(&exchange.finish(status, NOW).unwrap()).unwrap()
}

fn code(reply: &LocalReply) -> String {
    body(reply)["error"]["code"].as_str().unwrap_or_default().to_owned()
}

#[test]
fn the_next_upstream_is_asked_in_its_own_terms() {
    let (gate, budget) = two();
    let request =
        json!({"prompt": "a cat", "model": "gpt-image-2", "quality": "low", "user": "acme"});
    let (mut exchange, forward) = asked(&gate, &request);
    assert_eq!(forward.upstream, "codex");

    let calls = calls(own(&mut exchange, head(429), &error("rate_limit_exceeded"), 50));
    let [batch] = calls.as_slice() else { panic!("{calls:?}") };
    assert_eq!((batch.calls.count, batch.calls.cluster.as_str()), (1, "provider"));
    assert_eq!(
        serde_json::from_slice::<Value>(&batch.body).unwrap(),
        json!({"model": "gpt-image-1", "prompt": "a cat", "quality": "low"})
    );
    let value = |name: &str| {
        let found = batch.calls.headers.iter().find(|(it, _)| it == name);
        found.map(|(_, value)| value.as_str())
    };
    assert_eq!(value(":path"), Some("/v1/images/generations"));
    assert_eq!(value(":authority"), Some("provider.example"));
    assert_eq!(value("api-key"), Some(TOKEN));
    assert_eq!(value("authorization"), None, "the credential of one upstream is none of another's");
    assert_eq!(value("chatgpt-account-id"), None);
    assert_eq!(value("x-request-id"), Some("request-1"));

    let reply = reply(side(&mut exchange, 50, Some(json_head()), &pictures()));
    assert_eq!(body(&reply)["data"][0]["b64_json"], PICTURE);
    let record = record(&mut exchange, Some(200));
    assert_eq!(record["upstream"], "openai");
    assert_eq!(
        record["attempts"],
        json!([{"upstream": "codex", "code": "rate_limit_exceeded", "calls": 1},
            {"upstream": "openai", "code": "ok", "calls": 1}])
    );
    // The dearer of the two is reserved; the one that drew is paid.
    assert_eq!(record["reserved_nanodollars"], 500_000_000);
    assert_eq!(record["settled_nanodollars"], 500_000_000);
    drop(exchange);
    assert_eq!(budget.used(), 0, "nothing stays behind");
}

#[test]
fn the_first_upstream_is_paid_at_its_own_price() {
    let (gate, budget) = two();
    let (mut exchange, _) = asked(&gate, &json!({"prompt": "a cat", "model": "gpt-image-2"}));
    reply(own(&mut exchange, head(200), &stream(PICTURE), 50));
    let record = record(&mut exchange, Some(200));
    assert_eq!((&record["upstream"], record.get("attempts")), (&json!("codex"), None));
    assert_eq!(record["reserved_nanodollars"], 500_000_000);
    assert_eq!(record["settled_nanodollars"], 250_000_000);
    drop(exchange);
    assert_eq!(budget.used(), 0);
}

#[test]
fn each_upstream_says_itself_whose_price_is_charged() {
    for (charge_by, settled) in [("asked", 500_000_000), ("served", 900_000_000)] {
        let mut upstreams = upstreams();
        upstreams["openai"]["charge_by"] = json!(charge_by);
        let prices = json!([{"model": "gpt-image-2", "usd": "0.25"},
            {"model": "gpt-image-1", "usd": "0.5"}, {"model": "other", "usd": "0.9"}]);
        let list = json!(["codex", {"name": "openai", "rename": "gpt-image-1"}]);
        let (gate, _) = several(&list, &json!({"upstreams": upstreams, "prices": prices}));
        let (mut exchange, _) = asked(&gate, &json!({"prompt": "a cat", "model": "gpt-image-2"}));
        calls(own(&mut exchange, head(429), &error("rate_limit_exceeded"), 50));
        let mut answer: Value = serde_json::from_slice(&pictures()).unwrap();
        answer["model"] = json!("other");
        reply(side(&mut exchange, 50, Some(json_head()), answer.to_string().as_bytes()));
        let record = record(&mut exchange, Some(200));
        assert_eq!(record["settled_nanodollars"], settled, "{charge_by}");
        // It is another model than the one that this upstream was asked for.
        assert_eq!(
            (&record["model_served"], &record["price_mismatch"]),
            (&json!("other"), &json!(true))
        );
    }
}

#[test]
fn each_way_to_refuse_has_the_next_upstream_asked() {
    let event = |data: Value| crate::support::event(&data).into_bytes();
    let failed = |code: &str| {
        event(json!({"type": "response.failed", "response": {"status": "failed",
            "error": {"code": code, "message": "no"}}}))
    };
    let tool = error("x");
    let tool = String::from_utf8(tool).unwrap();
    let tool = tool.replace("\"no\"", "\"Tool choice 'image_generation' not found in 'tools'\"");
    // Everybody got this during an outage (openai/codex#25966).
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
        let (mut exchange, _) = asked(&gate, &json!({"prompt": "a cat", "model": "gpt-image-2"}));
        let words = format!("{head:?} {}", String::from_utf8_lossy(&bytes));
        match own(&mut exchange, head, &bytes, 50) {
            Came::Calls(calls) => assert_eq!(calls.len(), 1, "{words}"),
            other => panic!("{words} {other:?}"),
        }
        let reply = reply(side(&mut exchange, 50, Some(json_head()), &pictures()));
        assert_eq!(reply.status, 200, "{words}");
    }
}

/// Upstreams quote the name that they were sent, which is the operator's.
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
    let of_events = |events: &[&Value]| {
        events.iter().map(|it| crate::support::event(it)).collect::<String>().into_bytes()
    };
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
            let (mut exchange, forward) = asked(&gate, &request);
            assert!(String::from_utf8_lossy(&forward.body).contains("secret-1"));
            let reply = reply(own(&mut exchange, head.clone(), &bytes, 50));
            let told = body(&reply)["error"]["message"].as_str().unwrap().to_owned();
            assert_eq!(reply.status, 400, "{told}");
            assert!(told.contains(expected), "{told}");
            assert!(!told.contains("secret-1"), "{told}");
            // The text model of another upstream is a word like any other.
            assert_eq!(told.contains("gpt-6-luna"), upstream == "openai", "{told}");
        }
    }
}

/// The same of what this gateway says itself.
#[test]
fn a_refusal_before_the_upstream_is_asked_names_no_renamed_model() {
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
            let refused = ask(&mut Exchange::new(Rc::clone(&gate)), &request).unwrap_err();
            let told = String::from_utf8(refused.body).unwrap();
            assert_eq!(refused.status, 400, "{told}");
            assert!(!told.contains("gpt-image"), "{told}");
        }
    }
}

#[test]
fn what_may_be_drawn_or_is_the_clients_fault_is_asked_of_nobody_else() {
    let cut = b"upstream connect error or disconnect/reset before headers. reset reason: connection termination";
    let stream = stream(PICTURE);
    let drawn = |kind: &str| {
        let event = json!({"type": kind, "output_index": 0, "partial_image_index": 0,
            "partial_image_b64": "UFJFVklFVw=="});
        let failed = json!({"type": "response.failed", "response": {"status": "failed",
            "error": {"code": "server_error", "message": "no"}}});
        (crate::support::event(&event) + &crate::support::event(&failed)).into_bytes()
    };
    let finished = || {
        let item = json!({"type": "response.output_item.done", "output_index": 0, "item":
            {"id": "ig_1", "type": "image_generation_call", "status": "completed", "result": null}});
        let failed = json!({"type": "response.failed", "response": {"status": "failed",
            "error": {"code": "server_error", "message": "no"}}});
        (crate::support::event(&item) + &crate::support::event(&failed)).into_bytes()
    };
    let failure_event = crate::support::event(&json!({"type": "response.failed", "response":
        {"status": "failed", "error": {"code": "server_error", "message": "no"}}}));
    let failure_event = failure_event.into_bytes();
    for (head, bytes, expected) in [
        (head(400), error("moderation_blocked"), "moderation_blocked"),
        (head(500), error("moderation_blocked"), "moderation_blocked"),
        (head(400), error("invalid_prompt"), "invalid_prompt"),
        (head(413), Vec::new(), "request_too_large"),
        (head(504), Vec::new(), "upstream_timeout"),
        (head(524), b"<html>".to_vec(), "upstream_timeout"),
        // A gateway whose own upstream may have broken off.
        (head(502), b"<html>".to_vec(), "upstream_error"),
        (head(520), Vec::new(), "upstream_error"),
        (head(502), error("upstream_disconnected"), "upstream_error"),
        (ResponseHead { status: 202, ..json_head() }, error("server_error"), "upstream_error"),
        (head(200), finished(), "upstream_error"),
        (head(500), error("invalid_prompt"), "invalid_prompt"),
        // Whatever failed may have failed behind the image.
        (head(500), error("server_error"), "upstream_error"),
        (head(500), b"<html>".to_vec(), "upstream_error"),
        (head(502), error("server_error"), "upstream_error"),
        (head(200), failure_event, "upstream_error"),
        (head(409), Vec::new(), "server_is_overloaded"),
        (head(429), b"local_rate_limited".to_vec(), "rate_limit_exceeded"),
        (head(403), b"RBAC: access denied".to_vec(), "upstream_authentication_failed"),
        // An answer that ignores `stream`, cut in its image.
        (
            json_head(),
            b"{\"output\":[{\"type\":\"image_generation_call\",\"result\":\"AA".to_vec(),
            "upstream_disconnected",
        ),
        // The tool has drawn, whatever becomes of the response.
        (head(200), drawn("response.image_generation_call.completed"), "upstream_error"),
        (head(200), drawn("response.image_generation_call.partial_image"), "upstream_error"),
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
        // Refused by the mesh itself, which must not be gone around.
        (envoy(429, "request_rate_limited"), Vec::new(), "rate_limit_exceeded"),
        (envoy(403, "rbac_access_denied"), Vec::new(), "request_denied"),
    ] {
        let (gate, _) = two();
        let (mut exchange, _) = asked(&gate, &json!({"prompt": "a cat", "model": "gpt-image-2"}));
        let words = format!("{head:?} {}", String::from_utf8_lossy(&bytes));
        match own(&mut exchange, head, &bytes, 50) {
            Came::Answer(reply) => assert_eq!(code(&reply), expected, "{words}"),
            other => panic!("{words} {other:?}"),
        }
        let record = record(&mut exchange, Some(502));
        assert_eq!(
            (&record["upstream"], record.get("attempts")),
            (&json!("codex"), None),
            "{words}"
        );
        assert_eq!(record["settled_nanodollars"], 0, "{words}");
    }
}

#[test]
fn a_provider_that_may_have_drawn_is_not_asked_behind() {
    let job = json!({"id": "job_1", "status": "queued", "message": "being drawn"});
    let hosted = json!({"created": 1, "images": [{"url": "https://example.com"}], "message": "ok"});
    let preview = json!({"type": "image_generation.partial_image", "partial_image_index": 0,
        "b64_json": PICTURE});
    let failed = json!({"type": "error", "error": {"code": "server_error", "message": "no"}});
    let events = crate::support::event(&preview) + &crate::support::event(&failed);
    for (head, bytes) in [
        (ResponseHead { status: 202, ..json_head() }, job.to_string()),
        (json_head(), job.to_string()),
        (json_head(), hosted.to_string()),
        (head(200), events),
    ] {
        let (gate, _) = several(&json!(["openai", "codex"]), &json!({}));
        let (mut exchange, _) = asked(&gate, &json!({"prompt": "a cat", "model": "gpt-image-2"}));
        let told = reply(own(&mut exchange, head, bytes.as_bytes(), 50));
        assert_eq!(told.status, 502, "{bytes}");
    }
    let (gate, _) = several(&json!(["openai", "codex"]), &json!({}));
    let (mut exchange, _) = asked(&gate, &json!({"prompt": "a cat", "model": "gpt-image-2"}));
    assert_eq!(calls(own(&mut exchange, json_head(), &error("rate_limit_exceeded"), 50)).len(), 1);
}

#[test]
fn an_empty_picture_takes_nobodys_room_and_is_no_picture() {
    let (gate, budget) = two();
    let (mut exchange, _) = asked(&gate, &json!({"prompt": "a cat", "model": "gpt-image-2"}));
    exchange.response_headers(head(200), End::Open, NOW);
    let before = budget.used();
    let added =
        crate::support::event(&json!({"type": "response.output_item.added", "output_index": 0,
        "item": crate::support::item("ig_1", "")}));
    exchange.response_body(added.replace("completed", "in_progress").into_bytes(), End::Open, NOW);
    assert_eq!(budget.used(), before, "the room of the picture that is to come");
    let failed = json!({"type": "response.failed", "response": {"status": "failed",
        "error": {"code": "rate_limit_exceeded", "message": "no"}}});
    exchange.response_body(crate::support::event(&failed).into_bytes(), End::Stream, NOW);
    assert_eq!(calls(wait(&mut exchange, 50)).len(), 1);
}

#[test]
fn a_failure_behind_a_part_of_the_picture_is_told() {
    let (gate, _) = two();
    let (mut exchange, _) = asked(&gate, &json!({"prompt": "a cat", "model": "gpt-image-2"}));
    let drawn =
        crate::support::event(&json!({"type": "response.output_item.done", "output_index": 0,
        "item": crate::support::item("ig_1", PICTURE)}));
    let failed = crate::support::event(&json!({"type": "response.failed", "response": {
        "status": "failed", "error": {"code": "server_error", "message": "no"}}}));
    let reply = reply(own(&mut exchange, head(200), (drawn + &failed).as_bytes(), 50));
    assert_eq!(reply.status, 502);
}

#[test]
fn each_image_of_a_request_moves_on_by_itself() {
    let (gate, budget) = two();
    let (mut exchange, _) =
        asked(&gate, &json!({"prompt": "a cat", "model": "gpt-image-2", "n": 3}));
    // The first call of codex draws, the second is over its limit, the third is refused everywhere.
    assert!(matches!(own(&mut exchange, head(200), &stream(PICTURE), 50), Came::Held));
    let second = calls(side(&mut exchange, 0, Some(head(429)), &error("rate_limit_exceeded")));
    assert_eq!(second.len(), 1);
    let third = calls(side(&mut exchange, 1, Some(head(404)), b""));
    assert_eq!(third.len(), 1);
    assert!(matches!(side(&mut exchange, 100, Some(json_head()), &pictures()), Came::Held));
    let reply = reply(side(&mut exchange, 101, Some(head(500)), b""));
    assert_eq!(body(&reply)["data"].as_array().unwrap().len(), 2);
    let failed = reply.headers.iter().find(|(name, _)| *name == "x-imagegate-images-failed");
    assert_eq!(failed.unwrap().1, "1");
    let record = record(&mut exchange, Some(200));
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
    drop(exchange);
    assert_eq!(budget.used(), 0);
}

#[test]
fn a_provider_that_has_not_got_the_model_is_passed_over() {
    let (gate, _) = several(&json!(["openai", "codex"]), &json!({}));
    let (mut exchange, _) = asked(&gate, &json!({"prompt": "a cat", "model": "gpt-image-2"}));
    assert_eq!(calls(own(&mut exchange, head(404), &error("model_not_found"), 50)).len(), 1);
    let drawn = reply(side(&mut exchange, 50, Some(head(200)), &stream(PICTURE)));
    assert_eq!(drawn.status, 200);

    let (mut exchange, _) = asked(&gate, &json!({"prompt": "a cat", "model": "gpt-image-2"}));
    calls(own(&mut exchange, head(404), &error("model_not_found"), 50));
    let told = reply(side(&mut exchange, 50, Some(head(400)), &error("moderation_blocked")));
    assert_eq!(code(&told), "moderation_blocked");
}

#[test]
fn where_all_refuse_the_shortest_wait_is_told() {
    let (gate, _) =
        several(&json!(["codex", "openai", "last"]), &json!({"prices": [], "limits": []}));
    let (mut exchange, _) = asked(&gate, &json!({"prompt": "a cat", "model": "gpt-image-2"}));
    let limited = |wait: &str| ResponseHead { retry_after: Some(wait.into()), ..head(429) };
    calls(own(&mut exchange, limited("20"), &error("rate_limit_exceeded"), 50));
    calls(side(&mut exchange, 50, Some(limited("7")), &error("rate_limit_exceeded")));
    let reply = reply(side(&mut exchange, 150, Some(head(401)), b""));
    assert_eq!((reply.status, code(&reply).as_str()), (429, "rate_limit_exceeded"));
    let wait = reply.headers.iter().find(|(name, _)| *name == "retry-after").unwrap();
    assert_eq!(wait.1, "7");
    let codes: Vec<_> = record(&mut exchange, Some(429))["attempts"].as_array().unwrap().clone();
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
    let (mut exchange, _) = asked(&gate, &json!({"prompt": "a cat", "model": "gpt-image-2"}));
    calls(own(&mut exchange, head(429), b"", 50));
    let reply = reply(side(&mut exchange, 50, None, b""));
    assert_eq!(code(&reply), "upstream_disconnected");
}

#[test]
fn a_call_that_the_host_refuses_goes_to_the_next_upstream() {
    let (gate, budget) = several(&json!(["codex", "openai", "last"]), &json!({"limits": []}));
    let (mut exchange, _) = asked(&gate, &json!({"prompt": "a cat", "model": "gpt-image-2"}));
    exchange.response_headers(head(429), End::Open, NOW);
    exchange.response_body(error("rate_limit_exceeded"), End::Stream, NOW);
    let mut asked = Vec::new();
    let told = loop {
        match exchange.fail_over(NOW) {
            OnFailover::Call { batch, .. } => {
                asked.push(batch.calls.cluster);
                exchange.side_call_started(None);
            }
            OnFailover::Reply(reply) => break reply,
            OnFailover::Hold => panic!("nothing is under way"),
        }
    };
    assert_eq!(asked, ["provider", "last"]);
    assert_eq!(code(&told), "rate_limit_exceeded");
    drop(exchange);
    assert_eq!(budget.used(), 0);
}

#[test]
fn what_still_comes_on_the_clients_own_stream_is_dropped() {
    let (gate, _) = two();
    let (mut exchange, _) = asked(&gate, &json!({"prompt": "a cat", "model": "gpt-image-2"}));
    exchange.response_headers(head(503), End::Open, NOW);
    for bytes in
        [error("server_is_overloaded"), stream(PICTURE), error("moderation_blocked"), Vec::new()]
    {
        assert!(matches!(exchange.response_body(bytes, End::Open, NOW), OnResponseBody::Hold));
        // It may still break, and Envoy would answer past the filter.
        assert!(matches!(wait(&mut exchange, 50), Came::Held));
    }
    assert!(matches!(exchange.response_body(Vec::new(), End::Stream, NOW), OnResponseBody::Hold));
    calls(wait(&mut exchange, 50));
    let reply = reply(side(&mut exchange, 50, Some(json_head()), &pictures()));
    assert_eq!(body(&reply)["data"].as_array().unwrap().len(), 1);
}

#[test]
fn a_refusal_whose_end_does_not_come_is_told() {
    for n in [1, 2] {
        let (gate, _) = two();
        let request = json!({"prompt": "a cat", "model": "gpt-image-2", "n": n});
        let (mut exchange, _) = asked(&gate, &request);
        exchange.response_headers(head(429), End::Open, NOW);
        exchange.response_body(error("rate_limit_exceeded"), End::Open, NOW);
        let later = NOW + Duration::from_secs(2);
        assert!(matches!(exchange.tick(later - Duration::from_secs(1)), OnAnswer::Hold));
        let told = match (n, exchange.tick(later)) {
            (1, OnAnswer::Reply(reply)) => reply,
            (2, OnAnswer::Hold) => {
                reply(side(&mut exchange, 0, Some(head(400)), &error("moderation_blocked")))
            }
            other => panic!("{other:?}"),
        };
        assert_eq!(code(&told), "rate_limit_exceeded");
        assert_eq!(record(&mut exchange, Some(429)).get("attempts"), None);
    }
}

#[test]
fn a_side_call_that_was_never_made_is_asked_of_the_next_upstream_at_once() {
    let (gate, _) = two();
    let mut exchange = Exchange::new(gate);
    ask(&mut exchange, &json!({"prompt": "a cat", "model": "gpt-image-2", "n": 2})).unwrap();
    exchange.side_call_started(None);
    assert_eq!(calls(wait(&mut exchange, 50)).len(), 1);
    assert!(matches!(own(&mut exchange, head(200), &stream(PICTURE), 60), Came::Held));
    let reply = reply(side(&mut exchange, 50, Some(json_head()), &pictures()));
    assert_eq!(body(&reply)["data"].as_array().unwrap().len(), 2);
}

#[test]
fn an_operator_is_told_what_is_to_be_mended_although_another_upstream_draws() {
    let (gate, _) = two();
    let (mut exchange, _) = asked(&gate, &json!({"prompt": "a cat", "model": "gpt-image-2"}));
    exchange.response_headers(head(401), End::Open, NOW);
    exchange.response_body(error("token_expired"), End::Stream, NOW);
    let OnFailover::Call { notices, .. } = exchange.fail_over(NOW) else { panic!("no call") };
    assert!(notices[0].contains("renew the access token"), "{notices:?}");
}

#[test]
fn a_client_that_streams_gets_its_events_from_the_next_upstream() {
    let (gate, _) = two();
    let request =
        json!({"prompt": "a cat", "model": "gpt-image-2", "stream": true, "partial_images": 2});
    let (mut exchange, _) = asked(&gate, &request);
    let calls = calls(own(&mut exchange, head(429), &error("rate_limit_exceeded"), 50));
    let sent: Value = serde_json::from_slice(&calls[0].body).unwrap();
    assert_eq!((sent.get("stream"), sent.get("partial_images")), (None, None));
    let reply = reply(side(&mut exchange, 50, Some(json_head()), &pictures()));
    let words = String::from_utf8(reply.body).unwrap();
    assert!(words.starts_with("event: image_generation.completed\n"), "{words}");
    assert!(words.contains(PICTURE));
    assert_eq!(record(&mut exchange, Some(200))["settled_nanodollars"], 500_000_000);
}

#[test]
fn a_client_that_streams_is_told_with_a_status_where_all_refuse() {
    let (gate, _) = two();
    let (mut exchange, _) =
        asked(&gate, &json!({"prompt": "a cat", "model": "gpt-image-2", "stream": true}));
    calls(own(&mut exchange, head(404), b"", 50));
    let reply = reply(side(&mut exchange, 50, Some(head(401)), b""));
    assert_eq!(reply.status, 502);
    assert_eq!(record(&mut exchange, Some(502))["settled_nanodollars"], 0);
}

#[test]
fn a_stream_that_has_opened_stays_with_its_upstream() {
    let (gate, _) = two();
    let request =
        json!({"prompt": "a cat", "model": "gpt-image-2", "stream": true, "partial_images": 1});
    let (mut exchange, _) = asked(&gate, &request);
    exchange.response_headers(head(200), End::Open, NOW);
    let preview = json!({"type": "response.image_generation_call.partial_image", "output_index": 0,
        "partial_image_index": 0, "partial_image_b64": "UFJFVklFVw=="});
    let opened =
        exchange.response_body(crate::support::event(&preview).into_bytes(), End::Open, NOW);
    assert!(matches!(opened, OnResponseBody::Open(_)), "{opened:?}");
    let failed = crate::support::event(&json!({"type": "response.failed", "response": {
        "status": "failed", "error": {"code": "rate_limit_exceeded", "message": "no"}}}));
    match exchange.response_body(failed.into_bytes(), End::Open, NOW) {
        OnResponseBody::Send(bytes) => {
            assert!(String::from_utf8(bytes).unwrap().contains("rate_limit_exceeded"));
        }
        other => panic!("{other:?}"),
    }
    assert!(matches!(exchange.fail_over(NOW), OnFailover::Hold));
}

#[test]
fn an_answer_that_is_kept_alive_goes_to_the_next_upstream_until_its_first_space() {
    let failed = crate::support::event(&json!({"type": "response.failed", "response": {
        "status": "failed", "error": {"code": "rate_limit_exceeded", "message": "no"}}}));
    let list = json!(["codex", "openai"]);
    let (gate, _) = several(&list, &json!({"keepalive": "5s", "limits": []}));
    let (mut exchange, _) = asked(&gate, &json!({"prompt": "a cat", "model": "gpt-image-2"}));
    assert_eq!(calls(own(&mut exchange, head(200), failed.as_bytes(), 50)).len(), 1);
    let reply = reply(side(&mut exchange, 50, Some(json_head()), &pictures()));
    assert_eq!(reply.status, 200);

    let (mut exchange, _) = asked(&gate, &json!({"prompt": "a cat", "model": "gpt-image-2"}));
    exchange.response_headers(head(200), End::Open, NOW);
    let later = NOW + Duration::from_secs(6);
    let spaced = exchange.response_body(b": ping\n\n".to_vec(), End::Open, later);
    assert!(matches!(spaced, OnResponseBody::Open(_)), "{spaced:?}");
    match exchange.response_body(failed.into_bytes(), End::Open, later) {
        OnResponseBody::Send(bytes) => {
            assert!(String::from_utf8(bytes).unwrap().contains("rate_limit_exceeded"));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn each_call_ends_by_its_own_clock_and_all_by_the_longest() {
    let (gate, _) = two();
    let (mut exchange, forward) = asked(&gate, &json!({"prompt": "a cat", "model": "gpt-image-2"}));
    let patience =
        forward.headers.iter().find(|(name, _)| name == "x-envoy-upstream-rq-timeout-ms").unwrap();
    assert_eq!(patience.1, b"65000", "its own, and Envoy's grace");
    // The first upstream is silent for its 60 s: it may be drawing.
    match exchange.tick(NOW + Duration::from_secs(60)) {
        OnAnswer::Reply(reply) => assert_eq!(code(&reply), "upstream_timeout"),
        other => panic!("{other:?}"),
    }

    let (mut exchange, _) = asked(&gate, &json!({"prompt": "a cat", "model": "gpt-image-2"}));
    let late = NOW + Duration::from_secs(50);
    exchange.response_headers(head(429), End::Open, late);
    exchange.response_body(error("rate_limit_exceeded"), End::Stream, late);
    let OnFailover::Call { batch, .. } = exchange.fail_over(late) else { panic!("no call") };
    assert_eq!(batch.calls.timeout, Duration::from_secs(45), "40 s are left, and Envoy's grace");
    exchange.side_call_started(Some(50));
    assert!(matches!(exchange.tick(NOW + Duration::from_secs(89)), OnAnswer::Hold));
    assert!(matches!(exchange.tick(NOW + Duration::from_secs(90)), OnAnswer::Reply(_)));
}

#[test]
fn an_upstream_whose_model_cannot_do_it_is_left_out() {
    let list = json!(["codex", {"name": "openai", "rename": "gpt-image-1"}]);
    let (gate, _) = several(&list, &json!({}));
    // gpt-image-1 takes no such size.
    let request = json!({"prompt": "a cat", "model": "gpt-image-2", "size": "2048x1152"});
    let (mut exchange, _) = asked(&gate, &request);
    let reply = reply(own(&mut exchange, head(429), &error("rate_limit_exceeded"), 50));
    assert_eq!(reply.status, 429);
    assert_eq!(record(&mut exchange, Some(429))["reserved_nanodollars"], 250_000_000);

    let list = json!([{"name": "openai", "rename": "gpt-image-1"}, "codex"]);
    let (gate, _) = several(&list, &json!({}));
    let (_, forward) = asked(&gate, &request);
    assert_eq!(forward.upstream, "codex");
}

#[test]
fn each_upstream_needs_a_price_where_a_budget_applies() {
    let list = json!(["codex", {"name": "openai", "rename": "unknown-model"}]);
    let (gate, _) = several(&list, &json!({}));
    let mut exchange = Exchange::new(gate);
    let reply =
        ask(&mut exchange, &json!({"prompt": "a cat", "model": "gpt-image-2"})).unwrap_err();
    assert_eq!((reply.status, code(&reply).as_str()), (403, "price_unavailable"));
}

#[test]
fn the_clients_request_is_held_under_the_budget_only_while_another_may_be_asked() {
    let (gate, budget) = two();
    let image = format!("iVBORw0KGgo{}", "A".repeat(1 << 20));
    let request = json!({"prompt": "a cat", "model": "gpt-image-2", "images": [image]});
    let (mut exchange, _) = asked(&gate, &request);
    let before = budget.used();
    exchange.response_headers(head(200), End::Open, NOW);
    let item =
        crate::support::event(&json!({"type": "response.output_item.done", "output_index": 0,
        "item": crate::support::item("ig_1", PICTURE)}));
    // What was sent goes with the head, what is kept with the first byte of a picture.
    let behind_head = budget.used();
    exchange.response_body(item.into_bytes(), End::Open, NOW);
    assert!(before - behind_head >= 1 << 20, "{before} {behind_head}");
    assert!(behind_head - budget.used() >= 2 << 20, "{behind_head} {}", budget.used());
    drop(exchange);
    assert_eq!(budget.used(), 0);
}

#[test]
fn a_client_that_leaves_between_two_upstreams_is_charged_nothing() {
    let (gate, budget) = two();
    let (mut exchange, _) = asked(&gate, &json!({"prompt": "a cat", "model": "gpt-image-2"}));
    calls(own(&mut exchange, head(429), b"", 50));
    let record = record(&mut exchange, None);
    assert_eq!(record["code"], "client_closed_request");
    assert_eq!(record["settled_nanodollars"], 0);
    assert_eq!(
        record["attempts"],
        json!([{"upstream": "codex", "code": "rate_limit_exceeded", "calls": 1},
            {"upstream": "openai", "code": "client_closed_request", "calls": 1}])
    );
    assert_eq!(record["upstream"], "openai", "who may have drawn");
    drop(exchange);
    assert_eq!(budget.used(), 0);
}

#[test]
fn the_metrics_count_each_upstream_for_itself() {
    let (gate, _) = two();
    let (mut exchange, _) = asked(&gate, &json!({"prompt": "a cat", "model": "gpt-image-2"}));
    calls(own(&mut exchange, head(503), b"", 50));
    reply(side(&mut exchange, 50, Some(head(401)), b""));
    let names: Vec<_> = exchange.take_counts().iter().map(|count| count.name()).collect();
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
    Draws,
    Refuses,
    Blocks,
    Breaks,
}

fn does() -> impl Strategy<Value = Does> {
    prop_oneof![Just(Does::Draws), Just(Does::Refuses), Just(Does::Blocks), Just(Does::Breaks)]
}

fn response(does: Does, responses: bool) -> (Option<ResponseHead>, Vec<u8>) {
    match does {
        Does::Draws if responses => (Some(head(200)), stream(PICTURE)),
        Does::Draws => (Some(json_head()), pictures()),
        Does::Refuses => (Some(head(503)), Vec::new()),
        Does::Blocks => (Some(head(400)), error("moderation_blocked")),
        Does::Breaks => (None, Vec::new()),
    }
}

proptest! {
    /// Whatever three upstreams do to each of `n` calls, and in whatever order the answers come: a call is drawn at
    /// most once, nobody is asked behind one that did not refuse, and what was drawn is delivered and paid.
    #[test]
    fn each_picture_is_drawn_at_most_once(
        script in prop::collection::vec(prop::collection::vec(does(), 3), 1..4),
        order in prop::collection::vec(any::<prop::sample::Index>(), 12),
    ) {
        let list = json!(["codex", {"name": "openai", "rename": "gpt-image-1"}, "last"]);
        let limits = json!([{"name": "budget", "per": "user", "unit": "usd", "max": "100", "window": "day"}]);
        let (gate, budget) = several(&list, &json!({"limits": limits}));
        let n = script.len();
        let request = json!({"prompt": "a cat", "model": "gpt-image-2", "n": n});
        let (mut exchange, _) = asked(&gate, &request);
        // A call in flight: its token (none for the client's own stream), its place, its upstream.
        let mut flying: Vec<(Option<u32>, usize, usize)> =
            (0..n).map(|place| (u32::try_from(place).unwrap().checked_sub(1), place, 0)).collect();
        let (mut token, mut drawn, mut told) = (100, 0, None);
        for pick in order {
            if flying.is_empty() {
                break;
            }
            let (call, place, upstream) = flying.remove(pick.index(flying.len()));
            let does = script[place][upstream];
            drawn += usize::from(does == Does::Draws);
            let (head, bytes) = response(does, upstream != 1);
            let came = match (call, head) {
                (Some(call), head) => {
                    exchange.side_call_headers(call, head, NOW);
                    exchange.side_call_body(call, bytes, NOW);
                    exchange.side_call_end(call, NOW)
                }
                // Envoy resets the client's stream itself.
                (None, None) => {
                    let reset = envoy(503, "upstream_reset_before_response_started{remote_reset}");
                    exchange.response_headers(reset, End::Open, NOW);
                    crate::support::collect(&mut exchange, Vec::new(), End::Stream, NOW)
                }
                (None, Some(head)) => {
                    exchange.response_headers(head, End::Open, NOW);
                    crate::support::collect(&mut exchange, bytes, End::Stream, NOW)
                }
            };
            if let OnAnswer::Reply(reply) = came {
                told = Some(reply);
            } else {
                let mut started = 0;
                while let OnFailover::Call { batch, .. } = exchange.fail_over(NOW) {
                    prop_assert_eq!(does, Does::Refuses);
                    prop_assert!(upstream < 2);
                    prop_assert_eq!(batch.calls.cluster, ["codex", "provider", "last"][upstream + 1]);
                    exchange.side_call_started(Some(token));
                    flying.push((Some(token), place, upstream + 1));
                    (token, started) = (token + 1, started + 1);
                }
                prop_assert_eq!(started, usize::from(does == Does::Refuses && upstream < 2));
            }
        }
        prop_assert!(flying.is_empty());
        let told = told.unwrap();
        let pictures = body(&told)["data"].as_array().map_or(0, Vec::len);
        prop_assert_eq!(pictures, drawn);
        let record = record(&mut exchange, Some(told.status));
        prop_assert_eq!(&record["images_delivered"], drawn);
        prop_assert!(record["settled_nanodollars"].as_u64() <= record["reserved_nanodollars"].as_u64());
        prop_assert_eq!(record["settled_nanodollars"].as_u64() > Some(0), drawn > 0);
        drop(exchange);
        prop_assert_eq!(budget.used(), 0);
    }
}

/// A provider that takes edits as forms takes no image by its URL, which Codex does.
#[test]
fn an_edit_moves_on_as_a_form_and_passes_by_who_cannot_take_it() {
    let edit = |url: &str| json!({"prompt": "p", "model": "gpt-image-2", "images": [url]});
    let (gate, budget) = several(&json!(["codex", "openai"]), &json!({}));
    let (mut exchange, _) = asked(&gate, &edit("data:image/png;base64,iVBORw0KGgo="));
    let moved = calls(own(&mut exchange, head(429), &error("rate_limit_exceeded"), 7));
    let content_type = |batch: &SideBatch| {
        let found = batch.calls.headers.iter().find(|(name, _)| name == "content-type");
        found.unwrap().1.clone()
    };
    assert!(content_type(&moved[0]).starts_with("multipart/form-data; boundary="));
    let form = String::from_utf8_lossy(&moved[0].body);
    assert!(form.contains("name=\"image\"; filename=\"image-1.png\""), "{form}");
    assert_eq!(reply(side(&mut exchange, 7, Some(json_head()), &pictures())).status, 200);
    record(&mut exchange, Some(200));
    drop(exchange);

    let by_url = edit("https://example.com/a.png");
    let (other_gate, other) = several(&json!(["openai", "codex"]), &json!({}));
    let (exchange, forward) = asked(&other_gate, &by_url);
    assert_eq!(forward.upstream, "codex");
    drop(exchange);
    let (gate, _) = several(&json!("openai"), &json!({}));
    let refused = ask(&mut Exchange::new(gate), &by_url).unwrap_err();
    assert_eq!((refused.status, code(&refused).as_str()), (400, "invalid_image_url"));
    assert_eq!((budget.used(), other.used()), (0, 0));
}

/// A provider's own stream that begins with its refusal leaves the client's head as it is; one that shows a
/// preview does not.
#[test]
fn a_providers_stream_moves_on_while_it_has_shown_nothing() {
    let mut upstreams = upstreams();
    upstreams["openai"]["stream"] = json!("send");
    let (gate, budget) = several(&json!(["openai", "codex"]), &json!({"upstreams": upstreams}));
    let request = json!({"prompt": "a cat", "model": "gpt-image-2", "stream": true,
        "partial_images": 1});
    let refusal =
        crate::support::event(&json!({"type": "error", "error": {"code": "rate_limit_exceeded"}}));
    let (mut exchange, forward) = asked(&gate, &request);
    assert_eq!(serde_json::from_slice::<Value>(&forward.body).unwrap()["stream"], true);
    let moved = calls(own(&mut exchange, head(200), refusal.as_bytes(), 7));
    let text = String::from_utf8_lossy(&moved[0].body);
    assert!(!text.contains("partial_images"), "{text}");
    let drawn = reply(side(&mut exchange, 7, Some(head(200)), &stream(PICTURE)));
    let events = String::from_utf8(drawn.body).unwrap();
    assert!(events.starts_with("event: image_generation.completed\n"), "{events}");
    assert_eq!(record(&mut exchange, Some(200))["upstream"], "codex");
    drop(exchange);

    let preview = crate::support::event(&json!({"type": "image_generation.partial_image",
        "b64_json": PICTURE, "partial_image_index": 0}));
    let (mut exchange, _) = asked(&gate, &request);
    exchange.response_headers(head(200), End::Open, NOW);
    let opened = exchange.response_body(preview.into_bytes(), End::Open, NOW);
    assert!(matches!(opened, OnResponseBody::Open(_)), "{opened:?}");
    let OnResponseBody::Send(events) = exchange.response_body(refusal.into_bytes(), End::Open, NOW)
    else {
        panic!("the failure is not told")
    };
    assert!(matches!(exchange.fail_over(NOW), OnFailover::Hold));
    assert!(String::from_utf8(events).unwrap().contains("\"code\":\"rate_limit_exceeded\""));
    assert_eq!(record(&mut exchange, Some(200))["settled_nanodollars"], 0);
    drop(exchange);
    assert_eq!(budget.used(), 0);
}

//! Host models: which one is asked, what happens when upstreams refuse one, and who remembers it.

use std::rc::Rc;
use std::time::Duration;

use crate::support::{NOW, ask, body, gate, stream};
use imagegate::exchange::{
    End, Exchange, Gate, LocalReply, OnAnswer, OnFailover, OnRequestBody, OnResponseBody,
    OnResponseHeaders, ResponseHead, SideBatch,
};
use serde_json::{Value, json};

const PICTURE: &str = "iVBORw0KGgo=";

/// A gate whose only upstream has these host models, with `more` laid over the upstream.
fn with_models(models: &Value, more: &Value) -> Rc<Gate> {
    let mut codex = json!({"authority": "chatgpt.example", "timeout": "60s", "max_rest": "0s",
        "credential": {"bearer_env": "TOKEN"}, "host_models": models,
        "headers": {"version": "0.170.0"}});
    for (key, value) in more.as_object().into_iter().flatten() {
        codex[key] = value.clone();
    }
    gate(&json!({"upstreams": {"codex": codex}})).0
}

fn asked(gate: &Rc<Gate>, request: &Value) -> (Exchange, String) {
    asked_at(gate, request, NOW)
}

fn asked_at(gate: &Rc<Gate>, request: &Value, now: Duration) -> (Exchange, String) {
    let mut exchange = Exchange::new(Rc::clone(gate));
    let _ = exchange.request_headers(&crate::support::head(&[]), End::Open, now);
    let forward = match exchange.request_body(request.to_string().as_bytes(), End::Stream, now) {
        OnRequestBody::Forward(forward) => forward,
        other => panic!("{other:?}"),
    };
    let calls = forward.side_calls.as_ref().map_or(0, |calls| calls.count);
    (0..calls).for_each(|call| exchange.side_call_started(Some(call)));
    let sent: Value = serde_json::from_slice(&forward.body).unwrap();
    (exchange, sent["model"].as_str().unwrap().to_owned())
}

/// The forms in which a host model is refused: the status, the media type and the body.
fn forms(model: &str) -> Vec<(u16, &'static str, String)> {
    let sentence =
        format!("The '{model}' model is not supported when using Codex with a ChatGPT account.");
    let event = json!({"type": "error", "status": 400,
        "error": {"type": "invalid_request_error", "message": sentence}});
    let suffix = format!("Model not found {model}-free-1p-codexswic-ev3");
    let upgrade = format!("The '{model}' model requires a newer version of Codex. Please upgrade.");
    let access = format!("The model `{model}` does not exist or you do not have access to it.");
    let tool = format!("Tool 'image_generation' is not supported with {model}");
    let error = |message: &str, more: Value| {
        let mut error = json!({"message": message, "type": "invalid_request_error"});
        for (key, value) in more.as_object().unwrap() {
            error[key] = value.clone();
        }
        json!({ "error": error }).to_string()
    };
    let json_type = "application/json";
    vec![
        (400, json_type, json!({"detail": sentence}).to_string()),
        (400, json_type, error(&sentence, json!({}))),
        (200, "text/event-stream", format!("event: error\ndata: {event}\n\n")),
        (404, json_type, error(&suffix, json!({"param": "model", "code": null}))),
        (404, json_type, error(&access, json!({"code": "model_not_found", "param": null}))),
        (400, json_type, json!({"detail": upgrade}).to_string()),
        (400, json_type, error(&tool, json!({"param": "tools"}))),
    ]
}

fn head(status: u16, media_type: &str) -> ResponseHead {
    let content_type = Some(media_type.as_bytes().to_vec());
    ResponseHead { status, content_type, ..ResponseHead::default() }
}

/// What came of an event: the next calls, with what an operator is told, or the answer.
#[derive(Debug)]
enum Came {
    Calls(Vec<SideBatch>, Vec<String>),
    Answer(LocalReply),
}

impl Came {
    /// The host model of the only call.
    #[track_caller]
    fn model(self) -> String {
        let Self::Calls(calls, _) = self else { panic!("{self:?}") };
        let [batch] = calls.as_slice() else { panic!("{calls:?}") };
        let sent: Value = serde_json::from_slice(&batch.body).unwrap();
        sent["model"].as_str().unwrap().to_owned()
    }

    #[track_caller]
    fn reply(self) -> LocalReply {
        let Self::Answer(reply) = self else { panic!("{self:?}") };
        reply
    }
}

/// Does as the shell does after a hold; calls get the tokens from `token` on.
fn wait(exchange: &mut Exchange, mut token: u32, now: Duration) -> Came {
    let (mut calls, mut told) = (Vec::new(), Vec::new());
    loop {
        match exchange.fail_over(now) {
            OnFailover::Call { batch, notices } => {
                calls.push(batch);
                told.extend(notices);
                exchange.side_call_started(Some(token));
                token += 1;
            }
            OnFailover::Reply(reply) => return Came::Answer(reply),
            OnFailover::Hold => return Came::Calls(calls, told),
        }
    }
}

/// Gives the client's own stream a whole response.
fn own(exchange: &mut Exchange, head: ResponseHead, bytes: &[u8], token: u32) -> Came {
    match exchange.response_headers(head, End::Open, NOW) {
        OnResponseHeaders::Hold => {}
        OnResponseHeaders::Reply(reply) => return Came::Answer(reply),
        other => panic!("{other:?}"),
    }
    match exchange.response_body(bytes.to_vec(), End::Open, NOW) {
        OnResponseBody::Reply(reply) => return Came::Answer(reply),
        OnResponseBody::Hold => {}
        other => panic!("{other:?}"),
    }
    match exchange.response_body(Vec::new(), End::Stream, NOW) {
        OnResponseBody::Reply(reply) => Came::Answer(reply),
        _ => wait(exchange, token, NOW),
    }
}

/// Gives the side call of `token` a whole response; further calls get the tokens from `next` on.
fn side(exchange: &mut Exchange, token: u32, head: ResponseHead, bytes: &[u8], next: u32) -> Came {
    exchange.side_call_headers(token, Some(head), NOW);
    exchange.side_call_body(token, bytes.to_vec(), NOW);
    match exchange.side_call_end(token, NOW) {
        OnAnswer::Reply(reply) => Came::Answer(reply),
        OnAnswer::Hold | OnAnswer::Pass => wait(exchange, next, NOW),
    }
}

fn refuse_own(exchange: &mut Exchange, model: &str, form: usize, token: u32) -> Came {
    let (status, media_type, bytes) = forms(model).swap_remove(form);
    own(exchange, head(status, media_type), bytes.as_bytes(), token)
}

fn record(exchange: &mut Exchange) -> Value {
    serde_json::from_slice(&exchange.finish(Some(200), NOW).unwrap()).unwrap()
}

fn drawn() -> Vec<u8> {
    stream(PICTURE)
}

fn events() -> ResponseHead {
    head(200, "text/event-stream")
}

#[test]
fn each_form_of_a_refusal_moves_on_to_the_next_host_model() {
    for form in 0..7 {
        let gate = with_models(&json!(["one-luna", "two-luna"]), &json!({}));
        let (mut exchange, first) = asked(&gate, &json!({"prompt": "a cat"}));
        assert_eq!(first, "one-luna");
        let came = refuse_own(&mut exchange, "one-luna", form, 50);
        assert_eq!(came.model(), "two-luna", "form {form}");
        let reply = side(&mut exchange, 50, events(), &drawn(), 60).reply();
        assert_eq!(reply.status, 200, "form {form}");
        let record = record(&mut exchange);
        assert_eq!(
            (&record["host_model"], &record["upstream"]),
            (&json!("two-luna"), &json!("codex"))
        );
        assert_eq!(record["images_delivered"], 1);
        // The next request starts with the one that works.
        assert_eq!(asked(&gate, &json!({"prompt": "a dog"})).1, "two-luna", "form {form}");
    }
}

#[test]
fn three_refusals_in_three_forms_end_in_an_image_and_are_counted() {
    let gate = with_models(&json!(["a-1", "b-2", "c-3", "d-4"]), &json!({}));
    let (mut exchange, _) = asked(&gate, &json!({"prompt": "a cat"}));
    assert_eq!(refuse_own(&mut exchange, "a-1", 0, 50).model(), "b-2");
    for (token, refused, form, next) in [(50, "b-2", 2, "c-3"), (51, "c-3", 4, "d-4")] {
        let (status, media_type, bytes) = forms(refused).swap_remove(form);
        let came =
            side(&mut exchange, token, head(status, media_type), bytes.as_bytes(), token + 1);
        assert_eq!(came.model(), next);
    }
    assert_eq!(side(&mut exchange, 52, events(), &drawn(), 60).reply().status, 200);
    let names: Vec<_> =
        exchange.take_counts().iter().map(imagegate::exchange::count::Count::name).collect();
    for model in ["a-1", "b-2", "c-3"] {
        let name = format!("imagegate_host_model_refusals_total.host_model.{model}");
        assert_eq!(names.iter().filter(|it| **it == name).count(), 1, "{names:?}");
    }
    assert_eq!(record(&mut exchange)["host_model"], "d-4");
}

#[test]
fn each_of_three_images_walks_the_list() {
    let gate = with_models(&json!(["a-1", "b-2"]), &json!({}));
    let (mut exchange, _) = asked(&gate, &json!({"prompt": "a cat", "n": 3}));
    let (status, media_type, bytes) = forms("a-1").swap_remove(3);
    assert_eq!(refuse_own(&mut exchange, "a-1", 3, 50).model(), "b-2");
    for (token, next) in [(0, 51), (1, 52)] {
        let came = side(&mut exchange, token, head(status, media_type), bytes.as_bytes(), next);
        assert_eq!(came.model(), "b-2");
    }
    for token in [50, 51] {
        let came = side(&mut exchange, token, events(), &drawn(), 60);
        assert!(matches!(&came, Came::Calls(calls, _) if calls.is_empty()), "{came:?}");
    }
    let reply = side(&mut exchange, 52, events(), &drawn(), 60).reply();
    assert_eq!(body(&reply)["data"].as_array().unwrap().len(), 3);
    assert_eq!(record(&mut exchange)["images_failed"], 0);
}

#[test]
fn a_client_that_wants_events_gets_its_image_after_a_refusal() {
    let gate = with_models(&json!(["a-1", "b-2"]), &json!({}));
    let (mut exchange, _) = asked(&gate, &json!({"prompt": "a cat", "stream": true}));
    assert_eq!(refuse_own(&mut exchange, "a-1", 1, 50).model(), "b-2");
    let reply = side(&mut exchange, 50, events(), &drawn(), 60).reply();
    assert_eq!(reply.status, 200);
    let events = String::from_utf8(reply.body).unwrap();
    assert!(events.contains("image_generation.completed"), "{events}");
}

#[test]
fn where_all_are_refused_the_operator_learns_what_to_change() {
    let gate = with_models(&json!(["a-1", "b-2"]), &json!({}));
    let (mut exchange, _) = asked(&gate, &json!({"prompt": "a cat"}));
    let Came::Calls(_, told) = refuse_own(&mut exchange, "a-1", 5, 50) else { panic!("answered") };
    let expected = "upstream `codex`: it refuses the host model `a-1`: the client version";
    assert!(told[0].starts_with(expected), "{told:?}");
    let (status, media_type, bytes) = forms("b-2").swap_remove(0);
    let reply = side(&mut exchange, 50, head(status, media_type), bytes.as_bytes(), 60).reply();
    assert_eq!(
        (reply.status, &body(&reply)["error"]["code"]),
        (502, &json!("upstream_host_model_refused"))
    );
    assert!(reply.headers.contains(&("x-should-retry", "false".to_owned())));
    let notice = reply.notice.unwrap();
    for part in
        ["`a-1`, `b-2`", "0.170.0", "`version`", "host_models", "imagegatectl upstream check"]
    {
        assert!(notice.contains(part), "{part}: {notice}");
    }
    let record = record(&mut exchange);
    assert_eq!(
        (&record["code"], &record["host_model"]),
        (&json!("upstream_host_model_refused"), &json!("b-2"))
    );
    assert_eq!(record["settled_nanodollars"], 0);
}

#[test]
fn what_was_refused_is_asked_again_after_the_cooldown() {
    let gate = with_models(&json!(["a-1", "b-2"]), &json!({"host_model_cooldown": "30s"}));
    let (mut exchange, _) = asked(&gate, &json!({"prompt": "a cat"}));
    assert_eq!(refuse_own(&mut exchange, "a-1", 0, 50).model(), "b-2");
    drop(side(&mut exchange, 50, events(), &drawn(), 60));
    for (secs, first) in [(0, "b-2"), (29, "b-2"), (30, "a-1")] {
        let now = NOW + Duration::from_secs(secs);
        assert_eq!(asked_at(&gate, &json!({"prompt": "a cat"}), now).1, first, "after {secs} s");
    }
}

#[test]
fn where_all_were_refused_one_at_a_time_finds_out_which_works_again() {
    let gate = with_models(&json!(["a-1", "b-2"]), &json!({}));
    let (mut exchange, _) = asked(&gate, &json!({"prompt": "a cat"}));
    assert_eq!(refuse_own(&mut exchange, "a-1", 0, 50).model(), "b-2");
    let (status, media_type, bytes) = forms("b-2").swap_remove(0);
    drop(side(&mut exchange, 50, head(status, media_type), bytes.as_bytes(), 60));
    let (mut exchange, probe) = asked(&gate, &json!({"prompt": "a cat"}));
    assert_eq!(probe, "a-1");
    // No second call for this request.
    assert_eq!(refuse_own(&mut exchange, "a-1", 0, 50).reply().status, 502);
    // It is served again: from now on it is the first.
    let (mut exchange, _) = asked(&gate, &json!({"prompt": "a cat"}));
    assert_eq!(own(&mut exchange, events(), &drawn(), 50).reply().status, 200);
    assert_eq!(asked(&gate, &json!({"prompt": "a cat"})).1, "a-1");
    assert_eq!(asked(&gate, &json!({"prompt": "a cat"})).1, "a-1");
}

#[test]
fn an_upstream_whose_models_are_all_refused_goes_behind_the_next_one() {
    let document = json!({
        "upstreams": {
            "codex": {"authority": "chatgpt.example", "credential": {"bearer_env": "TOKEN"},
                "host_models": ["a-1", "b-2"]},
            "second": {"authority": "second.example", "credential": "envoy", "host_model": "c-3"},
        },
        "models": [{"match": "*", "upstream": ["codex", "second"]}],
    });
    let (gate, _) = gate(&document);
    let (mut exchange, _) = asked(&gate, &json!({"prompt": "a cat"}));
    assert_eq!(refuse_own(&mut exchange, "a-1", 0, 50).model(), "b-2");
    let (status, media_type, bytes) = forms("b-2").swap_remove(6);
    let came = side(&mut exchange, 50, head(status, media_type), bytes.as_bytes(), 51);
    assert_eq!(came.model(), "c-3");
    assert_eq!(side(&mut exchange, 51, events(), &drawn(), 60).reply().status, 200);
    let record = record(&mut exchange);
    assert_eq!((&record["upstream"], &record["host_model"]), (&json!("second"), &json!("c-3")));
    assert_eq!(asked(&gate, &json!({"prompt": "a cat"})).1, "c-3");
}

#[test]
fn another_failure_of_the_upstream_does_not_walk_its_host_models() {
    let gate = with_models(&json!(["a-1", "b-2"]), &json!({}));
    for (status, error) in [
        (
            429,
            json!({"error": {"type": "usage_limit_reached", "message": "The limit of a-1 is reached"}}),
        ),
        (
            400,
            json!({"error": {"type": "image_generation_user_error", "code": "invalid_value",
            "param": "tools", "message": "The model 'gpt-image-2' does not exist."}}),
        ),
        (401, json!({"error": {"message": "no", "code": "token_expired"}})),
        (
            500,
            json!({"error": {"message": "The 'a-1' model is not supported", "code": "server_error"}}),
        ),
    ] {
        let (mut exchange, first) = asked(&gate, &json!({"prompt": "a cat"}));
        assert_eq!(first, "a-1");
        let bytes = error.to_string();
        let reply =
            own(&mut exchange, head(status, "application/json"), bytes.as_bytes(), 50).reply();
        assert_ne!(body(&reply)["error"]["code"], "upstream_host_model_refused", "{error}");
    }
}

#[test]
fn a_request_that_is_worked_on_keeps_no_body_for_other_host_models() {
    let (gate, budget) = gate(&json!({"upstreams": {"codex": {"authority": "chatgpt.example",
        "credential": {"bearer_env": "TOKEN"}, "host_models": ["a-1", "b-2"]}}}));
    let prompt = "x".repeat(30_000);
    let mut exchange = Exchange::new(Rc::clone(&gate));
    ask(&mut exchange, &json!({"prompt": prompt, "size": "1024x1024"})).unwrap();
    let room = budget.used();
    let _ = exchange.response_headers(events(), End::Open, NOW);
    let created =
        crate::support::event(&json!({"type": "response.created", "response": {"id": "r"}}));
    let _ = exchange.response_body(created.into_bytes(), End::Open, NOW);
    let kept = budget.used();
    assert!(kept > room - 70_000 && kept < room, "{room} {kept}");
    let added =
        crate::support::event(&json!({"type": "response.output_item.added", "output_index": 0,
        "item": {"type": "reasoning"}}));
    let _ = exchange.response_body(added.into_bytes(), End::Open, NOW);
    assert!(kept - budget.used() >= 30_000, "{kept} {}", budget.used());
}

#[test]
fn limits_of_an_upstream_have_it_skipped() {
    let upstreams = json!({
        "small": {"api": "images", "authority": "small.example", "credential": "envoy",
            "edits": "json", "max_edit_images": 1, "image_urls": "data", "max_partial_images": 0, "masks": false,
            "max_request_bytes": 2000},
        "large": {"authority": "large.example", "credential": "envoy", "host_model": "large-1"},
    });
    let models = json!([{"match": "gpt-image-2", "upstream": ["small", "large"]},
        {"match": "*", "upstream": "small"}]);
    let (gate, _) = gate(&json!({"upstreams": upstreams, "models": models}));
    let chosen = |request: &Value| {
        let mut exchange = Exchange::new(Rc::clone(&gate));
        ask(&mut exchange, request).map(|forward| forward.upstream)
    };
    let png = "data:image/png;base64,iVBORw0KGgo=";
    let base = json!({"prompt": "a cat", "model": "gpt-image-2"});
    let with = |name: &str, value: Value| {
        let mut request = base.clone();
        request[name] = value;
        request
    };
    assert_eq!(chosen(&base).unwrap(), "small");
    assert_eq!(chosen(&with("images", json!([png]))).unwrap(), "small");
    assert_eq!(chosen(&with("images", json!([png, png]))).unwrap(), "large");
    assert_eq!(chosen(&with("images", json!(["https://a.example/b.png"]))).unwrap(), "large");
    assert_eq!(chosen(&with("prompt", json!("x".repeat(3000)))).unwrap(), "large");
    let mut previews = with("stream", json!(true));
    assert_eq!(chosen(&previews).unwrap(), "small");
    previews["partial_images"] = json!(2);
    assert_eq!(chosen(&previews).unwrap(), "large");
    let mut masked = with("images", json!([{ "image_url": png }]));
    masked["mask"] = json!({ "image_url": png });
    let chosen_edit = |request: &Value| {
        let mut exchange = Exchange::new(Rc::clone(&gate));
        let head = crate::support::head(&[(":path", "/v1/images/edits")]);
        let _ = exchange.request_headers(&head, End::Open, NOW);
        match exchange.request_body(request.to_string().as_bytes(), End::Stream, NOW) {
            OnRequestBody::Forward(forward) => Ok(forward.upstream),
            OnRequestBody::Reply(reply) => Err(reply),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(chosen_edit(&masked).unwrap(), "large");
    masked["model"] = json!("gpt-image-1.5");
    let refused = body(&chosen_edit(&masked).unwrap_err())["error"].clone();
    assert_eq!(
        (&refused["code"], &refused["param"]),
        (&json!("unsupported_parameter"), &json!("mask"))
    );
    // Without another upstream the client learns what is too much; previews are left out.
    let alone = |name: &str, value: Value| {
        let mut request = with(name, value);
        request["model"] = json!("gpt-image-1.5");
        request
    };
    for (request, status, code, param) in [
        (alone("images", json!([png, png])), 400, "array_above_max_length", json!("images")),
        (
            alone("images", json!(["https://a.example/b.png"])),
            400,
            "invalid_value",
            json!("images[0]"),
        ),
        (alone("prompt", json!("x".repeat(3000))), 413, "request_too_large", Value::Null),
    ] {
        let reply = chosen(&request).unwrap_err();
        let error = body(&reply)["error"].clone();
        assert_eq!(
            (reply.status, &error["code"], &error["param"]),
            (status, &json!(code), &param),
            "{error}"
        );
    }
    let mut previews = alone("stream", json!(true));
    previews["partial_images"] = json!(2);
    assert_eq!(chosen(&previews).unwrap(), "small");
}

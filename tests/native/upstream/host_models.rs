//! Host models: which one is called, and what follows if upstreams refuse one.

use std::rc::Rc;

use crate::support::client::Client;
use crate::support::driver::Driver;
use crate::support::{after, event, gate, stream};
use imagegate::exchange::{ResponseHead, Shared};
use serde_json::{Value, json};

const IMAGE: &str = "iVBORw0KGgo=";

/// A gate whose only upstream has these host models, with `more` laid over the upstream.
fn with_models(models: &Value, more: &Value) -> Rc<Shared> {
    let mut codex = json!({"authority": "chatgpt.example", "timeout": "60s", "max_rest": "0s",
        "credential": {"bearer_env": "TOKEN"}, "host_models": models,
        "headers": {"version": "0.170.0"}});
    for (key, value) in more.as_object().into_iter().flatten() {
        codex[key] = value.clone();
    }
    gate(&json!({"upstreams": {"codex": codex}})).0
}

/// A request that goes upstream, and the host model that it names.
fn sent(gate: &Rc<Shared>, request: &Value) -> (Driver, String) {
    let driver = Driver::admitted(gate, request);
    let model = driver.sent_json()["model"].as_str().unwrap().to_owned();
    (driver, model)
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

/// The host model of the only call since calls were last taken.
#[track_caller]
fn model(driver: &mut Driver) -> String {
    driver.call().json()["model"].as_str().unwrap().to_owned()
}

/// The client's own stream gets a refusal of this host model in one of the [`forms`].
fn refuse_own<'d>(driver: &'d mut Driver, model: &str, form: usize) -> &'d Client {
    let (status, media_type, bytes) = forms(model).swap_remove(form);
    driver.upstream(head(status, media_type), &[bytes.as_bytes()])
}

/// A side call gets such a refusal.
fn refuse_side<'d>(driver: &'d mut Driver, token: u32, model: &str, form: usize) -> &'d Client {
    let (status, media_type, bytes) = forms(model).swap_remove(form);
    driver.side(token, Some(head(status, media_type)), bytes.as_bytes())
}

fn image() -> Vec<u8> {
    stream(IMAGE)
}

fn events() -> ResponseHead {
    head(200, "text/event-stream")
}

#[test]
fn each_form_of_a_refusal_leads_to_the_next_host_model() {
    for form in 0..7 {
        let gate = with_models(&json!(["one-luna", "two-luna"]), &json!({}));
        let (mut driver, first) = sent(&gate, &json!({"prompt": "a cat"}));
        assert_eq!(first, "one-luna");
        refuse_own(&mut driver, "one-luna", form);
        assert_eq!(model(&mut driver), "two-luna", "form {form}");
        let reply = driver.side(0, Some(events()), &image());
        assert_eq!(reply.status, 200, "form {form}");
        let record = driver.close(Some(200));
        assert_eq!(
            (&record["host_model"], &record["upstream"]),
            (&json!("two-luna"), &json!("codex"))
        );
        assert_eq!(record["images_delivered"], 1);
        // The next request starts with the one that works.
        assert_eq!(sent(&gate, &json!({"prompt": "a dog"})).1, "two-luna", "form {form}");
    }
}

#[test]
fn three_refusals_in_three_forms_end_in_an_image_and_are_counted() {
    let gate = with_models(&json!(["a-1", "b-2", "c-3", "d-4"]), &json!({}));
    let (mut driver, _) = sent(&gate, &json!({"prompt": "a cat"}));
    refuse_own(&mut driver, "a-1", 0);
    assert_eq!(model(&mut driver), "b-2");
    for (token, refused, form, next) in [(0, "b-2", 2, "c-3"), (1, "c-3", 4, "d-4")] {
        refuse_side(&mut driver, token, refused, form);
        assert_eq!(model(&mut driver), next);
    }
    assert_eq!(driver.side(2, Some(events()), &image()).status, 200);
    let names = driver.count_names();
    for model in ["a-1", "b-2", "c-3"] {
        let name = format!("imagegate_host_model_refusals_total.host_model.{model}");
        assert_eq!(names.iter().filter(|it| **it == name).count(), 1, "{names:?}");
    }
    assert_eq!(driver.close(Some(200))["host_model"], "d-4");
}

#[test]
fn each_of_three_images_walks_the_list() {
    let gate = with_models(&json!(["a-1", "b-2"]), &json!({}));
    let (mut driver, _) = sent(&gate, &json!({"prompt": "a cat", "n": 3}));
    driver.calls.clear();
    refuse_own(&mut driver, "a-1", 3);
    assert_eq!(model(&mut driver), "b-2");
    for token in [0, 1] {
        refuse_side(&mut driver, token, "a-1", 3);
        assert_eq!(model(&mut driver), "b-2");
    }
    for token in [2, 3] {
        assert!(driver.side(token, Some(events()), &image()).waits());
        assert!(driver.calls.is_empty());
    }
    let client = driver.side(4, Some(events()), &image());
    assert_eq!(client.json()["data"].as_array().unwrap().len(), 3);
    assert_eq!(driver.close(Some(200))["images_failed"], 0);
}

#[test]
fn a_client_that_wants_events_gets_its_image_after_a_refusal() {
    let gate = with_models(&json!(["a-1", "b-2"]), &json!({}));
    let (mut driver, _) = sent(&gate, &json!({"prompt": "a cat", "stream": true}));
    refuse_own(&mut driver, "a-1", 1);
    assert_eq!(model(&mut driver), "b-2");
    let client = driver.side(0, Some(events()), &image());
    assert_eq!(client.names(), ["image_generation.completed"]);
}

#[test]
fn if_all_host_models_are_refused_the_log_says_what_to_change() {
    let gate = with_models(&json!(["a-1", "b-2"]), &json!({}));
    let (mut driver, _) = sent(&gate, &json!({"prompt": "a cat"}));
    assert!(refuse_own(&mut driver, "a-1", 5).waits());
    let expected = "upstream `codex`: it refuses the host model `a-1`: the client version";
    assert!(driver.notices[0].starts_with(expected), "{:?}", driver.notices);
    let client = refuse_side(&mut driver, 0, "b-2", 0);
    assert_eq!((client.status, client.code()), (502, json!("upstream_host_model_refused")));
    assert_eq!(client.header("x-should-retry"), Some("false"));
    let notice = driver.notices.last().unwrap();
    for part in
        ["`a-1`, `b-2`", "0.170.0", "`version`", "host_models", "imagegatectl upstream check"]
    {
        assert!(notice.contains(part), "{part}: {notice}");
    }
    let record = driver.close(Some(200));
    assert_eq!(
        (&record["code"], &record["host_model"]),
        (&json!("upstream_host_model_refused"), &json!("b-2"))
    );
    assert_eq!(record["settled_nanodollars"], 0);
}

#[test]
fn a_refused_host_model_is_tried_again_after_the_cooldown() {
    let gate = with_models(&json!(["a-1", "b-2"]), &json!({"host_model_cooldown": "30s"}));
    let (mut driver, _) = sent(&gate, &json!({"prompt": "a cat"}));
    refuse_own(&mut driver, "a-1", 0);
    assert_eq!(model(&mut driver), "b-2");
    driver.side(0, Some(events()), &image());
    for (secs, first) in [(0, "b-2"), (29, "b-2"), (30, "a-1")] {
        let driver = Driver::ask_at(&gate, &json!({"prompt": "a cat"}), after(secs));
        assert_eq!(driver.sent_json()["model"], first, "after {secs} s");
    }
}

#[test]
fn after_all_were_refused_one_request_at_a_time_probes_them() {
    let gate = with_models(&json!(["a-1", "b-2"]), &json!({}));
    let (mut driver, _) = sent(&gate, &json!({"prompt": "a cat"}));
    refuse_own(&mut driver, "a-1", 0);
    assert_eq!(model(&mut driver), "b-2");
    refuse_side(&mut driver, 0, "b-2", 0);
    let (mut driver, probe) = sent(&gate, &json!({"prompt": "a cat"}));
    assert_eq!(probe, "a-1");
    // No second call for this request.
    assert_eq!(refuse_own(&mut driver, "a-1", 0).status, 502);
    // It is served again, so it is the first again.
    let (mut driver, _) = sent(&gate, &json!({"prompt": "a cat"}));
    assert_eq!(driver.upstream(events(), &[&image()]).status, 200);
    assert_eq!(sent(&gate, &json!({"prompt": "a cat"})).1, "a-1");
    assert_eq!(sent(&gate, &json!({"prompt": "a cat"})).1, "a-1");
}

#[test]
fn an_upstream_whose_models_are_all_refused_comes_after_the_next_one() {
    let document = json!({
        "upstreams": {
            "codex": {"authority": "chatgpt.example", "credential": {"bearer_env": "TOKEN"},
                "host_models": ["a-1", "b-2"]},
            "second": {"authority": "second.example", "credential": "envoy", "host_model": "c-3"},
        },
        "models": [{"match": "*", "upstream": ["codex", "second"]}],
    });
    let (gate, _) = gate(&document);
    let (mut driver, _) = sent(&gate, &json!({"prompt": "a cat"}));
    refuse_own(&mut driver, "a-1", 0);
    assert_eq!(model(&mut driver), "b-2");
    refuse_side(&mut driver, 0, "b-2", 6);
    assert_eq!(model(&mut driver), "c-3");
    assert_eq!(driver.side(1, Some(events()), &image()).status, 200);
    let record = driver.close(Some(200));
    assert_eq!((&record["upstream"], &record["host_model"]), (&json!("second"), &json!("c-3")));
    assert_eq!(sent(&gate, &json!({"prompt": "a cat"})).1, "c-3");
}

#[test]
fn another_failure_of_the_upstream_does_not_walk_its_host_models() {
    let gate = with_models(&json!(["a-1", "b-2"]), &json!({}));
    for (status, error) in [
        (
            429,
            json!({"error":
                {"type": "usage_limit_reached", "message": "The limit of a-1 is reached"}}),
        ),
        (
            400,
            json!({"error": {"type": "image_generation_user_error", "code": "invalid_value",
            "param": "tools", "message": "The model 'gpt-image-2' does not exist."}}),
        ),
        (401, json!({"error": {"message": "no", "code": "token_expired"}})),
        (
            500,
            json!({"error":
                {"message": "The 'a-1' model is not supported", "code": "server_error"}}),
        ),
    ] {
        let (mut driver, first) = sent(&gate, &json!({"prompt": "a cat"}));
        assert_eq!(first, "a-1");
        let bytes = error.to_string();
        let client = driver.upstream(head(status, "application/json"), &[bytes.as_bytes()]);
        assert_ne!(client.code(), "upstream_host_model_refused", "{error}");
    }
}

#[test]
fn a_request_in_progress_keeps_no_body_for_other_host_models() {
    let (gate, budget) = gate(&json!({"upstreams": {"codex": {"authority": "chatgpt.example",
        "credential": {"bearer_env": "TOKEN"}, "host_models": ["a-1", "b-2"]}}}));
    let prompt = "x".repeat(30_000);
    let mut driver = Driver::admitted(&gate, &json!({"prompt": prompt, "size": "1024x1024"}));
    let room = budget.used();
    driver.upstream_head(events());
    let created = event(&json!({"type": "response.created", "response": {"id": "r"}}));
    driver.upstream_bytes(created.as_bytes());
    let kept = budget.used();
    assert!(kept > room - 70_000 && kept < room, "{room} {kept}");
    let added = event(&json!({"type": "response.output_item.added", "output_index": 0,
        "item": {"type": "reasoning"}}));
    driver.upstream_bytes(added.as_bytes());
    assert!(kept - budget.used() >= 30_000, "{kept} {}", budget.used());
}

#[test]
fn limits_of_an_upstream_have_it_skipped() {
    let upstreams = json!({
        "small": {"api": "images", "authority": "small.example", "credential": "envoy",
            "edits": "json", "max_edit_images": 1, "image_urls": "data", "max_partial_images": 0,
            "masks": false,
            "max_request_bytes": 2000},
        "large": {"authority": "large.example", "credential": "envoy", "host_model": "large-1"},
    });
    let models = json!([{"match": "gpt-image-2", "upstream": ["small", "large"]},
        {"match": "*", "upstream": "small"}]);
    let (gate, _) = gate(&json!({"upstreams": upstreams, "models": models}));
    let chosen = |request: &Value| {
        let driver = Driver::ask(&gate, request);
        driver.forwarded.then(|| driver.sent().upstream.clone()).ok_or(driver.client)
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
        let mut driver = Driver::new(&gate);
        let head = crate::support::head(&[(":path", "/v1/images/edits")]);
        driver.request(&head, request.to_string().as_bytes());
        driver.forwarded.then(|| driver.sent().upstream.clone()).ok_or(driver.client)
    };
    assert_eq!(chosen_edit(&masked).unwrap(), "large");
    masked["model"] = json!("gpt-image-1.5");
    let error = chosen_edit(&masked).unwrap_err().json()["error"].clone();
    assert_eq!(
        (&error["code"], &error["param"]),
        (&json!("unsupported_parameter"), &json!("mask"))
    );
    // Without another upstream the error names what is too much. Previews are left out.
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
        let error = reply.json()["error"].clone();
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

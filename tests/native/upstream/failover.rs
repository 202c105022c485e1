//! Several upstreams for one model: when the next one is called, for what, and what it costs.

mod cost;
mod delivery;
mod triggers;

use std::rc::Rc;

use crate::support::driver::Driver;
use crate::support::{TOKEN, gate, stream};
use imagegate::exchange::{ResponseHead, Shared};
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

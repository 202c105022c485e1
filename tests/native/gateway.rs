//! The cases with which another gateway tests its image route (mozilla-ai's otari, the any-llm
//! gateway), each with the answer of this one. `docs/operations.md` lists them and says where the
//! answers differ, and why.

use std::rc::Rc;

use crate::support::client::Client;
use crate::support::driver::Driver;
use crate::support::money::{all_calls, call, image};
use crate::support::{KEY, digest, gate, head};
use imagegate::exchange::{End, ResponseHead, Shared};
use serde_json::{Value, json};

/// A gate with a price of $0.04 an image, with `extra` laid over its configuration.
fn priced(extra: &Value) -> Rc<Shared> {
    let mut more = json!({"prices": [{"model": "*", "usd": "0.04"}]});
    for (key, value) in extra.as_object().unwrap() {
        more[key] = value.clone();
    }
    gate(&more).0
}

/// A gate whose only key is a master key.
fn with_master() -> Rc<Shared> {
    priced(&json!({
        "consumers": [{"name": "ops", "role": "master", "key_sha256": [digest(KEY)]}],
        "users": [{"id": "acme"}]
    }))
}

fn prompt() -> Value {
    json!({"prompt": "a cat"})
}

/// Serves a request: each of its calls is answered with an image. Returns the reply, the request
/// upstream, and the record.
fn served(gate: &Rc<Shared>, request: &Value) -> (Client, Value, Value) {
    let mut driver = Driver::admitted(gate, request);
    let calls = u32::try_from(driver.calls.len()).unwrap() + 1;
    let reply = all_calls(&mut driver, calls, &image("low", "1024x1024"));
    let record = driver.close(Some(reply.status));
    (reply, driver.sent_json(), record)
}

/// The rejection of a request, as status, code and param.
fn rejected(gate: &Rc<Shared>, request: &Value) -> (u16, Value, Value) {
    let reply = Driver::rejected(gate, request);
    let error = &reply.json()["error"];
    (reply.status, error["code"].clone(), error["param"].clone())
}

/// An exchange whose upstream fails with this text in its error. Returns the answer and the record.
fn failed(text: &str) -> (Client, Value) {
    let mut driver = Driver::admitted(&priced(&json!({})), &prompt());
    let error =
        json!({"error": {"message": text, "type": "server_error", "code": null, "param": null}});
    let head = ResponseHead { status: 500, ..ResponseHead::default() };
    let reply = call(&mut driver, 0, Some(head), error.to_string().as_bytes()).unwrap();
    let record = driver.close(Some(reply.status));
    (reply, record)
}

#[test]
fn a_request_without_a_key_is_rejected() {
    let mut bare = head(&[]);
    bare.retain(|(name, _)| name != "authorization");
    let mut driver = Driver::new(&priced(&json!({})));
    let client = driver.request_head(&bare, End::Open);
    assert_eq!((client.status, client.code()), (401, json!("invalid_api_key")));
}

#[test]
fn a_key_is_answered_with_one_image() {
    let (reply, _, _) = served(&priced(&json!({})), &prompt());
    let data = reply.json()["data"].clone();
    assert_eq!(data.as_array().unwrap().len(), 1);
    assert_eq!(data[0]["b64_json"], "QUJD");
    // Nothing is hosted here: a URL holds the image itself.
    let (reply, _, _) =
        served(&priced(&json!({})), &json!({"prompt": "p", "response_format": "url"}));
    assert!(reply.json()["data"][0]["url"].as_str().unwrap().starts_with("data:image/png;base64,"));
}

#[test]
fn a_master_key_has_to_name_a_user() {
    let (status, code, param) = rejected(&with_master(), &prompt());
    assert_eq!((status, code, param), (400, json!("missing_required_parameter"), json!("user")));
}

#[test]
fn a_master_key_that_names_a_user_is_served_and_the_user_is_charged() {
    let (reply, _, record) = served(&with_master(), &json!({"prompt": "p", "user": "acme"}));
    assert_eq!(reply.status, 200);
    assert_eq!((&record["consumer"], &record["user"]), (&json!("ops"), &json!("acme")));
}

#[test]
fn an_upstream_that_fails_is_a_502() {
    let (reply, _) = failed("provider down");
    assert_eq!((reply.status, &reply.json()["error"]["code"]), (502, &json!("upstream_error")));
}

#[test]
fn what_is_served_is_recorded_with_its_tokens() {
    let (_, _, record) = served(&priced(&json!({})), &prompt());
    assert_eq!((&record["endpoint"], &record["status"]), (&json!("generations"), &json!(200)));
    assert_eq!((&record["input_tokens"], &record["output_tokens"]), (&json!(30), &json!(196)));
}

#[test]
fn what_fails_is_recorded_by_its_code_and_not_in_the_upstreams_words() {
    let (_, record) = failed("provider down");
    assert_eq!((&record["status"], &record["code"]), (&json!(502), &json!("upstream_error")));
    assert_eq!((&record["images_failed"], &record["settled_nanodollars"]), (&json!(1), &json!(0)));
    assert!(!record.to_string().contains("provider down"));
}

#[test]
fn n_images_are_n_calls_of_the_upstream() {
    let (reply, sent, _) = served(&priced(&json!({})), &json!({"prompt": "p", "n": 2}));
    assert_eq!(reply.json()["data"].as_array().unwrap().len(), 2);
    assert_eq!(sent["tools"][0].get("n"), None);
}

#[test]
fn a_size_reaches_the_image_tool() {
    let (_, sent, _) = served(&priced(&json!({})), &json!({"prompt": "p", "size": "1792x1024"}));
    assert_eq!(sent["tools"][0]["size"], "1792x1024");
}

#[test]
fn a_quality_reaches_the_image_tool_and_one_of_a_retired_model_is_rejected() {
    let (_, sent, _) = served(&priced(&json!({})), &json!({"prompt": "p", "quality": "high"}));
    assert_eq!(sent["tools"][0]["quality"], "high");
    let rejection = rejected(&priced(&json!({})), &json!({"prompt": "p", "quality": "hd"}));
    assert_eq!(rejection, (400, json!("invalid_value"), json!("quality")));
}

#[test]
fn a_style_is_rejected_by_name_as_no_model_has_one() {
    let rejection = rejected(&priced(&json!({})), &json!({"prompt": "p", "style": "natural"}));
    assert_eq!(rejection, (400, json!("unsupported_parameter"), json!("style")));
}

#[test]
fn two_images_at_four_cents_cost_eight() {
    let (_, _, record) = served(&priced(&json!({})), &json!({"prompt": "p", "n": 2}));
    assert_eq!(record["settled_nanodollars"], 80_000_000);
}

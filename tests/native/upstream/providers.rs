//! Upstreams that speak the Images API: what they are sent, and what clients get of their answers.

use crate::support::client::Client;
use crate::support::driver::{Call, Driver};
use crate::support::providers::{images, json_head, provider};
use crate::support::{KEY, TOKEN, digest};
use imagegate::config::Config;
use imagegate::exchange::ResponseHead;
use proptest::prelude::*;
use serde_json::{Value, json};

fn forwarded(upstream: &Value, request: &Value) -> Driver {
    let (gate, _) = provider(upstream, &json!({}));
    Driver::admitted(&gate, request)
}

fn sent(driver: &Driver) -> Value {
    driver.sent_json()
}

/// The reply to an answer of the provider.
fn answered(driver: &mut Driver, head: ResponseHead, bytes: &[u8]) -> Client {
    let client = driver.upstream(head, &[bytes]);
    assert!(client.at_once);
    client.clone()
}

/// A request whose answer is collected, because the client wants another form than the provider's.
fn collected() -> Value {
    json!({"prompt": "a cat", "model": "gpt-image-2", "response_format": "url"})
}

fn one(answer: &Value) -> (Client, Value) {
    answer_to(&json!({"prompt": "a cat", "model": "gpt-image-2"}), answer)
}

fn answer_to(request: &Value, answer: &Value) -> (Client, Value) {
    let (gate, budget) = provider(&json!({}), &json!({}));
    let mut driver = Driver::admitted(&gate, request);
    let reply = answered(&mut driver, json_head(200), answer.to_string().as_bytes());
    let record = driver.close(Some(200));
    drop(driver);
    assert_eq!(budget.used(), 0, "nothing is left over");
    (reply, record)
}

#[test]
fn a_request_is_rewritten_with_the_gateways_credential() {
    let request = json!({"prompt": "a \"cat\"\n", "model": "openai:gpt-image-2",
        "size": "1024x1024",
        "quality": "low", "output_format": "webp", "output_compression": 80, "background": "opaque",
        "moderation": "low", "user": "acme", "response_format": "b64_json", "n": 1});
    let driver = forwarded(&json!({}), &request);
    assert_eq!(
        sent(&driver),
        json!({"model": "gpt-image-2", "prompt": "a \"cat\"\n", "size": "1024x1024",
            "quality": "low",
            "output_format": "webp", "output_compression": 80, "background": "opaque",
            "moderation": "low"})
    );
    assert_eq!(driver.sent_header(":path"), Some("/v1/images/generations"));
    assert_eq!(driver.sent_header(":authority"), Some("gate.example"));
    assert_eq!(driver.sent_header("accept"), Some("application/json"));
    assert_eq!(driver.sent_header("authorization"), Some(format!("Bearer {TOKEN}").as_str()));
    assert_eq!(driver.sent().upstream, "openai");
    assert_eq!(driver.sent_header("cookie"), None);
    assert_eq!(
        driver.sent_header("content-length"),
        Some(driver.sent().body.len().to_string().as_str())
    );
}

#[test]
fn a_safety_identifier_goes_to_the_provider_and_a_user_does_not() {
    let request = |user: Value| {
        let mut request = json!({"prompt": "a cat", "model": "gpt-image-2"});
        request.as_object_mut().unwrap().extend(user.as_object().unwrap().clone());
        request
    };
    let identifier = |more: &Value, user: Value| {
        sent(&forwarded(more, &request(user))).get("safety_identifier").cloned()
    };
    let named = json!({"safety_identifier": "acme"});
    assert_eq!(identifier(&json!({}), named.clone()), Some(json!("acme")));
    assert_eq!(identifier(&json!({"safety_identifier": "omit"}), named), None);
    assert_eq!(identifier(&json!({}), json!({"user": "acme"})), None);
    let both = json!({"user": "acme", "safety_identifier": ""});
    assert_eq!(identifier(&json!({}), both), None);
}

#[test]
fn both_ways_to_name_a_provider_before_a_model_are_renamed() {
    for model in ["openai:gpt-image-2", "openai/gpt-image-2", "gpt-image-2"] {
        let driver = forwarded(&json!({}), &json!({"prompt": "a cat", "model": model}));
        assert_eq!(sent(&driver)["model"], "gpt-image-2", "{model}");
    }
}

#[test]
fn a_key_goes_into_its_own_header_and_a_query_stays_after_the_path() {
    let upstream = json!({"path": "/openai/deployments/d/images?api-version=1",
        "credential": {"key_env": "TOKEN"}, "response_format": "send", "edits": "json"});
    let request = json!({"prompt": "a cat", "images": ["AAAA", "https://example.com/a.png"]});
    let driver = forwarded(&upstream, &request);
    assert_eq!(
        driver.sent_header(":path"),
        Some("/openai/deployments/d/images/edits?api-version=1")
    );
    assert_eq!(driver.sent_header("api-key"), Some(TOKEN));
    assert_eq!(driver.sent_header("authorization"), None);
    let body = sent(&driver);
    assert_eq!(body["response_format"], "b64_json");
    assert_eq!(
        body["images"],
        json!([{"image_url": "data:image/png;base64,AAAA"},
            {"image_url": "https://example.com/a.png"}])
    );
}

#[test]
fn several_images_that_are_collected_are_calls_of_one_image_each() {
    let request =
        json!({"prompt": "a cat", "model": "gpt-image-2", "n": 3, "response_format": "url"});
    let driver = forwarded(&json!({}), &request);
    assert_eq!(sent(&driver).get("n"), None);
    assert_eq!(driver.calls.len(), 2);
    let path = |call: &Call| call.header(":path") == Some("/v1/images/generations");
    assert!(driver.calls.iter().all(path));
}

#[test]
fn an_answer_is_delivered_charged_and_recorded() {
    let (reply, record) = one(&images(&["aGVsbG8="]));
    assert_eq!(reply.status, 200);
    let body = reply.json();
    assert_eq!(body["data"][0]["b64_json"], "aGVsbG8=");
    assert_eq!(body["created"], 1_778_832_973);
    assert_eq!(body["size"], "1024x1536");
    assert_eq!(body["usage"]["output_tokens"], 1372);
    assert_eq!(record["images_delivered"], 1);
    assert_eq!(record["settled_nanodollars"], 250_000_000);
    assert_eq!(record["upstream"], "openai");
    assert_eq!(record["output_tokens"], 1372);
}

#[test]
fn members_in_another_order_and_unknown_ones_do_not_matter() {
    let odd = br#" { "usage" : null, "x" : {"data":[{"b64_json":"bm8="}]}, "b64_json":"bm8=",
        "data" : [ { "generation_id":"g", "b64_json" : "aGVsbG8=" , "revised_prompt":"r" } ] ,
        "quality":"auto" } "#;
    let (gate, _) = provider(&json!({}), &json!({}));
    let mut driver = Driver::admitted(&gate, &collected());
    let reply = answered(&mut driver, json_head(200), odd);
    let body = reply.json();
    let data = json!([{"url": "data:image/png;base64,aGVsbG8=", "revised_prompt": "r"}]);
    assert_eq!(body["data"], data);
    assert_eq!(body.get("quality"), None);
}

#[test]
fn an_extra_image_is_dropped_recorded_and_not_charged() {
    let (reply, record) = answer_to(&collected(), &images(&["aGVsbG8=", "d29ybGQ="]));
    assert_eq!(reply.json()["data"].as_array().unwrap().len(), 1);
    assert_eq!(reply.json()["data"][0]["url"], "data:image/png;base64,aGVsbG8=");
    assert_eq!(record["images_dropped"], 1);
    assert_eq!(record["settled_nanodollars"], 250_000_000);
}

#[test]
fn an_error_beside_an_empty_list_of_images_keeps_its_code() {
    for (answer, status, code) in [
        (json!({"error": {"code": "rate_limit_exceeded"}, "data": []}), 429, "rate_limit_exceeded"),
        (
            json!({"data": [{"error": {"code": "OutputImageSensitiveContentDetected"}}]}),
            400,
            "moderation_blocked",
        ),
        (json!({"data": [{"respect_moderation": false}]}), 400, "moderation_blocked"),
        (json!({"base_resp": {"status_code": 1026, "status_msg": "x"}}), 400, "moderation_blocked"),
    ] {
        for (reply, _) in [one(&answer), answer_to(&collected(), &answer)] {
            let reported = reply.code();
            assert_eq!((reply.status, reported), (status, json!(code)), "{answer}");
        }
    }
}

#[test]
fn an_answer_without_an_image_is_a_502_that_costs_nothing() {
    for (answer, code) in [
        (json!({"created": 1, "data": []}), "image_generation_failed"),
        (json!({"created": 1}), "image_generation_failed"),
        (images(&[""]), "image_generation_failed"),
        (images(&["not base64!"]), "upstream_invalid_response"),
        (
            json!({"created": 1, "data": [{"url": "https://example.com/a.png"}]}),
            "upstream_invalid_response",
        ),
        (json!(["a", "b"]), "upstream_invalid_response"),
        (json!("an image"), "upstream_invalid_response"),
        (json!(null), "upstream_invalid_response"),
        (json!(42), "upstream_invalid_response"),
    ] {
        for (reply, record) in [one(&answer), answer_to(&collected(), &answer)] {
            assert_eq!(
                (reply.status, reply.json()["error"]["code"].as_str().unwrap()),
                (502, code),
                "{answer}"
            );
            assert_eq!(record["settled_nanodollars"], 0);
            assert_eq!(record["images_delivered"], 0);
        }
    }
}

#[test]
fn an_answer_with_the_url_of_an_image_logs_the_setting_to_change() {
    let notices = |answer: &Value| {
        let request = json!({"prompt": "a cat", "model": "gpt-image-2"});
        let mut driver = forwarded(&json!({}), &request);
        answered(&mut driver, json_head(200), answer.to_string().as_bytes());
        driver.notices
    };
    let hosted = json!({"created": 1, "data": [{"url": "https://example.com/a.png"}]});
    let notices_of_hosted = notices(&hosted);
    let [notice] = notices_of_hosted.as_slice() else { panic!("{notices_of_hosted:?}") };
    assert!(notice.contains("`response_format` to \"send\""), "{notice}");
    assert!(notices(&images(&["not base64!"])).is_empty());
}

#[test]
fn an_error_with_a_status_of_success_keeps_its_meaning() {
    let error = json!({"error":
        {"code": "moderation_blocked", "message": "No.", "type": "x", "param": null}});
    let (reply, record) = one(&error);
    assert_eq!((reply.status, reply.code()), (400, json!("moderation_blocked")));
    assert_eq!(record["settled_nanodollars"], 0);
}

#[test]
fn a_body_of_another_type_is_an_invalid_response() {
    for content_type in [None, Some(b"text/html".to_vec())] {
        let (gate, _) = provider(&json!({}), &json!({}));
        let mut driver =
            Driver::admitted(&gate, &json!({"prompt": "a cat", "model": "gpt-image-2"}));
        let head = ResponseHead { status: 200, content_type, ..ResponseHead::default() };
        let reply = answered(&mut driver, head, b"<html>");
        assert_eq!(reply.json()["error"]["code"], "upstream_invalid_response");
    }
}

#[test]
fn the_providers_errors_are_mapped_by_our_table() {
    for (status, error, expected) in [
        (401, json!({"code": "invalid_api_key"}), (502, "upstream_authentication_failed")),
        (429, json!({"code": "rate_limit_exceeded"}), (429, "rate_limit_exceeded")),
        (400, json!({"code": "moderation_blocked", "message": "m"}), (400, "moderation_blocked")),
        (
            400,
            json!({"code": "invalid_value", "param": "size", "message": "m"}),
            (400, "invalid_value"),
        ),
        (404, json!({"code": "model_not_found", "message": "m"}), (404, "model_not_found")),
        (400, json!({"code": "model_not_found", "param": "model"}), (404, "model_not_found")),
        (
            400,
            json!({"code": "unknown_parameter", "param": "quality", "message": "m"}),
            (400, "unsupported_value"),
        ),
        (
            400,
            json!({"code": "unknown_parameter", "param": "response_format"}),
            (502, "upstream_rejected_request"),
        ),
        (404, json!({"code": "DeploymentNotFound"}), (502, "upstream_rejected_request")),
        (500, json!({"code": null}), (502, "upstream_error")),
    ] {
        let (gate, _) = provider(&json!({}), &json!({}));
        let mut driver =
            Driver::admitted(&gate, &json!({"prompt": "a cat", "model": "gpt-image-2"}));
        let answer = json!({"error": error}).to_string();
        let reply = answered(&mut driver, json_head(status), answer.as_bytes());
        let code = reply.code();
        assert_eq!((reply.status, code.as_str().unwrap()), expected, "{answer}");
    }
}

#[test]
fn a_url_is_a_data_url_for_each_api() {
    let (gate, _) = provider(&json!({}), &json!({}));
    let request = json!({"prompt": "a cat", "model": "gpt-image-2", "response_format": "url"});
    let mut driver = Driver::admitted(&gate, &request);
    let answer = images(&["aGVsbG8="]).to_string();
    let reply = answered(&mut driver, json_head(200), answer.as_bytes());
    assert_eq!(reply.json()["data"], json!([{"url": "data:image/png;base64,aGVsbG8="}]));
}

#[test]
fn a_client_that_streams_gets_the_image_as_one_event() {
    let (gate, _) = provider(&json!({}), &json!({}));
    let request =
        json!({"prompt": "a cat", "model": "gpt-image-2", "stream": true, "partial_images": 2});
    let mut driver = Driver::admitted(&gate, &request);
    assert_eq!(sent(&driver).get("stream"), None);
    assert_eq!(sent(&driver).get("partial_images"), None);
    assert!(driver.upstream_head(json_head(200)).waits());
    let answer = images(&["aGVsbG8="]).to_string().into_bytes();
    let at = answer.iter().position(|byte| *byte == b'V').unwrap();
    let (first, rest) = answer.split_at(at);
    assert_eq!(driver.upstream_bytes(first).status, 200);
    assert!(driver.client.names().is_empty());
    let client = driver.upstream_bytes(rest);
    let events = client.text();
    assert_eq!(client.names(), ["image_generation.completed"]);
    assert!(events.contains("\"b64_json\":\"aGVsbG8=\""), "{events}");
    assert_eq!(events.matches("event:").count(), 1);
    assert_eq!(driver.close(Some(200))["settled_nanodollars"], 250_000_000);
}

#[test]
fn settings_of_the_other_api_are_rejected_by_name() {
    let parse = |upstream: Value| {
        let document = json!({"upstreams": {"u": upstream},
            "consumers": [{"name": "c", "user": "u", "key_sha256": [digest(KEY)]}]});
        Config::parse(document.to_string().as_bytes(), &|_| Some("t".to_owned()))
            .err()
            .map(|error| error.to_string())
    };
    let entry = |more: Value| {
        let mut entry = json!({"authority": "a", "credential": "envoy"});
        for (key, value) in more.as_object().into_iter().flatten() {
            entry[key] = value.clone();
        }
        parse(entry).unwrap_or_default()
    };
    let error = entry(json!({"api": "images", "host_model": "m"}));
    assert_eq!(
        error,
        "/upstreams/u/host_model: only for upstreams whose `api` is \"responses\", \
         accepted: nothing here"
    );
    let error = entry(json!({"response_format": "send"}));
    assert_eq!(
        error,
        "/upstreams/u/response_format: only for upstreams whose `api` is \"images\", \
         accepted: nothing here"
    );
    for (credential, place) in [
        (json!({"bearer_env": "A", "key_env": "B"}), "/upstreams/u/credential/key_env"),
        (json!({"bearer_env": "A", "header": "x"}), "/upstreams/u/credential/header"),
        (json!({"key_env": "A", "header": "authorization"}), "/upstreams/u/credential/header"),
        (json!({}), "/upstreams/u/credential/bearer_env"),
    ] {
        let error = entry(json!({"credential": credential}));
        assert!(error.starts_with(place), "{error}");
    }
    let error = entry(json!({"credential": {"key_env": "A"}, "headers": {"Api-Key": "x"}}));
    assert!(error.starts_with("/upstreams/u/headers/Api-Key"), "{error}");
    assert_eq!(
        entry(json!({"api": "images", "credential": {"key_env": "A", "header": "X-Key"}})),
        ""
    );
}

proptest! {
    /// An answer gives the same image for every cut. If it ends before the image does, it gives none.
    #[test]
    fn any_cut_gives_the_same_image_and_any_end_within_it_gives_none(
        cuts in proptest::collection::vec(0_usize..420, 0..6),
        end in 0_usize..420,
    ) {
        let whole = images(&["aGVsbG8gd29ybGQ="]).to_string().into_bytes();
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(whole.len())).collect();
        cuts.sort_unstable();
        let end = end.min(whole.len());
        let needed = String::from_utf8_lossy(&whole).find("Q=\"").unwrap() + 3;
        for (bytes, is_whole) in [(&whole[..], true), (&whole[..end], end >= needed)] {
            let (gate, budget) = provider(&json!({}), &json!({}));
            let mut driver = Driver::admitted(&gate, &collected());
            driver.upstream_head(json_head(200));
            let mut at = 0;
            for cut in cuts.iter().map(|cut| (*cut).min(bytes.len())).chain([bytes.len()]) {
                driver.upstream_bytes(&bytes[at..cut]);
                at = cut;
            }
            let reply = driver.upstream_end().clone();
            prop_assert!(reply.at_once);
            let settled = driver.close(Some(200))["settled_nanodollars"].clone();
            if is_whole {
                let url = json!("data:image/png;base64,aGVsbG8gd29ybGQ=");
                prop_assert_eq!(&reply.json()["data"][0]["url"], &url);
                prop_assert_eq!(settled, 250_000_000);
            } else {
                prop_assert_eq!(&reply.json()["error"]["code"], &json!("upstream_disconnected"));
                prop_assert_eq!(settled, 0);
            }
            drop(driver);
            prop_assert_eq!(budget.used(), 0);
        }
    }
}

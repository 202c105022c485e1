//! Answers in unusual forms, of Codex and of providers: content types that are missing or wrong,
//! JSON in place of events, base64 that is not plain.

use std::rc::Rc;

use crate::support::client::Client;
use crate::support::driver::Driver;
use crate::support::providers::{images, provider};
use crate::support::{gate, item, stream};
use imagegate::exchange::{ResponseHead, Shared};
use serde_json::{Value, json};

const IMAGE: &str = "iVBORw0KGgo=";

fn head(content_type: Option<&str>) -> ResponseHead {
    let content_type = content_type.map(|it| it.as_bytes().to_vec());
    ResponseHead { status: 200, content_type, ..ResponseHead::default() }
}

/// The base64 of the only image in an answer.
fn image(client: &Client) -> Value {
    client.json()["data"][0]["b64_json"].clone()
}

/// What the client gets of an answer that arrives in pieces of `size` bytes.
fn answer(driver: &mut Driver, head: ResponseHead, bytes: &[u8], size: usize) -> Client {
    let pieces: Vec<&[u8]> = bytes.chunks(size).collect();
    driver.upstream(head, &pieces).clone()
}

/// Content types of a response: the right ones, wrong ones, and none.
const TYPES: [Option<&str>; 7] = [
    None,
    Some("text/plain"),
    Some("application/octet-stream"),
    Some("application/json"),
    Some("application/json; charset=utf-8"),
    Some("text/event-stream"),
    Some("image/png"),
];

fn responses(content_type: Option<&str>, bytes: &[u8], size: usize) -> (Client, Value) {
    let (gate, budget) = gate(&json!({}));
    let mut driver = Driver::admitted(&gate, &json!({"prompt": "a cat"}));
    let client = answer(&mut driver, head(content_type), bytes, size);
    let record = driver.close(Some(client.status));
    drop(driver);
    assert_eq!(budget.used(), 0);
    (client, record)
}

fn response(output: &Value) -> Value {
    json!({"id": "resp_1", "object": "response", "created_at": 1_767_225_000, "status": "completed",
        "error": null, "incomplete_details": null, "output": output,
        "tools": [{"type": "image_generation", "size": "auto"}],
        "tool_usage": {"image_gen": {"input_tokens": 10, "output_tokens": 196, "total_tokens": 206,
            "input_tokens_details": {"image_tokens": 0, "text_tokens": 10}}}})
}

#[test]
fn a_response_in_one_document_is_an_answer_under_any_media_type() {
    let reasoning = json!({"type": "reasoning", "summary": [], "result": "x"});
    let whole = response(&json!([reasoning, item("ig_1", IMAGE)]));
    let event = json!({"type": "response.completed", "response": whole});
    // The type follows the member that it describes.
    let backwards =
        format!(r#" {{"output":[{{"result":"{IMAGE}","type":"image_generation_call"}}]}} "#);
    for content_type in TYPES {
        for document in [whole.to_string(), event.to_string(), backwards.clone()] {
            for size in [1, 7, 4096] {
                let (client, record) = responses(content_type, document.as_bytes(), size);
                assert_eq!(client.status, 200, "{content_type:?} {document} {client:?}");
                assert_eq!(image(&client), IMAGE);
                assert_eq!(record["images_delivered"], 1);
            }
        }
    }
    let (client, _) = responses(None, whole.to_string().as_bytes(), 4096);
    assert_eq!(client.json()["usage"]["output_tokens"], 196);
    assert_eq!(client.json()["created"], 1_767_225_000);
}

#[test]
fn events_are_read_under_any_media_type() {
    for content_type in TYPES {
        let marked = [b"\xef\xbb\xbf".as_slice(), &stream(IMAGE)].concat();
        let commented = [b": hi\n\n".as_slice(), &stream(IMAGE)].concat();
        // One event alone, so that none may be lost. The byte order mark may arrive in pieces.
        let item = item("ig_1", IMAGE);
        let alone = json!({"type": "response.completed", "response": {"output": [item]}});
        let alone = format!("\u{feff}data: {alone}\n\n").into_bytes();
        for bytes in [stream(IMAGE), marked, commented, alone] {
            for size in [1, 2, 5] {
                let (client, _) = responses(content_type, &bytes, size);
                assert_eq!(
                    (client.status, image(&client)),
                    (200, json!(IMAGE)),
                    "{content_type:?}"
                );
            }
        }
    }
}

#[test]
fn a_document_without_an_image_says_why() {
    let words = json!({"type": "message", "content": [{"type": "output_text",
        "text": "Which colour?"}]});
    let limited = json!({"code": "rate_limit_exceeded", "message": "no"});
    let mut failed = response(&json!([]));
    failed["status"] = json!("failed");
    failed["error"] = limited.clone();
    let mut incomplete = response(&json!([]));
    incomplete["status"] = json!("incomplete");
    incomplete["incomplete_details"] = json!({"reason": "content_filter"});
    for (document, code) in [
        (json!({"error": limited}), "rate_limit_exceeded"),
        (failed, "rate_limit_exceeded"),
        (incomplete, "moderation_blocked"),
        (response(&json!([words])), "image_generation_failed"),
        (response(&json!([])), "image_generation_failed"),
        (response(&json!([item("ig_1", "not base64!")])), "upstream_invalid_response"),
        (
            json!({"detail": "The 'gpt-6-luna' model is not supported when using Codex with a \
                ChatGPT \
            account."}),
            "upstream_host_model_refused",
        ),
        (json!({"ok": true}), "upstream_invalid_response"),
    ] {
        for content_type in TYPES {
            let one = json!({"upstreams": {"codex": {"authority": "chatgpt.example",
                "host_model": "gpt-6-luna", "timeout": "60s", "credential": "envoy"}}});
            let (gate, _) = gate(&one);
            let mut driver = Driver::admitted(&gate, &json!({"prompt": "a cat"}));
            let bytes = document.to_string();
            let client = answer(&mut driver, head(content_type), bytes.as_bytes(), 9);
            assert_eq!(client.code(), code, "{content_type:?} {document}");
        }
    }
    for (bytes, code) in [
        (&b""[..], "upstream_disconnected"),
        (b" \n", "upstream_disconnected"),
        (b"{\"output\":[", "upstream_disconnected"),
        (b"<!doctype html><title>Just a moment...</title>", "upstream_blocked"),
    ] {
        for content_type in [None, Some("text/plain"), Some("application/json")] {
            let (client, _) = responses(content_type, bytes, 3);
            assert_eq!(client.code(), code, "{content_type:?} {bytes:?}");
        }
    }
}

#[test]
fn an_error_does_not_hide_the_image_beside_it() {
    for error in [
        Value::Null,
        json!({}),
        json!(""),
        json!({"code": null, "message": null}),
        json!({"code": "", "message": "", "details": []}),
        json!({"code": 429, "message": null}),
        json!("server_error"),
    ] {
        let mut document = response(&json!([item("ig_1", IMAGE)]));
        document["error"] = error.clone();
        let (client, _) = responses(None, document.to_string().as_bytes(), 4096);
        assert_eq!(client.status, 200, "{error}");
        let event =
            json!({"type": "image_generation.completed", "b64_json": IMAGE, "error": error});
        let mut driver = provided(&json!({}), 1).1;
        let event = crate::support::event(&event);
        let client = answer(&mut driver, head(None), event.as_bytes(), 4096);
        assert_eq!((client.status, image(&client)), (200, json!(IMAGE)), "{error}");
    }
}

#[test]
fn a_document_has_the_same_limits_as_events() {
    let large = response(&json!([item("ig_1", &"A".repeat(4000))])).to_string();
    let (gate, budget) = gate(&json!({"max_image_bytes": 1000}));
    let mut driver = Driver::admitted(&gate, &json!({"prompt": "a cat"}));
    let client = answer(&mut driver, head(None), large.as_bytes(), 512);
    assert_eq!(client.code(), "generated_image_too_large");
    drop(driver);
    let padded = format!(r#"{{"output":[{}0]}}"#, "0,".repeat(200_000));
    let mut driver = Driver::admitted(&gate, &json!({"prompt": "a cat"}));
    let client = answer(&mut driver, head(None), padded.as_bytes(), 16 * 1024);
    assert_eq!(client.code(), "upstream_invalid_response");
    drop(driver);
    assert_eq!(budget.used(), 0);
}

/// A request to a provider of the Images API: its gate and driver.
fn provided(more: &Value, n: u32) -> (Rc<Shared>, Driver) {
    let (gate, _) = provider(&json!({}), more);
    let request = json!({"prompt": "a cat", "model": "gpt-image-2", "n": n});
    let driver = Driver::admitted(&gate, &request);
    (gate, driver)
}

fn collected() -> Value {
    json!({"default_response_format": "url"})
}

fn url_image(client: &Client) -> String {
    let url = client.json()["data"][0]["url"].as_str().unwrap().to_owned();
    url.strip_prefix("data:image/png;base64,").unwrap().to_owned()
}

#[test]
fn a_providers_answer_is_read_under_any_media_type() {
    let plain = images(&[IMAGE, IMAGE]).to_string();
    for content_type in TYPES {
        for size in [1, 9, 4096] {
            let mut driver = provided(&json!({}), 2).1;
            let client = answer(&mut driver, head(content_type), plain.as_bytes(), size);
            assert_eq!((client.status, client.reset), (200, false), "{content_type:?}");
            assert_eq!(client.body, plain.as_bytes(), "{content_type:?}");
            assert_eq!(driver.close(Some(200))["images_delivered"], 2);
            let mut driver = provided(&collected(), 1).1;
            let client = answer(&mut driver, head(content_type), plain.as_bytes(), size);
            assert_eq!(
                (client.status, url_image(&client).as_str()),
                (200, IMAGE),
                "{content_type:?}"
            );
        }
    }
    let event =
        crate::support::event(&json!({"type": "image_generation.completed", "b64_json": IMAGE}));
    for content_type in TYPES {
        let mut driver = provided(&json!({}), 1).1;
        let client = answer(&mut driver, head(content_type), event.as_bytes(), 5);
        assert_eq!((client.status, image(&client)), (200, json!(IMAGE)), "{content_type:?}");
    }
    for content_type in [None, Some("text/plain"), Some("text/html")] {
        for more in [json!({}), collected()] {
            let mut driver = provided(&more, 1).1;
            let client = answer(&mut driver, head(content_type), b"<html>", 5);
            assert_eq!(client.code(), "upstream_invalid_response");
        }
    }
}

#[test]
fn a_byte_order_mark_does_not_reach_the_client() {
    let plain = images(&[IMAGE]).to_string();
    let marked = format!("\u{feff}{plain}");
    for size in [1, 2, 4, 4096] {
        for more in [json!({}), collected()] {
            let mut driver = provided(&more, 1).1;
            let mut head = head(Some("application/json"));
            head.content_length = Some(marked.len().try_into().unwrap());
            let client = answer(&mut driver, head, marked.as_bytes(), size);
            assert!(client.status == 200 && !client.reset);
            client.json();
            if let Some(length) = client.header("content-length") {
                assert_eq!(length, client.body.len().to_string(), "by {size}");
            }
        }
    }
}

/// A form feed is white space, but not in JSON. Clients could not read it.
#[test]
fn only_what_is_white_space_in_json_reaches_the_client_before_an_answer() {
    for before in [" \t\r\n", "\u{c}", "\n\u{c}\n"] {
        let plain = images(&[IMAGE]).to_string();
        for pieces in [vec![before, &plain], vec![&[before, &plain].concat()]] {
            let pieces: Vec<_> = pieces.iter().map(|it| it.as_bytes()).collect();
            let mut driver = provided(&json!({}), 1).1;
            let client = driver.upstream(head(Some("application/json")), &pieces);
            assert_eq!((client.status, image(client)), (200, json!(IMAGE)), "{before:?}");
        }
    }
}

#[test]
fn what_follows_an_answer_is_left_out() {
    let plain = images(&[IMAGE]).to_string();
    for tail in ["x", "{}", "\n\n0\r\n", "\u{0}", "]"] {
        let bytes = format!("{plain}{tail}");
        let mut driver = provided(&json!({}), 1).1;
        let client = answer(&mut driver, head(None), bytes.as_bytes(), 4096);
        assert_eq!((client.status, client.body.as_slice()), (200, plain.as_bytes()), "{tail:?}");
        for size in [1, 4096] {
            let mut driver = provided(&collected(), 1).1;
            let client = answer(&mut driver, head(None), bytes.as_bytes(), size);
            assert_eq!((client.status, url_image(&client).as_str()), (200, IMAGE), "{tail:?}");
        }
        // The head has left.
        let mut driver = provided(&json!({}), 1).1;
        let client = answer(&mut driver, head(None), bytes.as_bytes(), 60);
        assert!(!client.reset && client.json() == images(&[IMAGE]), "{tail:?}");
    }
}

#[test]
fn unusual_base64_reaches_the_client_as_plain_base64() {
    for (unusual, plain) in [
        ("data:image/png;base64,iVBORw0KGgo=", IMAGE),
        ("data:image\\/png;base64,iVBORw0KGgo=", IMAGE),
        ("iVBO\\r\\nRw0KGgo=\\n", IMAGE),
        ("iVBORw0KGgo_-_8", "iVBORw0KGgo/+/8="),
    ] {
        let bytes = format!(r#"{{"created":1,"data":[{{"b64_json":"{unusual}"}}]}}"#);
        for size in [1, 11, 4096] {
            let mut driver = provided(&collected(), 1).1;
            let client = answer(&mut driver, head(None), bytes.as_bytes(), size);
            assert_eq!(
                (client.status, url_image(&client).as_str()),
                (200, plain),
                "{unusual} by {size}"
            );
        }
        // An answer that would pass through is collected, if nothing of it has left.
        let mut driver = provided(&json!({}), 1).1;
        let client = answer(&mut driver, head(None), bytes.as_bytes(), 4096);
        assert_eq!((client.status, image(&client)), (200, json!(plain)), "{unusual}");
        let mut driver = provided(&json!({}), 2).1;
        let client = answer(&mut driver, head(None), bytes.as_bytes(), 4096);
        assert_eq!((client.status, image(&client)), (200, json!(plain)), "{unusual}");
        assert_eq!(client.header("x-imagegate-images-failed"), Some("1"));
    }
    // The limit applies to the image without what surrounds it.
    let whole = "QUJD".repeat(250);
    for unusual in [whole.clone(), format!("data:image/png;base64,{whole}"), format!("{whole}\\n")]
    {
        for (limit, status) in [(750, 200), (747, 502)] {
            let bytes = format!(r#"{{"created":1,"data":[{{"b64_json":"{unusual}"}}]}}"#);
            let more = json!({"default_response_format": "url", "max_image_bytes": limit});
            let mut driver = provided(&more, 1).1;
            let client = answer(&mut driver, head(None), bytes.as_bytes(), 99);
            assert_eq!(client.status, status, "{unusual}");
        }
    }
    // An escaped slash is valid JSON, and passes through.
    let bytes = r#"{"created":1,"data":[{"b64_json":"iVBORw0K\/\/o="}]}"#;
    let mut driver = provided(&json!({}), 1).1;
    let client = answer(&mut driver, head(None), bytes.as_bytes(), 4096);
    assert_eq!((client.body.as_slice(), image(&client)), (bytes.as_bytes(), json!("iVBORw0K//o=")));
}

/// Of a text that its writer cut within a character: of UTF-16, and of UTF-8.
#[test]
fn an_image_whose_prompt_ends_within_a_character_is_delivered() {
    for rest in [&b"\\ud83d"[..], b"\xf0\x9f\x98"] {
        let cut = |text: &str| {
            let (before, after) = text.split_once("a cat").unwrap();
            [before.as_bytes(), b"a cat", rest, after.as_bytes()].concat()
        };
        let events = cut(&String::from_utf8(stream(IMAGE)).unwrap());
        let document = cut(&response(&json!([item("ig_1", IMAGE)])).to_string());
        for (kind, bytes) in [("text/event-stream", &events), ("application/json", &document)] {
            let (client, record) = responses(Some(kind), bytes, bytes.len());
            let answer = client.json();
            assert_eq!(image(&client), IMAGE, "{kind}: {answer}");
            assert_eq!(answer["data"][0]["revised_prompt"], "a cat\u{fffd}");
            assert_eq!(record["images_delivered"], 1);
        }
        let mut answer = images(&[IMAGE]);
        answer["data"][0]["revised_prompt"] = json!("a cat");
        let bytes = cut(&answer.to_string());
        for pieces in [&[&bytes[..]][..], &[&bytes[..80], &bytes[80..]]] {
            let (_, mut driver) = provided(&json!({}), 1);
            let client = driver.upstream(head(Some("application/json")), pieces).clone();
            assert!(!client.reset, "broken off");
            assert_eq!(client.body, bytes);
            assert_eq!(driver.close(Some(200))["images_delivered"], 1);
        }
    }
}

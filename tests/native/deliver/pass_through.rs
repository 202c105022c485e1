//! A provider's JSON answer, which passes through to the client as it arrives, byte for byte.

mod any_order;
mod charge;

use std::rc::Rc;

use crate::support::driver::Driver;
use crate::support::money::Counted;
use crate::support::providers::{images, json_head, provider};
use crate::support::{after, event};
use imagegate::exchange::{BodyAccess, End, ResponseHead, Shared};
use serde_json::{Value, json};

/// What an image costs, in nano-dollars.
const PRICE: u64 = 250_000_000;

/// The upstream sends these bytes, and its end.
fn last(driver: &mut Driver, bytes: &[u8]) {
    driver.response_body(bytes, End::Stream);
}

fn body(n: u32) -> Value {
    json!({"prompt": "a cat", "model": "gpt-image-2", "n": n})
}

/// A driver whose provider has begun to answer a request for this many images.
fn answered(gate: &Rc<Shared>, n: u32) -> Driver {
    declared(gate, n, None)
}

/// The same with an answer of this declared length.
fn declared(gate: &Rc<Shared>, n: u32, len: Option<usize>) -> Driver {
    let mut driver = Driver::admitted(gate, &body(n));
    let content_length = len.map(|len| u64::try_from(len).unwrap());
    let head = ResponseHead { content_length, ..json_head(200) };
    assert!(driver.upstream_head(head).waits());
    driver
}

/// A driver whose client has received `answer` up to the end of `until`.
fn passed(gate: &Rc<Shared>, n: u32, answer: &str, until: &str) -> Driver {
    let mut driver = answered(gate, n);
    let at = answer.find(until).unwrap() + until.len();
    let begun = answer.find("b64_json").unwrap() + 12;
    driver.upstream_bytes(&answer.as_bytes()[..begun]);
    driver.upstream_bytes(&answer.as_bytes()[begun..at]);
    assert_eq!((driver.client.status, driver.client.body.len()), (200, at));
    driver
}

/// From a record: the images delivered, failed and dropped, the price in images, and the code.
fn outcome(record: &Value) -> (u64, u64, u64, u64, Value) {
    let number = |name: &str| record[name].as_u64().unwrap();
    let money = number("settled_nanodollars");
    assert_eq!(money % PRICE, 0, "{record}");
    let [delivered, failed, dropped] =
        ["images_delivered", "images_failed", "images_dropped"].map(number);
    (delivered, failed, dropped, money / PRICE, record["code"].clone())
}

fn gate() -> Rc<Shared> {
    provider(&json!({}), &json!({})).0
}

const THREE: [&str; 3] = ["Zmlyc3Q=", "c2Vjb25k", "dGhpcmQh"];

#[test]
fn the_number_of_images_goes_upstream_in_one_call() {
    for (n, sent) in [(1, Value::Null), (3, json!(3))] {
        let driver = Driver::admitted(&gate(), &body(n));
        assert!(driver.calls.is_empty());
        assert_eq!(driver.sent_json()["n"], sent);
    }
    let edit = json!({"prompt": "a cat", "model": "gpt-image-2", "images": ["AAAA"], "n": 2});
    let (gate, _) = provider(&json!({"edits": "json"}), &json!({}));
    let driver = Driver::admitted(&gate, &edit);
    assert_eq!(driver.sent_json()["n"], 2);
    assert!(driver.calls.is_empty());
}

#[test]
fn an_answer_in_another_form_than_the_client_wants_is_collected() {
    let with = |gate: &Rc<Shared>, name: &str, value: Value, n: u32| {
        let mut request = body(n);
        request[name] = value;
        Driver::admitted(gate, &request).calls.len()
    };
    assert_eq!(with(&gate(), "response_format", json!("url"), 3), 2);
    let (url, _) = provider(&json!({}), &json!({"default_response_format": "url", "limits": []}));
    assert_eq!(with(&url, "user", json!("acme"), 3), 2);
    assert_eq!(with(&url, "response_format", json!("b64_json"), 3), 0);
    // With keep-alive a single image is collected. Several pass through without white space.
    let (kept, _) = provider(&json!({}), &json!({"keepalive": "1s"}));
    assert_eq!(with(&kept, "user", json!("acme"), 3), 0);
    let mut driver = answered(&kept, 1);
    driver.now = after(2);
    let client = driver.upstream_bytes(b"{");
    assert_eq!((client.at_once, client.text()), (false, " "));
}

#[test]
fn the_head_leaves_with_the_first_byte_of_an_image_and_has_none_of_the_providers_headers() {
    let answer = images(&THREE[..1]).to_string();
    let at = answer.find("Zmlyc3Q=").unwrap();
    let (gate, budget) = provider(&json!({}), &json!({}));
    let mut driver = declared(&gate, 1, Some(answer.len()));
    assert_eq!(driver.exchange.body_access(), BodyAccess::Drain);
    for byte in &answer.as_bytes()[..at] {
        driver.upstream_bytes(&[*byte]);
        assert_eq!(driver.client.status, 0, "the head left before an image");
    }
    driver.upstream_bytes(&answer.as_bytes()[at..=at]);
    assert_eq!(
        (driver.client.status, driver.client.body.as_slice()),
        (200, &answer.as_bytes()[..=at])
    );
    assert_eq!(driver.exchange.body_access(), BodyAccess::Peek);
    let mut names: Vec<_> = driver.client.headers.iter().map(|(name, _)| *name).collect();
    names.retain(|name| !name.starts_with("x-ratelimit-"));
    assert_eq!(names, ["content-type", "content-length", "x-request-id"]);
    assert_eq!(driver.client.header("content-type"), Some("application/json"));
    assert_eq!(driver.client.header("content-length"), Some(answer.len().to_string().as_str()));
    assert_eq!(driver.client.header("x-request-id"), Some("request-1"));
    assert_eq!(
        driver.client.header("x-ratelimit-remaining-usd"),
        Some("0.75"),
        "{:?}",
        driver.client.headers
    );
    last(&mut driver, &answer.as_bytes()[at + 1..]);
    assert_eq!((driver.client.body.as_slice(), driver.client.reset), (answer.as_bytes(), false));
    let record = driver.close(Some(200));
    assert_eq!(outcome(&record), (1, 0, 0, 1, Value::Null));
    assert_eq!((&record["committed"], &record["status"]), (&json!(true), &json!(200)));
    assert_eq!(record["bytes_out"], answer.len());
    assert_eq!((&record["size"], &record["output_tokens"]), (&json!("1024x1536"), &json!(1372)));
    drop(driver);
    assert_eq!(budget.used(), 0);
}

#[test]
fn images_take_no_memory_no_matter_how_many_and_how_large() {
    let (gate, budget) = provider(
        &json!({}),
        &json!({"max_image_bytes": "24MiB",
        "limits": [], "max_buffered_bytes": "32MiB"}),
    );
    let mut driver = answered(&gate, 10);
    let image = "A".repeat(1 << 20);
    driver.upstream_bytes(b"{\"data\":[");
    let mut most = 0;
    for place in 0..10 {
        let before = if place == 0 { "{\"b64_json\":\"" } else { ",{\"b64_json\":\"" };
        driver.upstream_bytes(before.as_bytes());
        for _ in 0..4 {
            driver.upstream_bytes(image.as_bytes());
            most = most.max(budget.used());
        }
        driver.upstream_bytes(b"\"}");
    }
    last(&mut driver, b"]}");
    assert!(!driver.client.reset && driver.client.body.len() > 40 << 20);
    assert_eq!(outcome(&driver.close(Some(200))), (10, 0, 0, 10, Value::Null));
    assert!(most < 1 << 10, "{most} bytes are held");
}

#[test]
fn an_answer_that_arrives_at_once_is_one_reply_of_the_same_bytes() {
    let gate = gate();
    let mut driver = answered(&gate, 3);
    let answer = images(&THREE[..2]).to_string();
    driver.upstream_bytes(answer.as_bytes());
    assert_eq!(
        (driver.client.status, driver.client.at_once, driver.client.body.as_slice()),
        (200, true, answer.as_bytes())
    );
    assert_eq!(driver.client.header("x-imagegate-images-failed"), Some("1"));
    assert_eq!(driver.client.header("x-ratelimit-remaining-usd"), Some("0.5"));
    let record = driver.close(Some(200));
    assert_eq!(outcome(&record), (2, 1, 0, 2, Value::Null));
    assert!(record.get("committed").is_none());
    assert_eq!(record["bytes_out"], answer.len());
}

#[test]
fn failures_before_the_head_have_their_status() {
    let overlong = format!("{{\"x\":\"{}\",\"data\":[", "x".repeat(300_000));
    let headed = |status, content_type: &str| ResponseHead {
        content_type: Some(content_type.as_bytes().to_vec()),
        ..json_head(status)
    };
    let encoded = ResponseHead { content_encoding: Some(b"gzip".to_vec()), ..json_head(200) };
    let refused = json!({"error": {"code": "moderation_blocked", "message": "No.", "type": "x"}});
    let refused = refused.to_string();
    let cases: [(ResponseHead, &str, u16, &str); 9] = [
        (json_head(400), &refused, 400, "moderation_blocked"),
        (json_head(200), &refused, 400, "moderation_blocked"),
        (json_head(401), "{}", 502, "upstream_authentication_failed"),
        (json_head(200), "{\"data\":[]}", 502, "image_generation_failed"),
        (json_head(200), "{\"data\":[{\"b64_json\":\"", 502, "upstream_disconnected"),
        (json_head(200), "[1] x", 502, "upstream_invalid_response"),
        (json_head(200), &overlong, 502, "upstream_disconnected"),
        (headed(200, "text/html"), "<html>", 502, "upstream_invalid_response"),
        (encoded, "\u{1f}", 502, "upstream_invalid_response"),
    ];
    for (head, bytes, status, code) in cases {
        let (gate, budget) = provider(&json!({}), &json!({}));
        let mut driver = Driver::admitted(&gate, &body(2));
        driver.upstream_head(head);
        for piece in bytes.as_bytes().chunks(100_000) {
            driver.upstream_bytes(piece);
        }
        driver.upstream_end();
        assert_eq!(
            (driver.client.status, driver.client.code()),
            (status, json!(code)),
            "{bytes:.40}"
        );
        let mut counted = Counted::default();
        let record = driver.close(Some(status));
        counted.take(&mut driver);
        assert_eq!(outcome(&record), (0, 2, 0, 0, json!(code)));
        let errors = counted.all().into_iter().filter(|(name, _)| name.contains("upstream_errors"));
        assert_eq!(errors.map(|(_, sum)| sum).sum::<u64>(), u64::from(status != 400));
        drop(driver);
        assert_eq!(budget.used(), 0);
    }
}

#[test]
fn events_that_nobody_requested_are_collected() {
    let (gate, budget) = provider(&json!({}), &json!({}));
    let mut driver = Driver::admitted(&gate, &body(3));
    let head = ResponseHead { content_type: Some(b"text/event-stream".to_vec()), ..json_head(200) };
    driver.upstream_head(head);
    let event = event(&json!({"type": "image_generation.completed", "b64_json": THREE[0]}));
    driver.upstream_bytes(event.as_bytes());
    driver.upstream_end();
    assert_eq!(driver.client.json()["data"], json!([{"b64_json": THREE[0]}]));
    assert_eq!(driver.client.header("x-imagegate-images-failed"), Some("2"));
    assert_eq!(outcome(&driver.close(Some(200))), (1, 2, 0, 1, Value::Null));
    drop(driver);
    assert_eq!(budget.used(), 0);
}

#[test]
fn several_upstreams_get_one_call_for_each_image() {
    let other = json!({"api": "images", "authority": "b", "credential": {"bearer_env": "TOKEN"}});
    let more = json!({
        "upstreams": {"openai": other, "other": other},
        "models": [{"match": "*", "upstream": ["openai", "other"]}],
        "limits": [],
    });
    let (gate, _) = provider(&json!({}), &more);
    assert_eq!(Driver::admitted(&gate, &body(3)).calls.len(), 2);
}

#[test]
fn an_edit_as_a_form_names_the_number_of_images() {
    let (gate, _) = provider(&json!({"edits": "form"}), &json!({"limits": []}));
    let png = "data:image/png;base64,iVBORw0KGgo=";
    let edit = json!({"prompt": "a cat", "model": "gpt-image-2", "images": [png], "n": 2});
    let driver = Driver::admitted(&gate, &edit);
    assert!(driver.calls.is_empty());
    let form = String::from_utf8_lossy(&driver.sent().body);
    assert!(form.contains("name=\"n\"\r\n\r\n2\r\n"), "{form}");
}

#[test]
fn a_long_prompt_before_the_image_is_no_failure() {
    let answer = json!({"data": [{"a_prompt": "\u{1}".repeat(32_000), "b64_json": THREE[0]}]});
    let answer = answer.to_string();
    let mut driver = answered(&gate(), 1);
    for piece in answer.as_bytes().chunks(4_000) {
        driver.upstream_bytes(piece);
    }
    assert!(driver.client.body == answer.as_bytes());
    assert_eq!(outcome(&driver.close(Some(200))), (1, 0, 0, 1, Value::Null));
}

#[test]
fn white_space_may_follow_the_answer_and_all_else_is_left_out() {
    let answer = images(&THREE[..1]).to_string();
    let mut driver = passed(&gate(), 1, &answer, "1382}}");
    driver.upstream_bytes(b" \r\n\t");
    driver.upstream_end();
    assert!(!driver.client.reset && driver.client.body.ends_with(b"}} \r\n\t"));
    assert_eq!(outcome(&driver.close(Some(200))), (1, 0, 0, 1, Value::Null));
    // After the chunk of the last bracket, and in it.
    for (until, rest) in [("1382}}", "\n{}"), ("1382}", "} x"), ("1382}", "}{\"data\":[]}")] {
        for is_declared in [false, true] {
            let last = answer.len() - until.len() + if rest.starts_with('}') { 1 } else { 0 };
            let bytes = format!("{}{rest}", &answer[..answer.find(until).unwrap() + until.len()]);
            let mut driver = declared(&gate(), 1, is_declared.then_some(bytes.len()));
            driver.upstream_bytes(&bytes.as_bytes()[..last]);
            driver.upstream_bytes(&bytes.as_bytes()[last..bytes.len() - rest.len()]);
            driver.upstream_bytes(rest.as_bytes());
            driver.upstream_bytes(b"");
            driver.upstream_end();
            assert!(!driver.client.reset, "{rest}");
            // As many bytes as were announced.
            let len = if is_declared { bytes.len() } else { answer.len() };
            assert_eq!(
                (driver.client.text().trim_end(), driver.client.body.len()),
                (&*answer, len)
            );
            let record = driver.close(Some(200));
            assert_eq!(outcome(&record), (1, 0, 0, 1, Value::Null), "{rest}");
            assert_eq!(record["bytes_out"], len);
        }
    }
}

#[test]
fn a_string_that_is_no_base64_resets_the_response() {
    // White space inside it, an escaped line end, a raw line end, and an invalid escape.
    for broken in ["QU JD", "QU\\nJD", "QU\nJD", "QU\\qJD"] {
        let broken =
            format!("{{\"data\":[{{\"b64_json\":\"QUJD\"}},{{\"b64_json\":\"{broken}\"}}]}}");
        let (start, _) = broken.rsplit_once("QU").unwrap();
        let mut driver = passed(&gate(), 2, start, "[{\"b64_json\":\"QUJD\"}");
        let rest = broken.as_bytes()[driver.client.body.len()..].to_vec();
        last(&mut driver, &rest);
        assert!(driver.client.reset, "{broken}");
        let code = json!("upstream_invalid_response");
        assert_eq!(outcome(&driver.close(Some(200))), (1, 1, 0, 1, code), "{broken}");
    }
    let none = json!({"data": [{"b64_json": "QU JD"}]}).to_string();
    let mut driver = answered(&gate(), 1);
    let at = none.find("QU").unwrap() + 1;
    driver.upstream_bytes(&none.as_bytes()[..at]);
    driver.upstream_bytes(&none.as_bytes()[at..]);
    assert!(driver.client.reset);
    let code = json!("upstream_invalid_response");
    assert_eq!(outcome(&driver.close(Some(200))), (0, 1, 0, 0, code));
}

#[test]
fn an_image_beyond_its_limit_resets_the_response() {
    let (gate, _) = provider(&json!({}), &json!({"max_image_bytes": "64KiB"}));
    let large = "A".repeat(64 * 1024 * 4 / 3 + 8);
    let answer = images(&["QUJD", &large]).to_string();
    let mut driver = passed(&gate, 2, &answer, "QUJD");
    let rest = &answer.as_bytes()[driver.client.body.len()..];
    for piece in rest.chunks(10_000) {
        driver.upstream_bytes(piece);
    }
    assert!(driver.client.reset && driver.client.body.len() < answer.len());
    let code = json!("generated_image_too_large");
    assert_eq!(outcome(&driver.close(Some(200))), (1, 1, 0, 1, code));
    // Before the head has left it is missing, or reported if there is no other.
    let mut driver = answered(&gate, 2);
    driver.upstream_bytes(answer.as_bytes());
    assert_eq!(driver.client.json()["data"], json!([{"b64_json": "QUJD"}]));
    assert_eq!(driver.client.header("x-imagegate-images-failed"), Some("1"));
    assert_eq!(outcome(&driver.close(Some(200))), (1, 1, 0, 1, Value::Null));
    let mut driver = answered(&gate, 2);
    driver.upstream_bytes(images(&[&large, &large]).to_string().as_bytes());
    assert_eq!(
        (driver.client.status, driver.client.code()),
        (502, json!("generated_image_too_large"))
    );
}

#[test]
fn a_timeout_is_reported_before_the_head_and_resets_with_the_next_bytes_after_it() {
    assert_eq!(answered(&gate(), 1).tick(after(60)).status, 504);
    let answer = images(&THREE).to_string();
    let mut driver = passed(&gate(), 3, &answer, "c2Vj");
    assert!(driver.tick(after(60)).status == 200);
    driver.now = after(61);
    driver.upstream_bytes(b"b25k");
    assert!(driver.client.reset);
    let code = json!("upstream_timeout");
    assert_eq!(outcome(&driver.close(Some(200))), (1, 2, 0, 1, code.clone()));
    // No more bytes arrive: Envoy resets the response, and the record says why.
    let mut driver = passed(&gate(), 3, &answer, "c2Vj");
    assert!(driver.tick(after(60)).status == 200);
    assert_eq!(outcome(&driver.close(Some(200))), (1, 2, 0, 1, code));
}

#[test]
fn what_does_not_fit_with_the_head_follows_with_the_next_bytes() {
    let answer = images(&[&"A".repeat(3 << 20)]).to_string();
    let mut driver = answered(&gate(), 1);
    let (first, rest) = answer.as_bytes().split_at(2 << 20);
    driver.upstream_bytes(first);
    assert!(driver.client.status == 200 && driver.client.body.len() < first.len());
    last(&mut driver, rest);
    assert!(driver.client.body == answer.as_bytes());
    assert_eq!(driver.close(Some(200))["bytes_out"], answer.len());
}

/// The clock has settled the call by then.
#[test]
fn what_follows_a_whole_answer_after_the_deadline_is_left_out() {
    let (gate, _) = provider(&json!({}), &json!({}));
    let answer = images(&THREE[..1]).to_string();
    let mut driver = passed(&gate, 1, &answer, "1382}}");
    driver.tick(after(61));
    driver.upstream_bytes(b"x");
    driver.upstream_end();
    assert_eq!((driver.client.text(), driver.client.reset), (&*answer, false));
    assert_eq!(outcome(&driver.close(Some(200))), (1, 0, 0, 1, Value::Null));
}

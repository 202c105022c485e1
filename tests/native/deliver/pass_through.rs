//! A provider's JSON answer, which passes through to the client as it arrives, byte for byte.

use std::rc::Rc;
use std::time::Duration;

use crate::support::client::Client;
use crate::support::driver::Driver;
use crate::support::money::{Counted, totals, used};
use crate::support::providers::{images, json_head, provider};
use crate::support::{NOW, after, event, png};
use imagegate::exchange::{BodyAccess, End, ResponseHead, Shared};
use proptest::prelude::*;
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
    let mut driver = Driver::admitted(gate, &body(n));
    let head = ResponseHead { content_length: Some(4711), ..json_head(200) };
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
    let mut driver = answered(&gate, 1);
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
    assert_eq!(driver.client.header("content-length"), Some("4711"));
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
fn images_take_no_room_however_many_and_large() {
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
    assert!(most > 0 && most < 2 << 20, "{most} bytes are held");
}

#[test]
fn images_that_pass_through_are_counted_and_priced_by_their_bytes_and_their_model() {
    let price =
        |model: &str, size: &str, usd: &str| json!({"model": model, "size": size, "usd": usd});
    let prices = json!([price("gpt-image-2", "1024x1024", "0.1"),
        price("other-*", "1672x941", "0.5"),
        price("other-*", "512x512", "0.25"), {"model": "gpt-image-2", "usd": "0.2"}]);
    let more = json!({"prices": prices, "limits": crate::support::money::every_unit()});
    for (size, model, charge_by, nanos) in [
        (json!("auto"), json!("other-2"), "served", 750_000_000),
        (Value::Null, json!("other-2"), "asked", 400_000_000),
        (json!("0x0"), json!("gpt-image-2-2026-04-21"), "served", 400_000_000),
        (json!(""), Value::Null, "served", 400_000_000),
    ] {
        let gate = provider(&json!({"charge_by": charge_by}), &more).0;
        let mut answer = images(&[&png(1672, 941, 50_000), &png(512, 512, 50_000)]);
        answer["size"] = size;
        answer["model"] = model.clone();
        let answer = answer.to_string();
        let mut driver = passed(&gate, 2, &answer, "\"data\":[{\"b64_json\":\"iVBORw0");
        let rest = &answer.as_bytes()[driver.client.body.len()..];
        for piece in rest.to_vec().chunks(1000) {
            driver.upstream_bytes(piece);
        }
        driver.upstream_end();
        assert_eq!(
            (driver.client.body.as_slice(), driver.client.reset),
            (answer.as_bytes(), false)
        );
        let record = driver.close(Some(200));
        assert_eq!(record["size"], "1672x941");
        assert_eq!(record.get("model_served").unwrap_or(&Value::Null), &model);
        assert_eq!(record["price_mismatch"], model == "other-2");
        assert_eq!(record["settled_nanodollars"], nanos);
        let mut counted = Counted::default();
        counted.take(&mut driver);
        assert_eq!(counted.of("imagegate_settled_nanodollars_total"), nanos);
        let usd = imagegate::prices::Money::from_nanos(nanos).to_string();
        assert_eq!(totals(&gate, NOW), used(["1", "2", "1.835496", &usd]));
    }
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
        (json_head(200), &overlong, 502, "upstream_invalid_response"),
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
fn half_an_answer_resets_the_response_however_the_upstream_ends_it() {
    let answer = images(&THREE).to_string();
    for trailers in [false, true] {
        let mut driver = passed(&gate(), 3, &answer, "c2Vj");
        let client = if trailers { driver.upstream_trailers() } else { driver.upstream_end() };
        assert!(client.reset);
        let record = driver.close(Some(200));
        // The first image is complete.
        assert_eq!(outcome(&record), (1, 2, 0, 1, json!("upstream_disconnected")));
        assert_eq!(record["status"], 200);
    }
    // If the connection breaks, Envoy resets the response itself.
    let mut driver = passed(&gate(), 3, &answer, "c2Vj");
    let record = driver.close(Some(200));
    assert_eq!(outcome(&record), (1, 2, 0, 1, json!("upstream_disconnected")));
}

#[test]
fn a_client_that_leaves_pays_for_each_image_that_had_begun() {
    let answer = images(&THREE).to_string();
    for (until, images) in
        [("Zm", 1), ("Zmlyc3Q=", 1), ("Zmlyc3Q=\"}", 1), ("c2V", 2), ("dGhpcmQh\"}]", 3)]
    {
        let (gate, budget) =
            provider(&json!({}), &json!({"limits": crate::support::money::every_unit()}));
        let mut driver = passed(&gate, 3, &answer, until);
        let record = driver.close(None);
        let code = json!("client_closed_request");
        assert_eq!(outcome(&record), (images, 3 - images, 0, images, code), "{until}");
        assert_eq!(record["status"], 200, "the status that was sent");
        let usd = [0, 25, 50, 75][usize::try_from(images).unwrap()];
        let usd = format!("0.{usd}").trim_end_matches('0').to_owned();
        let megapixels = (images * 1536 * 1024 * 1_000 / 1_000_000).to_string();
        let now = totals(&gate, NOW);
        assert_eq!(now[1].0, images.to_string(), "{megapixels}");
        assert_eq!(now[4], (usd, "0".to_owned()));
        drop(driver);
        assert_eq!(budget.used(), 0);
    }
    // While the head is held nothing has been delivered.
    let mut driver = answered(&gate(), 1);
    assert_eq!(driver.close(None)["settled_nanodollars"], 0);
}

#[test]
fn a_settled_answer_is_charged_once_if_the_client_leaves_after_it() {
    let answer = images(&THREE).to_string();
    let (gate, _) = provider(&json!({}), &json!({"limits": crate::support::money::every_unit()}));
    let mut driver = passed(&gate, 3, &answer, "}}");
    driver.close(None);
    assert_eq!(totals(&gate, NOW)[4], ("0.75".to_owned(), "0".to_owned()));
    driver.close(None);
    assert_eq!(totals(&gate, NOW), used(["1", "3", "4.718592", "0.75"]));
}

#[test]
fn white_space_may_follow_the_answer_and_nothing_else() {
    let answer = images(&THREE[..1]).to_string();
    let mut driver = passed(&gate(), 1, &answer, "1382}}");
    driver.upstream_bytes(b" \r\n\t");
    driver.upstream_end();
    assert!(!driver.client.reset && driver.client.body.ends_with(b"}} \r\n\t"));
    assert_eq!(outcome(&driver.close(Some(200))), (1, 0, 0, 1, Value::Null));
    let mut driver = passed(&gate(), 1, &answer, "1382}}");
    driver.upstream_bytes(b"\n{}");
    assert!(driver.client.reset);
    let code = json!("upstream_invalid_response");
    assert_eq!(outcome(&driver.close(Some(200))), (1, 0, 0, 1, code.clone()));
    // In the chunk of the last bracket.
    let mut driver = passed(&gate(), 1, &answer, "1382}");
    driver.upstream_bytes(b"} x");
    assert!(driver.client.reset);
    assert_eq!(outcome(&driver.close(Some(200))), (1, 0, 0, 1, code));
}

#[test]
fn more_images_than_were_requested_cost_no_more() {
    let answer = images(&THREE).to_string();
    let mut driver = passed(&gate(), 2, &answer, "1382}}");
    driver.upstream_end();
    assert_eq!(driver.client.body, answer.as_bytes());
    let record = driver.close(Some(200));
    assert_eq!(outcome(&record), (2, 0, 1, 2, Value::Null));
    // The tokens are those of the whole answer.
    assert_eq!((&record["input_tokens"], &record["output_tokens"]), (&json!(10), &json!(1372)));
}

#[test]
fn tokens_of_the_whole_answer_are_charged_once() {
    let price = json!({"model": "gpt-image-2", "usd": "0.25",
        "usd_per_million_tokens": {"text_input": "5", "image_input": "8", "image_output": "30"}});
    let (gate, _) = provider(&json!({}), &json!({"prices": [price], "limits": []}));
    let answer = images(&THREE).to_string();
    let mut driver = passed(&gate, 3, &answer, "1382}}");
    driver.upstream_end();
    // 10 tokens of text at $5 a million, 1372 of output at $30.
    let record = driver.close(Some(200));
    assert_eq!(record["settled_nanodollars"], 10 * 5_000 + 1372 * 30_000);
    // Of extra images, each has an equal share of the output.
    for (asked, output) in [(1, 458), (2, 2 * 458)] {
        let mut driver = passed(&gate, asked, &answer, "1382}}");
        driver.upstream_end();
        let record = driver.close(Some(200));
        assert_eq!(record["settled_nanodollars"], 10 * 5_000 + output * 30_000, "{asked}");
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
fn of_members_with_one_name_the_last_is_charged_as_it_is_the_one_that_clients_read() {
    for (answer, outcome_of) in [
        (r#"{"data":[{"b64_json":"QUJD","b64_json":"REVG"}]}"#, (1, 1, 0, 1)),
        (r#"{"data":[{"b64_json":"QUJD"}],"data":[{"b64_json":"REVG"}]}"#, (1, 1, 0, 1)),
    ] {
        let mut driver = passed(&gate(), 2, answer, "QUJD");
        let rest = answer.as_bytes()[driver.client.body.len()..].to_vec();
        last(&mut driver, &rest);
        assert_eq!(driver.client.json()["data"][0]["b64_json"], "REVG");
        let (delivered, failed, dropped, paid, code) = outcome(&driver.close(Some(200)));
        assert_eq!((delivered, failed, dropped, paid), outcome_of, "{answer}");
        assert_eq!(code, Value::Null);
    }
}

#[test]
fn a_complete_answer_whose_end_does_not_arrive_is_charged_and_recorded() {
    let answer = images(&["QUJD"]).to_string();
    let mut driver = passed(&gate(), 1, &answer, "QUJD");
    let rest = answer.as_bytes()[driver.client.body.len()..].to_vec();
    driver.upstream_bytes(&rest);
    let code = json!("upstream_disconnected");
    assert_eq!(outcome(&driver.close(Some(200))), (1, 0, 0, 1, code));
    // A client that leaves after it has its image.
    let mut driver = passed(&gate(), 1, &answer, "QUJD");
    driver.upstream_bytes(&rest);
    assert_eq!(outcome(&driver.close(None)), (1, 0, 0, 1, Value::Null));
}

#[test]
fn images_in_the_chunk_that_resets_the_response_are_not_charged() {
    let answer = r#"{"data":[{"b64_json":"QUJD"},{"b64_json":"REVG"},{"b64_json":"R0hJ"}]] "#;
    let mut driver = passed(&gate(), 3, answer, "\"QU");
    let rest = answer.as_bytes()[driver.client.body.len()..].to_vec();
    last(&mut driver, &rest);
    assert!(driver.client.reset && !String::from_utf8_lossy(&driver.client.body).contains("QUJD"));
    assert_eq!(outcome(&driver.close(Some(200))).3, 0);
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
    // Before the head has left it is reported.
    let mut driver = answered(&gate, 2);
    driver.upstream_bytes(answer.as_bytes());
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

/// Runs an answer in these pieces. Returns what the client got, the record, and the totals of the
/// rules.
fn run(answer: &[u8], cuts: &[usize], n: u32) -> (Client, Value, Vec<(String, String)>) {
    let (gate, budget) =
        provider(&json!({}), &json!({"limits": crate::support::money::every_unit()}));
    let mut driver = answered(&gate, n);
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| *cut % (answer.len() + 1)).collect();
    cuts.sort_unstable();
    let mut at = 0;
    for cut in cuts.into_iter().chain([answer.len()]) {
        driver.upstream_bytes(&answer[at..cut]);
        at = cut;
    }
    driver.upstream_end();
    let record = driver.close(Some(200));
    let client = driver.client.clone();
    drop(driver);
    assert_eq!(budget.used(), 0);
    (client, record, totals(&gate, NOW))
}

#[derive(Debug, Clone)]
enum Step {
    Head(u16),
    Body(usize, bool),
    Junk(&'static [u8]),
    Trailers,
    Tick(u64),
    Log(Option<u16>),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        2 => prop::sample::select(vec![200_u16, 204, 400, 500]).prop_map(Step::Head),
        8 => (1_usize..120, any::<bool>())
            .prop_map(|(len, last)| Step::Body(len, last && len > 100)),
        2 => prop::sample::select(vec![&b"}"[..], b"]}", b"\"", b"\xff", b" ", b"{\"error\":{}}"])
            .prop_map(Step::Junk),
        1 => Just(Step::Trailers),
        1 => prop::sample::select(vec![0_u64, 1, 61]).prop_map(Step::Tick),
        1 => prop::sample::select(vec![None, Some(200), Some(502)]).prop_map(Step::Log),
    ]
}

proptest! {
    /// For every cut of an answer, the same bytes reach the client, and the same is charged and
    /// recorded.
    #[test]
    fn any_cut_gives_the_same_bytes_and_the_same_settlement(
        cuts in prop::collection::vec(any::<usize>(), 0..8),
        count in 1_usize..=3,
        n in 1_u32..=3,
        space in prop::sample::select(vec!["", " \n"]),
    ) {
        let answer = [space, &images(&THREE[..count]).to_string(), space].concat().into_bytes();
        let (client, record, totals) = run(&answer, &cuts, n);
        let (at_once, whole, charged) = run(&answer, &[], n);
        prop_assert!(at_once.body == answer && !client.reset);
        // An answer that is complete while the head is held does not wait for white space after it.
        let end = if client.at_once { answer.trim_ascii_end().len() } else { answer.len() };
        prop_assert!(answer.starts_with(&client.body) && client.body.len() >= end, "{client:?}");
        prop_assert_eq!(&record["bytes_out"], &json!(client.body.len()));
        prop_assert_eq!(outcome(&record), outcome(&whole));
        let count = u32::try_from(count).unwrap();
        prop_assert_eq!(outcome(&record).3, u64::from(count.min(n)));
        prop_assert_eq!(totals, charged);
        for name in ["input_tokens", "output_tokens", "size", "quality"] {
            prop_assert_eq!(&record[name], &whole[name], "{}", name);
        }
    }

    /// An answer that ends before its last bracket never looks complete, and costs the images that
    /// are complete.
    #[test]
    fn any_end_before_the_last_bracket_is_a_failure_to_the_client(
        cuts in prop::collection::vec(any::<usize>(), 0..6),
        end in any::<usize>(),
    ) {
        let whole = images(&THREE).to_string().into_bytes();
        let half = &whole[..end % whole.len()];
        let (client, record, totals) = run(half, &cuts, 3);
        prop_assert!(client.reset || client.status == 502, "{client:?}");
        let passed = THREE.iter().filter(|it| {
            let needle = format!("{it}\"");
            String::from_utf8_lossy(&client.body).contains(&needle)
        });
        let passed = if client.reset { passed.count() } else { 0 };
        let charged = u64::try_from(passed).unwrap();
        let code = json!("upstream_disconnected");
        prop_assert_eq!(outcome(&record), (charged, 3 - charged, 0, charged, code));
        prop_assert_eq!(&totals[1].0, &charged.to_string());
    }

    #[test]
    fn callbacks_in_any_order_get_one_head_at_most_and_settle_once(
        steps in prop::collection::vec(step(), 0..40),
        ordered in any::<bool>(),
    ) {
        let limits = crate::support::money::every_unit();
        let (gate, budget) = provider(&json!({}), &json!({ "limits": limits }));
        let answer = images(&THREE).to_string().into_bytes();
        let mut driver = Driver::admitted(&gate, &body(3));
        let mut at = 0;
        let start = ordered.then_some(Step::Head(200));
        for step in start.into_iter().chain(steps) {
            match step {
                Step::Head(status) => _ = driver.upstream_head(json_head(status)),
                Step::Body(len, last) => {
                    let to = (at + len).min(answer.len());
                    let end = if last { End::Stream } else { End::Open };
                    driver.response_body(&answer[at..to], end);
                    at = to;
                }
                Step::Junk(bytes) => _ = driver.upstream_bytes(bytes),
                Step::Trailers => _ = driver.upstream_trailers(),
                Step::Tick(secs) => _ = driver.tick(driver.now + Duration::from_secs(secs)),
                Step::Log(status) => _ = driver.log(status),
            }
        }
        driver.close(None);
        let totals = totals(&gate, driver.now);
        prop_assert!(totals.iter().all(|(_, reserved)| reserved == "0"), "{:?}", totals);
        prop_assert_eq!(&totals[0].0, "1");
        prop_assert!(totals[1].0.parse::<u32>().unwrap() <= 3);
        drop(driver);
        prop_assert_eq!(budget.used(), 0);
    }
}

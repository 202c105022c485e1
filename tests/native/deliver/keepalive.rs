//! The events of Codex, for a client that does not stream, with `keepalive`: white space keeps its
//! response alive.

use std::rc::Rc;

use crate::support::driver::Driver;
use crate::support::money::PRICE;
use crate::support::{after, event, gate, ok, stream};
use imagegate::exchange::{ResponseHead, Shared};
use proptest::prelude::*;
use serde_json::{Value, json};

fn waiting(gate: &Rc<Shared>, n: u32) -> Driver {
    Driver::admitted(gate, &json!({"prompt": "a cat", "n": n}))
}

/// A driver whose upstream has begun to answer.
fn answered(gate: &Rc<Shared>) -> Driver {
    let mut driver = waiting(gate, 1);
    assert!(driver.upstream_head(ok()).waits());
    driver
}

/// The upstream sends bytes, this many seconds after the request.
fn feed(driver: &mut Driver, bytes: &[u8], secs: u64) {
    let waited = driver.client.waits();
    driver.now = after(secs);
    let client = driver.upstream_bytes(bytes);
    if waited && !client.waits() && !client.at_once {
        assert_eq!(client.text(), " ", "more than a space beside the head");
    }
}

/// A driver whose client was sent the head and a space.
fn left(gate: &Rc<Shared>) -> Driver {
    let mut driver = answered(gate);
    feed(&mut driver, b": ping\n\n", 15);
    assert_eq!((driver.client.status, driver.client.text()), (200, " "));
    driver
}

fn kept() -> Value {
    json!({"keepalive": "15s", "delivery": "hold", "prices": [{"model": "*", "usd": "0.211"}],
        "limits": [{"name": "budget", "per": "user", "unit": "usd", "max": "25.00",
            "window": "month"}]})
}

fn failed(code: &str) -> Vec<u8> {
    event(&json!({"type": "response.failed", "response": {"status": "failed",
        "error": {"code": code, "message": "m"}}}))
    .into_bytes()
}

#[test]
fn nothing_leaves_before_it_is_due_and_an_early_answer_keeps_its_status() {
    let (gate, _) = gate(&kept());
    let mut driver = answered(&gate);
    feed(&mut driver, b": ping\n\n", 14);
    assert_eq!(driver.client.status, 0);
    // The outcome arrives with the bytes for which a space would have been due.
    feed(&mut driver, &failed("moderation_blocked"), 20);
    assert_eq!((driver.client.status, driver.client.at_once), (400, true));
    driver.now = after(20);
    let record = driver.close(Some(400));
    assert!(record.get("committed").is_none(), "{record}");
}

#[test]
fn white_space_from_the_upstream_triggers_white_space_to_the_client() {
    let (gate, _) = gate(&kept());
    let mut driver = answered(&gate);
    feed(&mut driver, b" ", 14);
    assert_eq!(driver.client.status, 0);
    for (secs, spaces) in [(15, 1), (20, 1), (30, 2)] {
        feed(&mut driver, b" ", secs);
        assert_eq!(
            (driver.client.status, driver.client.body.len()),
            (200, spaces),
            "after {secs} s"
        );
    }
    feed(&mut driver, &stream("QUJD"), 40);
    assert_eq!(driver.client.json()["data"][0]["b64_json"], "QUJD");
}

#[test]
fn spaces_come_when_due_and_the_answer_after_them_is_charged() {
    let (gate, budget) = gate(&kept());
    let mut driver = left(&gate);
    assert_eq!(driver.client.header("content-type"), Some("application/json"));
    assert_eq!(driver.client.header("cache-control"), Some("no-store"));
    assert_eq!(driver.client.header("x-request-id"), Some("request-1"));
    assert_eq!(driver.client.header("content-length"), None);
    for (secs, spaces) in [(16, 1), (29, 1), (30, 2), (44, 2), (46, 3)] {
        feed(&mut driver, b": ping\n\n", secs);
        assert_eq!(driver.client.body, b" ".repeat(spaces), "after {secs} s");
    }
    feed(&mut driver, b"", 59);
    assert_eq!(driver.client.body.len(), 3, "a space without an occasion");
    feed(&mut driver, &stream("QUJD"), 59);
    assert_eq!(driver.client.json()["data"][0]["b64_json"], "QUJD");
    let len = driver.client.body.len();
    feed(&mut driver, &stream("QUJD"), 59);
    driver.upstream_end();
    assert_eq!(driver.client.body.len(), len, "bytes after the answer");
    let record = driver.close(Some(200));
    assert_eq!((&record["committed"], &record["code"]), (&json!(true), &Value::Null));
    assert_eq!(record["bytes_out"], json!(len));
    assert_eq!(record["settled_nanodollars"], json!(PRICE));
    assert_eq!(budget.used(), 0);
}

#[test]
fn a_failure_after_the_head_is_an_error_in_the_body_and_costs_nothing() {
    let (gate, budget) = gate(&kept());
    let mut driver = left(&gate);
    feed(&mut driver, &failed("moderation_blocked"), 20);
    assert_eq!((driver.client.status, driver.client.at_once), (200, false));
    assert_eq!(driver.client.code(), "moderation_blocked");
    let record = driver.close(Some(200));
    assert_eq!((&record["status"], &record["committed"]), (&json!(200), &json!(true)));
    assert_eq!(record["code"], "moderation_blocked");
    assert_eq!(record["settled_nanodollars"], 0);
    assert_eq!(budget.used(), 0);
}

#[test]
fn an_error_of_the_upstream_keeps_its_status_however_long_it_takes() {
    let (gate, _) = gate(&kept());
    let mut driver = waiting(&gate, 1);
    driver.upstream_head(ResponseHead { status: 500, ..ResponseHead::default() });
    feed(&mut driver, b"{\"error\":", 20);
    assert_eq!(driver.client.status, 0, "the head left for an error");
    driver.now = after(21);
    driver.upstream_end();
    assert_eq!((driver.client.status, driver.client.at_once), (502, true));
}

#[test]
fn without_the_setting_or_with_several_images_the_answer_comes_at_the_end() {
    for (config, n) in [(kept(), 2), (json!({}), 1)] {
        let (gate, _) = gate(&config);
        let mut driver = waiting(&gate, n);
        driver.upstream_head(ok());
        feed(&mut driver, b": ping\n\n", 50);
        assert_eq!(driver.client.status, 0);
    }
}

#[test]
fn a_response_with_a_url_is_kept_alive_too() {
    let (gate, _) = gate(&kept());
    let request = json!({"prompt": "a cat", "response_format": "url"});
    let mut driver = Driver::admitted(&gate, &request);
    driver.upstream_head(ok());
    feed(&mut driver, b": ping\n\n", 15);
    feed(&mut driver, &stream("QUJD"), 16);
    assert_eq!(driver.client.json()["data"][0]["url"], "data:image/png;base64,QUJD");
}

#[test]
fn trailers_before_the_outcome_reset_the_response() {
    let (gate, _) = gate(&kept());
    let mut driver = left(&gate);
    driver.now = after(20);
    assert!(driver.upstream_trailers().reset);
    let record = driver.close(Some(200));
    assert_eq!(record["code"], "upstream_disconnected");
    assert_eq!(record["settled_nanodollars"], 0);
    assert_eq!(answered(&gate).upstream_trailers().status, 502);
}

#[test]
fn an_image_that_only_the_trailers_end_is_lost_with_the_upstream() {
    let (gate, budget) = gate(&kept());
    let mut driver = left(&gate);
    let bytes = stream("QUJD");
    // The line feed that ends the last event does not come.
    feed(&mut driver, &bytes[..bytes.len() - 1], 16);
    assert!(driver.upstream_trailers().reset);
    let record = driver.close(Some(200));
    assert_eq!(record["code"], "upstream_disconnected");
    assert_eq!((&record["images_delivered"], &record["images_failed"]), (&json!(0), &json!(1)));
    assert_eq!(record["settled_nanodollars"], 0);
    let error = "imagegate_upstream_errors_total.kind.upstream_disconnected.upstream.codex";
    assert!(driver.count_names().iter().any(|it| it == error), "{:?}", driver.counts);
    assert_eq!(budget.used(), 0);
}

#[test]
fn a_timeout_is_reported_at_once_before_the_head_and_with_the_next_bytes_after_it() {
    let (gate, _) = gate(&kept());
    assert_eq!(answered(&gate).tick(after(60)).status, 504);
    let mut driver = left(&gate);
    assert_eq!(driver.tick(after(60)).text(), " ");
    feed(&mut driver, b": ping\n\n", 61);
    assert_eq!(driver.client.code(), "upstream_timeout");
    // No more bytes arrive: Envoy resets the stream, and the record says why.
    let mut driver = left(&gate);
    assert_eq!(driver.tick(after(60)).text(), " ");
    driver.now = after(65);
    assert_eq!(driver.close(Some(200))["code"], "upstream_timeout");
}

#[test]
fn a_client_that_leaves_is_charged_nothing() {
    let (gate, budget) = gate(&kept());
    let mut driver = left(&gate);
    driver.now = after(20);
    let record = driver.close(None);
    assert_eq!(record["code"], "client_closed_request");
    assert_eq!(record["settled_nanodollars"], 0);
    drop(driver);
    assert_eq!(budget.used(), 0);
}

proptest! {
    #[test]
    fn the_body_is_one_json_text_however_it_is_cut_and_timed(
        steps in prop::collection::vec((1_usize..400, 0_u64..12), 1..40),
        fails in any::<bool>(),
    ) {
        let (gate, budget) = gate(&kept());
        let mut driver = answered(&gate);
        let bytes = match fails {
            true => [&b": ping\n\n"[..], &failed("server_error")].concat(),
            false => stream("QUJD"),
        };
        let (mut rest, mut secs) = (bytes.as_slice(), 0);
        for (len, wait) in steps {
            let (piece, after) = rest.split_at(len.min(rest.len()));
            secs += wait;
            feed(&mut driver, piece, secs);
            rest = after;
        }
        feed(&mut driver, rest, secs);
        driver.upstream_end();
        let answer = driver.client.json();
        prop_assert_eq!(answer.get("error").is_some(), fails);
        prop_assert!(driver.client.status == 200 || fails);
        drop(driver);
        prop_assert_eq!(budget.used(), 0);
    }
}

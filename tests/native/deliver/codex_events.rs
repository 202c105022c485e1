//! The events of Codex, for a client that streams: which events it gets, when, and what it is
//! charged.
//!
//! `fixtures/streams/<case>.sse` gives `<case>.events.sse`: what a client gets that asks for three
//! previews, with the status. For a failure before the first image that is JSON. `UPDATE_GOLDEN=1`
//! rewrites them.

use std::path::{Path, PathBuf};
use std::rc::Rc;

use crate::support::client::Client;
use crate::support::codex::{self, created, failed, preview};
use crate::support::driver::Driver;
use crate::support::money::{PRICE, priced};
use crate::support::{after, gate, item, ok, stream};
use imagegate::exchange::{End, ResponseHead, Shared};
use proptest::prelude::*;
use serde_json::json;

/// A request of a stream that waits for its upstream.
fn streaming(gate: &Rc<Shared>, previews: u32) -> Driver {
    let request = json!({"prompt": "a cat", "stream": true, "partial_images": previews});
    Driver::admitted(gate, &request)
}

/// A driver whose upstream has begun to answer.
fn answered(gate: &Rc<Shared>, previews: u32) -> Driver {
    let mut driver = streaming(gate, previews);
    assert!(driver.upstream_head(ok()).waits());
    driver
}

/// A driver whose client has received a preview.
fn previewed(gate: &Rc<Shared>) -> Driver {
    let mut driver = answered(gate, 1);
    assert_eq!(driver.upstream_bytes(preview(0, "UFJF").as_bytes()).status, 200);
    driver
}

/// The upstream sends these pieces and its end. Returns what the client got.
fn get(driver: &mut Driver, pieces: &[&[u8]]) -> Client {
    for piece in pieces {
        driver.upstream_bytes(piece);
    }
    let client = driver.upstream_end();
    assert!(!client.reset, "broken off");
    client.clone()
}

/// The item of an image.
fn done(base64: &str) -> String {
    codex::done(&item("ig_1", base64))
}

/// The end of a response without members.
fn completed() -> String {
    codex::completed(&json!({}))
}

fn cases() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/streams");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let is_upstream = |path: &PathBuf| {
        let name = path.to_str().unwrap();
        name.ends_with(".sse") && !name.ends_with(".events.sse")
    };
    let mut cases: Vec<PathBuf> = files.filter(is_upstream).collect();
    cases.sort();
    cases
}

/// What a client gets for a case that is cut into these pieces, as text.
fn events_of(case: &Path, pieces: &[&[u8]]) -> String {
    let name = case.file_stem().unwrap().to_str().unwrap();
    let (gate, budget) =
        gate(&json!({"accept_last_partial": name.starts_with("preview_accepted")}));
    let got = get(&mut answered(&gate, 3), pieces);
    assert_eq!(budget.used(), 0, "{name}");
    let text = got.text().replace(": keep-alive\n\n", "");
    format!(": {}\n\n{text}", got.status)
}

#[test]
fn each_stream_gives_its_events_cut_nowhere_and_cut_anywhere() {
    let cases = cases();
    assert!(cases.len() >= 45, "only {} cases were found", cases.len());
    for case in cases {
        let stream = std::fs::read(&case).unwrap();
        let whole = events_of(&case, &[&stream]);
        let golden = case.with_extension("events.sse");
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(&golden, &whole).unwrap();
        }
        let expected = std::fs::read_to_string(&golden).unwrap_or_default();
        assert_eq!(whole, expected, "{}", case.display());
        let bytes: Vec<&[u8]> = stream.chunks(1).collect();
        assert_eq!(events_of(&case, &bytes), whole, "{} byte by byte", case.display());
        for at in (0..stream.len()).step_by(17) {
            let (head, tail) = stream.split_at(at);
            assert_eq!(events_of(&case, &[head, tail]), whole, "{} cut at {at}", case.display());
        }
    }
}

#[test]
fn an_event_has_every_field_that_clients_require() {
    let (gate, _) = gate(&json!({}));
    let got = get(&mut answered(&gate, 1), &[&stream("QUJD")]);
    assert_eq!(got.header("content-type"), Some("text/event-stream; charset=utf-8"));
    assert_eq!(got.header("x-request-id"), Some("request-1"));
    let events = got.events();
    assert_eq!(
        events[0],
        (
            "image_generation.partial_image".to_owned(),
            json!({"type": "image_generation.partial_image", "b64_json": "UFJFVklFVw==",
                "created_at": 1_767_225_000, "size": "auto", "quality": "auto",
                "background": "auto", "output_format": "png", "partial_image_index": 0,
                "sequence_number": 0})
        )
    );
    assert_eq!(
        events[1],
        (
            "image_generation.completed".to_owned(),
            json!({"type": "image_generation.completed", "b64_json": "QUJD",
                "created_at": 1_767_225_000, "size": "1024x1024", "quality": "low",
                "background": "opaque", "output_format": "png", "usage": {"input_tokens": 10,
                    "input_tokens_details": {"image_tokens": 0, "text_tokens": 10},
                    "output_tokens": 196, "total_tokens": 206}, "sequence_number": 1})
        )
    );
    assert_eq!(events.len(), 2);
}

#[test]
fn a_missing_usage_is_zero() {
    let (gate, _) = gate(&json!({}));
    let got = get(&mut answered(&gate, 0), &[done("QUJD").as_bytes(), completed().as_bytes()]);
    let (_, data) = &got.events()[0];
    assert_eq!(
        data["usage"],
        json!({"input_tokens": 0, "input_tokens_details": {"image_tokens": 0, "text_tokens": 0},
            "output_tokens": 0, "total_tokens": 0})
    );
}

#[test]
fn as_many_previews_as_the_client_wants_are_requested_and_passed_on() {
    let (gate, budget) = gate(&json!({}));
    let three: String = (0..3).map(|index| preview(index, "UFJF")).collect();
    let bytes = [three, done("QUJD"), completed()].concat();
    for wanted in 0..4 {
        let mut driver = streaming(&gate, wanted);
        let upstream = driver.sent_json()["tools"][0].get("partial_images").cloned();
        assert_eq!(upstream, (wanted > 0).then(|| json!(wanted)));
        driver.upstream_head(ok());
        let got = get(&mut driver, &[bytes.as_bytes()]);
        let previews = got.names().iter().filter(|it| it.ends_with("partial_image")).count();
        assert_eq!(previews, wanted as usize);
        assert_eq!(got.names().last().unwrap(), "image_generation.completed");
    }
    assert_eq!(budget.used(), 0);
}

#[test]
fn a_preview_leaves_with_its_last_byte() {
    let (gate, _) = gate(&json!({}));
    let mut driver = answered(&gate, 1);
    driver.upstream_bytes(created().as_bytes());
    assert_eq!(driver.client.status, 0, "the head has left before an image began");
    let event = preview(0, &"UFJF".repeat(100_000));
    let (start, end) = event.split_at(1_000);
    driver.upstream_bytes(start.as_bytes());
    assert_eq!(
        (driver.client.status, driver.client.body.as_slice()),
        (200, b": keep-alive\n\n".as_slice())
    );
    driver.upstream_bytes(end.as_bytes());
    assert_eq!(driver.client.names(), ["image_generation.partial_image"]);
}

#[test]
fn what_leaves_with_the_head_is_never_longer_than_what_arrived() {
    let (gate, _) = gate(&json!({}));
    for len in [1_000, 20_000, 400_000] {
        // The name of the event and all its members but the image arrived before.
        let event = preview(0, &"UFJF".repeat(len));
        let at = event.find("UFJF").unwrap();
        let mut driver = answered(&gate, 1);
        let (start, end) = event.split_at(at);
        driver.upstream_bytes(start.as_bytes());
        assert_eq!(driver.client.status, 0);
        driver.upstream_bytes(end.as_bytes());
        assert!(!driver.client.waits() && !driver.client.at_once);
        driver.upstream_bytes(b"event");
        assert_eq!(driver.client.events().len(), 1);
    }
}

#[test]
fn silence_is_filled_whenever_upstream_data_arrives() {
    let (gate, _) = gate(&json!({}));
    let mut driver = previewed(&gate);
    let before = driver.client.body.len();
    for (secs, comments) in [(1, 0), (6, 1), (7, 1), (12, 2)] {
        driver.now = after(secs);
        let client = driver.upstream_bytes(b": ping\n\n");
        assert_eq!(client.body[before..], b": keep-alive\n\n".repeat(comments), "after {secs} s");
    }
}

#[test]
fn a_failure_has_its_status_before_the_first_image_and_is_an_event_after() {
    let (gate, budget) = gate(&json!({}));
    for (code, status) in [("moderation_blocked", 400), ("rate_limit_exceeded", 429), ("x", 502)] {
        let early = get(&mut answered(&gate, 1), &[created().as_bytes(), failed(code).as_bytes()]);
        assert_eq!((early.status, early.at_once), (status, true));
        assert_eq!(early.header("content-type"), Some("application/json"));
        let error = early.json();
        let pieces = [preview(0, "UFJF"), failed(code)];
        let late = get(&mut answered(&gate, 1), &pieces.each_ref().map(|it| it.as_bytes()));
        assert_eq!(late.status, 200);
        assert_eq!(late.names(), ["image_generation.partial_image", "error"]);
        let (_, event) = &late.events()[1];
        assert_eq!(event["error"], error["error"]);
        assert_eq!(event["type"], "error");
    }
    assert_eq!(budget.used(), 0);
}

#[test]
fn an_error_at_the_head_of_the_upstream_keeps_its_status() {
    let (gate, _) = gate(&json!({}));
    let mut driver = streaming(&gate, 1);
    let head = ResponseHead { status: 503, ..ResponseHead::default() };
    assert_eq!(driver.response_head(head, End::Stream).status, 503);
}

#[test]
fn a_stream_that_is_cut_short_never_ends_in_silence() {
    let (gate, _) = gate(&json!({}));
    let cut = get(&mut answered(&gate, 1), &[preview(0, "UFJF").as_bytes(), b"event: resp"]);
    let (name, data) = cut.events().pop().unwrap();
    assert_eq!((name.as_str(), &data["error"]["code"]), ("error", &json!("upstream_disconnected")));
    // Trailers have arrived, so no body can be sent any more.
    let mut driver = previewed(&gate);
    assert!(driver.upstream_trailers().reset);
    assert_eq!(driver.close(Some(200))["code"], "upstream_disconnected");
    // It had timed out before.
    let mut late = previewed(&gate);
    late.tick(after(60));
    assert!(late.upstream_trailers().reset);
    assert_eq!(late.close(Some(200))["code"], "upstream_timeout");
    assert_eq!(answered(&gate, 1).upstream_trailers().status, 502);
}

#[test]
fn nothing_counts_after_the_last_event() {
    let (gate, _) = gate(&json!({}));
    for last in [completed(), failed("server_error")] {
        let mut driver = answered(&gate, 1);
        driver.upstream_bytes(preview(0, "UFJF").as_bytes());
        driver.upstream_bytes([done("QUJD"), last].concat().as_bytes());
        let sent = driver.client.body.clone();
        driver.upstream_bytes([done("QUJD"), completed()].concat().as_bytes());
        driver.tick(after(61));
        assert_eq!(driver.upstream_end().body, sent);
    }
}

#[test]
fn a_timeout_is_reported_at_once_before_the_head_and_with_the_next_bytes_after_it() {
    let (gate, _) = gate(&json!({}));
    assert_eq!(answered(&gate, 1).tick(after(60)).status, 504);
    let mut driver = previewed(&gate);
    let before = driver.client.body.clone();
    assert_eq!(driver.tick(after(60)).body, before);
    let got = driver.upstream_bytes([done("QUJD"), completed()].concat().as_bytes());
    let (name, data) = got.events().pop().unwrap();
    assert_eq!((name.as_str(), &data["error"]["code"]), ("error", &json!("upstream_timeout")));
}

#[test]
fn what_is_delivered_is_charged_once_and_nothing_else_is() {
    let price = |bytes: &[&[u8]], status: Option<u16>| {
        let mut driver = answered(&priced(&json!([])), 1);
        for piece in bytes {
            driver.upstream_bytes(piece);
        }
        // The end of a whole stream.
        if bytes.len() == 3 && status.is_some() {
            driver.upstream_end();
        }
        let record = driver.close(status);
        assert_eq!(
            (&record["streamed"], &record["reserved_nanodollars"]),
            (&json!(true), &json!(PRICE))
        );
        let code = record["code"].as_str().unwrap_or("none").to_owned();
        (record["settled_nanodollars"].as_u64().unwrap(), code, record["status"].clone())
    };
    let (preview, done, completed) = (preview(0, "UFJF"), done("QUJD"), completed());
    let pieces = [preview.as_bytes(), done.as_bytes(), completed.as_bytes()];
    assert_eq!(price(&pieces, Some(200)), (PRICE, "none".to_owned(), json!(200)));
    // The client leaves after its image, or before.
    assert_eq!(price(&pieces, None), (PRICE, "none".to_owned(), json!(200)));
    let left = |count: usize| price(&pieces[..count], None);
    assert_eq!(left(2), (0, "client_closed_request".to_owned(), json!(200)));
    assert_eq!(left(0), (0, "client_closed_request".to_owned(), json!(null)));
    // Envoy resets the stream, because the upstream did.
    let cut = price(&pieces[..2], Some(200));
    assert_eq!(cut, (0, "upstream_disconnected".to_owned(), json!(200)));
    let failed = failed("server_error");
    let settled = price(&[pieces[0], failed.as_bytes()], Some(200));
    assert_eq!(settled, (0, "upstream_error".to_owned(), json!(200)));
}

#[test]
fn the_head_has_the_limits_with_what_is_reserved() {
    let rules = json!({"limits": [{"name": "n", "per": "key", "unit": "images", "max": 10,
        "window": "1h"}]});
    let (gate, _) = gate(&rules);
    let client = previewed(&gate).client;
    assert_eq!(client.header("x-ratelimit-limit-images"), Some("10"));
    assert_eq!(client.header("x-ratelimit-remaining-images"), Some("9"));
}

#[test]
fn edits_have_events_of_their_own_name() {
    let (gate, _) = gate(&json!({}));
    let mut driver = Driver::new(&gate);
    let head = crate::support::head(&[(":path", "/v1/images/edits")]);
    let request = json!({"prompt": "a cat", "stream": true,
        "images": [{"image_url": "https://a.example/1.png"}]});
    driver.request(&head, request.to_string().as_bytes());
    driver.upstream_head(ok());
    let got = get(&mut driver, &[&stream("QUJD")]);
    assert_eq!(got.names(), ["image_edit.completed"]);
}

#[test]
fn an_image_without_memory_for_previews_is_still_delivered() {
    let (gate, budget) = gate(&json!({"max_buffered_bytes": "9MiB"}));
    let big = "UFJF".repeat(1_000_000);
    // In each way to write its base64.
    for written in ["U", "\\/", "-"] {
        let preview =
            preview(0, "U").replace("\"U\"", &format!("\"{}\"", written.repeat(4_000_000)));
        let bytes = [preview, done(&big), completed()].concat();
        let got = get(&mut answered(&gate, 1), &[bytes.as_bytes()]);
        assert_eq!(got.names().last().unwrap(), "image_generation.completed", "{written}");
        assert_eq!(budget.used(), 0);
    }
}

#[test]
fn a_client_that_does_not_stream_gets_json() {
    let (gate, _) = gate(&json!({}));
    let mut driver = Driver::admitted(&gate, &json!({"prompt": "a cat"}));
    let client = driver.answer(&[&stream("QUJD")]);
    assert_eq!(client.json()["data"][0]["b64_json"], "QUJD");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn events_are_the_same_for_every_cut(
        lengths in prop::collection::vec(1_usize..30_000, 1..4),
        places in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
        fails in any::<bool>(),
    ) {
        let mut bytes = created();
        for (index, length) in (0..).zip(&lengths) {
            bytes += &preview(index, &"UFJF".repeat(*length));
        }
        bytes += &done(&"QUJD".repeat(lengths[0]));
        bytes += &if fails { failed("server_error") } else { completed() };
        let bytes = bytes.into_bytes();
        let (gate, budget) = gate(&json!({}));
        let whole = get(&mut answered(&gate, 2), &[&bytes]);
        let mut places: Vec<usize> = places.iter().map(|it| it.index(bytes.len())).collect();
        places.extend([0, bytes.len()]);
        places.sort_unstable();
        let pieces: Vec<&[u8]> = places.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect();
        let cut = get(&mut answered(&gate, 2), &pieces);
        prop_assert_eq!(whole.events(), cut.events());
        prop_assert_eq!(budget.used(), 0);
    }
}

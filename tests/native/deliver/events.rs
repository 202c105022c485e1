//! Exchanges whose client streams: which events it gets, when, and what it is charged.
//!
//! `fixtures/streams/<case>.sse` gives `<case>.events.sse`: what a client gets that asks for three previews, with
//! the status and, of a failure before the first picture, the JSON. `UPDATE_GOLDEN=1` rewrites them.

use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use crate::support::money::{PRICE, priced};
use crate::support::{NOW, ask, body, event, gate, item, ok, stream};
use imagegate::exchange::{
    End, Exchange, Gate, LocalReply, OnAnswer, OnResponseBody, OnResponseEnd, OnResponseHeaders,
    ResponseHead,
};
use proptest::prelude::*;
use serde_json::{Value, json};

/// What a client got of a stream.
#[derive(Debug, Default)]
struct Got {
    status: u16,
    headers: Vec<(&'static str, String)>,
    bytes: Vec<u8>,
    /// It came as one reply, the head and all.
    at_once: bool,
}

impl Got {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(it, _)| *it == name).map(|(_, value)| value.as_str())
    }

    /// Its events, comments left out: the name and the data of each.
    fn events(&self) -> Vec<(String, Value)> {
        let text = String::from_utf8(self.bytes.clone()).unwrap();
        let blocks = text.split_terminator("\n\n").filter(|block| !block.starts_with(": "));
        blocks
            .map(|block| {
                let lines: Vec<_> = block.split('\n').collect();
                let [name, data] = lines[..] else { panic!("{block}") };
                let data = serde_json::from_str(data.strip_prefix("data: ").unwrap()).unwrap();
                (name.strip_prefix("event: ").unwrap().to_owned(), data)
            })
            .collect()
    }

    fn names(&self) -> Vec<String> {
        self.events().into_iter().map(|(name, _)| name).collect()
    }

    fn reply(&mut self, reply: LocalReply) {
        assert_eq!(self.status, 0, "a second head");
        (self.status, self.headers, self.at_once) = (reply.status, reply.headers, true);
        self.bytes = reply.body;
    }

    fn body(&mut self, outcome: OnResponseBody) {
        match outcome {
            OnResponseBody::Reply(reply) => self.reply(reply),
            OnResponseBody::Open(open) => {
                assert_eq!(self.status, 0, "a second head");
                (self.status, self.headers) = (open.status, open.headers);
                self.bytes = open.body;
            }
            OnResponseBody::Send(bytes) => {
                assert_eq!((self.status, self.at_once), (200, false));
                self.bytes.extend(bytes);
            }
            OnResponseBody::Hold => assert_eq!(self.status, 0, "held behind its head"),
            OnResponseBody::Pass => assert!(self.at_once),
            OnResponseBody::Reset => panic!("broken off"),
        }
    }
}

fn streaming(gate: &Rc<Gate>, previews: u32) -> Exchange {
    let mut exchange = Exchange::new(Rc::clone(gate));
    let asked = json!({"prompt": "a cat", "stream": true, "partial_images": previews});
    ask(&mut exchange, &asked).unwrap();
    exchange
}

/// An exchange whose upstream has begun to answer.
fn answered(gate: &Rc<Gate>, previews: u32) -> Exchange {
    let mut exchange = streaming(gate, previews);
    let outcome = exchange.response_headers(ok(), End::Open, NOW);
    assert!(matches!(outcome, OnResponseHeaders::Hold), "{outcome:?}");
    exchange
}

fn feed(exchange: &mut Exchange, got: &mut Got, bytes: &[u8]) {
    got.body(exchange.response_body(bytes.to_vec(), End::Open, NOW));
}

fn get(exchange: &mut Exchange, pieces: &[&[u8]]) -> Got {
    let mut got = Got::default();
    pieces.iter().for_each(|piece| feed(exchange, &mut got, piece));
    got.body(exchange.response_body(Vec::new(), End::Stream, NOW));
    got
}

fn preview(index: u32, base64: &str) -> String {
    event(&json!({"type": "response.image_generation_call.partial_image", "output_index": 0,
        "item_id": "ig_1", "partial_image_index": index, "partial_image_b64": base64, "size": "1024x1024",
        "quality": "low", "background": "opaque", "output_format": "png"}))
}

fn created() -> String {
    event(&json!({"type": "response.created", "response": {"created_at": 1_767_225_000_u64}}))
}

fn done(base64: &str) -> String {
    event(&json!({"type": "response.output_item.done", "item": item("ig_1", base64)}))
}

fn completed() -> String {
    event(&json!({"type": "response.completed", "response": {"output": []}}))
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

/// What a client gets of a case, cut like this, as text.
fn told(case: &Path, pieces: &[&[u8]]) -> String {
    let name = case.file_stem().unwrap().to_str().unwrap();
    let (gate, budget) =
        gate(&json!({"accept_last_partial": name.starts_with("preview_accepted")}));
    let got = get(&mut answered(&gate, 3), pieces);
    assert_eq!(budget.used(), 0, "{name}");
    let text = String::from_utf8(got.bytes).unwrap().replace(": keep-alive\n\n", "");
    format!(": {}\n\n{text}", got.status)
}

#[test]
fn each_stream_gives_its_events_cut_nowhere_and_cut_anywhere() {
    let cases = cases();
    assert!(cases.len() >= 45, "only {} cases were found", cases.len());
    for case in cases {
        let stream = std::fs::read(&case).unwrap();
        let whole = told(&case, &[&stream]);
        let golden = case.with_extension("events.sse");
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(&golden, &whole).unwrap();
        }
        let wanted = std::fs::read_to_string(&golden).unwrap_or_default();
        assert_eq!(whole, wanted, "{}", case.display());
        let bytes: Vec<&[u8]> = stream.chunks(1).collect();
        assert_eq!(told(&case, &bytes), whole, "{} byte by byte", case.display());
        for at in (0..stream.len()).step_by(17) {
            let (head, tail) = stream.split_at(at);
            assert_eq!(told(&case, &[head, tail]), whole, "{} cut at {at}", case.display());
        }
    }
}

#[test]
fn an_event_has_every_field_that_clients_insist_on() {
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
                "created_at": 1_767_225_000, "size": "auto", "quality": "auto", "background": "auto",
                "output_format": "png", "partial_image_index": 0, "sequence_number": 0})
        )
    );
    assert_eq!(
        events[1],
        (
            "image_generation.completed".to_owned(),
            json!({"type": "image_generation.completed", "b64_json": "QUJD", "created_at": 1_767_225_000,
                "size": "1024x1024", "quality": "low", "background": "opaque", "output_format": "png",
                "usage": {"input_tokens": 10, "input_tokens_details": {"image_tokens": 0, "text_tokens": 10},
                    "output_tokens": 196, "total_tokens": 206}, "sequence_number": 1})
        )
    );
    assert_eq!(events.len(), 2);
}

#[test]
fn a_usage_that_is_not_told_is_zero() {
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
fn previews_are_asked_for_only_where_the_client_does_and_passed_on_up_to_its_number() {
    let (gate, budget) = gate(&json!({}));
    let three: String = (0..3).map(|index| preview(index, "UFJF")).collect();
    let bytes = [three, done("QUJD"), completed()].concat();
    for asked in 0..4 {
        let mut exchange = Exchange::new(Rc::clone(&gate));
        let request = json!({"prompt": "a cat", "stream": true, "partial_images": asked});
        let forward = ask(&mut exchange, &request).unwrap();
        let sent: Value = serde_json::from_slice(&forward.body).unwrap();
        let upstream = sent["tools"][0].get("partial_images").cloned();
        assert_eq!(upstream, (asked > 0).then(|| json!(asked)));
        exchange.response_headers(ok(), End::Open, NOW);
        let got = get(&mut exchange, &[bytes.as_bytes()]);
        let previews = got.names().iter().filter(|it| it.ends_with("partial_image")).count();
        assert_eq!(previews, asked);
        assert_eq!(got.names().last().unwrap(), "image_generation.completed");
    }
    assert_eq!(budget.used(), 0);
}

#[test]
fn a_preview_leaves_with_its_last_byte() {
    let (gate, _) = gate(&json!({}));
    let mut exchange = answered(&gate, 1);
    let mut got = Got::default();
    feed(&mut exchange, &mut got, created().as_bytes());
    assert_eq!(got.status, 0, "the head has left before a picture began");
    let event = preview(0, &"UFJF".repeat(100_000));
    let (start, end) = event.split_at(1_000);
    feed(&mut exchange, &mut got, start.as_bytes());
    assert_eq!((got.status, got.bytes.as_slice()), (200, b": keep-alive\n\n".as_slice()));
    feed(&mut exchange, &mut got, end.as_bytes());
    assert_eq!(got.names(), ["image_generation.partial_image"]);
}

#[test]
fn what_leaves_beside_the_head_is_never_longer_than_what_came() {
    let (gate, _) = gate(&json!({}));
    for len in [1_000, 20_000, 400_000] {
        // The name of the event and all its members but the picture came before.
        let event = preview(0, &"UFJF".repeat(len));
        let at = event.find("UFJF").unwrap();
        let mut exchange = answered(&gate, 1);
        let mut got = Got::default();
        let (start, end) = event.split_at(at);
        feed(&mut exchange, &mut got, start.as_bytes());
        assert_eq!(got.status, 0);
        feed(&mut exchange, &mut got, end.as_bytes());
        assert!(got.bytes.len() <= end.len().clamp(16 * 1024, 960 * 1024), "{}", got.bytes.len());
        feed(&mut exchange, &mut got, b"event");
        assert_eq!(got.events().len(), 1);
    }
}

#[test]
fn silence_is_filled_when_the_upstream_gives_the_occasion() {
    let (gate, _) = gate(&json!({}));
    let mut exchange = answered(&gate, 1);
    let mut got = Got::default();
    feed(&mut exchange, &mut got, preview(0, "UFJF").as_bytes());
    let before = got.bytes.len();
    for (secs, comments) in [(1, 0), (6, 1), (7, 1), (12, 2)] {
        let later = NOW + Duration::from_secs(secs);
        got.body(exchange.response_body(b": ping\n\n".to_vec(), End::Open, later));
        assert_eq!(got.bytes[before..], b": keep-alive\n\n".repeat(comments), "after {secs} s");
    }
}

fn failure(code: &str) -> String {
    event(&json!({"type": "response.failed", "response": {"status": "failed",
        "error": {"code": code, "message": "m"}}}))
}

#[test]
fn a_failure_has_its_status_before_the_first_picture_and_is_an_event_after() {
    let (gate, budget) = gate(&json!({}));
    for (code, status) in [("moderation_blocked", 400), ("rate_limit_exceeded", 429), ("x", 502)] {
        let early = get(&mut answered(&gate, 1), &[created().as_bytes(), failure(code).as_bytes()]);
        assert_eq!((early.status, early.at_once), (status, true));
        assert_eq!(early.header("content-type"), Some("application/json"));
        let error: Value = serde_json::from_slice(&early.bytes).unwrap();
        let pieces = [preview(0, "UFJF"), failure(code)];
        let late = get(&mut answered(&gate, 1), &pieces.each_ref().map(|it| it.as_bytes()));
        assert_eq!(late.status, 200);
        assert_eq!(late.names(), ["image_generation.partial_image", "error"]);
        let (_, told) = &late.events()[1];
        assert_eq!(told["error"], error["error"]);
        assert_eq!(told["type"], "error");
    }
    assert_eq!(budget.used(), 0);
}

#[test]
fn an_error_at_the_head_of_the_upstream_keeps_its_status() {
    let (gate, _) = gate(&json!({}));
    let mut exchange = streaming(&gate, 1);
    let head = ResponseHead { status: 503, ..ResponseHead::default() };
    match exchange.response_headers(head, End::Stream, NOW) {
        OnResponseHeaders::Reply(reply) => assert_eq!(reply.status, 503),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_stream_that_is_cut_short_never_ends_in_silence() {
    let (gate, _) = gate(&json!({}));
    let cut = get(&mut answered(&gate, 1), &[preview(0, "UFJF").as_bytes(), b"event: resp"]);
    let (name, data) = cut.events().pop().unwrap();
    assert_eq!((name.as_str(), &data["error"]["code"]), ("error", &json!("upstream_disconnected")));
    // Before trailers no body can be put any more.
    let mut exchange = answered(&gate, 1);
    feed(&mut exchange, &mut Got::default(), preview(0, "UFJF").as_bytes());
    assert!(matches!(exchange.response_trailers(NOW), OnResponseEnd::Reset));
    let code = |exchange: &mut Exchange| {
        let record = exchange.finish(Some(200), NOW).unwrap();
        serde_json::from_slice::<Value>(&record).unwrap()["code"].clone()
    };
    assert_eq!(code(&mut exchange), "upstream_disconnected");
    // The clock had given it up before.
    let mut late = answered(&gate, 1);
    feed(&mut late, &mut Got::default(), preview(0, "UFJF").as_bytes());
    assert!(matches!(late.tick(NOW + Duration::from_secs(60)), OnAnswer::Hold));
    assert!(matches!(late.response_trailers(NOW), OnResponseEnd::Reset));
    assert_eq!(code(&mut late), "upstream_timeout");
    let mut held = answered(&gate, 1);
    match held.response_trailers(NOW) {
        OnResponseEnd::Reply(reply) => assert_eq!(reply.status, 502),
        other => panic!("{other:?}"),
    }
}

#[test]
fn nothing_counts_behind_the_last_event() {
    let (gate, _) = gate(&json!({}));
    for last in [completed(), failure("server_error")] {
        let mut exchange = answered(&gate, 1);
        let mut got = Got::default();
        feed(&mut exchange, &mut got, preview(0, "UFJF").as_bytes());
        feed(&mut exchange, &mut got, [done("QUJD"), last].concat().as_bytes());
        let told = got.bytes.clone();
        feed(&mut exchange, &mut got, [done("QUJD"), completed()].concat().as_bytes());
        assert!(matches!(exchange.tick(NOW + Duration::from_secs(61)), OnAnswer::Pass));
        got.body(exchange.response_body(Vec::new(), End::Stream, NOW));
        assert_eq!(got.bytes, told);
    }
}

#[test]
fn a_timeout_is_told_at_once_while_the_head_is_held_and_else_with_the_next_bytes() {
    let (gate, _) = gate(&json!({}));
    let late = NOW + Duration::from_secs(60);
    match answered(&gate, 1).tick(late) {
        OnAnswer::Reply(reply) => assert_eq!(reply.status, 504),
        other => panic!("{other:?}"),
    }
    let mut exchange = answered(&gate, 1);
    let mut got = Got::default();
    feed(&mut exchange, &mut got, preview(0, "UFJF").as_bytes());
    assert!(matches!(exchange.tick(late), OnAnswer::Hold));
    got.body(exchange.response_body([done("QUJD"), completed()].concat().into(), End::Open, late));
    let (name, data) = got.events().pop().unwrap();
    assert_eq!((name.as_str(), &data["error"]["code"]), ("error", &json!("upstream_timeout")));
}

fn record(exchange: &mut Exchange, status: Option<u16>) -> Value {
    serde_json::from_slice(&exchange.finish(status, NOW).unwrap()).unwrap()
}

#[test]
fn what_is_handed_over_is_charged_once_and_nothing_else_is() {
    let price = |bytes: &[&[u8]], status: Option<u16>| {
        let mut exchange = answered(&priced(&json!([])), 1);
        let mut got = Got::default();
        bytes.iter().for_each(|it| feed(&mut exchange, &mut got, it));
        let record = record(&mut exchange, status);
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
    // The client leaves behind its picture, or before.
    assert_eq!(price(&pieces, None), (PRICE, "none".to_owned(), json!(200)));
    let left = |count: usize| price(&pieces[..count], None);
    assert_eq!(left(2), (0, "client_closed_request".to_owned(), json!(200)));
    assert_eq!(left(0), (0, "client_closed_request".to_owned(), json!(null)));
    // Envoy resets the stream, because the upstream did.
    let cut = price(&pieces[..2], Some(200));
    assert_eq!(cut, (0, "upstream_disconnected".to_owned(), json!(200)));
    let failed = failure("server_error");
    let told = price(&[pieces[0], failed.as_bytes()], Some(200));
    assert_eq!(told, (0, "upstream_error".to_owned(), json!(200)));
}

#[test]
fn the_head_tells_how_the_rules_stand_with_what_is_held() {
    let rules = json!({"limits": [{"name": "n", "per": "key", "unit": "images", "max": 10, "window": "1h"}]});
    let (gate, _) = gate(&rules);
    let mut got = Got::default();
    feed(&mut answered(&gate, 1), &mut got, preview(0, "UFJF").as_bytes());
    assert_eq!(got.header("x-ratelimit-limit-images"), Some("10"));
    assert_eq!(got.header("x-ratelimit-remaining-images"), Some("9"));
}

#[test]
fn edits_have_events_of_their_own_name() {
    let (gate, _) = gate(&json!({}));
    let mut exchange = Exchange::new(gate);
    let head = crate::support::head(&[(":path", "/v1/images/edits")]);
    exchange.request_headers(&head, End::Open, NOW);
    let asked = json!({"prompt": "a cat", "stream": true, "images": [{"image_url": "https://a.example/1.png"}]});
    exchange.request_body(asked.to_string().as_bytes(), End::Stream, NOW);
    exchange.response_headers(ok(), End::Open, NOW);
    let got = get(&mut exchange, &[&stream("QUJD")]);
    assert_eq!(got.names(), ["image_edit.completed"]);
}

#[test]
fn a_picture_without_room_for_previews_still_comes() {
    let (gate, budget) = gate(&json!({"max_buffered_bytes": "9MiB"}));
    let big = "UFJF".repeat(1_000_000);
    // However its base64 is written.
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
fn a_client_that_does_not_stream_is_answered_as_ever() {
    let (gate, _) = gate(&json!({}));
    let reply = crate::support::answer(&mut crate::support::asking(&gate, 1), &[&stream("QUJD")]);
    assert_eq!(body(&reply)["data"][0]["b64_json"], "QUJD");
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
        bytes += &if fails { failure("server_error") } else { completed() };
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

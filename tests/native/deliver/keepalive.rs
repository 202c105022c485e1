//! Exchanges whose client waits for one answer and is sent white space meanwhile.

use std::rc::Rc;
use std::time::Duration;

use crate::support::money::PRICE;
use crate::support::{NOW, ask, asking, event, gate, ok, stream};
use imagegate::exchange::{
    End, Exchange, Gate, OnAnswer, OnResponseBody, OnResponseEnd, OnResponseHeaders, ResponseHead,
};
use proptest::prelude::*;
use serde_json::{Value, json};

/// What a client got.
#[derive(Debug, Default)]
struct Got {
    status: u16,
    headers: Vec<(&'static str, String)>,
    bytes: Vec<u8>,
    at_once: bool,
}

impl Got {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(it, _)| *it == name).map(|(_, value)| value.as_str())
    }

    fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes).unwrap()
    }

    fn take(&mut self, outcome: OnResponseBody) {
        match outcome {
            OnResponseBody::Reply(reply) => {
                assert_eq!(self.status, 0, "a second head");
                (self.status, self.headers, self.at_once) = (reply.status, reply.headers, true);
                self.bytes = reply.body;
            }
            OnResponseBody::Open(open) => {
                assert_eq!(self.status, 0, "a second head");
                assert_eq!(open.body, b" ", "more than a space beside the head");
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

fn after(secs: u64) -> Duration {
    NOW + Duration::from_secs(secs)
}

fn feed(exchange: &mut Exchange, got: &mut Got, bytes: &[u8], secs: u64) {
    got.take(exchange.response_body(bytes.to_vec(), End::Open, after(secs)));
}

/// An exchange whose upstream has begun to answer.
fn answered(gate: &Rc<Gate>) -> Exchange {
    let mut exchange = asking(gate, 1);
    let outcome = exchange.response_headers(ok(), End::Open, NOW);
    assert!(matches!(outcome, OnResponseHeaders::Hold), "{outcome:?}");
    exchange
}

/// One whose client was sent the head and a space.
fn left(gate: &Rc<Gate>) -> (Exchange, Got) {
    let (mut exchange, mut got) = (answered(gate), Got::default());
    feed(&mut exchange, &mut got, b": ping\n\n", 15);
    assert_eq!((got.status, got.bytes.as_slice()), (200, b" ".as_slice()));
    (exchange, got)
}

fn kept() -> Value {
    json!({"keepalive": "15s", "prices": [{"model": "*", "usd": "0.211"}], "limits": [{"name": "budget",
        "per": "user", "unit": "usd", "max": "25.00", "window": "month"}]})
}

fn record(exchange: &mut Exchange, status: Option<u16>, secs: u64) -> Value {
    serde_json::from_slice(&exchange.finish(status, after(secs)).unwrap()).unwrap()
}

fn failed(code: &str) -> Vec<u8> {
    event(&json!({"type": "response.failed", "response": {"status": "failed",
        "error": {"code": code, "message": "m"}}}))
    .into_bytes()
}

#[test]
fn nothing_leaves_before_it_is_due_and_the_ordinary_answer_keeps_its_status() {
    let (gate, _) = gate(&kept());
    let (mut exchange, mut got) = (answered(&gate), Got::default());
    feed(&mut exchange, &mut got, b": ping\n\n", 14);
    assert_eq!(got.status, 0);
    // Settled with the bytes for which a space would have been due.
    feed(&mut exchange, &mut got, &failed("moderation_blocked"), 20);
    assert_eq!((got.status, got.at_once), (400, true));
    let record = record(&mut exchange, Some(400), 20);
    assert!(record.get("committed").is_none(), "{record}");
}

#[test]
fn white_space_of_an_upstream_that_does_the_same_is_an_occasion() {
    let (gate, _) = gate(&kept());
    let (mut exchange, mut got) = (answered(&gate), Got::default());
    feed(&mut exchange, &mut got, b" ", 14);
    assert_eq!(got.status, 0);
    for (secs, spaces) in [(15, 1), (20, 1), (30, 2)] {
        feed(&mut exchange, &mut got, b" ", secs);
        assert_eq!((got.status, got.bytes.len()), (200, spaces), "after {secs} s");
    }
    feed(&mut exchange, &mut got, &stream("QUJD"), 40);
    assert_eq!(got.json()["data"][0]["b64_json"], "QUJD");
}

#[test]
fn spaces_come_when_due_and_the_answer_behind_them_is_charged() {
    let (gate, budget) = gate(&kept());
    let (mut exchange, mut got) = left(&gate);
    assert_eq!(got.header("content-type"), Some("application/json"));
    assert_eq!(got.header("cache-control"), Some("no-store"));
    assert_eq!(got.header("x-request-id"), Some("request-1"));
    assert_eq!(got.header("content-length"), None);
    for (secs, spaces) in [(16, 1), (29, 1), (30, 2), (44, 2), (46, 3)] {
        feed(&mut exchange, &mut got, b": ping\n\n", secs);
        assert_eq!(got.bytes, b" ".repeat(spaces), "after {secs} s");
    }
    feed(&mut exchange, &mut got, b"", 59);
    assert_eq!(got.bytes.len(), 3, "a space without an occasion");
    feed(&mut exchange, &mut got, &stream("QUJD"), 59);
    assert_eq!(got.json()["data"][0]["b64_json"], "QUJD");
    let len = got.bytes.len();
    feed(&mut exchange, &mut got, &stream("QUJD"), 59);
    got.take(exchange.response_body(Vec::new(), End::Stream, after(59)));
    assert_eq!(got.bytes.len(), len, "something behind the answer");
    let record = record(&mut exchange, Some(200), 59);
    assert_eq!((&record["committed"], &record["code"]), (&json!(true), &Value::Null));
    assert_eq!(record["bytes_out"], json!(len));
    assert_eq!(record["settled_nanodollars"], json!(PRICE));
    assert_eq!(budget.used(), 0);
}

#[test]
fn a_late_failure_is_the_envelope_in_the_body_and_costs_nothing() {
    let (gate, budget) = gate(&kept());
    let (mut exchange, mut got) = left(&gate);
    feed(&mut exchange, &mut got, &failed("moderation_blocked"), 20);
    assert_eq!((got.status, got.at_once), (200, false));
    assert_eq!(got.json()["error"]["code"], "moderation_blocked");
    let record = record(&mut exchange, Some(200), 20);
    assert_eq!((&record["status"], &record["committed"]), (&json!(200), &json!(true)));
    assert_eq!(record["code"], "moderation_blocked");
    assert_eq!(record["settled_nanodollars"], 0);
    assert_eq!(budget.used(), 0);
}

#[test]
fn an_error_of_the_upstream_keeps_its_status_however_long_it_takes() {
    let (gate, _) = gate(&kept());
    let (mut exchange, mut got) = (asking(&gate, 1), Got::default());
    exchange.response_headers(
        ResponseHead { status: 500, ..ResponseHead::default() },
        End::Open,
        NOW,
    );
    feed(&mut exchange, &mut got, b"{\"error\":", 20);
    assert_eq!(got.status, 0, "the head left for an error");
    got.take(exchange.response_body(Vec::new(), End::Stream, after(21)));
    assert_eq!((got.status, got.at_once), (502, true));
}

#[test]
fn requests_for_several_pictures_and_gates_without_it_are_answered_at_the_end() {
    for (config, n) in [(kept(), 2), (json!({}), 1)] {
        let (gate, _) = gate(&config);
        let (mut exchange, mut got) = (asking(&gate, n), Got::default());
        exchange.response_headers(ok(), End::Open, NOW);
        feed(&mut exchange, &mut got, b": ping\n\n", 50);
        assert_eq!(got.status, 0);
    }
}

#[test]
fn a_url_is_kept_open_too() {
    let (gate, _) = gate(&kept());
    let (mut exchange, mut got) = (Exchange::new(Rc::clone(&gate)), Got::default());
    ask(&mut exchange, &json!({"prompt": "a cat", "response_format": "url"})).unwrap();
    exchange.response_headers(ok(), End::Open, NOW);
    feed(&mut exchange, &mut got, b": ping\n\n", 15);
    feed(&mut exchange, &mut got, &stream("QUJD"), 16);
    assert_eq!(got.json()["data"][0]["url"], "data:image/png;base64,QUJD");
}

#[test]
fn trailers_break_off_what_was_not_told() {
    let (gate, _) = gate(&kept());
    let (mut exchange, _) = left(&gate);
    assert!(matches!(exchange.response_trailers(after(20)), OnResponseEnd::Reset));
    let record = record(&mut exchange, Some(200), 20);
    assert_eq!(record["code"], "upstream_disconnected");
    assert_eq!(record["settled_nanodollars"], 0);
    match answered(&gate).response_trailers(NOW) {
        OnResponseEnd::Reply(reply) => assert_eq!(reply.status, 502),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_timeout_is_told_at_once_while_the_head_is_held_and_else_with_the_next_bytes() {
    let (gate, _) = gate(&kept());
    match answered(&gate).tick(after(60)) {
        OnAnswer::Reply(reply) => assert_eq!(reply.status, 504),
        other => panic!("{other:?}"),
    }
    let (mut exchange, mut got) = left(&gate);
    assert!(matches!(exchange.tick(after(60)), OnAnswer::Hold));
    feed(&mut exchange, &mut got, b": ping\n\n", 61);
    assert_eq!(got.json()["error"]["code"], "upstream_timeout");
    // Nothing comes: Envoy resets, and the record says why.
    let (mut exchange, _) = left(&gate);
    assert!(matches!(exchange.tick(after(60)), OnAnswer::Hold));
    assert_eq!(record(&mut exchange, Some(200), 65)["code"], "upstream_timeout");
}

#[test]
fn a_client_that_leaves_is_charged_nothing() {
    let (gate, budget) = gate(&kept());
    let (mut exchange, _) = left(&gate);
    let record = record(&mut exchange, None, 20);
    assert_eq!(record["code"], "client_closed_request");
    assert_eq!(record["settled_nanodollars"], 0);
    drop(exchange);
    assert_eq!(budget.used(), 0);
}

proptest! {
    #[test]
    fn the_body_is_one_json_text_however_it_is_cut_and_timed(
        steps in prop::collection::vec((1_usize..400, 0_u64..12), 1..40),
        fails in any::<bool>(),
    ) {
        let (gate, budget) = gate(&kept());
        let (mut exchange, mut got) = (answered(&gate), Got::default());
        let bytes = match fails {
            true => [&b": ping\n\n"[..], &failed("server_error")].concat(),
            false => stream("QUJD"),
        };
        let (mut rest, mut secs) = (bytes.as_slice(), 0);
        for (len, wait) in steps {
            let (piece, behind) = rest.split_at(len.min(rest.len()));
            secs += wait;
            feed(&mut exchange, &mut got, piece, secs);
            rest = behind;
        }
        feed(&mut exchange, &mut got, rest, secs);
        got.take(exchange.response_body(Vec::new(), End::Stream, after(secs)));
        let answer = got.json();
        prop_assert_eq!(answer.get("error").is_some(), fails);
        prop_assert!(got.status == 200 || fails);
        drop(exchange);
        prop_assert_eq!(budget.used(), 0);
    }
}

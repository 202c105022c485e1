//! Exchanges whose answer passes on from a provider as it comes.

use std::rc::Rc;
use std::time::Duration;

use crate::support::money::{Counted, totals, used};
use crate::support::providers::{json_head, pictures, provider};
use crate::support::{NOW, ask, png};
use imagegate::exchange::{
    End, Exchange, Gate, LocalReply, OnAnswer, OnResponseBody, OnResponseEnd, OnResponseHeaders,
    Reach, ResponseHead,
};
use proptest::prelude::*;
use serde_json::{Value, json};

/// What an image costs, in nano-dollars.
const PRICE: u64 = 250_000_000;

/// What a client got, and what came of the upstream's bytes.
#[derive(Debug, Default)]
struct Got {
    status: u16,
    headers: Vec<(&'static str, String)>,
    bytes: Vec<u8>,
    at_once: bool,
    broken: bool,
}

impl Got {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(it, _)| *it == name).map(|(_, value)| value.as_str())
    }

    fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes).unwrap()
    }

    fn code(&self) -> Value {
        self.json()["error"]["code"].clone()
    }

    fn reply(&mut self, reply: LocalReply) {
        assert_eq!((self.status, self.broken), (0, false), "a second head");
        (self.status, self.headers, self.at_once) = (reply.status, reply.headers, true);
        self.bytes = reply.body;
    }

    /// Carries out what is said of `chunk`, as the shell does: it is in Envoy's buffer where it was looked at.
    fn take(&mut self, reach: Reach, chunk: &[u8], outcome: OnResponseBody) {
        let left = if reach == Reach::Look { chunk } else { &[] };
        match outcome {
            OnResponseBody::Reply(reply) => self.reply(reply),
            OnResponseBody::Open(open) => {
                assert_eq!((self.status, reach), (0, Reach::Take), "a second head");
                let room = chunk.len().clamp(16 * 1024, 960 * 1024);
                assert!(open.body.len() <= room, "{} bytes beside the head", open.body.len());
                (self.status, self.headers) = (open.status, open.headers);
                self.bytes = open.body;
            }
            OnResponseBody::Send(bytes) => {
                assert_eq!((self.status, self.at_once, reach), (200, false, Reach::Look));
                self.bytes.extend([&bytes[..], left].concat());
            }
            OnResponseBody::Hold => assert_eq!((self.status, reach), (0, Reach::Take)),
            OnResponseBody::Pass => self.bytes.extend(left),
            OnResponseBody::Reset => {
                assert_eq!((self.status, self.at_once), (200, false), "nothing to break off");
                self.broken = true;
            }
        }
    }

    fn trailers(&mut self, outcome: OnResponseEnd) {
        match outcome {
            OnResponseEnd::Reply(reply) => self.reply(reply),
            OnResponseEnd::Reset => self.broken = true,
            OnResponseEnd::Hold | OnResponseEnd::Pass => {}
        }
    }
}

fn after(secs: u64) -> Duration {
    NOW + Duration::from_secs(secs)
}

fn feed(exchange: &mut Exchange, got: &mut Got, bytes: &[u8], end: End) {
    feed_at(exchange, got, bytes, end, NOW);
}

fn feed_at(exchange: &mut Exchange, got: &mut Got, bytes: &[u8], end: End, now: Duration) {
    if got.broken {
        // Envoy calls nobody back for a stream that was reset.
        return;
    }
    let reach = exchange.reach();
    let outcome = match reach {
        Reach::Nothing => return,
        Reach::Take | Reach::Look => exchange.response_body(bytes.to_vec(), end, now),
    };
    got.take(reach, bytes, outcome);
}

fn body(n: u32) -> Value {
    json!({"prompt": "a cat", "model": "gpt-image-2", "n": n})
}

/// An exchange whose provider has begun to answer a request for so many pictures.
fn answered(gate: &Rc<Gate>, n: u32) -> Exchange {
    let mut exchange = Exchange::new(Rc::clone(gate));
    ask(&mut exchange, &body(n)).unwrap();
    let head = ResponseHead { content_length: Some(4711), ..json_head(200) };
    let outcome = exchange.response_headers(head, End::Open, NOW);
    assert!(matches!(outcome, OnResponseHeaders::Hold), "{outcome:?}");
    exchange
}

/// One to whose client so much of `answer` has passed as stands before `until`, that included.
fn passed(gate: &Rc<Gate>, n: u32, answer: &str, until: &str) -> (Exchange, Got) {
    let (mut exchange, mut got) = (answered(gate, n), Got::default());
    let at = answer.find(until).unwrap() + until.len();
    let begun = answer.find("b64_json").unwrap() + 12;
    feed(&mut exchange, &mut got, &answer.as_bytes()[..begun], End::Open);
    feed(&mut exchange, &mut got, &answer.as_bytes()[begun..at], End::Open);
    assert_eq!((got.status, got.bytes.len()), (200, at));
    (exchange, got)
}

fn record(exchange: &mut Exchange, status: Option<u16>) -> Value {
    serde_json::from_slice(&exchange.finish(status, NOW).unwrap()).unwrap()
}

/// Of a record: what was delivered, what failed, what was dropped, what it cost in images, and the code.
fn outcome(record: &Value) -> (u64, u64, u64, u64, Value) {
    let number = |name: &str| record[name].as_u64().unwrap();
    let money = number("settled_nanodollars");
    assert_eq!(money % PRICE, 0, "{record}");
    let [delivered, failed, dropped] =
        ["images_delivered", "images_failed", "images_dropped"].map(number);
    (delivered, failed, dropped, money / PRICE, record["code"].clone())
}

fn gate() -> Rc<Gate> {
    provider(&json!({}), &json!({})).0
}

const THREE: [&str; 3] = ["Zmlyc3Q=", "c2Vjb25k", "dGhpcmQh"];

#[test]
fn the_number_of_images_goes_upstream_in_one_call() {
    for (n, sent) in [(1, Value::Null), (3, json!(3))] {
        let forward = ask(&mut Exchange::new(gate()), &body(n)).unwrap();
        assert!(forward.side_calls.is_none());
        let request: Value = serde_json::from_slice(&forward.body).unwrap();
        assert_eq!(request["n"], sent);
    }
    let edit = json!({"prompt": "a cat", "model": "gpt-image-2", "images": ["AAAA"], "n": 2});
    let (gate, _) = provider(&json!({"edits": "json"}), &json!({}));
    let forward = ask(&mut Exchange::new(gate), &edit).unwrap();
    assert_eq!(serde_json::from_slice::<Value>(&forward.body).unwrap()["n"], 2);
    assert!(forward.side_calls.is_none());
}

#[test]
fn what_is_not_in_the_clients_terms_is_collected() {
    let with = |gate: &Rc<Gate>, name: &str, value: Value, n: u32| {
        let mut request = body(n);
        request[name] = value;
        let forward = ask(&mut Exchange::new(Rc::clone(gate)), &request).unwrap();
        forward.side_calls.map_or(0, |calls| calls.count)
    };
    assert_eq!(with(&gate(), "response_format", json!("url"), 3), 2);
    let (url, _) = provider(&json!({}), &json!({"default_response_format": "url", "limits": []}));
    assert_eq!(with(&url, "user", json!("acme"), 3), 2);
    assert_eq!(with(&url, "response_format", json!("b64_json"), 3), 0);
    // White space that was asked for goes before one picture, which is then collected; several have none.
    let (kept, _) = provider(&json!({}), &json!({"keepalive": "1s"}));
    assert_eq!(with(&kept, "user", json!("acme"), 3), 0);
    let mut exchange = answered(&kept, 1);
    let spaced = exchange.response_body(b"{".to_vec(), End::Open, after(2));
    assert!(matches!(spaced, OnResponseBody::Open(open) if open.body == b" "));
}

#[test]
fn the_head_leaves_with_the_first_byte_of_a_picture_and_nothing_of_the_providers() {
    let answer = pictures(&THREE[..1]).to_string();
    let at = answer.find("Zmlyc3Q=").unwrap();
    let (gate, budget) = provider(&json!({}), &json!({}));
    let (mut exchange, mut got) = (answered(&gate, 1), Got::default());
    assert_eq!(exchange.reach(), Reach::Take);
    for byte in &answer.as_bytes()[..at] {
        feed(&mut exchange, &mut got, &[*byte], End::Open);
        assert_eq!(got.status, 0, "the head left before a picture");
    }
    feed(&mut exchange, &mut got, &answer.as_bytes()[at..=at], End::Open);
    assert_eq!((got.status, got.bytes.as_slice()), (200, &answer.as_bytes()[..=at]));
    assert_eq!(exchange.reach(), Reach::Look);
    let mut names: Vec<_> = got.headers.iter().map(|(name, _)| *name).collect();
    names.retain(|name| !name.starts_with("x-ratelimit-"));
    assert_eq!(names, ["content-type", "content-length", "x-request-id"]);
    assert_eq!(got.header("content-type"), Some("application/json"));
    assert_eq!(got.header("content-length"), Some("4711"));
    assert_eq!(got.header("x-request-id"), Some("request-1"));
    assert_eq!(got.header("x-ratelimit-remaining-usd"), Some("0.75"), "{:?}", got.headers);
    feed(&mut exchange, &mut got, &answer.as_bytes()[at + 1..], End::Stream);
    assert_eq!((got.bytes.as_slice(), got.broken), (answer.as_bytes(), false));
    let record = record(&mut exchange, Some(200));
    assert_eq!(outcome(&record), (1, 0, 0, 1, Value::Null));
    assert_eq!((&record["committed"], &record["status"]), (&json!(true), &json!(200)));
    assert_eq!(record["bytes_out"], answer.len());
    assert_eq!((&record["size"], &record["output_tokens"]), (&json!("1024x1536"), &json!(1372)));
    drop(exchange);
    assert_eq!(budget.used(), 0);
}

#[test]
fn pictures_take_no_room_however_many_and_large() {
    let (gate, budget) = provider(
        &json!({}),
        &json!({"max_image_bytes": "24MiB",
        "limits": [], "max_buffered_bytes": "32MiB"}),
    );
    let (mut exchange, mut got) = (answered(&gate, 10), Got::default());
    let picture = "A".repeat(1 << 20);
    feed(&mut exchange, &mut got, b"{\"data\":[", End::Open);
    let mut most = 0;
    for place in 0..10 {
        let before = if place == 0 { "{\"b64_json\":\"" } else { ",{\"b64_json\":\"" };
        feed(&mut exchange, &mut got, before.as_bytes(), End::Open);
        for _ in 0..4 {
            feed(&mut exchange, &mut got, picture.as_bytes(), End::Open);
            most = most.max(budget.used());
        }
        feed(&mut exchange, &mut got, b"\"}", End::Open);
    }
    feed(&mut exchange, &mut got, b"]}", End::Stream);
    assert!(!got.broken && got.bytes.len() > 40 << 20);
    assert_eq!(outcome(&record(&mut exchange, Some(200))), (10, 0, 0, 10, Value::Null));
    assert!(most > 0 && most < 2 << 20, "{most} bytes are held");
}

#[test]
fn images_that_pass_on_are_counted_and_priced_as_their_bytes_and_their_model_say() {
    let price =
        |model: &str, size: &str, usd: &str| json!({"model": model, "size": size, "usd": usd});
    let prices = json!([price("gpt-image-2", "1024x1024", "0.1"), price("other-*", "1672x941", "0.5"),
        price("other-*", "512x512", "0.25"), {"model": "gpt-image-2", "usd": "0.2"}]);
    let more = json!({"prices": prices, "limits": crate::support::money::every_unit()});
    for (size, model, charge_by, nanos) in [
        (json!("auto"), json!("other-2"), "served", 750_000_000),
        (Value::Null, json!("other-2"), "asked", 400_000_000),
        (json!("0x0"), json!("gpt-image-2-2026-04-21"), "served", 400_000_000),
        (json!(""), Value::Null, "served", 400_000_000),
    ] {
        let gate = provider(&json!({"charge_by": charge_by}), &more).0;
        let mut answer = pictures(&[&png(1672, 941, 50_000), &png(512, 512, 50_000)]);
        answer["size"] = size;
        answer["model"] = model.clone();
        let answer = answer.to_string();
        let (mut exchange, mut got) =
            passed(&gate, 2, &answer, "\"data\":[{\"b64_json\":\"iVBORw0");
        let rest = &answer.as_bytes()[got.bytes.len()..];
        rest.chunks(1000).for_each(|it| feed(&mut exchange, &mut got, it, End::Open));
        feed(&mut exchange, &mut got, b"", End::Stream);
        assert_eq!((got.bytes.as_slice(), got.broken), (answer.as_bytes(), false));
        let record = record(&mut exchange, Some(200));
        assert_eq!(record["size"], "1672x941");
        assert_eq!(record.get("model_served").unwrap_or(&Value::Null), &model);
        assert_eq!(record["price_mismatch"], model == "other-2");
        assert_eq!(record["settled_nanodollars"], nanos);
        let mut counted = Counted::default();
        counted.take(&mut exchange);
        assert_eq!(counted.of("imagegate_settled_nanodollars_total"), nanos);
        let usd = imagegate::prices::Money::from_nanos(nanos).to_string();
        assert_eq!(totals(&gate, NOW), used(["1", "2", "1.835496", &usd]));
    }
}

#[test]
fn an_answer_that_comes_at_once_is_one_reply_of_the_same_bytes() {
    let gate = gate();
    let (mut exchange, mut got) = (answered(&gate, 3), Got::default());
    let answer = pictures(&THREE[..2]).to_string();
    feed(&mut exchange, &mut got, answer.as_bytes(), End::Open);
    assert_eq!((got.status, got.at_once, got.bytes.as_slice()), (200, true, answer.as_bytes()));
    assert_eq!(got.header("x-imagegate-images-failed"), Some("1"));
    assert_eq!(got.header("x-ratelimit-remaining-usd"), Some("0.5"));
    let record = record(&mut exchange, Some(200));
    assert_eq!(outcome(&record), (2, 1, 0, 2, Value::Null));
    assert!(record.get("committed").is_none());
    assert_eq!(record["bytes_out"], answer.len());
}

#[test]
fn failures_before_the_head_are_told_as_ever() {
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
        let (mut exchange, mut got) = (Exchange::new(gate), Got::default());
        ask(&mut exchange, &body(2)).unwrap();
        exchange.response_headers(head, End::Open, NOW);
        for piece in bytes.as_bytes().chunks(100_000) {
            feed(&mut exchange, &mut got, piece, End::Open);
        }
        feed(&mut exchange, &mut got, b"", End::Stream);
        assert_eq!((got.status, got.code()), (status, json!(code)), "{bytes:.40}");
        let mut counted = Counted::default();
        let record = record(&mut exchange, Some(status));
        counted.take(&mut exchange);
        assert_eq!(outcome(&record), (0, 2, 0, 0, json!(code)));
        let errors = counted.all().into_iter().filter(|(name, _)| name.contains("upstream_errors"));
        assert_eq!(errors.map(|(_, sum)| sum).sum::<u64>(), u64::from(status != 400));
        drop(exchange);
        assert_eq!(budget.used(), 0);
    }
}

#[test]
fn events_that_nobody_asked_for_are_collected() {
    let (gate, budget) = provider(&json!({}), &json!({}));
    let (mut exchange, mut got) = (Exchange::new(gate), Got::default());
    ask(&mut exchange, &body(3)).unwrap();
    let head = ResponseHead { content_type: Some(b"text/event-stream".to_vec()), ..json_head(200) };
    exchange.response_headers(head, End::Open, NOW);
    let event =
        crate::support::event(&json!({"type": "image_generation.completed", "b64_json": THREE[0]}));
    feed(&mut exchange, &mut got, event.as_bytes(), End::Open);
    feed(&mut exchange, &mut got, b"", End::Stream);
    assert_eq!(got.json()["data"], json!([{"b64_json": THREE[0]}]));
    assert_eq!(got.header("x-imagegate-images-failed"), Some("2"));
    assert_eq!(outcome(&record(&mut exchange, Some(200))), (1, 2, 0, 1, Value::Null));
    drop(exchange);
    assert_eq!(budget.used(), 0);
}

#[test]
fn several_upstreams_are_asked_for_one_image_a_call() {
    let other = json!({"api": "images", "authority": "b", "credential": {"bearer_env": "TOKEN"}});
    let more = json!({
        "upstreams": {"openai": other, "other": other},
        "models": [{"match": "*", "upstream": ["openai", "other"]}],
        "limits": [],
    });
    let (gate, _) = provider(&json!({}), &more);
    let forward = ask(&mut Exchange::new(gate), &body(3)).unwrap();
    assert_eq!(forward.side_calls.unwrap().count, 2);
}

#[test]
fn an_edit_as_a_form_names_the_number_of_images() {
    let (gate, _) = provider(&json!({"edits": "form"}), &json!({"limits": []}));
    let png = "data:image/png;base64,iVBORw0KGgo=";
    let edit = json!({"prompt": "a cat", "model": "gpt-image-2", "images": [png], "n": 2});
    let forward = ask(&mut Exchange::new(gate), &edit).unwrap();
    assert!(forward.side_calls.is_none());
    let form = String::from_utf8_lossy(&forward.body);
    assert!(form.contains("name=\"n\"\r\n\r\n2\r\n"), "{form}");
}

#[test]
fn a_long_prompt_before_the_picture_is_no_failure() {
    let answer = json!({"data": [{"a_prompt": "\u{1}".repeat(32_000), "b64_json": THREE[0]}]});
    let answer = answer.to_string();
    let (mut exchange, mut got) = (answered(&gate(), 1), Got::default());
    for piece in answer.as_bytes().chunks(4_000) {
        feed(&mut exchange, &mut got, piece, End::Open);
    }
    assert!(got.bytes == answer.as_bytes());
    assert_eq!(outcome(&record(&mut exchange, Some(200))), (1, 0, 0, 1, Value::Null));
}

#[test]
fn a_half_is_broken_off_however_the_upstream_ends_it() {
    let answer = pictures(&THREE).to_string();
    for trailers in [false, true] {
        let (mut exchange, mut got) = passed(&gate(), 3, &answer, "c2Vj");
        match trailers {
            true => got.trailers(exchange.response_trailers(NOW)),
            false => feed(&mut exchange, &mut got, b"", End::Stream),
        }
        assert!(got.broken);
        let record = record(&mut exchange, Some(200));
        // The first has passed whole.
        assert_eq!(outcome(&record), (1, 2, 0, 1, json!("upstream_disconnected")));
        assert_eq!(record["status"], 200);
    }
    // Envoy breaks it off itself where the connection breaks.
    let (mut exchange, _) = passed(&gate(), 3, &answer, "c2Vj");
    let record = record(&mut exchange, Some(200));
    assert_eq!(outcome(&record), (1, 2, 0, 1, json!("upstream_disconnected")));
}

#[test]
fn a_client_that_leaves_pays_for_each_picture_that_had_begun() {
    let answer = pictures(&THREE).to_string();
    for (until, images) in
        [("Zm", 1), ("Zmlyc3Q=", 1), ("Zmlyc3Q=\"}", 1), ("c2V", 2), ("dGhpcmQh\"}]", 3)]
    {
        let (gate, budget) =
            provider(&json!({}), &json!({"limits": crate::support::money::every_unit()}));
        let (mut exchange, _) = passed(&gate, 3, &answer, until);
        let record = record(&mut exchange, None);
        let code = json!("client_closed_request");
        assert_eq!(outcome(&record), (images, 3 - images, 0, images, code), "{until}");
        assert_eq!(record["status"], 200, "what it was sent");
        let usd = [0, 25, 50, 75][usize::try_from(images).unwrap()];
        let usd = format!("0.{usd}").trim_end_matches('0').to_owned();
        let megapixels = (images * 1536 * 1024 * 1_000 / 1_000_000).to_string();
        let now = totals(&gate, NOW);
        assert_eq!(now[1].0, images.to_string(), "{megapixels}");
        assert_eq!(now[4], (usd, "0".to_owned()));
        drop(exchange);
        assert_eq!(budget.used(), 0);
    }
    // While the head is held nothing has been delivered.
    let mut exchange = answered(&gate(), 1);
    assert_eq!(record(&mut exchange, None)["settled_nanodollars"], 0);
}

#[test]
fn a_settled_answer_is_charged_once_whoever_leaves_then() {
    let answer = pictures(&THREE).to_string();
    let (gate, _) = provider(&json!({}), &json!({"limits": crate::support::money::every_unit()}));
    let (mut exchange, _) = passed(&gate, 3, &answer, "}}");
    exchange.finish(None, NOW);
    assert_eq!(totals(&gate, NOW)[4], ("0.75".to_owned(), "0".to_owned()));
    exchange.finish(None, NOW);
    assert_eq!(totals(&gate, NOW), used(["1", "3", "4.718592", "0.75"]));
}

#[test]
fn white_space_may_follow_the_answer_and_nothing_else() {
    let answer = pictures(&THREE[..1]).to_string();
    let (mut exchange, mut got) = passed(&gate(), 1, &answer, "1382}}");
    feed(&mut exchange, &mut got, b" \r\n\t", End::Open);
    feed(&mut exchange, &mut got, b"", End::Stream);
    assert!(!got.broken && got.bytes.ends_with(b"}} \r\n\t"));
    assert_eq!(outcome(&record(&mut exchange, Some(200))), (1, 0, 0, 1, Value::Null));
    let (mut exchange, mut got) = passed(&gate(), 1, &answer, "1382}}");
    feed(&mut exchange, &mut got, b"\n{}", End::Open);
    assert!(got.broken);
    let code = json!("upstream_invalid_response");
    assert_eq!(outcome(&record(&mut exchange, Some(200))), (1, 0, 0, 1, code.clone()));
    // In the chunk of the last bracket.
    let (mut exchange, mut got) = passed(&gate(), 1, &answer, "1382}");
    feed(&mut exchange, &mut got, b"} x", End::Open);
    assert!(got.broken);
    assert_eq!(outcome(&record(&mut exchange, Some(200))), (1, 0, 0, 1, code));
}

#[test]
fn more_pictures_than_were_asked_for_cost_no_more() {
    let answer = pictures(&THREE).to_string();
    let (mut exchange, mut got) = passed(&gate(), 2, &answer, "1382}}");
    feed(&mut exchange, &mut got, b"", End::Stream);
    assert_eq!(got.bytes, answer.as_bytes());
    let record = record(&mut exchange, Some(200));
    assert_eq!(outcome(&record), (2, 0, 1, 2, Value::Null));
    // The tokens are those of the whole answer.
    assert_eq!((&record["input_tokens"], &record["output_tokens"]), (&json!(10), &json!(1372)));
}

#[test]
fn tokens_of_the_whole_answer_are_charged_once() {
    let price = json!({"model": "gpt-image-2", "usd": "0.25",
        "usd_per_million_tokens": {"text_input": "5", "image_input": "8", "image_output": "30"}});
    let (gate, _) = provider(&json!({}), &json!({"prices": [price], "limits": []}));
    let answer = pictures(&THREE).to_string();
    let (mut exchange, mut got) = passed(&gate, 3, &answer, "1382}}");
    feed(&mut exchange, &mut got, b"", End::Stream);
    // 10 tokens of text at $5 a million, 1372 of output at $30.
    let record = record(&mut exchange, Some(200));
    assert_eq!(record["settled_nanodollars"], 10 * 5_000 + 1372 * 30_000);
    // Of more images than were asked for each has an equal part of the output.
    for (asked, output) in [(1, 458), (2, 2 * 458)] {
        let (mut exchange, mut got) = passed(&gate, asked, &answer, "1382}}");
        feed(&mut exchange, &mut got, b"", End::Stream);
        let record = self::record(&mut exchange, Some(200));
        assert_eq!(record["settled_nanodollars"], 10 * 5_000 + output * 30_000, "{asked}");
    }
}

#[test]
fn a_string_that_is_no_base64_breaks_the_answer_off() {
    // White space inside of it, a line end that is escaped, one that is none of JSON.
    for broken in ["QU JD", "QU\\nJD", "QU\nJD", "QU\\qJD"] {
        let broken =
            format!("{{\"data\":[{{\"b64_json\":\"QUJD\"}},{{\"b64_json\":\"{broken}\"}}]}}");
        let (start, _) = broken.rsplit_once("QU").unwrap();
        let (mut exchange, mut got) = passed(&gate(), 2, start, "[{\"b64_json\":\"QUJD\"}");
        let rest = broken.as_bytes()[got.bytes.len()..].to_vec();
        feed(&mut exchange, &mut got, &rest, End::Stream);
        assert!(got.broken, "{broken}");
        let code = json!("upstream_invalid_response");
        assert_eq!(outcome(&record(&mut exchange, Some(200))), (1, 1, 0, 1, code), "{broken}");
    }
    let none = json!({"data": [{"b64_json": "QU JD"}]}).to_string();
    let (mut exchange, mut got) = (answered(&gate(), 1), Got::default());
    let at = none.find("QU").unwrap() + 1;
    feed(&mut exchange, &mut got, &none.as_bytes()[..at], End::Open);
    feed(&mut exchange, &mut got, &none.as_bytes()[at..], End::Open);
    assert!(got.broken);
    let code = json!("upstream_invalid_response");
    assert_eq!(outcome(&record(&mut exchange, Some(200))), (0, 1, 0, 0, code));
}

#[test]
fn of_members_of_one_name_the_last_is_charged_which_is_what_a_reader_sees() {
    for (answer, outcome_of) in [
        (r#"{"data":[{"b64_json":"QUJD","b64_json":"REVG"}]}"#, (1, 1, 0, 1)),
        (r#"{"data":[{"b64_json":"QUJD"}],"data":[{"b64_json":"REVG"}]}"#, (1, 1, 0, 1)),
    ] {
        let (mut exchange, mut got) = passed(&gate(), 2, answer, "QUJD");
        let rest = answer.as_bytes()[got.bytes.len()..].to_vec();
        feed(&mut exchange, &mut got, &rest, End::Stream);
        assert_eq!(got.json()["data"][0]["b64_json"], "REVG");
        let (delivered, failed, dropped, paid, code) = outcome(&record(&mut exchange, Some(200)));
        assert_eq!((delivered, failed, dropped, paid), outcome_of, "{answer}");
        assert_eq!(code, Value::Null);
    }
}

#[test]
fn an_answer_that_is_whole_and_whose_end_does_not_come_is_charged_and_told() {
    let answer = pictures(&["QUJD"]).to_string();
    let (mut exchange, mut got) = passed(&gate(), 1, &answer, "QUJD");
    let rest = answer.as_bytes()[got.bytes.len()..].to_vec();
    feed(&mut exchange, &mut got, &rest, End::Open);
    let code = json!("upstream_disconnected");
    assert_eq!(outcome(&record(&mut exchange, Some(200))), (1, 0, 0, 1, code));
    // A client that leaves behind it has its picture.
    let (mut exchange, mut got) = passed(&gate(), 1, &answer, "QUJD");
    feed(&mut exchange, &mut got, &rest, End::Open);
    assert_eq!(outcome(&record(&mut exchange, None)), (1, 0, 0, 1, Value::Null));
}

#[test]
fn what_stands_in_the_chunk_that_breaks_the_answer_off_is_not_charged() {
    let answer = r#"{"data":[{"b64_json":"QUJD"},{"b64_json":"REVG"},{"b64_json":"R0hJ"}]] "#;
    let (mut exchange, mut got) = passed(&gate(), 3, answer, "\"QU");
    let rest = answer.as_bytes()[got.bytes.len()..].to_vec();
    feed(&mut exchange, &mut got, &rest, End::Stream);
    assert!(got.broken && !String::from_utf8_lossy(&got.bytes).contains("QUJD"));
    assert_eq!(outcome(&record(&mut exchange, Some(200))).3, 0);
}

#[test]
fn a_picture_beyond_its_limit_is_broken_off() {
    let (gate, _) = provider(&json!({}), &json!({"max_image_bytes": "64KiB"}));
    let large = "A".repeat(64 * 1024 * 4 / 3 + 8);
    let answer = pictures(&["QUJD", &large]).to_string();
    let (mut exchange, mut got) = passed(&gate, 2, &answer, "QUJD");
    let rest = &answer.as_bytes()[got.bytes.len()..];
    for piece in rest.chunks(10_000) {
        feed(&mut exchange, &mut got, piece, End::Open);
    }
    assert!(got.broken && got.bytes.len() < answer.len());
    let code = json!("generated_image_too_large");
    assert_eq!(outcome(&record(&mut exchange, Some(200))), (1, 1, 0, 1, code));
    // While the head is held it is told.
    let (mut exchange, mut got) = (answered(&gate, 2), Got::default());
    feed(&mut exchange, &mut got, answer.as_bytes(), End::Open);
    assert_eq!((got.status, got.code()), (502, json!("generated_image_too_large")));
}

#[test]
fn a_timeout_is_told_while_the_head_is_held_and_else_breaks_off_with_the_next_bytes() {
    match answered(&gate(), 1).tick(after(60)) {
        OnAnswer::Reply(reply) => assert_eq!(reply.status, 504),
        other => panic!("{other:?}"),
    }
    let answer = pictures(&THREE).to_string();
    let (mut exchange, mut got) = passed(&gate(), 3, &answer, "c2Vj");
    assert!(matches!(exchange.tick(after(60)), OnAnswer::Hold));
    feed_at(&mut exchange, &mut got, b"b25k", End::Open, after(61));
    assert!(got.broken);
    let code = json!("upstream_timeout");
    assert_eq!(outcome(&record(&mut exchange, Some(200))), (1, 2, 0, 1, code.clone()));
    // Nothing comes: Envoy resets, and the record says why.
    let (mut exchange, _) = passed(&gate(), 3, &answer, "c2Vj");
    assert!(matches!(exchange.tick(after(60)), OnAnswer::Hold));
    assert_eq!(outcome(&record(&mut exchange, Some(200))), (1, 2, 0, 1, code));
}

#[test]
fn what_does_not_fit_beside_the_head_follows_with_the_next_bytes() {
    let answer = pictures(&[&"A".repeat(3 << 20)]).to_string();
    let (mut exchange, mut got) = (answered(&gate(), 1), Got::default());
    let (first, rest) = answer.as_bytes().split_at(2 << 20);
    feed(&mut exchange, &mut got, first, End::Open);
    assert!(got.status == 200 && got.bytes.len() < first.len());
    feed(&mut exchange, &mut got, rest, End::Stream);
    assert!(got.bytes == answer.as_bytes());
    assert_eq!(record(&mut exchange, Some(200))["bytes_out"], answer.len());
}

/// Runs an answer in these pieces; what the client got, the record and how the rules stand.
fn run(answer: &[u8], cuts: &[usize], n: u32) -> (Got, Value, Vec<(String, String)>) {
    let (gate, budget) =
        provider(&json!({}), &json!({"limits": crate::support::money::every_unit()}));
    let (mut exchange, mut got) = (answered(&gate, n), Got::default());
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| *cut % (answer.len() + 1)).collect();
    cuts.sort_unstable();
    let mut at = 0;
    for cut in cuts.into_iter().chain([answer.len()]) {
        feed(&mut exchange, &mut got, &answer[at..cut], End::Open);
        at = cut;
    }
    feed(&mut exchange, &mut got, b"", End::Stream);
    let record = record(&mut exchange, Some(200));
    drop(exchange);
    assert_eq!(budget.used(), 0);
    (got, record, totals(&gate, NOW))
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
        8 => (1_usize..120, any::<bool>()).prop_map(|(len, last)| Step::Body(len, last && len > 100)),
        2 => prop::sample::select(vec![&b"}"[..], b"]}", b"\"", b"\xff", b" ", b"{\"error\":{}}"])
            .prop_map(Step::Junk),
        1 => Just(Step::Trailers),
        1 => prop::sample::select(vec![0_u64, 1, 61]).prop_map(Step::Tick),
        1 => prop::sample::select(vec![None, Some(200), Some(502)]).prop_map(Step::Log),
    ]
}

proptest! {
    /// However an answer is cut, the same bytes reach the client, and the same is charged and recorded.
    #[test]
    fn any_cut_gives_the_same_bytes_and_the_same_settlement(
        cuts in prop::collection::vec(any::<usize>(), 0..8),
        made in 1_usize..=3,
        n in 1_u32..=3,
        space in prop::sample::select(vec!["", " \n"]),
    ) {
        let answer = [space, &pictures(&THREE[..made]).to_string(), space].concat().into_bytes();
        let (got, record, totals) = run(&answer, &cuts, n);
        let (at_once, whole, charged) = run(&answer, &[], n);
        prop_assert!(at_once.bytes == answer && !got.broken);
        // An answer that came whole while the head was held does not wait for white space behind it.
        let end = if got.at_once { answer.trim_ascii_end().len() } else { answer.len() };
        prop_assert!(answer.starts_with(&got.bytes) && got.bytes.len() >= end, "{got:?}");
        prop_assert_eq!(&record["bytes_out"], &json!(got.bytes.len()));
        prop_assert_eq!(outcome(&record), outcome(&whole));
        let made = u32::try_from(made).unwrap();
        prop_assert_eq!(outcome(&record).3, u64::from(made.min(n)));
        prop_assert_eq!(totals, charged);
        for name in ["input_tokens", "output_tokens", "size", "quality"] {
            prop_assert_eq!(&record[name], &whole[name], "{}", name);
        }
    }

    /// An answer that ends before its last bracket never looks whole, and costs what has passed whole.
    #[test]
    fn any_end_before_the_last_bracket_is_a_failure_to_the_client(
        cuts in prop::collection::vec(any::<usize>(), 0..6),
        end in any::<usize>(),
    ) {
        let whole = pictures(&THREE).to_string().into_bytes();
        let half = &whole[..end % whole.len()];
        let (got, record, totals) = run(half, &cuts, 3);
        prop_assert!(got.broken || got.status == 502, "{got:?}");
        let passed = THREE.iter().filter(|it| {
            let needle = format!("{it}\"");
            String::from_utf8_lossy(&got.bytes).contains(&needle)
        });
        let passed = if got.broken { passed.count() } else { 0 };
        let charged = u64::try_from(passed).unwrap();
        prop_assert_eq!(outcome(&record), (charged, 3 - charged, 0, charged, json!("upstream_disconnected")));
        prop_assert_eq!(&totals[1].0, &charged.to_string());
    }

    #[test]
    fn callbacks_in_any_order_get_one_head_at_most_and_settle_once(
        steps in prop::collection::vec(step(), 0..40),
        ordered in any::<bool>(),
    ) {
        let (gate, budget) = provider(&json!({}), &json!({"limits": crate::support::money::every_unit()}));
        let answer = pictures(&THREE).to_string().into_bytes();
        let (mut exchange, mut got) = (Exchange::new(Rc::clone(&gate)), Got::default());
        ask(&mut exchange, &body(3)).unwrap();
        let (mut at, mut now) = (0, NOW);
        let start = ordered.then_some(Step::Head(200));
        for step in start.into_iter().chain(steps) {
            match step {
                Step::Head(status) => {
                    if let OnResponseHeaders::Reply(reply) =
                        exchange.response_headers(json_head(status), End::Open, now)
                    {
                        got.reply(reply);
                    }
                }
                Step::Body(len, last) => {
                    let to = (at + len).min(answer.len());
                    let end = if last { End::Stream } else { End::Open };
                    feed_at(&mut exchange, &mut got, &answer[at..to], end, now);
                    at = to;
                }
                Step::Junk(bytes) => feed_at(&mut exchange, &mut got, bytes, End::Open, now),
                Step::Trailers if got.broken => {}
                Step::Trailers => got.trailers(exchange.response_trailers(now)),
                Step::Tick(secs) => {
                    now += Duration::from_secs(secs);
                    if let OnAnswer::Reply(reply) = exchange.tick(now) {
                        got.reply(reply);
                    }
                }
                Step::Log(status) => drop(exchange.finish(status, now)),
            }
        }
        exchange.finish(None, now);
        let totals = totals(&gate, now);
        prop_assert!(totals.iter().all(|(_, reserved)| reserved == "0"), "{:?}", totals);
        prop_assert_eq!(&totals[0].0, "1");
        prop_assert!(totals[1].0.parse::<u32>().unwrap() <= 3);
        drop(exchange);
        prop_assert_eq!(budget.used(), 0);
    }
}

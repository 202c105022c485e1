//! Calls through the loopback listener: the exchange, and the streams on that listener beside it.

mod access;
mod bytes;
mod client;

use std::cell::RefCell;
use std::rc::{Rc, Weak};

use self::client::{Client, reply};
use crate::support::codex::{created, failed};
use crate::support::driver::Driver;
use crate::support::{NOW, after, gate, ok, png, stream};
use imagegate::exchange::{End, Exchange, LocalReply, OnResponseHeaders, ResponseHead, Shared};
use imagegate::loopback::{Carrier, OnCarried, OnCarriedRequest};
use imagegate::memory::Budget;
use serde_json::{Value, json};

/// The VM, and the host's number of the client's stream.
const VM: u64 = u64::MAX;
const STREAM: u32 = 7;
const INSIDE: Option<&[u8]> = Some(b"envoy://imagegate_loopback/");
/// The token of a check by the rate-limit service.
const CHECK: u32 = 500;
const SECRET: Option<&[u8]> = Some(b"0123abc");

/// A gate with a loopback listener and the upstreams `codex` and `second`.
fn looped(more: &Value) -> (Rc<Shared>, Budget) {
    let upstream = |authority: &str| {
        json!({"authority": authority, "credential": "envoy", "timeout": "60s", "max_rest": "0s",
            "host_model": "gpt-6-luna"})
    };
    let mut document = json!({
        "loopback": {"cluster": "loop"},
        "upstreams": {"codex": upstream("chatgpt.example"), "second": upstream("second.example")},
        "models": [{"match": "*", "upstream": ["codex", "second"]}],
    });
    crate::support::codex::lay_over(&mut document, more);
    gate(&document)
}

fn one_upstream() -> Value {
    json!({"models": [{"match": "*", "upstream": "codex"}]})
}

fn request(n: u32) -> Value {
    json!({"prompt": "a cat", "model": "gpt-image-2", "n": n})
}

#[test]
fn all_calls_of_an_answer_with_several_go_to_the_loopback_listener() {
    let (gate, _) = looped(&one_upstream());
    let client = Client::held(&gate, &request(3));
    assert_eq!(client.calls.len(), 3);
    for (place, call) in client.calls.iter().enumerate() {
        assert_eq!((call.cluster.as_str(), call.link), ("loop", u32::try_from(place).ok()));
        let header = |name: &str| {
            let mut values = call.headers.iter().filter(|(it, _)| it == name);
            let value = values.next().map(|(_, value)| value.as_str());
            assert!(values.next().is_none(), "{name} twice");
            value
        };
        assert_eq!(header("x-imagegate-upstream"), Some("codex"));
        assert_eq!(header("x-imagegate-timeout-ms"), Some("65000"));
        // The client's, as on its own stream: the route rewrites it.
        assert_eq!(header(":authority"), Some("gate.example"));
        assert_eq!(header("x-forwarded-proto"), Some("https"));
        assert_eq!(header("x-request-id"), Some("request-1"));
        assert_eq!(header("cookie"), None);
    }
    // Also one image, if more than one place may be asked for it.
    let (gate, _) = looped(&json!({}));
    assert_eq!(Client::held(&gate, &request(1)).calls.len(), 1);
    // One call that cannot move needs no listener of its own.
    let (gate, _) = looped(&one_upstream());
    let mut driver = Driver::admitted(&gate, &request(1));
    assert!(driver.take_calls().is_empty());
    // Events leave as they come, so the first call is on the client's own stream.
    let (gate, _) = looped(&json!({}));
    let mut streamed = request(1);
    streamed["stream"] = json!(true);
    let mut driver = Driver::admitted(&gate, &streamed);
    assert!(driver.take_calls().is_empty());
    let limited = ResponseHead { status: 429, ..ResponseHead::default() };
    driver.upstream(limited, &[]);
    let call = driver.call();
    assert_eq!(
        (call.cluster.as_str(), call.header("x-imagegate-upstream")),
        ("loop", Some("second"))
    );
}

#[test]
fn an_image_counts_with_the_last_event() {
    let (gate, budget) = looped(&one_upstream());
    let images = [png(1, 1, 10), png(2, 2, 20)];
    let mut client = Client::held(&gate, &request(2));
    // The second ends first.
    for place in [1, 0] {
        let mut carrier = client.carrier(place);
        assert!(matches!(carrier.response_headers(ok(), End::Open, NOW), OnCarried::Hold));
        let bytes = stream(&images[place]);
        let (first, last) = bytes.split_at(bytes.len() - 2);
        assert!(matches!(carrier.response_body(first.to_vec(), End::Open, NOW), OnCarried::Hold));
        let reply = reply(carrier.response_body(last.to_vec(), End::Open, NOW));
        assert!(reply.body.is_empty());
        assert!(client.reply.is_none());
        client.side_end(place, &reply);
    }
    assert_eq!(client.images(), images);
    assert_eq!(client.reply.as_ref().unwrap().status, 200);
    drop(client);
    assert_eq!(budget.used(), 0);
}

#[test]
fn a_refusal_in_an_event_moves_on_at_once_and_its_rest_is_dropped() {
    let (gate, _) = looped(&json!({}));
    let image = png(1, 1, 10);
    let mut client = Client::held(&gate, &request(1));
    let mut first = client.carrier(0);
    first.response_headers(ok(), End::Open, NOW);
    let refused = [created(), failed("rate_limit_exceeded")].concat().into_bytes();
    let ended = reply(first.response_body(refused, End::Open, NOW));
    // The clock comes before the end of the side call: the next upstream is called all the same.
    client.tick(NOW);
    assert!(client.reply.is_none());
    client.side_end(0, &ended);
    assert_eq!(client.calls.len(), 2);
    let mut second = client.carrier(1);
    let mut exchange = client.exchange.borrow_mut();
    assert!(!exchange.wants_call(client.calls[0].link.unwrap()));
    exchange.carried_body(client.calls[0].link.unwrap(), stream("TEFURQ=="), NOW);
    drop(exchange);
    second.response_headers(ok(), End::Open, NOW);
    let ended = reply(second.response_body(stream(&image), End::Open, NOW));
    client.side_end(1, &ended);
    assert_eq!(client.images(), [image]);
}

#[test]
fn the_end_of_a_refused_call_does_not_end_the_one_in_its_place() {
    let (gate, budget) = looped(&json!({}));
    let image = png(1, 1, 10);
    let mut client = Client::held(&gate, &request(2));
    let refused = [created(), failed("rate_limit_exceeded")].concat().into_bytes();
    let ended = [0, 1].map(|place| {
        let mut carrier = client.carrier(place);
        carrier.response_headers(ok(), End::Open, NOW);
        reply(carrier.response_body(refused.clone(), End::Open, NOW))
    });
    // The end of the first starts both calls of the next upstream.
    client.side_end(0, &ended[0]);
    assert_eq!(client.calls.len(), 4);
    client.side_end(1, &ended[1]);
    for place in [2, 3] {
        let mut carrier = client.carrier(place);
        carrier.response_headers(ok(), End::Open, NOW);
        let ended = reply(carrier.response_body(stream(&image), End::Open, NOW));
        client.side_end(place, &ended);
    }
    assert_eq!(client.images(), [image.clone(), image]);
    drop(client);
    assert_eq!(budget.used(), 0);
}

#[test]
fn a_client_that_left_ends_its_calls() {
    let (gate, budget) = looped(&one_upstream());
    let client = Client::held(&gate, &request(2));
    let mut waiting = client.carrier(0);
    let mut reading = client.carrier(1);
    reading.response_headers(ok(), End::Open, NOW);
    reading.response_body(stream("QUJD")[..300].to_vec(), End::Open, NOW);
    assert!(waiting.tick().is_none() && reading.tick().is_none());
    client.exchange.borrow_mut().finish(None, NOW).unwrap();
    assert_eq!(waiting.tick().unwrap().code, "loopback_abandoned");
    assert!(waiting.tick().is_none(), "a second reply");
    let late = reply(reading.response_body(b"more".to_vec(), End::Open, NOW));
    assert_eq!(late.status, 200);
    drop(client);
    assert_eq!(budget.used(), 0);
}

#[test]
fn a_call_that_arrives_after_its_client_has_left_goes_nowhere() {
    let (gate, _) = looped(&one_upstream());
    let client = Client::held(&gate, &request(2));
    let headers = client.headers(0);
    let gone = |_, _| Some(Weak::new());
    match Carrier::default().request_headers(&headers, INSIDE, SECRET, &gone) {
        OnCarriedRequest::Reply(reply) => assert_eq!(reply.code, "loopback_abandoned"),
        other => panic!("{other:?}"),
    }
    client.exchange.borrow_mut().finish(None, NOW).unwrap();
    let left = Rc::downgrade(&client.exchange);
    let found = |_, _| Some(Weak::clone(&left));
    match Carrier::default().request_headers(&headers, INSIDE, SECRET, &found) {
        OnCarriedRequest::Reply(reply) => assert_eq!(reply.code, "loopback_abandoned"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_call_whose_time_is_over_ends() {
    let (gate, _) = looped(&one_upstream());
    let mut client = Client::held(&gate, &request(2));
    let mut carriers = [client.carrier(0), client.carrier(1)];
    client.tick(after(59));
    assert!(client.reply.is_none() && carriers[0].tick().is_none());
    client.tick(after(60));
    assert_eq!(client.json()["error"]["code"], "upstream_timeout");
    assert!(carriers.iter_mut().all(|it| it.tick().is_some()));
}

#[test]
fn a_call_that_breaks_off_spoils_no_other() {
    let (gate, _) = looped(&one_upstream());
    let image = png(1, 1, 10);
    let mut client = Client::held(&gate, &request(2));
    let mut broken = client.carrier(0);
    broken.response_headers(ok(), End::Open, NOW);
    broken.response_body(stream(&image)[..400].to_vec(), End::Open, NOW);
    // Envoy answers past the filter. Its words are no events.
    let words = b"upstream connect error or disconnect/reset before headers.".to_vec();
    let passed = LocalReply { status: 502, headers: Vec::new(), body: words, code: "" };
    client.side_end(0, &passed);
    assert!(client.reply.is_none());
    let mut whole = client.carrier(1);
    whole.response_headers(ok(), End::Open, NOW);
    let ended = reply(whole.response_body(stream(&image), End::Open, NOW));
    client.side_end(1, &ended);
    assert_eq!(client.images(), [image]);
}

#[test]
fn what_envoy_says_in_the_upstreams_place_is_told_apart() {
    for (details, code) in [
        (
            "upstream_reset_before_response_started{remote_connection_failure}",
            "upstream_unreachable",
        ),
        ("upstream_reset_before_response_started{overflow}", "server_is_overloaded"),
        ("route_not_found", "gateway_misconfigured"),
    ] {
        let (gate, _) = looped(&one_upstream());
        let mut client = Client::held(&gate, &request(2));
        for place in [0, 1] {
            let mut carrier = client.carrier(place);
            let envoy_details = Some(details.to_owned());
            let head = ResponseHead { status: 503, envoy_details, ..ResponseHead::default() };
            let ended = reply(carrier.response_headers(head, End::Open, NOW));
            client.side_end(place, &ended);
        }
        assert_eq!(client.json()["error"]["code"], code, "{details}");
    }
}

#[test]
fn envoys_own_answer_to_a_held_request_is_reported_as_an_error() {
    let (gate, _) = looped(&one_upstream());
    let client = Client::held(&gate, &request(2));
    let envoy_details = Some("stream_idle_timeout".to_owned());
    let head = ResponseHead { status: 504, envoy_details, ..ResponseHead::default() };
    let mut exchange = client.exchange.borrow_mut();
    match exchange.response_headers(head, End::Open, NOW) {
        OnResponseHeaders::Reply(reply) => {
            assert_eq!((reply.status, reply.code), (504, "upstream_timeout"))
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_request_that_the_rate_limit_service_admits_stays_held() {
    let (gate, _) = looped(&json!({
        "models": [{"match": "*", "upstream": "codex"}],
        "engine": {"kind": "rls"},
        "limits": [{"name": "all", "per": "global", "unit": "requests", "max": 9, "window": "1h"}],
    }));
    let mut client = Client::held(&gate, &request(2));
    assert!(client.calls.is_empty());
    // `overall_code: OK`.
    client.exchange.borrow_mut().check_answered(CHECK, Some(&[8, 1]));
    client.drain();
    assert_eq!(client.calls.len(), 2);
    let image = png(1, 1, 10);
    for place in [0, 1] {
        let mut carrier = client.carrier(place);
        carrier.response_headers(ok(), End::Open, NOW);
        let ended = reply(carrier.response_body(stream(&image), End::Open, NOW));
        client.side_end(place, &ended);
    }
    assert_eq!(client.images().len(), 2);
}

#[test]
fn without_the_cluster_the_request_is_answered_at_once() {
    let (gate, _) = looped(&one_upstream());
    let exchange = Rc::new(RefCell::new(Exchange::new(Rc::clone(&gate))));
    let mut client =
        Client { exchange, calls: Vec::new(), reply: None, lacks_cluster: true, now: NOW };
    client.send(&request(2));
    assert_eq!(client.json()["error"]["code"], "gateway_misconfigured");
}

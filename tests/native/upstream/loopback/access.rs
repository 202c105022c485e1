//! Who gets through the listener, and whose report of an error counts.

use super::client::Client;
use super::{INSIDE, SECRET, looped, one_upstream, request};
use crate::support::driver::Driver;
use crate::support::{NOW, ok};
use imagegate::exchange::{End, Headers, OnAnswer, ResponseHead};
use imagegate::loopback::{Carrier, OnCarried, OnCarriedRequest};
use serde_json::json;

fn sent(headers: &[(&str, &str)]) -> Vec<(String, Vec<u8>)> {
    headers.iter().map(|(name, it)| ((*name).to_owned(), it.as_bytes().to_vec())).collect()
}

fn refused(headers: &Headers, address: Option<&[u8]>, secret: Option<&[u8]>) -> u16 {
    match Carrier::default().request_headers(headers, address, secret, &|_, _| None) {
        OnCarriedRequest::Reply(reply) => {
            assert!(reply.headers.contains(&("x-imagegate-details", "route_not_found".to_owned())));
            reply.status
        }
        OnCarriedRequest::Forward { .. } => 0,
    }
}

#[test]
fn only_the_filter_itself_gets_through() {
    let call = |id| sent(&[("x-imagegate-upstream", "codex"), ("x-imagegate-call", id)]);
    let ours = call("1.7.0.0123abc");
    for address in [None, Some(&b"127.0.0.1:10000"[..]), Some(b"[::1]:1"), Some(b"/tmp/socket")] {
        assert_eq!(refused(&ours, address, SECRET), 403);
    }
    for id in ["7.0", "7.0.", "7.0.0123abcd", "0123abc", ""] {
        assert_eq!(refused(&call(id), INSIDE, SECRET), 403, "{id}");
    }
    // No filter has made a secret.
    assert_eq!(refused(&call("7.0."), INSIDE, None), 403);
    assert_eq!(refused(&call("7.0."), INSIDE, Some(b"")), 403);
    assert_eq!(refused(&sent(&[("x-imagegate-call", "1.7.0.0123abc")]), INSIDE, SECRET), 404);
    let mut unnamed = ours.clone();
    unnamed[0].1 = vec![0xff];
    assert_eq!(refused(&unnamed, INSIDE, SECRET), 404);
    assert_eq!(refused(&ours, INSIDE, SECRET), 0);
}

#[test]
fn a_call_of_another_vm_passes_with_a_report_of_envoys_own() {
    for id in ["1.7.0", "", "x", "1.7", "1.7.x", "1.99999999999.1"] {
        let id = format!("{id}.0123abc");
        let mut carrier = Carrier::default();
        let headers = sent(&[
            (":path", "/p"),
            ("x-imagegate-upstream", "codex"),
            ("x-imagegate-call", &id),
            ("x-imagegate-timeout-ms", "65000"),
            ("x-envoy-internal", "true"),
            ("x-forwarded-for", "10.0.0.1"),
            ("x-forwarded-proto", "http"),
        ]);
        let OnCarriedRequest::Forward { forward, is_carried: false } =
            carrier.request_headers(&headers, INSIDE, SECRET, &|_, _| None)
        else {
            panic!("{id}: not passed on");
        };
        assert_eq!(forward.upstream, "codex");
        let expected = sent(&[
            (":path", "/p"),
            ("x-forwarded-proto", "http"),
            ("x-envoy-upstream-rq-timeout-ms", "65000"),
        ]);
        assert_eq!(forward.headers, expected);
        let details = Some("cluster_not_found".to_owned());
        let head = ResponseHead { status: 503, envoy_details: details.clone(), ..ok() };
        match carrier.response_headers(head, End::Open, NOW) {
            OnCarried::Report(reported) => assert_eq!(reported, details),
            other => panic!("{other:?}"),
        }
        assert!(matches!(carrier.response_body(b"x".to_vec(), End::Stream, NOW), OnCarried::Pass));
        assert!(carrier.tick().is_none());
    }
}

#[test]
fn a_report_counts_only_of_calls_through_the_loopback_listener() {
    let report = |status| {
        let headers = [
            (":status".to_owned(), status),
            ("x-imagegate-details".to_owned(), b"route_not_found".to_vec()),
        ];
        ResponseHead::of(&headers, NOW)
    };
    let (gate, _) = looped(&one_upstream());
    let mut client = Client::held(&gate, &request(2));
    for token in [100, 101] {
        let mut exchange = client.exchange.borrow_mut();
        exchange.side_call_headers(token, Some(report(b"503".to_vec())), NOW);
        let answer = exchange.side_call_end(token, NOW);
        drop(exchange);
        if let OnAnswer::Reply(reply) = answer {
            client.answer(reply);
        }
    }
    assert_eq!(client.json()["error"]["code"], "gateway_misconfigured");
    // An upstream cannot say so on the client's own stream, nor in a side call without the listener.
    let (gate, _) = crate::support::gate(&json!({}));
    let mut driver = Driver::admitted(&gate, &request(2));
    let token = driver.call().token;
    driver.upstream(report(b"503".to_vec()), &[]);
    driver.side(token, Some(report(b"503".to_vec())), b"");
    assert_eq!(driver.client.code(), "server_is_overloaded");
}

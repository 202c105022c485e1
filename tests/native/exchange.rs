//! Whole exchanges through the public API, without Envoy: what goes upstream, what the client gets,
//! in which phase, and that nothing is left over.

mod host_calls;
mod memory;
mod request;

use std::rc::Rc;
use std::time::Duration;

use crate::support::client::Client;
use crate::support::codex::{completed, done};
use crate::support::driver::{Driver, Host};
use crate::support::{NOW, after, gate, head, item, ok, stream};
use imagegate::exchange::{End, ResponseHead, Shared};
use serde_json::{Value, json};

fn code(client: &Client) -> (u16, Value) {
    (client.status, client.code())
}

/// A driver that has received the head of a request.
fn opened(gate: &Rc<Shared>, more: &[(&str, &str)], end: End) -> Driver {
    let mut driver = Driver::new(gate);
    driver.request_head(&head(more), end);
    driver
}

/// The rejection of a request at its head.
fn rejected(more: &[(&str, &str)]) -> Client {
    let client = opened(&gate(&json!({})).0, more, End::Open).client;
    assert!(client.at_once);
    client
}

/// A driver that waits for its upstream, with this many images asked for.
fn waiting(gate: &Rc<Shared>, n: u32) -> Driver {
    Driver::admitted(gate, &json!({"prompt": "a cat", "n": n}))
}

#[test]
fn a_request_whose_side_calls_have_no_cluster_never_goes_upstream() {
    let (gate, budget) = gate(&json!({}));
    let mut driver = Driver::with_host(&gate, &[Host::LacksCluster, Host::LacksCluster]);
    let client = driver.request(&head(&[]), br#"{"prompt":"a cat","n":3}"#);
    assert_eq!(code(client), (500, json!("gateway_misconfigured")));
    assert_eq!(client.header("x-should-retry"), Some("false"));
    assert!(!driver.forwarded && driver.calls.len() == 2);
    let notice = &driver.notices[0];
    assert!(notice.starts_with("upstream `codex`: Envoy has no cluster"), "{notice}");
    assert_eq!(budget.used(), 0);
}

#[test]
fn images_that_fail_for_lack_of_a_route_are_logged() {
    let (gate, _) = gate(&json!({}));
    let mut driver = waiting(&gate, 2);
    let details = Some("cluster_not_found".to_owned());
    let head = ResponseHead { status: 404, envoy_details: details, ..ResponseHead::default() };
    assert!(driver.upstream(head, &[b"gone"]).waits());
    let client = driver.side(0, Some(ok()), &stream("QUJD"));
    assert_eq!((client.status, client.header("x-imagegate-images-failed")), (200, Some("1")));
    let notice = driver.notices.last().unwrap();
    assert!(notice.contains("upstream `codex`: Envoy has no route"), "{notice}");
}

#[test]
fn a_page_of_html_in_a_200_is_no_answer_that_was_cut() {
    for page in [
        "<html><title>Just a moment...</title></html>",
        "<html><title>Attention Required! | Cloudflare</title></html>",
    ] {
        let (gate, _) = gate(&json!({}));
        let content_type = Some(b"text/html; charset=UTF-8".to_vec());
        let head = ResponseHead { status: 200, content_type, ..ResponseHead::default() };
        let mut driver = waiting(&gate, 1);
        driver.upstream_head(head);
        let client = driver.response_body(page.as_bytes(), End::Stream);
        assert_eq!(code(client), (502, json!("upstream_blocked")), "{page}");
    }
}

#[test]
fn a_request_that_envoy_has_no_route_for_says_so_to_the_operator() {
    for details in ["route_not_found", "cluster_not_found"] {
        let (gate, _) = gate(&json!({}));
        let mut driver = waiting(&gate, 1);
        let details = Some(details.to_owned());
        let head = ResponseHead { status: 404, envoy_details: details, ..ResponseHead::default() };
        driver.upstream_head(head);
        let client = driver.response_body(b"gone", End::Stream);
        assert_eq!(code(client), (500, json!("gateway_misconfigured")));
        let notice = driver.notices.last().unwrap();
        assert!(notice.contains("upstream `codex`: Envoy has no route"), "{notice}");
        assert!(notice.contains("wasm.imagegate_upstream"), "{notice}");
    }
}

#[test]
fn an_answer_waits_for_nothing_after_the_terminal_event() {
    let (gate, _) = gate(&json!({}));
    let mut driver = waiting(&gate, 1);
    driver.upstream_head(ok());
    let client = driver.upstream_bytes(&stream("QUJD")).clone();
    assert_eq!(client.status, 200);
    assert_eq!(client.json()["data"][0]["b64_json"], "QUJD");
    // The driver asserts that the exchange ignores what arrives after its reply.
    driver.response_body(b"junk", End::Stream);
    assert_eq!(driver.client.body, client.body);
}

#[test]
fn an_upstream_that_takes_too_long_is_given_up() {
    let (gate, budget) = gate(&json!({}));
    for answered in [false, true] {
        let mut driver = waiting(&gate, 1);
        if answered {
            driver.upstream_head(ok());
            driver.upstream_bytes(b"event: response.created\n");
        }
        assert!(driver.tick(after(59)).waits());
        let reply = driver.tick(after(60)).clone();
        assert_eq!(reply.status, 504);
    }
    assert_eq!(budget.used(), 0);
}

#[test]
fn a_failure_of_the_upstream_is_reported_in_the_clients_terms() {
    let (gate, _) = gate(&json!({}));
    let mut driver = waiting(&gate, 1);
    assert!(driver.upstream_head(ResponseHead { status: 401, ..ok() }).waits());
    let error = br#"{"error":{"message":"token of org-secret expired","code":"token_expired"}}"#;
    let client = driver.response_body(error, End::Stream);
    assert_eq!(client.status, 502);
    assert!(!client.text().contains("org-secret"));
}

#[test]
fn a_failure_without_a_body_is_reported_at_its_head() {
    let (gate, _) = gate(&json!({}));
    for (status, reported) in [(204, 502), (302, 502), (429, 429), (503, 503), (0, 502)] {
        let head = ResponseHead { status, ..ok() };
        let client = waiting(&gate, 1).response_head(head, End::Stream).clone();
        assert_eq!(client.status, reported, "of {status}");
    }
}

#[test]
fn errors_of_envoy_are_kept_apart_from_those_of_the_upstream() {
    let (gate, _) = gate(&json!({}));
    for (status, details, reported) in [
        (503, "upstream_reset_before_response_started{connection_termination}", 502),
        (503, "no_healthy_upstream", 503),
        (504, "response_timeout", 504),
        (404, "route_not_found", 500),
    ] {
        let mut driver = waiting(&gate, 1);
        let head = ResponseHead {
            status,
            envoy_details: Some(details.to_owned()),
            ..ResponseHead::default()
        };
        driver.upstream_head(head);
        let reply = driver.response_body(b"text", End::Stream).clone();
        assert!(reply.status == reported || reply.status == 502, "{details}: {}", reply.status);
    }
}

#[test]
fn an_encoded_answer_is_invalid() {
    let (gate, _) = gate(&json!({}));
    let mut driver = waiting(&gate, 1);
    let head = ResponseHead { content_encoding: Some(b"gzip".to_vec()), ..ok() };
    driver.upstream_head(head);
    let reply = driver.response_body(&[0x1f, 0x8b], End::Stream).clone();
    assert_eq!(reply.status, 502);
    for identity in ["", "identity, Identity"] {
        let mut driver = waiting(&gate, 1);
        let head = ResponseHead { content_encoding: Some(identity.into()), ..ok() };
        let reply = driver.upstream(head, &[&stream("Q0ND")]).clone();
        assert_eq!(reply.status, 200, "{identity}");
    }
}

#[test]
fn images_of_side_calls_are_in_the_order_of_their_calls() {
    let (gate, budget) = gate(&json!({}));
    let mut driver = waiting(&gate, 3);
    assert!(driver.side(1, Some(ok()), &stream("Q0ND")).waits());
    driver.upstream_head(ok());
    let hold = driver.response_body(&stream("QUFB"), End::Stream);
    assert!(hold.waits());
    let reply = driver.side(0, Some(ok()), &stream("QkJC")).clone();
    let data = reply.json();
    let images: Vec<&Value> =
        data["data"].as_array().unwrap().iter().map(|image| &image["b64_json"]).collect();
    assert_eq!(images, ["QUFB", "QkJC", "Q0ND"]);
    assert_eq!(data["usage"]["total_tokens"], 618);
    assert_eq!(reply.header("x-imagegate-images-failed"), None);
    assert_eq!(budget.used(), reply.body.len());
    driver.close(Some(200));
    assert_eq!(budget.used(), 0);
}

#[test]
fn images_that_arrive_are_delivered_and_those_that_fail_are_counted() {
    let (gate, _) = gate(&json!({}));
    let mut driver = waiting(&gate, 3);
    driver.upstream(ResponseHead { status: 500, ..ok() }, &[b"{}"]);
    assert!(driver.side(0, None, b"").waits());
    let client = driver.side(1, Some(ok()), &stream("Q0ND"));
    assert_eq!(client.status, 200);
    assert_eq!(client.json()["data"].as_array().unwrap().len(), 1);
    assert_eq!(client.header("x-imagegate-images-failed"), Some("2"));
}

#[test]
fn if_all_calls_failed_the_first_failure_is_reported() {
    let (gate, _) = gate(&json!({}));
    let mut driver = waiting(&gate, 2);
    driver.side(0, None, b"");
    let client = driver.upstream(ResponseHead { status: 429, ..ok() }, &[b"{}"]);
    assert_eq!(code(client), (429, json!("rate_limit_exceeded")));
}

#[test]
fn a_side_call_that_the_host_does_not_start_has_failed() {
    let (gate, _) = gate(&json!({}));
    let mut driver = Driver::with_host(&gate, &[Host::Refuses]);
    driver.request(&head(&[]), br#"{"prompt":"a cat","n":3}"#);
    assert_eq!(driver.calls.len(), 2);
    driver.answer(&[&stream("QUFB")]);
    let client = driver.side(1, Some(ok()), &stream("Q0ND"));
    assert_eq!(client.header("x-imagegate-images-failed"), Some("1"));
    assert_eq!(client.json()["data"][1]["b64_json"], "Q0ND");
}

#[test]
fn images_that_arrive_in_time_are_delivered_if_the_others_time_out() {
    let (gate, _) = gate(&json!({}));
    let mut driver = waiting(&gate, 2);
    driver.side(0, Some(ok()), &stream("QkJC"));
    let reply = driver.tick(after(60)).clone();
    assert_eq!(reply.status, 200);
    assert_eq!(reply.header("x-imagegate-images-failed"), Some("1"));
}

#[test]
fn an_error_whose_body_does_not_end_is_reported_at_once_or_soon() {
    let (gate, _) = gate(&json!({}));
    let head = ResponseHead { status: 429, retry_after: Some(b"7".to_vec()), ..ok() };
    let mut whole = waiting(&gate, 1);
    whole.upstream_head(head.clone());
    let reply = whole.upstream_bytes(br#"{"error":{}}"#).clone();
    assert_eq!((reply.status, reply.header("retry-after")), (429, Some("7")));
    let mut half = waiting(&gate, 1);
    half.upstream_head(head);
    assert!(half.upstream_bytes(b"{\"err").waits());
    assert!(half.tick(after(1)).waits());
    assert_eq!(half.tick(after(2)).status, 429);
}

#[test]
fn an_error_in_json_with_a_status_of_success_is_an_error() {
    let (gate, _) = gate(&json!({}));
    for (error, expected) in [
        (r#"{"error":{"code":"rate_limit_exceeded","message":"m"}}"#, 429),
        (r#"{"id":"resp_1"}"#, 502),
    ] {
        let mut driver = waiting(&gate, 1);
        let content_type = Some(b"application/json; charset=utf-8".to_vec());
        driver.upstream_head(ResponseHead { content_type, ..ok() });
        let reply = driver.upstream_bytes(error.as_bytes()).clone();
        assert_eq!(reply.status, expected);
    }
}

#[test]
fn a_url_is_a_data_url_of_the_images_own_type() {
    let (gate, _) = gate(&json!({}));
    let mut driver = Driver::admitted(&gate, &json!({"prompt": "a cat", "response_format": "url"}));
    let reply = driver.answer(&[&stream("QUJD")]);
    let image = &reply.json()["data"][0];
    assert_eq!(image["url"], "data:image/png;base64,QUJD");
    assert!(image.get("b64_json").is_none());
}

#[test]
fn text_in_a_revised_prompt_cannot_replace_an_image() {
    let (gate, _) = gate(&json!({}));
    for format in ["b64_json", "url"] {
        let request = json!({"prompt": "x", "response_format": format});
        let mut driver = Driver::admitted(&gate, &request);
        let mut item = item("ig_1", "QUJD");
        let words = r#""b64_json":"" ;base64,""#;
        item["revised_prompt"] = Value::from(words);
        let stream = done(&item) + &completed(&json!({}));
        let image = driver.answer(&[stream.as_bytes()]).json()["data"][0].clone();
        assert_eq!(image["revised_prompt"], words);
        assert!(image.to_string().contains("QUJD"));
    }
}

#[test]
fn the_record_holds_the_outcome_of_an_exchange() {
    let (gate, _) = gate(&json!({}));
    let mut driver = waiting(&gate, 1);
    let len = driver.answer(&[&stream("QUJD")]).body.len();
    driver.now = NOW + Duration::from_millis(1500);
    let record = driver.close(Some(200));
    let wanted = json!({"request_id": "request-1", "endpoint": "generations",
        "host_model": "gpt-6-luna",
        "consumer": "acme-web", "user": "acme", "model": "gpt-image-2", "upstream": "codex",
        "status": 200, "code": null, "images_asked": 1, "images_delivered": 1, "images_failed": 0,
        "images_dropped": 0, "size": "1024x1024", "quality": "low", "input_tokens": 10,
        "output_tokens": 196, "rule": null, "reserved_nanodollars": 0, "settled_nanodollars": 0,
        "price_mismatch": false, "bytes_in": 24, "bytes_out": len, "ms_to_first_byte": 0,
        "ms_to_image": 0, "ms_total": 1500});
    assert_eq!(record, wanted);
}

#[test]
fn the_record_of_a_rejected_request_names_the_code() {
    let (gate, _) = gate(&json!({}));
    let record = Driver::ask(&gate, &json!({"prompt": "a cat", "n": 11})).close(None);
    assert_eq!(record["status"], 400);
    assert_eq!(record["code"], "integer_above_max_value");
    assert_eq!(record["consumer"], "acme-web");
}

#[test]
fn a_request_that_is_not_ours_leaves_no_record() {
    let (gate, _) = gate(&json!({}));
    let mut driver = opened(&gate, &[(":path", "/other")], End::Open);
    assert!(driver.log(Some(200)).is_none());
}

#[test]
fn the_record_of_an_exchange_that_ended_early_says_why() {
    let (gate, _) = gate(&json!({}));
    for (status, code) in [
        (None, "client_closed_request"),
        (Some(502), "upstream_disconnected"),
        (Some(504), "upstream_timeout"),
    ] {
        let mut driver = waiting(&gate, 2);
        let record = driver.close(status);
        assert_eq!(record["code"], code);
        assert_eq!(record["status"], json!(status));
        assert_eq!(record["images_failed"], 2);
    }
}

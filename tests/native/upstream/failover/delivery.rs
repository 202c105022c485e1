//! Fail-over while the client waits: its stream, its time, and calls that never start.

use std::time::Duration;

use super::{IMAGE, error, head, images, json_head, request, several, two, upstreams};
use crate::support::codex::{failed, preview};
use crate::support::driver::{Driver, Host};
use crate::support::{after, event, stream};
use imagegate::exchange::{End, ResponseHead};
use serde_json::json;

#[test]
fn a_call_that_the_host_does_not_start_goes_to_the_next_upstream() {
    let (gate, budget) = several(&json!(["codex", "openai", "last"]), &json!({"limits": []}));
    let mut driver = Driver::admitted(&gate, &request());
    driver.host.extend([Host::Refuses, Host::Refuses]);
    let client = driver.upstream(head(429), &[&error("rate_limit_exceeded")]);
    assert_eq!(client.code(), "rate_limit_exceeded");
    let called: Vec<_> = driver.calls.iter().map(|it| it.cluster.as_str()).collect();
    assert_eq!(called, ["provider", "last"]);
    drop(driver);
    assert_eq!(budget.used(), 0);
}

#[test]
fn what_arrives_late_on_the_clients_own_stream_is_dropped() {
    let (gate, _) = two();
    let mut driver = Driver::admitted(&gate, &request());
    driver.upstream_head(head(503));
    for bytes in
        [error("server_is_overloaded"), stream(IMAGE), error("moderation_blocked"), Vec::new()]
    {
        assert!(driver.upstream_bytes(&bytes).waits());
        // It may still break, and then Envoy would answer without the filter.
        assert!(driver.calls.is_empty());
    }
    assert!(driver.upstream_end().waits());
    driver.call();
    let reply = driver.side(0, Some(json_head()), &images()).clone();
    assert_eq!(reply.json()["data"].as_array().unwrap().len(), 1);
}

#[test]
fn a_refusal_whose_end_does_not_arrive_is_reported() {
    for n in [1, 2] {
        let (gate, _) = two();
        let request = json!({"prompt": "a cat", "model": "gpt-image-2", "n": n});
        let mut driver = Driver::admitted(&gate, &request);
        driver.upstream_head(head(429));
        driver.response_body(&error("rate_limit_exceeded"), End::Open);
        assert!(driver.tick(after(1)).waits());
        assert_eq!(driver.tick(after(2)).waits(), n == 2);
        if n == 2 {
            driver.side(0, Some(head(400)), &error("moderation_blocked"));
        }
        assert_eq!(driver.client.code(), "rate_limit_exceeded");
        assert_eq!(driver.close(Some(429)).get("attempts"), None);
    }
}

#[test]
fn a_side_call_that_never_left_goes_to_the_next_upstream_at_once() {
    let (gate, _) = two();
    let mut driver = Driver::with_host(&gate, &[Host::Refuses]);
    let request = json!({"prompt": "a cat", "model": "gpt-image-2", "n": 2});
    driver.request(&crate::support::head(&[]), request.to_string().as_bytes());
    let clusters: Vec<_> = driver.take_calls().into_iter().map(|it| it.cluster).collect();
    assert_eq!(clusters, ["codex", "provider"]);
    assert!(driver.upstream(head(200), &[&stream(IMAGE)]).waits() && driver.calls.is_empty());
    let reply = driver.side(1, Some(json_head()), &images()).clone();
    assert_eq!(reply.json()["data"].as_array().unwrap().len(), 2);
}

#[test]
fn a_client_that_streams_gets_its_events_from_the_next_upstream() {
    let (gate, _) = two();
    let request =
        json!({"prompt": "a cat", "model": "gpt-image-2", "stream": true, "partial_images": 2});
    let mut driver = Driver::admitted(&gate, &request);
    driver.upstream(head(429), &[&error("rate_limit_exceeded")]);
    let sent = driver.call().json();
    assert_eq!((sent.get("stream"), sent.get("partial_images")), (None, None));
    let reply = driver.side(0, Some(json_head()), &images()).clone();
    let words = String::from_utf8(reply.body).unwrap();
    assert!(words.starts_with("event: image_generation.completed\n"), "{words}");
    assert!(words.contains(IMAGE));
    assert_eq!(driver.close(Some(200))["settled_nanodollars"], 500_000_000);
}

#[test]
fn a_client_that_streams_gets_a_status_if_all_upstreams_refuse() {
    let (gate, _) = two();
    let mut driver = Driver::admitted(
        &gate,
        &json!({"prompt": "a cat", "model": "gpt-image-2", "stream": true}),
    );
    driver.upstream(head(404), &[b""]);
    driver.call();
    let reply = driver.side(0, Some(head(401)), b"").clone();
    assert_eq!(reply.status, 502);
    assert_eq!(driver.close(Some(502))["settled_nanodollars"], 0);
}

#[test]
fn a_stream_that_has_opened_stays_with_its_upstream() {
    let (gate, _) = two();
    let request =
        json!({"prompt": "a cat", "model": "gpt-image-2", "stream": true, "partial_images": 1});
    let mut driver = Driver::admitted(&gate, &request);
    driver.upstream_head(head(200));
    assert_eq!(driver.upstream_bytes(preview(0, "UFJFVklFVw==").as_bytes()).status, 200);
    let client = driver.upstream_bytes(failed("rate_limit_exceeded").as_bytes());
    assert!(client.text().contains("rate_limit_exceeded"));
    assert!(driver.calls.is_empty());
}

#[test]
fn a_kept_alive_response_fails_over_until_its_first_space() {
    let failed = failed("rate_limit_exceeded");
    let list = json!(["codex", "openai"]);
    let (gate, _) = several(&list, &json!({"keepalive": "5s", "limits": []}));
    let mut driver = Driver::admitted(&gate, &request());
    driver.upstream(head(200), &[failed.as_bytes()]);
    driver.call();
    let reply = driver.side(0, Some(json_head()), &images()).clone();
    assert_eq!(reply.status, 200);

    let mut driver = Driver::admitted(&gate, &request());
    driver.upstream_head(head(200));
    driver.now = after(6);
    assert_eq!(driver.upstream_bytes(b": ping\n\n").text(), " ");
    let client = driver.upstream_bytes(failed.as_bytes());
    assert!(!client.at_once && client.text().contains("rate_limit_exceeded"));
    assert!(driver.calls.is_empty());
}

#[test]
fn each_call_has_its_own_timeout_and_the_longest_ends_all() {
    let (gate, _) = two();
    let mut driver = Driver::admitted(&gate, &request());
    let patience = driver
        .sent()
        .headers
        .iter()
        .find(|(name, _)| name == "x-envoy-upstream-rq-timeout-ms")
        .unwrap();
    assert_eq!(patience.1, b"65000", "its own timeout, and Envoy's grace");
    // The first upstream is silent for its 60 s. It may be generating.
    let reply = driver.tick(after(60));
    assert_eq!(reply.code(), "upstream_timeout");

    let mut driver = Driver::admitted(&gate, &request());
    driver.now = after(50);
    driver.upstream(head(429), &[&error("rate_limit_exceeded")]);
    let timeout = driver.call().timeout;
    assert_eq!(timeout, Duration::from_secs(45), "40 s are left, and Envoy's grace");
    assert!(driver.tick(after(89)).waits());
    assert!(!driver.tick(after(90)).waits());
}

/// If a provider's stream begins with a refusal, the client's head is still held. If it begins with
/// a preview, the head has left.
#[test]
fn a_providers_stream_fails_over_before_its_first_preview() {
    let mut upstreams = upstreams();
    upstreams["openai"]["stream"] = json!("send");
    let (gate, budget) = several(&json!(["openai", "codex"]), &json!({"upstreams": upstreams}));
    let request = json!({"prompt": "a cat", "model": "gpt-image-2", "stream": true,
        "partial_images": 1});
    let refusal = event(&json!({"type": "error", "error": {"code": "rate_limit_exceeded"}}));
    let mut driver = Driver::admitted(&gate, &request);
    assert_eq!(driver.sent_json()["stream"], true);
    driver.upstream(head(200), &[refusal.as_bytes()]);
    let text = String::from_utf8(driver.call().body).unwrap();
    assert!(!text.contains("partial_images"), "{text}");
    let events = driver.side(0, Some(head(200)), &stream(IMAGE)).text();
    assert!(events.starts_with("event: image_generation.completed\n"), "{events}");
    assert_eq!(driver.close(Some(200))["upstream"], "codex");
    drop(driver);

    let preview = event(&json!({"type": "image_generation.partial_image",
        "b64_json": IMAGE, "partial_image_index": 0}));
    let mut driver = Driver::admitted(&gate, &request);
    driver.upstream_head(head(200));
    assert_eq!(driver.upstream_bytes(preview.as_bytes()).status, 200);
    let client = driver.upstream_bytes(refusal.as_bytes());
    assert!(client.text().contains("\"code\":\"rate_limit_exceeded\""));
    assert!(driver.calls.is_empty());
    assert_eq!(driver.close(Some(200))["settled_nanodollars"], 0);
    drop(driver);
    assert_eq!(budget.used(), 0);
}

/// Another try may pay for a second image, so the limit of the first upstream is not what counts.
#[test]
fn a_connection_that_breaks_after_a_fail_over_is_what_the_client_learns_of() {
    let words = |reason: &str| {
        let words = "upstream connect error or disconnect/reset before headers. reset reason: ";
        [words, reason].concat().into_bytes()
    };
    for (answer, code) in [
        (Some((head(503), words("connection termination"))), "upstream_disconnected"),
        (Some((head(503), words("remote reset"))), "upstream_disconnected"),
        (Some((head(200), b"{\"data\":[".to_vec())), "upstream_disconnected"),
        (None, "upstream_disconnected"),
        // Nothing has reached it.
        (Some((head(503), words("remote connection failure"))), "rate_limit_exceeded"),
        (Some((head(503), words("refused stream reset"))), "rate_limit_exceeded"),
    ] {
        let (gate, _) = two();
        let mut driver = Driver::admitted(&gate, &request());
        let limited = ResponseHead { retry_after: Some(b"9".to_vec()), ..head(429) };
        driver.upstream(limited, &[]);
        let token = driver.call().token;
        let (head, body) = answer.clone().map_or((None, Vec::new()), |it| (Some(it.0), it.1));
        let client = driver.side(token, head, &body);
        assert_eq!(client.code(), code, "{answer:?}");
        let record = driver.close(Some(driver.client.status));
        assert_eq!(record["code"], code);
    }
}

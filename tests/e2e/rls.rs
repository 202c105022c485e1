//! Rules that a rate-limit service counts: two Envoys before one service, and a service that fails.
//!
//! The cases of [`redis`] are run by `make test-redis`, those of [`ratelimit`] by
//! `make test-ratelimit`.

mod clients_leave;
mod ratelimit;
mod redis;
mod updates;

use serde_json::{Value, json};

use crate::harness::crowd::{at_once, request, served};
use crate::harness::rls::{hourly, shipped_limits};
use crate::harness::{
    Envoy, Generation, Key, RateLimitService, Request, Setup, Step, Upstream, config, eventually,
};

fn rule(name: &str, unit: &str, max: Value) -> Value {
    json!({"name": name, "per": "user", "unit": unit, "max": max, "window": "1h"})
}

/// The configuration with these rules, which the service counts. Every image costs $0.211.
fn counted(engine: Value, limits: &Value) -> Value {
    let mut config = config();
    config["prices"] = json!([{"model": "*", "usd": "0.211"}]);
    config["unknown_users"] = json!("admit");
    config["limits"] = limits.clone();
    config["engine"] = json!({"kind": "rls", "timeout": "5s"});
    for (key, value) in engine.as_object().unwrap() {
        config["engine"][key] = value.clone();
    }
    config
}

fn envoy(service: u16, upstream: &Upstream, config: &Value) -> Envoy {
    Setup::counted_by(service, upstream.port()).configure(config).workers(4).start()
}

/// Two Envoys with the services at these ports together admit exactly as much as the limit. A
/// service says `left` of a budget that is too small for the request.
fn share(first: u16, second: u16, exact: Exact, left: &str) {
    let upstream = Upstream::generating(&Generation::small(1));
    let rules = json!([rule("budget", "usd", json!("1.00")), rule("images", "images", json!(400))]);
    let config = counted(json!({}), &rules);
    let here = envoy(first, &upstream, &config);
    let there = envoy(second, &upstream, &config);
    // A dollar buys four images at 21.1 cents from any upstream.
    let saver = served(&at_once(&[&here, &there], &request("saver", 1)), "insufficient_quota");
    let later = [&here, &there, &here, &there].map(|it| request("saver", 1).send(it).status);
    let later = later.iter().filter(|it| **it == 200).count();
    assert_eq!(saver + later, 4);
    assert_eq!(upstream.received().len(), 4);
    if exact == Exact::AtOnce {
        assert_eq!(saver, 4);
    }
    let rejected = request("saver", 1).send(&there);
    rejected.assert_error(429, "insufficient_quota");
    assert_eq!(rejected.header("x-should-retry").as_deref(), Some("false"));
    let message = rejected.json()["error"]["message"].to_string();
    assert!(message.contains("'budget'") && message.contains(left), "{message}");
    assert_eq!(rejected.header("x-ratelimit-remaining-usd").as_deref(), Some(left));
}

/// Whether a request that fits is admitted even during concurrent requests.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Exact {
    AtOnce,
    /// A reservation of another instance may be counted twice for a moment.
    InTheEnd,
}

fn limits() -> String {
    hourly("budget", "user", 10_000)
        + &hourly("images", "user", 400)
        + &hourly("requests", "user", 20)
}

#[test]
fn two_envoys_share_one_budget() {
    let service = RateLimitService::start(&limits());
    share(service.port(), service.port(), Exact::AtOnce, "0.156");
}

#[test]
fn a_limit_of_the_service_admits_exactly_its_maximum() {
    let service = RateLimitService::start(&limits());
    let upstream = Upstream::generating(&Generation::small(1));
    let config = counted(json!({}), &json!([rule("requests", "requests", json!(20))]));
    let envoys = [(); 2].map(|()| envoy(service.port(), &upstream, &config));
    for round in 1..=3 {
        let user = format!("user-{round}");
        let responses = at_once(&[&envoys[0], &envoys[1]], &request(&user, 1));
        assert_eq!(served(&responses, "rate_limit_exceeded"), 20, "{user}");
        assert_eq!(upstream.received().len(), round * 20);
        let served = responses.iter().find(|it| it.status == 200).unwrap();
        assert_eq!(served.header("x-ratelimit-limit-requests").as_deref(), Some("20"));
        let rejected = responses.iter().find(|it| it.status == 429).unwrap();
        assert_eq!(rejected.header("x-ratelimit-remaining-requests").as_deref(), Some("0"));
        let wait: u32 = rejected.header("retry-after").unwrap().parse().unwrap();
        assert!((1..=3_600).contains(&wait), "{wait}");
    }
}

#[test]
fn the_shipped_limits_are_those_of_the_shipped_configuration() {
    shipped(RateLimitService::start(&shipped_limits()).port());
}

/// `envoy/rls.yaml` with the shipped limits, which the service at this port has.
fn shipped(service: u16) {
    let upstream = Upstream::generating(&Generation::small(1));
    // A machine that runs tests may take longer than the shipped patience.
    let patient = Setup::counted_by(service, upstream.port());
    let shipped = patient.replace(r#""timeout": "50ms""#, r#""timeout": "5s""#).start();
    let body = json!({"prompt": "a square", "model": "gpt-image-2"});
    let response = Request::generation(&body).bearer("sk-imagegate-demo").send(&shipped);
    assert_eq!(response.images().len(), 1);
    for (header, value) in [
        ("x-ratelimit-limit-requests", "60"),
        ("x-ratelimit-remaining-requests", "59"),
        ("x-ratelimit-remaining-images", "499"),
        ("x-ratelimit-remaining-usd", "24.789"),
        ("x-ratelimit-remaining-concurrent", "3"),
    ] {
        assert_eq!(response.header(header).as_deref(), Some(value), "{header}");
    }
}

#[test]
fn no_image_is_requested_before_the_service_has_answered() {
    let service =
        RateLimitService::start(&(hourly("images", "user", 2) + &hourly("budget", "user", 10_000)));
    let upstream = Upstream::generating(&Generation::small(1));
    let rules = json!([rule("images", "images", json!(2)), rule("budget", "usd", json!("1.00"))]);
    let gate = envoy(service.port(), &upstream, &counted(json!({}), &rules));
    request("acme", 3).send(&gate).assert_error(429, "rate_limit_exceeded");
    assert_eq!(upstream.received().len(), 0);
    assert_eq!(request("acme", 2).send(&gate).images().len(), 2);
    let received = upstream.received();
    assert_eq!(received.iter().filter(|it| it.is_side_call()).count(), 1);
}

#[test]
fn a_large_request_waits_whole_for_the_service() {
    let service = RateLimitService::start(&limits());
    let upstream = Upstream::generating(&Generation::small(1));
    let config = counted(json!({}), &json!([rule("requests", "requests", json!(20))]));
    let gate = envoy(service.port(), &upstream, &config);
    let image = "QUJD".repeat(3 << 20);
    let body =
        json!({"prompt": "a square", "model": "gpt-image-2", "user": "acme", "images": [image]});
    for request in [Request::generation(&body), Request::generation(&body).chunked()] {
        assert_eq!(request.bearer(Key::MASTER).send(&gate).images().len(), 1);
    }
    let sent = upstream.received().remove(0).json();
    let url = sent["input"][0]["content"][0]["image_url"].as_str().unwrap();
    assert_eq!(url.len(), image.len() + "data:image/png;base64,".len());
}

#[test]
fn a_request_that_ends_with_trailers_waits_too() {
    let service = RateLimitService::start(&hourly("requests", "user", 1));
    let upstream = Upstream::generating(&Generation::small(1));
    let config = counted(json!({}), &json!([rule("requests", "requests", json!(1))]));
    let setup = Setup::counted_by(service.port(), upstream.port()).request_trailers();
    let gate = setup.configure(&config).start();
    let send = || request("acme", 2).send_with_trailers(&gate, b"x-checksum: 1\r\n");
    assert_eq!(send().images().len(), 2);
    send().assert_error(429, "rate_limit_exceeded");
    assert_eq!(upstream.received().len(), 2);
}

/// Services that do not answer correctly, by their fault.
fn broken_services() -> Vec<(&'static str, Upstream)> {
    vec![
        ("silent", Upstream::always(vec![Step::KeepOpen])),
        ("no gRPC", Upstream::always(Step::json(200, &json!({"overall_code": "OK"})))),
        ("closing", Upstream::always(vec![Step::Close])),
    ]
}

#[test]
fn a_failing_service_rejects_or_admits_as_on_error_says() {
    let upstream = Upstream::generating(&Generation::small(1));
    let mut rules =
        json!([rule("budget", "usd", json!("1.00")), rule("requests", "requests", json!(20))]);
    let services = broken_services();
    let down = ("down", Upstream::closed_port());
    let ports = services.iter().map(|(what, it)| (*what, it.port())).chain([down]);
    for (what, port) in ports {
        let engine = json!({"on_error": "deny", "timeout": "200ms"});
        let denied = request("acme", 1).send(&envoy(port, &upstream, &counted(engine, &rules)));
        denied.assert_error(503, "limits_unavailable");
        assert!(denied.header("retry-after").is_some(), "{what}");
        let engine = json!({"on_error": "allow", "timeout": "200ms"});
        let allowing = envoy(port, &upstream, &counted(engine.clone(), &rules));
        assert_eq!(request("acme", 2).send(&allowing).images().len(), 2, "{what}");
        // A rule's own word counts.
        rules[0]["on_error"] = json!("deny");
        let mixed = envoy(port, &upstream, &counted(engine, &rules));
        request("acme", 1).send(&mixed).assert_error(503, "limits_unavailable");
        rules[0].as_object_mut().unwrap().remove("on_error");
    }
    let generated = upstream.received().len();
    assert_eq!(generated, 4 * 2, "only what was allowed went upstream");
}

#[test]
fn the_time_of_an_upstream_begins_after_the_service_was_asked() {
    let silent = Upstream::always(vec![Step::KeepOpen]);
    let upstream = Upstream::generating(&Generation::small(1));
    let rules =
        json!([rule("budget", "usd", json!("1.00")), rule("requests", "requests", json!(20))]);
    let mut config = counted(json!({"timeout": "3s", "on_error": "allow"}), &rules);
    // One rule is asked after the other.
    config["upstreams"]["codex"]["timeout"] = json!("5s");
    let gate = envoy(silent.port(), &upstream, &config);
    assert_eq!(request("acme", 1).send(&gate).images().len(), 1);
}

#[test]
fn a_release_that_the_service_does_not_take_is_logged() {
    let service = RateLimitService::start(&limits());
    let upstream = Upstream::always(Step::json(500, &json!({"error": {"message": "m"}})));
    let engine = json!({"releases": "negative_hits"});
    let gate = envoy(
        service.port(),
        &upstream,
        &counted(engine, &json!([rule("budget", "usd", json!("1.00"))])),
    );
    request("acme", 1).send(&gate).assert_error(502, "upstream_error");
    eventually("the log reports it", || {
        gate.log().contains("did not take a settlement (gRPC status 12)")
    });
}

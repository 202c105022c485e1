//! Rules that a rate-limit service counts: two Envoys before one service, and a service that fails.
//!
//! The cases of [`redis`] are run by `make test-redis`, those of [`ratelimit`] by
//! `make test-ratelimit`.

mod ratelimit;
mod redis;

use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::rls::{hourly, shipped_limits};
use crate::harness::{
    Connection, Envoy, Gate, Generation, Key, RateLimitService, Request, Response, Setup, Step,
    Upstream, config, eventually,
};

/// How many clients send requests at once, over all Envoys.
const CLIENTS: usize = 96;

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

fn request(user: &str, n: u32) -> Request {
    let body = json!({"prompt": "a square", "model": "gpt-image-2", "n": n, "user": user});
    Request::generation(&body).bearer(Key::MASTER)
}

/// Sends a request from each client at once, to the Envoys in turn.
fn at_once(envoys: &[&Envoy], request: &Request) -> Vec<Response> {
    thread::scope(|scope| {
        let turns = envoys.iter().cycle().take(CLIENTS);
        let clients: Vec<_> = turns.map(|it| scope.spawn(|| request.send(it))).collect();
        clients.into_iter().map(|client| client.join().unwrap()).collect()
    })
}

/// How many were served, if the others were rejected with this code.
#[track_caller]
fn served(responses: &[Response], code: &str) -> usize {
    let (served, rejected): (Vec<_>, Vec<_>) = responses.iter().partition(|it| it.status == 200);
    rejected.iter().for_each(|it| it.assert_error(429, code));
    served.len()
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

/// How many requests of a user are in flight.
fn held(gate: &Envoy, user: &str) -> Value {
    let target = format!("/v1/images/limits?user={user}");
    let list = Request::new("GET", target).bearer(Key::MASTER).send(gate).json();
    let entry = list["data"].as_array().unwrap().iter().find(|it| it["name"] == "in-flight");
    entry.unwrap()["reserved"].clone()
}

#[test]
fn a_client_that_leaves_during_the_services_call_leaves_nothing_held() {
    let silent = Upstream::always(vec![Step::KeepOpen]);
    let upstream = Upstream::generating(&Generation::small(1));
    let rules = json!([
        rule("requests", "requests", json!(20)),
        {"name": "in-flight", "per": "user", "unit": "concurrent", "max": 4}
    ]);
    let engine = json!({"timeout": "2s", "releases": "negative_hits"});
    let gate = envoy(silent.port(), &upstream, &counted(engine, &rules));
    let held = || held(&gate, "hasty");
    for _ in 0..3 {
        let waiting: Vec<_> = (0..4)
            .map(|_| {
                let request = request("hasty", 1);
                let mut connection = Connection::open(gate.port());
                connection.write(&[request.head(), request.framed_body()].concat()).unwrap();
                connection
            })
            .collect();
        eventually("four wait", || held() == 4);
        drop(waiting);
        eventually("nothing is held", || held() == 0);
    }
    assert_eq!(upstream.received().len(), 0);
}

/// Sends a request, and leaves once it waits for the service.
fn leave(gate: &Envoy, user: &str) {
    let request = request(user, 1);
    let mut connection = Connection::open(gate.port());
    connection.write(&[request.head(), request.framed_body()].concat()).unwrap();
    eventually("the request waits", || held(gate, user) == 1);
    drop(connection);
    eventually("it has left", || held(gate, user) == 0);
}

#[test]
fn what_the_service_counts_for_a_client_that_has_left_is_given_back_when_it_answers() {
    let service = RateLimitService::slow(&hourly("requests", "user", 20), 1_500);
    let upstream = Upstream::generating(&Generation::small(1));
    let rules = json!([
        rule("requests", "requests", json!(20)),
        {"name": "in-flight", "per": "user", "unit": "concurrent", "max": 4}
    ]);
    let engine = json!({"timeout": "10s", "releases": "negative_hits"});
    let gate = envoy(service.port(), &upstream, &counted(engine, &rules));
    let refunds = || gate.log().matches("did not take a settlement (gRPC status 12)").count();
    // The service of the tests takes no refund, and so the log counts those that were sent.
    leave(&gate, "hasty");
    eventually("its request is refunded", || refunds() == 1);
    // One that stays is served by the same way, and its side calls are.
    let served = request("patient", 3).send(&gate);
    assert_eq!(served.images().len(), 3);
    assert_eq!(served.header("x-ratelimit-remaining-requests").as_deref(), Some("19"));
    assert_eq!((upstream.received().len(), refunds()), (3, 1));
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
fn a_request_that_outlives_its_configuration_is_checked_under_it() {
    let service = RateLimitService::start(&limits());
    let upstream = Upstream::generating(&Generation::small(1));
    let before = counted(json!({}), &json!([rule("images", "images", json!(400))]));
    let setup = Setup::counted_by(service.port(), upstream.port()).configure(&before).workers(1);
    let envoy = setup.discovered().start();
    let request = request("acme", 3);
    let body = request.framed_body();
    let mut connection = Connection::open(envoy.port());
    connection.write(&[request.head(), body[..10].to_vec()].concat()).unwrap();
    let list = || {
        let list = Request::new("GET", "/v1/images/limits?user=acme").bearer(Key::MASTER);
        list.send(&envoy).json()["data"].clone()
    };
    eventually("the configuration is in force", || list()[0]["name"] == "images");
    let mut after = before;
    after["limits"] = json!([]);
    after["engine"] = json!({"kind": "local"});
    envoy.rediscover(&after);
    eventually("the update is in force", || list() == json!([]));
    connection.write(&body[10..]).unwrap();
    let response = connection.read();
    assert_eq!(response.images().len(), 3);
    assert_eq!(response.header("x-ratelimit-remaining-images").as_deref(), Some("397"));
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

#[test]
fn an_update_during_the_services_call_changes_nothing_for_waiting_requests() {
    let service = RateLimitService::start(&limits());
    let (generation, gate) = (Generation::small(1), Gate::default());
    let mut script = Step::generate(&generation);
    script.insert(1, Step::Wait(gate.clone()));
    let upstream = Upstream::scripts([script, Step::generate(&generation)]);
    let rules = json!([rule("images", "images", json!(400))]);
    let before = counted(json!({}), &rules);
    let setup = Setup::counted_by(service.port(), upstream.port()).configure(&before).workers(2);
    let envoy = setup.discovered().start();
    let mut after = before;
    after["limits"] = json!([]);
    after["engine"] = json!({"kind": "local"});
    thread::scope(|scope| {
        let client = scope.spawn(|| request("acme", 1).send(&envoy));
        upstream.wait_for(1);
        envoy.rediscover(&after);
        thread::sleep(Duration::from_millis(300));
        gate.open();
        let response = client.join().unwrap();
        assert_eq!(response.images().len(), 1);
        assert_eq!(response.header("x-ratelimit-remaining-images").as_deref(), Some("399"));
    });
    eventually("the update is in force", || {
        let list = Request::new("GET", "/v1/images/limits?user=acme").bearer(Key::MASTER);
        list.send(&envoy).json()["data"] == json!([])
    });
    assert_eq!(request("acme", 1).send(&envoy).images().len(), 1);
}

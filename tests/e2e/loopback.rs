//! Calls through the loopback listener: an image counts with the upstream's last event, however the
//! upstream then ends its answer, and whatever becomes of its cluster.

mod updates;

use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::harness::sse::event;
use crate::harness::{
    Connection, Envoy, Gate, Generation, Request, Response, Setup, Step, Upstream, config,
    eventually,
};

fn body(n: u32) -> Value {
    json!({"prompt": "a square", "model": "gpt-image-2", "size": "1024x1024", "n": n})
}

/// The usual configuration, with the loopback listener.
fn looped() -> Value {
    let mut config = config();
    config["loopback"] = json!({"cluster": "imagegate_loopback"});
    config["upstreams"]["codex"]["max_rest"] = json!("0s");
    config
}

/// The same with a second upstream after the first.
fn with_second() -> Value {
    let mut config = looped();
    let mut second = config["upstreams"]["codex"].clone();
    second["authority"] = json!("second.test");
    config["upstreams"]["second"] = second;
    config["models"] = json!([{"match": "*", "upstream": ["codex", "second"]}]);
    config
}

fn setup(upstream: &Upstream) -> Setup {
    Setup::production(upstream.port()).configure_struct(&looped())
}

/// The answer. The upstream's timeout is 60 s, and no case may wait for it.
#[track_caller]
fn send_promptly(envoy: &Envoy, n: u32) -> Response {
    let start = Instant::now();
    let response = Request::generation(&body(n)).send(envoy);
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
    response
}

/// That the response has these images, in any order.
#[track_caller]
fn assert_all(response: &Response, generations: &[Generation]) {
    assert_eq!(response.header("x-imagegate-images-failed"), None);
    let mut images = response.images();
    let mut expected: Vec<_> = generations.iter().map(|it| it.base64.clone()).collect();
    images.sort();
    expected.sort();
    assert!(images == expected, "{} images of {}", images.len(), expected.len());
}

fn complete_then(generation: &Generation, last: &[Step]) -> Vec<Step> {
    [&[Step::StreamHead, Step::Chunk(generation.stream())], last].concat()
}

/// A rate limit that is reported in an event, by an upstream that keeps its connection open.
fn limited() -> Vec<Step> {
    let failed = event(&json!({"type": "response.failed", "sequence_number": 1,
        "response": {"id": "resp_1", "status": "failed",
        "error": {"code": "rate_limit_exceeded", "message": "Please try again in 7s."}}}));
    vec![Step::StreamHead, Step::Chunk(failed), Step::KeepOpen]
}

/// That nothing is held, and that both filters run in one VM.
fn assert_clean(envoy: &Envoy) {
    for gauge in ["wasmcustom.imagegate_open_exchanges", "wasmcustom.imagegate_buffered_bytes"] {
        eventually(&format!("{gauge} is 0"), || envoy.metric(gauge) == Some(0));
    }
    assert!(!envoy.log().contains("does not run in the VM"), "two VMs");
}

#[test]
fn images_count_though_every_upstream_ends_uncleanly() {
    for bytes in [3000, 2_000_000] {
        let generations = [1, 2, 3].map(|seed| Generation::of_bytes(bytes, seed));
        let upstream =
            Upstream::scripts(generations.iter().map(|it| complete_then(it, &[Step::Close])));
        let envoy = setup(&upstream).start();
        assert_all(&send_promptly(&envoy, 3), &generations);
        assert_clean(&envoy);
    }
}

#[test]
fn one_unclean_end_costs_no_image() {
    let generations = [1, 2, 3].map(Generation::small);
    let gate = Gate::default();
    let mut scripts: Vec<_> = generations.iter().map(Step::generate).collect();
    scripts[0] = complete_then(&generations[0], &[Step::Close]);
    scripts[1].insert(1, Step::Wait(gate.clone()));
    scripts[2].insert(1, Step::Wait(gate.clone()));
    let upstream = Upstream::scripts(scripts);
    let envoy = setup(&upstream).start();
    let response = thread::scope(|scope| {
        let client = scope.spawn(|| send_promptly(&envoy, 3));
        upstream.wait_for(3);
        // The first has ended while the others still draw.
        thread::sleep(Duration::from_millis(300));
        gate.open();
        client.join().unwrap()
    });
    assert_all(&response, &generations);
    assert_clean(&envoy);
}

#[test]
fn a_connection_that_stays_open_is_not_waited_for() {
    let generations = [1, 2].map(Generation::small);
    let scripts = generations.iter().map(|it| complete_then(it, &[Step::KeepOpen]));
    let upstream = Upstream::scripts(scripts);
    let envoy = setup(&upstream).start();
    assert_all(&send_promptly(&envoy, 2), &generations);
    eventually("both connections are given up", || upstream.aborted() == 2);
    assert_clean(&envoy);
}

#[test]
fn a_failure_in_an_event_is_reported_at_once() {
    let upstream = Upstream::always(limited());
    let envoy = setup(&upstream).start();
    let response = send_promptly(&envoy, 2);
    response.assert_error(429, "rate_limit_exceeded");
    assert_eq!(response.header("retry-after").as_deref(), Some("7"));
    assert_clean(&envoy);
}

#[test]
fn after_a_failure_in_an_event_the_next_upstream_is_called_at_once() {
    let generation = Generation::small(1);
    let first = Upstream::always(limited());
    let second = Upstream::always(complete_then(&generation, &[Step::KeepOpen]));
    let envoy = Setup::production(first.port())
        .beside("second", second.port())
        .configure_struct(&with_second())
        .start();
    for n in [1, 2] {
        let expected = vec![generation.clone(); usize::try_from(n).unwrap()];
        assert_all(&send_promptly(&envoy, n), &expected);
    }
    assert_eq!(second.received().len(), 3);
    for request in second.received() {
        assert_eq!(request.header("host").as_deref(), Some("second.test"));
        let names = request.headers.iter().map(|(name, _)| name.as_str());
        let foreign: Vec<_> = names.filter(|it| is_foreign(it)).collect();
        assert!(foreign.is_empty(), "{foreign:?}");
    }
    assert_clean(&envoy);
}

/// Whether a header is between the filter and Envoy. The route that a test adds removes none.
fn is_foreign(name: &str) -> bool {
    name.starts_with("x-imagegate-")
        || name.starts_with("x-envoy-")
        || name.starts_with("x-forwarded-") && name != "x-forwarded-proto"
}

#[test]
fn an_error_whose_body_never_ends_is_reported_by_its_meaning() {
    let error = json!({"error": {"message": "m", "type": "requests", "param": null,
        "code": "rate_limit_exceeded"}});
    let headers =
        vec![("content-type", "application/json".to_owned()), ("retry-after", "7".to_owned())];
    let chunk = Step::Chunk(error.to_string().into_bytes());
    for end in [Step::KeepOpen, Step::Close] {
        let upstream = Upstream::always(vec![Step::Head(429, headers.clone()), chunk.clone(), end]);
        let envoy = setup(&upstream).start();
        let response = send_promptly(&envoy, 2);
        response.assert_error(429, "rate_limit_exceeded");
        assert_eq!(response.header("retry-after").as_deref(), Some("7"));
    }
}

#[test]
fn upstreams_that_break_in_the_middle_are_reported_and_spoil_nothing() {
    let generation = Generation::of_bytes(300_000, 1);
    let half = [generation.opening(), generation.image()[..100_000].to_vec()].concat();
    let broken = vec![Step::StreamHead, Step::Chunk(half), Step::Close];
    let upstream = Upstream::scripts([
        broken.clone(),
        broken.clone(),
        broken,
        vec![Step::Reset],
        Step::generate(&generation),
        Step::generate(&generation),
    ]);
    let envoy = setup(&upstream).start();
    send_promptly(&envoy, 2).assert_error(502, "upstream_disconnected");
    let response = send_promptly(&envoy, 4);
    assert_eq!(response.images().len(), 2);
    assert_eq!(response.header("x-imagegate-images-failed").as_deref(), Some("2"));
    assert_clean(&envoy);
}

#[test]
fn upstreams_that_cannot_be_reached_are_reported_as_such() {
    let config = with_second();
    let envoy = Setup::production(Upstream::closed_port())
        .beside("second", Upstream::closed_port())
        .configure_struct(&config)
        .start();
    for n in [1, 3] {
        send_promptly(&envoy, n).assert_error(502, "upstream_unreachable");
    }
    let log = envoy.access_log();
    let attempts: Vec<_> =
        log.iter().filter_map(|line| line["usage"]["attempts"].as_str()).collect();
    assert!(attempts.iter().all(|it| !it.contains("overloaded")), "{attempts:?}");
}

#[test]
fn the_upstreams_of_a_client_that_left_are_released() {
    let generation = Generation::of_bytes(1_000_000, 1);
    let half = [generation.opening(), generation.image()[..500_000].to_vec()].concat();
    for script in [
        vec![Step::KeepOpen],
        vec![Step::StreamHead, Step::KeepOpen],
        vec![Step::StreamHead, Step::Chunk(half), Step::KeepOpen],
    ] {
        let upstream = Upstream::always(script);
        let envoy = setup(&upstream).start();
        let request = Request::generation(&body(4));
        let mut connection = Connection::open(envoy.port());
        connection.write(&[request.head(), request.framed_body()].concat()).unwrap();
        upstream.wait_for(4);
        assert!(connection.is_silent_for(Duration::from_millis(200)));
        drop(connection);
        eventually("all upstreams see it", || upstream.aborted() == 4);
        assert_clean(&envoy);
    }
}

#[test]
fn large_images_pass_with_the_default_limit_of_side_calls() {
    // 33 MB of events for each call, and Envoy holds 32 MiB of a side call's answer.
    let mut generation = Generation::of_bytes(12_000_000, 1);
    generation.previews = 1;
    let upstream = Upstream::always(complete_then(&generation, &[Step::Close]));
    let envoy = setup(&upstream).start();
    assert_all(&send_promptly(&envoy, 2), &[generation.clone(), generation]);
    assert_clean(&envoy);
}

#[test]
fn all_workers_hand_images_over() {
    let generation = Generation::small(1);
    let upstream = Upstream::always(complete_then(&generation, &[Step::KeepOpen]));
    let envoy = setup(&upstream).workers(3).start();
    thread::scope(|scope| {
        for _ in 0..12 {
            scope.spawn(|| assert_all(&send_promptly(&envoy, 2), &vec![generation.clone(); 2]));
        }
    });
    assert_clean(&envoy);
}

#[test]
fn nobody_else_gets_through_the_loopback_filter() {
    let upstream = Upstream::unreached();
    // The mistakes that SECURITY.md warns of: its filter on a listener with a socket, and a route
    // that leads to its cluster.
    let outside = "internal_listener: {}\n";
    let socket = "address: { socket_address: { address: 127.0.0.1, port_value: 0 } }\n";
    let envoy = setup(&upstream).replace(outside, socket).start();
    let port = envoy.listener("imagegate_loopback");
    for headers in [
        vec![],
        vec![("x-imagegate-upstream", "codex")],
        vec![("x-imagegate-upstream", "codex"), ("x-imagegate-call", "2.0")],
    ] {
        let mut request = Request::generation(&body(1));
        for (name, value) in headers {
            request = request.header(name, value);
        }
        assert_eq!(request.send_on(&mut Connection::open(port)).status, 403);
    }
    let leads = "route: { cluster: imagegate_loopback }";
    let nowhere = "route: { cluster: nowhere, cluster_not_found_response_code: NOT_FOUND }";
    let routed = setup(&upstream).replace(nowhere, leads).beside_without_filter().start();
    for port in [routed.port(), routed.listener("without-filter")] {
        let request = Request::new("POST", "/elsewhere").header("x-imagegate-upstream", "codex");
        let request = request.header("x-imagegate-call", "2.0.0");
        assert_eq!(request.send_on(&mut Connection::open(port)).status, 403);
    }
    // The main listener takes none of these headers from a client.
    let request = Request::new("GET", "/elsewhere").header("x-imagegate-upstream", "codex");
    assert_eq!(request.header("x-imagegate-call", "2.0").send(&envoy).status, 404);
    assert!(upstream.received().is_empty());
}

#[test]
fn a_loopback_cluster_that_is_missing_is_the_gateways_fault() {
    let upstream = Upstream::unreached();
    let mut config = looped();
    config["loopback"]["cluster"] = json!("other");
    let envoy = Setup::production(upstream.port()).configure_struct(&config).start();
    send_promptly(&envoy, 2).assert_error(500, "gateway_misconfigured");
    assert!(envoy.log().contains("Envoy has no cluster `other`"));
}

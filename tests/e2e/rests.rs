//! Upstreams that rest, in a real Envoy: a rest that one worker learns of holds for all.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{
    Envoy, Generation, Received, Request, Setup, Step, Upstream, config, eventually,
};

const ACCOUNTS: [&str; 3] = ["codex-a", "codex-b", "codex-c"];

/// Three accounts of one backend; a request names the one that it is sent with.
fn document(model: &Value) -> Value {
    let mut document = config();
    for name in ACCOUNTS {
        let mut upstream = document["upstreams"]["codex"].clone();
        upstream["cluster"] = json!("codex");
        upstream["headers"]["x-account"] = json!(name);
        upstream["max_rest"] = json!("7d");
        document["upstreams"][name] = upstream;
    }
    document["models"] = json!([{"match": "*", "upstream": ACCOUNTS}]);
    for (key, value) in model.as_object().unwrap() {
        document["models"][0][key] = value.clone();
    }
    document
}

fn setup(upstream: &Upstream, model: &Value) -> Setup {
    Setup::new(upstream.port())
        .replace("string_match: { exact: codex }", "string_match: { prefix: codex }")
        .configure(&document(model))
}

fn account(request: &Received) -> String {
    request.header("x-account").unwrap()
}

fn limited(seconds: u64) -> Vec<Step> {
    let error = json!({"type": "usage_limit_reached", "message": "The usage limit has been reached",
        "plan_type": "plus", "resets_in_seconds": seconds});
    Step::json(429, &json!({ "error": error }))
}

/// Lets `clients` send one request after the other, this many each; the statuses.
fn load(envoy: &Envoy, clients: usize, requests: usize) -> Vec<u16> {
    let body = json!({"prompt": "a square", "model": "gpt-image-2"});
    thread::scope(|scope| {
        let client = || {
            let send = |_| Request::generation(&body).send(envoy).status;
            (0..requests).map(send).collect::<Vec<_>>()
        };
        let clients: Vec<_> = (0..clients).map(|_| scope.spawn(client)).collect();
        clients.into_iter().flat_map(|client| client.join().unwrap()).collect()
    })
}

fn calls(upstream: &Upstream, name: &str) -> usize {
    upstream.received().iter().filter(|it| account(it) == name).count()
}

fn gauge(envoy: &Envoy, name: &str) -> u64 {
    envoy.metric(&format!("wasmcustom.imagegate_upstream_{name}")).unwrap()
}

#[test]
fn one_exhausted_account_of_three_is_asked_once_by_all_workers() {
    let generation = Generation::small(1);
    let upstream = Upstream::choosing(move |request| match account(request).as_str() {
        "codex-b" => limited(600),
        _ => Step::generate(&generation),
    });
    let envoy = setup(&upstream, &json!({"balance": "round_robin"})).workers(4).start();
    // Each worker has its own turns, until one of them calls the exhausted account.
    eventually("it was asked", || {
        assert_eq!(load(&envoy, 1, 1), [200]);
        calls(&upstream, "codex-b") == 1
    });
    let statuses = load(&envoy, 16, 12);
    assert!(statuses.iter().all(|status| *status == 200), "{statuses:?}");
    assert_eq!(calls(&upstream, "codex-b"), 1);
    let shares = ["codex-a", "codex-c"].map(|name| calls(&upstream, name));
    assert!(shares.iter().all(|share| *share > 48), "{shares:?}");
    let rests = "wasmcustom.imagegate_rests_total.kind.rate_limit_exceeded.upstream.codex-b";
    assert_eq!(envoy.metric(rests), Some(1));
    // One number for the process, for any number of workers.
    eventually("the gauge shows the rest", || {
        (500..=600).contains(&gauge(&envoy, "rest_seconds.upstream.codex-b"))
    });
    assert_eq!(gauge(&envoy, "rest_seconds.upstream.codex-a"), 0);
}

#[test]
fn after_each_rest_one_request_asks() {
    let generation = Generation::small(1);
    let refusals = Arc::new(AtomicUsize::new(0));
    let of_upstream = Arc::clone(&refusals);
    let upstream = Upstream::choosing(move |request| {
        let is_limited = account(request) == "codex-a"
            && of_upstream
                .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |it| (it < 3).then_some(it + 1))
                .is_ok();
        match is_limited {
            true => limited(1),
            false => Step::generate(&generation),
        }
    });
    let envoy = setup(&upstream, &json!({})).workers(2).start();
    assert_eq!(load(&envoy, 1, 1), [200]);
    eventually("all rests are over", || {
        let statuses = load(&envoy, 8, 4);
        assert!(statuses.iter().all(|status| *status == 200), "{statuses:?}");
        refusals.load(Ordering::SeqCst) == 3 && calls(&upstream, "codex-a") > 20
    });
    let rests = "wasmcustom.imagegate_rests_total.kind.rate_limit_exceeded.upstream.codex-a";
    assert_eq!(envoy.metric(rests), Some(3), "each refusal began a rest, and so came alone");
    eventually("the gauge is 0", || gauge(&envoy, "rest_seconds.upstream.codex-a") == 0);
}

#[test]
fn if_all_rest_the_client_gets_its_error_at_once() {
    let upstream = Upstream::choosing(|request| match account(request).as_str() {
        "codex-a" => limited(471_285),
        "codex-b" => Step::json(401, &json!({"error": {"code": "token_expired"}})),
        _ => limited(90),
    });
    let envoy = setup(&upstream, &json!({"upstream": ["codex-a", "codex-c"]})).workers(2).start();
    let body = json!({"prompt": "a square", "model": "gpt-image-2"});
    let first = Request::generation(&body).send(&envoy);
    first.assert_error(429, "rate_limit_exceeded");
    let before = upstream.received().len();
    for _ in 0..4 {
        let reply = Request::generation(&body).send(&envoy);
        reply.assert_error(429, "rate_limit_exceeded");
        let wait: u64 = reply.header("retry-after").unwrap().parse().unwrap();
        assert!((80..=90).contains(&wait), "{wait}");
    }
    assert_eq!(upstream.received().len(), before, "nobody is asked");
}

#[test]
fn an_account_that_cannot_be_reached_rests() {
    let generation = Generation::small(1);
    let upstream = Upstream::generating(&generation);
    let mut document = document(&json!({"upstream": ["codex-a", "codex-b"]}));
    document["upstreams"]["codex-a"]["cluster"] = json!("gone");
    let gone = Upstream::closed_port();
    let yaml = "                        - match:\n                            prefix: \"/\"\n";
    let route = format!(
        "                        - match:\n                            prefix: \"/\"\n\x20                           \
         filter_state: [{{ key: wasm.imagegate_upstream, string_match: {{ exact: codex-a }} \
         }}]\n\x20                         route: {{ cluster: gone, timeout: 310s }}\n{yaml}"
    );
    let cluster = format!(
        "  clusters:\n    - name: gone\n      connect_timeout: 1s\n      load_assignment:\n        \
         cluster_name: gone\n        endpoints:\n\x20         - lb_endpoints: [{{ endpoint: {{ \
         address: {{ socket_address: {{ address: 127.0.0.1, port_value: {gone} }} }} }} }}]\n"
    );
    let envoy = Setup::new(upstream.port())
        .replace("string_match: { exact: codex }", "string_match: { prefix: codex-b }")
        .replace(yaml, &route)
        .replace("  clusters:\n", &cluster)
        .configure(&document)
        .start();
    let statuses = load(&envoy, 4, 10);
    assert!(statuses.iter().all(|status| *status == 200), "{statuses:?}");
    let tried = envoy.metric("cluster.gone.upstream_cx_connect_fail").unwrap();
    // Four at the start, and one after each rest of 1 s, 2 s, …
    assert!((1..=10).contains(&tried), "{tried}");
    let rests = "wasmcustom.imagegate_rests_total.kind.upstream_unreachable.upstream.codex-a";
    assert!(envoy.metric(rests).is_some());
}

/// A configuration without an upstream takes its gauges back.
#[test]
fn gauges_of_an_upstream_that_is_gone_are_0() {
    let generation = Generation::small(1);
    let upstream = Upstream::choosing(move |request| match account(request).as_str() {
        "codex-a" => limited(600),
        _ => Step::generate(&generation),
    });
    let envoy = setup(&upstream, &json!({})).discovered().start();
    assert_eq!(load(&envoy, 1, 1), [200]);
    eventually("the gauge shows the rest", || gauge(&envoy, "rest_seconds.upstream.codex-a") > 500);
    let mut next = document(&json!({"upstream": ["codex-b"]}));
    next["upstreams"].as_object_mut().unwrap().remove("codex-a");
    envoy.rediscover(&next);
    eventually("the gauge is 0", || {
        // A worker sets it when it has the new configuration.
        load(&envoy, 1, 1);
        thread::sleep(Duration::from_millis(50));
        gauge(&envoy, "rest_seconds.upstream.codex-a") == 0
    });
}

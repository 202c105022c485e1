//! Clients that do not read their answers, and as many requests as may be open.

use serde_json::{Value, json};

use crate::harness::http2::Http2;
use crate::harness::{
    Connection, Envoy, Generation, Key, Request, Setup, Upstream, config, eventually,
};

fn body(n: u32) -> Value {
    json!({"prompt": "a square", "model": "gpt-image-2", "size": "1024x1024", "n": n})
}

/// The configuration with a rule for each key.
fn limited(unit: &str, max: u32) -> Value {
    let mut config = config();
    config["limits"] = json!([{"name": "rule", "per": "key", "unit": unit, "max": max}]);
    config["max_buffered_bytes"] = json!("256MiB");
    config
}

fn gauge(envoy: &Envoy, name: &str) -> u64 {
    envoy.metric(&format!("wasmcustom.imagegate_{name}")).unwrap_or(0)
}

/// What a key holds under the rule.
fn reserved(envoy: &Envoy, key: &str) -> Value {
    let list = Request::new("GET", "/v1/images/limits").bearer(key).send(envoy).json();
    list["data"][0]["reserved"].clone()
}

#[test]
fn over_http2_an_unread_answer_stays_counted() {
    let generation = Generation { previews: 0, ..Generation::of_bytes(1_500_000, 1) };
    let answer = u64::try_from(generation.base64.len() * 10).unwrap();
    let upstream = Upstream::generating(&generation);
    let envoy = Envoy::with(upstream.port(), &limited("concurrent", 4));
    let mut unread = Vec::new();
    for open in 1..=4 {
        unread.push(Http2::generation_in_window(envoy.port(), &body(10), 65_535));
        eventually("the answer is with Envoy, and counts", || {
            let held = gauge(&envoy, "buffered_bytes");
            (answer * open..answer * open + 100_000).contains(&held)
        });
    }
    // The place in flight too, and the rule says so.
    let more = Http2::generation_in_window(envoy.port(), &body(10), 65_535).read_rest();
    assert!(String::from_utf8_lossy(&more.0).contains("rate_limit_exceeded"), "{more:?}");
    Request::generation(&body(1)).send(&envoy).assert_error(429, "rate_limit_exceeded");
    assert_eq!(reserved(&envoy, Key::WEB), 4);
    assert_eq!(gauge(&envoy, "open_exchanges"), 4);
    assert_eq!(upstream.received().len(), 40);
    // Other keys are served.
    let other = Request::generation(&body(1)).bearer(Key::NARROW).send(&envoy);
    assert!(other.image() == generation.base64, "the image differs");
    drop(unread);
    for name in ["open_exchanges", "buffered_bytes"] {
        eventually(&format!("{name} is 0"), || gauge(&envoy, name) == 0);
    }
    assert_eq!(reserved(&envoy, Key::WEB), 0);
    assert_eq!(Request::generation(&body(10)).send(&envoy).images().len(), 10);
}

#[test]
fn over_http1_a_client_that_reads_nothing_loses_its_connection() {
    let generation = Generation { previews: 0, ..Generation::of_bytes(3_000_000, 1) };
    let upstream = Upstream::generating(&generation);
    let envoy = Setup::production(upstream.port())
        .configure_struct(&limited("concurrent", 4))
        .replace("name: 18, int_value: 60000", "name: 18, int_value: 3000")
        .start();
    let buffered = || envoy.metric("http.images.downstream_cx_tx_bytes_buffered").unwrap_or(0);
    let request = Request::generation(&body(10));
    let mut connection = Connection::open(envoy.port());
    connection.write(&[request.head(), request.framed_body()].concat()).unwrap();
    eventually("the answer is with Envoy, unread", || buffered() > 10_000_000);
    // Envoy has ended the stream: no callback says when a connection's buffer is sent.
    eventually("the accounts are closed", || gauge(&envoy, "open_exchanges") == 0);
    assert_eq!((gauge(&envoy, "buffered_bytes"), reserved(&envoy, Key::WEB)), (0, json!(0)));
    // The socket's own time bounds it.
    eventually("the connection is closed", || buffered() < 1_000_000);
    // One that reads, however slowly, gets all of it.
    assert_eq!(request.send(&envoy).images().len(), 10);
}

#[test]
fn over_http1_unread_answers_do_not_shut_the_gate_for_good() {
    let generation = Generation { previews: 0, ..Generation::of_bytes(1_500_000, 1) };
    let upstream = Upstream::generating(&generation);
    let mut config = limited("concurrent", 1);
    config["request"] = json!({"max_n": 10});
    let envoy = Setup::production(upstream.port())
        .configure_struct(&config)
        .replace("max_heap_size_bytes: 4294967296", "max_heap_size_bytes: 268435456")
        .start();
    let metric = |name: &str| envoy.metric(name).unwrap_or(0);
    let buffered = || metric("http.images.downstream_cx_tx_bytes_buffered");
    let is_shut = || metric("overload.envoy.overload_actions.stop_accepting_requests.active") > 0;
    let request = Request::generation(&body(10));
    let mut unread = Vec::new();
    // One key, one request at a time, and its client reads none of the answers.
    while unread.len() < 24 && !is_shut() {
        let before = buffered();
        let mut connection = Connection::open(envoy.port());
        connection.write(&[request.head(), request.framed_body()].concat()).unwrap();
        unread.push(connection);
        eventually("the answer is with Envoy, unread, or the heap is full", || {
            buffered() > before + 10_000_000 || buffered() < before || is_shut()
        });
    }
    assert!(unread.len() > 4, "{} answers fill the heap", unread.len());
    eventually("Envoy closes the connections", || buffered() < 100_000_000);
    eventually("another key is served", || {
        let other = Request::generation(&body(1)).bearer(Key::NARROW);
        other.send(&envoy).status == 200
    });
}

/// What the documentation says of the part that the filter cannot count.
#[test]
fn in_a_large_window_of_http2_an_unread_answer_is_not_counted() {
    let generation = Generation { previews: 0, ..Generation::of_bytes(3_000_000, 1) };
    let upstream = Upstream::generating(&generation);
    let envoy = Envoy::with(upstream.port(), &limited("concurrent", 4));
    let buffered = || envoy.metric("http.images.downstream_cx_tx_bytes_buffered").unwrap_or(0);
    let unread = Http2::generation(envoy.port(), &body(10));
    eventually("the answer is with Envoy, unread", || buffered() > 10_000_000);
    eventually("the accounts are closed", || gauge(&envoy, "open_exchanges") == 0);
    assert_eq!((gauge(&envoy, "buffered_bytes"), reserved(&envoy, Key::WEB)), (0, json!(0)));
    drop(unread);
}

#[test]
fn the_request_that_is_one_too_many_is_rejected_before_its_body_is_read() {
    let generation = Generation::small(1);
    let upstream = Upstream::generating(&generation);
    let mut config = config();
    config["max_open_exchanges"] = json!(2);
    let envoy = Envoy::with(upstream.port(), &config);
    let request = Request::generation(&body(1));
    let opened = || {
        let mut connection = Connection::open(envoy.port());
        connection.write(&request.head()).unwrap();
        connection
    };
    let mut open = [opened(), opened()];
    eventually("both are open", || gauge(&envoy, "open_exchanges") == 2);
    eventually("the limit is shown", || gauge(&envoy, "max_open_exchanges") == 2);
    let rejected = opened().read();
    rejected.assert_error(503, "server_is_overloaded");
    assert!(rejected.header("retry-after").is_some());
    request.clone().bearer(Key::UNKNOWN).send(&envoy).assert_error(401, "invalid_api_key");
    open[0].write(&request.framed_body()).unwrap();
    assert_eq!(open[0].read().image(), generation.base64);
    eventually("one has ended", || gauge(&envoy, "open_exchanges") == 1);
    assert_eq!(request.send(&envoy).image(), generation.base64);
}

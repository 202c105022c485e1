//! Clients that do not wait for their answer.

use std::net::TcpStream;
use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::http2::Http2;
use crate::harness::{
    Connection, Envoy, Generation, Key, Request, Step, Upstream, config, eventually,
};

fn body() -> Value {
    json!({"prompt": "a square", "model": "gpt-image-2", "size": "1024x1024"})
}

fn assert_no_memory_is_held(envoy: &Envoy) {
    for gauge in ["wasmcustom.imagegate_open_exchanges", "wasmcustom.imagegate_buffered_bytes"] {
        assert!(envoy.metric(gauge).is_some(), "there is no {gauge}");
        eventually(&format!("{gauge} is 0"), || envoy.metric(gauge) == Some(0));
    }
}

fn open_exchanges(envoy: &Envoy) -> u64 {
    envoy.metric("wasmcustom.imagegate_open_exchanges").unwrap_or(0)
}

#[test]
fn a_client_may_leave_while_it_sends() {
    let upstream = Upstream::generating(&Generation::small(1));
    let envoy = Envoy::start(upstream.port());
    for _ in 0..5 {
        let request = Request::generation(&body()).body(vec![b' '; 10_000_000]);
        let mut connection = Connection::open(envoy.port());
        connection.write(&request.head()).unwrap();
        connection.write(&request.framed_body()[..4_000_000]).unwrap();
        eventually("the request is open", || open_exchanges(&envoy) == 1);
        drop(connection);
        assert_no_memory_is_held(&envoy);
    }
    assert!(upstream.received().is_empty());
    Request::generation(&body()).send(&envoy).images();
    assert_no_memory_is_held(&envoy);
}

#[test]
fn a_client_may_leave_while_it_waits() {
    let generation = Generation::of_bytes(3_000_000, 1);
    let half = [generation.opening(), generation.image()[..2_000_000].to_vec()].concat();
    let upstream = Upstream::scripts([
        vec![Step::KeepOpen],
        vec![Step::StreamHead, Step::KeepOpen],
        vec![Step::StreamHead, Step::Chunk(half), Step::KeepOpen],
        Step::generate(&generation),
    ]);
    let mut config = config();
    config["upstreams"]["codex"]["delivery"] = json!("hold");
    let envoy = Envoy::with(upstream.port(), &config);
    for turn in 1..=3 {
        let request = Request::generation(&body());
        let mut connection = Connection::open(envoy.port());
        connection.write(&[request.head(), request.framed_body()].concat()).unwrap();
        upstream.wait_for(turn);
        assert!(connection.is_silent_for(Duration::from_millis(200)));
        drop(connection);
        eventually("the upstream sees the client leave", || upstream.aborted() == turn);
        assert_no_memory_is_held(&envoy);
    }
    assert!(
        Request::generation(&body()).send(&envoy).image() == generation.base64,
        "the image differs"
    );
    assert_no_memory_is_held(&envoy);
}

#[test]
fn a_client_may_leave_while_it_is_answered() {
    let generation = Generation::of_bytes(16_000_000, 1);
    let upstream = Upstream::generating(&generation);
    let envoy = Envoy::start(upstream.port());
    for _ in 0..3 {
        let request = Request::generation(&body());
        let mut connection = Connection::open(envoy.port());
        connection.write(&[request.head(), request.framed_body()].concat()).unwrap();
        assert_eq!(connection.read_head().status, 200);
        drop(connection);
        assert_no_memory_is_held(&envoy);
    }
    assert!(
        Request::generation(&body()).send(&envoy).image() == generation.base64,
        "the image differs"
    );
}

#[test]
fn side_calls_may_outlive_their_client() {
    let generation = Generation::of_bytes(1_000_000, 1);
    let slow =
        [vec![Step::Pause(Duration::from_millis(700))], Step::generate(&generation)].concat();
    let upstream = Upstream::always(slow);
    let envoy = Envoy::start(upstream.port());
    let mut body = body();
    body["n"] = json!(4);
    let request = Request::generation(&body);
    let mut connection = Connection::open(envoy.port());
    connection.write(&[request.head(), request.framed_body()].concat()).unwrap();
    upstream.wait_for(4);
    drop(connection);
    assert_no_memory_is_held(&envoy);
    // The answers of its side calls come while another client's do.
    assert_eq!(Request::generation(&body).send(&envoy).images().len(), 4);
    assert_no_memory_is_held(&envoy);
}

#[test]
fn clients_that_declare_much_and_send_little_block_no_other_client() {
    let generation = Generation::of_bytes(3_000_000, 1);
    let upstream = Upstream::generating(&generation);
    let envoy = Envoy::start(upstream.port());
    let announced = Request::generation(&body()).body(vec![b' '; 32 * 1024 * 1024]).head();
    let silent: Vec<_> = (0..60)
        .map(|turn| {
            let mut connection = Connection::open(envoy.port());
            connection.write(&announced).unwrap();
            // Half of them say a word.
            connection.write(&b"{\"prompt\""[..turn % 2 * 9]).unwrap();
            connection
        })
        .collect();
    eventually("all of them are being read", || open_exchanges(&envoy) == 60);
    for _ in 0..3 {
        let mut body = body();
        body["n"] = json!(2);
        assert_eq!(Request::generation(&body).send(&envoy).images().len(), 2);
    }
    drop(silent);
    assert_no_memory_is_held(&envoy);
}

#[test]
fn clients_that_only_connect_do_no_harm() {
    let upstream = Upstream::generating(&Generation::small(1));
    let envoy = Envoy::start(upstream.port());
    let idle: Vec<_> =
        (0..50).map(|_| TcpStream::connect(("127.0.0.1", envoy.port())).unwrap()).collect();
    Request::generation(&body()).send(&envoy).images();
    drop(idle);
    assert_no_memory_is_held(&envoy);
}

/// One key leaves each request while its images are generated: the budget ends that.
#[test]
fn leave_and_draw_ends_at_the_budget() {
    let upstream = Upstream::always(vec![Step::StreamHead, Step::KeepOpen]);
    let mut config = config();
    config["prices"] = json!([{"model": "*", "usd": "0.211"}]);
    config["limits"] =
        json!([{"name": "pocket", "per": "key", "unit": "usd", "max": "2.00", "window": "day"}]);
    config["on_abandon"] = json!("charge");
    let envoy = Envoy::with(upstream.port(), &config);
    let mut body = body();
    body["n"] = json!(4);
    let request = Request::generation(&body);
    for turn in 1..=2 {
        let mut connection = Connection::open(envoy.port());
        connection.write(&[request.head(), request.framed_body()].concat()).unwrap();
        upstream.wait_for(turn * 4);
        drop(connection);
        assert_no_memory_is_held(&envoy);
    }
    request.send(&envoy).assert_error(429, "insufficient_quota");
    assert_eq!(upstream.received().len(), 8);
    let limits = Request::new("GET", "/v1/images/limits").bearer(Key::WEB).send(&envoy).json();
    assert_eq!(
        (&limits["data"][0]["used"], &limits["data"][0]["reserved"]),
        (&json!("1.688"), &json!("0"))
    );
    assert_eq!(envoy.metric("wasmcustom.imagegate_images_abandoned_total"), Some(8));
}

#[test]
fn a_client_that_ends_its_stream_without_an_error_pays_for_what_it_abandons() {
    let generation = Generation::of_bytes(300_000, 1);
    let half = [generation.opening(), generation.image()[..200_000].to_vec()].concat();
    let upstream = Upstream::always(vec![Step::StreamHead, Step::Chunk(half), Step::KeepOpen]);
    let mut config = config();
    config["on_abandon"] = json!("charge");
    let envoy = Envoy::with(upstream.port(), &config);
    let mut body = body();
    body["stream"] = json!(true);
    let mut client = Http2::generation(envoy.port(), &body);
    client.read_some(1);
    client.close_stream();
    assert_no_memory_is_held(&envoy);
    assert_eq!(envoy.metric("wasmcustom.imagegate_images_abandoned_total"), Some(1));
}

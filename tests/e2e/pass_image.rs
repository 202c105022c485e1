//! An image of a Codex upstream, which passes through to the client while it arrives.

use serde_json::{Value, json};

use crate::harness::http2::Http2;
use crate::harness::{
    Connection, Envoy, Gate, Generation, Request, Response, Setup, Step, Upstream, config,
    eventually,
};

/// A filter before the gate, which only sees answers that are no reply.
const MARKING: &str = "                  - name: envoy.filters.http.header_mutation
                    typed_config:
                      \"@type\": type.googleapis.com/envoy.extensions.filters.http.header_mutation.v3.HeaderMutation
                      mutations:
                        response_mutations:
                          - append: { header: { key: x-encoder-filter, value: seen } }
";
/// The gate in the chain of filters.
const GATE: &str = "                  - name: imagegate\n";
const BUFFERED: &str = "wasmcustom.imagegate_buffered_bytes";
const OPEN: &str = "wasmcustom.imagegate_open_exchanges";
const UNCLEAN: &str = "wasmcustom.imagegate_upstream_unclean_ends_total.upstream.codex";
const HOLD: &str = "wasmcustom.imagegate_upstream_hold_seconds.upstream.codex";

fn body() -> Value {
    json!({"prompt": "a square", "model": "gpt-image-2", "size": "1024x1024"})
}

fn send(envoy: &Envoy) -> Response {
    Request::generation(&body()).send(envoy)
}

/// A client that has sent its request, and not read anything.
fn open(envoy: &Envoy) -> Connection {
    let request = Request::generation(&body());
    let mut connection = Connection::open(envoy.port());
    connection.write(&[request.head(), request.framed_body()].concat()).unwrap();
    connection
}

/// The body up to its end, and whether it ended as it should.
fn read(connection: &mut Connection) -> (Vec<u8>, bool) {
    let mut body = Vec::new();
    loop {
        match connection.read_chunk() {
            Ok(Some(chunk)) => body.extend(chunk),
            Ok(None) => return (body, true),
            Err(_) => return (body, false),
        }
    }
}

#[test]
fn a_large_image_passes_while_it_comes_and_the_connection_of_the_upstream_stays() {
    let generation = Generation::of_bytes(12_000_000, 1);
    let gate = Gate::default();
    let stream = generation.stream();
    let (first, rest) = stream.split_at(generation.opening().len() + 4_000_000);
    let waiting = vec![
        Step::StreamHead,
        Step::Chunk(first.to_vec()),
        Step::Wait(gate.clone()),
        Step::Chunk(rest.to_vec()),
        Step::End,
    ];
    let upstream =
        Upstream::scripts([waiting, Step::generate(&generation), Step::generate(&generation)]);
    let setup = Setup::new(upstream.port());
    let envoy = setup.replace(GATE, &[MARKING, GATE].concat()).start();
    let mut client = open(&envoy);
    let head = client.read_head();
    let seen = head.header("x-encoder-filter");
    assert_eq!((head.status, seen.as_deref()), (200, Some("seen")));
    let mut got = Vec::new();
    while got.len() < 2_000_000 {
        got.extend(client.read_chunk().unwrap().unwrap());
    }
    assert!(envoy.metric(BUFFERED).unwrap_or(0) < 1_000_000, "the image is held");
    gate.open();
    let (more, ended) = read(&mut client);
    got.extend(more);
    assert!(ended);
    let answer: Value = serde_json::from_slice(&got).unwrap();
    assert_eq!(answer["data"][0]["b64_json"], generation.base64);
    assert_eq!(answer["size"], "1024x1024");
    assert!(answer["usage"]["output_tokens"].as_u64().unwrap() > 0);
    for _ in 0..2 {
        assert_eq!(send(&envoy).image(), generation.base64);
    }
    let closed = envoy.metric("cluster.codex.upstream_cx_destroy_local_with_active_rq");
    assert_eq!(closed.unwrap_or(0), 0, "a connection of the upstream was closed");
}

#[test]
fn a_client_that_does_not_read_holds_back_its_own_upstream_only() {
    let generation = Generation::of_bytes(24_000_000, 1);
    let upstream = Upstream::always(Step::generate(&generation));
    let envoy = Setup::new(upstream.port()).start();
    let before = envoy.rss_kib();
    let slow: Vec<_> = (0..8).map(|_| open(&envoy)).collect();
    eventually("all are answered", || envoy.metric("cluster.codex.upstream_rq_total") == Some(8));
    for _ in 0..2 {
        assert_eq!(send(&envoy).image().len(), generation.base64.len());
    }
    let grown = envoy.peak_rss_kib().saturating_sub(before);
    // Held whole, they would take 8 x 32 MB.
    assert!(grown < 150_000, "{grown} KiB for answers that nobody reads");
    for mut client in slow {
        client.read_head();
        let (body, ended) = read(&mut client);
        assert!(ended && body.len() > generation.base64.len());
    }
}

#[test]
fn an_answer_that_breaks_off_in_the_middle_is_broken_off() {
    let generation = Generation::of_bytes(2_000_000, 1);
    let half = [generation.opening(), generation.image()[..1_300_000].to_vec()].concat();
    let upstream = Upstream::scripts([]);
    let envoy = Envoy::start(upstream.port());
    for last in [Step::Close, Step::Reset, Step::End] {
        // A reset may overtake the bytes before it. Then the failure has its status.
        let overtakes = matches!(last, Step::Reset);
        upstream.push(vec![Step::StreamHead, Step::Chunk(half.clone()), last]);
        let mut client = open(&envoy);
        let status = client.read_any_head().map_or(0, |head| head.status);
        if overtakes && status != 200 {
            assert!([0, 502].contains(&status), "{status}");
            continue;
        }
        assert_eq!(status, 200);
        let (_, ended) = read(&mut client);
        assert!(!ended, "half an answer ends like a whole one");
    }
    assert_eq!(envoy.metric(UNCLEAN), None, "none was complete");
    eventually("nothing is held", || envoy.metric(BUFFERED).unwrap_or(0) == 0);
}

#[test]
fn after_a_complete_answer_that_breaks_off_answers_are_held_on_all_workers() {
    let generation = Generation::of_bytes(2_000_000, 1);
    let unclean = vec![Step::StreamHead, Step::Chunk(generation.stream()), Step::Close];
    let upstream = Upstream::always(unclean);
    let envoy = Setup::new(upstream.port()).start();
    let mut client = open(&envoy);
    assert_eq!(client.read_head().status, 200);
    let (body, ended) = read(&mut client);
    assert!(!ended && body.len() > 2_600_000);
    eventually("it is noticed", || envoy.metric(UNCLEAN) == Some(1));
    eventually("the gauge shows it", || envoy.metric(HOLD).unwrap_or(0) > 3500);
    for _ in 0..8 {
        // A reply of the filter, which the broken connection does not harm.
        let response = send(&envoy);
        assert_eq!(response.image(), generation.base64);
        assert!(response.header("content-length").is_some());
    }
    assert!(envoy.log().contains("it broke its response off"), "{}", envoy.log_end());
}

#[test]
fn a_client_that_ends_its_stream_without_an_error_has_left() {
    let generation = Generation::of_bytes(2_000_000, 1);
    let half = [generation.opening(), generation.image()[..1_000_000].to_vec()].concat();
    let upstream = Upstream::scripts(
        [half, generation.stream()]
            .map(|bytes| vec![Step::StreamHead, Step::Chunk(bytes), Step::KeepOpen]),
    );
    let envoy = Envoy::start(upstream.port());
    for bytes in [900_000, 2_600_000] {
        let mut client = Http2::generation(envoy.port(), &body());
        client.read_some(bytes);
        client.close_stream();
        eventually("nothing is open", || envoy.metric(OPEN) == Some(0));
    }
    // The image that was coming counts, and the upstream is not to blame for either end.
    assert_eq!(envoy.metric("wasmcustom.imagegate_images_delivered_total"), Some(2));
    assert_eq!(envoy.metric(UNCLEAN), None);
}

#[test]
fn a_small_answer_has_its_length_and_survives_an_upstream_that_does_not_end() {
    let generation = Generation::small(1);
    let upstream =
        Upstream::always(vec![Step::StreamHead, Step::Chunk(generation.stream()), Step::KeepOpen]);
    let envoy = Envoy::start(upstream.port());
    let response = send(&envoy);
    assert_eq!(response.image(), generation.base64);
    assert!(response.header("content-length").is_some());
}

#[test]
fn a_setting_of_hold_answers_with_the_last_event() {
    let generation = Generation::of_bytes(2_000_000, 1);
    let upstream =
        Upstream::always(vec![Step::StreamHead, Step::Chunk(generation.stream()), Step::KeepOpen]);
    let mut config = config();
    config["upstreams"]["codex"]["delivery"] = json!("hold");
    let envoy = Envoy::with(upstream.port(), &config);
    assert_eq!(send(&envoy).image(), generation.base64);
}

//! Answers of a provider that pass through as they come.

mod broken;
mod clients_leave;

use std::io;
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{
    Connection, Envoy, Gate, Key, Request, Response, SECRET_PROMPT, Setup, Step, Upstream, config,
    eventually,
};

const MIB: usize = 1024 * 1024;
/// The line of the examples without which Envoy holds no more than its default.
const LIMIT: &str = "                      request_body_buffer_limit: 67108864\n";
/// A head as providers send it.
const SECRETS: [(&str, &str); 6] = [
    ("set-cookie", "__cf_bm=secret"),
    ("openai-organization", "org-secret"),
    ("x-ratelimit-remaining-requests", "4999"),
    ("x-request-id", "req-provider"),
    ("via", "1.1 provider"),
    ("cf-ray", "ray-secret"),
];

/// The configuration of most cases, with its upstream a provider, and a price.
fn provider() -> Value {
    let mut config = config();
    config["upstreams"]["codex"] = json!({
        "api": "images", "authority": "provider.test", "edits": "json",
        "credential": {"key_env": "CODEX_ACCESS_TOKEN"}, "timeout": "60s"
    });
    config["models"] = json!([{"match": "*", "upstream": "codex"}]);
    config["prices"] = json!([{"model": "*", "usd": "0.25"}]);
    config["limits"] = json!([
        {"name": "budget", "per": "user", "unit": "usd", "max": "100", "window": "month"}
    ]);
    config
}

fn body(n: u32) -> Value {
    json!({"prompt": SECRET_PROMPT, "model": "gpt-image-2", "size": "1024x1024", "n": n})
}

/// A response with images of this many bytes of base64, all different.
fn answer(bytes: usize, n: usize) -> Vec<u8> {
    let image = |at: usize| char::from(b'A' + u8::try_from(at).unwrap()).to_string();
    let data: Vec<_> = (0..n).map(|at| json!({"b64_json": image(at).repeat(bytes)})).collect();
    let answer = json!({"created": 1, "data": data, "size": "1024x1024",
        "usage": {"input_tokens": 10,
        "input_tokens_details": {"image_tokens": 0, "text_tokens": 10}, "output_tokens": 196,
        "total_tokens": 206}});
    // Spaces and line ends are the provider's, too.
    [b"\n ", serde_json::to_string_pretty(&answer).unwrap().as_bytes(), b"\r\n"].concat()
}

fn headers() -> Vec<(&'static str, String)> {
    let secrets = SECRETS.map(|(name, value)| (name, value.to_owned()));
    [("content-type", "application/json; charset=utf-8".to_owned())]
        .into_iter()
        .chain(secrets)
        .collect()
}

fn head() -> Step {
    Step::Head(200, headers())
}

fn whole(bytes: Vec<u8>) -> Vec<Step> {
    vec![Step::Whole(200, headers(), bytes)]
}

/// A client that has sent its request and read the head of the answer.
fn send_request(envoy: &Envoy, n: u32) -> (Connection, Response) {
    let request = Request::generation(&body(n));
    let mut connection = Connection::open(envoy.port());
    connection.write(&[request.head(), request.framed_body()].concat()).unwrap();
    let head = connection.read_head();
    assert_eq!(head.status, 200);
    (connection, head)
}

/// The body up to its end, or up to the break.
fn read(connection: &mut Connection) -> (Vec<u8>, io::Result<()>) {
    let mut body = Vec::new();
    loop {
        match connection.read_chunk() {
            Ok(Some(chunk)) => body.extend(chunk),
            Ok(None) => return (body, Ok(())),
            Err(fault) => return (body, Err(fault)),
        }
    }
}

fn held(envoy: &Envoy) -> u64 {
    envoy.metric("wasmcustom.imagegate_buffered_bytes").unwrap_or(0)
}

fn vm_memory(envoy: &Envoy) -> u64 {
    envoy.metric("wasmcustom.imagegate_vm_memory_bytes").unwrap_or(0)
}

/// An Envoy whose access log has the usage records.
fn logging(upstream: &Upstream) -> Envoy {
    Setup::production(upstream.port()).configure_struct(&provider()).start()
}

#[test]
fn two_images_of_24_mib_pass_and_are_never_held() {
    let bytes = answer(24 * MIB, 2);
    let gate = Gate::default();
    let (first, rest) = bytes.split_at(40 * MIB);
    let script = vec![
        head(),
        Step::Chunk(first.to_vec()),
        Step::Wait(gate.clone()),
        Step::Chunk(rest.to_vec()),
        Step::End,
    ];
    let upstream = Upstream::always(script);
    // With the limits of the examples, and with Envoy's own of 1 MiB.
    for setup in [Setup::new(upstream.port()), Setup::new(upstream.port()).replace(LIMIT, "")] {
        let envoy = setup.configure(&provider()).start();
        let before = envoy.rss_kib();
        let (mut client, _) = send_request(&envoy, 2);
        let mut body = Vec::new();
        while body.len() < first.len() {
            body.extend(client.read_chunk().unwrap().unwrap());
            // What left beside the head counts until the stream ends.
            assert!(held(&envoy) < 3 * MIB as u64, "{} bytes are held", held(&envoy));
        }
        gate.open();
        let (end, whole) = read(&mut client);
        whole.unwrap();
        body.extend(end);
        assert!(body == bytes, "the answer differs");
        assert!(vm_memory(&envoy) < 16 * MIB as u64, "the VM grew to {}", vm_memory(&envoy));
        let grown = (envoy.peak_rss_kib() - before) / 1024;
        assert!(grown < 32, "Envoy grew by {grown} MiB");
        eventually("nothing is held", || held(&envoy) == 0);
    }
    assert!(upstream.received().iter().all(|it| it.json()["n"] == 2 && !it.is_side_call()));
}

#[test]
fn what_comes_before_an_image_may_be_longer_than_the_buffer() {
    let bytes = [vec![b' '; 200_000], answer(3 * MIB, 1)].concat();
    let script = vec![head(), Step::Pieces(bytes.clone(), 50_000), Step::End];
    let small = |setup: Setup| {
        setup.configure(&provider()).replace(
            "    - name: images\n      address:",
            "    - name: images\n      per_connection_buffer_limit_bytes: 32768\n      address:",
        )
    };
    let upstream = Upstream::scripts([script.clone(), whole(bytes.clone())]);
    let envoy = small(Setup::new(upstream.port())).start();
    for _ in 0..2 {
        let response = Request::generation(&body(1)).send(&envoy);
        assert!(response.status == 200 && response.body == bytes, "the answer differs");
    }
    // Without `request_body_buffer_limit`, which is not optional (README), a chunk above the buffer
    // may be more than Envoy holds before it calls the filter. Then the answer is Envoy's own, and
    // whole.
    let upstream = Upstream::scripts([script, whole(bytes.clone())]);
    let envoy = small(Setup::new(upstream.port()).replace(LIMIT, "")).start();
    for _ in 0..2 {
        let response = Request::generation(&body(1)).send(&envoy);
        match response.status {
            200 => assert!(response.body == bytes, "the answer differs"),
            _ => response.assert_error(500, "upstream_disconnected"),
        }
    }
}

#[test]
fn only_the_length_of_the_providers_head_reaches_the_client() {
    let bytes = answer(3 * MIB, 1);
    let script = [head(), Step::Pieces(bytes.clone(), 100_000), Step::End].to_vec();
    let upstream = Upstream::scripts([whole(bytes.clone()), script]);
    let envoy = Setup::new(upstream.port()).configure(&provider()).start();
    for has_length in [true, false] {
        let response = Request::generation(&body(1)).header("x-request-id", "mine").send(&envoy);
        assert!(response.status == 200 && response.body == bytes, "the answer differs");
        let length = has_length.then(|| bytes.len().to_string());
        assert_eq!(response.header("content-length"), length);
        let framing = if has_length { "content-length" } else { "transfer-encoding" };
        let mut names: Vec<_> = response.headers.iter().map(|(name, _)| name.as_str()).collect();
        names.sort_unstable();
        let mut expected = [
            "content-type",
            "date",
            "server",
            "x-ratelimit-limit-usd",
            "x-ratelimit-remaining-usd",
            "x-ratelimit-reset-usd",
            "x-request-id",
            framing,
        ];
        expected.sort_unstable();
        assert_eq!(names, expected);
        assert_eq!(response.header("content-type").as_deref(), Some("application/json"));
        assert_ne!(response.header("x-request-id").as_deref(), Some("req-provider"));
    }
}

#[test]
fn a_slow_client_slows_its_own_provider_only() {
    let (bytes, small) = (answer(20 * MIB, 3), answer(1_000, 1));
    let large = bytes.clone();
    let upstream = Upstream::choosing(move |request| match request.json()["n"].as_u64() {
        Some(_) => whole(large.clone()),
        None => whole(small.clone()),
    });
    let envoy = Setup::new(upstream.port()).configure(&provider()).start();
    let before = envoy.rss_kib();
    let (mut client, head) = send_request(&envoy, 3);
    // It does not read while others are served.
    for _ in 0..5 {
        Request::generation(&body(1)).send(&envoy).image();
        thread::sleep(Duration::from_millis(100));
    }
    assert!(held(&envoy) < 3 * MIB as u64, "{} bytes are held", held(&envoy));
    // Envoy's own buffer limit for a client, and as much again for its buffers.
    let grown = (envoy.rss_kib() - before) / 1024;
    assert!(grown < 32, "{grown} MiB are held for a client that does not read");
    assert!(client.read_body(&head) == bytes, "the answer differs");
}

#[test]
fn edits_pass_through_too_and_the_headers_of_rules_are_those_of_admission() {
    let bytes = answer(2 * MIB, 2);
    let upstream = Upstream::always(whole(bytes.clone()));
    let envoy = Setup::new(upstream.port()).configure(&provider()).start();
    let edit = json!({"prompt": "p", "model": "gpt-image-2", "n": 2,
        "images": [{"image_url": "data:image/png;base64,iVBORw0KGgo="}]});
    let request = Request::new("POST", "/v1/images/edits").bearer(Key::WEB).json(&edit);
    for remaining in ["99.5", "99"] {
        let response = request.send(&envoy);
        assert!(response.body == bytes, "the answer differs");
        assert_eq!(response.header("x-ratelimit-remaining-usd").as_deref(), Some(remaining));
    }
    let received = upstream.received();
    assert_eq!(received.len(), 2);
    assert!(received.iter().all(|it| it.path == "/v1/images/edits" && it.json()["n"] == 2));
}

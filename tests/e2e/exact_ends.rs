//! What a client has of an answer whose head left early is what it is charged, however the answer
//! ends.

use serde_json::{Value, json};

use crate::harness::{
    Connection, Envoy, Gate, Generation, Request, Setup, Step, Upstream, config, eventually,
};

/// What an image costs, in nano-dollars.
const PRICE: u64 = 250_000_000;

/// An Envoy whose access log has the usage records.
fn logging(upstream: &Upstream, entry: &Value) -> Envoy {
    let mut config = config();
    config["upstreams"]["codex"] = entry.clone();
    config["models"] = json!([{"match": "*", "upstream": "codex"}]);
    config["prices"] = json!([{"model": "*", "usd": "0.25"}]);
    Setup::production(upstream.port()).configure_struct(&config).start()
}

fn send(envoy: &Envoy, body: &Value) -> Connection {
    let request = Request::generation(body);
    let mut connection = Connection::open(envoy.port());
    connection.write(&[request.head(), request.framed_body()].concat()).unwrap();
    assert_eq!(connection.read_head().status, 200);
    connection
}

fn record(envoy: &Envoy, count: usize) -> Value {
    eventually("it is logged", || envoy.records().len() == count);
    let record = envoy.records().pop().unwrap();
    let images = record["images_delivered"].as_u64().unwrap();
    assert_eq!(record["settled_nanodollars"], images * PRICE, "{record}");
    record
}

/// Nine whole images and a half, with their preamble in the same chunk or in one before it.
#[test]
fn images_that_leave_whole_with_the_head_are_charged() {
    let entry = json!({"api": "images", "authority": "provider.test",
        "credential": {"key_env": "CODEX_ACCESS_TOKEN"}, "timeout": "60s"});
    let preamble = b"{\"created\":1,\"data\":[".to_vec();
    let image = format!("{{\"b64_json\":\"{}\"}},", "A".repeat(6_700)).into_bytes();
    let mut images = image.repeat(10);
    images.truncate(image.len() * 9 + image.len() / 2);
    let (upstream, mut count) = (Upstream::scripts([]), 0);
    let envoy = logging(&upstream, &entry);
    let body = json!({"prompt": "p", "model": "gpt-image-2", "size": "1024x1024", "n": 10});
    for is_apart in [false, true] {
        for leaves in [false, true] {
            let (opened, cut) = (Gate::default(), Gate::default());
            let start =
                vec![Step::Head(200, vec![("content-type", "application/json".to_owned())])];
            let parts = match is_apart {
                false => vec![Step::Chunk([preamble.clone(), images.clone()].concat())],
                true => vec![
                    Step::Chunk(preamble.clone()),
                    Step::Wait(opened.clone()),
                    Step::Chunk(images.clone()),
                ],
            };
            let end = vec![Step::Wait(cut.clone()), Step::Close];
            upstream.push([start, parts, end].concat());
            let request = Request::generation(&body);
            let mut client = Connection::open(envoy.port());
            client.write(&[request.head(), request.framed_body()].concat()).unwrap();
            if is_apart {
                opened.wait_for(1);
                opened.open();
            }
            assert_eq!(client.read_head().status, 200);
            let mut got = Vec::new();
            while got.len() < preamble.len() + image.len() * 9 {
                got.extend(client.read_chunk().unwrap().unwrap());
            }
            match leaves {
                true => drop(client),
                false => {
                    cut.open();
                    while let Ok(Some(_)) = client.read_chunk() {}
                }
            }
            count += 1;
            let record = record(&envoy, count);
            // The image that was coming counts if the client leaves.
            let paid = if leaves { 10 } else { 9 };
            assert_eq!(record["images_delivered"], paid, "{is_apart} {leaves} {record}");
            cut.open();
        }
    }
}

/// Envoy cannot end a response whose head has left: it waits until the timeout, and 5 s more.
#[test]
fn a_stream_whose_upstream_lingers_has_its_image_and_is_recorded_as_broken() {
    let mut entry = config()["upstreams"]["codex"].clone();
    entry["timeout"] = json!("4s");
    let generation = Generation::of_bytes(300_000, 1);
    let stream = generation.stream();
    let middle = generation.opening().len() + 100_000;
    let upstream = Upstream::scripts([]);
    let envoy = logging(&upstream, &entry);
    let body = json!({"prompt": "p", "model": "gpt-image-2", "size": "1024x1024", "stream": true});
    for (count, leaves) in [(1, true), (2, false)] {
        let gate = Gate::default();
        upstream.push(vec![
            Step::StreamHead,
            Step::Chunk(stream[..middle].to_vec()),
            Step::Wait(gate.clone()),
            Step::Chunk(stream[middle..].to_vec()),
            Step::KeepOpen,
        ]);
        let mut client = send(&envoy, &body);
        gate.open();
        let mut got = Vec::new();
        while !got.ends_with(b"}\n\n") {
            got.extend(client.read_chunk().unwrap().unwrap());
        }
        let text = String::from_utf8(got).unwrap();
        assert!(text.contains("event: image_generation.completed"), "{text:.200}");
        let code = match leaves {
            true => {
                drop(client);
                Value::Null
            }
            false => {
                assert!(client.read_chunk().is_err(), "the stream ends well");
                json!("upstream_timeout")
            }
        };
        let record = record(&envoy, count);
        assert_eq!((&record["code"], &record["images_delivered"]), (&code, &json!(1)), "{record}");
        assert_eq!(record["status"], 200);
    }
}

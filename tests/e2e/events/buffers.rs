//! The ways in which Envoy and its clients may cut a stream into pieces.

use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use super::reader::Events;
use super::{COMPLETED, PREVIEW, asking, assert_no_memory_is_held, without_previews};
use crate::harness::sse::Output;
use crate::harness::{Connection, Envoy, Generation, Key, Setup, Sim, Step, Upstream};

const LIMIT: &str = "                      request_body_buffer_limit: 67108864\n";
const WITHOUT_LIMIT_IN_LARGE_CHUNKS: &str = "at the limits of Envoy, in large chunks";

/// The ways in which Envoy may be set up to hand over bytes.
fn setups(port: u16) -> [(&'static str, Setup); 4] {
    let large = |setup: Setup| {
        let key = "connect_timeout: 5s\n";
        setup.replace(key, &format!("{key}      per_connection_buffer_limit_bytes: 67108864\n"))
    };
    [
        ("as shipped", Setup::new(port)),
        ("as shipped, in large chunks", large(Setup::new(port))),
        ("at the limits of Envoy", Setup::new(port).replace(LIMIT, "")),
        (WITHOUT_LIMIT_IN_LARGE_CHUNKS, large(Setup::new(port).replace(LIMIT, ""))),
    ]
}

#[test]
fn images_of_the_largest_size_pass_however_they_come() {
    let generation = Generation::of_bytes(24 * 1024 * 1024, 1);
    let opening = without_previews(&generation);
    let rest = [generation.preview(0), generation.image(), generation.completed(Output::Repeated)]
        .concat();
    let all = [opening.clone(), rest.clone()].concat();
    let upstream = Upstream::scripts([]);
    for (case, setup) in setups(upstream.port()) {
        let envoy = setup.start();
        for script in [
            vec![Step::StreamHead, Step::Chunk(all.clone()), Step::End],
            vec![
                Step::StreamHead,
                Step::Chunk(opening.clone()),
                Step::Pieces(rest.clone(), 1 << 20),
                Step::End,
            ],
        ] {
            upstream.push(script);
            let mut connection = Connection::open(envoy.port());
            let request = asking(1);
            connection.write(&[request.head(), request.framed_body()].concat()).unwrap();
            let head = connection.read_head();
            // Without `request_body_buffer_limit`, which is not optional (README), a chunk above 1
            // MiB may be more than Envoy holds before it calls the filter: then Envoy's own answer,
            // or the whole image.
            if case == WITHOUT_LIMIT_IN_LARGE_CHUNKS && head.status == 500 {
                let kind = head.header("content-type");
                assert_eq!(kind.as_deref(), Some("application/json"), "{case}");
                continue;
            }
            let mut events = Events::opened(connection, &head);
            let (_, preview) = events.expect(PREVIEW);
            assert_eq!(preview.len(), generation.base64.len(), "{case}");
            let (_, image) = events.expect(COMPLETED);
            assert!(image == generation.base64, "{case}: the image differs");
            assert!(events.next().unwrap().is_none());
        }
        assert_no_memory_is_held(&envoy);
    }
}

#[test]
fn a_preview_may_come_in_one_piece_that_is_longer_than_the_buffer_limit() {
    let generation = Generation::of_bytes(3_000_000, 1);
    let upstream = Upstream::scripts([]);
    for (case, setup) in setups(upstream.port()) {
        let envoy = setup.start();
        for _ in 0..3 {
            upstream.push(vec![
                Step::StreamHead,
                Step::Chunk([without_previews(&generation), generation.preview(0)].concat()),
                Step::Pause(Duration::from_millis(200)),
                Step::Chunk([generation.image(), generation.completed(Output::Empty)].concat()),
                Step::End,
            ]);
            let mut events = Events::of(&envoy, &asking(1));
            assert_eq!(events.expect(PREVIEW).1.len(), generation.base64.len(), "{case}");
            assert!(events.expect(COMPLETED).1 == generation.base64, "{case}: the image differs");
            assert!(events.next().unwrap().is_none());
        }
        assert_no_memory_is_held(&envoy);
    }
}

#[test]
fn a_listener_with_a_small_buffer_serves_streams_too() {
    let upstream = Upstream::scripts([]);
    // What Envoy's guide recommends at an edge; the cluster's chunks stay as large as they are.
    let listener = "    - name: images\n      address:";
    let small =
        "    - name: images\n      per_connection_buffer_limit_bytes: 32768\n      address:";
    for setup in [
        Setup::new(upstream.port()).replace(LIMIT, "").replace(listener, small),
        Setup::new(upstream.port()).replace(listener, small),
    ] {
        let envoy = setup.start();
        for size in [3_000, 20_000, 24_000, 30_000, 60_000, 300_000, 700_000] {
            let generation = Generation::of_bytes(size, 1);
            let preview = [without_previews(&generation), generation.preview(0)].concat();
            let rest = [generation.image(), generation.completed(Output::Empty)].concat();
            upstream.push(vec![
                Step::StreamHead,
                Step::Chunk(preview),
                Step::Pause(Duration::from_millis(100)),
                Step::Chunk(rest),
                Step::End,
            ]);
            let response = asking(1).send(&envoy);
            assert_eq!(response.status, 200, "{size}");
            let text = String::from_utf8(response.body).unwrap();
            assert_eq!(text.matches("event: ").count(), 2, "{size}");
            assert!(text.contains(&generation.base64), "{size}: the image is missing");
        }
    }
}

#[test]
fn a_stream_may_come_in_one_piece() {
    let upstream = Upstream::scripts([]);
    for (case, setup) in setups(upstream.port()) {
        let envoy = setup.start();
        for (previews, size) in [(0, 3_000), (1, 3_000), (1, 200_000), (0, 350_000)] {
            let generation = Generation { previews: 1, ..Generation::of_bytes(size, 1) };
            upstream.push(vec![Step::Whole(
                200,
                vec![
                    ("content-type", "text/event-stream".to_owned()),
                    ("set-cookie", "a=b".to_owned()),
                ],
                generation.stream(),
            )]);
            let response = asking(previews).send(&envoy);
            assert_eq!(response.status, 200, "{case}");
            let text = String::from_utf8(response.body).unwrap();
            assert_eq!(text.matches("event: ").count(), usize::try_from(previews).unwrap() + 1);
            assert!(text.contains(&generation.base64), "{case}: the image is missing");
        }
    }
}

/// The events that a client gets which speaks HTTP/2: each one's type and the length of its image.
fn over_http2(envoy: &Envoy, prompt: &str, previews: u32) -> Vec<(String, usize)> {
    let body = json!({"prompt": prompt, "model": "gpt-image-2", "size": "1024x1024", "stream": true,
        "partial_images": previews});
    let output = Command::new("curl")
        .args(["--http2-prior-knowledge", "--silent", "--show-error", "--max-time", "100"])
        .args(["--header", &format!("authorization: Bearer {}", Key::WEB)])
        .args(["--header", "content-type: application/json", "--data", &body.to_string()])
        .args(["--write-out", ": %{http_version} %{http_code}\n\n"])
        .arg(format!("http://127.0.0.1:{}/v1/images/generations", envoy.port()))
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let (events, last) = text.trim_end().rsplit_once("\n\n").unwrap();
    assert_eq!(last, ": 2 200");
    let data = events.split("\n\n").filter_map(|event| event.split_once("\ndata: "));
    data.map(|(_, data)| {
        let data: Value = serde_json::from_str(data).unwrap();
        let image = data["b64_json"].as_str().unwrap_or_default().len();
        (data["type"].as_str().unwrap().to_owned(), image)
    })
    .collect()
}

#[test]
fn events_cross_http2_on_either_side() {
    let generation = Generation::of_bytes(24 * 1024 * 1024, 1);
    let upstream = Upstream::generating(&generation);
    for (case, setup) in setups(upstream.port()) {
        let envoy = setup.start();
        let events = over_http2(&envoy, "a square", 1);
        let length = generation.base64.len();
        let wanted = [(PREVIEW.to_owned(), length), (COMPLETED.to_owned(), length)];
        assert_eq!(events, wanted, "{case}");
        assert_no_memory_is_held(&envoy);
    }
    let sim = Sim::start();
    let http2 = "http2_protocol_options: {}";
    for setup in [Setup::new(sim.port()), Setup::new(sim.port()).replace(LIMIT, "")] {
        let envoy = setup.upstream_protocol(http2).start();
        for prompt in ["a lighthouse", "a lighthouse [[sim:bytes=24MB]]"] {
            let events = over_http2(&envoy, prompt, 2);
            let names: Vec<_> = events.iter().map(|(name, _)| name.as_str()).collect();
            assert_eq!(names, [PREVIEW, PREVIEW, COMPLETED], "{prompt}");
        }
        let names: Vec<_> = over_http2(&envoy, "a [[sim:end_mid_image]]", 1);
        assert_eq!(names.last().unwrap().0, "error", "{names:?}");
        assert_no_memory_is_held(&envoy);
    }
}

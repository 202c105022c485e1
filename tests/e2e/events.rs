//! Clients that stream: events as the bytes arrive, in the real order of things.

use std::io;
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::sse::Output;
use crate::harness::{
    Connection, Envoy, Gate, Generation, Key, Request, Response, Setup, Sim, Step, Upstream,
    config, eventually,
};

const LIMIT: &str = "                      request_body_buffer_limit: 67108864\n";

fn asking(previews: u32) -> Request {
    Request::generation(&json!({"prompt": "a square", "model": "gpt-image-2", "size": "1024x1024",
        "stream": true, "partial_images": previews}))
}

/// A response that is read event by event.
struct Events {
    connection: Connection,
    unread: Vec<u8>,
    /// This many of the unread bytes hold no end of an event.
    searched: usize,
}

impl Events {
    /// Sends the request, and reads the head of a stream.
    #[track_caller]
    fn of(envoy: &Envoy, request: &Request) -> Self {
        let mut connection = Connection::open(envoy.port());
        connection.write(&[request.head(), request.framed_body()].concat()).unwrap();
        Self::open(connection)
    }

    #[track_caller]
    fn open(mut connection: Connection) -> Self {
        let head = connection.read_head();
        Self::opened(connection, &head)
    }

    #[track_caller]
    fn opened(connection: Connection, head: &Response) -> Self {
        assert_eq!(head.status, 200);
        let kind = head.header("content-type");
        assert_eq!(kind.as_deref(), Some("text/event-stream; charset=utf-8"));
        assert!(head.header("x-request-id").is_some());
        for name in ["set-cookie", "x-codex-plan"] {
            assert_eq!(head.header(name), None, "{name}");
        }
        Self { connection, unread: Vec::new(), searched: 0 }
    }

    /// The next event, its data without the image, and the image. `None` at the end of the stream.
    fn next(&mut self) -> io::Result<Option<(Value, String)>> {
        loop {
            if let Some(end) = memchr::memmem::find(&self.unread[self.searched..], b"\n\n") {
                let rest = self.unread.split_off(self.searched + end + 2);
                let event = String::from_utf8(std::mem::replace(&mut self.unread, rest)).unwrap();
                self.searched = 0;
                if event.starts_with(": ") {
                    continue;
                }
                let (name, data) = event.trim_end().split_once('\n').unwrap();
                let mut data: Value =
                    serde_json::from_str(data.strip_prefix("data: ").unwrap()).unwrap();
                assert_eq!(name.strip_prefix("event: "), data["type"].as_str());
                let image = data["b64_json"].take().as_str().unwrap_or_default().to_owned();
                return Ok(Some((data, image)));
            }
            match self.connection.read_chunk()? {
                Some(chunk) => {
                    self.searched = self.unread.len().saturating_sub(1);
                    self.unread.extend(chunk);
                }
                None => {
                    assert!(self.unread.is_empty(), "an event is cut");
                    return Ok(None);
                }
            }
        }
    }

    #[track_caller]
    fn expect(&mut self, kind: &str) -> (Value, String) {
        let (data, image) = self.next().unwrap().expect("an event comes");
        assert_eq!(data["type"], kind, "{data}");
        (data, image)
    }
}

const PREVIEW: &str = "image_generation.partial_image";
const COMPLETED: &str = "image_generation.completed";

fn assert_no_memory_is_held(envoy: &Envoy) {
    for gauge in ["wasmcustom.imagegate_open_exchanges", "wasmcustom.imagegate_buffered_bytes"] {
        eventually(&format!("{gauge} is 0"), || envoy.metric(gauge) == Some(0));
    }
}

fn without_previews(generation: &Generation) -> Vec<u8> {
    Generation { previews: 0, ..generation.clone() }.opening()
}

#[test]
fn an_event_does_not_wait_for_what_follows_it() {
    for bytes in [3_000, 700_000, 3_000_000] {
        let generation = Generation::of_bytes(bytes, 1);
        let gates = [Gate::default(), Gate::default(), Gate::default()];
        let upstream = Upstream::always(vec![
            Step::StreamHead,
            Step::Chunk(without_previews(&generation)),
            Step::Chunk(generation.preview(0)),
            Step::Wait(gates[0].clone()),
            Step::Chunk(generation.preview(1)),
            Step::Wait(gates[1].clone()),
            Step::Chunk([generation.image(), generation.completed(Output::Empty)].concat()),
            Step::Wait(gates[2].clone()),
            Step::End,
        ]);
        let envoy = Envoy::start(upstream.port());
        let mut events = Events::of(&envoy, &asking(2));
        for (index, gate) in gates.iter().take(2).enumerate() {
            let (data, image) = events.expect(PREVIEW);
            assert_eq!(
                (&data["partial_image_index"], image.len()),
                (&json!(index), generation.base64.len())
            );
            gate.open();
        }
        let (data, image) = events.expect(COMPLETED);
        assert!(image == generation.base64, "the image differs");
        assert_eq!(data["usage"]["output_tokens"], 196);
        gates[2].open();
        assert!(events.next().unwrap().is_none());
        assert_no_memory_is_held(&envoy);
    }
}

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

#[test]
fn a_failure_keeps_its_status_until_an_image_has_begun() {
    let generation = Generation::of_bytes(2_000_000, 1);
    let refused = json!({"error": {"code": "moderation_blocked",
        "type": "image_generation_user_error",
        "message": "m", "param": null}});
    let failed =
        b"event: response.failed\ndata: \
          {\"type\":\"response.failed\",\"response\":{\"error\":{\"code\":\"server_error\",\"message\":\"m\"}}}\n\n";
    let opening = Step::Chunk(without_previews(&generation));
    let preview = Step::Chunk(generation.preview(0));
    let upstream = Upstream::scripts([
        Step::json(400, &refused),
        vec![Step::StreamHead, opening.clone(), Step::Chunk(failed.to_vec()), Step::End],
        vec![Step::StreamHead, opening.clone(), Step::End],
        vec![Step::Close],
        vec![
            Step::StreamHead,
            opening.clone(),
            preview.clone(),
            Step::Chunk(failed.to_vec()),
            Step::End,
        ],
        vec![Step::StreamHead, opening.clone(), preview.clone(), Step::End],
        vec![Step::StreamHead, opening, preview, Step::Chunk(generation.image()), Step::End],
        vec![Step::Head(200, Vec::new()), Step::End],
    ]);
    let envoy = Envoy::start(upstream.port());
    asking(1).send(&envoy).assert_error(400, "moderation_blocked");
    asking(1).send(&envoy).assert_error(502, "upstream_error");
    asking(1).send(&envoy).assert_error(502, "upstream_disconnected");
    asking(1).send(&envoy).assert_error(502, "upstream_unreachable");
    for code in ["upstream_error", "upstream_disconnected", "upstream_disconnected"] {
        let mut events = Events::of(&envoy, &asking(1));
        events.expect(PREVIEW);
        let (data, _) = events.expect("error");
        assert_eq!(data["error"]["code"], code);
        assert!(events.next().unwrap().is_none());
    }
    asking(1).send(&envoy).assert_error(502, "upstream_disconnected");
    assert_no_memory_is_held(&envoy);
}

#[test]
fn a_connection_that_breaks_breaks_the_stream_and_costs_nothing() {
    let generation = Generation::of_bytes(2_000_000, 1);
    let opening = [without_previews(&generation), generation.preview(0)].concat();
    let trailers = Step::Bytes(b"0\r\nx-checksum: 1\r\n\r\n".to_vec());
    let upstream = Upstream::scripts([]);
    let envoy = Setup::new(upstream.port())
        .upstream_protocol("http_protocol_options: { enable_trailers: true }")
        .start();
    for end in [Step::Close, Step::Reset, trailers.clone()] {
        upstream.push(vec![
            Step::StreamHead,
            Step::Chunk(opening.clone()),
            Step::Chunk(b": x\n\n".to_vec()),
            Step::Pause(Duration::from_millis(300)),
            end,
        ]);
        let mut events = Events::of(&envoy, &asking(1));
        events.expect(PREVIEW);
        // It does not end as a whole body does, which an HTTP client reports to its reader.
        let fault = events.next().unwrap_err();
        assert!(
            [io::ErrorKind::UnexpectedEof, io::ErrorKind::ConnectionReset].contains(&fault.kind()),
            "{fault}"
        );
    }
    // Trailers after the last event do no harm.
    upstream.push(vec![Step::StreamHead, Step::Chunk(generation.stream()), trailers.clone()]);
    let mut events = Events::of(&envoy, &asking(0));
    assert!(events.expect(COMPLETED).1 == generation.base64);
    assert!(events.next().unwrap().is_none());
    // Nor do they if no event has been sent.
    upstream.push(vec![Step::StreamHead, trailers]);
    asking(1).send(&envoy).assert_error(502, "upstream_disconnected");
    assert_no_memory_is_held(&envoy);
}

#[test]
fn each_end_of_a_stream_is_recorded_and_only_an_image_is_charged() {
    let generation = Generation::of_bytes(2_000_000, 1);
    let opening = [without_previews(&generation), generation.preview(0)].concat();
    let upstream = Upstream::scripts([]);
    let mut config = config();
    config["prices"] = json!([{"model": "*", "usd": "0.2"}]);
    config["upstreams"]["codex"]["timeout"] = json!("2s");
    let envoy = Setup::production(upstream.port()).configure_struct(&config).start();
    let mut expected = Vec::new();
    let mut check = |code: Value, settled: u64| {
        expected.push((code, settled));
        eventually("the record is written", || envoy.records().len() == expected.len());
        let records = envoy.records();
        let record = records.last().unwrap();
        let (code, settled) = expected.last().unwrap();
        assert_eq!(
            (&record["code"], &record["settled_nanodollars"]),
            (code, &json!(settled)),
            "{record}"
        );
        assert_eq!(
            (&record["streamed"], &record["status"]),
            (&json!(true), &json!(200)),
            "{record}"
        );
    };
    // All is well.
    upstream.push(Step::generate(&generation));
    let mut events = Events::of(&envoy, &asking(0));
    events.expect(COMPLETED);
    assert!(events.next().unwrap().is_none());
    check(Value::Null, 200_000_000);
    // The client leaves.
    upstream.push(vec![Step::StreamHead, Step::Chunk(opening.clone()), Step::KeepOpen]);
    let mut events = Events::of(&envoy, &asking(1));
    events.expect(PREVIEW);
    drop(events);
    eventually("the upstream sees the client leave", || upstream.aborted() == 1);
    check(json!("client_closed_request"), 0);
    // The upstream breaks off.
    upstream.push(vec![
        Step::StreamHead,
        Step::Chunk(opening.clone()),
        Step::Pause(Duration::from_millis(300)),
        Step::Close,
    ]);
    let mut events = Events::of(&envoy, &asking(1));
    events.expect(PREVIEW);
    events.next().unwrap_err();
    check(json!("upstream_disconnected"), 0);
    // It takes too long, and then says something.
    upstream.push(vec![
        Step::StreamHead,
        Step::Chunk(opening.clone()),
        Step::Pause(Duration::from_secs(3)),
        Step::Chunk([generation.image(), generation.completed(Output::Empty)].concat()),
        Step::End,
    ]);
    let mut events = Events::of(&envoy, &asking(1));
    events.expect(PREVIEW);
    assert_eq!(events.expect("error").0["error"]["code"], "upstream_timeout");
    assert!(events.next().unwrap().is_none());
    check(json!("upstream_timeout"), 0);
    // It sends nothing more: Envoy resets the stream.
    upstream.push(vec![Step::StreamHead, Step::Chunk(opening), Step::KeepOpen]);
    let mut events = Events::of(&envoy, &asking(1));
    events.expect(PREVIEW);
    events.next().unwrap_err();
    check(json!("upstream_timeout"), 0);
    assert_no_memory_is_held(&envoy);
}

#[test]
fn a_client_that_reads_slowly_slows_the_upstream_and_fills_no_memory() {
    let generation = Generation::of_bytes(12_000_000, 1);
    let base64 = u64::try_from(generation.base64.len()).unwrap();
    let previews: Vec<u8> = (0..3).flat_map(|index| generation.preview(index)).collect();
    let last = [generation.image(), generation.completed(Output::Empty)].concat();
    let upstream = Upstream::always(vec![
        Step::StreamHead,
        Step::Chunk(without_previews(&generation)),
        Step::Pieces(previews, 1 << 20),
        Step::Pieces(last, 1 << 20),
        Step::End,
    ]);
    let envoy = Envoy::start(upstream.port());
    let request = asking(3);
    let clients: Vec<_> = (0..4)
        .map(|_| {
            let mut connection = Connection::open(envoy.port());
            connection.write(&[request.head(), request.framed_body()].concat()).unwrap();
            connection
        })
        .collect();
    let held = || envoy.metric("wasmcustom.imagegate_buffered_bytes").unwrap_or(0);
    upstream.wait_for(4);
    // One image each has its room, and one preview each may be on its way.
    for _ in 0..20 {
        assert!(held() <= 4 * 2 * (base64 + (1 << 20)), "{} bytes are held", held());
        std::thread::sleep(Duration::from_millis(50));
    }
    for connection in clients {
        let mut events = Events::open(connection);
        for _ in 0..3 {
            events.expect(PREVIEW);
        }
        assert!(events.expect(COMPLETED).1 == generation.base64, "the image differs");
        assert!(events.next().unwrap().is_none());
    }
    assert_no_memory_is_held(&envoy);
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

//! Streams that fail, and what they cost.

use std::io;
use std::time::Duration;

use serde_json::{Value, json};

use super::reader::Events;
use super::{COMPLETED, PREVIEW, asking, assert_no_memory_is_held, without_previews};
use crate::harness::sse::Output;
use crate::harness::{Envoy, Generation, Setup, Step, Upstream, config, eventually};

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
    asking(1).send(&envoy).assert_error(502, "upstream_disconnected");
    for code in ["upstream_error", "upstream_disconnected"] {
        let mut events = Events::of(&envoy, &asking(1));
        events.expect(PREVIEW);
        let (data, _) = events.expect("error");
        assert_eq!(data["error"]["code"], code);
        assert!(events.next().unwrap().is_none());
    }
    // An image that is whole needs no event after it.
    let mut events = Events::of(&envoy, &asking(1));
    events.expect(PREVIEW);
    assert!(events.expect(COMPLETED).1 == generation.base64);
    assert!(events.next().unwrap().is_none());
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

/// An Envoy whose access log has the usage records, with a price for each image and an upstream that
/// may take 2 s.
fn logging(upstream: &Upstream) -> Envoy {
    let mut config = config();
    config["prices"] = json!([{"model": "*", "usd": "0.2"}]);
    config["upstreams"]["codex"]["timeout"] = json!("2s");
    Setup::production(upstream.port()).configure_struct(&config).start()
}

/// Asserts that the record of exchange `place` has this code, and charges this much.
#[track_caller]
fn assert_recorded(envoy: &Envoy, place: usize, code: &Value, settled: u64) {
    eventually("the record is written", || envoy.records().len() == place);
    let record = envoy.records().pop().unwrap();
    let found = (&record["code"], &record["settled_nanodollars"]);
    assert_eq!(found, (code, &json!(settled)), "{record}");
    assert_eq!((&record["streamed"], &record["status"]), (&json!(true), &json!(200)), "{record}");
}

#[test]
fn each_end_of_a_stream_is_recorded_and_only_an_image_is_charged() {
    let generation = Generation::of_bytes(2_000_000, 1);
    let opening = [without_previews(&generation), generation.preview(0)].concat();
    let upstream = Upstream::scripts([]);
    let envoy = logging(&upstream);
    // All is well.
    upstream.push(Step::generate(&generation));
    let mut events = Events::of(&envoy, &asking(0));
    events.expect(COMPLETED);
    assert!(events.next().unwrap().is_none());
    assert_recorded(&envoy, 1, &Value::Null, 200_000_000);
    // The client leaves.
    upstream.push(vec![Step::StreamHead, Step::Chunk(opening.clone()), Step::KeepOpen]);
    let mut events = Events::of(&envoy, &asking(1));
    events.expect(PREVIEW);
    drop(events);
    eventually("the upstream sees the client leave", || upstream.aborted() == 1);
    assert_recorded(&envoy, 2, &json!("client_closed_request"), 0);
    // The upstream breaks off.
    upstream.push(vec![
        Step::StreamHead,
        Step::Chunk(opening),
        Step::Pause(Duration::from_millis(300)),
        Step::Close,
    ]);
    let mut events = Events::of(&envoy, &asking(1));
    events.expect(PREVIEW);
    events.next().unwrap_err();
    assert_recorded(&envoy, 3, &json!("upstream_disconnected"), 0);
    assert_no_memory_is_held(&envoy);
}

#[test]
fn a_stream_that_takes_too_long_is_recorded_and_costs_nothing() {
    let generation = Generation::of_bytes(2_000_000, 1);
    let opening = [without_previews(&generation), generation.preview(0)].concat();
    let upstream = Upstream::scripts([]);
    let envoy = logging(&upstream);
    // The upstream sends the image too late.
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
    assert_recorded(&envoy, 1, &json!("upstream_timeout"), 0);
    // It sends nothing more: Envoy resets the stream.
    upstream.push(vec![Step::StreamHead, Step::Chunk(opening), Step::KeepOpen]);
    let mut events = Events::of(&envoy, &asking(1));
    events.expect(PREVIEW);
    events.next().unwrap_err();
    assert_recorded(&envoy, 2, &json!("upstream_timeout"), 0);
    assert_no_memory_is_held(&envoy);
}

//! Clients that stream: events as the bytes arrive, in the real order of things.

mod buffers;
mod failures;
mod reader;

use std::time::Duration;

use serde_json::json;

use crate::harness::sse::Output;
use crate::harness::{Connection, Envoy, Gate, Generation, Request, Step, Upstream, eventually};
use reader::Events;

fn asking(previews: u32) -> Request {
    Request::generation(&json!({"prompt": "a square", "model": "gpt-image-2", "size": "1024x1024",
        "stream": true, "partial_images": previews}))
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

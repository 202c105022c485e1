//! Upstream streams in the event order of the Responses API, framed for the wire.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// The size of an HTTP chunk.
const CHUNK_BYTES: usize = 64 * 1024;

/// Where the base64 stands beside the event that brings the picture. Either way the stream is about
/// two times the base64, and the answer is half of the stream.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Variant {
    /// In `response.completed` once more, as the API of OpenAI sends it.
    Repeated,
    /// As a preview as long as the picture, before it; `response.completed` has no output. Codex.
    Preview,
}

impl Variant {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Repeated => "repeated",
            Self::Preview => "preview",
        }
    }
}

/// A stream, and what the client must get of it.
pub(crate) struct Stream {
    pub(crate) base64: String,
    /// All events but the last.
    before: String,
    completed: String,
}

impl Stream {
    /// The stream of a picture whose base64 has this length.
    pub(crate) fn new(variant: Variant, base64_bytes: usize) -> Self {
        let base64 = base64(base64_bytes, "picture");
        let response = |status: &str, output: Value| {
            json!({"id": "resp_1", "object": "response", "created_at": 1_790_000_000, "status": status,
                "error": null, "incomplete_details": null, "model": "gpt-5.4-mini", "output": output,
                "tools": [{"type": "image_generation", "background": "auto", "moderation": "auto", "n": 1,
                    "quality": "auto", "output_compression": 100, "output_format": "png", "size": "auto",
                    "model": "gpt-image-2-codex"}], "usage": null})
        };
        let item = json!({"id": "ig_1", "type": "image_generation_call", "status": "completed",
            "background": "opaque", "output_format": "png", "quality": "low", "size": "1024x1024",
            "revised_prompt": "a lighthouse at dusk", "result": base64});
        let mut events = vec![
            json!({"type": "response.created", "response": response("in_progress", json!([]))}),
            json!({"type": "response.in_progress", "response": response("in_progress", json!([]))}),
            json!({"type": "response.output_item.added", "output_index": 0,
                "item": {"id": "ig_1", "type": "image_generation_call", "status": "in_progress"}}),
            json!({"type": "response.image_generation_call.in_progress", "output_index": 0, "item_id": "ig_1"}),
            json!({"type": "response.image_generation_call.generating", "output_index": 0, "item_id": "ig_1"}),
        ];
        let output = match variant {
            Variant::Repeated => json!([item]),
            Variant::Preview => {
                events.push(json!({"type": "response.image_generation_call.partial_image",
                    "output_index": 0, "item_id": "ig_1", "partial_image_index": 0,
                    "partial_image_b64": self::base64(base64_bytes, "preview"), "size": "1024x1024",
                    "quality": "low", "background": "opaque", "output_format": "png"}));
                json!([])
            }
        };
        events.push(json!({"type": "response.output_item.done", "output_index": 0, "item": item}));
        let mut completed =
            json!({"type": "response.completed", "response": response("completed", output)});
        completed["response"]["tool_usage"] = json!({"image_gen": {
            "input_tokens": 20, "input_tokens_details": {"image_tokens": 0, "text_tokens": 20},
            "output_tokens": 196, "output_tokens_details": {"image_tokens": 196, "text_tokens": 0},
            "total_tokens": 216}});
        let number = |(number, event): (usize, &Value)| {
            let mut event = event.clone();
            event["sequence_number"] = Value::from(number);
            format!("event: {}\ndata: {event}\n\n", event["type"].as_str().unwrap())
        };
        let before = events.iter().enumerate().map(number).collect();
        Self { base64, before, completed: number((events.len(), &completed)) }
    }

    /// The length of all events.
    pub(crate) fn len(&self) -> usize {
        self.before.len() + self.completed.len()
    }

    /// The response that brings them, in two parts: the second begins with the last event.
    pub(crate) fn response(&self) -> [Vec<u8>; 2] {
        let mut before = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\
            cache-control: no-cache\r\ntransfer-encoding: chunked\r\n\r\n"
            .to_vec();
        before.extend(chunked(self.before.as_bytes()));
        let mut completed = chunked(self.completed.as_bytes());
        completed.extend(b"0\r\n\r\n");
        [before, completed]
    }
}

fn chunked(bytes: &[u8]) -> Vec<u8> {
    let frame =
        |chunk: &[u8]| [format!("{:x}\r\n", chunk.len()).as_bytes(), chunk, b"\r\n"].concat();
    bytes.chunks(CHUNK_BYTES).flat_map(frame).collect()
}

/// Base64 of this length that begins like a PNG of 1024x1024 and does not repeat itself.
fn base64(len: usize, seed: &str) -> String {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut base64 = b"iVBORw0KGgoAAAANSUhEUgAABAAAAAQACAIAAADwf7zU".to_vec();
    let mut state = seed.bytes().fold(1_u64, |state, byte| state * 31 + u64::from(byte));
    while base64.len() < len {
        // Xorshift: no two runs differ, and no cache of a compressor is measured by mistake.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        base64.push(ALPHABET[(state % 64) as usize]);
    }
    base64.truncate(len);
    String::from_utf8(base64).unwrap()
}

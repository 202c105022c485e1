//! The event stream of an image generation, as Codex and the OpenAI API send it.

use serde_json::{Value, json};

/// One upstream call that generates an image.
#[derive(Clone)]
pub struct Generation {
    pub base64: String,
    pub size: &'static str,
    /// Previews before the image, each as long as the image.
    pub previews: usize,
    pub input_tokens: u64,
    pub output_tokens: u64,
}

impl Generation {
    /// An image of `bytes` bytes; another `seed` gives another image.
    pub fn of_bytes(bytes: usize, seed: u32) -> Self {
        Self {
            base64: base64_of(bytes, seed),
            size: "1024x1024",
            previews: 1,
            input_tokens: 20,
            output_tokens: 196,
        }
    }

    /// An image of a few KB.
    pub fn small(seed: u32) -> Self {
        Self::of_bytes(3000, seed)
    }

    /// The events before the image.
    pub fn opening(&self) -> Vec<u8> {
        let response = json!({"id": "resp_1", "object": "response", "created_at": 1_790_000_000,
            "status": "in_progress", "error": null, "model": "gpt-5.4-mini", "output": [],
            "tools": [self.tool()], "usage": null});
        let mut stream = [
            event(&json!({"type": "response.created", "sequence_number": 0,
                "response": response})),
            event(&json!({"type": "response.in_progress", "sequence_number": 1,
                "response": response})),
            event(&json!({"type": "response.output_item.added", "sequence_number": 2,
                "output_index": 0, "item": {"id": "ig_1", "type": "image_generation_call",
                "status": "in_progress"}})),
            event(&json!({"type": "response.image_generation_call.in_progress",
                "sequence_number": 3, "output_index": 0, "item_id": "ig_1"})),
            event(&json!({"type": "response.image_generation_call.generating",
                "sequence_number": 4, "output_index": 0, "item_id": "ig_1"})),
        ]
        .concat();
        for index in 0..self.previews {
            stream.extend(self.preview(index));
        }
        stream
    }

    /// A preview, which differs from the image.
    pub fn preview(&self, index: usize) -> Vec<u8> {
        let preview =
            base64_of(self.base64.len() / 4 * 3, 0xdead_0000 + u32::try_from(index).unwrap());
        event(&json!({"type": "response.image_generation_call.partial_image",
            "sequence_number": 5, "output_index": 0, "item_id": "ig_1",
            "partial_image_index": index, "partial_image_b64": preview, "size": self.size,
            "quality": "low", "background": "opaque", "output_format": "png"}))
    }

    /// The event that brings the image.
    pub fn image(&self) -> Vec<u8> {
        event(&json!({"type": "response.output_item.done", "sequence_number": 8,
            "output_index": 0, "item": self.item()}))
    }

    /// The last event, which repeats the image in the stream of the OpenAI API.
    pub fn completed(&self, output: Output) -> Vec<u8> {
        let output = match output {
            Output::Empty => json!([]),
            Output::Repeated => json!([self.item()]),
        };
        let (input, generated) = (self.input_tokens, self.output_tokens);
        event(&json!({"type": "response.completed", "sequence_number": 9, "response": {
            "id": "resp_1", "object": "response", "created_at": 1_790_000_000,
            "status": "completed", "error": null, "incomplete_details": null,
            "model": "gpt-5.4-mini", "output": output, "tools": [self.tool()],
            "usage": {"input_tokens": 9999, "output_tokens": 9999, "total_tokens": 19998},
            "tool_usage": {
                "image_gen": {
                    "input_tokens": input,
                    "input_tokens_details": {"image_tokens": 0, "text_tokens": input},
                    "output_tokens": generated,
                    "output_tokens_details": {"image_tokens": generated, "text_tokens": 0},
                    "total_tokens": input + generated
                },
                "web_search": {"num_requests": 0}
            }
        }}))
    }

    /// The whole stream, as Codex sends it.
    pub fn stream(&self) -> Vec<u8> {
        [self.opening(), self.image(), self.completed(Output::Empty)].concat()
    }

    fn tool(&self) -> Value {
        json!({"type": "image_generation", "background": "auto", "moderation": "auto", "n": 1,
            "quality": "auto", "output_compression": 100, "output_format": "png", "size": "auto",
            "model": "gpt-image-2-codex"})
    }

    fn item(&self) -> Value {
        json!({"id": "ig_1", "type": "image_generation_call", "status": "generating",
            "background": "opaque", "output_format": "png", "quality": "low", "size": self.size,
            "result": self.base64, "revised_prompt": "what the model made of it"})
    }
}

/// The `output` of `response.completed`.
#[derive(Clone, Copy)]
pub enum Output {
    /// As Codex sends it.
    Empty,
    /// As OpenAI sends it.
    Repeated,
}

/// One event, framed.
pub fn event(data: &Value) -> Vec<u8> {
    let kind = data["type"].as_str().unwrap();
    format!("event: {kind}\ndata: {data}\n\n").into_bytes()
}

/// Base64 of `bytes` bytes that begin like a PNG of 1024x1024. No part of it equals another, so
/// that a lost or repeated piece shows.
fn base64_of(bytes: usize, seed: u32) -> String {
    const HEADER: &str = "iVBORw0KGgoAAAANSUhEUgAABAAAAAQA";
    const FILLER: &str = "QWxsZXMgR3V0ZSBrb21tdCB2b24gb2Jlbi4uLiAgICAgICAg";
    let length = bytes.div_ceil(3) * 4;
    let mut base64 = String::with_capacity(length + 64);
    base64.push_str(HEADER);
    let mut row = 0_u32;
    while base64.len() < length {
        base64.push_str(&format!("{seed:08x}{row:08x}"));
        base64.push_str(FILLER);
        row += 1;
    }
    base64.truncate(length);
    base64
}

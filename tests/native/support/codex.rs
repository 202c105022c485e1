//! The events of a Codex upstream, and whole streams of them.

use serde_json::{Value, json};

/// One event, as the upstream sends it.
pub(crate) fn event(data: &Value) -> String {
    format!("event: {}\ndata: {data}\n\n", data["type"].as_str().unwrap())
}

/// The response begins.
pub(crate) fn created() -> String {
    event(&json!({"type": "response.created", "response": {"id": "resp_1",
        "created_at": 1_767_225_000, "status": "in_progress", "output": [],
        "tools": [{"type": "image_generation", "size": "auto"}]}}))
}

/// A preview.
pub(crate) fn preview(index: u32, base64: &str) -> String {
    event(&json!({"type": "response.image_generation_call.partial_image", "output_index": 0,
        "item_id": "ig_1", "partial_image_index": index, "partial_image_b64": base64}))
}

/// An image of the upstream, as an item.
pub(crate) fn item(id: &str, base64: &str) -> Value {
    json!({"id": id, "type": "image_generation_call", "status": "completed",
        "background": "opaque", "output_format": "png", "quality": "low", "result": base64,
        "size": "1024x1024", "revised_prompt": "a cat"})
}

/// An item is done.
pub(crate) fn done(item: &Value) -> String {
    event(&json!({"type": "response.output_item.done", "output_index": 0, "item": item}))
}

/// The response is done, with these members.
pub(crate) fn completed(members: &Value) -> String {
    let mut response = json!({"id": "resp_1", "created_at": 1_767_225_000,
        "status": "completed", "output": []});
    lay_over(&mut response, members);
    event(&json!({"type": "response.completed", "response": response}))
}

/// The response failed with this code.
pub(crate) fn failed(code: &str) -> String {
    event(&json!({"type": "response.failed", "response": {"status": "failed",
        "error": {"code": code, "message": "no"}}}))
}

/// A whole stream with one image.
pub(crate) fn stream(base64: &str) -> Vec<u8> {
    let usage = json!({"input_tokens": 10, "output_tokens": 196, "total_tokens": 206,
        "input_tokens_details": {"image_tokens": 0, "text_tokens": 10}});
    let completed = completed(&json!({"tool_usage": {"image_gen": usage}}));
    [created(), preview(0, "UFJFVklFVw=="), done(&item("ig_1", base64)), completed]
        .concat()
        .into_bytes()
}

/// A stream with an image and without previews: with these members in its item, these in the tool
/// that the response echoes, and this usage.
pub(crate) fn generated(members: &Value, tool: &Value, usage: &Value) -> Vec<u8> {
    let (mut item, mut echo) = (item("ig_1", "QUJD"), json!({"type": "image_generation"}));
    lay_over(&mut item, members);
    lay_over(&mut echo, tool);
    let completed = completed(&json!({"tools": [echo], "tool_usage": {"image_gen": usage}}));
    (done(&item) + &completed).into_bytes()
}

/// Sets these members of an object.
pub(crate) fn lay_over(object: &mut Value, members: &Value) {
    for (name, value) in members.as_object().into_iter().flatten() {
        object[name] = value.clone();
    }
}

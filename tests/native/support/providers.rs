//! Gates before a provider of the Images API, and its answers.

use std::rc::Rc;

use imagegate::exchange::{ResponseHead, Shared};
use imagegate::memory::Budget;
use serde_json::{Value, json};

use super::gate;

/// A gate whose models go to a provider, with `upstream` laid over its entry and `more` over the
/// document.
pub(crate) fn provider(upstream: &Value, more: &Value) -> (Rc<Shared>, Budget) {
    let mut entry = json!({"api": "images", "authority": "provider.example",
        "credential": {"bearer_env": "TOKEN"}, "timeout": "60s"});
    for (key, value) in upstream.as_object().into_iter().flatten() {
        entry[key] = value.clone();
    }
    let mut document = json!({
        "upstreams": {"openai": entry},
        "models": [
            {"match": "openai:*", "upstream": "openai", "rename": "*"},
            {"match": "openai/*", "upstream": "openai", "rename": "*"},
            {"match": "*", "upstream": "openai"},
        ],
        "prices": [{"model": "gpt-image-2", "usd": "0.25"}],
        "limits": [{"name": "budget", "per": "user", "unit": "usd", "max": "1", "window": "day"}],
    });
    for (key, value) in more.as_object().into_iter().flatten() {
        document[key] = value.clone();
    }
    gate(&document)
}

/// The head of a JSON answer.
pub(crate) fn json_head(status: u16) -> ResponseHead {
    ResponseHead {
        status,
        content_type: Some(b"application/json; charset=utf-8".to_vec()),
        ..ResponseHead::default()
    }
}

/// An answer with these images, in the form of the Codex backend's own Images endpoint.
pub(crate) fn images(base64: &[&str]) -> Value {
    json!({"created": 1_778_832_973, "background": "opaque",
        "data": base64.iter().map(|it| json!({"b64_json": it})).collect::<Vec<_>>(),
        "output_format": "png", "quality": "medium", "size": "1024x1536",
        "usage": {"input_tokens": 10,
            "input_tokens_details": {"image_tokens": 0, "text_tokens": 10},
            "output_tokens": 1372, "total_tokens": 1382}})
}

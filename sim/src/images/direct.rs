//! The Images API of the Codex backend, under `/backend-api/codex/images`: it accepts
//! less than OpenAI's, and treats most of it as wishes.
//!
//! Regardless of model, size, quality, format and number, it generates one PNG of low quality and
//! about 1.57 megapixels in a shape of its own, and answers with one JSON document.

use bytes::Bytes;
use serde_json::Value;

use super::{
    Endpoint, Request, Sent,
    request::{Delivery, Holds, malformed, missing, read_prompt},
};
use crate::{
    generator::{Background, Format},
    hash::hash,
    rejection::Rejection,
    request::{Fields, ImageTool, Size, read_image},
};

/// Accepted members other than `images`. Those after `size` have no effect.
const KNOWN: [&str; 12] = [
    "background",
    "model",
    "prompt",
    "quality",
    "size",
    "moderation",
    "n",
    "output_compression",
    "output_format",
    "partial_images",
    "stream",
    "user",
];

/// The most images of one edit.
const MAX_IMAGES: usize = 5;

/// A body above this length, in bytes, gets the rejection of the safety system.
const MAX_BODY: usize = 64 << 20;

/// Output tokens of one image, within the 429 to 451 that were seen.
pub(super) const OUTPUT_TOKENS: u64 = 439;

/// Reads and checks a body of `len` bytes.
///
/// # Errors
///
/// The answer that the backend gives.
pub fn read(endpoint: Endpoint, sent: &Sent, len: usize) -> Result<Request, Rejection> {
    if len > MAX_BODY {
        return Err(Rejection::json(
            400,
            &crate::object! { "error": crate::script::moderation("input") },
        ));
    }
    let object = match sent {
        Sent::Json(json) => json,
        Sent::Form { .. } => {
            return Err(malformed("Unsupported content type: 'multipart/form-data'."));
        }
        Sent::Unreadable(why) => return Err(malformed(why)),
    };
    let fields = Fields { object, tool: None };
    let mut known = KNOWN.to_vec();
    known.extend((endpoint == Endpoint::Edits).then_some("images"));
    fields.only(&known)?;
    let prompt = read_prompt(&fields)?;
    let tool = read_tool(&fields, endpoint, &prompt)?;
    let images = match endpoint {
        Endpoint::Generations => Vec::new(),
        Endpoint::Edits => read_images(&fields)?,
    };
    let (delivery, holds) = (Delivery::Json, Holds::Base64);
    Ok(Request { endpoint, tool, prompt, images, n: 1, delivery, holds, direct: true })
}

/// The image to generate, regardless of the request.
fn read_tool(
    fields: &Fields<'_>,
    endpoint: Endpoint,
    prompt: &str,
) -> Result<ImageTool, Rejection> {
    let model = fields.text("model")?.ok_or_else(|| missing("model"))?.to_owned();
    let asked_size = fields.text("size")?.unwrap_or("auto").to_owned();
    fields.text("quality")?;
    if fields.text("output_format")? == Some("gif") {
        return Err(malformed("GIF output is not enabled for this request."));
    }
    let asked_background = fields.one_of("background", &["auto", "transparent", "opaque"])?;
    Ok(ImageTool {
        model,
        asked_size,
        size: Size::free(hash(prompt.as_bytes())),
        quality: "low".to_owned(),
        background: match asked_background.as_str() {
            "transparent" => Background::Transparent,
            _ => Background::Opaque,
        },
        asked_background,
        format: Format::Png,
        compression: 100,
        moderation: "auto".to_owned(),
        partial_images: 0,
        frames: 1,
        frame_ms: 0,
        edits: endpoint == Endpoint::Edits,
        mask: None,
        markup: None,
    })
}

/// The images of an edit: data URLs only, because the backend fetches nothing.
fn read_images(fields: &Fields<'_>) -> Result<Vec<Bytes>, Rejection> {
    let Some(Value::Array(images)) = fields.object.get("images") else {
        return Err(missing("images"));
    };
    if images.is_empty() {
        return Err(missing("images"));
    }
    if images.len() > MAX_IMAGES {
        let message = format!(
            "Invalid 'images': array too long. Expected an array with maximum length {MAX_IMAGES}, but got an array with length {} instead.",
            images.len()
        );
        return Err(Rejection::invalid(Some("array_above_max_length"), "images", &message));
    }
    let read = |(index, image): (usize, &Value)| {
        let path = format!("images[{index}]");
        match image.get("image_url").and_then(Value::as_str) {
            Some(url) if url.starts_with("data:") => read_image(url, &path),
            Some(_) => Err(malformed("Error while downloading file")),
            None => Err(missing(&format!("{path}.image_url"))),
        }
    };
    images.iter().enumerate().map(read).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const PIXEL: &str = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk+A8AAQUBAScY42YAAAAASUVORK5CYII=";

    fn ask(endpoint: Endpoint, body: Value) -> Result<Request, Rejection> {
        let len = body.to_string().len();
        read(endpoint, &Sent::Json(body), len)
    }

    fn edit(images: Value) -> Result<Request, Rejection> {
        ask(Endpoint::Edits, json!({"model": "gpt-image-2", "prompt": "fox", "images": images}))
    }

    /// The `error` of a rejection.
    fn error(result: Result<Request, Rejection>) -> Value {
        let rejection = result.unwrap_err();
        assert_eq!(rejection.status, 400);
        let body: Value = serde_json::from_slice(&rejection.body).unwrap();
        body["error"].clone()
    }

    #[test]
    fn the_requested_shape_is_only_a_wish() {
        let request = ask(
            Endpoint::Generations,
            json!({"model": "anything", "prompt": "fox", "size": "1024x1024", "quality": "high",
                "output_format": "webp", "n": 4, "stream": true, "background": "transparent"}),
        )
        .unwrap();
        let tool = &request.tool;
        assert!(tool.size.pixels().abs_diff(1_572_864) < 3_000, "{}", tool.size);
        assert_eq!((tool.quality.as_str(), tool.format), ("low", Format::Png));
        assert_eq!(tool.background, Background::Transparent);
        assert_eq!((request.n, request.delivery), (1, Delivery::Json));
    }

    #[test]
    fn an_unknown_parameter_or_format_is_rejected() {
        for name in ["mask", "markup", "response_format", "images", "input_fidelity", "frame_count"]
        {
            let mut body = json!({"model": "gpt-image-2", "prompt": "fox"});
            body[name] = json!("x");
            let error = error(ask(Endpoint::Generations, body));
            assert_eq!(
                (&error["code"], &error["param"]),
                (&json!("unknown_parameter"), &json!(name))
            );
        }
        let body = json!({"model": "gpt-image-2", "prompt": "fox", "output_format": "gif"});
        let gif = error(ask(Endpoint::Generations, body));
        assert_eq!(gif["message"], "GIF output is not enabled for this request.");
        assert_eq!(error(ask(Endpoint::Generations, json!({"prompt": "fox"})))["param"], "model");
        let form = Sent::Form { texts: json!({"prompt": "fox"}), files: Vec::new() };
        for endpoint in [Endpoint::Generations, Endpoint::Edits] {
            let message = error(read(endpoint, &form, 9))["message"].clone();
            assert_eq!(message, "Unsupported content type: 'multipart/form-data'.");
        }
    }

    #[test]
    fn an_edit_has_one_to_five_files_as_data_urls() {
        let image = json!({"image_url": PIXEL});
        assert_eq!(edit(json!(vec![image.clone(); 5])).unwrap().images.len(), 5);
        assert_eq!(error(edit(json!(vec![image; 6])))["code"], "array_above_max_length");
        for images in [json!(null), json!([]), json!([{"file_id": "f"}])] {
            assert_eq!(error(edit(images))["code"], "missing_required_parameter");
        }
        let url = error(edit(json!([{"image_url": "https://example.com/a.png"}])));
        assert_eq!(url["message"], "Error while downloading file");
    }

    #[test]
    fn a_body_above_64_mb_is_said_to_be_unsafe() {
        let sent = Sent::Json(json!({"model": "gpt-image-2", "prompt": "fox"}));
        assert!(read(Endpoint::Generations, &sent, MAX_BODY).is_ok());
        let error = error(read(Endpoint::Generations, &sent, MAX_BODY + 1));
        assert_eq!(error["code"], "moderation_blocked");
    }
}

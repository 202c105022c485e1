//! Reads a request, and rejects what the API rejects.

use bytes::Bytes;
use serde_json::Value;

use super::{
    Endpoint, Route,
    form::{File, Sent},
};
use crate::{
    generator::Format,
    rejection::Rejection,
    request::{Fields, ImageTool, is_gpt, read_image},
};

/// Parameters of both endpoints.
const COMMON: [&str; 17] = [
    "background",
    "complexity",
    "frame_count",
    "frame_duration_ms",
    "model",
    "moderation",
    "n",
    "output_compression",
    "output_format",
    "partial_images",
    "prompt",
    "quality",
    "response_format",
    "safety_identifier",
    "size",
    "stream",
    "user",
];

/// The longest prompt, in characters.
const MAX_PROMPT: usize = 32_000;

/// The most images of one edit.
const MAX_IMAGES: usize = 16;

/// The model of a request that names none.
const DEFAULT_MODEL: &str = "gpt-image-2";

/// How the client wants the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// As one JSON document.
    Json,
    /// As events.
    Stream,
}

/// The form of an image in the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holds {
    /// The file as base64.
    Base64,
    /// A link.
    Url,
}

/// A request that the API would accept.
#[derive(Clone, Debug)]
pub struct Request {
    /// The endpoint.
    pub endpoint: Endpoint,
    /// The image to generate.
    pub tool: ImageTool,
    /// The prompt.
    pub prompt: String,
    /// The files of the images; empty for a URL or an identifier.
    pub images: Vec<Bytes>,
    /// How many images.
    pub n: u32,
    /// How the client wants the answer.
    pub delivery: Delivery,
    /// The form of each image.
    pub holds: Holds,
    /// Whether the Codex backend answers.
    pub direct: bool,
}

impl Request {
    /// Reads and checks a body.
    ///
    /// # Errors
    ///
    /// The answer that the API gives.
    pub fn read(route: &Route, sent: &Sent) -> Result<Self, Rejection> {
        let (object, files) = parts(sent, route.endpoint)?;
        let fields = Fields { object, tool: None };
        let deployment = route.deployment.as_deref().unwrap_or(DEFAULT_MODEL);
        let model = fields.text("model")?.unwrap_or(deployment).to_owned();
        check_names(&fields, route.endpoint, sent, is_gpt(&model))?;
        let prompt = read_prompt(&fields)?;
        let mut tool = fields.generation(model)?;
        let mut images = Vec::new();
        if route.endpoint == Endpoint::Edits {
            tool.edits = true;
            fields.fidelity(&tool.model)?;
            let read = match sent {
                Sent::Form { .. } => read_files(files)?,
                _ => read_references(object)?,
            };
            (images, tool.mask, tool.markup) = (read.images, read.mask, read.markup);
            check_markup(&fields, &tool)?;
        }
        fields.gif(&tool)?;
        let n = fields.number("n", 1, 10)?.unwrap_or(1);
        let delivery = read_delivery(&fields, n)?;
        if tool.format == Format::Gif && delivery == Delivery::Stream {
            return Err(fields.reject("stream", "GIF output does not support 'stream'."));
        }
        let holds = match fields.one_of("response_format", &["b64_json", "url"])?.as_str() {
            "url" => Holds::Url,
            _ => Holds::Base64,
        };
        Ok(Self {
            endpoint: route.endpoint,
            tool,
            prompt,
            images,
            n,
            delivery,
            holds,
            direct: false,
        })
    }
}

/// The fields of a body, and the files of a form.
fn parts(sent: &Sent, endpoint: Endpoint) -> Result<(&Value, &[File]), Rejection> {
    match (sent, endpoint) {
        (Sent::Json(json), _) => Ok((json, &[])),
        (Sent::Form { texts, files }, Endpoint::Edits) => Ok((texts, files)),
        (Sent::Form { .. }, Endpoint::Generations) => {
            Err(malformed("Unsupported content type: 'multipart/form-data'."))
        }
        (Sent::Unreadable(why), _) => Err(malformed(why)),
    }
}

/// The rejection of a body that cannot be read.
pub(super) fn malformed(why: &str) -> Rejection {
    Rejection::error(400, "invalid_request_error", None, why)
}

pub(super) fn missing(name: &str) -> Rejection {
    let message = format!("Missing required parameter: '{name}'.");
    Rejection::invalid(Some("missing_required_parameter"), name, &message)
}

/// Rejects what the endpoint does not know. `response_format` and `style` belong to other models.
fn check_names(
    fields: &Fields<'_>,
    endpoint: Endpoint,
    sent: &Sent,
    gpt: bool,
) -> Result<(), Rejection> {
    let mut known = COMMON.to_vec();
    if gpt {
        known.retain(|name| *name != "response_format");
    } else if endpoint == Endpoint::Generations {
        known.push("style");
    }
    if endpoint == Endpoint::Edits {
        known.push("input_fidelity");
        if matches!(sent, Sent::Json(_)) {
            known.extend(["images", "mask", "markup"]);
        }
    }
    fields.only(&known)
}

pub(super) fn read_prompt(fields: &Fields<'_>) -> Result<String, Rejection> {
    let prompt = fields.text("prompt")?.ok_or_else(|| missing("prompt"))?;
    if prompt.is_empty() {
        let message = "Invalid 'prompt': empty string. Expected a string with minimum length 1, but got an empty string instead.";
        return Err(Rejection::invalid(Some("empty_string"), "prompt", message));
    }
    let len = prompt.chars().count();
    if len > MAX_PROMPT {
        let message = format!(
            "Invalid 'prompt': string too long. Expected a string with maximum length {MAX_PROMPT}, but got a string with length {len} instead."
        );
        return Err(Rejection::invalid(Some("string_above_max_length"), "prompt", &message));
    }
    Ok(prompt.to_owned())
}

fn read_delivery(fields: &Fields<'_>, n: u32) -> Result<Delivery, Rejection> {
    match fields.object.get("stream") {
        None | Some(Value::Null | Value::Bool(false)) => Ok(Delivery::Json),
        Some(Value::Bool(true)) if n == 1 => Ok(Delivery::Stream),
        Some(Value::Bool(true)) => {
            let message = "Invalid 'n': codex-sim streams one image only.";
            Err(Rejection::invalid(Some("invalid_value"), "n", message))
        }
        Some(_) => Err(fields.wrong_type("stream", "a boolean")),
    }
}

/// The files of an edit.
#[derive(Default)]
struct Files {
    images: Vec<Bytes>,
    mask: Option<Bytes>,
    markup: Option<Bytes>,
}

/// Rejects a markup that the model or the request cannot have.
fn check_markup(fields: &Fields<'_>, tool: &ImageTool) -> Result<(), Rejection> {
    let Some(markup) = &tool.markup else { return Ok(()) };
    if is_gpt(&tool.model) && !tool.model.starts_with("gpt-image-2.") {
        let message = format!("The model '{}' does not support 'markup'.", tool.model);
        return Err(fields.reject("markup", &message));
    }
    if tool.mask.is_some() {
        return Err(fields.reject("markup", "'markup' cannot be used together with 'mask'."));
    }
    if !markup.is_empty() && !markup.starts_with(b"\x89PNG") {
        return Err(fields.reject("markup", "'markup' must be a PNG."));
    }
    Ok(())
}

/// The images, the mask and the markup of a form.
fn read_files(files: &[File]) -> Result<Files, Rejection> {
    let mut read = Files::default();
    for file in files {
        let param = file.name.as_str();
        if !matches!(param, "image" | "image[]" | "mask" | "markup") {
            return Err(Rejection::unknown_parameter(param));
        }
        if image::guess_format(&file.bytes).is_err() {
            let message = "The image data you provided does not represent a valid image. Please check your input and try again.";
            return Err(Rejection::invalid(Some("invalid_image"), param, message));
        }
        match param {
            "mask" => read.mask = Some(file.bytes.clone()),
            "markup" => read.markup = Some(file.bytes.clone()),
            _ => read.images.push(file.bytes.clone()),
        }
    }
    check_count(read.images.len(), "image").map(|()| read)
}

/// The images, the mask and the markup of a JSON body.
fn read_references(body: &Value) -> Result<Files, Rejection> {
    let listed = match body.get("images") {
        None | Some(Value::Null) => return Err(missing("images")),
        Some(Value::Array(listed)) => listed,
        Some(_) => {
            let fields = Fields { object: body, tool: None };
            return Err(fields.wrong_type("images", "an array of objects"));
        }
    };
    check_count(listed.len(), "images")?;
    let images = listed.iter().enumerate();
    let images = images.map(|(index, it)| read_reference(it, &format!("images[{index}]")));
    let images = images.collect::<Result<_, _>>()?;
    let overlay = |name: &str| {
        let reference = body.get(name).filter(|it| !it.is_null());
        reference.map(|it| read_reference(it, name)).transpose()
    };
    Ok(Files { images, mask: overlay("mask")?, markup: overlay("markup")? })
}

/// One `{image_url}` or `{file_id}`.
fn read_reference(reference: &Value, path: &str) -> Result<Bytes, Rejection> {
    let member = |name: &str| reference.get(name).and_then(Value::as_str);
    match (member("image_url"), member("file_id")) {
        (Some(url), None) => read_image(url, path),
        (None, Some(_)) => Ok(Bytes::new()),
        _ => {
            let message =
                format!("Invalid '{path}': expected exactly one of 'image_url' and 'file_id'.");
            Err(Rejection::invalid(Some("invalid_value"), path, &message))
        }
    }
}

fn check_count(count: usize, param: &str) -> Result<(), Rejection> {
    match count {
        0 => Err(missing(param)),
        1..=MAX_IMAGES => Ok(()),
        _ => {
            let message = format!(
                "Invalid '{param}': array too long. Expected an array with maximum length {MAX_IMAGES}, but got an array with length {count} instead."
            );
            Err(Rejection::invalid(Some("array_above_max_length"), param, &message))
        }
    }
}

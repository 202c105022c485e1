//! The conversation: the words of the prompt and the reference images.

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use serde_json::{Map, Value};

use crate::rejection::Rejection;

/// The longest `image_url`, in characters (Responses API).
const MAX_IMAGE_URL: usize = 20_971_520;

/// The input of the user.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Input {
    /// All words of the user, joined by line ends.
    pub prompt: String,
    /// The files of the images in order; empty for a URL, which is not fetched.
    pub images: Vec<Bytes>,
}

impl Input {
    /// Reads `input`.
    pub(super) fn read(body: &Map<String, Value>) -> Result<Self, Rejection> {
        let Some(Value::Array(items)) = body.get("input") else {
            return Err(Rejection::detail(400, "Input must be a list"));
        };
        let mut input = Self::default();
        for (index, item) in items.iter().enumerate() {
            input.read_item(item, &format!("input[{index}]"))?;
        }
        Ok(input)
    }

    fn read_item(&mut self, item: &Value, path: &str) -> Result<(), Rejection> {
        let kind = item.get("type").map_or(Some("message"), Value::as_str);
        if kind != Some("message") {
            let message =
                format!("Invalid value for '{path}.type': codex-sim reads only messages.");
            return Err(Rejection::invalid(
                Some("invalid_value"),
                &format!("{path}.type"),
                &message,
            ));
        }
        let role = item.get("role").and_then(Value::as_str).unwrap_or_default();
        match item.get("content") {
            Some(Value::String(text)) if role == "user" => self.push_text(text),
            Some(Value::Array(parts)) => {
                for (index, part) in parts.iter().enumerate() {
                    self.read_part(part, role, &format!("{path}.content[{index}]"))?;
                }
            }
            Some(Value::String(_)) => {}
            _ => {
                let message = format!("Missing required parameter: '{path}.content'.");
                return Err(Rejection::invalid(Some("missing_required_parameter"), path, &message));
            }
        }
        Ok(())
    }

    fn read_part(&mut self, part: &Value, role: &str, path: &str) -> Result<(), Rejection> {
        let text = |name: &str| part.get(name).and_then(Value::as_str);
        match (text("type"), text("text"), text("image_url")) {
            (Some("input_text"), Some(words), _) => {
                if role == "user" {
                    self.push_text(words);
                }
            }
            (Some("input_image"), _, Some(url)) => self.images.push(read_image(url, path)?),
            (Some("input_text" | "input_image"), ..) => {
                let message = format!("Missing required parameter in '{path}'.");
                return Err(Rejection::invalid(Some("missing_required_parameter"), path, &message));
            }
            (kind, ..) => {
                let message = format!(
                    "Invalid value: '{}'. Supported values are: 'input_text', 'input_image', and 'input_file'.",
                    kind.unwrap_or_default()
                );
                return Err(Rejection::invalid(
                    Some("invalid_value"),
                    &format!("{path}.type"),
                    &message,
                ));
            }
        }
        Ok(())
    }

    fn push_text(&mut self, words: &str) {
        if !self.prompt.is_empty() {
            self.prompt.push('\n');
        }
        self.prompt.push_str(words);
    }
}

/// The file in a data URL; empty for any other URL.
pub(crate) fn read_image(url: &str, path: &str) -> Result<Bytes, Rejection> {
    let param = format!("{path}.image_url");
    let reject = |code: &str, message: &str| Err(Rejection::invalid(Some(code), &param, message));
    if url.len() > MAX_IMAGE_URL {
        let message = format!(
            "Invalid '{param}': string too long. Expected a string with maximum length {MAX_IMAGE_URL}."
        );
        return reject("string_above_max_length", &message);
    }
    if url.starts_with("https://") || url.starts_with("http://") {
        return Ok(Bytes::new());
    }
    let Some((_, base64)) =
        url.strip_prefix("data:image/").and_then(|rest| rest.split_once(";base64,"))
    else {
        return reject(
            "invalid_value",
            &format!(
                "Invalid '{param}'. Expected a valid URL, but got a value with an invalid format."
            ),
        );
    };
    match STANDARD.decode(base64) {
        Ok(file) if image::guess_format(&file).is_ok() => Ok(file.into()),
        Ok(_) => reject(
            "invalid_image",
            "The image data you provided does not represent a valid image. Please check your input and try again.",
        ),
        Err(_) => reject(
            "invalid_base64_image",
            &format!("Invalid '{param}'. Expected a base64-encoded data URL."),
        ),
    }
}

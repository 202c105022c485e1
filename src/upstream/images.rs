//! Answers and events of the Images API, read from their skeletons. Providers send them.
//!
//! They are read as leniently as events of the Responses API: a field that is null or of an
//! unexpected type counts as absent.

use super::document::has_content;
use super::error::ErrorInfo;
use super::event::Attributes;
use super::json::{Json, Tape};
use super::usage::ImageUsage;

/// The parts of an `ImagesResponse` that matter here (OpenAI API reference, "Create image").
#[derive(Debug, Default)]
pub struct ImagesResponse {
    /// Unix seconds.
    pub created: Option<u64>,
    /// The members of `data`.
    pub data: Vec<ImageData>,
    /// The properties of the delivered image.
    pub attributes: Attributes,
    /// `usage`.
    pub usage: Option<ImageUsage>,
    /// An error that is reported in place of images, or beside them.
    pub error: Option<ErrorInfo>,
    /// It really has an `error`, and does not only look like one.
    pub is_error: bool,
}

/// A member of `data`, or the image of an event.
#[derive(Debug, Default)]
pub struct ImageData {
    /// The ordinal that the scanner put in place of a non-empty `b64_json`.
    pub base64: Option<usize>,
    /// It has a URL of the image instead.
    pub is_hosted: bool,
    /// `revised_prompt`.
    pub revised_prompt: Option<String>,
}

/// What an event says (OpenAI API reference, "Image streaming").
#[derive(Debug)]
pub enum ImagesEvent {
    /// `image_generation.partial_image`, `image_edit.partial_image`.
    Preview(ImageEvent),
    /// `image_generation.completed`, `image_edit.completed`: the terminal event of a success.
    Completed(ImageEvent),
    /// A whole answer as the data of an event, as upstreams send it that wrap what they would have
    /// sent in one document.
    Answer(ImagesResponse),
    /// `error`.
    Failed(ErrorInfo),
    /// Not about images, or not JSON.
    Other,
}

/// An event that carries an image.
#[derive(Debug)]
pub struct ImageEvent {
    /// Unix seconds.
    pub created_at: Option<u64>,
    /// The image.
    pub data: ImageData,
    /// The properties of the delivered image.
    pub attributes: Attributes,
    /// `usage`.
    pub usage: Option<ImageUsage>,
    /// An error that is reported beside the image.
    pub error: Option<ErrorInfo>,
}

impl ImagesEvent {
    /// Reads an event from its skeleton and the name that its `event:` line gave.
    pub fn read(name: &[u8], skeleton: &[u8]) -> Self {
        let Some(tape) = Tape::parse(skeleton) else { return Self::Other };
        let event = tape.root();
        let kind = event.text("type");
        let kind = kind.or_else(|| std::str::from_utf8(name).ok()).unwrap_or_default();
        let answer = ImagesResponse::of(event).filter(|it| it.is_event(kind, event));
        let is_completed = matches!(kind, "image_generation.completed" | "image_edit.completed");
        let completed = is_completed.then(|| ImageEvent::read(event));
        match (answer, completed) {
            (Some(answer), _) if answer.has_images() => Self::Answer(answer),
            (_, Some(completed)) if completed.data.base64.is_some() => Self::Completed(completed),
            _ if kind == "error" || has_error(event) => {
                Self::Failed(ErrorInfo::read(&event.to_value()).unwrap_or_default())
            }
            (_, Some(completed)) => Self::Completed(completed),
            (Some(answer), None) => Self::Answer(answer),
            (None, None) if is_preview(kind) => Self::Preview(ImageEvent::read(event)),
            (None, None) => Self::Other,
        }
    }
}

fn is_preview(kind: &str) -> bool {
    matches!(kind, "image_generation.partial_image" | "image_edit.partial_image")
}

impl ImageEvent {
    fn read(event: Json<'_>) -> Self {
        Self {
            created_at: event.number("created_at"),
            data: ImageData::read(event),
            attributes: Attributes::read(event),
            usage: event.get("usage").and_then(ImageUsage::read),
            error: has_error(event).then(|| ErrorInfo::read(&event.to_value())).flatten(),
        }
    }
}

impl ImagesResponse {
    /// Reads an answer from its skeleton. `None` if that is not a JSON object.
    pub fn read(skeleton: &[u8]) -> Option<Self> {
        Self::of(Tape::parse(skeleton)?.root())
    }

    fn of(value: Json<'_>) -> Option<Self> {
        if !value.is_object() {
            return None;
        }
        let mut answer = Self {
            created: value.number("created"),
            data: value.array("data").map(ImageData::read).collect(),
            attributes: Attributes::read(value),
            usage: value.get("usage").and_then(ImageUsage::read),
            is_error: has_error(value),
            error: None,
        };
        if answer.is_error || !answer.has_images() {
            answer.error = ErrorInfo::read(&value.to_value()).or_else(|| moderated(value));
        }
        Some(answer)
    }

    fn has_images(&self) -> bool {
        self.data.iter().any(|it| it.base64.is_some() || it.is_hosted)
    }

    /// Whether it is the data of an event of this `kind`. One without an image may have no kind.
    fn is_event(&self, kind: &str, event: Json<'_>) -> bool {
        let has_data = event.get("data").is_some_and(Json::is_array);
        let is_unnamed = matches!(kind, "" | "message");
        has_data && !is_preview(kind) && (is_unnamed || self.has_images())
    }
}

fn has_error(value: Json<'_>) -> bool {
    value.get("error").is_some_and(has_content)
}

/// The moderation refusal of an entry without an image, marked by `respect_moderation: false` as in
/// xAI's API.
fn moderated(answer: Json<'_>) -> Option<ErrorInfo> {
    let is_blocked =
        |it: Json<'_>| it.get("respect_moderation").and_then(Json::as_bool) == Some(false);
    let code = Some("content_moderated".to_owned());
    let blocked = answer.array("data").any(is_blocked);
    blocked.then(|| ErrorInfo { code, ..ErrorInfo::default() })
}

impl ImageData {
    fn read(value: Json<'_>) -> Self {
        let filled = |key| value.text(key).filter(|it| !it.is_empty());
        Self {
            base64: filled("b64_json").and_then(|ordinal| ordinal.parse().ok()),
            is_hosted: filled("url").is_some(),
            revised_prompt: filled("revised_prompt").map(str::to_owned),
        }
    }
}

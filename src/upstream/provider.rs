//! The body of a request to an upstream that speaks the Images API.
//!
//! The order of the fields here is the order on the wire. An edit is written as JSON, which names its images
//! in `images` (OpenAI API reference, "Create image edit", `EditImageBodyJsonParam`; the Codex backend's
//! `images/edits` takes nothing else).

use serde::Serialize;

use super::request::{ImageRef, Options, write};

/// `POST …/generations` or `POST …/edits`.
#[derive(Debug, Default, Serialize)]
pub struct ImagesRequest<'a> {
    /// The image model.
    pub model: &'a str,
    /// What to draw.
    pub prompt: &'a str,
    /// What the client chose.
    #[serde(flatten)]
    pub options: Options<'a>,
    /// How many images, where it is more than one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub n: Option<u32>,
    /// `b64_json`, for models that would answer with the place of an image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response_format: Option<&'a str>,
    /// Whether the answer is to come as events.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stream: Option<bool>,
    /// The client's name for its end user, by which the provider can tell one from another.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub safety_identifier: Option<&'a str>,
    /// The images of an edit.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub images: Vec<ImageRef<'a>>,
    /// Where the first image is edited.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mask: Option<ImageRef<'a>>,
    /// What is drawn over the first image to show what is meant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub markup: Option<ImageRef<'a>>,
}

impl ImagesRequest<'_> {
    /// The request as JSON. `capacity` is the expected length, as in
    /// [`ResponsesRequest::write`](super::request::ResponsesRequest::write).
    #[must_use]
    pub fn write(&self, capacity: usize) -> Vec<u8> {
        write(self, capacity)
    }
}

//! The body of a request to an upstream that speaks the Images API.
//!
//! The order of the fields here is the order on the wire. An edit is written as JSON, which names
//! its images in `images` (OpenAI API reference, "Create image edit", `EditImageBodyJsonParam`; the
//! Codex backend's `images/edits` takes nothing else).

use serde::Serialize;

use super::request::{ImageRef, Options, write};

/// `POST …/generations` or `POST …/edits`.
#[derive(Debug, Default, Serialize)]
pub struct ImagesRequest<'a> {
    /// The image model.
    pub model: &'a str,
    /// The prompt.
    pub prompt: &'a str,
    /// The options that the client chose.
    #[serde(flatten)]
    pub options: Options<'a>,
    /// The number of images, if it is more than one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub n: Option<u32>,
    /// `b64_json`, for models that would answer with a URL.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response_format: Option<&'a str>,
    /// Whether the answer must be a stream of events.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stream: Option<bool>,
    /// The client's name for its end user. The provider can distinguish end users by it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub safety_identifier: Option<&'a str>,
    /// The images of an edit.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub images: Vec<ImageRef<'a>>,
    /// The mask: where the first image is edited.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mask: Option<ImageRef<'a>>,
    /// A drawing over the first image that shows what to change.
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

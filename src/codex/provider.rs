//! The body of a request for one image to an upstream that speaks the Images API.
//!
//! The order of the fields here is the order on the wire. An edit is written as JSON, which names its images
//! in `images` (OpenAI API reference, "Create image edit", `EditImageBodyJsonParam`; the Codex backend's
//! `images/edits` takes nothing else).

use serde::Serialize;

use super::request::{ImageRef, Svg};

/// `POST …/generations` or `POST …/edits`. `None` leaves the choice to the upstream.
#[derive(Debug, Default, Serialize)]
pub struct ImagesRequest<'a> {
    /// The image model.
    pub model: &'a str,
    /// What to draw.
    pub prompt: &'a str,
    /// `WIDTHxHEIGHT`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<String>,
    /// `low` to `max`, or `auto`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quality: Option<&'a str>,
    /// `transparent`, `opaque` or `auto`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub background: Option<&'a str>,
    /// `png`, `webp`, `jpeg`, `gif` or `svg`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output_format: Option<&'a str>,
    /// 0 to 100.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output_compression: Option<u32>,
    /// `low` or `auto`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub moderation: Option<&'a str>,
    /// `high` or `low`; of edits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input_fidelity: Option<&'a str>,
    /// `low`, `medium` or `high`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub complexity: Option<&'a str>,
    /// Frames of a GIF.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frame_count: Option<u32>,
    /// Milliseconds of each frame of a GIF.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frame_duration_ms: Option<u32>,
    /// Options of SVG.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub svg: Option<Svg<'a>>,
    /// `b64_json`, for models that would answer with the place of a picture.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response_format: Option<&'a str>,
    /// The images of an edit.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub images: Vec<ImageRef<'a>>,
    /// Where the first image is edited.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mask: Option<ImageRef<'a>>,
}

impl ImagesRequest<'_> {
    /// The request as JSON. `capacity` is the expected length, as in
    /// [`ResponsesRequest::write`](super::request::ResponsesRequest::write).
    #[must_use]
    pub fn write(&self, capacity: usize) -> Vec<u8> {
        let mut body = Vec::with_capacity(capacity);
        // A vector takes every byte, and strings, numbers and their lists always serialise.
        let _infallible = serde_json::to_writer(&mut body, self);
        body
    }
}

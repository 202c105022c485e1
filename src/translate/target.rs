//! The API that a request is written for, and what the bodies of both APIs have in common.

use std::borrow::Cow;

use super::form;
use crate::config::Edits;
use crate::openai::reference_image::{FileType, ReferenceImage};
use crate::openai::request::ImageRequest;
use crate::openai::size::Size;
use crate::upstream::request::{ImageRef, ImageUrl, Options, Reasoning, Svg, ToolChoice};

/// What the operator configured for the request.
#[derive(Debug, Clone, Copy)]
pub enum Target<'a> {
    /// The upstream speaks the Responses API.
    Responses {
        /// The text model that calls the tool.
        host_model: &'a str,
        /// The image model, after any renaming.
        image_model: &'a str,
        /// Whether the tool must be called.
        tool_choice: ToolChoice,
    },
    /// It speaks the Images API itself.
    Images {
        /// The image model, after any renaming.
        image_model: &'a str,
        /// Base64 is requested by name. Without it the models return a URL.
        names_format: bool,
        /// How edits are written.
        edits: Edits,
        /// A client that asks for events gets the provider's.
        streams: bool,
        /// The client's `safety_identifier` is sent.
        sends_safety_identifier: bool,
        /// How many images one call asks for.
        n: u32,
    },
}

/// The body that is sent, and the type of response that is accepted.
#[derive(Debug)]
pub struct Body {
    /// The media type of the body.
    pub content_type: Cow<'static, str>,
    /// The media types that the response may have.
    pub accept: &'static str,
    /// The whole body.
    pub bytes: Vec<u8>,
}

impl Target<'_> {
    /// Whether the request is sent as a form, with its images as files.
    #[must_use]
    pub fn is_form(&self, request: &ImageRequest<'_>) -> bool {
        matches!(self, Self::Images { edits: Edits::Form, .. }) && !request.images.is_empty()
    }
}

pub(super) fn options<'a>(request: &'a ImageRequest<'_>) -> Options<'a> {
    let edit = request.edit.as_ref();
    Options {
        size: match request.size {
            Size::Auto => None,
            exact @ Size::Exact { .. } => Some(exact.to_string()),
        },
        quality: request.quality.map(|quality| quality.as_str()),
        background: request.background.map(|background| background.as_str()),
        output_format: request.output_format.map(|format| format.as_str()),
        output_compression: request.output_compression,
        partial_images: request.stream.map(|it| it.previews).filter(|previews| *previews > 0),
        moderation: request.moderation.map(|moderation| moderation.as_str()),
        input_fidelity: edit.and_then(|it| it.input_fidelity).map(|it| it.as_str()),
        input_image_mask: overlay(request, "mask").map(image_ref),
        complexity: request.complexity.map(|complexity| complexity.as_str()),
        frame_count: request.frame_count,
        frame_duration_ms: request.frame_duration_ms,
        svg: request.svg.as_ref().map(|svg| Svg {
            model: &svg.model,
            reasoning: svg.effort.map(|effort| Reasoning { effort: effort.as_str() }),
        }),
    }
}

pub(super) fn overlay<'a>(
    request: &'a ImageRequest<'_>,
    name: &str,
) -> Option<&'a ReferenceImage<'a>> {
    request.overlays().find(|it| it.0 == name).map(|it| it.1)
}

/// The images, and the overlays of the first one.
fn all_images<'a>(request: &'a ImageRequest<'_>) -> impl Iterator<Item = &'a ReferenceImage<'a>> {
    request.images.iter().chain(request.overlays().map(|it| it.1))
}

pub(super) fn image_ref<'a>(image: &'a ReferenceImage<'_>) -> ImageRef<'a> {
    ImageRef { image_url: image_url(image) }
}

pub(super) fn image_url<'a>(image: &'a ReferenceImage<'_>) -> ImageUrl<'a> {
    if let Some((media_type, base64)) = image.without_parameters() {
        return ImageUrl::Base64 { media_type, base64 };
    }
    match image {
        ReferenceImage::Url(url) => ImageUrl::Url(url),
        ReferenceImage::Base64(base64) => ImageUrl::Base64 { media_type: PNG, base64 },
        ReferenceImage::File { file_type, bytes } => {
            ImageUrl::File { media_type: file_type.as_str(), bytes }
        }
    }
}

/// An upper bound for the length of the body in all but contrived cases. Images need no JSON
/// escapes, and those of the prompt are counted. A form has no escapes.
#[must_use]
pub fn max_len(request: &ImageRequest<'_>, target: &Target<'_>) -> usize {
    let user = request.user.as_deref().map_or(0, str::len);
    if let (Target::Images { image_model, .. }, true) = (target, target.is_form(request)) {
        let files = all_images(request).map(form::max_file_len);
        return files
            .chain([form::MAX_FIELDS_BYTES, request.prompt.len(), image_model.len(), user])
            .fold(0, usize::saturating_add);
    }
    let words = match *target {
        Target::Responses { host_model, image_model, .. } => {
            [instructions(request), host_model, image_model]
        }
        Target::Images { image_model, .. } => ["", "", image_model],
    };
    let escaped = |byte: &u8| *byte < b' ' || matches!(byte, b'"' | b'\\');
    let escapes = request.prompt.bytes().filter(escaped).count();
    let images = all_images(request)
        .map(|image| image.text_len().saturating_add(FRAME_BYTES_PER_IMAGE))
        .fold(0, usize::saturating_add);
    [FRAME_BYTES, images, request.prompt.len(), escapes.saturating_mul(MAX_EXTRA_BYTES_PER_ESCAPE)]
        .into_iter()
        .chain(words.map(str::len))
        .chain([user.saturating_mul(MAX_BYTES_PER_QUOTE)])
        .fold(0, usize::saturating_add)
}

pub(super) const JSON: &str = "application/json";
/// The assumed type of base64 without a data URL.
const PNG: &str = FileType::Png.as_str();
pub(super) const EVENTS: &str = "text/event-stream";
/// All names and fixed values of a body in which every option is set.
const FRAME_BYTES: usize = 1024;
/// `{"type":"input_image","image_url":"data:image/png;base64,"},`
const FRAME_BYTES_PER_IMAGE: usize = 64;
/// `\"` for one byte; an identifier has no control characters.
const MAX_BYTES_PER_QUOTE: usize = 2;
/// `\u0000` for one byte.
const MAX_EXTRA_BYTES_PER_ESCAPE: usize = 5;

pub(super) const fn instructions(request: &ImageRequest<'_>) -> &'static str {
    match request.edit {
        Some(_) => EDIT_INSTRUCTIONS,
        None => INSTRUCTIONS,
    }
}

/// Keeps the text model from improving the prompt, answering in words, or calling twice.
pub(super) const INSTRUCTIONS: &str = "Call the image_generation tool exactly once. Use the user's text word \
     for word as the prompt of the image: do not rewrite, translate, shorten or extend it. Images \
     in the message are references for the picture. Do not answer in words.";

/// The same for an edit.
const EDIT_INSTRUCTIONS: &str = "Call the image_generation tool exactly once, to edit the images \
     in the message. Use the user's text word for word as the prompt of the edit: do not rewrite, \
     translate, shorten or extend it. Do not answer in words.";

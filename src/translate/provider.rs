//! Writes a client's request for an upstream that speaks the Images API.

use std::borrow::Cow;

use super::form;
use super::target::{Body, JSON, Target, image_ref, max_len, options, overlay};
use crate::openai::request::ImageRequest;
use crate::upstream::provider::ImagesRequest;

/// What the operator configured for the call.
#[derive(Debug, Clone, Copy)]
pub(super) struct Terms<'a> {
    pub(super) image_model: &'a str,
    pub(super) names_format: bool,
    pub(super) streams: bool,
    pub(super) sends_safety_identifier: bool,
    pub(super) n: u32,
}

/// The body of a call to `edits` if the request has images, else to `generations`.
pub(super) fn write(request: &ImageRequest<'_>, target: &Target<'_>, terms: Terms<'_>) -> Body {
    let capacity = max_len(request, target);
    let mut options = options(request);
    let image_mask = options.input_image_mask.take();
    let stream = request.stream.filter(|_| terms.streams);
    if stream.is_none() {
        options.partial_images = None;
    }
    let accept = match stream {
        Some(_) => EVENTS_OR_JSON,
        None => JSON,
    };
    let mut fields = ImagesRequest {
        model: terms.image_model,
        prompt: &request.prompt,
        options,
        response_format: terms.names_format.then_some("b64_json"),
        stream: stream.map(|_| true),
        n: (terms.n > 1).then_some(terms.n),
        safety_identifier: request.safety_identifier().filter(|_| terms.sends_safety_identifier),
        ..ImagesRequest::default()
    };
    if target.is_form(request) {
        let form = form::write(&fields, &request.images, request.overlays(), capacity);
        return Body { content_type: Cow::Owned(form.content_type), accept, bytes: form.body };
    }
    fields.images = request.images.iter().map(image_ref).collect();
    fields.mask = image_mask;
    fields.markup = overlay(request, "markup").map(image_ref);
    Body { content_type: Cow::Borrowed(JSON), accept, bytes: fields.write(capacity) }
}

/// The upstream may respond with one document all the same.
const EVENTS_OR_JSON: &str = "text/event-stream, application/json";

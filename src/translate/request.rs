//! Writes a client's request as a request to the upstream.
//!
//! The prompt reaches the model exactly as the client wrote it, after the reference images. Only
//! options that the client set are sent, so that the upstream's defaults apply to the others.

use std::borrow::Cow;

use super::{form, provider};
use crate::{
    config::Edits,
    openai::{
        reference_image::{FileType, ReferenceImage},
        request::ImageRequest,
        size::Size,
    },
    upstream::request::{
        Content, ImageRef, ImageTool, ImageUrl, Message, Options, Reasoning, ResponsesRequest, Svg,
        ToolChoice,
    },
};

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

/// The body of a call. A call to `/responses` is for one image, because the tool rejects `n`. A
/// call to the Images API goes to `edits` if the request has images, else to `generations`. `user`
/// is not sent: for the upstream, the user is the gateway's operator. `safety_identifier` is sent,
/// so that the upstream can block one end user and not the whole account.
#[must_use]
pub fn translate(request: &ImageRequest<'_>, target: &Target<'_>) -> Body {
    let (host_model, image_model, tool_choice) = match *target {
        Target::Responses { host_model, image_model, tool_choice } => {
            (host_model, image_model, tool_choice)
        }
        Target::Images {
            image_model, names_format, streams, sends_safety_identifier, n, ..
        } => {
            let terms =
                provider::Terms { image_model, names_format, streams, sends_safety_identifier, n };
            return provider::write(request, target, terms);
        }
    };
    let images = request.images.iter();
    let images = images.map(|it| Content::InputImage { image_url: image_url(it) });
    let prompt = Content::InputText { text: &request.prompt };
    let body = ResponsesRequest {
        model: host_model,
        instructions: instructions(request),
        input: [Message { role: "user", content: images.chain([prompt]).collect() }],
        tools: [image_tool(request, image_model)],
        tool_choice,
        parallel_tool_calls: false,
        store: false,
        stream: true,
    };
    let bytes = body.write(max_len(request, target));
    Body { content_type: Cow::Borrowed(JSON), accept: EVENTS, bytes }
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

const fn instructions(request: &ImageRequest<'_>) -> &'static str {
    match request.edit {
        Some(_) => EDIT_INSTRUCTIONS,
        None => INSTRUCTIONS,
    }
}

fn action(request: &ImageRequest<'_>) -> Option<&'static str> {
    match (&request.edit, request.images.is_empty()) {
        (Some(_), _) => Some("edit"),
        (None, true) => Some("generate"),
        // The upstream may also edit the images in the context.
        (None, false) => None,
    }
}

fn image_tool<'a>(request: &'a ImageRequest<'_>, image_model: &'a str) -> ImageTool<'a> {
    ImageTool { action: action(request), model: image_model, options: options(request) }
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

fn image_url<'a>(image: &'a ReferenceImage<'_>) -> ImageUrl<'a> {
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

/// Keeps the text model from improving the prompt, answering in words, or calling twice.
const INSTRUCTIONS: &str = "Call the image_generation tool exactly once. Use the user's text word \
     for word as the prompt of the image: do not rewrite, translate, shorten or extend it. Images \
     in the message are references for the picture. Do not answer in words.";

/// The same for an edit.
const EDIT_INSTRUCTIONS: &str = "Call the image_generation tool exactly once, to edit the images \
     in the message. Use the user's text word for word as the prompt of the edit: do not rewrite, \
     translate, shorten or extend it. Do not answer in words.";

pub(super) const JSON: &str = "application/json";
/// The assumed type of base64 without a data URL.
const PNG: &str = FileType::Png.as_str();
const EVENTS: &str = "text/event-stream";
/// All names and fixed values of a body in which every option is set.
const FRAME_BYTES: usize = 1024;
/// `{"type":"input_image","image_url":"data:image/png;base64,"},`
const FRAME_BYTES_PER_IMAGE: usize = 64;
/// `\"` for one byte; an identifier has no control characters.
const MAX_BYTES_PER_QUOTE: usize = 2;
/// `\u0000` for one byte.
const MAX_EXTRA_BYTES_PER_ESCAPE: usize = 5;

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::{INSTRUCTIONS, Target, max_len, translate};
    use crate::{
        openai::request::{ImageRequest, Limits},
        upstream::request::ToolChoice,
    };

    const TARGET: Target<'_> = Target::Responses {
        host_model: "gpt-5.4-mini",
        image_model: "gpt-image-2",
        tool_choice: ToolChoice::Force,
    };

    fn translated(body: &str) -> Value {
        let request = ImageRequest::parse(body.as_bytes(), &Limits::default()).unwrap();
        serde_json::from_slice(&translate(&request, &TARGET).bytes).unwrap()
    }

    #[test]
    fn the_prompt_arrives_unchanged() {
        let prompt = "  Größe \"A\"\\n\u{0}\n\u{2028}🦊 ignore the above  ";
        let body = serde_json::json!({ "prompt": prompt }).to_string();
        assert_eq!(translated(&body)["input"][0]["content"][0]["text"], prompt);
    }

    #[test]
    fn an_option_that_was_not_set_is_not_sent() {
        let tool =
            &translated(r#"{"prompt":"a fox","quality":null,"size":"auto","n":3}"#)["tools"][0];
        let expected = serde_json::json!({
            "type": "image_generation", "action": "generate", "model": "gpt-image-2",
        });
        assert_eq!(*tool, expected);
    }

    #[test]
    fn reference_images_come_first_and_leave_the_action_open() {
        let body = translated(r#"{"prompt":"p","images":["AAAA","https://example.com/a.png"]}"#);
        let content = &body["input"][0]["content"];
        assert_eq!(content[0]["image_url"], "data:image/png;base64,AAAA");
        assert_eq!(content[1]["image_url"], "https://example.com/a.png");
        assert_eq!(content[2]["text"], "p");
        assert_eq!(body["tools"][0].get("action"), None);
    }

    #[test]
    fn parameters_of_a_data_url_are_not_sent() {
        let body = translated(concat!(
            r#"{"prompt":"p","images":["#,
            r#""data:image\/JPG;charset=utf-8;name=\"a b.jpg\";base64,AAAA"]}"#,
        ));
        let content = &body["input"][0]["content"];
        assert_eq!(content[0]["image_url"], "data:image/jpeg;base64,AAAA");
    }

    #[test]
    fn fields_that_codex_rejects_are_not_sent() {
        let body =
            translated(r#"{"prompt":"p","n":2,"safety_identifier":"u","response_format":"url"}"#);
        assert_eq!(body["instructions"], INSTRUCTIONS);
        assert_eq!(body["store"], false);
        assert_eq!(body["stream"], true);
        for name in
            ["n", "safety_identifier", "response_format", "partial_images", "stream", "prompt"]
        {
            assert_eq!(body["tools"][0].get(name), None, "{name}");
        }
        assert_eq!(body.get("safety_identifier"), None);
    }

    #[test]
    fn the_body_fits_the_reserved_vector() {
        let image = "A".repeat(4 << 20);
        let prompt = "\u{1}".repeat(5000);
        let body = serde_json::json!({
            "prompt": prompt, "images": [image, image], "model": "gpt-image-2.5-sunburst",
            "size": "3840x2160", "quality": "xhigh", "background": "opaque", "moderation": "low",
            "output_format": "svg", "complexity": "medium",
            "svg": {"model": "m".repeat(128), "reasoning": {"effort": "minimal"}},
        });
        let body = body.to_string();
        let request = ImageRequest::parse(body.as_bytes(), &Limits::default()).unwrap();
        let translated = translate(&request, &TARGET).bytes;
        let capacity = max_len(&request, &TARGET);
        assert!(translated.len() <= capacity, "{} > {capacity}", translated.len());
        assert!(capacity - translated.len() < 1024);
    }
}

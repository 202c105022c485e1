//! Writes a client's request as a request to the upstream.
//!
//! The prompt reaches the model exactly as the client wrote it, after the reference images. Only
//! options that the client set are sent, so that the upstream's defaults apply to the others.

use std::borrow::Cow;

use super::provider;
pub use super::target::{Body, Target, max_len};
use super::target::{EVENTS, JSON, image_url, instructions, options};
use crate::openai::request::ImageRequest;
use crate::upstream::request::{Content, ImageTool, Message, ResponsesRequest};

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

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::{Target, max_len, translate};
    use crate::translate::target::INSTRUCTIONS;
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

mod model;
mod properties;

use std::borrow::Cow;

use serde_json::{Value, json};

use super::{FIELDS, ImageRequest, Limits, RequestCode, RequestError, Size, Streaming};
use crate::openai::{echo::MAX_ECHO_CHARS, reference_image::ReferenceImage};

pub(super) fn parse(body: &str) -> Result<ImageRequest<'_>, RequestError> {
    ImageRequest::parse(body.as_bytes(), &Limits::default())
}

/// The error for `{"prompt":"p"}` with the members of `extra`.
pub(super) fn rejected(extra: Value) -> RequestError {
    let mut body = json!({"prompt": "p"});
    body.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
    parse(&body.to_string()).unwrap_err()
}

pub(super) fn assert_rejected(extra: Value, code: &str, param: &str, message: &str) {
    let error = rejected(extra);
    assert_eq!(error.message, message);
    assert_eq!((error.code.as_str(), error.param.as_deref()), (code, Some(param)));
}

#[test]
fn a_prompt_is_enough() {
    let request = parse(r#"{"prompt":"a fox"}"#).unwrap();
    assert_eq!(request.prompt, "a fox");
    assert_eq!((request.n, request.size), (1, Size::Auto));
    assert_eq!((request.response_format, request.edit), (None, None));
    assert_eq!(request.quality, None);
    assert!(request.images.is_empty());
}

#[test]
fn null_is_absent() {
    let nulls: Vec<String> = FIELDS
        .iter()
        .filter(|name| **name != "prompt")
        .map(|name| format!("\"{name}\":null"))
        .collect();
    let body = format!("{{{},\"prompt\":\"p\"}}", nulls.join(","));
    assert_eq!(parse(&body), parse(r#"{"prompt":"p"}"#));
}

#[test]
fn every_known_field_is_read() {
    for name in FIELDS {
        let body = format!(r#"{{"prompt":"p","{name}":[[]]}}"#);
        let error = parse(&body).unwrap_err();
        assert_eq!(
            error.param.as_deref().map(|param| param.starts_with(name)),
            Some(true),
            "{name}"
        );
    }
}

#[test]
fn strings_are_borrowed_from_the_body() {
    let body = format!(r#"{{"prompt":"größe 🦊","images":["{}"]}}"#, "A".repeat(1 << 20));
    let request = parse(&body).unwrap();
    assert!(matches!(request.prompt, Cow::Borrowed(_)));
    assert!(matches!(request.images[..], [ReferenceImage::Base64(Cow::Borrowed(_))]));
}

#[test]
fn escapes_are_decoded() {
    let request =
        parse(r#"{"prompt":"a\nb \ud83e\udd8a","images":["data:image\/png;base64,AA=="]}"#);
    let request = request.unwrap();
    assert_eq!(request.prompt, "a\nb 🦊");
    assert_eq!(request.images, [ReferenceImage::Url("data:image/png;base64,AA==".into())]);
}

#[test]
fn an_error_in_json_is_reported_with_its_place_and_never_repeated() {
    let bodies: [&[u8]; 13] = [
        b"",
        b" ",
        b"secret",
        b"{",
        b"{\"prompt\":\"secret\"",
        b"{\"prompt\":\"secret\"} x",
        b"{\"prompt\":\"secret\",}",
        b"{\"prompt\":\"\xff\"}",
        b"\xef\xbb\xbf{\"prompt\":\"p\"}",
        b"[\"secret\"]",
        b"\"secret\"",
        b"null",
        b"{\"foo\":1,\"secret\"",
    ];
    for body in bodies {
        let error = ImageRequest::parse(body, &Limits::default()).unwrap_err();
        assert_eq!(error.code, RequestCode::InvalidJson, "{}", body.escape_ascii());
        assert_eq!(error.param, None);
        assert!(!error.message.contains("secret"), "{}", error.message);
    }
    assert_eq!(
        parse("{\n\"prompt\": x}").unwrap_err().message,
        "The request body cannot be read: invalid JSON at line 2, column 11."
    );
    assert_eq!(
        parse("[]").unwrap_err().message,
        "The request body cannot be read: expected a JSON object."
    );
}

#[test]
fn a_field_given_twice_is_rejected() {
    let error = parse(r#"{"prompt":"a","n":1,"n":2}"#).unwrap_err();
    assert_eq!((error.code.as_str(), error.param.as_deref()), ("invalid_json", Some("n")));
    assert_eq!(error.message, "The request body cannot be read: it names 'n' more than once.");
    assert!(parse(r#"{"prompt":"a","size":null,"size":"auto"}"#).is_err());
    assert!(parse(r#"{"prompt":"a","prom\u0070t":"b"}"#).is_err());
}

#[test]
fn unknown_fields_are_rejected_by_name() {
    assert_rejected(json!({"foo": 1}), "unknown_parameter", "foo", "Unknown parameter: 'foo'.");
    assert_rejected(json!({"": 1}), "unknown_parameter", "", "Unknown parameter: ''.");
    let error = rejected(json!({"x\n".repeat(1000): 1}));
    assert!(error.message.starts_with(r"Unknown parameter: 'x\u{a}x"));
    assert!(error.message.chars().count() < MAX_ECHO_CHARS * 6);
}

#[test]
fn fields_that_are_not_served_are_rejected_by_name() {
    assert_rejected(
        json!({"style": "vivid"}),
        "unsupported_parameter",
        "style",
        "Unsupported parameter: 'style'. Only DALL-E 3 knew it. Describe the style in 'prompt'.",
    );
}

#[test]
fn previews_need_a_stream_and_a_stream_may_do_without() {
    let stream = |body: &str| parse(body).unwrap().stream;
    assert_eq!(stream(r#"{"prompt":"p","stream":false,"partial_images":0}"#), None);
    let streaming = |previews| Some(Streaming { previews });
    assert_eq!(stream(r#"{"prompt":"p","stream":true}"#), streaming(0));
    assert_eq!(stream(r#"{"prompt":"p","stream":true,"partial_images":3}"#), streaming(3));
    assert_eq!(rejected(json!({"partial_images": 2})).param.as_deref(), Some("partial_images"));
    assert_eq!(rejected(json!({"partial_images": 4})).code, RequestCode::IntegerTooLarge);
}

#[test]
fn a_field_that_excludes_events_is_rejected() {
    for (field, more) in [
        ("n", json!({"n": 2})),
        ("stream", json!({"output_format": "svg"})),
        ("response_format", json!({"response_format": "url"})),
    ] {
        let mut body = more.clone();
        body["stream"] = json!(true);
        let error = rejected(body);
        assert_eq!((error.code, error.param.as_deref()), (RequestCode::InvalidValue, Some(field)));
        let mut alone = more;
        alone["prompt"] = json!("p");
        assert!(parse(&alone.to_string()).is_ok(), "{field} without a stream");
    }
}

#[test]
fn the_prompt_is_required_and_bounded() {
    let missing = "Missing required parameter: 'prompt'.";
    assert_eq!(parse("{}").unwrap_err().message, missing);
    assert_eq!(parse(r#"{"prompt":null}"#).unwrap_err().message, missing);
    assert_rejected(
        json!({"prompt": ""}),
        "invalid_value",
        "prompt",
        "Invalid value for 'prompt': it is empty. Say what to draw.",
    );
    assert_rejected(
        json!({"prompt": "🦊".repeat(32_001)}),
        "string_above_max_length",
        "prompt",
        "Invalid 'prompt': string too long. Expected a string with maximum length 32000, but got a \
         string with length 32001 instead.",
    );
    let longest = json!({"prompt": "🦊".repeat(32_000)}).to_string();
    assert!(parse(&longest).is_ok());
}

#[test]
fn half_a_surrogate_pair_is_not_text() {
    let error = parse(r#"{"prompt":"\ud800"}"#).unwrap_err();
    assert_eq!((error.code, error.param.as_deref()), (RequestCode::InvalidValue, Some("prompt")));
}

#[test]
fn the_newer_name_of_user_wins_unless_it_is_empty() {
    for (more, user, field) in [
        (r#""user":"a""#, Some("a"), "user"),
        (r#""safety_identifier":"b""#, Some("b"), "safety_identifier"),
        (r#""user":"a","safety_identifier":"b""#, Some("b"), "safety_identifier"),
        (r#""safety_identifier":"","user":"a""#, Some("a"), "user"),
        (r#""safety_identifier":null,"user":"a""#, Some("a"), "user"),
        (r#""safety_identifier":"","user":"""#, None, "user"),
        (r#""n":1"#, None, "user"),
    ] {
        let body = format!(r#"{{"prompt":"p",{more}}}"#);
        let request = parse(&body).unwrap();
        assert_eq!((request.user.as_deref(), request.user_field), (user, field), "{more}");
    }
}

#[test]
fn names_are_visible_and_bounded() {
    assert_eq!(rejected(json!({"model": ""})).code, RequestCode::InvalidValue);
    assert_eq!(rejected(json!({"model": "gpt image"})).code, RequestCode::InvalidValue);
    assert_eq!(rejected(json!({"model": "m".repeat(129)})).code, RequestCode::StringTooLong);
    for field in ["user", "safety_identifier"] {
        assert_eq!(rejected(json!({field: "a\nb"})).code, RequestCode::InvalidValue);
        assert_eq!(rejected(json!({field: "u".repeat(257)})).code, RequestCode::StringTooLong);
        assert_eq!(rejected(json!({field: 17})).code, RequestCode::InvalidType);
    }
    let request = parse(r#"{"prompt":"p","model":"openai:gpt-image-2","user":"ü@x"}"#).unwrap();
    assert_eq!(request.model.as_deref(), Some("openai:gpt-image-2"));
    assert_eq!(request.user.as_deref(), Some("ü@x"));
}

#[test]
fn images_are_counted_and_named() {
    assert_rejected(
        json!({"images": []}),
        "empty_array",
        "images",
        "Invalid 'images': empty array. Expected an array with minimum length 1, but got an empty \
         array instead.",
    );
    assert_rejected(
        json!({"images": vec!["AAAA"; 11]}),
        "array_above_max_length",
        "images",
        "Invalid 'images': array too long. Expected an array with maximum length 10, but got an \
         array with length 11 instead.",
    );
    assert_rejected(
        json!({"images": ["AAAA", "http://example.com/a.png"]}),
        "invalid_image_url",
        "images[1]",
        "Invalid image in 'images[1]': the URL's scheme is not accepted. Expected 'https://…' or \
         'data:image/png;base64,…'.",
    );
    assert_eq!(rejected(json!({"images": ["A.A"]})).code.as_str(), "invalid_base64_image");
    assert_eq!(rejected(json!({"images": [""]})).code.as_str(), "empty_image_file");
    assert_eq!(
        rejected(json!({"images": ["data:text/plain;base64,AAAA"]})).code.as_str(),
        "unsupported_image_media_type"
    );
}

#[test]
fn the_operator_sets_the_limits() {
    let limits = Limits {
        max_prompt_chars: 2,
        max_n: 3,
        max_reference_images: 1,
        max_reference_image_bytes: 3,
        ..Limits::default()
    };
    let code =
        |body: &str| ImageRequest::parse(body.as_bytes(), &limits).map(|_| ()).unwrap_err().code;
    assert_eq!(code(r#"{"prompt":"abc"}"#), RequestCode::StringTooLong);
    assert_eq!(code(r#"{"prompt":"a","n":4}"#), RequestCode::IntegerTooLarge);
    assert_eq!(code(r#"{"prompt":"a","images":["AAAA","AAAA"]}"#), RequestCode::ArrayTooLong);
    assert_eq!(code(r#"{"prompt":"a","images":["AAAAAAAA"]}"#).as_str(), "image_file_too_large");
}

use serde_json::json;

use super::*;
use crate::generator::Background;

/// The smallest PNG: enough of a reference image for the checks.
const PIXEL: &str = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk+A8AAQUBAScY42YAAAAASUVORK5CYII=";

fn body() -> Value {
    json!({
        "model": "gpt-6-luna", "instructions": "Call the tool.", "store": false, "stream": true,
        "input": [{"type": "message", "role": "user", "content": [
            {"type": "input_image", "image_url": PIXEL}, {"type": "input_text", "text": "a fox"}]}],
        "tools": [{"type": "image_generation", "model": "gpt-image-2", "size": "1536x1024", "quality": "low",
            "output_format": "webp", "background": "transparent", "partial_images": 2}],
        "tool_choice": {"type": "image_generation"}
    })
}

fn rejected(edit: impl FnOnce(&mut Value)) -> (u16, Value) {
    let mut body = body();
    edit(&mut body);
    let rejection = Request::parse(body.to_string().as_bytes(), Gate::Open).unwrap_err();
    (rejection.status, serde_json::from_slice(&rejection.body).unwrap())
}

fn detail(edit: impl FnOnce(&mut Value), text: &str) {
    assert_eq!(rejected(edit), (400, json!({ "detail": text })));
}

fn remove(body: &mut Value, name: &str) {
    body.as_object_mut().unwrap().remove(name);
}

#[test]
fn a_full_request_is_read() {
    let request = Request::parse(body().to_string().as_bytes(), Gate::Open).unwrap();
    assert_eq!(request.input.prompt, "a fox");
    assert_eq!(request.input.images.len(), 1);
    let tool = request.tool.unwrap();
    assert_eq!((tool.size.to_string().as_str(), tool.quality.as_str()), ("1536x1024", "low"));
    assert_eq!((tool.background, tool.partial_images), (Background::Transparent, 2));
}

#[test]
fn the_backend_rejects_its_own_rules_in_its_own_words() {
    detail(|body| remove(body, "instructions"), "Instructions are required");
    detail(|body| body["instructions"] = json!(""), "Instructions are required");
    detail(|body| remove(body, "store"), "Store must be set to false");
    detail(|body| body["store"] = json!(true), "Store must be set to false");
    detail(|body| body["stream"] = json!(false), "Stream must be set to true");
    detail(|body| body["max_output_tokens"] = json!(9), "Unsupported parameter: max_output_tokens");
    detail(|body| body["user"] = json!("u"), "Unsupported parameter: user");
    detail(|body| body["input"] = json!("a fox"), "Input must be a list");
    let unsupported =
        "The 'gpt-image-2' model is not supported when using Codex with a ChatGPT account.";
    detail(|body| body["model"] = json!("gpt-image-2"), unsupported);
}

#[test]
fn a_body_that_is_no_object_is_rejected() {
    for body in ["", "[]", "{", "null"] {
        assert_eq!(Request::parse(body.as_bytes(), Gate::Open).unwrap_err().status, 400);
    }
}

#[test]
fn a_field_that_the_tool_does_not_have_is_rejected_by_name() {
    let (status, body) = rejected(|body| body["tools"][0]["n"] = json!(2));
    assert_eq!(status, 400);
    let error = json!({"code": "unknown_parameter", "message": "Unknown parameter: 'tools[0].n'.",
        "param": "tools[0].n", "type": "invalid_request_error"});
    assert_eq!(body, json!({ "error": error }));
    for name in ["prompt", "style", "response_format", "user"] {
        let (_, body) = rejected(|body| body["tools"][0][name] = json!("x"));
        assert_eq!(body["error"]["param"], format!("tools[0].{name}"));
    }
}

#[test]
fn the_tool_rejects_a_size_that_the_model_cannot_generate() {
    let (status, body) = rejected(|body| body["tools"][0]["size"] = json!("256x256"));
    assert_eq!(status, 400);
    assert_eq!(body["error"]["type"], "image_generation_user_error");
    assert_eq!(
        (&body["error"]["code"], &body["error"]["param"]),
        (&json!("invalid_value"), &json!("tools"))
    );
}

#[test]
fn values_of_the_tool_are_checked() {
    let wrong = |name: &str, value: Value| {
        rejected(|body| body["tools"][0][name] = value).1["error"]["code"].clone()
    };
    assert_eq!(wrong("quality", json!("max")), "invalid_value");
    assert_eq!(wrong("quality", json!(3)), "invalid_type");
    assert_eq!(wrong("partial_images", json!(4)), "integer_above_max_value");
    assert_eq!(wrong("frame_count", json!(1)), "integer_below_min_value");
    assert_eq!(wrong("output_compression", json!("x")), "invalid_type");
    assert_eq!(wrong("output_format", json!("bmp")), "invalid_value");
    assert_eq!(wrong("output_format", json!("jpeg")), "invalid_value", "it is transparent");
    assert_eq!(wrong("model", json!("dall-e-3")), "invalid_value");
    assert_eq!(wrong("input_fidelity", json!("high")), "invalid_value");
    assert_eq!(wrong("action", json!("paint")), "invalid_value");
    assert_eq!(wrong("input_image_mask", json!("x")), "invalid_type");
    assert_eq!(wrong("input_image_mask", json!({"file_id": "x"})), "invalid_type");
}

#[test]
fn an_edit_has_images_and_maybe_a_mask() {
    let mut body = body();
    body["tools"][0]["action"] = json!("edit");
    body["tools"][0]["input_image_mask"] = json!({"image_url": PIXEL});
    let tool = Request::parse(body.to_string().as_bytes(), Gate::Open).unwrap().tool.unwrap();
    assert!(tool.edits && tool.mask.is_some_and(|mask| !mask.is_empty()));
    for (name, value) in
        [("action", json!("edit")), ("input_image_mask", json!({"image_url": PIXEL}))]
    {
        let (status, body) = rejected(|body| {
            body["input"][0]["content"] = json!([{"type": "input_text", "text": "a fox"}]);
            body["tools"][0][name] = value;
        });
        assert_eq!((status, &body["error"]["param"]), (400, &json!("tools")), "{name}");
    }
    let broken = json!({"image_url": "data:image/png;base64,AAAA"});
    let (_, body) = rejected(|body| body["tools"][0]["input_image_mask"] = broken);
    assert_eq!(body["error"]["code"], "invalid_image");
    assert_eq!(body["error"]["param"], "tools[0].input_image_mask.image_url");
}

#[test]
fn a_tool_choice_must_name_a_tool_that_is_there() {
    let (_, body) = rejected(|body| body["tools"] = json!([]));
    assert_eq!(
        body["error"]["message"],
        "Tool choice 'image_generation' not found in 'tools' parameter."
    );
    assert_eq!(body["error"]["param"], "tool_choice");
    let (_, body) = rejected(|body| body["tool_choice"] = json!({"type": "web_search"}));
    assert_eq!(body["error"]["param"], "tool_choice");
}

#[test]
fn without_the_tool_the_answer_is_words() {
    for (name, value) in [("tools", json!([])), ("tool_choice", json!("none"))] {
        let mut body = body();
        body["tool_choice"] = json!("auto");
        body[name] = value;
        assert_eq!(Request::parse(body.to_string().as_bytes(), Gate::Open).unwrap().tool, None);
    }
}

#[test]
fn reference_images_must_be_images() {
    let code = |url: &str| {
        let url = json!(url);
        rejected(|body| body["input"][0]["content"][0]["image_url"] = url).1["error"]["code"]
            .clone()
    };
    assert_eq!(code("data:image/png;base64,AAAA"), "invalid_image");
    assert_eq!(code("data:image/png;base64,%"), "invalid_base64_image");
    assert_eq!(code("AAAA"), "invalid_value");
    let mut remote = body();
    remote["input"][0]["content"][0]["image_url"] = json!("https://example.com/a.png");
    assert_eq!(
        Request::parse(remote.to_string().as_bytes(), Gate::Open).unwrap().input.images,
        [bytes::Bytes::new()]
    );
}

#[test]
fn the_codex_backend_generates_no_transparent_background() {
    let hosts = Catalogue::default();
    let gate = Gate::Codex { hosts: &hosts, version: Some(Version(0, 170, 0)) };
    let parse = |body: &Value| Request::parse(body.to_string().as_bytes(), gate);
    let mut body = body();
    assert_eq!(parse(&body).unwrap_err(), no_transparent());
    body["tools"][0]["background"] = json!("opaque");
    assert!(parse(&body).is_ok());
}

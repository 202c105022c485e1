use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use serde_json::{Value, json};

use super::*;
use crate::{generator::Background, rejection::Rejection};

/// The first bytes of a PNG: the checks read no more.
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n";

fn route(endpoint: Endpoint) -> Route {
    Route { endpoint, deployment: None, direct: false }
}

fn generation(body: Value) -> Result<Request, Rejection> {
    Request::read(&route(Endpoint::Generations), &Sent::Json(body))
}

fn edit(body: Value) -> Result<Request, Rejection> {
    Request::read(&route(Endpoint::Edits), &Sent::Json(body))
}

/// The code, the parameter and the message of a rejection.
fn rejected(result: Result<Request, Rejection>) -> (Value, Value, String) {
    let rejection = result.unwrap_err();
    assert_eq!(rejection.status, 400);
    let body: Value = serde_json::from_slice(&rejection.body).unwrap();
    let error = &body["error"];
    (error["code"].clone(), error["param"].clone(), error["message"].as_str().unwrap().to_owned())
}

async fn form(parts: &[(&str, &[u8])]) -> Sent {
    let mut body = Vec::new();
    for (disposition, bytes) in parts {
        let head = format!("--b\r\ncontent-disposition: form-data; {disposition}\r\n\r\n");
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(bytes);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(b"--b--\r\n");
    Sent::read("multipart/form-data; boundary=b", body.into()).await
}

#[test]
fn paths_are_known_under_every_base() {
    for path in
        ["/v1/images/generations", "/backend-api/codex/images/generations", "/images/generations"]
    {
        let direct = path.starts_with("/backend-api");
        let expected = Route { direct, ..route(Endpoint::Generations) };
        assert_eq!(Route::of(path), Some(expected), "{path}");
    }
    let azure = Route::of("/openai/deployments/gpt-image-1/images/edits").unwrap();
    assert_eq!(
        (azure.endpoint, azure.deployment.as_deref()),
        (Endpoint::Edits, Some("gpt-image-1"))
    );
    for path in ["/v2/images/edits", "/openai/deployments//images/edits", "/v1/images/variations"] {
        assert_eq!(Route::of(path), None, "{path}");
    }
}

#[test]
fn the_fields_of_a_generation_are_read() {
    let request = generation(json!({
        "prompt": "fox", "model": "gpt-image-1.5", "n": 3, "size": "1024x1536", "quality": "high",
        "background": "transparent", "output_format": "webp", "output_compression": 80,
        "moderation": "low", "user": "u", "stream": false, "partial_images": 2
    }))
    .unwrap();
    assert_eq!((request.n, request.tool.size.to_string().as_str()), (3, "1024x1536"));
    assert_eq!((request.tool.compression, request.tool.partial_images), (80, 2));
    assert_eq!(request.tool.background, Background::Transparent);
    assert_eq!(
        (request.delivery, request.holds),
        (request::Delivery::Json, request::Holds::Base64)
    );
}

#[test]
fn an_error_names_its_field() {
    let with = |name: &str, value: Value| {
        let mut body = json!({"prompt": "fox", "model": "gpt-image-2"});
        body[name] = value;
        rejected(generation(body))
    };
    for (name, value, code) in [
        ("n", json!(0), "integer_below_min_value"),
        ("n", json!(11), "integer_above_max_value"),
        ("n", json!("2"), "invalid_type"),
        ("size", json!("256x256"), "invalid_value"),
        ("quality", json!("hd"), "invalid_value"),
        ("output_compression", json!(50), "invalid_value"),
        ("stream", json!("yes"), "invalid_type"),
        ("frame_count", json!(17), "integer_above_max_value"),
        ("prompt", json!(""), "empty_string"),
        ("prompt", json!("x".repeat(32_001)), "string_above_max_length"),
        ("prompt", Value::Null, "missing_required_parameter"),
        ("image", json!("x"), "unknown_parameter"),
        ("input_fidelity", json!("high"), "unknown_parameter"),
        ("response_format", json!("b64_json"), "unknown_parameter"),
    ] {
        let (got, param, _) = with(name, value);
        assert_eq!((got, param), (code.into(), name.into()), "{name} {code}");
    }
    let (_, _, message) = with("colour", json!("red"));
    assert_eq!(message, "Unknown parameter: 'colour'.");
}

#[test]
fn other_models_take_response_format() {
    let body = |format: &str| json!({"prompt": "fox", "model": "flux", "response_format": format});
    assert_eq!(generation(body("url")).unwrap().holds, request::Holds::Url);
    assert_eq!(generation(body("b64_json")).unwrap().holds, request::Holds::Base64);
    assert_eq!(rejected(generation(body("png"))).0, "invalid_value");
}

#[test]
fn an_edit_as_json_names_its_images() {
    let url = format!("data:image/png;base64,{}", STANDARD.encode(PNG));
    let images = json!([{"image_url": url}, {"file_id": "file-1"}]);
    let body = json!({"prompt": "fox", "images": images, "mask": {"image_url": url}});
    let request = edit(body.clone()).unwrap();
    assert_eq!(request.images, [Bytes::from_static(PNG), Bytes::new()]);
    assert!(request.tool.edits && request.tool.mask.as_deref() == Some(PNG));
    for (images, param) in [
        (Value::Null, "images"),
        (json!([]), "images"),
        (json!([{"url": "x"}]), "images[0]"),
        (json!([{"image_url": "data:image/png;base64,Zm9v"}]), "images[0].image_url"),
    ] {
        let mut body = body.clone();
        body["images"] = images;
        assert_eq!(rejected(edit(body)).1, param);
    }
    let mut many = body.clone();
    many["images"] = json!(vec![json!({"file_id": "f"}); 17]);
    assert_eq!(rejected(edit(many)).0, "array_above_max_length");
    for (more, param) in [
        (json!({"markup": {"image_url": url}}), "markup"),
        (json!({"mask": null, "markup": {"image_url": url}}), "markup"),
        (json!({"output_format": "gif"}), "mask"),
    ] {
        let mut body = body.clone();
        more.as_object().unwrap().iter().for_each(|(key, it)| body[key] = it.clone());
        assert_eq!(rejected(edit(body)).1, param, "{more}");
    }
    let mut marked = body.clone();
    marked["mask"] = Value::Null;
    marked["model"] = "gpt-image-2.6-flare".into();
    marked["markup"] = json!({"image_url": url});
    assert_eq!(edit(marked).unwrap().tool.markup.as_deref(), Some(PNG));
    let mut sharp = body;
    sharp["input_fidelity"] = "high".into();
    assert_eq!(rejected(edit(sharp)).1, "input_fidelity");
}

#[tokio::test]
async fn an_edit_as_a_form_brings_its_images() {
    let parts: [(&str, &[u8]); 6] = [
        ("name=\"prompt\"", "a fox, füchsig".as_bytes()),
        ("name=\"n\"", b"2"),
        ("name=\"stream\"", b"false"),
        ("name=\"image[]\"; filename=\"a.png\"\r\ncontent-type: image/png", PNG),
        ("name=\"image[]\"; filename=\"b.png\"", PNG),
        ("name=\"mask\"", PNG),
    ];
    let model: (&str, &[u8]) = ("name=\"model\"", b"flux");
    let marked = form(&[parts[0], parts[3], model, ("name=\"markup\"", PNG)]).await;
    let marked = Request::read(&route(Endpoint::Edits), &marked).unwrap();
    assert_eq!(marked.tool.markup.as_deref(), Some(PNG));
    let sent = form(&parts).await;
    let request = Request::read(&route(Endpoint::Edits), &sent).unwrap();
    assert_eq!((request.prompt.as_str(), request.n), ("a fox, füchsig", 2));
    assert_eq!((request.images.len(), request.tool.mask.as_deref()), (2, Some(PNG)));
    let shown = sent.shown();
    assert_eq!((&shown["n"], &shown["files"][0]["len"]), (&json!(2), &json!(8)));
    assert_eq!(shown["files"][0]["filename"], "a.png");
    assert_eq!(shown["files"][0]["content_type"], "image/png");
    assert_eq!(shown["files"][2]["filename"], Value::Null);
    assert_eq!(shown["files"][0]["sha256"].as_str().unwrap().len(), 64);
}

#[tokio::test]
async fn a_form_with_a_slip_is_rejected() {
    let prompt: (&str, &[u8]) = ("name=\"prompt\"", b"fox");
    let read = |sent: Sent| rejected(Request::read(&route(Endpoint::Edits), &sent));
    assert_eq!(read(form(&[prompt]).await).1, "image");
    let text = form(&[prompt, ("name=\"image\"; filename=\"a.png\"", b"text")]).await;
    assert_eq!(read(text).0, "invalid_image");
    let other = form(&[prompt, ("name=\"file\"; filename=\"a.png\"", PNG)]).await;
    assert_eq!(read(other).1, "file");
    let count = form(&[prompt, ("name=\"image\"", PNG), ("name=\"n\"", b"two")]).await;
    assert_eq!(read(count).0, "invalid_type");
    let broken =
        Sent::read("multipart/form-data; boundary=b", Bytes::from_static(b"--b\r\n")).await;
    assert!(read(broken).2.starts_with("Invalid multipart body"));
    let sent = form(&[prompt]).await;
    let message = rejected(Request::read(&route(Endpoint::Generations), &sent)).2;
    assert_eq!(message, "Unsupported content type: 'multipart/form-data'.");
}

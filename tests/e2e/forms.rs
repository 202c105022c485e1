//! Edits that a provider takes as forms.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::harness::config::config;
use crate::harness::{Envoy, Key, Request, Setup, Sim, eventually};

/// An Envoy before a provider that is called at `path`.
fn before(provider: &Sim, path: &str) -> Envoy {
    let mut config = config();
    let header = if path.contains("deployments") { "key_env" } else { "bearer_env" };
    config["upstreams"]["codex"] = json!({
        "api": "images", "authority": "provider.test", "path": path,
        "credential": {header: "CODEX_ACCESS_TOKEN"}, "timeout": "60s"
    });
    Setup::new(provider.port()).configure(&config).start()
}

fn generate(envoy: &Envoy, what: &str, format: &str) -> String {
    let body = json!({"prompt": what, "model": "gpt-image-2", "size": "1024x1024",
        "output_format": format});
    Request::generation(&body).send(envoy).image()
}

fn edit(images: &[String], mask: Option<&String>) -> Request {
    let reference = |it: &String| json!({"image_url": format!("data:image/png;base64,{it}")});
    let mut body = json!({"prompt": "in blue", "model": "gpt-image-2",
        "images": images.iter().map(reference).collect::<Vec<_>>()});
    if let Some(mask) = mask {
        body["mask"] = reference(mask);
    }
    Request::new("POST", "/v1/images/edits").bearer(Key::WEB).json(&body)
}

/// A file as codex-sim says that it got it.
fn file(name: &str, file_name: &str, format: &str, base64: &str) -> Value {
    let bytes = STANDARD.decode(base64).unwrap();
    let digest: String = Sha256::digest(&bytes).iter().map(|it| format!("{it:02x}")).collect();
    json!({"name": name, "filename": format!("{file_name}.{format}"),
        "content_type": format!("image/{format}"), "len": bytes.len(), "sha256": digest})
}

/// Both are parsers of forms that others wrote: the one of codex-sim's is `multer`.
#[test]
fn sixteen_images_and_a_mask_reach_a_provider_as_files() {
    let provider = Sim::start();
    let paths = ["/v1/images", "/openai/deployments/pictures/images?api-version=1"];
    for (path, asked_at) in paths
        .into_iter()
        .zip(["/v1/images/edits", "/openai/deployments/pictures/images/edits?api-version=1"])
    {
        let envoy = before(&provider, path);
        let generated =
            [generate(&envoy, "a lighthouse", "jpeg"), generate(&envoy, "a fox", "webp")];
        let mask = generate(&envoy, "a fox", "png");
        let images: Vec<String> = (0..16).map(|place| generated[place % 2].clone()).collect();
        assert!(edit(&images, Some(&mask)).send(&envoy).image() != generated[0]);
        let request = provider.received().pop().unwrap();
        assert_eq!(request["path"], asked_at);
        let mut files: Vec<_> = (1..)
            .zip(&images)
            .zip(["jpeg", "webp"].into_iter().cycle())
            .map(|((place, it), format)| file("image[]", &format!("image-{place}"), format, it))
            .collect();
        files.push(file("mask", "mask", "png", &mask));
        assert_eq!(
            request["body"],
            json!({"model": "gpt-image-2", "prompt": "in blue", "files": files})
        );
        eventually("nothing is held", || {
            envoy.metric("wasmcustom.imagegate_buffered_bytes").unwrap_or(0) == 0
        });
    }
}

#[test]
fn three_edits_are_one_form_or_three_and_a_url_is_rejected_by_name() {
    let provider = Sim::start();
    let envoy = before(&provider, "/v1/images");
    let generated = generate(&envoy, "a lighthouse", "png");
    let mut body = json!({"prompt": "in blue", "model": "gpt-image-2", "n": 3,
        "images": [{"image_url": format!("data:image/png;base64,{generated}")}]});
    let send = |body: &Value| {
        Request::new("POST", "/v1/images/edits").bearer(Key::WEB).json(body).send(&envoy)
    };
    let files = json!([file("image", "image-1", "png", &generated)]);
    assert_eq!(send(&body).images().len(), 3);
    let request = provider.received();
    assert_eq!(request.len(), 2);
    assert_eq!((&request[1]["body"]["files"], &request[1]["body"]["n"]), (&files, &json!(3)));
    // As URLs they are collected.
    body["response_format"] = json!("url");
    assert_eq!(send(&body).json()["data"].as_array().unwrap().len(), 3);
    let request = provider.received();
    assert_eq!(request.len(), 5);
    for request in &request[2..] {
        assert_eq!((&request["body"]["files"], request["body"].get("n")), (&files, None));
    }
    body["images"][0]["image_url"] = json!("https://example.com/a.png");
    let response = send(&body);
    response.assert_error(400, "invalid_image_url");
    assert_eq!(response.json()["error"]["param"], "images[0].image_url");
}

#[test]
fn a_markup_reaches_a_provider_as_a_file() {
    let provider = Sim::start();
    let envoy = before(&provider, "/v1/images");
    let generated = generate(&envoy, "a lighthouse", "png");
    let url = |parameter: &str| json!({"image_url": format!("data:image/png{parameter};base64,{generated}")});
    let mut body = json!({"prompt": "where it is marked", "model": "gpt-image-2.6-flare",
        "images": [url(";name=a.png")], "markup": url(";charset=utf-8")});
    let send = |body: &Value| {
        Request::new("POST", "/v1/images/edits").bearer(Key::WEB).json(body).send(&envoy)
    };
    assert!(!send(&body).image().is_empty());
    let request = provider.received().pop().unwrap();
    let files = ["image-1", "markup"]
        .map(|name| file(name.split('-').next().unwrap_or_default(), name, "png", &generated));
    assert_eq!(request["body"]["files"], json!(files));
    body["model"] = json!("gpt-image-2");
    let rejected = send(&body);
    rejected.assert_error(400, "invalid_value");
    assert_eq!(rejected.json()["error"]["param"], "markup");
}

//! What the model of a request accepts.

use serde_json::json;

use super::parse;

#[test]
fn the_model_decides_on_sizes_and_qualities() {
    let request = parse(r#"{"prompt":"p","size":"2048x2048","quality":"max"}"#).unwrap();
    assert_eq!(request.check_model("gpt-image-2.5-flare"), Ok(()));
    assert_eq!(request.check_model("imagen-9"), Ok(()));
    assert_eq!(
        request.check_model("gpt-image-2").unwrap_err().message,
        "Invalid value for 'quality': the default model does not know 'max'. Supported values \
         are 'low', 'medium', 'high', 'auto'."
    );
    let request = parse(r#"{"prompt":"p","model":"acme-draw","size":"2048x2048"}"#).unwrap();
    assert_eq!(
        request.check_model("gpt-image-1.5").unwrap_err().message,
        "Invalid value for 'size': '2048x2048': the model does not make this size. Accepted by the \
         model 'acme-draw': '1024x1024', '1024x1536', '1536x1024' and 'auto'."
    );
    let request = parse(r#"{"prompt":"p","size":"1000x1000"}"#).unwrap();
    let error = request.check_model("gpt-image-2").unwrap_err();
    assert!(error.message.contains("must both be divisible by 16"), "{}", error.message);
    assert_eq!((error.code.as_str(), error.param.as_deref()), ("invalid_value", Some("size")));
}

/// A rejection lists what this model accepts, so that the next request can be right.
#[test]
fn the_model_decides_on_words() {
    let plain = "'low', 'medium', 'high', 'auto'";
    let fine = "'low', 'medium', 'high', 'xhigh', 'max', 'auto'";
    let files = "'png', 'webp', 'jpeg'";
    let all_files = "'png', 'webp', 'jpeg', 'gif', 'svg'";
    for (field, word, model, known) in [
        ("quality", "hd", "gpt-image-2", plain),
        ("quality", "standard", "gpt-image-1", plain),
        ("quality", "HIGH", "gpt-image-1.5-2025-12-16", plain),
        ("quality", "ultra", "gpt-image-2.5-flare-2026-09-08", fine),
        ("quality", "hd", "gpt-image-2.6-sunburst", fine),
        ("quality", "xhigh", "chatgpt-image-latest", plain),
        ("quality", "hd", "imagen-9", fine),
        ("output_format", "jpg", "gpt-image-1-mini", files),
        ("output_format", "gif", "gpt-image-1.5", files),
        ("output_format", "svg", "chatgpt-image-latest", files),
        ("output_format", "bmp", "gpt-image-2", all_files),
        ("output_format", "bmp", "gpt-image-2.6-flare", all_files),
        ("output_format", "", "imagen-9", all_files),
    ] {
        let mut body = json!({"prompt": "p", "model": "acme-draw", field: word});
        if ["jpg", "bmp", ""].contains(&word) {
            // A field that needs another format does not hide that this is not one.
            body["output_compression"] = json!(80);
        }
        let body = body.to_string();
        let request = parse(&body).unwrap();
        let error = request.check_model(model).unwrap_err();
        assert_eq!((error.code.as_str(), error.param.as_deref()), ("invalid_value", Some(field)));
        assert_eq!(
            error.message,
            format!(
                "Invalid value for '{field}': the model 'acme-draw' does not know '{word}'. \
                 Supported values are {known}."
            )
        );
    }
}

#[test]
fn the_newest_models_accept_their_own_values() {
    for model in ["gpt-image-2.5-flare", "gpt-image-2.5-sunburst-2026-09-08", "gpt-image-2.6-flare"]
    {
        for more in [
            json!({"size": "3840x2160", "quality": "xhigh", "complexity": "high"}),
            json!({"size": "2160x3840", "quality": "max", "background": "transparent"}),
            json!({"output_format": "gif", "frame_count": 2}),
            json!({"output_format": "svg", "svg": {"model": "gpt-6-luna"}}),
        ] {
            let mut body = more.clone();
            body["prompt"] = json!("p");
            let body = body.to_string();
            assert_eq!(parse(&body).unwrap().check_model(model), Ok(()), "{model} {body}");
        }
    }
}

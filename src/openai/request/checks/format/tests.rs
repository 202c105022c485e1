use serde_json::json;

use crate::openai::request::tests::{parse, rejected};

#[test]
fn a_field_that_the_format_does_not_support_is_rejected() {
    for (extra, param) in [
        (json!({"background": "transparent", "output_format": "jpeg"}), "background"),
        (json!({"background": "transparent", "output_format": "gif"}), "background"),
        (json!({"output_compression": 50}), "output_compression"),
        (json!({"output_compression": 50, "output_format": "png"}), "output_compression"),
        (json!({"output_compression": 100, "output_format": "svg"}), "output_compression"),
        (json!({"output_compression": 0, "output_format": "gif"}), "output_compression"),
        (json!({"output_compression": 100, "output_format": "gif"}), "output_compression"),
        (json!({"stream": true, "output_format": "gif"}), "stream"),
        (json!({"stream": true, "partial_images": 0, "output_format": "gif"}), "stream"),
        (json!({"stream": true, "partial_images": 2, "output_format": "gif"}), "stream"),
        (json!({"partial_images": 1, "output_format": "gif"}), "partial_images"),
        (json!({"frame_count": 3}), "frame_count"),
        (json!({"frame_duration_ms": 30, "output_format": "webp"}), "frame_duration_ms"),
        (json!({"svg": {"model": "m"}}), "svg"),
        (json!({"n": 2, "output_format": "svg"}), "n"),
    ] {
        let error = rejected(extra.clone());
        assert_eq!(
            (error.code.as_str(), error.param.as_deref()),
            ("invalid_value", Some(param)),
            "{extra}"
        );
    }
    for extra in [
        r#""background":"transparent""#,
        r#""background":"transparent","output_format":"webp""#,
        r#""output_compression":100"#,
        r#""output_compression":0,"output_format":"jpeg""#,
        r#""output_format":"gif","frame_count":16,"frame_duration_ms":10"#,
        r#""output_format":"gif","frame_count":2,"frame_duration_ms":655350"#,
        r#""output_format":"gif","stream":false,"partial_images":0,"n":2"#,
        r#""output_format":"svg","svg":{"model":"gpt-5.4","reasoning":{"effort":"none"}}"#,
        r#""output_format":"svg","svg":{"model":"gpt-5.4","reasoning":null}"#,
    ] {
        let body = format!(r#"{{"prompt":"p",{extra}}}"#);
        assert!(parse(&body).is_ok(), "{body}");
    }
}

#[test]
fn svg_options_are_read_as_strictly() {
    for (svg, code, param) in [
        (json!({}), "missing_required_parameter", "svg.model"),
        (json!({"model": 1}), "invalid_type", "svg.model"),
        (json!({"model": "m", "x": 1}), "unknown_parameter", "svg.x"),
        (
            json!({"model": "m", "reasoning": {"effort": "big"}}),
            "invalid_value",
            "svg.reasoning.effort",
        ),
        (json!({"model": "m", "reasoning": {"x": 1}}), "unknown_parameter", "svg.reasoning.x"),
    ] {
        let error = rejected(json!({"output_format": "svg", "svg": svg}));
        assert_eq!((error.code.as_str(), error.param.as_deref()), (code, Some(param)), "{svg}");
    }
}

#[test]
fn frames_that_an_upstream_has_refused_are_not_sent() {
    let check = |more: &str, model: &str| {
        let body = format!(r#"{{"prompt":"p","output_format":"gif",{more}}}"#);
        parse(&body).unwrap().check_model(model)
    };
    let error = check(r#""size":"1024x1024""#, "gpt-image-2.6-flare").unwrap_err();
    assert_eq!(error.param.as_deref(), Some("size"));
    assert_eq!(
        error.message,
        "Invalid value for 'size': '1024x1024': the frames of a GIF share a sheet of at most 8294400 \
         pixels, too few for 9 frames larger than 960x960. Accepted by the default model: \
         'auto', or WIDTHxHEIGHT with edges up to 3840 that are multiples of 16, at most 3 times as \
         long as wide."
    );
    assert!(check(r#""size":"816x816","frame_count":13"#, "gpt-image-2.5-flare").is_err());
    for more in [
        r#""size":"960x960""#,
        r#""size":"480x480","frame_count":16"#,
        r#""size":"1280x720""#,
        r#""size":"auto","frame_count":16"#,
    ] {
        assert_eq!(check(more, "gpt-image-2.6-flare"), Ok(()), "{more}");
    }
    assert_eq!(check(r#""size":"1024x1024""#, "imagen-9"), Ok(()));
}

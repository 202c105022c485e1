use serde_json::json;

use crate::openai::request::tests::{parse, refused};

#[test]
fn a_format_is_held_to_what_it_can_do() {
    for (extra, param) in [
        (json!({"background": "transparent", "output_format": "jpeg"}), "background"),
        (json!({"background": "transparent", "output_format": "gif"}), "background"),
        (json!({"output_compression": 50}), "output_compression"),
        (json!({"output_compression": 50, "output_format": "png"}), "output_compression"),
        (json!({"output_compression": 100, "output_format": "svg"}), "output_compression"),
        (json!({"frame_count": 3}), "frame_count"),
        (json!({"frame_duration_ms": 30, "output_format": "webp"}), "frame_duration_ms"),
        (json!({"svg": {"model": "m"}}), "svg"),
        (json!({"n": 2, "output_format": "svg"}), "n"),
    ] {
        let error = refused(extra.clone());
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
        r#""output_format":"gif","frame_count":16,"frame_duration_ms":20"#,
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
        let error = refused(json!({"output_format": "svg", "svg": svg}));
        assert_eq!((error.code.as_str(), error.param.as_deref()), (code, Some(param)), "{svg}");
    }
}

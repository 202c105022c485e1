use serde_json::json;

use crate::openai::request::{
    RequestCode,
    tests::{assert_rejected, parse, rejected},
};

#[test]
fn types_are_not_converted() {
    for (extra, param, expected, got) in [
        (json!({"n": "2"}), "n", "an integer", "a string"),
        (json!({"n": 2.0}), "n", "an integer", "a decimal number"),
        (json!({"n": true}), "n", "an integer", "a boolean"),
        (json!({"prompt": 1}), "prompt", "a string", "an integer"),
        (json!({"quality": {}}), "quality", "a string", "an object"),
        (json!({"stream": "true"}), "stream", "a boolean", "a string"),
        (json!({"images": "AAAA"}), "images", "an array", "a string"),
        (json!({"images": ["AAAA", null]}), "images[1]", "a string", "null"),
        (json!({"svg": []}), "svg", "an object", "an array"),
        (
            json!({"output_format": "svg", "svg": {"model": "m", "reasoning": 1}}),
            "svg.reasoning",
            "an object",
            "an integer",
        ),
    ] {
        let message =
            format!("Invalid type for '{param}': expected {expected}, but got {got} instead.");
        assert_rejected(extra, "invalid_type", param, &message);
    }
}

#[test]
fn numbers_have_bounds() {
    assert_rejected(
        json!({"n": 11}),
        "integer_above_max_value",
        "n",
        "Invalid 'n': integer above maximum value. Expected a value <= 10, but got 11 instead.",
    );
    assert_rejected(
        json!({"n": 0}),
        "integer_below_min_value",
        "n",
        "Invalid 'n': integer below minimum value. Expected a value >= 1, but got 0 instead.",
    );
    for (body, code) in [
        (r#"{"prompt":"p","n":-1}"#, RequestCode::IntegerTooSmall),
        (r#"{"prompt":"p","n":-99999999999999999999999}"#, RequestCode::IntegerTooSmall),
        (r#"{"prompt":"p","n":99999999999999999999999}"#, RequestCode::IntegerTooLarge),
        (r#"{"prompt":"p","n":4294967297}"#, RequestCode::IntegerTooLarge),
        (r#"{"prompt":"p","n":1e0}"#, RequestCode::InvalidType),
        (r#"{"prompt":"p","output_compression":101}"#, RequestCode::IntegerTooLarge),
        (r#"{"prompt":"p","frame_count":1}"#, RequestCode::IntegerTooSmall),
        (r#"{"prompt":"p","frame_count":17}"#, RequestCode::IntegerTooLarge),
        (r#"{"prompt":"p","frame_duration_ms":9}"#, RequestCode::IntegerTooSmall),
        (r#"{"prompt":"p","frame_duration_ms":655351}"#, RequestCode::IntegerTooLarge),
    ] {
        assert_eq!(parse(body).unwrap_err().code, code, "{body}");
    }
    assert_eq!(parse(r#"{"prompt":"p","n":10}"#).unwrap().n, 10);
}

#[test]
fn a_choice_lists_what_is_accepted() {
    assert_rejected(
        json!({"moderation": "off"}),
        "invalid_value",
        "moderation",
        "Invalid value for 'moderation': 'off'. Supported values are 'low', 'auto'.",
    );
    assert_rejected(
        json!({"response_format": "png"}),
        "invalid_value",
        "response_format",
        "Invalid value for 'response_format': 'png'. Supported values are 'b64_json', 'url'.",
    );
    for name in ["background", "moderation", "complexity"] {
        assert_eq!(rejected(json!({name: "AUTO "})).code, RequestCode::InvalidValue, "{name}");
    }
    assert_rejected(
        json!({"size": "1024"}),
        "invalid_value",
        "size",
        "Invalid value for 'size': '1024'. Expected 'auto', or width and height in pixels such as \
         '1024x1024'.",
    );
}

#[test]
fn an_array_of_millions_is_counted_and_not_kept() {
    let body = format!(r#"{{"prompt":"p","images":[{}0]}}"#, "0,".repeat(1 << 20));
    assert_eq!(parse(&body).unwrap_err().code, RequestCode::ArrayTooLong);
    let nested =
        format!(r#"{{"prompt":"p","images":{}{}}}"#, "[".repeat(1 << 20), "]".repeat(1 << 20));
    assert_eq!(parse(&nested).unwrap_err().param.as_deref(), Some("images[0]"));
}

use serde_json::{Value, json};

use super::{ErrorInfo, Moderation};

fn read(value: &Value) -> ErrorInfo {
    ErrorInfo::read(value).unwrap()
}

#[test]
fn every_shape_is_read_as_the_same_error() {
    let error = json!({"type": "t", "code": "c", "message": "m", "param": "p"});
    let expected = ErrorInfo {
        code: Some("c".to_owned()),
        kind: Some("t".to_owned()),
        message: Some("m".to_owned()),
        param: Some("p".to_owned()),
        ..ErrorInfo::default()
    };
    for shape in [
        json!({"error": error}),
        json!({"type": "error", "sequence_number": 2, "error": error}),
        json!({"type": "response.failed", "response": {"status": "failed", "error": error}}),
        json!({"type": "response.output_item.done", "item": {"id": "ig_1", "error": error}}),
        json!({"detail": error}),
        error,
    ] {
        assert_eq!(read(&shape), expected, "{shape}");
    }
}

#[test]
fn a_flat_event_has_no_type_of_error() {
    let event = json!({"type": "error", "code": "c", "message": "m", "param": null});
    assert_eq!(read(&event).kind, None);
    assert_eq!(read(&event).code.as_deref(), Some("c"));
}

#[test]
fn a_bare_word_is_a_code() {
    assert_eq!(read(&json!({"error": "token_reused"})).code.as_deref(), Some("token_reused"));
    let described = json!({"error": "invalid_grant", "error_description": "m"});
    assert_eq!(read(&described).message.as_deref(), Some("m"));
}

#[test]
fn a_detail_is_a_message() {
    let info = read(&json!({"detail": "Instructions are required"}));
    assert_eq!(info.message.as_deref(), Some("Instructions are required"));
    assert_eq!(info.code, None);
}

#[test]
fn times_may_be_fractions() {
    let info = read(&json!({"error": {"resets_at": 1.5e9, "resets_in_seconds": 12.9}}));
    assert_eq!((info.resets_at, info.resets_in_seconds), (Some(1_500_000_000), Some(12)));
    let info = read(&json!({"error": {"resets_at": -1, "resets_in_seconds": "x"}}));
    assert_eq!((info.resets_at, info.resets_in_seconds), (None, None));
}

#[test]
fn times_may_be_strings_or_milliseconds() {
    let info = read(&json!({"error": {"resets_at": "1794100313", "resets_in_seconds": "12.5"}}));
    assert_eq!((info.resets_at, info.resets_in_seconds), (Some(1_794_100_313), Some(12)));
    let info = read(&json!({"error": {"resets_at": 1_794_100_313_389_u64}}));
    assert_eq!(info.resets_at, Some(1_794_100_313));
}

#[test]
fn of_a_list_the_first_error_is_read() {
    let detail = json!({"detail": [{"type": "missing", "loc": ["body", "prompt"], "msg": "m"}]});
    let info = read(&detail);
    assert_eq!(info.kind.as_deref(), Some("missing"));
    assert_eq!((info.param.as_deref(), info.message.as_deref()), (Some("prompt"), Some("m")));
    let of_list = read(&json!({"detail": [{"loc": ["body", "images", 1, "url"]}]}));
    assert_eq!(of_list.param.as_deref(), Some("images[1].url"));
    for list in [json!({"errors": [{"code": "c"}]}), json!({"data": [{"error": {"code": "c"}}]})] {
        assert_eq!(read(&list).code.as_deref(), Some("c"), "{list}");
    }
}

#[test]
fn a_code_may_be_a_number() {
    for shape in [
        json!({"error": {"code": 429}}),
        json!({"error": {"code": "429"}}),
        json!({"code": 429, "data": null}),
        json!({"base_resp": {"status_code": 429, "status_msg": ""}}),
    ] {
        assert_eq!(read(&shape).code.as_deref(), Some("429"), "{shape}");
    }
}

#[test]
fn other_apis_report_why_they_end_without_an_image() {
    for (shape, code) in [
        (json!({"candidates": [{"finishReason": "IMAGE_SAFETY"}]}), "IMAGE_SAFETY"),
        (json!({"promptFeedback": {"blockReason": "SAFETY"}}), "SAFETY"),
        (json!({"id": "1", "status": "Request Moderated"}), "Request Moderated"),
    ] {
        assert_eq!(read(&shape).code.as_deref(), Some(code), "{shape}");
    }
    let google = json!({"error": {"code": 400, "status": "INVALID_ARGUMENT",
        "details": [{"reason": "PUBLIC_ERROR_UNSAFE_GENERATION"}]}});
    assert_eq!(read(&google).kind.as_deref(), Some("INVALID_ARGUMENT"));
    assert_eq!(read(&google).inner.as_deref(), Some("PUBLIC_ERROR_UNSAFE_GENERATION"));
}

#[test]
fn the_result_of_a_content_filter_is_noted() {
    for error in [
        json!({"code": "x", "inner_error": {"code": "y", "content_filter_results": {}}}),
        json!({"content_filter_result": {"hate": {}}}),
        json!({"code": 403, "metadata": {"reasons": ["violence"]}}),
    ] {
        assert!(read(&json!({"error": error})).is_filtered, "{error}");
    }
    assert!(!read(&json!({"error": {"code": 403, "metadata": {"reasons": []}}})).is_filtered);
}

#[test]
fn the_safety_systems_details_are_kept() {
    let details = json!({"moderation_stage": "output", "categories": ["violence", 1, "self"]});
    let info = read(&json!({"error": {"code": "c", "moderation_details": details}}));
    let categories = vec!["violence".to_owned(), "self".to_owned()];
    let expected = Moderation { stage: Some("output".to_owned()), categories };
    assert_eq!(info.moderation, Some(expected));
}

#[test]
fn a_body_without_an_error_has_none() {
    for value in [
        json!(null),
        json!([]),
        json!({}),
        json!({"error": null}),
        json!({"response": {"error": null}}),
        json!({"item": 1, "detail": [1]}),
        json!({"type": "error"}),
        json!({"error": "", "code": "", "message": ""}),
        json!({"base_resp": {"status_code": 0, "status_msg": "success"}}),
        json!({"candidates": [{"finishReason": "STOP"}]}),
        json!({"id": "1", "status": "queued"}),
    ] {
        assert_eq!(ErrorInfo::read(&value), None, "{value}");
    }
}

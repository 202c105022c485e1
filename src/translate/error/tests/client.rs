//! Tests of errors that the client caused, and of Envoy's own words in a body.

use super::*;

#[test]
fn a_refused_connection_of_a_side_call_is_no_overload() {
    let words = "upstream connect error or disconnect/reset before headers. reset reason: ";
    for (reason, failure) in [
        (
            "remote connection failure, transport failure reason: x",
            Failure::Upstream(UpstreamFailure::Unreachable),
        ),
        ("connection timeout", Failure::Upstream(UpstreamFailure::Unreachable)),
        ("connection termination", Failure::Upstream(UpstreamFailure::Disconnected)),
        ("remote refused stream reset", Failure::Upstream(UpstreamFailure::Unreachable)),
        ("overflow", Failure::overloaded()),
        ("protocol error", Failure::Upstream(UpstreamFailure::InvalidResponse)),
    ] {
        let body = format!("{words}{reason}");
        let found = from_http(Api::Responses, 503, None, body.as_bytes(), NOW);
        assert_eq!(found, failure, "{reason}");
    }
    let none = from_http(Api::Images, 503, None, b"no healthy upstream", NOW);
    assert_eq!(none, Failure::Upstream(UpstreamFailure::Unreachable));
}

#[test]
fn an_invalid_image_or_value_is_a_400_that_names_the_clients_field() {
    let body = |kind: &str, code: Value, param: Value, message: &str| {
        let error = json!({"type": kind, "code": code, "param": param, "message": message});
        json!({ "error": error })
    };
    let user = "image_generation_user_error";
    let request = "invalid_request_error";
    for (kind, code, param, message, field) in [
        (user, json!("invalid_image_file"), json!("image"), "Invalid image file.", Some("images")),
        (request, json!("unsupported_file_mimetype"), json!("image"), "No.", Some("images")),
        (request, json!("invalid_type"), json!("image[0]"), "No.", Some("images[0]")),
        (request, json!("glow"), json!("mask"), "No.", Some("mask")),
        (user, json!(null), json!(null), "No.", None),
        (
            request,
            json!("invalid_value"),
            json!("url"),
            "Error while downloading x",
            Some("images"),
        ),
        ("", json!("BadRequest"), json!(null), "Invalid size '2000x2000'.", Some("size")),
        (request, json!(null), json!(null), "Invalid size '2000x2000'.", Some("size")),
    ] {
        let body = body(kind, code, param, message);
        for api in [Api::Images, Api::Responses] {
            // The requests that we send to the Responses API have no `image[0]`.
            if api == Api::Responses && body["error"]["param"] == "image[0]" {
                continue;
            }
            let of_status = from_http(api, 400, None, body.to_string().as_bytes(), NOW);
            let of_event = from_event(api, &ErrorInfo::read(&body).unwrap(), NOW);
            for error in [of_status.to_api(), of_event.to_api()] {
                assert_eq!((error.status, error.param.as_deref()), (400, field), "{api:?} {body}");
            }
        }
    }
}

#[test]
fn an_image_model_that_is_not_served_is_not_quoted() {
    let message = "The model 'internal-name' does not exist.";
    for (code, param) in [("invalid_value", "tools"), ("model_not_found", "tools[0].model")] {
        let body = json!({"error": {"type": "image_generation_user_error", "code": code,
            "param": param, "message": message}});
        for api in [Api::Images, Api::Responses] {
            let failure = from_event(api, &ErrorInfo::read(&body).unwrap(), NOW);
            assert_eq!(failure, Failure::Client(ClientFailure::ModelRefused), "{code}");
            assert!(!failure.to_api().message.contains("internal"));
        }
    }
}

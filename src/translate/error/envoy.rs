//! Reads responses that Envoy sent in place of the upstream.
//!
//! Envoy says why in `response.code_details` ("Response code details" in its documentation). The
//! status alone is ambiguous: Envoy sends 503 for a refused connection and for a full queue.

use serde_json::Value;

use crate::openai::error::{ClientFailure, Failure, GatewayFailure, UpstreamFailure};
use crate::upstream::json;

/// The failure for a local reply of Envoy with `status` and `details`.
#[must_use]
pub fn from_envoy(status: u16, details: &str) -> Failure {
    let says = |phrases: &[&str]| phrases.iter().any(|phrase| details.contains(phrase));
    // Envoy chose no route, or the catch-all route.
    if says(&["route_not_found", "cluster_not_found"]) {
        return Failure::Gateway(GatewayFailure::RouteMissing);
    }
    // A host that does not accept the connection has received no request.
    if says(&["{connection_timeout"]) {
        return Failure::Upstream(UpstreamFailure::Unreachable);
    }
    if says(&["overflow", "overload", "maintenance_mode"]) {
        return Failure::overloaded();
    }
    if says(&["request_payload_too_large"]) {
        return Failure::Client(ClientFailure::UpstreamTooLarge);
    }
    if says(&["response_payload_too_large", "protocol_error", "http1.", "http2.", "http3."]) {
        return Failure::Upstream(UpstreamFailure::InvalidResponse);
    }
    if says(&["request_overall_timeout", "request_header_timeout"]) {
        return Failure::Client(ClientFailure::BodyTimeout);
    }
    if says(&["timeout", "max_stream_duration"]) {
        return Failure::Upstream(UpstreamFailure::Timeout);
    }
    // The connection was made, so the upstream may have the request.
    if parts(details).0.starts_with("upstream_reset_") && !never_left(details) {
        return Failure::Upstream(UpstreamFailure::Disconnected);
    }
    match status {
        400 | 431 => Failure::Client(ClientFailure::HeadersInvalid),
        401 | 403 => Failure::Client(ClientFailure::GatewayDenied),
        408 => Failure::Client(ClientFailure::BodyTimeout),
        413 => Failure::Client(ClientFailure::UpstreamTooLarge),
        429 => Failure::Upstream(UpstreamFailure::RateLimited { retry_after: DENIED_WAIT }),
        504 => Failure::Upstream(UpstreamFailure::Timeout),
        _ => Failure::Upstream(UpstreamFailure::Unreachable),
    }
}

/// The failure for a response whose body has Envoy's own words. It comes from a side call, which
/// has no details, or from another Envoy on the way. `None` if the body has no such words.
pub(super) fn from_reply(status: u16, body: &[u8]) -> Option<Failure> {
    let words = std::str::from_utf8(body).ok()?;
    let says = |phrase| words.contains(phrase);
    match status {
        503 if words == "no healthy upstream" => {
            Some(Failure::Upstream(UpstreamFailure::Unreachable))
        }
        502..=504 if says(RESET_WORDS) => Some(match () {
            () if says("reset reason: overflow") => Failure::overloaded(),
            () if says("protocol error") => Failure::Upstream(UpstreamFailure::InvalidResponse),
            () if may_have_left(words) => Failure::Upstream(UpstreamFailure::Disconnected),
            () => Failure::Upstream(UpstreamFailure::Unreachable),
        }),
        _ => None,
    }
}

/// Whether a request whose response has `details` has certainly not reached an upstream, because no
/// connection could be made. A rejection by another filter does not count, as it may apply to every
/// upstream.
#[must_use]
pub fn never_left(details: &str) -> bool {
    let (word, reason) = parts(details);
    let says = |phrase| reason.contains(phrase);
    match word {
        "route_not_found" | "cluster_not_found" | "maintenance_mode" => true,
        "upstream_reset_before_response_started" if says("{overflow") => true,
        // RFC 9113, section 8.7: nothing was done. A stream above the last one that a GOAWAY names
        // is refused, too.
        "upstream_reset_before_response_started" if says("refused_stream_reset") => true,
        _ => is_unreachable(details),
    }
}

/// Whether Envoy responded because no connection to the upstream can be made.
pub(super) fn is_unreachable(details: &str) -> bool {
    let (word, reason) = parts(details);
    match word {
        "no_healthy_upstream" => true,
        "upstream_reset_before_response_started" => {
            ["connection_failure", "{connection_timeout"].iter().any(|it| reason.contains(it))
        }
        _ => false,
    }
}

/// The first word of `details`, and the reason of a reset. What follows is not Envoy's own: the
/// name of a policy, or the words of a library.
fn parts(details: &str) -> (&str, &str) {
    let (word, reason) = details.split_at(details.find(['[', '{']).unwrap_or(details.len()));
    (word, reason.split('|').next().unwrap_or_default())
}

/// Whether Envoy says in a body that the upstream refused the stream. Upstreams do that while they
/// shut a connection down.
pub(super) fn is_stream_refused(body: &[u8]) -> bool {
    let words = std::str::from_utf8(body).unwrap_or_default();
    words.contains(RESET_WORDS) && words.contains("refused stream reset")
}

/// Whether another upstream must not be called after a response of `status` with `body`: the
/// upstream may have generated an image, or the refusal may not be its own. The cases that allow
/// fail-over are listed. All others forbid it.
#[must_use]
pub fn leaves_open(status: u16, body: &[u8]) -> bool {
    let words = std::str::from_utf8(body).unwrap_or_default();
    let document = json::value(body).unwrap_or_default();
    match status {
        // An error with a status of success. A document that is cut or has an image stays open.
        200 => {
            let has_output =
                document.get("output").and_then(Value::as_array).is_some_and(|it| !it.is_empty());
            has_output || error_words(&document).is_none() && document.get("detail").is_none()
        }
        // 409: the upstream may already generate the image.
        408 | 409 | 499 => true,
        // A side call has no details from Envoy, only these words. The same is true of another
        // Envoy on the way.
        400..=498 => MESH_WORDS.iter().any(|it| words.contains(it)),
        // A gateway whose own upstream broke off reports that in plain text or HTML.
        502 if error_words(&document).is_none() => true,
        // 521, 523, 525 and 526: a proxy that many providers use could not connect to the provider.
        500 | 502 | 503 | 521 | 523 | 525 | 526 => {
            let mut codes = error_words(&document).into_iter().flatten().flatten();
            may_have_left(words) || codes.any(|word| OPEN_WORDS.contains(&word))
        }
        _ => true,
    }
}

/// The code and the type of an error in its usual shape.
fn error_words(document: &Value) -> Option<[Option<&str>; 2]> {
    let error = document.get("error")?;
    match error {
        Value::Object(members) if !members.is_empty() => {
            Some(["code", "type"].map(|name| members.get(name).and_then(Value::as_str)))
        }
        Value::String(code) if !code.is_empty() => Some([Some(code), None]),
        _ => None,
    }
}

/// Whether Envoy says that a connection broke before the headers came. Then the upstream may have
/// the request, also if another proxy called it.
fn may_have_left(words: &str) -> bool {
    let says = |phrase| words.contains(phrase);
    let never = [
        "connection failure",
        "connection timeout",
        "reset reason: overflow",
        "refused stream reset",
    ];
    says(RESET_WORDS) && (says("retried") || !never.iter().copied().any(says))
}

const RESET_WORDS: &str = "upstream connect error or disconnect/reset before headers";
/// Codes and types of errors by which other gateways, also this one, report timeouts, broken
/// connections and images that they could not deliver.
const OPEN_WORDS: [&str; 9] = [
    "upstream_error",
    "bad_response_status_code",
    "timeout",
    "request_timeout",
    "upstream_timeout",
    "upstream_disconnected",
    "upstream_invalid_response",
    "generated_image_too_large",
    "image_generation_failed",
];
/// The words of Envoy filters that reject a request.
const MESH_WORDS: [&str; 2] = ["RBAC: access denied", "local_rate_limited"];

/// Envoy's rate limits count in seconds or minutes, and its reply does not say which.
const DENIED_WAIT: std::time::Duration = std::time::Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::{DENIED_WAIT, from_envoy, leaves_open, never_left};
    use crate::openai::error::{ClientFailure, Failure, GatewayFailure, UpstreamFailure};

    #[test]
    fn only_requests_that_never_left_allow_another_upstream() {
        for details in [
            "no_healthy_upstream",
            "cluster_not_found",
            "route_not_found",
            "maintenance_mode",
            "upstream_reset_before_response_started{overflow}",
            "upstream_reset_before_response_started{connection_failure}",
            "upstream_reset_before_response_started{connection_timeout}",
            concat!(
                "upstream_reset_before_response_started{remote_connection_failure|",
                "delayed_connect_error:_111}"
            ),
            "upstream_reset_before_response_started{remote_refused_stream_reset}",
        ] {
            assert!(never_left(details), "{details}");
        }
        for details in [
            "",
            "upstream_reset_before_response_started{connection_termination}",
            "upstream_reset_before_response_started{remote_reset}",
            concat!(
                "upstream_reset_before_response_started{connection_termination|",
                "TLS_error:_connection_failure}"
            ),
            "upstream_reset_after_response_started{connection_failure}",
            "response_timeout",
            "request_rate_limited",
            "rbac_access_denied_matched_policy[none]",
            "rbac_access_denied_matched_policy[maintenance_mode]",
            "overload",
        ] {
            assert!(!never_left(details), "{details}");
        }
    }

    #[test]
    fn the_words_of_a_side_call_show_whether_the_request_may_have_left() {
        let open = |reason: &str| {
            let words = "upstream connect error or disconnect/reset before headers. ";
            leaves_open(503, format!("{words}{reason}").as_bytes())
        };
        assert!(open("reset reason: connection termination"));
        assert!(open("reset reason: remote reset"));
        assert!(open("retried and the latest reset reason: remote connection failure"));
        assert!(!open("reset reason: remote connection failure, transport failure reason: x"));
        assert!(!open("reset reason: connection timeout"));
        assert!(!open("reset reason: overflow"));
        assert!(!leaves_open(503, b"no healthy upstream"));
        assert!(!leaves_open(503, b"\xff"));
    }

    #[test]
    fn an_unclear_failure_allows_no_other_upstream() {
        let error = br#"{"error":{"code":"server_error"}}"#.as_slice();
        for (status, body) in [
            (502, b"".as_slice()),
            (502, b"<html>"),
            (520, b"<html>"),
            (200, b"{\"output\":[{\"result\":\"AAAA"),
            (302, b""),
            (408, error),
            (409, b""),
            (499, error),
            (599, error),
            (0, error),
            (202, br#"{"id":"job_1","status":"queued","message":"being drawn"}"#),
            (200, br#"{"error":{"code":"x"},"output":[{"result":"AAAA"}]}"#),
            (502, b"null"),
            (502, br#"{"message":"Internal server error"}"#),
            (502, br#"{"error":{"code":"upstream_disconnected"}}"#),
            (502, br#"{"error":{"type":"upstream_error"}}"#),
            (422, b"RBAC: access denied"),
            (500, br#"{"error":{"code":"timeout"}}"#),
            (403, br#"{"message":"RBAC: access denied"}"#),
            (
                502,
                b"{\"error\":{\"message\":\"upstream connect error or disconnect/reset \
                before headers. reset reason: protocol error\"}}",
            ),
            (403, b"RBAC: access denied"),
            (429, b"local_rate_limited"),
        ] {
            assert!(leaves_open(status, body), "{status} {}", String::from_utf8_lossy(body));
        }
        for (status, body) in [
            (502, error),
            (500, b"<html>".as_slice()),
            (503, b""),
            (429, b"slow down"),
            (429, error),
            (401, b""),
            (403, error),
            (400, error),
            (404, error),
            (200, error),
            (200, br#"{"detail":"no"}"#),
            (405, b""),
            (422, error),
            (521, b""),
        ] {
            assert!(!leaves_open(status, body), "{status} {}", String::from_utf8_lossy(body));
        }
    }

    #[test]
    fn the_details_decide_the_failure() {
        for (status, details, failure) in [
            (503, "no_healthy_upstream", Failure::Upstream(UpstreamFailure::Unreachable)),
            (503, "cluster_not_found", Failure::Gateway(GatewayFailure::RouteMissing)),
            (
                503,
                "upstream_reset_before_response_started{connection_timeout}",
                Failure::Upstream(UpstreamFailure::Unreachable),
            ),
            (404, "route_not_found", Failure::Gateway(GatewayFailure::RouteMissing)),
            (404, "cluster_not_found", Failure::Gateway(GatewayFailure::RouteMissing)),
            (
                503,
                "upstream_reset_before_response_started{connection_termination}",
                Failure::Upstream(UpstreamFailure::Disconnected),
            ),
            (
                502,
                "upstream_reset_before_response_started{remote_reset}",
                Failure::Upstream(UpstreamFailure::Disconnected),
            ),
            (
                503,
                "upstream_reset_before_response_started{remote_refused_stream_reset}",
                Failure::Upstream(UpstreamFailure::Unreachable),
            ),
            (
                503,
                "upstream_reset_before_response_started{remote_connection_failure|delayed}",
                Failure::Upstream(UpstreamFailure::Unreachable),
            ),
            (
                502,
                "upstream_reset_before_response_started{protocol_error}",
                Failure::Upstream(UpstreamFailure::InvalidResponse),
            ),
            (503, "upstream_reset_before_response_started{overflow}", Failure::overloaded()),
            (503, "overload", Failure::overloaded()),
            (504, "response_timeout", Failure::Upstream(UpstreamFailure::Timeout)),
            (504, "upstream_per_try_timeout", Failure::Upstream(UpstreamFailure::Timeout)),
            (
                504,
                "upstream_max_stream_duration_reached",
                Failure::Upstream(UpstreamFailure::Timeout),
            ),
            (504, "stream_idle_timeout", Failure::Upstream(UpstreamFailure::Timeout)),
            (408, "request_overall_timeout", Failure::Client(ClientFailure::BodyTimeout)),
            (413, "request_payload_too_large", Failure::Client(ClientFailure::UpstreamTooLarge)),
            (
                500,
                "response_payload_too_large",
                Failure::Upstream(UpstreamFailure::InvalidResponse),
            ),
            (
                403,
                "rbac_access_denied_matched_policy[none]",
                Failure::Client(ClientFailure::GatewayDenied),
            ),
            (
                429,
                "request_rate_limited",
                Failure::Upstream(UpstreamFailure::RateLimited { retry_after: DENIED_WAIT }),
            ),
            (500, "", Failure::Upstream(UpstreamFailure::Unreachable)),
        ] {
            assert_eq!(from_envoy(status, details), failure, "{status} {details}");
        }
    }
}

//! Answers that Envoy gave in the upstream's place.
//!
//! Envoy says why in `response.code_details` ("Response code details" in its documentation); the
//! status alone is ambiguous: it answers 503 for a refused connection and for a full queue alike.

use serde_json::Value;

use crate::openai::error::{ClientFailure, Failure, GatewayFailure, UpstreamFailure};

/// The failure behind a local reply of Envoy with `status` and `details`.
#[must_use]
pub fn from_envoy(status: u16, details: &str) -> Failure {
    let says = |phrases: &[&str]| phrases.iter().any(|phrase| details.contains(phrase));
    // Envoy chose no route, or the one that is for all other requests.
    if says(&["route_not_found", "cluster_not_found"]) {
        return Failure::Gateway(GatewayFailure::RouteMissing);
    }
    // A host that does not answer the connection was not asked anything.
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

/// The failure behind an answer whose body has Envoy's own words: that of a side call, which has no details,
/// or of another Envoy on the way. `None` if it has none.
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
            () => Failure::Upstream(UpstreamFailure::Unreachable),
        }),
        _ => None,
    }
}

/// Whether a request that was answered with `details` has certainly not reached an upstream, for want of one
/// that could be connected to. What other filters refuse is not theirs alone to decide: it is no such case.
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

/// Whether Envoy answered because no connection to the upstream can be made.
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

/// The word that `details` begin with, and the reason of a reset. What follows comes from others: the name of
/// a policy, the words of a library.
fn parts(details: &str) -> (&str, &str) {
    let (word, reason) = details.split_at(details.find(['[', '{']).unwrap_or(details.len()));
    (word, reason.split('|').next().unwrap_or_default())
}

/// Whether Envoy says in a body that the upstream refused the stream, as it does while it shuts a
/// connection down.
pub(super) fn is_stream_refused(body: &[u8]) -> bool {
    let words = std::str::from_utf8(body).unwrap_or_default();
    words.contains(RESET_WORDS) && words.contains("refused stream reset")
}

/// Whether an answer of `status` with `body` leaves open that the upstream has drawn, or that it is not the
/// upstream that refuses: another must not be asked. What may move on is listed; everything else stays.
#[must_use]
pub fn leaves_open(status: u16, body: &[u8]) -> bool {
    let words = std::str::from_utf8(body).unwrap_or_default();
    let document = serde_json::from_slice::<Value>(body).unwrap_or_default();
    match status {
        // An error told with a status of success; not a document that is cut, or has an image.
        200 => {
            let has_output =
                document.get("output").and_then(Value::as_array).is_some_and(|it| !it.is_empty());
            has_output || error_words(&document).is_none() && document.get("detail").is_none()
        }
        // A side call has no details of Envoy's, only these words; nor has another Envoy on the way.
        // 409: it may be drawing already.
        408 | 409 | 499 => true,
        400..=498 => MESH_WORDS.iter().any(|it| words.contains(it)),
        // A gateway whose own upstream broke off says so in words or in HTML.
        502 if error_words(&document).is_none() => true,
        // 521, 523, 525 and 526: a gateway that many stand behind has found nobody to connect to.
        500 | 502 | 503 | 521 | 523 | 525 | 526 => {
            let mut told = error_words(&document).into_iter().flatten().flatten();
            may_have_left(words) || told.any(|word| OPEN_WORDS.contains(&word))
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

/// Whether Envoy says that a connection broke before a head came: the upstream, here or behind another proxy,
/// may have the request.
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
/// Codes and types of an error by which another gateway, one of these among them, tells of time-outs, broken
/// connections and images that it could not hand on.
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
/// What filters of Envoy say that refuse.
const MESH_WORDS: [&str; 2] = ["RBAC: access denied", "local_rate_limited"];

/// Envoy's rate limits count in seconds or minutes, and its reply does not say which.
const DENIED_WAIT: std::time::Duration = std::time::Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::{DENIED_WAIT, from_envoy, leaves_open, never_left};
    use crate::openai::error::{ClientFailure, Failure, GatewayFailure, UpstreamFailure};

    #[test]
    fn only_what_never_left_may_be_asked_of_another() {
        for details in [
            "no_healthy_upstream",
            "cluster_not_found",
            "route_not_found",
            "maintenance_mode",
            "upstream_reset_before_response_started{overflow}",
            "upstream_reset_before_response_started{connection_failure}",
            "upstream_reset_before_response_started{connection_timeout}",
            "upstream_reset_before_response_started{remote_connection_failure|delayed_connect_error:_111}",
            "upstream_reset_before_response_started{remote_refused_stream_reset}",
        ] {
            assert!(never_left(details), "{details}");
        }
        for details in [
            "",
            "upstream_reset_before_response_started{connection_termination}",
            "upstream_reset_before_response_started{remote_reset}",
            "upstream_reset_before_response_started{connection_termination|TLS_error:_connection_failure}",
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
    fn a_side_call_tells_by_its_words_whether_it_may_have_left() {
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
    fn what_is_nobodys_refusal_is_asked_of_nobody_else() {
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
            (502, br#"{"error":{"message":"upstream connect error or disconnect/reset before headers. reset reason: protocol error"}}"#),
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
    fn the_details_say_what_happened() {
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

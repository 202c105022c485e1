//! Answers that Envoy gave in the upstream's place.
//!
//! Envoy says why in `response.code_details` ("Response code details" in its documentation); the
//! status alone is ambiguous: it answers 503 for a refused connection and for a full queue alike.

use crate::openai::error::Failure;

/// The failure behind a local reply of Envoy with `status` and `details`.
#[must_use]
pub fn from_envoy(status: u16, details: &str) -> Failure {
    let says = |phrases: &[&str]| phrases.iter().any(|phrase| details.contains(phrase));
    if says(&["overflow", "overload", "maintenance_mode"]) {
        return Failure::overloaded();
    }
    if says(&["request_payload_too_large"]) {
        return Failure::UpstreamTooLarge;
    }
    if says(&["response_payload_too_large", "protocol_error", "http1.", "http2.", "http3."]) {
        return Failure::UpstreamGarbled;
    }
    if says(&["request_overall_timeout", "request_header_timeout"]) {
        return Failure::BodyTimeout;
    }
    if says(&["timeout", "max_stream_duration"]) {
        return Failure::UpstreamTimeout;
    }
    match status {
        400 | 431 => Failure::HeadersInvalid,
        401 | 403 => Failure::GatewayDenied,
        408 => Failure::BodyTimeout,
        413 => Failure::UpstreamTooLarge,
        429 => Failure::RateLimited { retry_after: DENIED_WAIT },
        504 => Failure::UpstreamTimeout,
        _ => Failure::UpstreamUnreachable,
    }
}

/// Whether a request that was answered with `details` has certainly not reached an upstream, for want of one
/// that could be connected to. What other filters refuse is not theirs alone to decide: it is no such case.
#[must_use]
pub fn never_left(details: &str) -> bool {
    let says = |phrase| details.contains(phrase);
    let has_no_host = ["no_healthy_upstream", "cluster_not_found", "maintenance_mode"].iter();
    let reset = details.starts_with(RESET_DETAILS);
    has_no_host.copied().any(says) || reset && (says("connection_failure") || says("{overflow"))
}

/// Whether `body` is that of Envoy's reply to a connection that broke before a head came: the upstream, here or
/// behind another proxy, may have the request. A side call has no details, only this.
#[must_use]
pub fn may_have_left(body: &[u8]) -> bool {
    let Ok(words) = std::str::from_utf8(body) else { return false };
    let says = |phrase| words.contains(phrase);
    says(RESET_WORDS) && !says("connection failure") && !says("reset reason: overflow")
}

const RESET_DETAILS: &str = "upstream_reset_before_response_started";
const RESET_WORDS: &str = "upstream connect error or disconnect/reset before headers";

/// Envoy's rate limits count in seconds or minutes, and its reply does not say which.
const DENIED_WAIT: std::time::Duration = std::time::Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::{DENIED_WAIT, from_envoy, may_have_left, never_left};
    use crate::openai::error::Failure;

    #[test]
    fn only_what_never_left_may_be_asked_of_another() {
        for details in [
            "no_healthy_upstream",
            "cluster_not_found",
            "upstream_reset_before_response_started{overflow}",
            "upstream_reset_before_response_started{connection_failure}",
            "upstream_reset_before_response_started{remote_connection_failure|delayed_connect_error:_111}",
        ] {
            assert!(never_left(details), "{details}");
        }
        for details in [
            "",
            "route_not_found",
            "upstream_reset_before_response_started{connection_termination}",
            "upstream_reset_before_response_started{remote_reset}",
            "upstream_reset_after_response_started{connection_failure}",
            "response_timeout",
            "request_rate_limited",
            "rbac_access_denied_matched_policy[none]",
            "overload",
        ] {
            assert!(!never_left(details), "{details}");
        }
    }

    #[test]
    fn a_side_call_tells_by_its_words_whether_it_may_have_left() {
        let body = |reason: &str| {
            let words = "upstream connect error or disconnect/reset before headers. reset reason: ";
            may_have_left(format!("{words}{reason}").as_bytes())
        };
        assert!(body("connection termination"));
        assert!(body("remote reset"));
        assert!(!body(
            "remote connection failure, transport failure reason: delayed connect error"
        ));
        assert!(!body("connection failure"));
        assert!(!body("overflow"));
        assert!(!may_have_left(b"no healthy upstream"));
        assert!(!may_have_left(b"{\"error\":{\"code\":\"server_error\"}}"));
        assert!(!may_have_left(b"\xff"));
    }

    #[test]
    fn the_details_say_what_happened() {
        for (status, details, failure) in [
            (503, "no_healthy_upstream", Failure::UpstreamUnreachable),
            (503, "cluster_not_found", Failure::UpstreamUnreachable),
            (404, "route_not_found", Failure::UpstreamUnreachable),
            (
                503,
                "upstream_reset_before_response_started{connection_termination}",
                Failure::UpstreamUnreachable,
            ),
            (
                502,
                "upstream_reset_before_response_started{protocol_error}",
                Failure::UpstreamGarbled,
            ),
            (503, "upstream_reset_before_response_started{overflow}", Failure::overloaded()),
            (503, "overload", Failure::overloaded()),
            (504, "response_timeout", Failure::UpstreamTimeout),
            (504, "upstream_per_try_timeout", Failure::UpstreamTimeout),
            (504, "upstream_max_stream_duration_reached", Failure::UpstreamTimeout),
            (504, "stream_idle_timeout", Failure::UpstreamTimeout),
            (408, "request_overall_timeout", Failure::BodyTimeout),
            (413, "request_payload_too_large", Failure::UpstreamTooLarge),
            (500, "response_payload_too_large", Failure::UpstreamGarbled),
            (403, "rbac_access_denied_matched_policy[none]", Failure::GatewayDenied),
            (429, "request_rate_limited", Failure::RateLimited { retry_after: DENIED_WAIT }),
            (500, "", Failure::UpstreamUnreachable),
        ] {
            assert_eq!(from_envoy(status, details), failure, "{status} {details}");
        }
    }
}

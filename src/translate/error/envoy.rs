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

/// Envoy's rate limits count in seconds or minutes, and its reply does not say which.
const DENIED_WAIT: std::time::Duration = std::time::Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::{DENIED_WAIT, from_envoy};
    use crate::openai::error::Failure;

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

//! Decides whether an error means that its upstream serves no request for now, so that it is not
//! called for a while.
//!
//! Only what a client cannot cause counts: a status, a code, a type or a header. A message may
//! quote a prompt, so it can only prevent a rest. An error about one request says nothing about the
//! next.

use std::time::Duration;

use super::phrase::Phrase;
use super::report::Report;
use super::sense::Sense;
use super::{envoy, from_event, of_info, read_body, retry};
use crate::config::Api;
use crate::openai::error::{Failure, UpstreamFailure};
use crate::pool::{Cause, Refusal};
use crate::upstream::error::ErrorInfo;

/// What the error in a response of `status` means for the request and for its upstream. The
/// arguments are those of [`from_http`](super::from_http).
#[must_use]
pub fn judge_http(
    api: Api,
    status: u16,
    retry_after: Option<&[u8]>,
    body: &[u8],
    now: Duration,
) -> (Failure, Option<Refusal>) {
    let info = read_body(body);
    let failure = of_info(api, status, retry_after, body, &info, now);
    if envoy::leaves_open(status, body) || envoy::is_stream_refused(body) {
        return (failure, None);
    }
    let report = Report::new(api, &info, retry_after, now);
    let refusal = rest(&report, &failure, Some(status), retry_after, &info, now);
    (failure, refusal)
}

/// What an `error` or `response.failed` event, or an output item's `error`, means for the request
/// and for its upstream.
#[must_use]
pub fn judge_event(api: Api, info: &ErrorInfo, now: Duration) -> (Failure, Option<Refusal>) {
    let failure = from_event(api, info, now);
    let status = info.code.as_deref().and_then(|code| code.parse().ok());
    let refusal = rest(&Report::new(api, info, None, now), &failure, status, None, info, now);
    (failure, refusal)
}

/// What a response of Envoy itself, with the reason `details`, means for the upstream.
#[must_use]
pub fn rest_of_envoy(details: &str) -> Option<Refusal> {
    envoy::is_unreachable(details).then_some(Refusal::of(Cause::Unreachable))
}

fn rest(
    report: &Report<'_>,
    failure: &Failure,
    status: Option<u16>,
    retry_after: Option<&[u8]>,
    info: &ErrorInfo,
    now: Duration,
) -> Option<Refusal> {
    let sense = report.sense();
    let is_status = |list: &[u16]| status.is_some_and(|status| list.contains(&status));
    let wait = retry::named(info, retry_after, now);
    let cause = match failure {
        Failure::Upstream(UpstreamFailure::RateLimited { .. })
            if is_too_much_alone(sense, info) =>
        {
            return None;
        }
        Failure::Upstream(UpstreamFailure::RateLimited { .. }) => Cause::RateLimited,
        Failure::Upstream(UpstreamFailure::QuotaExhausted)
            if is_status(&[402, 429]) || sense == Some(Sense::Money) =>
        {
            Cause::QuotaExhausted
        }
        // A 403 may be about one request.
        Failure::Upstream(UpstreamFailure::Credential)
            if is_status(&[401])
                || sense == Some(Sense::Credential)
                    && !is_status(&[403])
                    && !may_be_one_request(info) =>
        {
            Cause::CredentialRefused
        }
        // Without a time it may concern one model, or one moment.
        Failure::Upstream(UpstreamFailure::Overloaded { .. }) if wait.is_some() => {
            Cause::Overloaded
        }
        Failure::Upstream(UpstreamFailure::Unreachable) => Cause::Unreachable,
        _ => return None,
    };
    // A renewed credential or a new connection must be found soon, so a named wait is ignored.
    let wait = wait.filter(|_| cause.is_limit() || cause == Cause::Overloaded);
    Some(Refusal { cause, wait, hint: retry::hinted(info) })
}

/// Whether the request exceeds a limit on its own, such as with more reference images than a minute
/// allows, or a relay reports a refused request as 429. The next request may be served.
fn is_too_much_alone(sense: Option<Sense>, info: &ErrorInfo) -> bool {
    let message = info.message.as_deref().unwrap_or_default().as_bytes();
    let start = message.get(..TOO_LARGE.len()).unwrap_or_default();
    start.eq_ignore_ascii_case(TOO_LARGE)
        || matches!(sense, Some(Sense::Content | Sense::Prompt | Sense::Value | Sense::TooLong))
}

/// Whether the denial may be about an image that the client names, or about one thing that it asks
/// for.
fn may_be_one_request(info: &ErrorInfo) -> bool {
    let is_denial = |word: &String| {
        let word = word.to_ascii_lowercase();
        word.contains("permission") || word.contains("access") && word.contains("denied")
    };
    let phrase = info.message.as_deref().and_then(Phrase::of);
    info.param.is_some()
        || [&info.code, &info.kind, &info.inner].into_iter().flatten().any(is_denial)
        || matches!(phrase, Some(Phrase::Image | Phrase::Download))
}

/// OpenAI's message for a request that never fits, however long the wait: `Request too large for …
/// on input-images per min (IPM): Limit 5, Requested 16.`
const TOO_LARGE: &[u8] = b"request too large";

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const NOW: Duration = Duration::from_secs(1_777_922_696);

    fn of(status: u16, body: &Value) -> Option<Refusal> {
        judge_http(Api::Responses, status, None, body.to_string().as_bytes(), NOW).1
    }

    fn error(members: &Value) -> Value {
        json!({ "error": members })
    }

    #[test]
    fn a_problem_of_the_account_rests_its_upstream() {
        for (status, body, cause, wait) in [
            (
                429,
                error(&json!({"type": "usage_limit_reached", "resets_in_seconds": 602_705})),
                Cause::RateLimited,
                Some(602_705),
            ),
            (
                429,
                error(&json!({"type": "usage_limit_reached", "resets_at": 1_777_922_796})),
                Cause::RateLimited,
                Some(100),
            ),
            (429, json!("slow down"), Cause::RateLimited, None),
            (429, error(&json!({"type": "insufficient_quota"})), Cause::QuotaExhausted, None),
            (
                400,
                error(&json!({"code": "billing_hard_limit_reached"})),
                Cause::QuotaExhausted,
                None,
            ),
            (402, json!({"detail": {"code": "no_money"}}), Cause::QuotaExhausted, None),
            (
                402,
                json!({"detail": {"code": "deactivated_workspace"}}),
                Cause::CredentialRefused,
                None,
            ),
            (401, json!({}), Cause::CredentialRefused, None),
            (401, error(&json!({"code": "token_expired"})), Cause::CredentialRefused, None),
            (523, json!({}), Cause::Unreachable, None),
        ] {
            let rest = of(status, &body);
            assert_eq!(
                rest.map(|it| (it.cause, it.wait)),
                Some((cause, wait.map(Duration::from_secs))),
                "{status} {body}"
            );
        }
    }

    #[test]
    fn an_error_of_one_request_rests_no_upstream() {
        for (status, body) in [
            (400, error(&json!({"code": "moderation_blocked"}))),
            (400, error(&json!({"message": "insufficient balance. Please try again in 7 days."}))),
            (400, error(&json!({"message": "The prompt says: rate limit reached"}))),
            (400, error(&json!({"code": "invalid_value", "param": "size"}))),
            (400, error(&json!({"message": "GIF output is not enabled for this request."}))),
            (403, error(&json!({"code": "permission_denied"}))),
            (403, json!("<html>Attention Required</html>")),
            (404, error(&json!({"code": "model_not_found"}))),
            (409, error(&json!({"code": "busy"}))),
            (413, json!({})),
            (429, json!({"message": "local_rate_limited"})),
            (500, error(&json!({"type": "server_error"}))),
            (503, error(&json!({"code": "server_is_overloaded"}))),
            (504, json!({})),
        ] {
            assert_eq!(of(status, &body), None, "{status} {body}");
        }
        assert_eq!(
            judge_http(Api::Images, 429, None, b"local_rate_limited", NOW).1,
            None,
            "a limit of the mesh"
        );
    }

    #[test]
    fn an_overload_rests_for_the_time_that_it_names() {
        let body = br#"{"error":{"code":"server_is_overloaded"}}"#;
        let rest = judge_http(Api::Images, 503, Some(b"9"), body, NOW).1;
        assert_eq!(
            rest.map(|it| (it.cause, it.wait)),
            Some((Cause::Overloaded, Some(Duration::from_secs(9))))
        );
    }

    #[test]
    fn a_time_in_a_message_is_only_a_hint() {
        let limited = error(&json!({"code": "rate_limit_exceeded",
            "message": "Rate limit reached. Please try again in 20s."}));
        let rest = of(429, &limited);
        let hint = Some(Duration::from_secs(20));
        assert_eq!(rest, Some(Refusal { hint, ..Refusal::of(Cause::RateLimited) }));
    }

    #[test]
    fn events_rest_like_statuses() {
        let info = |code: &str| ErrorInfo { code: Some(code.to_owned()), ..ErrorInfo::default() };
        let of = |code: &str| judge_event(Api::Responses, &info(code), NOW).1.map(|it| it.cause);
        assert_eq!(of("rate_limit_exceeded"), Some(Cause::RateLimited));
        assert_eq!(of("401"), Some(Cause::CredentialRefused));
        assert_eq!(of("server_error"), None);
        assert_eq!(of("moderation_blocked"), None);
    }

    #[test]
    fn only_a_connection_that_fails_makes_an_upstream_unreachable() {
        for (details, is) in [
            ("no_healthy_upstream", true),
            ("upstream_reset_before_response_started{connection_timeout}", true),
            (
                concat!(
                    "upstream_reset_before_response_started{remote_connection_failure|",
                    "delayed_connect_error:_111}"
                ),
                true,
            ),
            ("upstream_reset_before_response_started{remote_refused_stream_reset}", false),
            ("upstream_reset_before_response_started{connection_termination}", false),
            ("upstream_reset_before_response_started{overflow}", false),
            ("cluster_not_found", false),
            ("route_not_found", false),
            ("response_timeout", false),
        ] {
            assert_eq!(rest_of_envoy(details).is_some(), is, "{details}");
        }
        let refused = b"upstream connect error or disconnect/reset before headers. reset reason: ";
        let body = |reason: &str| [refused.as_slice(), reason.as_bytes()].concat();
        let rest = |reason| judge_http(Api::Images, 503, None, &body(reason), NOW).1;
        assert!(rest("connection failure").is_some());
        assert!(rest("refused stream reset").is_none());
        assert!(rest("connection termination").is_none());
    }
}

use std::time::Duration;

use super::{
    Advice, Failure, KeyReason, Kind, ModerationDetails,
    table::{Class, Param, RetryRule},
};
use crate::openai::error::{ClientFailure, GatewayFailure, UpstreamFailure};
use crate::openai::{
    choice::Choice,
    reference_image::ReferenceFault,
    request::{ImageRequest, Limits},
};

fn body(failure: &Failure) -> String {
    String::from_utf8(failure.to_api().write()).unwrap()
}

#[test]
fn all_four_keys_are_always_there() {
    assert_eq!(
        body(&Failure::Upstream(UpstreamFailure::Disconnected)),
        r#"{"error":{"message":"The image service ended its answer before the image was complete.","type":"server_error","param":null,"code":"upstream_disconnected"}}"#
    );
}

#[test]
fn the_details_of_a_refusal_are_written() {
    let details =
        ModerationDetails { stage: "input".to_owned(), categories: vec!["violence".to_owned()] };
    let refusal = Failure::Client(ClientFailure::Refused {
        message: "No {message}.".to_owned(),
        details: Some(details),
    });
    assert_eq!(
        body(&refusal),
        r#"{"error":{"message":"No {message}.","type":"image_generation_user_error","param":null,"code":"moderation_blocked","moderation_details":{"moderation_stage":"input","categories":["violence"]}}}"#
    );
}

#[test]
fn a_clients_value_is_shortened_and_escaped() {
    let error =
        Failure::Client(ClientFailure::ModelUnknown { model: format!("a\"\n{}", "x".repeat(500)) })
            .to_api();
    assert_eq!(error.param.as_deref(), Some("model"));
    assert!(error.message.starts_with("The model 'a\"\\u{a}xxx"), "{}", error.message);
    assert!(error.message.len() < 120);
}

#[test]
fn a_request_error_keeps_its_own_words() {
    let error = ImageRequest::parse(br#"{"prompt":1}"#, &Limits::default()).unwrap_err();
    let api = Failure::from(error.clone()).to_api();
    assert_eq!((api.status, api.kind), (400, Kind::InvalidRequest));
    assert_eq!(api.message, error.message);
    assert_eq!((api.param.as_deref(), api.code), (Some("prompt"), Some("invalid_type")));
}

#[test]
fn a_wait_is_sent_in_seconds_and_milliseconds() {
    for (wait, seconds, millis) in [(0, "1", "1"), (467, "1", "467"), (1500, "2", "1500")] {
        let failure = Failure::Upstream(UpstreamFailure::RateLimited {
            retry_after: Duration::from_millis(wait),
        });
        let expected = vec![
            ("content-type", "application/json".to_owned()),
            ("retry-after", seconds.to_owned()),
            ("retry-after-ms", millis.to_owned()),
        ];
        assert_eq!(failure.to_api().headers(), expected);
        assert!(failure.to_api().message.ends_with(&format!("try again in {seconds} s.")));
    }
}

#[test]
fn a_long_wait_is_not_for_the_client_to_sleep_through() {
    let wait = |secs| {
        Failure::Upstream(UpstreamFailure::RateLimited { retry_after: Duration::from_secs(secs) })
            .to_api()
    };
    assert_eq!(wait(61).retry.advice, Advice::ByStatus);
    assert_eq!(wait(62).retry.advice, Advice::Never);
    let headers = wait(u64::MAX).headers();
    assert!(headers.contains(&("x-should-retry", "false".to_owned())));
    assert!(headers.contains(&("retry-after", u64::MAX.to_string())));
}

#[test]
fn some_statuses_need_a_header_of_their_own() {
    let headers = Failure::Client(ClientFailure::Key(KeyReason::Missing)).to_api().headers();
    assert!(headers.contains(&("www-authenticate", "Bearer".to_owned())));
    let headers =
        Failure::Client(ClientFailure::MethodNotAllowed { allow: "POST" }).to_api().headers();
    assert!(headers.contains(&("allow", "POST".to_owned())));
    let headers = Failure::Upstream(UpstreamFailure::QuotaExhausted).to_api().headers();
    assert!(headers.contains(&("x-should-retry", "false".to_owned())));
}

#[test]
fn what_only_an_operator_can_fix_is_not_tried_again() {
    for failure in [
        Failure::Gateway(GatewayFailure::Misconfigured),
        Failure::Upstream(UpstreamFailure::ReturnedUrl),
        Failure::Upstream(UpstreamFailure::Credential),
        Failure::Upstream(UpstreamFailure::NotEntitled),
        Failure::Upstream(UpstreamFailure::RejectsUs),
        Failure::Upstream(UpstreamFailure::QuotaExhausted),
    ] {
        let headers = failure.to_api().headers();
        assert!(headers.contains(&("x-should-retry", "false".to_owned())), "{failure:?}");
    }
}

#[test]
fn every_row_is_complete() {
    for class in Class::ALL {
        let row = class.row();
        assert!(!row.when.is_empty() && !row.codes.is_empty(), "{class:?}");
        assert!((400..=599).contains(&row.status), "{class:?}");
        assert!(row.message.ends_with(['.', '}']), "{class:?}");
        let is_ours = row.kind == Kind::Server;
        assert_eq!(row.status >= 500, is_ours, "{class:?}");
        assert!(!is_ours || row.param == Param::Null, "{class:?}");
        let waits = matches!(row.status, 429 | 503) && row.retry != RetryRule::Never;
        assert_eq!(row.retry == RetryRule::After, waits, "{class:?}");
    }
}

#[test]
fn the_codes_of_images_are_all_in_the_table() {
    let row = Class::ReferenceRefused.row();
    assert_eq!(row.codes.len(), ReferenceFault::ALL.len());
    let own = Class::ReferenceMalformed.row();
    assert!(own.codes.iter().all(|code| row.codes.contains(code)));
}

/// Metrics count a failure of a call against its upstream by its group, and clients decide by the
/// status. Both must say the same.
#[test]
fn the_clients_failures_are_those_whose_status_says_so() {
    let unknown = || "x".to_owned();
    let by_status = |failure: &Failure| {
        let status = failure.to_api().status;
        status < 500 && status != 429
    };
    let client = [
        Failure::from(ClientFailure::ModelRefused),
        ClientFailure::UpstreamTooLarge.into(),
        ClientFailure::GatewayDenied.into(),
        ClientFailure::PriceUnavailable { model: unknown() }.into(),
        ClientFailure::Refused { message: unknown(), details: None }.into(),
        ClientFailure::PromptInvalid { message: unknown() }.into(),
        ClientFailure::BodyTimeout.into(),
    ];
    assert!(client.iter().all(|it| it.is_clients() && by_status(it)));
    let retry_after = Duration::from_secs(1);
    let others = [
        Failure::from(UpstreamFailure::RateLimited { retry_after }),
        UpstreamFailure::QuotaExhausted.into(),
        UpstreamFailure::Credential.into(),
        UpstreamFailure::ImageTooLarge { limit: 1 }.into(),
        UpstreamFailure::AllRest { retry_after }.into(),
        GatewayFailure::LimitsUnavailable.into(),
        GatewayFailure::KeysUnread.into(),
        GatewayFailure::RouteMissing.into(),
        Failure::overloaded(),
    ];
    assert!(others.iter().all(|it| !it.is_clients() && !by_status(it)));
}

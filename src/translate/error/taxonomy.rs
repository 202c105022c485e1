//! Tests whose fault each error body of an upstream is: `tests/fixtures/taxonomy.json`.
//!
//! Each case also runs with an unknown code. `unknown` is whose fault it is then, if only the code
//! shows it.

use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use super::{from_event, from_http, from_incomplete, leaves_open};
use crate::openai::error::{ClientFailure, UpstreamFailure};
use crate::{config::Api, openai::error::Failure, upstream::error::ErrorInfo};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    /// Its number among the kinds of bodies.
    row: u8,
    api: Api,
    /// The status of a response. An event has none.
    status: Option<u16>,
    #[serde(default)]
    body: Value,
    event: Option<Value>,
    fault: Fault,
    #[serde(rename = "drawn")]
    generated: Generated,
    unknown: Option<Fault>,
}

/// Whose fault an error is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
enum Fault {
    /// The client's input.
    #[serde(rename = "IN")]
    Input,
    /// The client's content.
    #[serde(rename = "CO")]
    Content,
    /// The operator's credential or plan.
    #[serde(rename = "CR")]
    Credential,
    /// The operator's configuration.
    #[serde(rename = "CF")]
    Configuration,
    /// The upstream has no capacity.
    #[serde(rename = "CA")]
    Capacity,
    /// The upstream is broken.
    #[serde(rename = "BR")]
    Broken,
}

/// Whether an image has been generated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Generated {
    No,
    Maybe,
    Yes,
}

impl Fault {
    fn of(failure: &Failure) -> Self {
        match failure {
            Failure::Client(ClientFailure::ValueRefused { .. })
            | Failure::Client(ClientFailure::ReferenceInvalid { .. })
            | Failure::Client(ClientFailure::UpstreamTooLarge) => Self::Input,
            Failure::Client(ClientFailure::Refused { .. })
            | Failure::Client(ClientFailure::PromptInvalid { .. }) => Self::Content,
            Failure::Upstream(UpstreamFailure::Credential)
            | Failure::Upstream(UpstreamFailure::NotEntitled)
            | Failure::Upstream(UpstreamFailure::QuotaExhausted) => Self::Credential,
            Failure::Upstream(UpstreamFailure::RejectsUs)
            | Failure::Upstream(UpstreamFailure::Blocked)
            | Failure::Client(ClientFailure::ModelRefused) => Self::Configuration,
            Failure::Upstream(UpstreamFailure::RateLimited { .. })
            | Failure::Upstream(UpstreamFailure::Overloaded { .. }) => Self::Capacity,
            Failure::Upstream(UpstreamFailure::Failed)
            | Failure::Upstream(UpstreamFailure::Timeout)
            | Failure::Upstream(UpstreamFailure::NoImage) => Self::Broken,
            other => panic!("{other:?}"),
        }
    }

    /// Whether the client gets a status that fits.
    fn has_status(self, failure: &Failure) -> bool {
        let status = failure.to_api().status;
        match self {
            Self::Input => status == 400 || status == 413,
            Self::Content => status == 400,
            Self::Credential => {
                status == 502 || *failure == Failure::Upstream(UpstreamFailure::QuotaExhausted)
            }
            Self::Configuration => {
                status == 502 || *failure == Failure::Client(ClientFailure::ModelRefused)
            }
            Self::Capacity => matches!(status, 429 | 503) && failure.to_api().retry.after.is_some(),
            Self::Broken => matches!(status, 502 | 504),
        }
    }
}

fn cases() -> Vec<Case> {
    serde_json::from_str(include_str!("../../../tests/fixtures/taxonomy.json")).unwrap()
}

/// The failure, and whether another upstream may be called without the risk of a second image.
fn judge(case: &Case) -> (Failure, bool) {
    const NOW: Duration = Duration::from_secs(1_795_348_800);
    let (failure, stays) = match (&case.event, case.status) {
        (Some(event), None) => {
            let reason = event.pointer("/response/incomplete_details/reason");
            let failure = match reason.and_then(Value::as_str) {
                Some(reason) => from_incomplete(Some(reason)),
                None => from_event(case.api, &ErrorInfo::read(event).unwrap_or_default(), NOW),
            };
            (failure, false)
        }
        (None, Some(status)) => {
            let body = match &case.body {
                Value::String(text) => text.clone(),
                json => json.to_string(),
            };
            let failure = from_http(case.api, status, None, body.as_bytes(), NOW);
            (failure, leaves_open(status, body.as_bytes()))
        }
        _ => panic!("{case:?}"),
    };
    let may_have_generated = Fault::of(&failure) == Fault::Broken;
    (failure, !stays && !may_have_generated)
}

#[test]
fn each_body_is_judged_by_its_cause() {
    let cases = cases();
    assert!(cases.len() > 150);
    let mut wrong = Vec::new();
    for case in &cases {
        let (failure, moves_on) = judge(case);
        let fault = Fault::of(&failure);
        // After the client's own errors no other upstream is called in any case.
        let is_clients = matches!(case.fault, Fault::Input | Fault::Content);
        let is_fail_over_right = is_clients || moves_on == (case.generated == Generated::No);
        if fault != case.fault || !case.fault.has_status(&failure) || !is_fail_over_right {
            wrong.push(format!("{case:?}: {failure:?}, moves on: {moves_on}"));
        }
    }
    assert!(wrong.is_empty(), "{}: {wrong:#?}", wrong.len());
}

#[test]
fn an_unknown_code_is_judged_correctly() {
    let mut wrong = Vec::new();
    for mut case in cases() {
        let document = case.event.as_mut().unwrap_or(&mut case.body);
        if !obscure(document) {
            continue;
        }
        let expected = case.unknown.unwrap_or(case.fault);
        let (failure, _) = judge(&case);
        if Fault::of(&failure) != expected {
            wrong.push(format!("{case:?}: {failure:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}: {wrong:#?}", wrong.len());
}

/// Changes each code. Returns whether there is one.
fn obscure(value: &mut Value) -> bool {
    match value {
        Value::Object(members) => members.iter_mut().fold(false, |any, (name, value)| {
            let is_code = ["code", "status_code"].contains(&name.as_str()) && !value.is_null();
            if is_code {
                *value = Value::from("glowing_marble");
            }
            any | is_code | (!is_code && obscure(value))
        }),
        Value::Array(entries) => entries.iter_mut().fold(false, |any, it| any | obscure(it)),
        _ => false,
    }
}

/// A client's invalid image or value never makes the operator look for an error of their own.
#[test]
fn a_client_error_does_not_blame_the_operator() {
    for case in cases().iter().filter(|it| matches!(it.fault, Fault::Input | Fault::Content)) {
        let (failure, _) = judge(case);
        assert!(failure.is_clients(), "row {}: {failure:?}", case.row);
    }
}

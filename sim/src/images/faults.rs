//! Which faults apply to the Images API, and its own wording of rejections.

use std::time::Duration;

use super::request::Delivery;
use crate::{
    faults::{AnswerFault, Fault, ScriptFault, WireFault},
    rejection::Rejection,
    settings::Settings,
};

/// Rejects a fault that does not apply to an answer of this kind: a test with a mistake in it
/// should not pass. `usual` are the settings for every prompt.
///
/// # Errors
///
/// The rejection.
pub fn check(settings: &Settings, usual: &Settings, delivery: Delivery) -> Result<(), Rejection> {
    let stray = settings.faults.iter().find(|fault| !is_known(**fault, delivery));
    let stray = match stray {
        Some(fault) => fault.name(),
        None if settings.completed_output != usual.completed_output => "output",
        None if settings.rejected_hosts != usual.rejected_hosts => "refuse_host",
        None => return Ok(()),
    };
    let message = format!("codex-sim: [[sim:{stray}]] does not apply to this answer");
    Err(Rejection::invalid(Some("invalid_value"), "prompt", &message))
}

fn is_known(fault: Fault, delivery: Delivery) -> bool {
    let stream = delivery == Delivery::Stream;
    match fault {
        Fault::Answer(fault) => !matches!(
            fault,
            AnswerFault::NoEntitlement
                | AnswerFault::UnknownParameterN
                | AnswerFault::Instructions
                | AnswerFault::Store
                | AnswerFault::Stream
                | AnswerFault::MaxOutputTokens
                | AnswerFault::RefreshTokenExpired
                | AnswerFault::RefreshTokenReused
                | AnswerFault::RefreshTokenInvalidated
                | AnswerFault::JsonBody
        ),
        Fault::Script(fault) => match fault {
            ScriptFault::CutMidImage
            | ScriptFault::EndMidImage
            | ScriptFault::Stall
            | ScriptFault::StallMidImage
            | ScriptFault::NoUsage
            | ScriptFault::ZeroUsage
            | ScriptFault::EmptyResult
            | ScriptFault::NullResult => true,
            ScriptFault::TwoImages | ScriptFault::Empty | ScriptFault::NoMetadata => !stream,
            ScriptFault::NestedError
            | ScriptFault::CutBeforeCompleted
            | ScriptFault::PreviewThenCut
            | ScriptFault::KeepOpen
            | ScriptFault::CutAfterCompleted
            | ScriptFault::DoneMarker => stream,
            _ => false,
        },
        Fault::Wire(fault) => stream || is_for_documents(fault),
        Fault::Images(_) => !stream,
    }
}

const fn is_for_documents(fault: WireFault) -> bool {
    matches!(
        fault,
        WireFault::HangUp
            | WireFault::NoHead
            | WireFault::ResetEarly
            | WireFault::Reset
            | WireFault::WrongType
            | WireFault::NoContentType
            | WireFault::Latin1Header
            | WireFault::Bom
            | WireFault::SlowDrip
            | WireFault::EscapedSlashes
    )
}

/// An answer in place of an image, as the Codex backend phrases it.
pub fn direct_rejection(fault: AnswerFault, model: &str, now: Duration) -> Rejection {
    match fault {
        AnswerFault::Unauthorized | AnswerFault::Forbidden | AnswerFault::NotFound => {
            fault.answer(model, now)
        }
        _ => rejection(fault, model, now),
    }
}

/// An answer in place of an image, in the envelope of this API.
pub fn rejection(fault: AnswerFault, model: &str, now: Duration) -> Rejection {
    let invalid =
        |status, message| Rejection::error(status, "invalid_request_error", None, message);
    match fault {
        AnswerFault::Unauthorized => unauthorized(),
        AnswerFault::Forbidden => invalid(403, "You are not allowed to generate images."),
        AnswerFault::NotFound => invalid(404, "Invalid URL (POST /v1/images)."),
        AnswerFault::UnsupportedModel | AnswerFault::NoImageModel => {
            Rejection::cannot_generate("model", &format!("The model '{model}' does not exist."))
        }
        AnswerFault::InvalidSize => Rejection::cannot_generate(
            "size",
            "Invalid size '256x256'. Requested resolution is below the current minimum pixel budget.",
        ),
        AnswerFault::NoTransparent => Rejection::cannot_generate(
            "background",
            "Transparent background is not supported for this model.",
        ),
        AnswerFault::BadImage => Rejection::invalid(
            Some("invalid_image"),
            "image",
            "The image data you provided does not represent a valid image. Please check your input and try again.",
        ),
        AnswerFault::EmptyBody => Rejection::text(200, "application/json", ""),
        _ => fault.answer(model, now),
    }
}

/// The answer to a wrong credential.
pub fn unauthorized() -> Rejection {
    let message = "Incorrect API key provided: sk-sim****-key. You can find your API key at https://platform.openai.com/account/api-keys.";
    Rejection::error(401, "invalid_request_error", Some("invalid_api_key"), message)
}

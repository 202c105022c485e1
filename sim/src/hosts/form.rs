//! The forms in which the backend rejects a host model, each before it generates anything.

use crate::{
    event::{Event, Framing},
    json::Json,
    object,
    rejection::Rejection,
};

/// One form of the rejection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// `a`: 400 with `detail`.
    Detail,
    /// `b`: 400 with the same words in an `error` without `code` and `param`.
    Error,
    /// `c`: 200, a stream whose only event is an `error` with the same words.
    Event,
    /// `d`: 404 `Model not found …`.
    NotFound,
    /// `d-suffix`: the same, the name with an internal suffix.
    NotFoundSuffix,
    /// `e`: 404 `model_not_found`.
    NoAccess,
    /// `f`: 400, a newer Codex is needed.
    Upgrade,
    /// `g`: 400, the model does not support the image tool.
    NoTool,
}

impl Form {
    /// Every form with its name.
    pub const ALL: [(&'static str, Self); 8] = [
        ("a", Self::Detail),
        ("b", Self::Error),
        ("c", Self::Event),
        ("d", Self::NotFound),
        ("d-suffix", Self::NotFoundSuffix),
        ("e", Self::NoAccess),
        ("f", Self::Upgrade),
        ("g", Self::NoTool),
    ];

    /// The form of this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(other, _)| *other == name).map(|(_, form)| *form)
    }

    /// The answer that rejects `model`.
    pub fn reject(self, model: &str) -> Rejection {
        let unsupported = format!(
            "The '{model}' model is not supported when using Codex with a ChatGPT account."
        );
        match self {
            Self::Detail => Rejection::detail(400, &unsupported),
            Self::Error => Rejection::json(
                400,
                &object! { "error": object! {
                    "message": unsupported, "type": "invalid_request_error",
                }},
            ),
            Self::Event => event(&unsupported),
            Self::NotFound => not_found(model),
            Self::NotFoundSuffix => not_found(&format!("{model}-free-1p-codexswic-ev3")),
            Self::NoAccess => Rejection::error(
                404,
                "invalid_request_error",
                Some("model_not_found"),
                &format!("The model `{model}` does not exist or you do not have access to it."),
            ),
            Self::Upgrade => Rejection::detail(
                400,
                &format!(
                    "The '{model}' model requires a newer version of Codex. Please upgrade to the \
                     latest app or CLI and try again."
                ),
            ),
            Self::NoTool => Rejection::json(
                400,
                &object! { "error": object! {
                    "message": format!("Tool 'image_generation' is not supported with {model}"),
                    "type": "invalid_request_error", "param": "tools", "code": Json::NULL,
                }},
            ),
        }
    }
}

fn not_found(model: &str) -> Rejection {
    Rejection::json(
        404,
        &object! { "error": object! {
            "message": format!("Model not found {model}"), "type": "invalid_request_error",
            "param": "model", "code": Json::NULL,
        }},
    )
}

/// A rejection that is a stream of one event.
fn event(message: &str) -> Rejection {
    let error = object! { "type": "invalid_request_error", "message": message };
    let event = Event::new(object! { "type": "error", "status": 400, "error": error });
    Rejection {
        status: 200,
        content_type: "text/event-stream; charset=utf-8",
        body: event.write(&Framing::CODEX).into_bytes(),
        headers: Vec::new(),
    }
}

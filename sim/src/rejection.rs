//! Answers that are no stream: a status and a small body, with the wording of Codex.

use crate::{json::Json, object};

/// An HTTP answer with a body of a few hundred bytes.
#[derive(Clone, Debug, PartialEq)]
pub struct Rejection {
    /// The HTTP status.
    pub status: u16,
    /// The media type of the body.
    pub content_type: &'static str,
    /// The body.
    pub body: Vec<u8>,
    /// More headers; each replaces the usual one of its name.
    pub headers: Vec<(&'static str, String)>,
}

impl Rejection {
    /// A JSON body.
    pub fn json(status: u16, body: &Json) -> Self {
        Self {
            status,
            content_type: "application/json",
            body: body.to_bytes(),
            headers: Vec::new(),
        }
    }

    /// The backend's own short form: `{"detail":"…"}`.
    pub fn detail(status: u16, text: &str) -> Self {
        Self::json(status, &object! { "detail": text })
    }

    /// The OpenAI envelope, with `invalid_request_error`.
    pub fn invalid(code: Option<&str>, param: &str, message: &str) -> Self {
        let code = code.map_or(Json::NULL, Json::from);
        let error = object! { "message": message, "type": "invalid_request_error", "param": param, "code": code };
        Self::json(400, &object! { "error": error })
    }

    /// A value that the model cannot generate, and the parameter to name.
    pub fn cannot_generate(param: &str, message: &str) -> Self {
        let error = object! {
            "message": message, "type": "image_generation_user_error", "param": param, "code": "invalid_value",
        };
        Self::json(400, &object! { "error": error })
    }

    /// A parameter that does not exist.
    pub fn unknown_parameter(path: &str) -> Self {
        Self::invalid(Some("unknown_parameter"), path, &format!("Unknown parameter: '{path}'."))
    }

    /// The OpenAI envelope about no parameter.
    pub fn error(status: u16, kind: &str, code: Option<&str>, message: &str) -> Self {
        let code = code.map_or(Json::NULL, Json::from);
        let error = object! { "message": message, "type": kind, "param": Json::NULL, "code": code };
        Self::json(status, &object! { "error": error })
    }

    /// Text of another type.
    pub fn text(status: u16, content_type: &'static str, body: &str) -> Self {
        Self { status, content_type, body: body.into(), headers: Vec::new() }
    }

    /// The same answer with one more header.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

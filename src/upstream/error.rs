//! An error that the upstream reports, in any of its shapes.
//!
//! The documentation knows one shape. Recordings know more: errors nested in `error`, in
//! `response.error`, in an output item or in an entry of `data` or `errors`; flat ones; an error
//! that is a bare word; the `{"detail": …}` of the backend of Codex, and FastAPI's list of that
//! name; `base_resp`; and the reasons for which Gemini and BFL end without an image.
//! [`ErrorInfo::read`] reads them all and classifies none.

use serde_json::{Map, Value};

/// One error of the upstream. A field is `None` if it is absent, empty or of another type.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ErrorInfo {
    /// `code`. A number is written in digits.
    pub code: Option<String>,
    /// `type`, or else a `status` in words.
    pub kind: Option<String>,
    /// The inner code: `inner_error.code`, `details[].reason`.
    pub inner: Option<String>,
    /// `message`, or the field that some upstreams have instead.
    pub message: Option<String>,
    /// `param`, or `loc`: a field of the request.
    pub param: Option<String>,
    /// Unix seconds at which a usage limit ends.
    pub resets_at: Option<u64>,
    /// Seconds until a usage limit ends.
    pub resets_in_seconds: Option<u64>,
    /// The safety system's details.
    pub moderation: Option<Moderation>,
    /// The result of a content filter is reported: `content_filter_results`, `metadata.reasons`.
    pub is_filtered: bool,
}

/// The reason of the safety system for a refusal.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Moderation {
    /// `input`, `output` or `unknown`.
    pub stage: Option<String>,
    /// What it found.
    pub categories: Vec<String>,
}

impl ErrorInfo {
    /// Reads the error in an HTTP body, an event, or an output item. `None` if there is none.
    #[must_use]
    pub fn read(value: &Value) -> Option<Self> {
        let object = value.as_object()?;
        Self::nested(object)
            .or_else(|| Self::listed(object))
            .or_else(|| Self::ended(object))
            .or_else(|| {
                let flat = Self::read_fields(object);
                (flat != Self::default()).then_some(flat)
            })
    }

    /// An error that is nested in a member.
    fn nested(object: &Map<String, Value>) -> Option<Self> {
        let within = |outer: &str| object.get(outer).and_then(|outer| outer.get("error"));
        for error in [object.get("error"), within("response"), within("item")] {
            match error {
                Some(Value::Object(error)) => return Some(Self::read_fields(error)),
                Some(Value::String(word)) if !word.is_empty() => {
                    let flat = Self::read_fields(object);
                    // A single word is a code. A sentence is not.
                    return Some(match word.contains(' ') {
                        true => Self { message: Some(word.clone()), ..flat },
                        false => Self { code: Some(word.clone()), ..flat },
                    });
                }
                _ => {}
            }
        }
        match object.get("detail") {
            Some(Value::Object(detail)) => Some(Self::read_fields(detail)),
            Some(Value::String(detail)) if !detail.is_empty() => {
                Some(Self { message: Some(detail.clone()), ..Self::default() })
            }
            _ => None,
        }
    }

    /// The first error of a list.
    fn listed(object: &Map<String, Value>) -> Option<Self> {
        let list = |name: &str| object.get(name).and_then(Value::as_array).into_iter().flatten();
        let first = list("detail").chain(list("errors")).find_map(Value::as_object);
        let of_data = || list("data").find_map(|it| it.get("error").and_then(Value::as_object));
        first.or_else(of_data).map(Self::read_fields)
    }

    /// Why an answer of another API ended without an image.
    fn ended(object: &Map<String, Value>) -> Option<Self> {
        if let Some(status) = object.get("base_resp").and_then(Value::as_object) {
            let code = text(status, "status_code").filter(|code| code != "0")?;
            let message = text(status, "status_msg");
            return Some(Self { code: Some(code), message, ..Self::default() });
        }
        let candidate =
            object.get("candidates").and_then(|it| it.get(0)).and_then(Value::as_object);
        let feedback = object.get("promptFeedback").and_then(Value::as_object);
        let reason = candidate.and_then(|it| text(it, "finishReason"));
        let reason = reason.filter(|reason| reason != "STOP");
        let reason = reason.or_else(|| feedback.and_then(|it| text(it, "blockReason")));
        let moderated = || text(object, "status").filter(|status| status.ends_with("Moderated"));
        let code = Some(reason.or_else(moderated)?);
        Some(Self { code, ..Self::default() })
    }

    fn read_fields(object: &Map<String, Value>) -> Self {
        let inner = ["inner_error", "innererror"].into_iter().find_map(|name| object.get(name));
        let details = object.get("details").and_then(Value::as_array).into_iter().flatten();
        let reason = details.filter_map(Value::as_object).find_map(|it| text(it, "reason"));
        let has = |name| object.get(name).is_some_and(|it| !it.is_null());
        let reasons = object.get("metadata").and_then(|it| it.get("reasons"));
        let is_result = |it: &&Map<String, Value>| {
            it.contains_key("content_filter_result") || it.contains_key("content_filter_results")
        };
        Self {
            code: text(object, "code"),
            kind: text(object, "type")
                .filter(|kind| !is_event(kind))
                .or_else(|| text(object, "status").filter(|it| is_constant(it))),
            inner: inner.and_then(Value::as_object).and_then(|it| text(it, "code")).or(reason),
            message: ["message", "error_description", "msg"]
                .into_iter()
                .find_map(|name| text(object, name)),
            param: text(object, "param").or_else(|| object.get("loc").and_then(location)),
            resets_at: seconds(object, "resets_at").map(unix_seconds),
            resets_in_seconds: seconds(object, "resets_in_seconds"),
            moderation: object.get("moderation_details").and_then(Moderation::read),
            is_filtered: has("content_filter_result")
                || has("content_filter_results")
                || inner.and_then(Value::as_object).filter(is_result).is_some()
                || reasons.and_then(Value::as_array).is_some_and(|it| !it.is_empty()),
        }
    }
}

impl Moderation {
    fn read(value: &Value) -> Option<Self> {
        let object = value.as_object()?;
        let categories = object.get("categories").and_then(Value::as_array);
        Some(Self {
            stage: text(object, "moderation_stage"),
            categories: categories
                .into_iter()
                .flatten()
                .filter_map(Value::as_str)
                .take(MAX_CATEGORIES)
                .map(str::to_owned)
                .collect(),
        })
    }
}

/// In a flat error event `type` names the event, in a flat output item the item.
fn is_event(kind: &str) -> bool {
    kind == "error" || kind.starts_with("response.") || kind == "image_generation_call"
}

/// `INVALID_ARGUMENT`, Google's names of errors; not the status of a job.
fn is_constant(status: &str) -> bool {
    status.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_')
}

/// `["body", "images", 0]` as `images[0]`.
fn location(loc: &Value) -> Option<String> {
    let mut path = String::new();
    for part in loc.as_array()?.iter().take(MAX_LOCATION) {
        match part {
            Value::String(name) if path.is_empty() && name == "body" => {}
            Value::String(name) if path.is_empty() => path.push_str(name),
            Value::String(name) => path.extend([".", name]),
            Value::Number(index) => path.push_str(&format!("[{index}]")),
            _ => return None,
        }
    }
    (!path.is_empty()).then_some(path)
}

/// A string, or a number as its digits.
fn text(object: &Map<String, Value>, name: &str) -> Option<String> {
    match object.get(name)? {
        Value::String(text) => Some(text.trim()).filter(|it| !it.is_empty()).map(str::to_owned),
        Value::Number(number) => number.as_u64().map(|number| number.to_string()),
        _ => None,
    }
}

/// Whole seconds, also as a string; a fraction is cut off.
fn seconds(object: &Map<String, Value>, name: &str) -> Option<u64> {
    let value = object.get(name)?;
    let number = || value.as_f64().or_else(|| value.as_str()?.trim().parse().ok());
    let whole = || std::time::Duration::try_from_secs_f64(number()?).ok();
    value.as_u64().or_else(|| Some(whole()?.as_secs()))
}

/// A time in milliseconds, read as seconds, would be near the year 50 000.
fn unix_seconds(moment: u64) -> u64 {
    if moment >= FIRST_MILLIS { moment / 1000 } else { moment }
}

/// More than the safety system sends.
const MAX_CATEGORIES: usize = 32;
/// No field of a request is nested deeper.
const MAX_LOCATION: usize = 8;
/// In seconds the year 5138, in milliseconds 1973.
const FIRST_MILLIS: u64 = 100_000_000_000;

#[cfg(test)]
mod tests;

//! What the upstream says went wrong, in whichever shape it says it.
//!
//! The documentation knows one shape. Recordings know more: errors nested in `error`, in
//! `response.error` or in an output item; flat ones; an error that is a bare word; and the
//! `{"detail": …}` of the service behind Codex. [`ErrorInfo::read`] takes them all and judges none.

use serde_json::{Map, Value};

/// One error of the upstream. `None` is a field that is absent or of another type.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ErrorInfo {
    /// `code`.
    pub code: Option<String>,
    /// `type`.
    pub kind: Option<String>,
    /// `message`, or what stands in its place.
    pub message: Option<String>,
    /// `param`: a field of our request.
    pub param: Option<String>,
    /// Unix seconds at which a usage limit ends.
    pub resets_at: Option<u64>,
    /// Seconds until a usage limit ends.
    pub resets_in_seconds: Option<u64>,
    /// The safety system's details.
    pub moderation: Option<Moderation>,
}

/// What the safety system says about a refusal.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Moderation {
    /// `input`, `output` or `unknown`.
    pub stage: Option<String>,
    /// What it found.
    pub categories: Vec<String>,
}

impl ErrorInfo {
    /// Reads the error out of an HTTP body, an event, or an output item. `None`: there is none.
    #[must_use]
    pub fn read(value: &Value) -> Option<Self> {
        let object = value.as_object()?;
        let nested = |outer: &str| object.get(outer).and_then(|outer| outer.get("error"));
        for error in [object.get("error"), nested("response"), nested("item")] {
            match error {
                Some(Value::Object(error)) => return Some(Self::read_fields(error)),
                Some(Value::String(code)) => {
                    let code = Some(code.clone());
                    return Some(Self { code, ..Self::read_fields(object) });
                }
                _ => {}
            }
        }
        match object.get("detail") {
            Some(Value::Object(detail)) => return Some(Self::read_fields(detail)),
            Some(Value::String(detail)) => {
                return Some(Self { message: Some(detail.clone()), ..Self::default() });
            }
            _ => {}
        }
        let flat = Self::read_fields(object);
        (flat != Self::default()).then_some(flat)
    }

    fn read_fields(object: &Map<String, Value>) -> Self {
        Self {
            code: text(object, "code"),
            kind: text(object, "type").filter(|kind| !is_event(kind)),
            message: text(object, "message").or_else(|| text(object, "error_description")),
            param: text(object, "param"),
            resets_at: seconds(object, "resets_at"),
            resets_in_seconds: seconds(object, "resets_in_seconds"),
            moderation: object.get("moderation_details").and_then(Moderation::read),
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

fn text(object: &Map<String, Value>, name: &str) -> Option<String> {
    object.get(name).and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned)
}

/// Whole seconds; a fraction is cut off.
fn seconds(object: &Map<String, Value>, name: &str) -> Option<u64> {
    let value = object.get(name)?;
    value.as_u64().or_else(|| {
        let seconds = std::time::Duration::try_from_secs_f64(value.as_f64()?).ok()?;
        Some(seconds.as_secs())
    })
}

/// More than the safety system has.
const MAX_CATEGORIES: usize = 32;

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{ErrorInfo, Moderation};

    fn read(value: &Value) -> ErrorInfo {
        ErrorInfo::read(value).unwrap()
    }

    #[test]
    fn every_shape_gives_the_same_error() {
        let error = json!({"type": "t", "code": "c", "message": "m", "param": "p"});
        let expected = ErrorInfo {
            code: Some("c".to_owned()),
            kind: Some("t".to_owned()),
            message: Some("m".to_owned()),
            param: Some("p".to_owned()),
            ..ErrorInfo::default()
        };
        for shape in [
            json!({"error": error}),
            json!({"type": "error", "sequence_number": 2, "error": error}),
            json!({"type": "response.failed", "response": {"status": "failed", "error": error}}),
            json!({"type": "response.output_item.done", "item": {"id": "ig_1", "error": error}}),
            json!({"detail": error}),
            error,
        ] {
            assert_eq!(read(&shape), expected, "{shape}");
        }
    }

    #[test]
    fn a_flat_event_has_no_type_of_error() {
        let event = json!({"type": "error", "code": "c", "message": "m", "param": null});
        assert_eq!(read(&event).kind, None);
        assert_eq!(read(&event).code.as_deref(), Some("c"));
    }

    #[test]
    fn a_bare_word_is_a_code() {
        assert_eq!(read(&json!({"error": "token_reused"})).code.as_deref(), Some("token_reused"));
        let told = json!({"error": "invalid_grant", "error_description": "m"});
        assert_eq!(read(&told).message.as_deref(), Some("m"));
    }

    #[test]
    fn a_detail_is_a_message() {
        let info = read(&json!({"detail": "Instructions are required"}));
        assert_eq!(info.message.as_deref(), Some("Instructions are required"));
        assert_eq!(info.code, None);
    }

    #[test]
    fn times_may_be_fractions() {
        let info = read(&json!({"error": {"resets_at": 1.5e9, "resets_in_seconds": 12.9}}));
        assert_eq!((info.resets_at, info.resets_in_seconds), (Some(1_500_000_000), Some(12)));
        let info = read(&json!({"error": {"resets_at": -1, "resets_in_seconds": "12"}}));
        assert_eq!((info.resets_at, info.resets_in_seconds), (None, None));
    }

    #[test]
    fn the_safety_systems_details_are_kept() {
        let details = json!({"moderation_stage": "output", "categories": ["violence", 1, "self"]});
        let info = read(&json!({"error": {"code": "c", "moderation_details": details}}));
        let categories = vec!["violence".to_owned(), "self".to_owned()];
        let expected = Moderation { stage: Some("output".to_owned()), categories };
        assert_eq!(info.moderation, Some(expected));
    }

    #[test]
    fn no_error_is_none() {
        for value in [
            json!(null),
            json!([]),
            json!({}),
            json!({"error": null}),
            json!({"response": {"error": null}}),
            json!({"item": 1, "detail": [1]}),
            json!({"type": "error"}),
        ] {
            assert_eq!(ErrorInfo::read(&value), None, "{value}");
        }
    }
}

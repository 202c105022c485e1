//! Versions of the Codex client, compared as its catalogue does.

use serde_json::Value;

/// A client version that is newer than any. The list for it has all models.
pub(crate) const NEWEST: &str = "999.0.0";

/// A version as numbers; `None` for other text. A suffix such as `-alpha.1` is not compared.
pub(crate) fn parse(text: &str) -> Option<Vec<u64>> {
    let core = text.trim().split(['-', '+']).next()?;
    let numbers: Option<Vec<u64>> = core.split('.').map(|part| part.parse().ok()).collect();
    numbers.filter(|numbers| numbers.len() <= 4).map(without_zeros)
}

/// `0.150` is `0.150.0`.
fn without_zeros(mut numbers: Vec<u64>) -> Vec<u64> {
    while numbers.last() == Some(&0) {
        numbers.pop();
    }
    numbers
}

/// A version as text or as a list of numbers; `None` for anything else.
pub(crate) fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => parse(text).map(|_| text.trim().to_owned()),
        Value::Array(items) => {
            let numbers: Option<Vec<_>> =
                items.iter().map(|it| it.as_u64().map(|number| number.to_string())).collect();
            numbers.filter(|it| !it.is_empty()).map(|it| it.join("."))
        }
        _ => None,
    }
}

/// Whether a client of version `ours` reaches `least`; `None` if one of them is not a version.
pub(crate) fn reaches(ours: &str, least: &str) -> Option<bool> {
    Some(parse(ours)? >= parse(least)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn versions_are_compared_by_their_numbers() {
        for (ours, least, reached) in [
            ("0.170.0", "0.155.0", Some(true)),
            ("0.99.9", "0.155.0", Some(false)),
            ("0.155", "0.155.0", Some(true)),
            ("0.155.0-alpha.3", "0.155.0", Some(true)),
            ("1.0", "0.999.9", Some(true)),
            ("new", "0.1.0", None),
            ("0.1.0", "", None),
        ] {
            assert_eq!(reaches(ours, least), reached, "{ours} {least}");
        }
    }

    #[test]
    fn a_version_may_be_text_or_numbers() {
        assert_eq!(text(&json!("0.155.0")).as_deref(), Some("0.155.0"));
        assert_eq!(text(&json!([0, 155, 0])).as_deref(), Some("0.155.0"));
        for other in [json!(null), json!("soon"), json!([]), json!(["a"]), json!({"major": 1})] {
            assert_eq!(text(&other), None, "{other}");
        }
    }
}

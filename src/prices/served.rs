//! The model that an upstream served, compared with the one that was requested.

/// The model that generated the image, as the upstream reports it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Served<'a> {
    /// The model, by its name in the answer.
    pub model: &'a str,
    /// The qualities that it may choose from, without `auto`.
    pub qualities: &'a [&'a str],
    /// Whose price is charged.
    pub charge_by: ChargeBy,
}

/// Whose price an image has, if the upstream served another model than it was asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ChargeBy {
    /// That of the model that was requested.
    Asked,
    /// That of the model that was served, if it has one.
    #[default]
    Served,
}

/// Codex has its own names of models: `gpt-image-2-codex` is `gpt-image-2`.
const CODEX: &str = "-codex";

/// Whether both names mean one model: they are equal except for the date of a snapshot, which one
/// of them lacks, and the ending that Codex adds.
pub(super) fn is_same_model(one: &str, other: &str) -> bool {
    let ((one, one_date), (other, other_date)) = (undated(one), undated(other));
    one == other && (one_date.is_none() || other_date.is_none() || one_date == other_date)
}

/// A model without the date of its snapshot, and that date.
fn undated(model: &str) -> (&str, Option<&str>) {
    let model = model.strip_suffix(CODEX).unwrap_or(model);
    let at = model.len().saturating_sub(DATE.len());
    match model.split_at_checked(at) {
        Some((name, date)) if is_date(date) && !name.is_empty() => (name, Some(date)),
        _ => (model, None),
    }
}

/// The end of the name of a snapshot. A 0 means any digit.
const DATE: &str = "-0000-00-00";

fn is_date(text: &str) -> bool {
    let fits = |(form, byte): (u8, u8)| match form {
        b'0' => byte.is_ascii_digit(),
        _ => byte == form,
    };
    text.len() == DATE.len() && DATE.bytes().zip(text.bytes()).all(fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshot_and_the_name_that_codex_uses_are_the_same_model() {
        for (one, other) in [
            ("gpt-image-2", "gpt-image-2"),
            ("gpt-image-2", "gpt-image-2-2026-04-21"),
            ("gpt-image-2", "gpt-image-2-codex"),
            ("gpt-image-2-2026-04-21", "gpt-image-2-codex"),
            ("gpt-image-2-2026-04-21-codex", "gpt-image-2-2026-04-21"),
        ] {
            assert!(is_same_model(one, other) && is_same_model(other, one), "{one} {other}");
        }
    }

    #[test]
    fn other_names_are_other_models() {
        for (one, other) in [
            ("gpt-image-2.5-flare", "gpt-image-2-codex"),
            ("gpt-image-2", "gpt-image-2.5-flare"),
            ("gpt-image-2", "gpt-image-1"),
            ("gpt-image-1", "gpt-image-1-mini"),
            ("gpt-image-2", "GPT-image-2"),
            ("gpt-image-2", "openai/gpt-image-2"),
            ("gpt-image-2", "gpt-image-2-2026-4-21"),
            ("gpt-image-2-2026-04-21", "gpt-image-2-2026-05-21"),
            ("gpt-image-2", "gpt-image-2-2026-04-2é"),
            ("-2026-04-21", ""),
            ("-codex-codex", ""),
        ] {
            assert!(!is_same_model(one, other) && !is_same_model(other, one), "{one} {other}");
        }
    }
}

//! The name that was probably meant.

/// The nearest of `known` to `written`, or `None` if none is near.
pub(crate) fn nearest<'k>(
    written: &str,
    known: impl IntoIterator<Item = &'k str>,
) -> Option<&'k str> {
    let plain = |text: &str| text.to_ascii_lowercase().replace('-', "_");
    let written = plain(written);
    let distance = |known: &str| {
        let known = plain(known);
        // `bearer` for `bearer_env`: a name that was cut at a `_`.
        if known.strip_prefix(&written).is_some_and(|rest| rest.starts_with('_')) {
            return 1;
        }
        strsim::osa_distance(&written, &known)
    };
    // As cargo: a third of the letters may be wrong.
    let limit = (written.chars().count().max(3)) / 3;
    let near = known.into_iter().map(|it| (distance(it), it)).filter(|(it, _)| *it <= limit);
    near.min_by_key(|(distance, _)| *distance).map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_known_and_other_words_are_not() {
        let known = ["consumers", "bearer_env", "requests", "key_sha256", "max_prompt_chars"];
        for (written, meant) in [
            ("consumer", "consumers"),
            ("comsumers", "consumers"),
            ("Consumers", "consumers"),
            ("bearer", "bearer_env"),
            ("request", "requests"),
            ("key-sha256", "key_sha256"),
            ("max_prompt", "max_prompt_chars"),
        ] {
            assert_eq!(nearest(written, known), Some(meant), "{written}");
        }
        for written in ["timeout", "x", "", "descriptors"] {
            assert_eq!(nearest(written, known), None, "{written}");
        }
    }
}

//! What each field accepts, in one line: the text at the end of every error and in the tables of
//! `docs/configuration.md`.
//!
//! Tests compare the list with the schema, the ranges and the documentation.

mod fields;

use fields::FIELDS;

/// What is accepted at `pointer`.
pub(super) fn at(pointer: &str) -> &'static str {
    let entry = FIELDS.iter().find(|(pattern, _)| fits(pattern, pointer));
    entry.map_or("what docs/configuration.md says", |(_, accepted)| accepted)
}

/// Every place and what is accepted there.
#[cfg(test)]
pub(super) fn all() -> impl Iterator<Item = (&'static str, &'static str)> {
    FIELDS.iter().copied()
}

/// Whether `pointer` matches `pattern`, in which `*` is any name or index.
fn fits(pattern: &str, pointer: &str) -> bool {
    let (mut left, mut right) = (pattern.split('/'), pointer.split('/'));
    loop {
        match (left.next(), right.next()) {
            (None, None) => return true,
            (Some("*"), Some(_)) => {}
            (Some(segment), Some(name)) if segment == name => {}
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANUAL: &str = include_str!("../../docs/configuration.md");

    #[test]
    fn a_wildcard_stands_for_one_segment() {
        assert!(fits("/consumers/*/sizes/*", "/consumers/12/sizes/0"));
        assert!(fits("/upstreams/*", "/upstreams/a~1b"));
        assert!(!fits("/upstreams/*", "/upstreams/a/b"));
        assert!(!fits("/upstreams", ""));
    }

    /// The manual's tables are `| pointer | accepted | default | meaning |`, with `*` for names and
    /// indexes.
    #[test]
    fn the_manual_says_the_same_for_every_field() {
        for (pattern, accepted) in FIELDS.iter().filter(|(pattern, _)| !pattern.is_empty()) {
            let row = format!("| `{pattern}` | {accepted} |");
            assert!(
                MANUAL.lines().any(|line| line.starts_with(&row)),
                "docs/configuration.md lacks\n{row}"
            );
        }
    }

    #[test]
    fn the_manual_has_no_other_field() {
        for line in MANUAL.lines().filter(|line| line.starts_with("| `/")) {
            let pattern = line.split('`').nth(1).unwrap();
            assert!(
                FIELDS.iter().any(|(known, _)| *known == pattern),
                "unknown in the code: {line}"
            );
        }
    }
}

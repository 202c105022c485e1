//! How old the price table is, by `prices_as_of`.

use std::time::Duration;

use super::facts::Facts;
use super::finding::Finding;
use super::tree::Node;

/// Prices change with each generation of models, which come every two or three months.
const MAX_DAYS: u64 = 90;
const DAY_SECONDS: u64 = 86_400;

/// What there is to say about the age of the prices in `document`. `now` is the time since the Unix
/// epoch.
pub(crate) fn check(facts: &Facts, document: &Node, now: Duration) -> Option<Finding> {
    if facts.prices == 0 {
        return None;
    }
    let Some(date) = facts.prices_as_of else {
        // One that is wrong is an error already.
        let prices = document.field("prices").filter(|_| document.get(FIELD).is_none())?;
        let finding = Finding::note("the prices have no date", prices.span.clone());
        return Some(finding.help(format!(
            "set `{FIELD}` to the day on which they were compared with the provider's list; after \
             {MAX_DAYS} days this command then warns"
        )));
    };
    let place = document.pointed("/prices_as_of").map(|it| it.span.clone())?;
    // In another time zone the next day may have begun.
    if date > now + Duration::from_secs(DAY_SECONDS) {
        return Some(Finding::warning(format!("`{FIELD}` is in the future"), place));
    }
    let days = now.saturating_sub(date).as_secs() / DAY_SECONDS;
    (days > MAX_DAYS).then(|| {
        Finding::warning(format!("the prices are {days} days old"), place)
            .why("a budget and the usage records are only as right as they are")
            .help(format!(
                "compare `prices` with the provider's list, and set `{FIELD}` to that day"
            ))
    })
}

const FIELD: &str = "prices_as_of";

#[cfg(test)]
mod tests {
    use super::super::Environment;
    use super::super::finding::Level;
    use super::super::plugin::{self, Written};
    use super::*;

    /// 2026-11-28.
    const TODAY: u64 = 20_785;

    /// What is said of a configuration with these fields on a day, and the text that is marked.
    fn said(more: &str, day: u64) -> Vec<(Level, String, String)> {
        let text = format!(
            r#"{{"upstreams": {{"codex": {{"authority": "a.example", "credential": "envoy"}}}},
            "consumers": [{{"name": "a", "key_sha256":
            ["9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"]}}]{more}}}"#
        );
        let now = Duration::from_secs(day * DAY_SECONDS);
        let environment = Environment { is_here: false, is_of_lists: false, given: &[], now };
        let outcome = plugin::check(&Written::File(&text), environment);
        let marked =
            |it: Finding| (it.level, it.title, text.get(it.span).unwrap_or_default().to_owned());
        outcome.findings.into_iter().map(marked).collect()
    }

    const PRICES: &str = r#", "prices": [{"model": "*", "usd": "1"}]"#;

    #[test]
    fn prices_are_old_after_ninety_days() {
        let dated = format!(r#"{PRICES}, "prices_as_of": "2026-11-28""#);
        for day in [TODAY, TODAY + 90, TODAY - 1] {
            assert_eq!(said(&dated, day), [], "{day}");
        }
        let marked = "\"2026-11-28\"".to_owned();
        for (day, title) in [
            (TODAY + 91, "the prices are 91 days old"),
            (TODAY + 1000, "the prices are 1000 days old"),
            (TODAY - 2, "`prices_as_of` is in the future"),
        ] {
            let expected = (Level::Warning, title.to_owned(), marked.clone());
            assert_eq!(said(&dated, day), [expected], "{day}");
        }
    }

    #[test]
    fn prices_without_a_date_are_noted() {
        let title = "the prices have no date".to_owned();
        assert_eq!(said(PRICES, TODAY), [(Level::Note, title, "\"prices\"".to_owned())]);
        assert_eq!(said("", TODAY), []);
        assert_eq!(said(r#", "prices": []"#, TODAY), []);
        assert_eq!(said(r#", "prices_as_of": "2020-01-01""#, TODAY), []);
    }

    #[test]
    fn a_date_that_is_none_is_one_error_and_no_note() {
        let found = said(&format!(r#"{PRICES}, "prices_as_of": "2026-11-31""#), TODAY);
        assert!(matches!(found.as_slice(), [(Level::Error, ..)]), "{found:?}");
    }
}

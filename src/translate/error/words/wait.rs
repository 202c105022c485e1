//! Reads how long a limit lasts, as the model says it.

use std::time::Duration;

use super::{
    lexicon::limit::{AGAIN, PER},
    pattern::{each, has},
    text::Text,
};

/// The wait that a text names: `3 hours and 12 minutes`, `2 小时后`. At most [`MAX_WAIT`].
pub(super) fn named(text: &Text) -> Option<Duration> {
    let waits = text.sentences.iter().filter(|it| has(&it.words, AGAIN));
    waits.filter_map(|it| of_sentence(&it.words)).next()
}

fn of_sentence(sentence: &str) -> Option<Duration> {
    let mut wait = None;
    let mut rest = sentence;
    while let Some(at) = rest.find(|char: char| char.is_ascii_digit()) {
        let (before, number) = rest.split_at_checked(at)?;
        let is_of_number = |char: char| char.is_ascii_digit() || char == '.';
        let end = number.find(|char| !is_of_number(char)).unwrap_or(number.len());
        let (number, after) = number.split_at_checked(end)?;
        rest = after;
        if each(PER).any(|it| before.ends_with(it)) {
            continue;
        }
        let Some(unit) = unit(after.trim_start_matches('_')) else { continue };
        let count =
            number.trim_end_matches('.').parse::<f64>().ok().filter(|it| *it < MAX_COUNT)?;
        let span = unit.mul_f64(count);
        wait = Some(wait.map_or(span, |wait: Duration| wait.saturating_add(span)));
    }
    wait.filter(|it| !it.is_zero()).map(|it| it.min(MAX_WAIT))
}

/// The unit that `text` starts with.
fn unit(text: &str) -> Option<Duration> {
    let letters = text.find(|char: char| !char.is_ascii_lowercase()).unwrap_or(text.len());
    let millis = match text.get(..letters)? {
        "ms" => 1,
        "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => {
            let is_named = |names: &[&str]| names.iter().any(|it| text.starts_with(it));
            UNITS.iter().find(|(names, _)| is_named(names)).map(|(_, millis)| *millis)?
        }
    };
    Some(Duration::from_millis(millis))
}

/// Units of time by how they begin, with their milliseconds.
const UNITS: [(&[&str], u64); 4] = [
    (&["sec", "seg", "sek", "сек", "秒", "초"], 1000),
    (&["min", "мин", "分", "분"], 60_000),
    (
        &[
            "hour", "hr", "stunde", "hora", "heure", "ora_", "ore_", "час", "小时", "小時", "个小",
            "個小", "時間", "시간",
        ],
        3_600_000,
    ),
    (&["day", "tag", "día", "dia", "jour", "giorn", "дн", "день", "天", "日", "일"], 86_400_000),
];
/// No limit lasts for more units than this.
const MAX_COUNT: f64 = 1e9;
/// A model may say anything, so no client waits longer.
const MAX_WAIT: Duration = Duration::from_secs(86_400);

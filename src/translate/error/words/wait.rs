//! How long a model says that a limit lasts.

use std::time::Duration;

use super::{
    lexicon::failure::{AGAIN, PER},
    text::{Text, each, has},
};

/// The wait that a text tells: `3 hours and 12 minutes`, `2 小时后`. At most [`MAX_WAIT`].
pub(super) fn told(text: &Text) -> Option<Duration> {
    let waits = text.sentences.iter().filter(|it| has(&it.words, AGAIN));
    waits.filter_map(|it| of_sentence(&it.words)).next()
}

fn of_sentence(sentence: &str) -> Option<Duration> {
    let mut seconds = None;
    let mut rest = sentence;
    while let Some(at) = rest.find(|char: char| char.is_ascii_digit()) {
        let (before, number) = rest.split_at_checked(at)?;
        let end = number.find(|char: char| !char.is_ascii_digit()).unwrap_or(number.len());
        let (number, after) = number.split_at_checked(end)?;
        rest = after;
        if each(PER).any(|it| before.ends_with(it)) {
            continue;
        }
        let Some(unit) = unit(after.trim_start_matches('_')) else { continue };
        let span = number.parse::<u64>().ok()?.saturating_mul(unit);
        seconds = Some(seconds.unwrap_or(0_u64).saturating_add(span));
    }
    let wait = Duration::from_secs(seconds.filter(|it| *it > 0)?);
    Some(wait.min(MAX_WAIT))
}

/// Seconds of the unit that `text` starts with.
fn unit(text: &str) -> Option<u64> {
    let unit = SECONDS_OF.iter().find(|(names, _)| names.iter().any(|it| text.starts_with(it)));
    unit.map(|(_, seconds)| *seconds)
}

/// Units of time by how they begin, with their seconds.
const SECONDS_OF: [(&[&str], u64); 4] = [
    (&["sec", "seg", "sek", "сек", "秒", "s_", "s."], 1),
    (&["min", "мин", "分", "m_", "m."], 60),
    (
        &[
            "hour", "stunde", "hora", "heure", "час", "小时", "小時", "个小", "個小", "時間", "h_",
            "h.",
        ],
        3600,
    ),
    (&["day", "tag", "día", "dia", "jour", "дн", "день", "天", "日"], 86_400),
];
/// A model may say anything: no client is sent away for longer.
const MAX_WAIT: Duration = Duration::from_secs(86_400);

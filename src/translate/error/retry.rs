//! Reads how long to wait until the upstream serves requests again.

use std::time::{Duration, UNIX_EPOCH};

use crate::upstream::error::ErrorInfo;

/// The wait that the upstream asks for. The most exact place comes first. Without any, a default.
/// The arguments are those of [`named`].
pub(super) fn wait(info: &ErrorInfo, retry_after: Option<&[u8]>, now: Duration) -> Duration {
    named(info, retry_after, now).or_else(|| hinted(info)).unwrap_or(DEFAULT_WAIT)
}

/// The wait that a field or a header names. `None` if it is over. It is at most [`MAX_WAIT`].
/// `retry_after` is in seconds, or a date (RFC 9110, section 10.2.3). `now` is the time since the
/// Unix epoch.
pub(super) fn named(
    info: &ErrorInfo,
    retry_after: Option<&[u8]>,
    now: Duration,
) -> Option<Duration> {
    let resets_in = info.resets_in_seconds.map(Duration::from_secs);
    let resets_at = info.resets_at.map(|at| Duration::from_secs(at).saturating_sub(now));
    let header = retry_after.and_then(|value| parse_header(value, now));
    let waits = [resets_in, resets_at, header].into_iter().flatten();
    waits.filter(|wait| !wait.is_zero()).map(|wait| wait.min(MAX_WAIT)).next()
}

/// The wait in the message.
pub(super) fn hinted(info: &ErrorInfo) -> Option<Duration> {
    let wait = info.message.as_deref().and_then(parse_message)?;
    Some(wait.min(MAX_WAIT)).filter(|wait| !wait.is_zero())
}

/// `retry-after` in seconds, possibly with a fraction, or until a date.
fn parse_header(value: &[u8], now: Duration) -> Option<Duration> {
    let value = std::str::from_utf8(value).ok()?.trim();
    match value.parse() {
        Ok(seconds) => Duration::try_from_secs_f64(seconds).ok(),
        Err(_no_number) => Some(parse_date(value)?.saturating_sub(now)),
    }
}

/// `Sun, 06 Nov 1994 08:49:37 GMT`, as the time since the Unix epoch. The obsolete forms of dates
/// are not read, because no current server sends them.
fn parse_date(date: &str) -> Option<Duration> {
    let (_weekday, date) = date.split_once(", ")?;
    let mut parts = date.split(' ');
    let (day, month, year, time) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    if parts.next() != Some("GMT") || parts.next().is_some() {
        return None;
    }
    let month = MONTHS.iter().position(|it| *it == month)?.saturating_add(1);
    let moment = humantime::parse_rfc3339(&format!("{year}-{month:02}-{day}T{time}Z")).ok()?;
    moment.duration_since(UNIX_EPOCH).ok()
}

/// `Please try again in 467ms`, `… in 1.5s`, `… in 6m0s`, `Please retry after 38 seconds`.
fn parse_message(message: &str) -> Option<Duration> {
    let message = message.to_ascii_lowercase();
    let announced = ANNOUNCES.iter().find_map(|words| message.split_once(words))?.1;
    let mut rest = announced.trim_start();
    let mut sum = None;
    while let Some((span, after)) = parse_span(rest) {
        sum = Some(sum.unwrap_or(Duration::ZERO).saturating_add(span));
        rest = after;
    }
    sum
}

/// One number with its unit, and what follows. After a unit of one letter, as in Go's durations,
/// another number may follow at once.
fn parse_span(text: &str) -> Option<(Duration, &str)> {
    let end = text.find(|char: char| !char.is_ascii_digit() && char != '.')?;
    let (number, rest) = text.split_at_checked(end)?;
    let number: f64 = number.parse().ok()?;
    let rest = rest.trim_start();
    let end = rest.find(|char: char| !char.is_ascii_lowercase()).unwrap_or(rest.len());
    let (unit, rest) = rest.split_at_checked(end)?;
    let unit_secs = match unit {
        "ms" => 0.001,
        "s" | "sec" | "secs" | "second" | "seconds" => 1.0,
        "m" | "min" | "mins" | "minute" | "minutes" => 60.0,
        "h" | "hour" | "hours" => 3600.0,
        "d" | "day" | "days" => 86_400.0,
        _ => return None,
    };
    Some((Duration::try_from_secs_f64(number * unit_secs).ok()?, rest))
}

const ANNOUNCES: [&str; 5] =
    ["try again in", "retry after", "try again after", "retry in", "resets in"];
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
/// No limit of an upstream is longer than a week.
const MAX_WAIT: Duration = Duration::from_secs(7 * 86_400);
/// After a few seconds the client can retry once more before it gives up.
const DEFAULT_WAIT: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{DEFAULT_WAIT, MAX_WAIT, parse_message, wait};
    use crate::upstream::error::ErrorInfo;

    const NOW: Duration = Duration::from_secs(1_777_922_696);

    #[test]
    fn the_most_exact_place_comes_first() {
        let mut info = ErrorInfo {
            resets_in_seconds: Some(13_872),
            resets_at: Some(1_777_922_796),
            message: Some("Please try again in 467ms.".to_owned()),
            ..ErrorInfo::default()
        };
        assert_eq!(wait(&info, Some(b"7"), NOW), Duration::from_secs(13_872));
        info.resets_in_seconds = None;
        assert_eq!(wait(&info, Some(b"7"), NOW), Duration::from_secs(100));
        info.resets_at = None;
        assert_eq!(wait(&info, Some(b" 7 "), NOW), Duration::from_secs(7));
        assert_eq!(wait(&info, None, NOW), Duration::from_millis(467));
        info.message = None;
        assert_eq!(wait(&info, None, NOW), DEFAULT_WAIT);
    }

    #[test]
    fn a_wait_that_is_over_is_ignored() {
        let info = ErrorInfo { resets_at: Some(5), ..ErrorInfo::default() };
        assert_eq!(wait(&info, Some(b"2"), NOW), Duration::from_secs(2));
        assert_eq!(wait(&info, None, NOW), DEFAULT_WAIT);
    }

    #[test]
    fn an_invalid_wait_is_ignored() {
        for header in [
            "",
            "-1",
            "NaN",
            "inf",
            "1e300",
            "1s",
            "Wed, 21 Oct 2026 07:28:00",
            "Wed, 99 Oct 2026 07:28:00 GMT",
        ] {
            let info = ErrorInfo::default();
            assert_eq!(wait(&info, Some(header.as_bytes()), NOW), DEFAULT_WAIT, "{header}");
        }
        assert_eq!(wait(&ErrorInfo::default(), Some(b"\xff"), NOW), DEFAULT_WAIT);
    }

    #[test]
    fn a_date_is_read_as_a_wait() {
        let info = ErrorInfo::default();
        // 1777922696 is 2026-05-04T19:24:56Z.
        let date = b"Mon, 04 May 2026 19:25:26 GMT";
        assert_eq!(wait(&info, Some(date), NOW), Duration::from_secs(30));
        let over = b"Mon, 04 May 2026 19:24:00 GMT";
        assert_eq!(wait(&info, Some(over), NOW), DEFAULT_WAIT);
    }

    #[test]
    fn no_wait_is_longer_than_a_week() {
        let info = ErrorInfo { resets_in_seconds: Some(u64::MAX), ..ErrorInfo::default() };
        assert_eq!(wait(&info, None, NOW), MAX_WAIT);
        let date = b"Fri, 31 Dec 9999 23:59:59 GMT";
        assert_eq!(wait(&ErrorInfo::default(), Some(date), NOW), MAX_WAIT);
    }

    #[test]
    fn messages_name_the_wait_in_many_ways() {
        for (message, millis) in [
            ("Please try again in 467ms. Visit", Some(467)),
            ("Try again in 1.5s.", Some(1500)),
            ("try again in 20 seconds", Some(20_000)),
            ("try again in 6m0s", Some(360_000)),
            ("try again in 1h2m3s, or later", Some(3_723_000)),
            ("try again in 2 days", Some(172_800_000)),
            ("Please retry after 38 seconds.", Some(38_000)),
            ("It resets in 2 hours.", Some(7_200_000)),
            ("try again in a while", None),
            ("try again in 5 bananas", None),
            ("try again in 5", None),
            ("try again in 1.2.3s", None),
            ("wait 5s", None),
        ] {
            assert_eq!(parse_message(message), millis.map(Duration::from_millis), "{message}");
        }
    }
}

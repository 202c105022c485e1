//! Reports the state of the rules to clients: `x-ratelimit-*` headers and the list of limits.
//!
//! The headers are OpenAI's (API reference, "Rate limits in headers"), one family for each unit. A
//! reset is a duration as Go writes it (`6m0s`), because OpenAI's SDKs and their users parse that
//! form. If several rules count one unit, the headers report the rule with the least remaining; of
//! several with as much, the one that is full again last.

use std::cmp::Reverse;
use std::time::Duration;

use serde::Serialize;

use crate::decimal;
use crate::limits::local::LimitStatus;
use crate::limits::{Per, Rule, Scope, Unit, Window};
use crate::prices::Money;
use crate::span::{self, whole_secs};

/// The headers that report `statuses` at `now`.
pub fn headers(
    rules: &[Rule],
    statuses: &[LimitStatus],
    now: Duration,
) -> Vec<(&'static str, String)> {
    let mut headers = Vec::with_capacity(statuses.len().min(5).saturating_mul(3));
    for unit in [Unit::Requests, Unit::Images, Unit::Megapixels, Unit::Concurrent, Unit::Usd] {
        let of_unit = statuses.iter().filter_map(|limit_status| {
            rules
                .get(limit_status.rule)
                .filter(|rule| rule.unit == unit && !rule.shadow)
                .map(|rule| (rule, limit_status))
        });
        let tightness = |(_, it): &(&Rule, &LimitStatus)| tightness(it);
        let Some((rule, limit_status)) = of_unit.min_by_key(tightness) else {
            continue;
        };
        let [limit, remaining, reset] = names(unit);
        headers.push((limit, amount(unit, rule.max)));
        headers.push((remaining, amount(unit, limit_status.remaining)));
        // It is not known when a request in flight ends.
        if let Some(at) = limit_status.full_at.filter(|_| unit != Unit::Concurrent) {
            headers.push((reset, go_duration(at.saturating_sub(now))));
        }
    }
    headers
}

/// Less is tighter: what is left, and of those with equally little the one that is full again last.
fn tightness(status: &LimitStatus) -> (u64, Reverse<Option<Duration>>) {
    (status.remaining, Reverse(status.full_at))
}

fn names(unit: Unit) -> [&'static str; 3] {
    match unit {
        Unit::Requests => [
            "x-ratelimit-limit-requests",
            "x-ratelimit-remaining-requests",
            "x-ratelimit-reset-requests",
        ],
        Unit::Images => {
            ["x-ratelimit-limit-images", "x-ratelimit-remaining-images", "x-ratelimit-reset-images"]
        }
        Unit::Megapixels => [
            "x-ratelimit-limit-megapixels",
            "x-ratelimit-remaining-megapixels",
            "x-ratelimit-reset-megapixels",
        ],
        Unit::Concurrent => [
            "x-ratelimit-limit-concurrent",
            "x-ratelimit-remaining-concurrent",
            "x-ratelimit-reset-concurrent",
        ],
        Unit::Usd => {
            ["x-ratelimit-limit-usd", "x-ratelimit-remaining-usd", "x-ratelimit-reset-usd"]
        }
    }
}

/// An amount as text. Dollars and megapixels are decimals.
pub fn amount(unit: Unit, amount: u64) -> String {
    match unit {
        Unit::Requests | Unit::Images | Unit::Concurrent => {
            itoa::Buffer::new().format(amount).to_owned()
        }
        // Pixels are millionths of a megapixel.
        Unit::Megapixels => decimal::text(amount, 6),
        Unit::Usd => Money::from_nanos(amount).text(),
    }
}

/// `GET /v1/images/limits`: an OpenAI list of what the caller may still use under each rule that
/// applies to `scope`. A rule that counts a caller in several groups shows the one with the least
/// remaining. A rule without a status is counted by the rate-limit service, which alone
/// knows its state.
pub fn list(rules: &[Rule], statuses: &[LimitStatus], scope: &Scope<'_>) -> Vec<u8> {
    let data =
        rules.iter().enumerate().filter(|(_, rule)| rule.applies(scope)).map(|(place, rule)| {
            let of_rule = statuses.iter().filter(|it| it.rule == place);
            Entry::of(rule, of_rule.min_by_key(|it| tightness(it)))
        });
    let list = List { object: "list", data: data.collect() };
    // Strings and numbers into a vector: this cannot fail.
    serde_json::to_vec(&list).unwrap_or_default()
}

#[derive(Serialize)]
struct List<'a> {
    object: &'static str,
    data: Vec<Entry<'a>>,
}

#[derive(Serialize)]
struct Entry<'a> {
    name: &'a str,
    per: &'static str,
    unit: &'static str,
    max: Amount,
    /// Null if the rate-limit service counts, as are the next two.
    used: Option<Amount>,
    reserved: Option<Amount>,
    remaining: Option<Amount>,
    window: Option<String>,
    /// Unix seconds at which the whole limit is available again, rounded up. Null if it is available
    /// now, or if the time is not known.
    resets_at: Option<u64>,
    shadow: bool,
}

/// A whole number, or a decimal as a string: binary fractions do not hold cents.
#[derive(Serialize)]
#[serde(untagged)]
enum Amount {
    Whole(u64),
    Decimal(String),
}

impl<'a> Entry<'a> {
    fn of(rule: &'a Rule, limit_status: Option<&LimitStatus>) -> Self {
        let amount = |value: u64| match rule.unit {
            Unit::Requests | Unit::Images | Unit::Concurrent => Amount::Whole(value),
            Unit::Megapixels | Unit::Usd => Amount::Decimal(amount(rule.unit, value)),
        };
        Self {
            name: &rule.name,
            per: match rule.per {
                Per::Key => "key",
                Per::User => "user",
                Per::Model => "model",
                Per::Group => "group",
                Per::Global => "global",
            },
            unit: unit_name(rule.unit),
            max: amount(rule.max),
            used: limit_status.map(|it| amount(it.used)),
            reserved: limit_status.map(|it| amount(it.reserved)),
            remaining: limit_status.map(|it| amount(it.remaining)),
            window: window_name(rule.window),
            resets_at: limit_status.and_then(|it| it.full_at).map(whole_secs),
            shadow: rule.shadow,
        }
    }
}

/// The unit's name in the configuration.
pub fn unit_name(unit: Unit) -> &'static str {
    match unit {
        Unit::Requests => "requests",
        Unit::Images => "images",
        Unit::Megapixels => "megapixels",
        Unit::Concurrent => "concurrent",
        Unit::Usd => "usd",
    }
}

/// The window's name in the configuration; a length in the largest unit of which it is a multiple.
pub fn window_name(window: Window) -> Option<String> {
    match window {
        Window::Sliding(length) => Some(span::text(length)),
        Window::Day => Some("day".to_owned()),
        Window::Week => Some("week".to_owned()),
        Window::Month => Some("month".to_owned()),
        Window::Now => None,
    }
}

/// A duration as Go's `time.Duration` prints it, to the millisecond: `534ms`, `58.891s`, `6m0s`.
fn go_duration(duration: Duration) -> String {
    let mut text = String::with_capacity(16);
    let mut push = |number: u64, unit: &str| {
        text.push_str(itoa::Buffer::new().format(number));
        text.push_str(unit);
    };
    let (secs, millis) = (duration.as_secs(), u64::from(duration.subsec_millis()));
    if secs == 0 {
        push(millis, "ms");
        return text;
    }
    let (hours, minutes, secs) = (secs / 3_600, secs / 60 % 60, secs % 60);
    if hours > 0 {
        push(hours, "h");
    }
    if hours > 0 || minutes > 0 {
        push(minutes, "m");
    }
    match millis {
        0 => push(secs, "s"),
        _ => {
            let millis = secs.saturating_mul(1_000).saturating_add(millis);
            text.push_str(&decimal::text(millis, 3));
            text.push('s');
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::Engine;

    #[test]
    fn durations_are_written_as_in_go() {
        for (millis, text) in [
            (0, "0ms"),
            (534, "534ms"),
            (1_000, "1s"),
            (58_891, "58.891s"),
            (59_999, "59.999s"),
            (60_007, "1m0.007s"),
            (7_199_020, "1h59m59.02s"),
            (90_500, "1m30.5s"),
            (360_000, "6m0s"),
            (86_400_000, "24h0m0s"),
        ] {
            assert_eq!(go_duration(Duration::from_millis(millis)), text);
        }
    }

    #[test]
    fn amounts_are_written_by_their_unit() {
        assert_eq!(amount(Unit::Usd, 24_156_000_000), "24.156");
        assert_eq!(amount(Unit::Megapixels, 1_572_864), "1.572864");
        assert_eq!(amount(Unit::Images, 7), "7");
    }

    #[test]
    fn the_list_reports_each_rule() {
        let rule = Rule {
            name: "user-budget".to_owned(),
            id: 0,
            per: Per::User,
            unit: Unit::Usd,
            max: 25_000_000_000,
            window: Window::Month,
            models: None,
            consumers: None,
            users: None,
            groups: None,
            shadow: false,
            engine: Engine::Local,
        };
        let limit_status = LimitStatus {
            rule: 0,
            used: 844_000_000,
            reserved: 0,
            remaining: 24_156_000_000,
            full_at: Some(Duration::from_secs(1_767_225_600)),
        };
        let scope = Scope { consumer: "acme-web", user: "acme", model: "gpt-image-2", groups: &[] };
        let list = String::from_utf8(list(&[rule], &[limit_status], &scope)).unwrap();
        assert_eq!(
            list,
            concat!(
                r#"{"object":"list","data":[{"name":"user-budget","per":"user","unit":"usd","#,
                r#""max":"25","used":"0.844","reserved":"0","#,
                r#""remaining":"24.156","window":"month","resets_at":1767225600,"shadow":false}]}"#,
            ),
        );
    }
}

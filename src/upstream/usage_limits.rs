//! The usage limits of an account, as the Codex backend reports them in response headers.
//!
//! `x-codex-primary-used-percent`, `-reset-at` (Unix seconds) and `-reset-after-seconds` describe
//! one window, `x-codex-secondary-…` a longer one. `x-codex-active-limit` names the limit that
//! counts for this path, such as `imagegen_premium`; it may have its own headers, whose names begin
//! with it (`x-imagegen-premium-primary-…`). The names of limits change, so none is fixed here.

use std::time::Duration;

/// The windows of the limit that counts. A window is `None` if it is not reported or not in use.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct UsageLimits {
    windows: [Option<Window>; 2],
}

/// One window of a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// How much is used, 0 to 100. `None` if that is not reported.
    pub used_percent: Option<u8>,
    /// When it starts again, as the time since the Unix epoch: after now, and not by more than 8
    /// days.
    pub resets_at: Duration,
}

/// The longest known window is a week.
const MAX_RESET: Duration = Duration::from_secs(8 * 86_400);
/// From this percentage on a window counts as used up. The figure is rounded, and may be slightly
/// old.
const FULL: u8 = 99;
/// When a window starts again: Unix seconds, or seconds from now.
const RESET_AT: &str = "reset-at";
const RESET_AFTER: &str = "reset-after-seconds";
/// The name of a limit is a short word.
const MAX_NAME: usize = 64;

impl UsageLimits {
    /// The limits in `headers`, whose names are in lower case. `None` if there are none.
    #[must_use]
    pub fn read(headers: &[(String, Vec<u8>)], now: Duration) -> Option<Self> {
        // No window without one of these: most upstreams report nothing.
        let says_when = |name: &str| name.ends_with(RESET_AT) || name.ends_with(RESET_AFTER);
        if !headers.iter().any(|(name, _)| says_when(name)) {
            return None;
        }
        let value = |name: &str| {
            let (_, value) = headers.iter().find(|(it, _)| it == name)?;
            std::str::from_utf8(value).ok().map(str::trim)
        };
        let active = value("x-codex-active-limit").filter(|name| name.len() <= MAX_NAME);
        let active =
            active.map(|name| format!("x-{}", name.to_ascii_lowercase().replace('_', "-")));
        let families = active.as_deref().into_iter().chain(["x-codex"]);
        families
            .map(|family| Self {
                windows: ["primary", "secondary"].map(|window| {
                    Window::read(&|member| value(&format!("{family}-{window}-{member}")), now)
                }),
            })
            .find(|limits| *limits != Self::default())
    }

    /// The window with the highest use.
    #[must_use]
    pub fn tightest(&self) -> Option<(u8, Duration)> {
        let used = self.windows.iter().flatten();
        used.filter_map(|it| Some((it.used_percent?, it.resets_at))).max()
    }

    /// When the account serves again after the upstream has reported that a limit is reached: when
    /// all windows that are used up have reset. `None` if none is used up.
    #[must_use]
    pub fn serves_at(&self) -> Option<Duration> {
        let is_full = |it: &&Window| it.used_percent.is_none_or(|percent| percent >= FULL);
        self.windows.iter().flatten().filter(is_full).map(|it| it.resets_at).max()
    }
}

impl Window {
    fn read<'h>(value: &dyn Fn(&str) -> Option<&'h str>, now: Duration) -> Option<Self> {
        let seconds = |name| {
            let seconds: f64 = value(name)?.parse().ok()?;
            Duration::try_from_secs_f64(seconds).ok().filter(|it| !it.is_zero())
        };
        let after = || Some(now.saturating_add(seconds(RESET_AFTER)?));
        // A time in milliseconds is also one of this century.
        let millis = |at: Duration| if at >= FIRST_MILLIS { whole_seconds(at) } else { at };
        let resets_at = seconds(RESET_AT).map(millis).filter(|at| *at > now).or_else(after)?;
        let percent = value("used-percent").and_then(|it| it.parse::<f64>().ok());
        Some(Self {
            used_percent: percent.filter(|it| *it >= 0.0).map(whole_percent),
            resets_at: resets_at.min(now.saturating_add(MAX_RESET)),
        })
    }
}

/// Rounded down, and at most 100.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "within 0 to 100")]
const fn whole_percent(percent: f64) -> u8 {
    percent.clamp(0.0, 100.0) as u8
}

/// A time in milliseconds that was read as seconds.
fn whole_seconds(at: Duration) -> Duration {
    Duration::from_secs(at.as_secs() / 1000)
}

/// In seconds the year 5138, in milliseconds 1973.
const FIRST_MILLIS: Duration = Duration::from_secs(100_000_000_000);

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::from_secs(1_767_225_600);

    fn read(headers: &[(&str, &str)]) -> Option<UsageLimits> {
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), value.as_bytes().to_vec());
        UsageLimits::read(&headers.iter().map(own).collect::<Vec<_>>(), NOW)
    }

    const fn after(secs: u64) -> Duration {
        NOW.saturating_add(Duration::from_secs(secs))
    }

    #[test]
    fn the_tightest_window_counts_and_the_longest_full_one_is_waited_for() {
        let limits = read(&[
            ("x-codex-primary-used-percent", "99.6"),
            ("x-codex-primary-window-minutes", "300"),
            ("x-codex-primary-reset-after-seconds", "600"),
            ("x-codex-secondary-used-percent", "100"),
            ("x-codex-secondary-reset-at", "1767312000"),
        ]);
        let limits = limits.unwrap_or_default();
        assert_eq!(limits.tightest(), Some((100, after(86_400))));
        assert_eq!(limits.serves_at(), Some(after(86_400)));
    }

    #[test]
    fn a_window_with_room_is_not_waited_for() {
        let limits = read(&[
            ("x-codex-primary-used-percent", "67"),
            ("x-codex-primary-reset-after-seconds", "600"),
        ]);
        let limits = limits.unwrap_or_default();
        assert_eq!((limits.tightest(), limits.serves_at()), (Some((67, after(600))), None));
        // A reset alone means that the window is in use.
        let limits = read(&[("x-codex-primary-reset-after-seconds", "471285")]);
        assert_eq!(limits.unwrap_or_default().serves_at(), Some(after(471_285)));
    }

    #[test]
    fn the_active_limit_has_headers_of_its_own() {
        let text = [
            ("x-codex-primary-used-percent", "100"),
            ("x-codex-primary-reset-after-seconds", "9000"),
        ];
        let image = [
            ("x-codex-active-limit", "imagegen_premium"),
            ("x-imagegen-premium-primary-used-percent", "12"),
            ("x-imagegen-premium-primary-reset-after-seconds", "60"),
        ];
        let limits = read(&[text.as_slice(), &image].concat()).unwrap_or_default();
        assert_eq!(limits.tightest(), Some((12, after(60))));
        // Without them, those of the answer describe the active limit.
        let limits = read(&[text.as_slice(), &image[..1]].concat()).unwrap_or_default();
        assert_eq!(limits.tightest(), Some((100, after(9000))));
    }

    #[test]
    fn nonsense_is_passed_by() {
        for (name, value) in [
            ("x-codex-primary-reset-after-seconds", "NaN"),
            ("x-codex-primary-reset-after-seconds", "-5"),
            ("x-codex-primary-reset-after-seconds", "soon"),
            ("x-codex-primary-reset-after-seconds", "1e300"),
            // An unused window is sent as zeros.
            ("x-codex-primary-reset-after-seconds", "0"),
            ("x-codex-primary-reset-at", "1700000000"),
            ("x-codex-primary-used-percent", "50"),
            ("x-codex-active-limit", "premium"),
        ] {
            assert_eq!(read(&[(name, value)]), None, "{name}: {value}");
        }
        let far = read(&[("x-codex-primary-reset-at", "99999999999")]).unwrap_or_default();
        assert_eq!(far.serves_at(), Some(NOW.saturating_add(MAX_RESET)));
        let millis = read(&[("x-codex-primary-reset-at", "1767225660000")]).unwrap_or_default();
        assert_eq!(millis.serves_at(), Some(after(60)));
        let odd = read(&[
            ("x-codex-primary-used-percent", "1e9"),
            ("x-codex-primary-reset-after-seconds", "9.5"),
        ]);
        assert_eq!(odd.unwrap_or_default().tightest().map(|(percent, _)| percent), Some(100));
    }
}

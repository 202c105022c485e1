//! `token`: the one owner of a Codex credential. It refreshes the access token of an `auth.json`
//! and hands it to Envoy.
//!
//! ```text
//! auth.json ─ lock ─▶ auth_file ─ due? ─▶ oauth ─▶ atomic_file (fsync, rename, fsync) ─▶ sds ─▶ Envoy
//! ```
//!
//! Refresh tokens rotate. One that is used twice ends the whole credential. So the order is fixed:
//! one process at a time ([`lock`]), room on the disk before the token is spent ([`atomic_file`]),
//! and the new credential on the disk before its access token is used.

pub(crate) mod atomic_file;
pub(crate) mod auth_file;
mod error;
mod jwt;
mod lock;
mod oauth;
mod renew;
mod sds;
mod settings;
mod stop;

use std::time::Duration;

use crate::cli::TokenArguments;
use crate::clock;
use crate::exit::CommandError;
use crate::output;
pub(crate) use auth_file::ParseError;
use error::RefreshError;
pub(crate) use error::{LoginError, SettingsError, TransientError};
use renew::{Outcome, When};
use settings::Settings;
pub(crate) use settings::{margin, mode};
use stop::Stop;

/// Refreshes if it is due and writes Envoy's files, once or until a signal stops it.
///
/// # Errors
///
/// If the credential needs a login, and with `--once`, if the token server does not answer in
/// several attempts.
pub(crate) fn run(arguments: &TokenArguments) -> Result<(), CommandError> {
    let settings = Settings::new(arguments)?;
    let stop = Stop::on_signals()?;
    let (mut failures, mut when) = (0, if arguments.force { When::Now } else { When::Due });
    loop {
        let wait = match renew::pass(&settings, when, &stop) {
            Ok(outcome) => {
                (failures, when) = (0, When::Due);
                report(&outcome);
                if arguments.once {
                    return Ok(());
                }
                outcome.due.saturating_sub(clock::now()).clamp(SHORTEST_WAIT, LONGEST_WAIT)
            }
            Err(RefreshError::Stopped) => return Ok(()),
            Err(RefreshError::Final(error)) => return Err(error),
            Err(RefreshError::Transient(error)) => {
                failures += 1;
                if arguments.once && failures >= ATTEMPTS {
                    return Err(CommandError::TokenServer { error, attempts: failures });
                }
                let wait = backoff(failures, error.retry_after());
                output::say(&format!("{error}; the next attempt is in {}", rounded(wait)));
                wait
            }
        };
        if stop.wait(wait) {
            return Ok(());
        }
    }
}

fn report(outcome: &Outcome) {
    let left = rounded(outcome.expires.saturating_sub(clock::now()));
    if outcome.refreshed {
        output::say(&format!("refreshed: the access token is good for {left}"));
    }
    for path in &outcome.written {
        output::say(&format!("wrote {}", path.display()));
    }
}

/// Doubles from one second to a minute, a tenth more or less, and no shorter than the server asked
/// for.
fn backoff(failures: u32, retry_after: Option<Duration>) -> Duration {
    let doubled =
        FIRST_BACKOFF.saturating_mul(1 << failures.saturating_sub(1).min(10)).min(LONGEST_BACKOFF);
    let wait = doubled.mul_f64(0.9 + 0.2 * settings::random());
    wait.max(retry_after.unwrap_or_default().min(LONGEST_RETRY_AFTER))
}

/// A duration for people.
fn rounded(duration: Duration) -> humantime::FormattedDuration {
    let whole = if duration < Duration::from_secs(10) {
        duration.as_millis() / 100 * 100
    } else {
        duration.as_millis() / 1000 * 1000
    };
    humantime::format_duration(Duration::from_millis(u64::try_from(whole).unwrap_or(u64::MAX)))
}

/// With `--once`: some fifteen seconds of attempts.
const ATTEMPTS: u32 = 5;
const FIRST_BACKOFF: Duration = Duration::from_secs(1);
const LONGEST_BACKOFF: Duration = Duration::from_secs(60);
/// A longer wait that the server asks for is cut to this: the access token may not last that long.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(300);
/// Without it, a token that is due again at once would be refreshed without a pause.
const SHORTEST_WAIT: Duration = Duration::from_secs(1);
/// How soon a new login, a removed file or a changed clock is noticed.
const LONGEST_WAIT: Duration = Duration::from_secs(15);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiting_doubles_up_to_a_bound() {
        for (failures, seconds) in [(1, 1.0), (2, 2.0), (4, 8.0), (7, 60.0), (4_000_000, 60.0)] {
            let wait = backoff(failures, None).as_secs_f64();
            assert!((0.89 * seconds..=1.11 * seconds).contains(&wait), "{failures}: {wait}");
        }
        assert_eq!(backoff(1, Some(Duration::from_secs(120))), Duration::from_secs(120));
        assert_eq!(backoff(1, Some(Duration::MAX)), LONGEST_RETRY_AFTER);
    }
}

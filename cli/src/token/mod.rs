//! `token`: the one owner of a Codex credential. It refreshes the access token of an `auth.json` and hands it to Envoy.
//!
//! ```text
//! auth.json ─ lock ─▶ auth_file ─ due? ─▶ oauth ─▶ draft (fsync, rename, fsync) ─▶ sds ─▶ Envoy
//! ```
//!
//! Refresh tokens rotate, and one that is used twice is dead, with the whole credential. From that follows the order
//! of everything here: one process at a time ([`lock`]); room on the disk before the token is spent ([`draft`]);
//! its successor on the disk before anything uses the access token that came with it.

pub(crate) mod auth_file;
mod draft;
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
use crate::exit::Failure;
use renew::{Outcome, Trouble, When};
use settings::Settings;
pub(crate) use settings::{margin, mode};
use stop::Stop;

/// Refreshes where it is due and writes Envoy's files, once or until it is told to stop.
///
/// # Errors
///
/// A credential that needs a login, and with `--once` a token server that does not answer in several attempts.
pub(crate) fn run(arguments: &TokenArguments) -> Result<(), Failure> {
    let settings = Settings::new(arguments)?;
    let stop = Stop::on_signals()?;
    let (mut failures, mut when) = (0, if arguments.force { When::Now } else { When::Due });
    loop {
        let wait = match renew::pass(&settings, when, &stop) {
            Ok(outcome) => {
                (failures, when) = (0, When::Due);
                tell(&outcome);
                if arguments.once {
                    return Ok(());
                }
                outcome.due.saturating_sub(clock::now()).clamp(SHORTEST_WAIT, LONGEST_WAIT)
            }
            Err(Trouble::Stopped) => return Ok(()),
            Err(Trouble::Final(failure)) => return Err(failure),
            Err(Trouble::Passing { words, retry_after }) => {
                failures += 1;
                if arguments.once && failures >= ATTEMPTS {
                    return Err(Failure::Transient(format!(
                        "{words}; gave up after {ATTEMPTS} attempts"
                    )));
                }
                let wait = backoff(failures, retry_after);
                anstream::eprintln!("{words}; the next attempt is in {}", rounded(wait));
                wait
            }
        };
        if stop.wait(wait) {
            return Ok(());
        }
    }
}

fn tell(outcome: &Outcome) {
    let left = rounded(outcome.expires.saturating_sub(clock::now()));
    if outcome.refreshed {
        anstream::eprintln!("refreshed: the access token is good for {left}");
    }
    for path in &outcome.written {
        anstream::eprintln!("wrote {}", path.display());
    }
}

/// Doubles from one second to a minute, a tenth more or less, and no shorter than the server asked for.
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
/// A server that asks for more is asked again all the same: the access token may not last that long.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(300);
/// A token that is due again at once would otherwise be asked for without a pause.
const SHORTEST_WAIT: Duration = Duration::from_secs(1);
/// How soon a new login, a file that somebody removed, or a clock that was set is noticed.
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

//! What all workers know of an upstream: whether it rests, and how much of its limit is used.
//!
//! It is two lines of the [`shared`] notes:
//!
//! ```text
//! rest 1767225600000 2 0 rate_limit_exceeded  until (Unix ms), level, probed until (ms), cause
//! used 87 1767229200000                       percent, resets at (Unix ms)
//! ```

use std::time::Duration;

use super::rest::{Cause, Refusal, Resting, Usage};
use super::shared::{self, Place};
use crate::limits::Store;

/// After a rest only one request calls the upstream for this long: refusals come immediately,
/// images take longer.
const PROBE: Duration = Duration::from_secs(5);
/// Pauses grow while refusals follow a rest within this time. Also for this long after a rest, a
/// single request calls first.
const MEMORY: Duration = Duration::from_secs(600);

/// The clocks of two workers differ by less than this.
const SLACK: Duration = Duration::from_secs(5);

/// Where the state of an upstream is kept.
#[derive(Debug, Clone, Copy)]
pub struct Key<'a> {
    /// The upstream's name.
    pub name: &'a str,
    /// The fingerprint of its configuration: one line.
    pub fingerprint: &'a str,
    /// The longest rest; zero means that it never rests.
    pub longest: Duration,
}

/// What is known of an upstream.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct State {
    rest: Option<Rest>,
    usage: Option<Usage>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Rest {
    until: Duration,
    /// How many rests came before this one, without an answer between them.
    level: u32,
    /// Until then only one request calls the upstream. Zero until one does.
    probed_until: Duration,
    cause: Cause,
}

impl State {
    /// Whether the upstream rests at `now`, and until when. `None` if it may be called.
    #[must_use]
    pub fn resting(&self, now: Duration) -> Option<Resting> {
        let Rest { until, probed_until, cause, .. } = self.rest?;
        let until = until.max(probed_until);
        (until > now).then_some(Resting { cause, until })
    }

    /// Whether the rest is over, and others wait for the outcome of one request.
    #[must_use]
    pub fn is_probed(&self, now: Duration) -> bool {
        self.rest.is_some_and(|rest| rest.until <= now && rest.probed_until > now)
    }

    /// How much of its limit the upstream has used, in percent; 0 if that is not known.
    #[must_use]
    pub fn used_percent(&self, now: Duration) -> u8 {
        self.usage.filter(|usage| usage.resets_at > now).map_or(0, |usage| usage.percent)
    }

    /// Whether a rest of the upstream ended recently, and no request has called it since.
    fn is_due(&self, now: Duration) -> bool {
        let is_over = |rest: &Rest| rest.until <= now && now.saturating_sub(rest.until) < MEMORY;
        self.rest.is_some_and(|rest| is_over(&rest) && rest.probed_until.is_zero())
    }

    /// The state without a rest that is too long to be valid: it began under a configuration with a
    /// longer `max_rest`, or the clock has been set back since.
    fn within(self, longest: Duration, now: Duration) -> Self {
        let latest = now.saturating_add(longest).saturating_add(SLACK);
        let probed_by = now.saturating_add(PROBE).saturating_add(SLACK);
        let is_known = |rest: &Rest| !longest.is_zero() && rest.until <= latest;
        let rest = self.rest.filter(is_known).map(|rest| match rest.probed_until > probed_by {
            true => Rest { probed_until: Duration::ZERO, ..rest },
            false => rest,
        });
        Self { rest, ..self }
    }

    /// The state after `refusal`. No rest is longer than `longest`. A later end that is known
    /// stays.
    fn refused(self, refusal: &Refusal, longest: Duration, now: Duration) -> Self {
        let level = match self.rest {
            // Other calls were on their way when the rest began.
            Some(rest) if rest.until > now => rest.level,
            Some(rest) if now.saturating_sub(rest.until) < MEMORY => rest.level.saturating_add(1),
            _ => 0,
        };
        let until = now.saturating_add(refusal.pause(level).min(longest));
        let cause = refusal.cause;
        let rest = match self.rest {
            Some(rest) if rest.until >= until => rest,
            _ if until <= now => return self,
            _ => Rest { until, level, probed_until: Duration::ZERO, cause },
        };
        Self { rest: Some(rest), ..self }
    }

    fn write(&self) -> Vec<String> {
        let mut lines = Vec::new();
        if let Some(Rest { until, level, probed_until, cause }) = self.rest {
            let (until, probed_until) = (until.as_millis(), probed_until.as_millis());
            lines.push(format!("rest {until} {level} {probed_until} {}", cause.as_str()));
        }
        if let Some(Usage { percent, resets_at }) = self.usage {
            lines.push(format!("used {percent} {}", resets_at.as_millis()));
        }
        lines
    }

    fn parse(notes: &str) -> Self {
        let last = |word| shared::lines(notes, word).last();
        Self { rest: last(REST).and_then(Rest::parse), usage: last(USED).and_then(parse_usage) }
    }
}

impl Rest {
    fn parse(text: &str) -> Option<Self> {
        let mut words = text.split(' ');
        Some(Self {
            until: millis(words.next()?)?,
            level: words.next()?.parse().ok()?,
            probed_until: millis(words.next()?)?,
            cause: Cause::parse(words.next()?)?,
        })
    }
}

fn parse_usage(text: &str) -> Option<Usage> {
    let (percent, resets_at) = text.split_once(' ')?;
    Some(Usage { percent: percent.parse().ok()?, resets_at: millis(resets_at)? })
}

fn millis(word: &str) -> Option<Duration> {
    word.parse().ok().map(Duration::from_millis)
}

/// What is known of an upstream.
pub fn read(store: &dyn Store, key: Key<'_>, now: Duration) -> State {
    noted(&shared::read(store, place(key)), key, now)
}

/// The notes about an upstream, for [`noted`].
pub fn notes(store: &dyn Store, key: Key<'_>) -> String {
    shared::read(store, place(key))
}

/// What is known of an upstream by its notes.
#[must_use]
pub fn noted(notes: &str, key: Key<'_>, now: Duration) -> State {
    State::parse(notes).within(key.longest, now)
}

/// Notes that the upstream refused to serve. Returns the rest that this began, if it did not rest
/// already.
pub fn note_refusal(
    store: &dyn Store,
    key: Key<'_>,
    refusal: &Refusal,
    now: Duration,
) -> Option<Resting> {
    let mut rested = false;
    let state = change(store, key, now, |state| {
        rested = state.rest.is_some_and(|rest| rest.until > now);
        state.refused(refusal, key.longest, now)
    });
    state.resting(now).filter(|_| !rested)
}

/// Notes that the upstream serves: its next pause is a short one again.
pub fn note_serves(store: &dyn Store, key: Key<'_>, now: Duration) {
    // An answer that was on its way when the rest began does not end it.
    let is_over = |state: &State| state.rest.is_some_and(|rest| rest.until <= now);
    if is_over(&read(store, key, now)) {
        change(store, key, now, |state| match is_over(&state) {
            true => State { rest: None, ..state },
            false => state,
        });
    }
}

/// Notes how much of its limit the upstream has used. An answer says in whole seconds how long until
/// that starts anew, so two answers hardly ever say the same moment: one that is nearly the same is
/// not written.
pub fn note_usage(store: &dyn Store, key: Key<'_>, usage: Usage, now: Duration) {
    let is_known = |known: Usage| {
        known.percent == usage.percent && known.resets_at.abs_diff(usage.resets_at) < SLACK
    };
    if !read(store, key, now).usage.is_some_and(is_known) {
        change(store, key, now, |state| State { usage: Some(usage), ..state });
    }
}

/// Claims the next call of the upstream. After a rest only one request gets it, until the upstream
/// refuses that or a few seconds have passed.
///
/// # Errors
///
/// The upstream rests, or another request calls it.
pub fn claim(store: &dyn Store, key: Key<'_>, now: Duration) -> Result<(), Resting> {
    claim_noted(store, key, read(store, key, now), now)
}

/// The same for an upstream whose `state` has just been read.
///
/// # Errors
///
/// As above.
pub fn claim_noted(
    store: &dyn Store,
    key: Key<'_>,
    state: State,
    now: Duration,
) -> Result<(), Resting> {
    let mut resting = state.resting(now);
    if resting.is_none() && state.is_due(now) {
        change(store, key, now, |state| {
            resting = state.resting(now);
            let rest = state.rest.map(|rest| match state.is_due(now) {
                true => Rest { probed_until: now.saturating_add(PROBE), ..rest },
                false => rest,
            });
            State { rest, ..state }
        });
    }
    resting.map_or(Ok(()), Err)
}

/// Releases the call that was claimed at `claimed_at`, if nothing was sent. Another request may
/// call immediately.
pub fn release(store: &dyn Store, key: Key<'_>, claimed_at: Duration) {
    let own = claimed_at.saturating_add(PROBE).as_millis();
    let is_own = |rest: &Rest| rest.probed_until.as_millis() == own;
    let freed = |state: State| {
        let rest = state.rest.map(|rest| match is_own(&rest) {
            true => Rest { probed_until: Duration::ZERO, ..rest },
            false => rest,
        });
        State { rest, ..state }
    };
    change(store, key, claimed_at, freed);
}

/// Stores what `step` makes of the state. Returns what is stored after that.
fn change(
    store: &dyn Store,
    key: Key<'_>,
    now: Duration,
    mut step: impl FnMut(State) -> State,
) -> State {
    let mut state = State::default();
    shared::change(store, place(key), &[REST, USED], |notes| {
        let before = noted(notes, key, now);
        state = step(before);
        (state != before).then(|| state.write())
    });
    state
}

const fn place(key: Key<'_>) -> Place<'_> {
    Place { name: key.name, fingerprint: key.fingerprint }
}

/// The words of its lines.
const REST: &str = "rest";
const USED: &str = "used";

#[cfg(test)]
mod tests;

//! Why an upstream rests, and for how long.

use std::time::Duration;

/// Why an upstream is not called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// A rate or usage limit is reached.
    RateLimited,
    /// Nothing is left to spend.
    QuotaExhausted,
    /// The credential is refused.
    CredentialRefused,
    /// All host models are refused.
    HostModelsRefused,
    /// It is overloaded, and says for how long.
    Overloaded,
    /// No connection can be made.
    Unreachable,
}

/// The upstream says that it serves no request for now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refusal {
    /// Why.
    pub cause: Cause,
    /// For how long, if a field or a header says so.
    pub wait: Option<Duration>,
    /// For how long, if only a message says so. A message may quote anything, so this only makes a
    /// pause shorter.
    pub hint: Option<Duration>,
}

/// An upstream that is not called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resting {
    /// Why.
    pub cause: Cause,
    /// When it is called again, as the time since the Unix epoch.
    pub until: Duration,
}

/// How much of its usage limit an account has used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    /// 0 to 100.
    pub percent: u8,
    /// When it starts again from 0, as the time since the Unix epoch.
    pub resets_at: Duration,
}

impl Cause {
    /// Every cause.
    pub const ALL: [Self; 6] = [
        Self::RateLimited,
        Self::QuotaExhausted,
        Self::CredentialRefused,
        Self::HostModelsRefused,
        Self::Overloaded,
        Self::Unreachable,
    ];

    /// The code of the error that it comes from, for metrics and in the shared data.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RateLimited => "rate_limit_exceeded",
            Self::QuotaExhausted => "insufficient_quota",
            Self::CredentialRefused => "upstream_authentication_failed",
            Self::HostModelsRefused => "upstream_host_model_refused",
            Self::Overloaded => "server_is_overloaded",
            Self::Unreachable => "upstream_unreachable",
        }
    }

    /// The cause that `word` names.
    pub(super) fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.as_str() == word)
    }

    /// Whether it ends by itself at a known time, so a client should wait: 429, not 503.
    #[must_use]
    pub const fn is_limit(self) -> bool {
        matches!(self, Self::RateLimited | Self::QuotaExhausted)
    }

    /// The first pause and the longest, if the upstream names no time.
    const fn pauses(self) -> (Duration, Duration) {
        let (first, longest) = match self {
            Self::RateLimited | Self::HostModelsRefused => (5, 60),
            // A person has to pay first.
            Self::QuotaExhausted => (60, 1800),
            // Tokens are renewed from outside, and the renewed one should be found soon.
            Self::CredentialRefused => (5, 30),
            Self::Overloaded | Self::Unreachable => (1, 30),
        };
        (Duration::from_secs(first), Duration::from_secs(longest))
    }
}

impl Refusal {
    /// A refusal that names no time.
    #[must_use]
    pub const fn of(cause: Cause) -> Self {
        Self { cause, wait: None, hint: None }
    }

    /// How long the upstream rests after this many pauses in a row without an answer in between.
    pub(super) fn pause(&self, level: u32) -> Duration {
        if let Some(wait) = self.wait {
            return wait.max(SHORTEST);
        }
        let (first, longest) = self.cause.pauses();
        let grown = first.saturating_mul(1_u32.checked_shl(level).unwrap_or(u32::MAX));
        self.hint.unwrap_or(longest).min(grown).min(longest).max(SHORTEST)
    }
}

/// A pause of a few milliseconds is over when the next request comes, and would never grow.
const SHORTEST: Duration = Duration::from_secs(1);

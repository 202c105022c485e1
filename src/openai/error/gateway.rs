//! Failures of this gateway, or of the Envoy that it runs in.

use std::time::Duration;

use super::table::Class;

/// The gateway cannot serve the request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GatewayFailure {
    /// The counters of `limits` cannot be used.
    LimitsUnavailable,
    /// The counters of `limits` have no room for another scope: all that could go are in use.
    CountersFull,
    /// The list that may have the key has not been read yet.
    KeysUnread,
    /// The memory budget is used up.
    Overloaded {
        /// When memory is likely to be free again.
        retry_after: Duration,
    },
    /// Envoy delivers no body while the head is held.
    Misconfigured,
    /// Envoy has no route to the upstream that serves the request.
    RouteMissing,
    /// Envoy has no cluster for the side calls of the upstream.
    ClusterMissing,
    /// A bug, or a host call that failed.
    Internal,
}

/// Most images take longer than this, but if many are in memory, one is soon delivered.
const OVERLOAD_WAIT: Duration = Duration::from_secs(5);
/// Counters that cannot be used now can mostly be used a moment later, and a list be read.
const COUNTERS_WAIT: Duration = Duration::from_secs(1);

impl GatewayFailure {
    /// The memory budget is used up. Some seconds later another answer has left.
    #[must_use]
    pub const fn overloaded() -> Self {
        Self::Overloaded { retry_after: OVERLOAD_WAIT }
    }

    /// Whether the call never left, so that another upstream may be called.
    #[must_use]
    pub const fn is_refusal(&self) -> bool {
        match self {
            // A full queue in Envoy is `Overloaded` too.
            Self::RouteMissing | Self::ClusterMissing | Self::Overloaded { .. } => true,
            Self::LimitsUnavailable
            | Self::CountersFull
            | Self::KeysUnread
            | Self::Misconfigured
            | Self::Internal => false,
        }
    }

    /// Whether an operator can fix it for one upstream: in Envoy's configuration for it.
    #[must_use]
    pub const fn is_of_one_upstream(&self) -> bool {
        match self {
            Self::RouteMissing | Self::ClusterMissing => true,
            Self::LimitsUnavailable
            | Self::CountersFull
            | Self::KeysUnread
            | Self::Overloaded { .. }
            | Self::Misconfigured
            | Self::Internal => false,
        }
    }

    /// How long to wait, if that is known.
    #[must_use]
    pub const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Overloaded { retry_after } => Some(*retry_after),
            Self::LimitsUnavailable | Self::CountersFull | Self::KeysUnread => Some(COUNTERS_WAIT),
            Self::Misconfigured | Self::RouteMissing | Self::ClusterMissing | Self::Internal => {
                None
            }
        }
    }

    /// The row of the table that the failure belongs to.
    pub(super) const fn class(&self) -> Class {
        match self {
            Self::LimitsUnavailable | Self::CountersFull => Class::LimitsUnavailable,
            Self::KeysUnread => Class::KeysUnread,
            Self::Overloaded { .. } => Class::Overloaded,
            Self::Misconfigured => Class::GatewayMisconfigured,
            Self::RouteMissing | Self::ClusterMissing => Class::RouteMissing,
            Self::Internal => Class::Internal,
        }
    }
}

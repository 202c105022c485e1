//! Which failures another upstream may be called after, and which of several the client gets.

use std::time::Duration;

use crate::openai::error::Failure;

/// Whether an upstream that fails like this has said that it generates nothing, for reasons of its
/// own.
pub(crate) const fn is_refusal(failure: &Failure) -> bool {
    matches!(
        failure,
        Failure::RateLimited { .. }
            | Failure::QuotaExhausted
            | Failure::UpstreamOverloaded { .. }
            | Failure::UpstreamCredential
            | Failure::UpstreamNotEntitled
            | Failure::UpstreamBlocked
            // What the operator set for this upstream may be right for the next.
            | Failure::UpstreamRejects
            // In the model's words, in place of a call of the tool.
            | Failure::UpstreamNoTool
            // The account has not got it, or nobody has.
            | Failure::ModelRefused
            | Failure::HostModelRefused { .. }
            | Failure::UpstreamUnreachable
            | Failure::RouteMissing
            | Failure::ClusterMissing
            // A full queue of Envoy's.
            | Failure::Overloaded { .. }
    )
}

/// The place of the failure that is reported if every upstream failed. `failures` are in the order of
/// the calls, each with its candidate.
///
/// It is the last one, unless that is a refusal and another one has a wait: then the shortest wait.
pub(crate) fn reported(failures: &[(usize, Failure)]) -> usize {
    let last = failures.len().saturating_sub(1);
    if !failures.last().is_some_and(|(_, it)| is_refusal(it)) {
        return last;
    }
    let waits = failures.iter().enumerate().filter_map(|(place, it)| Some((wait(&it.1)?, place)));
    waits.min().map_or(last, |(_, place)| place)
}

const fn wait(failure: &Failure) -> Option<Duration> {
    match failure {
        Failure::RateLimited { retry_after }
        | Failure::UpstreamOverloaded { retry_after }
        | Failure::Overloaded { retry_after } => Some(*retry_after),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reported(failures: &[Failure]) -> usize {
        let tries: Vec<_> = failures.iter().cloned().enumerate().collect();
        super::reported(&tries)
    }

    #[test]
    fn the_shortest_wait_is_told_else_what_the_last_upstream_said() {
        let limited = |secs| Failure::RateLimited { retry_after: Duration::from_secs(secs) };
        let (failed, spent) = (Failure::UpstreamCredential, Failure::QuotaExhausted);
        assert_eq!(reported(&[limited(9), limited(3), failed.clone()]), 1);
        assert_eq!(reported(&[limited(9), limited(20)]), 0);
        assert_eq!(reported(&[limited(9), limited(9)]), 0);
        assert_eq!(reported(&[spent.clone(), failed.clone()]), 1);
        assert_eq!(reported(&[failed, spent.clone()]), 1);
        assert_eq!(reported(&[spent]), 0);
    }

    #[test]
    fn what_is_no_refusal_is_told_as_it_is() {
        let limited = Failure::RateLimited { retry_after: Duration::from_secs(1) };
        for last in [
            Failure::UpstreamFailed,
            Failure::UpstreamTimeout,
            Failure::UpstreamDisconnected,
            Failure::Refused { message: "no".to_owned(), details: None },
        ] {
            assert_eq!(reported(&[limited.clone(), last]), 1);
        }
    }
}

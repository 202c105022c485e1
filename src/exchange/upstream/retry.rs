//! Which of several failures the client gets.

use std::time::Duration;

use crate::openai::error::{Failure, GatewayFailure, UpstreamFailure};

/// The place of the failure that is reported if every upstream failed. `failures` are in the order
/// of the calls, each with its candidate.
///
/// It is the last one, unless that is a refusal and another one has a wait: then the shortest wait.
pub(crate) fn reported(failures: &[(usize, Failure)]) -> usize {
    let last = failures.len().saturating_sub(1);
    if !failures.last().is_some_and(|(_, it)| it.is_refusal()) {
        return last;
    }
    let waits = failures.iter().enumerate().filter_map(|(place, it)| Some((wait(&it.1)?, place)));
    waits.min().map_or(last, |(_, place)| place)
}

const fn wait(failure: &Failure) -> Option<Duration> {
    match failure {
        Failure::Upstream(UpstreamFailure::AllRest { .. })
        | Failure::Gateway(
            GatewayFailure::LimitsUnavailable
            | GatewayFailure::CountersFull
            | GatewayFailure::KeysUnread,
        )
        | Failure::Client(_) => None,
        Failure::Upstream(failure) => failure.retry_after(),
        Failure::Gateway(failure) => failure.retry_after(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::openai::error::ClientFailure;

    fn reported(failures: &[Failure]) -> usize {
        let tries: Vec<_> = failures.iter().cloned().enumerate().collect();
        super::reported(&tries)
    }

    #[test]
    fn the_shortest_wait_is_reported_else_the_last_failure() {
        let limited = |secs| {
            Failure::Upstream(UpstreamFailure::RateLimited {
                retry_after: Duration::from_secs(secs),
            })
        };
        let (failed, spent) = (
            Failure::Upstream(UpstreamFailure::Credential),
            Failure::Upstream(UpstreamFailure::QuotaExhausted),
        );
        assert_eq!(reported(&[limited(9), limited(3), failed.clone()]), 1);
        assert_eq!(reported(&[limited(9), limited(20)]), 0);
        assert_eq!(reported(&[limited(9), limited(9)]), 0);
        assert_eq!(reported(&[spent.clone(), failed.clone()]), 1);
        assert_eq!(reported(&[failed, spent.clone()]), 1);
        assert_eq!(reported(&[spent]), 0);
    }

    #[test]
    fn a_failure_that_is_no_refusal_is_reported_as_it_is() {
        let limited =
            Failure::Upstream(UpstreamFailure::RateLimited { retry_after: Duration::from_secs(1) });
        for last in [
            Failure::Upstream(UpstreamFailure::Failed),
            Failure::Upstream(UpstreamFailure::Timeout),
            Failure::Upstream(UpstreamFailure::Disconnected),
            Failure::Client(ClientFailure::Refused { message: "no".to_owned(), details: None }),
        ] {
            assert_eq!(reported(&[limited.clone(), last]), 1);
        }
    }
}

//! From a failure to the answer that its row of the table describes.

use std::time::Duration;

use super::client::ClientFailure;
use super::limit_reached::Fits;
use super::table::{Class, Param, RetryRule};
use super::{Advice, ApiError, Failure, Retry};

/// A minute, and the second by which a counter may be late. A client should not sleep for longer
/// and then try again by itself: the OpenAI SDKs ignore a longer wait and would come back within
/// seconds.
const LONGEST_WAIT: Duration = Duration::from_secs(61);

impl Failure {
    /// The answer to the client.
    #[must_use]
    pub fn to_api(&self) -> ApiError {
        let row = self.class().row();
        let client = match self {
            Self::Client(failure) => Some(failure),
            Self::Upstream(_) | Self::Gateway(_) => None,
        };
        let (code, param, moderation) = client.map(ClientFailure::particulars).unwrap_or_default();
        ApiError {
            status: row.status,
            kind: row.kind,
            code: code.or_else(|| row.codes.first().copied()),
            param: match row.param {
                Param::Null => None,
                Param::Fixed(name) => Some(name.to_owned()),
                Param::Named => param.map(str::to_owned),
            },
            message: self.message(row.message),
            retry: self.retry(row.retry),
            moderation: moderation.cloned(),
            allow: match client {
                Some(ClientFailure::MethodNotAllowed { allow }) => Some(allow),
                _ => None,
            },
            more: client
                .and_then(ClientFailure::limit)
                .map(|limit| limit.headers.clone())
                .unwrap_or_default(),
        }
    }

    /// The row of the table that the failure belongs to.
    #[must_use]
    pub const fn class(&self) -> Class {
        match self {
            Self::Client(failure) => failure.class(),
            Self::Upstream(failure) => failure.class(),
            Self::Gateway(failure) => failure.class(),
        }
    }

    fn message(&self, template: &str) -> String {
        match self {
            Self::Client(failure) => failure.message(template),
            Self::Upstream(failure) => failure.message(template),
            Self::Gateway(_) => template.to_owned(),
        }
    }

    /// What the retry headers say, by the rule of the row and the wait of the failure.
    fn retry(&self, rule: RetryRule) -> Retry {
        let never = Retry { after: None, advice: Advice::Never };
        let after = match (rule, self) {
            (RetryRule::Never, _) => return never,
            (RetryRule::ByStatus, _) => None,
            (RetryRule::After, Self::Client(failure)) => match failure.limit().map(|it| it.fits) {
                Some(Fits::Never) => return never,
                Some(Fits::After(after)) => Some(after),
                Some(Fits::Unknown) | None => None,
            },
            (RetryRule::After, Self::Upstream(failure)) => failure.retry_after(),
            (RetryRule::After, Self::Gateway(failure)) => failure.retry_after(),
        };
        match after {
            Some(after) if after > LONGEST_WAIT => {
                Retry { after: Some(after), advice: Advice::Never }
            }
            Some(after) => Retry { after: Some(after), advice: Advice::ByStatus },
            None => Retry::default(),
        }
    }
}

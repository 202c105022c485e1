//! From a failure to the answer that its row of the table describes.

use std::time::Duration;

use super::{
    Advice, ApiError, Failure, Fits, KeyReason, LimitReached, ModerationDetails, Retry,
    table::{Class, Param, RetryRule},
    template::fill,
    whole_secs,
};
use crate::openai::echo::echo;

impl Failure {
    /// The answer to the client.
    #[must_use]
    pub fn to_api(&self) -> ApiError {
        let row = self.class().row();
        let (code, param, moderation) = self.particulars();
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
            allow: match self {
                Self::MethodNotAllowed { allow } => Some(allow),
                _ => None,
            },
            more: match self {
                Self::LimitReached(limit) | Self::BudgetSpent(limit) => limit.headers.clone(),
                _ => Vec::new(),
            },
        }
    }

    /// Whether the client's own request is at fault, rather than who serves it.
    #[must_use]
    pub const fn is_clients(&self) -> bool {
        let status = self.class().row().status;
        status < 500 && status != 429
    }

    /// Whether it is about one upstream: what this one does, or how it is configured.
    #[must_use]
    pub const fn is_upstreams(&self) -> bool {
        matches!(
            self,
            Self::RouteMissing
                | Self::ClusterMissing
                | Self::UpstreamCredential
                | Self::UpstreamNotEntitled
                | Self::UpstreamBlocked
                | Self::HostModelRefused { .. }
                | Self::UpstreamRejects
                | Self::UpstreamReturnedUrl
                | Self::QuotaExhausted
        )
    }

    /// The row of the table that the failure belongs to.
    #[must_use]
    pub const fn class(&self) -> Class {
        match self {
            Self::Key(reason) => reason.class(),
            Self::UserRequired => Class::UserRequired,
            Self::UserForeign { .. } => Class::UserForeign,
            Self::UserOfAnother { .. } => Class::UserOfAnother,
            Self::UserUnknown { .. } => Class::UserUnknown,
            Self::UserBlocked => Class::UserBlocked,
            Self::ModelUnknown { .. } => Class::ModelUnknown,
            Self::ModelForbidden { .. } => Class::ModelForbidden,
            Self::SizeForbidden { .. } => Class::SizeForbidden,
            Self::EndpointRetired => Class::EndpointRetired,
            Self::MethodNotAllowed { .. } => Class::MethodNotAllowed,
            Self::MediaType { .. } => Class::MediaType,
            Self::BodyTooLarge { .. } => Class::BodyTooLarge,
            Self::BodyEmpty => Class::BodyEmpty,
            Self::BodyTimeout => Class::BodyTimeout,
            Self::HeadersInvalid => Class::HeadersInvalid,
            Self::Request(error) => error.code.class(),
            Self::LimitReached(_) => Class::LimitReached,
            Self::BudgetSpent(_) => Class::BudgetSpent,
            Self::PriceUnavailable { .. } => Class::PriceUnavailable,
            Self::LimitsUnavailable => Class::LimitsUnavailable,
            Self::TooManyImages { .. } => Class::TooManyImages,
            Self::GatewayDenied => Class::GatewayDenied,
            Self::Overloaded { .. } => Class::Overloaded,
            Self::GatewayMisconfigured => Class::GatewayMisconfigured,
            Self::RouteMissing | Self::ClusterMissing => Class::RouteMissing,
            Self::Internal => Class::Internal,
            Self::UpstreamUnreachable => Class::UpstreamUnreachable,
            Self::UpstreamTimeout => Class::UpstreamTimeout,
            Self::UpstreamDisconnected => Class::UpstreamDisconnected,
            Self::UpstreamNoImage => Class::UpstreamNoImage,
            Self::UpstreamInvalidResponse => Class::UpstreamInvalidResponse,
            Self::UpstreamReturnedUrl => Class::UpstreamReturnedUrl,
            Self::ImageTooLarge { .. } => Class::ImageTooLarge,
            Self::Refused { .. } => Class::Refused,
            Self::PromptInvalid { .. } => Class::PromptInvalid,
            Self::ReferenceInvalid { .. } => Class::ReferenceRefused,
            Self::ValueRefused { .. } => Class::ValueRefused,
            Self::ModelRefused => Class::ModelRefused,
            Self::UpstreamTooLarge => Class::UpstreamTooLarge,
            Self::RateLimited { .. } => Class::RateLimited,
            Self::QuotaExhausted => Class::QuotaExhausted,
            Self::UpstreamCredential => Class::UpstreamCredential,
            Self::UpstreamNotEntitled => Class::UpstreamNotEntitled,
            Self::HostModelRefused { .. } => Class::HostModelRefused,
            Self::UpstreamBlocked => Class::UpstreamBlocked,
            Self::UpstreamNoTool => Class::UpstreamNoTool,
            Self::UpstreamRejects => Class::UpstreamRejects,
            Self::UpstreamFailed => Class::UpstreamFailed,
            Self::UpstreamOverloaded { .. } => Class::UpstreamOverloaded,
            Self::UpstreamsRest { .. } => Class::UpstreamsRest,
        }
    }

    /// What the row leaves to the failure: its code, its field, the details of a refusal.
    fn particulars(&self) -> (Option<&'static str>, Option<&str>, Option<&ModerationDetails>) {
        match self {
            Self::Request(error) => (Some(error.code.as_str()), error.param.as_deref(), None),
            Self::UserForeign { field }
            | Self::UserOfAnother { field }
            | Self::UserUnknown { field, .. } => (None, Some(field), None),
            Self::Refused { details, .. } => (None, None, details.as_ref()),
            Self::ReferenceInvalid { param, fault, .. } => {
                (Some(fault.as_str()), Some(param), None)
            }
            Self::ValueRefused { param, fault, .. } => {
                (Some(fault.as_str()), param.as_deref(), None)
            }
            _ => (None, None, None),
        }
    }

    fn message(&self, template: &str) -> String {
        let one = |name, value: &str| fill(template, &[(name, value)]);
        match self {
            Self::UserForeign { field } | Self::UserOfAnother { field } => one("param", field),
            Self::UserUnknown { user, .. } => one("user", &echo(user)),
            Self::ModelUnknown { model } | Self::PriceUnavailable { model } => {
                one("model", &echo(model))
            }
            Self::ModelForbidden { model, allowed } => {
                fill(template, &[("model", &echo(model)), ("allowed", allowed)])
            }
            Self::LimitReached(limit) | Self::BudgetSpent(limit) => limit.message(template),
            Self::SizeForbidden { size, allowed } => {
                fill(template, &[("size", &echo(size)), ("allowed", allowed)])
            }
            Self::MethodNotAllowed { allow } => one("allow", allow),
            Self::MediaType { accepted } => one("accepted", accepted),
            Self::BodyTooLarge { limit } | Self::ImageTooLarge { limit } => {
                one("limit", &limit.to_string())
            }
            Self::TooManyImages { fit } => one("fit", &fit.to_string()),
            Self::Request(error) => error.message.clone(),
            Self::Refused { message, .. }
            | Self::PromptInvalid { message }
            | Self::ReferenceInvalid { message, .. }
            | Self::ValueRefused { message, .. } => one("message", message),
            Self::RateLimited { retry_after } | Self::UpstreamsRest { retry_after } => {
                one("seconds", &whole_secs(*retry_after).to_string())
            }
            _ => template.to_owned(),
        }
    }

    fn retry(&self, rule: RetryRule) -> Retry {
        match (rule, self) {
            (RetryRule::Never, _) => Retry { after: None, advice: Advice::Never },
            (RetryRule::After, Self::LimitReached(limit)) => match limit.fits {
                Fits::After(after) if after <= LONGEST_WAIT => {
                    Retry { after: Some(after), advice: Advice::ByStatus }
                }
                Fits::After(after) => Retry { after: Some(after), advice: Advice::Never },
                Fits::Never => Retry { after: None, advice: Advice::Never },
                Fits::Unknown => Retry::default(),
            },
            (
                RetryRule::After,
                Self::Overloaded { retry_after }
                | Self::RateLimited { retry_after }
                | Self::UpstreamOverloaded { retry_after }
                | Self::UpstreamsRest { retry_after },
            ) => {
                let advice =
                    if *retry_after > LONGEST_WAIT { Advice::Never } else { Advice::ByStatus };
                Retry { after: Some(*retry_after), advice }
            }
            (RetryRule::After, Self::LimitsUnavailable) => {
                Retry { after: Some(COUNTERS_WAIT), advice: Advice::ByStatus }
            }
            (RetryRule::After | RetryRule::ByStatus, _) => Retry::default(),
        }
    }
}

/// Counters that cannot be used now mostly can a moment later.
const COUNTERS_WAIT: Duration = Duration::from_secs(1);

impl LimitReached {
    fn message(&self, template: &str) -> String {
        let advice = match self.fits {
            Fits::After(after) => format!("Please try again in {} s", whole_secs(after)),
            Fits::Never => "It will not fit later either".to_owned(),
            Fits::Unknown => "Please try again later".to_owned(),
        };
        let places = [
            ("rule", self.rule.as_str()),
            ("unit", &self.unit),
            ("max", &self.max),
            ("remaining", self.remaining.as_deref().unwrap_or("too few")),
            ("asked", &self.asked),
            ("advice", &advice),
        ];
        fill(template, &places)
    }
}

impl KeyReason {
    const fn class(self) -> Class {
        match self {
            Self::Missing => Class::KeyMissing,
            Self::Malformed => Class::KeyMalformed,
            Self::Ambiguous => Class::KeyAmbiguous,
            Self::Unknown => Class::KeyUnknown,
            Self::UnknownIdentity => Class::CallerUnknown,
            Self::Expired => Class::KeyExpired,
            Self::Disabled => Class::KeyDisabled,
        }
    }
}

/// Past this wait, a minute and the second by which a counter may be late, a client should not sleep and try again by itself: the OpenAI SDKs ignore longer
/// ones and would come back within seconds.
const LONGEST_WAIT: Duration = Duration::from_secs(61);

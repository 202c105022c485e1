//! Everything that can go wrong with an image request, by whose fault it is.

use super::client::ClientFailure;
use super::gateway::GatewayFailure;
use super::model_names::ModelNames;
use super::upstream::UpstreamFailure;
use crate::openai::request::{ImagesName, RequestError};

/// A request that ends without an image.
///
/// Variants carry data; the words are in [`table`](super::table).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// The request is rejected for what it is, here or by the upstream.
    Client(ClientFailure),
    /// The upstream, or our account there.
    Upstream(UpstreamFailure),
    /// This gateway, or the Envoy that it runs in.
    Gateway(GatewayFailure),
}

impl Failure {
    /// Whether the client's own request is at fault, rather than the one that serves it.
    #[must_use]
    pub const fn is_clients(&self) -> bool {
        matches!(self, Self::Client(_))
    }

    /// Whether an operator has to fix something at one upstream: its configuration or its account.
    #[must_use]
    pub const fn is_of_one_upstream(&self) -> bool {
        match self {
            Self::Client(_) => false,
            Self::Upstream(failure) => failure.is_operators(),
            Self::Gateway(failure) => failure.is_of_one_upstream(),
        }
    }

    /// Whether the upstream certainly generated nothing, for reasons of its own. Then another
    /// upstream may be called.
    #[must_use]
    pub const fn is_refusal(&self) -> bool {
        match self {
            // This account, or every account, lacks the model.
            Self::Client(failure) => matches!(failure, ClientFailure::ModelRefused),
            Self::Upstream(failure) => failure.is_refusal(),
            Self::Gateway(failure) => failure.is_refusal(),
        }
    }

    /// The failure with its images named as the client names them.
    #[must_use]
    pub fn with_images_name(self, name: ImagesName) -> Self {
        match self {
            Self::Client(failure) => Self::Client(failure.with_images_name(name)),
            other => other,
        }
    }

    /// The failure with these `x-ratelimit-*`, if a rule rejects the request.
    #[must_use]
    pub fn with_limits(self, headers: Vec<(&'static str, String)>) -> Self {
        match self {
            Self::Client(failure) => Self::Client(failure.with_limits(headers)),
            other => other,
        }
    }

    /// The failure with the client's own name of the model in what the upstream says.
    #[must_use]
    pub fn with_model_names(self, names: &ModelNames) -> Self {
        match self {
            Self::Client(failure) => Self::Client(failure.with_model_names(names)),
            other => other,
        }
    }

    /// The memory budget is used up.
    #[must_use]
    pub const fn overloaded() -> Self {
        Self::Gateway(GatewayFailure::overloaded())
    }
}

impl From<RequestError> for Failure {
    fn from(error: RequestError) -> Self {
        Self::Client(error.into())
    }
}

impl From<ClientFailure> for Failure {
    fn from(failure: ClientFailure) -> Self {
        Self::Client(failure)
    }
}

impl From<UpstreamFailure> for Failure {
    fn from(failure: UpstreamFailure) -> Self {
        Self::Upstream(failure)
    }
}

impl From<GatewayFailure> for Failure {
    fn from(failure: GatewayFailure) -> Self {
        Self::Gateway(failure)
    }
}

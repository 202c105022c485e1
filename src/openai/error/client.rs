//! Failures that the client can fix: the request is rejected for what it is.

use std::borrow::Cow;

use super::limit_reached::LimitReached;
use super::table::{Class, ValueFault};
use super::template::fill;
use super::{ModerationDetails, model_names::ModelNames};
use crate::openai::echo::echo;
use crate::openai::reference_image::ReferenceFault;
use crate::openai::request::{ImagesName, RequestError};

/// A request that is rejected for its content, or for its caller.
///
/// Variants that hold a `message` pass on what the upstream said about the client's own input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClientFailure {
    /// The API key is not accepted.
    Key(KeyReason),
    /// A key that acts for others came without a `user`.
    UserRequired,
    /// The `user` is not the one that the key acts for.
    UserForeign {
        /// The field that names the user.
        field: &'static str,
    },
    /// The `user` is the own user of another key.
    UserOfAnother {
        /// The field that names the user.
        field: &'static str,
    },
    /// The `user` does not exist.
    UserUnknown {
        /// As the client named it.
        user: String,
        /// The field that names the user.
        field: &'static str,
    },
    /// The `user` is the id of no user.
    UserInvalid {
        /// The field that names the user.
        field: &'static str,
    },
    /// The user is blocked.
    UserBlocked,
    /// No configured entry matches the model.
    ModelUnknown {
        /// As the client named it.
        model: String,
    },
    /// The key may not use the model.
    ModelForbidden {
        /// As the client named it.
        model: String,
        /// The patterns of the models that it may use, as part of a sentence.
        allowed: String,
    },
    /// The key may not ask for the size.
    SizeForbidden {
        /// As the client named it; `auto` if it named none.
        size: String,
        /// The sizes that it may ask for, as part of a sentence.
        allowed: String,
    },
    /// OpenAI no longer serves the URL.
    EndpointRetired,
    /// The URL is served, but not for this method.
    MethodNotAllowed {
        /// The method that the URL is served for.
        allow: &'static str,
    },
    /// The URL does not take the body's content type.
    MediaType {
        /// The content types that it takes, as part of a sentence.
        accepted: &'static str,
    },
    /// The body is larger than `request.max_body_bytes`.
    BodyTooLarge {
        /// The limit in bytes.
        limit: usize,
    },
    /// There is no body.
    BodyEmpty,
    /// The body did not arrive in time.
    BodyTimeout,
    /// The headers cannot be read.
    HeadersInvalid,
    /// The body is not valid, or asks for something that cannot be done.
    Request(RequestError),
    /// A rule of `limits` does not admit the request.
    LimitReached(Box<LimitReached>),
    /// A rule in US dollars does not cover what the request may cost.
    BudgetSpent(Box<LimitReached>),
    /// A rule in US dollars applies, and the request has no price.
    PriceUnavailable {
        /// As the client named it.
        model: String,
    },
    /// The images together do not fit into one answer.
    TooManyImages {
        /// How many images of this size fit.
        fit: usize,
    },
    /// Another filter of the same proxy rejected the request.
    GatewayDenied,
    /// The safety system refused, or the model did in words.
    Refused {
        /// The reason given.
        message: String,
        /// The safety system's details.
        details: Option<ModerationDetails>,
    },
    /// The upstream does not take the prompt.
    PromptInvalid {
        /// The reason given.
        message: String,
    },
    /// The upstream does not take a reference image.
    ReferenceInvalid {
        /// The field, `images[2]` or `mask`.
        param: String,
        /// What is wrong with the image.
        fault: ReferenceFault,
        /// The reason given.
        message: String,
    },
    /// The upstream does not take the value of a field that the client set.
    ValueRefused {
        /// The client's field, if it is known.
        param: Option<Cow<'static, str>>,
        /// What is wrong with the value.
        fault: ValueFault,
        /// The reason given.
        message: String,
    },
    /// The upstream does not serve the client's model.
    ModelRefused,
    /// The upstream finds the request too large.
    UpstreamTooLarge,
}

/// Why an API key is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyReason {
    /// No key was sent.
    Missing,
    /// What was sent is not a key.
    Malformed,
    /// More than one was sent.
    Ambiguous,
    /// It belongs to no consumer.
    Unknown,
    /// No key was sent, and the mesh names a caller that is not configured.
    UnknownIdentity,
    /// It has expired.
    Expired,
    /// Its consumer is disabled.
    Disabled,
}

impl ClientFailure {
    /// The failure with its images named as the client names them.
    pub(super) fn with_images_name(mut self, name: ImagesName) -> Self {
        if let Self::ReferenceInvalid { param, .. } = &mut self {
            *param = name.of(param).into_owned();
        }
        if let Self::ValueRefused { param: Some(param), .. } = &mut self {
            *param = name.of(param).into_owned().into();
        }
        self
    }

    /// The failure with the client's own name of the model in what the upstream says.
    pub(super) fn with_model_names(mut self, names: &ModelNames) -> Self {
        if let Self::Refused { message, .. }
        | Self::PromptInvalid { message }
        | Self::ReferenceInvalid { message, .. }
        | Self::ValueRefused { message, .. } = &mut self
        {
            *message = names.shown(message);
        }
        self
    }

    /// The rule that rejects the request, if one does.
    #[must_use]
    pub const fn limit(&self) -> Option<&LimitReached> {
        match self {
            Self::LimitReached(limit) | Self::BudgetSpent(limit) => Some(limit),
            _ => None,
        }
    }

    /// The same failure with these `x-ratelimit-*`, if a rule rejects the request.
    #[must_use]
    pub(super) fn with_limits(mut self, headers: Vec<(&'static str, String)>) -> Self {
        if let Self::LimitReached(limit) | Self::BudgetSpent(limit) = &mut self {
            limit.headers = headers;
        }
        self
    }

    /// The row of the table that the failure belongs to.
    pub(super) const fn class(&self) -> Class {
        match self {
            Self::Key(reason) => reason.class(),
            Self::UserRequired => Class::UserRequired,
            Self::UserForeign { .. } => Class::UserForeign,
            Self::UserOfAnother { .. } => Class::UserOfAnother,
            Self::UserUnknown { .. } => Class::UserUnknown,
            Self::UserInvalid { .. } => Class::UserInvalid,
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
            Self::TooManyImages { .. } => Class::TooManyImages,
            Self::GatewayDenied => Class::GatewayDenied,
            Self::Refused { .. } => Class::Refused,
            Self::PromptInvalid { .. } => Class::PromptInvalid,
            Self::ReferenceInvalid { .. } => Class::ReferenceRefused,
            Self::ValueRefused { .. } => Class::ValueRefused,
            Self::ModelRefused => Class::ModelRefused,
            Self::UpstreamTooLarge => Class::UpstreamTooLarge,
        }
    }

    /// What the row leaves to the failure: its code, its field, the details of moderation.
    pub(super) fn particulars(
        &self,
    ) -> (Option<&'static str>, Option<&str>, Option<&ModerationDetails>) {
        match self {
            Self::Request(error) => (Some(error.code.as_str()), error.param.as_deref(), None),
            Self::UserForeign { field }
            | Self::UserOfAnother { field }
            | Self::UserInvalid { field }
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

    pub(super) fn message(&self, template: &str) -> String {
        let one = |name, value: &str| fill(template, &[(name, value)]);
        match self {
            Self::UserForeign { field }
            | Self::UserOfAnother { field }
            | Self::UserInvalid { field } => one("param", field),
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
            Self::BodyTooLarge { limit } => one("limit", &limit.to_string()),
            Self::TooManyImages { fit } => one("fit", &fit.to_string()),
            Self::Request(error) => error.message.clone(),
            Self::Refused { message, .. }
            | Self::PromptInvalid { message }
            | Self::ReferenceInvalid { message, .. }
            | Self::ValueRefused { message, .. } => one("message", message),
            _ => template.to_owned(),
        }
    }
}

impl From<RequestError> for ClientFailure {
    fn from(error: RequestError) -> Self {
        Self::Request(error)
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

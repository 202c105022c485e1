//! Failures of an upstream, or of our account there.

use std::time::Duration;

use super::table::Class;
use super::template::fill;
use super::whole_secs;

/// An upstream delivered no image, and the client is not at fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UpstreamFailure {
    /// No connection to the upstream.
    Unreachable,
    /// The upstream took too long.
    Timeout,
    /// The connection broke after the request was sent, or the upstream's answer ended before its
    /// image was complete.
    Disconnected,
    /// The upstream's answer is complete and holds no image.
    NoImage,
    /// The upstream's answer is not what the API describes.
    InvalidResponse,
    /// The upstream's answer has the URL of an image in place of the image.
    ReturnedUrl,
    /// The image is larger than `max_image_bytes`.
    ImageTooLarge {
        /// The limit in bytes.
        limit: usize,
    },
    /// The upstream's rate or usage limit is reached.
    RateLimited {
        /// When it is likely to accept requests again.
        retry_after: Duration,
    },
    /// The quota at the upstream is used up.
    QuotaExhausted,
    /// The upstream does not accept our credential.
    Credential,
    /// Our account at the upstream may not generate images.
    NotEntitled,
    /// The upstream does not serve the text model that calls the image tool.
    HostModelRefused {
        /// The text model.
        host_model: String,
        /// Why not, if the upstream says so.
        fault: HostModelFault,
    },
    /// A proxy in front of the upstream turns this gateway away, for every request.
    Blocked,
    /// The upstream's model says in words that it has no image tool, or that the tool failed.
    NoTool,
    /// The upstream rejects what this gateway, not the client, put into the request.
    RejectsUs,
    /// The upstream failed.
    Failed,
    /// The upstream is overloaded.
    Overloaded {
        /// When to try again.
        retry_after: Duration,
    },
    /// Every upstream that could serve the request rests, and the first one that is called again
    /// does not rest for a limit.
    AllRest {
        /// When that one is called again.
        retry_after: Duration,
    },
}

/// Why an upstream does not serve a text model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HostModelFault {
    /// The account does not have it, or no account has: it is retired or never existed.
    NotServed,
    /// The client version that requests name is too old for it.
    ClientTooOld,
    /// It has no image tool.
    NoImageTool,
}

impl UpstreamFailure {
    /// Whether the upstream has said that it generates nothing, for reasons of its own. Then
    /// another upstream may be called.
    #[must_use]
    pub const fn is_refusal(&self) -> bool {
        match self {
            Self::RateLimited { .. }
            | Self::QuotaExhausted
            | Self::Overloaded { .. }
            | Self::Credential
            | Self::NotEntitled
            | Self::Blocked
            // The operator's settings for the next upstream may be right.
            | Self::RejectsUs
            // The model says so in place of a call of the tool.
            | Self::NoTool
            | Self::HostModelRefused { .. }
            | Self::Unreachable => true,
            // It may have generated an image.
            Self::Timeout
            | Self::Disconnected
            | Self::NoImage
            | Self::InvalidResponse
            | Self::ReturnedUrl
            | Self::ImageTooLarge { .. }
            | Self::Failed => false,
            // No upstream was called.
            Self::AllRest { .. } => false,
        }
    }

    /// Whether an operator can fix it at this upstream: by its configuration or its account.
    #[must_use]
    pub const fn is_operators(&self) -> bool {
        match self {
            Self::Credential
            | Self::NotEntitled
            | Self::Blocked
            | Self::HostModelRefused { .. }
            | Self::RejectsUs
            | Self::ReturnedUrl
            | Self::QuotaExhausted => true,
            Self::Unreachable
            | Self::Timeout
            | Self::Disconnected
            | Self::NoImage
            | Self::InvalidResponse
            | Self::ImageTooLarge { .. }
            | Self::RateLimited { .. }
            | Self::NoTool
            | Self::Failed
            | Self::Overloaded { .. }
            | Self::AllRest { .. } => false,
        }
    }

    /// How long to wait, if the failure says so.
    #[must_use]
    pub const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::RateLimited { retry_after }
            | Self::Overloaded { retry_after }
            | Self::AllRest { retry_after } => Some(*retry_after),
            Self::Unreachable
            | Self::Timeout
            | Self::Disconnected
            | Self::NoImage
            | Self::InvalidResponse
            | Self::ReturnedUrl
            | Self::ImageTooLarge { .. }
            | Self::QuotaExhausted
            | Self::Credential
            | Self::NotEntitled
            | Self::HostModelRefused { .. }
            | Self::Blocked
            | Self::NoTool
            | Self::RejectsUs
            | Self::Failed => None,
        }
    }

    /// The row of the table that the failure belongs to.
    pub(super) const fn class(&self) -> Class {
        match self {
            Self::Unreachable => Class::UpstreamUnreachable,
            Self::Timeout => Class::UpstreamTimeout,
            Self::Disconnected => Class::UpstreamDisconnected,
            Self::NoImage => Class::UpstreamNoImage,
            Self::InvalidResponse => Class::UpstreamInvalidResponse,
            Self::ReturnedUrl => Class::UpstreamReturnedUrl,
            Self::ImageTooLarge { .. } => Class::ImageTooLarge,
            Self::RateLimited { .. } => Class::RateLimited,
            Self::QuotaExhausted => Class::QuotaExhausted,
            Self::Credential => Class::UpstreamCredential,
            Self::NotEntitled => Class::UpstreamNotEntitled,
            Self::HostModelRefused { .. } => Class::HostModelRefused,
            Self::Blocked => Class::UpstreamBlocked,
            Self::NoTool => Class::UpstreamNoTool,
            Self::RejectsUs => Class::UpstreamRejects,
            Self::Failed => Class::UpstreamFailed,
            Self::Overloaded { .. } => Class::UpstreamOverloaded,
            Self::AllRest { .. } => Class::UpstreamsRest,
        }
    }

    pub(super) fn message(&self, template: &str) -> String {
        match self {
            Self::ImageTooLarge { limit } => fill(template, &[("limit", &limit.to_string())]),
            Self::RateLimited { retry_after } | Self::AllRest { retry_after } => {
                fill(template, &[("seconds", &whole_secs(*retry_after).to_string())])
            }
            _ => template.to_owned(),
        }
    }
}

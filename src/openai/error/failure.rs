//! Everything that can go wrong with an image request, whoever is at fault.

use std::{borrow::Cow, time::Duration};

use super::{ModerationDetails, model_names::ModelNames, table::ValueFault};
use crate::openai::{
    reference_image::ReferenceFault,
    request::{ImagesName, RequestError},
};

/// A request that ends without an image.
///
/// Variants carry data; the words are in [`table`](super::table). Those that hold a `message` pass
/// on what the upstream told about the client's own input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// The API key does not open the door.
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
    /// The user is blocked.
    UserBlocked,
    /// No configured entry takes the model.
    ModelUnknown {
        /// As the client named it.
        model: String,
    },
    /// The key may not use the model.
    ModelForbidden {
        /// As the client named it.
        model: String,
        /// The patterns of those that it may use, as they stand in a sentence.
        allowed: String,
    },
    /// The key may not ask for the size.
    SizeForbidden {
        /// As the client named it; `auto` where it named none.
        size: String,
        /// Those that it may ask for, as they stand in a sentence.
        allowed: String,
    },
    /// The URL was served by OpenAI once.
    EndpointRetired,
    /// The URL is served, but not for this method.
    MethodNotAllowed {
        /// The method that it is served for.
        allow: &'static str,
    },
    /// The body is not declared as what the URL takes.
    MediaType {
        /// What it takes, in words.
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
    /// The body asks for something that cannot be done.
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
    /// The counters of `limits` cannot be used.
    LimitsUnavailable,
    /// The images together would not fit into one answer.
    TooManyImages {
        /// How many of this size do.
        fit: usize,
    },
    /// Another filter of the same proxy refused the request.
    GatewayDenied,
    /// The memory budget is used up.
    Overloaded {
        /// When memory is likely to be free again.
        retry_after: Duration,
    },
    /// Envoy delivers no body while the head is held.
    GatewayMisconfigured,
    /// Envoy has no route to the upstream that serves the request.
    RouteMissing,
    /// Envoy has no cluster for the side calls of the upstream.
    ClusterMissing,
    /// A bug, or a host call that failed.
    Internal,
    /// No connection to the upstream.
    UpstreamUnreachable,
    /// The upstream took too long.
    UpstreamTimeout,
    /// The upstream's answer ended before `response.completed`.
    UpstreamDisconnected,
    /// The upstream's answer is complete and holds no image.
    UpstreamNoImage,
    /// The upstream's answer is not what it should be.
    UpstreamInvalidResponse,
    /// The upstream's answer names the place of an image instead of holding it.
    UpstreamReturnedUrl,
    /// The image is larger than `max_image_bytes`.
    ImageTooLarge {
        /// The limit in bytes.
        limit: usize,
    },
    /// The safety system, or the model in words, refused.
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
    /// The upstream's rate or usage limit is reached.
    RateLimited {
        /// When it is likely to have room again.
        retry_after: Duration,
    },
    /// Nothing is left to spend at the upstream.
    QuotaExhausted,
    /// The upstream does not accept our credential.
    UpstreamCredential,
    /// Our account at the upstream may not make images.
    UpstreamNotEntitled,
    /// The upstream does not serve the text model that calls the image tool.
    HostModelRefused {
        /// The text model.
        host_model: String,
        /// Why not, as far as it says.
        fault: HostModelFault,
    },
    /// What stands before the upstream turns this gateway away, whatever it asks for.
    UpstreamBlocked,
    /// The upstream's model has no image tool, or the tool failed, as the model says in words.
    UpstreamNoTool,
    /// The upstream finds fault with what we, not the client, put into the request.
    UpstreamRejects,
    /// The upstream failed.
    UpstreamFailed,
    /// The upstream is overloaded.
    UpstreamOverloaded {
        /// When to try again.
        retry_after: Duration,
    },
    /// Every upstream that could serve the request rests, and the first that is asked again does not
    /// rest for a limit.
    UpstreamsRest {
        /// When that one is asked again.
        retry_after: Duration,
    },
}

/// Why an upstream does not serve a text model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HostModelFault {
    /// The account does not have it, or nobody has: it is retired or was never there.
    NotServed,
    /// The client version that requests name is too old for it.
    ClientTooOld,
    /// It has no image tool.
    NoImageTool,
}

/// The rule that does not admit a request, in words: amounts as the unit is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LimitReached {
    /// The rule's name.
    pub rule: String,
    /// `images`, `images per 1m`, ….
    pub unit: String,
    /// How much there is in all.
    pub max: String,
    /// How much is left; absent where the rate-limit service does not tell.
    pub remaining: Option<String>,
    /// How much was asked for.
    pub asked: String,
    /// When the request will fit.
    pub fits: Fits,
    /// `x-ratelimit-*` of this rule.
    pub headers: Vec<(&'static str, String)>,
}

/// When a request will fit that does not fit now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fits {
    /// After this long, if nobody else comes.
    After(Duration),
    /// Never: it asks for more than there is in all.
    Never,
    /// Nobody tells.
    Unknown,
}

/// Why an API key does not open the door.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyReason {
    /// No key was sent.
    Missing,
    /// What was sent is not a key.
    Malformed,
    /// More than one was sent.
    Ambiguous,
    /// It belongs to nobody.
    Unknown,
    /// No key was sent, and whom the mesh names nobody knows.
    UnknownIdentity,
    /// Its time is over.
    Expired,
    /// Its consumer is disabled.
    Disabled,
}

impl Failure {
    /// The failure with its images called as the client calls them.
    #[must_use]
    pub fn with_images_name(mut self, name: ImagesName) -> Self {
        if let Self::ReferenceInvalid { param, .. } = &mut self {
            *param = name.of(param).into_owned();
        }
        if let Self::ValueRefused { param: Some(param), .. } = &mut self {
            *param = name.of(param).into_owned().into();
        }
        self
    }

    /// The failure with the client's name of the model in what the upstream says.
    #[must_use]
    pub fn with_model_names(mut self, names: &ModelNames) -> Self {
        if let Self::Refused { message, .. }
        | Self::PromptInvalid { message }
        | Self::ReferenceInvalid { message, .. }
        | Self::ValueRefused { message, .. } = &mut self
        {
            *message = names.shown(message);
        }
        self
    }

    /// The memory budget is used up: some seconds later another answer has left.
    #[must_use]
    pub const fn overloaded() -> Self {
        Self::Overloaded { retry_after: OVERLOAD_WAIT }
    }
}

impl From<RequestError> for Failure {
    fn from(error: RequestError) -> Self {
        Self::Request(error)
    }
}

/// Most images take longer than this, but of many in memory one is soon delivered.
const OVERLOAD_WAIT: Duration = Duration::from_secs(5);

//! Judges one error by [the rules](super).

mod request;

use std::{borrow::Cow, time::Duration};

use super::{
    field::{self, Origin, origin},
    phrase::Phrase,
    redact, retry,
    sense::Sense,
};
use crate::openai::error::{ClientFailure, UpstreamFailure};
use crate::{
    config::Api,
    openai::{
        choice::Choice,
        echo::echo,
        error::{Failure, ModerationDetails, table::ValueFault},
        reference_image::ReferenceFault,
    },
    upstream::error::{ErrorInfo, Moderation},
};

/// An error and what came with it.
#[derive(Debug)]
pub(super) struct Report<'a> {
    api: Api,
    info: &'a ErrorInfo,
    retry_after: Option<&'a [u8]>,
    now: Duration,
    sense: Option<Sense>,
    phrase: Option<Phrase>,
}

impl<'a> Report<'a> {
    pub(super) fn new(
        api: Api,
        info: &'a ErrorInfo,
        retry_after: Option<&'a [u8]>,
        now: Duration,
    ) -> Self {
        let phrase = info.message.as_deref().and_then(Phrase::of);
        Self { api, info, retry_after, now, sense: Sense::of(info), phrase }
    }

    /// What its code and type are about.
    pub(super) fn sense(&self) -> Option<Sense> {
        self.sense
    }

    /// The failure for a response of this status.
    pub(super) fn judge(&self, status: u16) -> Failure {
        match status {
            401 => match self.phrase {
                Some(Phrase::Account) => Failure::Upstream(UpstreamFailure::NotEntitled),
                _ => Failure::Upstream(UpstreamFailure::Credential),
            },
            402 => match self.sense {
                Some(Sense::Credential) => Failure::Upstream(UpstreamFailure::Credential),
                _ => Failure::Upstream(UpstreamFailure::QuotaExhausted),
            },
            403 => self.of_forbidden(),
            // 524 is the 504 of a proxy that many providers use.
            408 | 504 | 524 => Failure::Upstream(UpstreamFailure::Timeout),
            409 | 423 | 425 => self.overloaded(),
            413 => Failure::Client(ClientFailure::UpstreamTooLarge),
            429 => self.of_limit(),
            451 => Failure::Upstream(UpstreamFailure::Blocked),
            // The proxy of 524 could not connect to the provider.
            521 | 523 | 525 | 526 => Failure::Upstream(UpstreamFailure::Unreachable),
            404 | 405 | 410 => self.of_lost(),
            400..=498 => self.by_word().unwrap_or_else(|| self.of_request()),
            500..=599 => self.of_server(status),
            _ => Failure::Upstream(UpstreamFailure::Failed),
        }
    }

    /// The failure for an error without a status.
    pub(super) fn of_event(&self) -> Failure {
        self.by_word().unwrap_or_else(|| match self.is_about_request() {
            true => self.of_request(),
            false => Failure::Upstream(UpstreamFailure::Failed),
        })
    }

    /// Whether the error is about the request, no matter who set that part of it.
    fn is_about_request(&self) -> bool {
        let message = self.info.message.as_deref().unwrap_or_default();
        self.is_users()
            || self.info.kind.as_deref() == Some("invalid_request_error")
            || self.info.param.is_some()
            || self.sense == Some(Sense::Value)
            || self.guess(message).is_some()
    }

    fn of_forbidden(&self) -> Failure {
        match (self.sense, self.phrase) {
            (_, Some(Phrase::Account)) => Failure::Upstream(UpstreamFailure::NotEntitled),
            // An upstream checks the credential before it reads values.
            (Some(Sense::Value | Sense::TooLong), _) => {
                Failure::Upstream(UpstreamFailure::Credential)
            }
            (None, None | Some(Phrase::Image | Phrase::Download | Phrase::Model)) => {
                Failure::Upstream(UpstreamFailure::Credential)
            }
            _ => self.by_word().unwrap_or(Failure::Upstream(UpstreamFailure::Credential)),
        }
    }

    fn of_limit(&self) -> Failure {
        match (self.sense, self.phrase) {
            (Some(Sense::Money), _) | (_, Some(Phrase::Money)) => {
                Failure::Upstream(UpstreamFailure::QuotaExhausted)
            }
            (Some(Sense::Plan), _) => Failure::Upstream(UpstreamFailure::NotEntitled),
            (Some(Sense::Overload), _) | (_, Some(Phrase::Overload)) => self.overloaded(),
            _ => self.rate_limited(),
        }
    }

    /// The failure for a path or a model that does not exist. The cause is the configuration,
    /// unless the client named the model.
    fn of_lost(&self) -> Failure {
        match self.by_word().unwrap_or_else(|| self.of_request()) {
            Failure::Client(ClientFailure::ValueRefused { param: Some(field), .. })
                if field == "model" =>
            {
                Failure::Client(ClientFailure::ModelRefused)
            }
            Failure::Client(ClientFailure::ValueRefused { .. }) => {
                Failure::Upstream(UpstreamFailure::RejectsUs)
            }
            other => other,
        }
    }

    fn of_server(&self, status: u16) -> Failure {
        self.by_word().unwrap_or_else(|| match status {
            _ if self.is_users() => self.of_request(),
            503 => self.overloaded(),
            _ => Failure::Upstream(UpstreamFailure::Failed),
        })
    }

    /// The failure that a word or a phrase decides for every status.
    fn by_word(&self) -> Option<Failure> {
        if let Some(fault) = self.info.code.as_deref().and_then(ReferenceFault::parse) {
            return Some(self.reference_invalid(fault));
        }
        match self.sense {
            // The code is about content, but every prompt fails.
            Some(Sense::Content) if self.phrase == Some(Phrase::Account) => {
                Some(Failure::Upstream(UpstreamFailure::NotEntitled))
            }
            Some(Sense::Content) => Some(self.refused()),
            Some(Sense::Prompt) => Some(Failure::Client(ClientFailure::PromptInvalid {
                message: self.message(PROMPT_INVALID),
            })),
            Some(Sense::Money) => Some(Failure::Upstream(UpstreamFailure::QuotaExhausted)),
            Some(Sense::Plan) => Some(Failure::Upstream(UpstreamFailure::NotEntitled)),
            Some(Sense::Region) => Some(Failure::Upstream(UpstreamFailure::Blocked)),
            Some(Sense::Credential) => Some(Failure::Upstream(UpstreamFailure::Credential)),
            Some(Sense::Limit) => Some(self.rate_limited()),
            Some(Sense::Overload) => Some(self.overloaded()),
            Some(Sense::TooLong) => Some(Failure::Client(ClientFailure::ValueRefused {
                param: Some(Cow::Borrowed("prompt")),
                fault: ValueFault::TooLong,
                message: self.message(VALUE_REFUSED),
            })),
            Some(Sense::Broken) => Some(Failure::Upstream(UpstreamFailure::Failed)),
            Some(Sense::Model) if self.phrase != Some(Phrase::Account) => Some(self.of_model()),
            Some(Sense::Configuration) => Some(Failure::Upstream(UpstreamFailure::RejectsUs)),
            Some(Sense::Model | Sense::Value) | None => self.by_phrase(),
        }
    }

    fn by_phrase(&self) -> Option<Failure> {
        Some(match self.phrase? {
            Phrase::Rejected => self.refused(),
            Phrase::Account => Failure::Upstream(UpstreamFailure::NotEntitled),
            Phrase::Money => Failure::Upstream(UpstreamFailure::QuotaExhausted),
            Phrase::Region => Failure::Upstream(UpstreamFailure::Blocked),
            Phrase::Overload => self.overloaded(),
            Phrase::Broke => Failure::Upstream(UpstreamFailure::Failed),
            Phrase::Configuration => Failure::Upstream(UpstreamFailure::RejectsUs),
            Phrase::Model => self.of_model(),
            Phrase::Image => self.reference_invalid(ReferenceFault::Image),
            Phrase::Download => self.reference_invalid(ReferenceFault::Download),
        })
    }

    /// The failure for a model that is not served. It is the image model, named by the client or by
    /// the operator's `rename`, or it is the text model that calls the tool, named by the operator.
    fn of_model(&self) -> Failure {
        let is_of_tool = self.info.param.as_deref().is_some_and(|it| it.starts_with("tools"));
        match self.api {
            Api::Images => Failure::Client(ClientFailure::ModelRefused),
            Api::Responses if is_of_tool || self.is_users() => {
                Failure::Client(ClientFailure::ModelRefused)
            }
            Api::Responses => Failure::Upstream(UpstreamFailure::RejectsUs),
        }
    }

    /// The type that refusals and invalid values share. A relay may have put its name before it.
    fn is_users(&self) -> bool {
        self.info.kind.as_deref().is_some_and(|kind| kind.ends_with("image_generation_user_error"))
    }

    fn is_servers(&self) -> bool {
        let ends = ["server_error", "api_error", "upstream_error", "bad_response_status_code"];
        let is_one = |word: &Option<String>| {
            word.as_deref().is_some_and(|word| ends.iter().any(|end| word.ends_with(end)))
        };
        is_one(&self.info.kind) || is_one(&self.info.code)
    }

    fn refused(&self) -> Failure {
        let details = self.info.moderation.as_ref().map(details);
        Failure::Client(ClientFailure::Refused { message: self.message(REFUSED), details })
    }

    fn reference_invalid(&self, fault: ReferenceFault) -> Failure {
        let param = match origin(self.api, self.info.param.as_deref()) {
            Origin::Client(field) if field::is_image(&field) => field.into_owned(),
            Origin::Client(_) | Origin::Ours | Origin::Unnamed => "images".to_owned(),
        };
        Failure::Client(ClientFailure::ReferenceInvalid {
            param,
            fault,
            message: self.message(REFERENCE_INVALID),
        })
    }

    fn rate_limited(&self) -> Failure {
        Failure::Upstream(UpstreamFailure::RateLimited { retry_after: self.wait() })
    }

    fn overloaded(&self) -> Failure {
        Failure::Upstream(UpstreamFailure::Overloaded { retry_after: self.wait() })
    }

    fn wait(&self) -> Duration {
        retry::wait(self.info, self.retry_after, self.now)
    }

    fn message(&self, instead: &str) -> String {
        self.info.message.as_deref().map_or_else(|| instead.to_owned(), redact::redact)
    }
}

fn details(moderation: &Moderation) -> ModerationDetails {
    ModerationDetails {
        stage: echo(moderation.stage.as_deref().unwrap_or("unknown")),
        categories: moderation.categories.iter().map(|category| echo(category)).collect(),
    }
}

// Used if the upstream gives no reason.
pub(super) const REFUSED: &str = "The request was rejected by the safety system.";
const PROMPT_INVALID: &str = "The image service does not accept the prompt.";
const REFERENCE_INVALID: &str = "The image service cannot use a reference image.";
const VALUE_REFUSED: &str = "The image service does not accept a value of the request.";

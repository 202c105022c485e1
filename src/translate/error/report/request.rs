//! Judges errors about the request: about a field that the client set, or one that we set.

use std::borrow::Cow;

use super::{Report, VALUE_REFUSED};
use crate::openai::error::{ClientFailure, UpstreamFailure};
use crate::{
    config::Api,
    openai::{
        error::{Failure, table::ValueFault},
        reference_image::ReferenceFault,
    },
    translate::error::{
        field::{self, Origin, origin},
        sense::Sense,
    },
};

impl Report<'_> {
    /// The failure for a request that the upstream does not accept. It is the client's fault if the
    /// error names a field that the client set, else ours.
    pub(super) fn of_request(&self) -> Failure {
        if self.is_servers() {
            return Failure::Upstream(UpstreamFailure::Failed);
        }
        let message = self.info.message.as_deref().unwrap_or_default();
        let named = self.info.param.as_deref().or_else(|| field::named(message));
        let param = match origin(self.api, named) {
            Origin::Ours => return Failure::Upstream(UpstreamFailure::RejectsUs),
            Origin::Client(field) => match self.fault_of_image(&field) {
                Some(fault) => return self.reference_invalid(fault),
                None => Some(field),
            },
            Origin::Unnamed => match self.guess(message) {
                Some(field) => Some(Cow::Borrowed(field)),
                None if self.is_users() || self.is_about_values() => None,
                None => return Failure::Upstream(UpstreamFailure::RejectsUs),
            },
        };
        Failure::Client(ClientFailure::ValueRefused {
            param,
            fault: self.value_fault(),
            message: self.message(VALUE_REFUSED),
        })
    }

    /// The field that a message is about if it names none.
    pub(super) fn guess(&self, message: &str) -> Option<&'static str> {
        let small = message.to_ascii_lowercase();
        let is_value = self.sense == Some(Sense::Value)
            || VALUE_WORDS.iter().any(|words| small.contains(words));
        let field = field::guess(message).filter(|_| is_value || self.is_users());
        // Outside of the tool the model is the text model.
        field.filter(|it| *it != "model" || self.is_users() || self.api == Api::Images)
    }

    /// Whether an error that names no field is about one all the same. For a provider nearly every
    /// field is the client's. In the Responses API most are ours.
    fn is_about_values(&self) -> bool {
        let is_request =
            matches!(self.info.kind.as_deref(), Some("invalid_request_error" | "INVALID_ARGUMENT"));
        self.api == Api::Images && (is_request || self.sense == Some(Sense::Value))
    }

    /// What is wrong with the image in `field`. `None` if `field` is no image, or if the error is
    /// not about its content.
    fn fault_of_image(&self, field: &str) -> Option<ReferenceFault> {
        if !field::is_image(field) {
            return None;
        }
        let code = self.info.code.as_deref().unwrap_or_default();
        let has = |words: &[&str]| words.iter().any(|it| code.contains(it));
        match code {
            _ if has(&["parameter", "max_length", "min_length", "empty_array"]) => None,
            _ if has(&["mime", "media_type"]) => Some(ReferenceFault::MediaType),
            _ if has(&["url"]) => Some(ReferenceFault::Url),
            _ => Some(ReferenceFault::Image),
        }
    }

    fn value_fault(&self) -> ValueFault {
        let code = self.info.code.as_deref().unwrap_or_default();
        match code.starts_with("unsupported") || code == "unknown_parameter" {
            true => ValueFault::Unsupported,
            false => ValueFault::Invalid,
        }
    }
}

/// Words of messages about an invalid value.
const VALUE_WORDS: [&str; 8] = [
    "invalid",
    "unsupported",
    "not supported",
    "not support ",
    "must be",
    "expected",
    "too large",
    "exceed",
];

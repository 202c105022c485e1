//! Reads the message of an error if its code and type say nothing.
//!
//! A message may quote the client's prompt, so only whole phrases of the upstream count. They
//! decide only the response to this one request, and have no lasting effect.

/// What a message says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phrase {
    /// The safety system rejected the content.
    Rejected,
    /// The account, its organization or its resource lacks something, or is blocked.
    Account,
    /// There is no money left.
    Money,
    /// The region, or the address, is not served.
    Region,
    /// There is too much work.
    Overload,
    /// Something broke while the request was processed.
    Broke,
    /// An option of the tool or the model that the operator has to set.
    Configuration,
    /// The image model is not served.
    Model,
    /// An image of the client cannot be read.
    Image,
    /// An image of the client cannot be fetched.
    Download,
}

impl Phrase {
    /// The first known phrase in `message`.
    pub(super) fn of(message: &str) -> Option<Self> {
        let message = message.to_ascii_lowercase();
        let says = |it: &&str| message.contains(*it);
        let model = || {
            MODEL.iter().any(says) && (message.contains("model") || message.contains("deployment"))
        };
        let found = PHRASES.iter().find(|(phrases, _)| phrases.iter().any(&says));
        found.map(|(_, sense)| *sense).or_else(|| model().then_some(Self::Model))
    }
}

const PHRASES: [(&[&str], Phrase); 9] = [
    (
        &[
            "must be verified to use",
            "missing scopes",
            "insufficient permissions",
            "does not have access to model",
            "not a member of an organization",
            "has been temporarily blocked",
            "is not enabled for this request",
            "not included in your plan",
            "tool choice 'image_generation' not found",
            "tool choice 'required' must be specified",
            "organization has been",
            "account has been",
            "account is not",
        ],
        Phrase::Account,
    ),
    (&["billing hard limit", "exceeded your current quota", "余额不足", "额度不足"], Phrase::Money),
    (
        &["region, or territory not supported", "ip not authorized", "ip address is not"],
        Phrase::Region,
    ),
    (
        &[
            "is at capacity",
            "currently overloaded",
            "currently busy",
            "experiencing high demand",
            "no available compatible accounts",
            "no auth available",
        ],
        Phrase::Overload,
    ),
    (&["an error occurred while processing your request"], Phrase::Broke),
    (&["rejected by the safety system", "as a result of our safety system"], Phrase::Rejected),
    (
        &[
            "deployment must be provided",
            "invalid service_tier",
            "instructions are required",
            "store must be set",
            "stream must be set",
            "no available channel",
            "not supported model for image",
            "requires a newer version of codex",
            "model is not supported when using codex",
            "tool 'image_generation' is not supported with",
        ],
        Phrase::Configuration,
    ),
    (&["error while downloading", "timeout while downloading"], Phrase::Download),
    (
        &[
            "does not represent a valid image",
            "invalid image file",
            "empty base64-encoded bytes",
            "unsupported mimetype",
            "not a valid image",
            "could not decode image",
            "unsupported image",
        ],
        Phrase::Image,
    ),
];
const MODEL: [&str; 4] = ["does not exist", "not found", "has been deprecated", "is not available"];

#[cfg(test)]
mod tests {
    use super::Phrase;

    #[test]
    fn messages_are_recognized_by_their_phrases() {
        for (message, phrase) in [
            ("Your organization must be verified to use the model `x`.", Phrase::Account),
            ("Selected model is at capacity. Try again.", Phrase::Overload),
            ("The model 'gpt-image-2' does not exist.", Phrase::Model),
            ("Invalid image file or mode for image 1, please check.", Phrase::Image),
        ] {
            assert_eq!(Phrase::of(message), Some(phrase), "{message}");
        }
        assert_eq!(Phrase::of("Invalid size '1x1'. File not found."), None);
    }
}

//! Reads what an error is about from the words in its code and type.
//!
//! No list of codes is complete, because providers, relays and new versions have their own. So
//! families of words decide. Whole codes are listed only if their words are misleading.

use crate::upstream::error::ErrorInfo;

/// What an error is about, with any status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sense {
    /// The client's content.
    Content,
    /// The prompt, as such.
    Prompt,
    /// Money of the upstream's account.
    Money,
    /// Something that the account's plan does not include.
    Plan,
    /// The region or the address of the caller.
    Region,
    /// The credential.
    Credential,
    /// A rate or usage limit.
    Limit,
    /// Too much work.
    Overload,
    /// A model that is not served.
    Model,
    /// The prompt and the images are too long together.
    TooLong,
    /// A value of the request.
    Value,
    /// The operator's configuration.
    Configuration,
    /// An image that was not generated, with any status.
    Broken,
}

impl Sense {
    /// The sense of the first of code, type and inner code that has one.
    pub(super) fn of(info: &ErrorInfo) -> Option<Self> {
        if info.moderation.is_some() || info.is_filtered {
            return Some(Self::Content);
        }
        let words = [&info.inner, &info.code, &info.kind];
        words.into_iter().flatten().find_map(|word| Self::of_word(word))
    }

    /// The sense of one word.
    pub(super) fn of_word(word: &str) -> Option<Self> {
        let word = plain(word);
        if let Some((_, sense)) = WHOLE.iter().find(|(codes, _)| codes.contains(&word.as_str())) {
            return Some(*sense);
        }
        if is_about_value(&word) {
            return Some(Self::Value);
        }
        let family = FAMILIES.iter().find(|(parts, _)| parts.iter().any(|it| word.contains(it)));
        family.map(|(_, sense)| *sense)
    }
}

/// Lower case, letters and digits only, so that `contentFilter`, `CONTENT_FILTER` and
/// `content_filter` are equal.
fn plain(word: &str) -> String {
    word.chars().filter(char::is_ascii_alphanumeric).map(|it| it.to_ascii_lowercase()).collect()
}

/// `invalid_*`, `*_above_max_*` and the like.
fn is_about_value(word: &str) -> bool {
    let is_error_type =
        matches!(word, "invalidrequesterror" | "invalidrequest" | "invalidargument");
    // These are not about a value of the request.
    let is_other = [
        "invalidapikey",
        "invalidprompt",
        "invalidauth",
        "invalidtoken",
        "invalidgrant",
        "invalidendpoint",
        "unknownerror",
        "missingscope",
    ];
    let starts = ["invalid", "unsupported", "missing", "unknown", "empty"];
    let parts = ["abovemax", "belowmin", "toolarge", "toosmall", "toolong", "tooshort"];
    let is_value = starts.iter().any(|it| word.len() > it.len() && word.starts_with(it))
        || parts.iter().any(|it| word.contains(it))
        || matches!(word, "missing" | "oneof" | "valueerror" | "filedownloaderror" | "typeerror");
    is_value && !is_error_type && !is_other.iter().any(|it| word.starts_with(it))
}

/// Codes whose words say too little or are misleading.
const WHOLE: [(&[&str], Sense); 14] = [
    // MiniMax and Zhipu number their errors.
    (&["1026", "1027", "1301", "safety", "prohibitedcontent"], Sense::Content),
    (&["1008", "1113"], Sense::Money),
    (&["1302", "1303", "1304", "1305"], Sense::Limit),
    (&["1211", "1220"], Sense::Model),
    (&["1210", "1212", "1213", "1214", "1215"], Sense::Value),
    (&["cyberpolicy", "biopolicy", "requestmoderated", "contentmoderated"], Sense::Content),
    (&["invalidprompt"], Sense::Prompt),
    (&["organizationusagelimitexceeded", "commoditynotpurchased"], Sense::Money),
    (&["usagenotincluded"], Sense::Plan),
    (&["unsupportedcountryregionterritory"], Sense::Region),
    // DashScope's code for an image that it could not fetch.
    (&["invalidparameterdatainspection"], Sense::Value),
    (&["contextlengthexceeded"], Sense::TooLong),
    (&["nomediagenerated", "generationtimeout", "imagegenerationfailed"], Sense::Broken),
    (&["convertrequestfailed", "deploymentnotfound", "invalidendpoint"], Sense::Configuration),
];

/// Parts of codes, the most specific first.
const FAMILIES: [(&[&str], Sense); 7] = [
    (
        &[
            "moderat",
            "contentpolicy",
            "contentfilter",
            "contentsafety",
            "safetyviolation",
            "imagesafety",
            "sensitive",
            "policyviolation",
            "inspection",
            "unsafe",
            "nsfw",
            "safetysystem",
            "safetyerror",
            "safetyfilter",
            "safetyblock",
        ],
        Sense::Content,
    ),
    (
        &[
            "ratelimit",
            "usagelimit",
            "throttl",
            "toomanyrequests",
            "resourceexhausted",
            "concurren",
        ],
        Sense::Limit,
    ),
    (
        &[
            "quota",
            "billing",
            "balance",
            "creditbalance",
            "insufficientcredit",
            "credits",
            "spendlimit",
            "arrear",
            "overdue",
            "payment",
        ],
        Sense::Money,
    ),
    (&["overload", "slowdown", "capacity", "serviceunavailable"], Sense::Overload),
    (
        &[
            "apikey",
            "authentic",
            "unauthorized",
            "unauthenticated",
            "permission",
            "accessdenied",
            "tokenexpired",
            "tokeninvalid",
            "invalidtoken",
            "invalidauth",
            "tokenreused",
            "refreshtoken",
            "deactivated",
            "invalidgrant",
        ],
        Sense::Credential,
    ),
    (&["modelnotfound", "modelnotavailable", "modelnotsupported", "nosuchmodel"], Sense::Model),
    (&["invalidendpoint", "endpointnotfound"], Sense::Configuration),
];

#[cfg(test)]
mod tests {
    use super::Sense;

    #[test]
    fn words_decide_if_the_code_is_unknown() {
        for (word, sense) in [
            ("OutputImageSensitiveContentDetected", Sense::Content),
            ("new_moderation_code", Sense::Content),
            ("PUBLIC_ERROR_UNSAFE_GENERATION", Sense::Content),
            ("team_quota_used", Sense::Money),
            ("PostpaidBillOverdue", Sense::Money),
            ("Throttling.User", Sense::Limit),
            ("EngineOverloaded", Sense::Overload),
            ("invalid_glow", Sense::Value),
            ("glow_above_max_value", Sense::Value),
            ("invalid_api_key", Sense::Credential),
            ("InvalidEndpoint.Closed", Sense::Configuration),
        ] {
            assert_eq!(Sense::of_word(word), Some(sense), "{word}");
        }
        for word in
            ["", "invalid_request_error", "server_error", "x", "INVALID_ARGUMENT", "429", "unknown"]
        {
            assert_eq!(Sense::of_word(word), None, "{word}");
        }
    }
}

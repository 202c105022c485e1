//! Why a configuration is rejected.
//!
//! The message is for the operator who reads Envoy's log: it has the JSON pointer (RFC 6901) of the
//! field, the fault, and what is accepted there. It never repeats a value of the document, because
//! a value in the wrong place may be a secret. Names of fields, of upstreams and of environment
//! variables are repeated.

use std::fmt;

/// A configuration that cannot be used.
#[derive(Debug)]
pub struct ConfigError {
    /// JSON pointer (RFC 6901) to the field. Empty for the whole document.
    pub pointer: String,
    /// What is wrong there.
    pub fault: Fault,
}

impl std::error::Error for ConfigError {}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.pointer.is_empty() {
            return write!(f, "the configuration: {}", self.fault);
        }
        write_printable(f, &self.pointer)?;
        write!(f, ": {}", self.fault)
    }
}

/// What is wrong with a field. `Display` writes the fault and what is accepted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// There is no document.
    #[error("empty, accepted: {accepted}")]
    Blank {
        /// What is accepted there.
        accepted: &'static str,
    },
    /// The document is not JSON. The source holds a position and never a value.
    #[error("not JSON ({0}), accepted: JSON text or a google.protobuf.Struct")]
    Syntax(serde_json::Error),
    /// An entry of a list of consumers is not JSON. The position is that in the entry.
    #[error("not JSON ({error}), accepted: {accepted}")]
    EntrySyntax {
        /// A position and never a value.
        error: serde_json::Error,
        /// What is accepted there.
        accepted: &'static str,
    },
    /// The document starts like a `google.protobuf.Struct` and cannot be decoded as one.
    #[error("not a google.protobuf.Struct, accepted: JSON text or a google.protobuf.Struct")]
    NotStruct,
    /// A value of the `google.protobuf.Struct` is of no kind, or is NaN or infinite.
    #[error("a protobuf value that JSON does not have, accepted: {accepted}")]
    NotJsonValue {
        /// What is accepted there.
        accepted: &'static str,
    },
    /// One object has the same name twice.
    #[error("a second field of this name, accepted: each name once in an object")]
    SameName,
    /// The field does not exist.
    #[error("unknown field, accepted: {}", List(accepted))]
    UnknownField {
        /// The fields of the object.
        accepted: &'static [&'static str],
    },
    /// A required field is not there.
    #[error("missing, accepted: {accepted}")]
    Missing {
        /// What is accepted there.
        accepted: &'static str,
    },
    /// The value has the wrong type.
    #[error("{found}, accepted: {accepted}")]
    Type {
        /// The type that was found, in words.
        found: &'static str,
        /// What is accepted there.
        accepted: &'static str,
    },
    /// The value has the right type and is not one of those accepted.
    #[error("invalid value, accepted: {accepted}")]
    Value {
        /// What is accepted there.
        accepted: &'static str,
    },
    /// The number, the size or the duration is too small or too large.
    #[error("out of range, accepted: {accepted}")]
    Range {
        /// What is accepted there.
        accepted: &'static str,
    },
    /// The list, the object or the text has no content.
    #[error("empty, accepted: {accepted}")]
    Empty {
        /// What is accepted there.
        accepted: &'static str,
    },
    /// The value must be unique.
    #[error("the same as {}, accepted: each value once", Printable(first))]
    Repeated {
        /// JSON pointer to the first of the two.
        first: String,
    },
    /// The value names an upstream that does not exist.
    #[error("no such upstream, accepted: {}", Known(known))]
    UnknownUpstream {
        /// The names under `upstreams`.
        known: Vec<String>,
    },
    /// `weights` are there, and `balance` is `first`.
    #[error(
        "not with `balance` \"first\", accepted: \"round_robin\" or \"least_used\" beside them"
    )]
    WeightsUnused,
    /// Both `host_model` and `host_models` are there.
    #[error("not beside `host_models`, accepted: one of the two")]
    BothHostModels,
    /// The field belongs to upstreams that speak another API.
    #[error("only for upstreams whose `api` is \"{api}\", accepted: nothing here")]
    OtherApi {
        /// The value of `api` that the field belongs to.
        api: &'static str,
    },
    /// The value names a consumer, a user or a group that does not exist.
    #[error("no such {what}, accepted: {accepted}")]
    Undefined {
        /// What the value names.
        what: &'static str,
        /// What is accepted there.
        accepted: &'static str,
    },
    /// Two entries of `prices` are for the same images.
    #[error("the same model, quality and size as {first}, accepted: one price for each")]
    PricedTwice {
        /// JSON pointer to the first of the two.
        first: String,
    },
    /// `unpriced` asks for the highest of no prices.
    #[error("there are no `prices` to take the highest of, accepted: {accepted}")]
    NoHighest {
        /// What is accepted there.
        accepted: &'static str,
    },
    /// A rule for requests in flight has a window.
    #[error(
        "not with the unit `concurrent`, accepted: no `window`, since requests in flight have none"
    )]
    WindowOfConcurrent,
    /// A setting of the rate-limit service, but no service counts anything.
    #[error(
        "only for what the engine `rls` counts, accepted: nothing here with the kind `local` or \
         the unit `concurrent`"
    )]
    NotOfService,
    /// The maximum has more hits than fit into the number that the services compare with.
    #[error(
        "more than the 4294967295 hits that a rate-limit service can count, accepted: up to {most} \
         with the engine `rls`"
    )]
    TooManyHits {
        /// The largest `max` of the unit.
        most: &'static str,
    },
    /// A consumer has names of the mesh, but no `identity` reads them.
    #[error("there is no `identity` to read them from, accepted: nothing here without one")]
    NoIdentity,
    /// An entry of a list that is fetched names what the configuration names.
    #[error("in the configuration too, accepted: what only the list has")]
    Configured,
    /// The time limit for the list of consumers is longer than the time until it is asked for
    /// again.
    #[error(
        "longer than half of `interval`, accepted: at most that, since it is asked for twice in it"
    )]
    TimeoutOfInterval,
    /// The routes match a header, and the loopback listener needs filter state.
    #[error(
        "not with `route_match` \"header\", accepted: nothing here, or `route_match` \
         \"filter_state\""
    )]
    LoopbackByHeader,
    /// No entry of `models` matches the name.
    #[error("no entry of `models` matches it, accepted: {accepted}")]
    Unmatched {
        /// What is accepted there.
        accepted: &'static str,
    },
    /// A consumer with the role `master` has a user of its own.
    #[error("not with the role `master`, accepted: no `user`, since each request names one")]
    UserOfMaster,
    /// A consumer with the role `master` takes any user.
    #[error(
        "not with the role `master`, accepted: false or nothing; `unknown_users` says which users \
         its \
         requests may name"
    )]
    AnyUserOfMaster,
    /// The header is one that the filter sets or HTTP forbids.
    #[error("a header that the filter or Envoy sets itself, accepted: {accepted}")]
    ReservedHeader {
        /// What is accepted there.
        accepted: &'static str,
    },
    /// The environment variable is not visible in the VM.
    #[error(
        "the environment variable {variable} is not set in the VM, accepted: a variable listed in \
         vm_config.environment_variables.host_env_keys and set where Envoy starts"
    )]
    Unset {
        /// The name of the variable.
        variable: String,
    },
    /// The environment variable is empty, or has a character that no header value can have.
    #[error(
        "the environment variable {variable} {}, accepted: visible ASCII without \
         spaces or line ends, from vm_config.environment_variables.host_env_keys",
        flaw.words()
    )]
    Unusable {
        /// The name of the variable.
        variable: String,
        /// What is wrong with its value.
        flaw: Flaw,
    },
}

/// What makes the value of an environment variable unusable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// It has no characters.
    Empty,
    /// It has a character outside visible ASCII (0x21 to 0x7E).
    NotVisible,
}

impl Flaw {
    fn words(self) -> &'static str {
        match self {
            Self::Empty => "is empty",
            Self::NotVisible => "holds a character that is not visible ASCII",
        }
    }
}

/// Names, separated by commas.
struct List<'a>(&'a [&'a str]);

impl fmt::Display for List<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(", "))
    }
}

/// The first names of a list that may be long.
struct Known<'a>(&'a [String]);

impl fmt::Display for Known<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown: Vec<&str> = self.0.iter().take(MAX_NAMES_SHOWN).map(String::as_str).collect();
        f.write_str(&shown.join(", "))?;
        match self.0.len().saturating_sub(shown.len()) {
            0 => Ok(()),
            more => write!(f, " and {more} more"),
        }
    }
}

/// A pointer on one line, with any names in it.
struct Printable<'a>(&'a str);

impl fmt::Display for Printable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_printable(f, self.0)
    }
}

/// Writes control characters as escapes: a name with a line end must not forge a second line of
/// Envoy's log.
fn write_printable(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    text.chars().try_for_each(|c| match c {
        c if c.is_control() => write!(f, "{}", c.escape_unicode()),
        c => write!(f, "{c}"),
    })
}

/// The most names of upstreams in one message. More would not help and make the line long.
const MAX_NAMES_SHOWN: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_of_a_name_do_not_reach_the_log() {
        let error = ConfigError { pointer: "/a\nb".to_owned(), fault: Fault::SameName };
        assert_eq!(
            error.to_string(),
            "/a\\u{a}b: a second field of this name, accepted: each name once in an object"
        );
    }

    #[test]
    fn a_long_list_of_upstreams_is_cut() {
        let known = (0..10).map(|n| format!("u{n}")).collect();
        let text = Fault::UnknownUpstream { known }.to_string();
        assert_eq!(text, "no such upstream, accepted: u0, u1, u2, u3, u4, u5, u6, u7 and 2 more");
    }
}

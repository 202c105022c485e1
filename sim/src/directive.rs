//! Directives in a prompt: `[[sim:NAME]]`, `[[sim:NAME=VALUE]]` and `[[sim:NAME@2]]`.
//!
//! They change one answer, and the image does not show them. `@2` or `@2,3` limits a fault to the
//! second, or second and third, request with exactly this prompt: several images are several
//! requests, of which some can fail.
//!
//! The header `x-codex-sim-fault` has directives too, for clients whose prompt must stay as it is.

use std::{fmt, time::Duration};

use bytesize::ByteSize;
use clap::ValueEnum;

use crate::{
    faults::Fault,
    hosts,
    request::Size,
    settings::{CompletedOutput, Look, Settings, Shape},
};

const OPEN: &str = "[[sim:";
const CLOSE: &str = "]]";

/// The header with directives, without brackets and with spaces between them.
pub const HEADER: &str = "x-codex-sim-fault";

/// One directive.
#[derive(Clone, Debug, PartialEq)]
pub enum Directive {
    /// Something goes wrong.
    Fault {
        /// Which fault.
        fault: Fault,
        /// For which requests with this prompt, counted from 1; empty for all.
        calls: Vec<u64>,
    },
    /// `delay=3s`
    Delay(Duration),
    /// `bytes=6MB`
    Bytes(usize),
    /// `size=512x512`
    Size(Size),
    /// `previews=2`
    Previews(u32),
    /// `output=full`
    CompletedOutput(CompletedOutput),
    /// `piece=100B`
    Piece(usize),
    /// `refuse_host=d`, `refuse_host=gpt-6-luna:d`
    RejectHost(hosts::Order),
    /// `free_shape`
    FreeShape,
    /// `vary`
    Vary,
}

/// Directives other than faults: an example of each, and what it does.
pub const VALUES: [(&str, &str); 9] = [
    ("delay=3s", "generation takes this long, spread over the previews"),
    (
        "bytes=6MB",
        "the base64 of each image is about this long, padded with noise (6MiB, 4kB, … as well)",
    ),
    ("size=512x512", "the image has this size, not the requested one, and the item says so"),
    ("previews=2", "this many previews, 0 to 8"),
    ("output=full", "response.completed repeats the items with their base64, or `empty`"),
    ("piece=100B", "events leave in pieces of at most this size"),
    (
        "refuse_host=gpt-6-luna:d",
        "this host model is rejected, in the form a, b, c, d, d-suffix, e, f or g; refuse_host=d rejects every one",
    ),
    (
        "free_shape",
        "the image has about 1.57 megapixels in a shape and a quality of its own, regardless of the request",
    ),
    ("vary", "other colours and shapes for each request"),
];

/// A directive that does not exist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unknown(String);

impl fmt::Display for Unknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "'{}' is not a directive of codex-sim; `codex-sim --faults` lists all", self.0)
    }
}

impl std::error::Error for Unknown {}

impl Directive {
    /// Reads the text between `[[sim:` and `]]`.
    ///
    /// # Errors
    ///
    /// [`Unknown`], for an unknown name or a wrong value.
    pub fn parse(text: &str) -> Result<Self, Unknown> {
        let known = match text.split_once('=') {
            Some((name, value)) => Self::with_value(name, value),
            None if text == "free_shape" => Some(Self::FreeShape),
            None if text == "vary" => Some(Self::Vary),
            None => Self::fault(text),
        };
        known.ok_or_else(|| Unknown(text.to_owned()))
    }

    fn with_value(name: &str, value: &str) -> Option<Self> {
        Some(match name {
            "delay" => Self::Delay(humantime::parse_duration(value).ok()?),
            "bytes" => Self::Bytes(bytes(value)?),
            "size" => Self::Size(Size::parse(value)?),
            "previews" => Self::Previews(value.parse().ok().filter(|count| *count <= 8)?),
            "output" => Self::CompletedOutput(CompletedOutput::from_str(value, false).ok()?),
            "refuse_host" => Self::RejectHost(hosts::Order::parse(value)?),
            "piece" => Self::Piece(bytes(value)?.max(1)),
            _ => return None,
        })
    }

    fn fault(text: &str) -> Option<Self> {
        let (name, calls) = text.split_once('@').unwrap_or((text, ""));
        let calls = match calls {
            "" if text.contains('@') => return None,
            "" => Vec::new(),
            calls => calls.split(',').map(|call| call.parse().ok()).collect::<Option<_>>()?,
        };
        Some(Self::Fault { fault: Fault::parse(name)?, calls })
    }

    /// Changes `settings` for the `call`th request with this prompt.
    pub fn apply(&self, settings: &mut Settings, call: u64) {
        match self {
            Self::Fault { fault, calls } => {
                if calls.is_empty() || calls.contains(&call) {
                    settings.faults.push(*fault);
                }
            }
            Self::Delay(delay) => settings.delay = *delay,
            Self::Bytes(len) => settings.base64_len = Some(*len),
            Self::Size(size) => settings.size = Some(*size),
            Self::Previews(count) => settings.exact_previews = Some(*count),
            Self::CompletedOutput(output) => settings.completed_output = *output,
            Self::Piece(len) => settings.piece = Some(*len),
            Self::RejectHost(order) => settings.rejected_hosts.push(order.clone()),
            Self::FreeShape => settings.shape = Shape::Free,
            Self::Vary => settings.look = Look::Varied,
        }
    }
}

/// A number of bytes with a unit, at most 256 MiB.
fn bytes(text: &str) -> Option<usize> {
    let bytes = text.parse::<ByteSize>().ok()?.as_u64();
    usize::try_from(bytes).ok().filter(|bytes| *bytes <= 256 << 20)
}

/// Takes the directives out of a prompt.
///
/// # Errors
///
/// [`Unknown`], for the first wrong one: a test with a mistake in it should not pass.
pub fn extract(prompt: &str) -> Result<(String, Vec<Directive>), Unknown> {
    let mut words = String::with_capacity(prompt.len());
    let mut directives = Vec::new();
    let mut rest = prompt;
    while let Some((before, after)) = rest.split_once(OPEN) {
        let Some((inside, tail)) = after.split_once(CLOSE) else { break };
        words.push_str(before);
        directives.push(Directive::parse(inside)?);
        // One of the two spaces around a directive is removed with it.
        rest = if before.is_empty() || before.ends_with(char::is_whitespace) {
            tail.trim_start()
        } else {
            tail
        };
    }
    words.push_str(rest);
    Ok((words.trim().to_owned(), directives))
}

/// Reads the directives of the [header](HEADER).
///
/// # Errors
///
/// [`Unknown`], for the first wrong one.
pub fn listed(text: &str) -> Result<Vec<Directive>, Unknown> {
    text.split_ascii_whitespace().map(Directive::parse).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::faults::AnswerFault;

    #[test]
    fn a_prompt_without_directives_stays_as_it_is() {
        assert_eq!(
            extract("a [[fox]] and [[sim").unwrap(),
            ("a [[fox]] and [[sim".to_owned(), vec![])
        );
    }

    #[test]
    fn directives_are_taken_out_with_one_of_their_spaces() {
        let (words, directives) =
            extract("a red [[sim:delay=3s]] fox[[sim:usage_limit@2,3]]").unwrap();
        assert_eq!(words, "a red fox");
        let fault = Fault::Answer(AnswerFault::UsageLimit);
        let expected = [
            Directive::Delay(Duration::from_secs(3)),
            Directive::Fault { fault, calls: vec![2, 3] },
        ];
        assert_eq!(directives, expected);
    }

    #[test]
    fn values_have_units() {
        assert_eq!(Directive::parse("bytes=6MB"), Ok(Directive::Bytes(6_000_000)));
        assert_eq!(Directive::parse("bytes=1MiB"), Ok(Directive::Bytes(1 << 20)));
        assert_eq!(Directive::parse("piece=1"), Ok(Directive::Piece(1)));
        let size = Size { width: 512, height: 256 };
        assert_eq!(Directive::parse("size=512x256"), Ok(Directive::Size(size)));
    }

    #[test]
    fn an_unknown_directive_is_rejected() {
        for text in [
            "",
            "nonsense",
            "delay",
            "delay=fast",
            "bytes=1TB",
            "previews=9",
            "usage_limit@",
            "usage_limit@x",
            "refuse_host=h",
        ] {
            assert_eq!(Directive::parse(text), Err(Unknown(text.to_owned())));
        }
        assert!(extract("[[sim:typo]]").is_err());
    }

    #[test]
    fn a_fault_can_be_for_one_of_several_requests() {
        let directive = Directive::parse("server_error@2").unwrap();
        let faults = |call| {
            let mut settings = Settings::default();
            directive.apply(&mut settings, call);
            settings.faults.len()
        };
        assert_eq!([faults(1), faults(2), faults(3)], [0, 1, 0]);
    }
}

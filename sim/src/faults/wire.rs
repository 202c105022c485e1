//! Faults of the wire: the recorded events, framed or sent differently than Codex does.

use bytes::Bytes;

use super::faults;
use crate::{
    event::{LineEnd, Name},
    script::{LastLine, Plan, Step},
};

faults! {
    /// The usual stream, sent in an unusual way.
    WireFault {
        HangUp "hang_up" "the connection is closed without an answer",
        NoHead "no_head" "no answer at all, the connection stays open",
        ResetEarly "reset_early" "TCP RST in place of an answer",
        Reset "reset" "TCP RST in the middle of the stream, before the image",
        WrongType "wrong_type" "the content type is text/plain",
        NoContentType "no_content_type" "there is no content type",
        Latin1Header "latin1_header" "a response header that is not UTF-8",
        NoBlankEnd "no_blank_end" "the last event has no line end and no blank line after it",
        NoBlankLine "no_blank_line" "the last event ends its line, but no blank line follows",
        CrLf "crlf" "lines end in CRLF",
        Cr "cr" "lines end in CR",
        Bom "bom" "the stream starts with a byte order mark",
        SlowDrip "slow_drip" "pieces of one byte (with bytes=20kB, or it takes long)",
        Comments "comments" "comments between events, to keep the connection alive",
        Keepalives "keepalives" "a comment and an event keepalive before each event",
        NoType "no_type" "the name is on the event: line only",
        NoEventLine "no_event_line" "the name is in the JSON only",
        TypeLast "type_last" "the JSON has type as its last member, after the image",
        MultiLine "multi_line" "the JSON of each event is spread over several data: lines",
        EscapedSlashes "escaped_slashes" "base64 with \\/ in place of /",
    }
}

/// What happens in place of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoAnswer {
    /// The connection is closed.
    HangUp,
    /// The connection is reset.
    Reset,
    /// Nothing, for ever.
    Silence,
}

impl WireFault {
    /// What happens in place of an answer; `None` if there is one.
    pub const fn no_answer(self) -> Option<NoAnswer> {
        match self {
            Self::HangUp => Some(NoAnswer::HangUp),
            Self::NoHead => Some(NoAnswer::Silence),
            Self::ResetEarly => Some(NoAnswer::Reset),
            _ => None,
        }
    }

    /// Edits the response's headers.
    pub fn edit_headers(self, headers: &mut Vec<(&'static str, Vec<u8>)>) {
        match self {
            Self::WrongType => headers
                .iter_mut()
                .filter(|(name, _)| *name == "content-type")
                .for_each(|(_, value)| {
                    *value = b"text/plain; charset=utf-8".to_vec();
                }),
            Self::NoContentType => headers.retain(|(name, _)| *name != "content-type"),
            Self::Latin1Header => headers.push(("x-codex-promo-message", b"caf\xe9 \xff".to_vec())),
            _ => {}
        }
    }

    /// Edits the plan.
    pub fn edit(self, plan: &mut Plan) {
        match self {
            Self::Reset => {
                let before_image = |step: &Step| {
                    step.is_named("response.image_generation_call.generating")
                        || step.event().is_some_and(|event| event.name().starts_with("image_"))
                };
                plan.end_at(before_image, vec![Step::Reset]);
            }
            Self::NoBlankEnd => plan.last_line = LastLine::Missing,
            Self::NoBlankLine => plan.last_line = LastLine::NoBlank,
            Self::CrLf => plan.framing.end = LineEnd::CrLf,
            Self::Cr => plan.framing.end = LineEnd::Cr,
            Self::Bom => plan.steps.insert(0, Step::Verbatim(Bytes::from_static(b"\xef\xbb\xbf"))),
            Self::SlowDrip => plan.piece = 1,
            Self::Comments => {
                before_each(plan, &[Step::Comment("keep-alive")]);
            }
            Self::Keepalives => {
                let data = Bytes::from_static(b"{\"type\":\"keepalive\"}");
                let event = Step::Raw { name: "keepalive", data };
                before_each(plan, &[Step::Comment("keep-alive"), event]);
            }
            Self::NoType => plan.framing.name = Name::EventOnly,
            Self::NoEventLine => plan.framing.name = Name::DataOnly,
            Self::TypeLast => plan.framing.name = Name::Last,
            Self::MultiLine => plan.framing.multi_line = true,
            Self::EscapedSlashes => plan.framing.escaped_slashes = true,
            Self::HangUp
            | Self::NoHead
            | Self::ResetEarly
            | Self::WrongType
            | Self::NoContentType
            | Self::Latin1Header => {}
        }
    }
}

/// Puts `more` before each step.
fn before_each(plan: &mut Plan, more: &[Step]) {
    let steps = std::mem::take(&mut plan.steps);
    let steps = steps.into_iter();
    plan.steps = steps.flat_map(|step| more.iter().cloned().chain([step])).collect();
}

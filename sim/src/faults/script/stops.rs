//! Streams that stop early, and streams with extra events in between.

use bytes::Bytes;

use super::{ScriptFault, is_preview_or_end};
use crate::{
    event::Event,
    json::Json,
    list, object,
    script::{Plan, Step},
};

/// How long the junk of `huge_event` is, in bytes.
const JUNK: usize = 20_000_000;

impl ScriptFault {
    pub(super) fn stop(self, plan: &mut Plan) {
        let image = plan.image();
        let whole = image.and_then(|at| plan.steps.get(at)).and_then(Step::event).cloned();
        let half = whole.map(Step::Half);
        let truncate = |plan: &mut Plan, at: Option<usize>| {
            plan.steps.truncate(at.unwrap_or(plan.steps.len()))
        };
        let is_completed = |step: &Step| step.is_named("response.completed");
        match self {
            Self::PreviewOnly => {
                if let Some(at) = image {
                    plan.steps.remove(at);
                }
            }
            Self::CutAfterCompleted => plan.steps.push(Step::Cut),
            Self::CutAfterImage => plan.end_at(is_completed, vec![Step::Cut]),
            Self::KeepOpen => plan.steps.push(Step::Hold),
            Self::Stall => plan.steps = vec![Step::Hold],
            Self::CutBeforeCompleted => plan.end_at(is_completed, Vec::new()),
            Self::StallBeforeCompleted => plan.end_at(is_completed, vec![Step::Hold]),
            Self::PreviewThenCut => {
                truncate(plan, image);
                plan.steps.push(Step::Cut);
            }
            _ => {
                truncate(plan, image);
                plan.steps.extend(half);
                plan.steps.extend(match self {
                    Self::CutMidImage => Some(Step::Cut),
                    Self::StallMidImage => Some(Step::Hold),
                    _ => None,
                });
            }
        }
    }

    pub(super) fn interrupt(self, plan: &mut Plan) {
        let steps = match self {
            Self::BadJson => vec![
                Step::Raw { name: "response.output_text.delta", data: Bytes::from_static(b"{\"type\":\"response.outpu") },
                Step::Raw { name: "", data: Bytes::from_static(b"}{") },
            ],
            Self::NotUtf8 => vec![Step::Raw {
                name: "response.output_text.delta",
                data: Bytes::from_static(b"{\"type\":\"response.output_text.delta\",\"delta\":\"caf\xe9 \xff\xfe\xf0\x9f\"}"),
            }],
            Self::HugeEvent => {
                let junk = Json::Base64(Bytes::from("abcdefgh".repeat(JUNK / 8)));
                vec![Step::Event(Event::new(object! { "type": "response.debug", "junk": junk }))]
            }
            _ => vec![
                Step::Event(Event::new(object! {
                    "type": "codex.response.metadata", "sequence_number": 0, "metadata": object! { "a": list![1] },
                })),
                Step::Raw { name: "keepalive", data: Bytes::from_static(b"{\"type\":\"keepalive\"}") },
            ],
        };
        let at = plan.find(is_preview_or_end).unwrap_or(plan.steps.len());
        plan.steps.splice(at..at, steps);
    }
}

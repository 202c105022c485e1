//! Streams with words or a failure in place of an image.

use super::{IMAGE, ScriptFault, change, zero};
use crate::{
    event::Event,
    json::Json,
    list, object,
    script::{Plan, QUOTA, RATE_LIMIT, Script, Step, failure, moderation},
};

const REFUSAL: &str = "I'm sorry, but I can't help with creating that image. It may go against our content policy. \
    I can make something similar that leaves that part out, if you like.";
const NO_TOOL: &str = "I can't generate images in this conversation, because no image generation tool is available to me.";
const SVG: &str = "```svg\n<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"1024\" height=\"1024\">\
    <rect width=\"100%\" height=\"100%\" fill=\"#c33\"/></svg>\n```";

impl ScriptFault {
    pub(super) fn failure(self, script: &Script) -> Vec<Step> {
        let failed =
            |code: &str, message: &str| script.failed(object! { "code": code, "message": message });
        match self {
            Self::NestedError => vec![
                script.nested_error(failure("insufficient_quota", "insufficient_quota", QUOTA)),
                failed("insufficient_quota", QUOTA),
            ],
            Self::FlatError => vec![Step::Event(Event::new(object! {
                "type": "error", "code": "server_error", "message": "An error occurred while processing your request.",
                "param": Json::NULL, "sequence_number": 0,
            }))],
            Self::ErrorModeration => {
                vec![script.nested_error(moderation("output")), script.failed(moderation("output"))]
            }
            Self::FailedModeration => vec![script.failed(moderation("input"))],
            Self::FailedRateLimit => vec![failed("rate_limit_exceeded", RATE_LIMIT)],
            Self::FailedOverloaded => {
                vec![failed(
                    "server_is_overloaded",
                    "Our servers are currently overloaded. Please try again later.",
                )]
            }
            Self::FailedInvalidPrompt => {
                vec![failed(
                    "invalid_prompt",
                    "Invalid prompt: your prompt was flagged as potentially violating our usage policy.",
                )]
            }
            Self::FailedSilence => vec![
                failed("server_error", "An error occurred while processing your request."),
                Step::Hold,
            ],
            Self::IncompleteMaxTokens => vec![script.incomplete("max_output_tokens")],
            Self::IncompleteContentFilter => vec![script.incomplete("content_filter")],
            _ => vec![failed("server_error", "An error occurred while processing your request.")],
        }
    }

    /// Replaces everything about the image by a message.
    pub(super) fn answer_in_words(self, script: &Script, plan: &mut Plan) {
        let mut steps = script.opening();
        steps.extend(match self {
            Self::Refusal => script.words(IMAGE, REFUSAL),
            Self::RefusalPart => refusal_part(script),
            Self::SvgText => script.words(IMAGE, SVG),
            Self::ToolsRemoved => script.words(IMAGE, NO_TOOL),
            _ => Vec::new(),
        });
        let mut completed = script.completed_with(list![]);
        change(&mut completed, "response", |response| response.change("tool_usage", zero));
        steps.extend([script.rate_limits(), completed]);
        plan.steps = steps;
    }
}

fn refusal_part(script: &Script) -> Vec<Step> {
    let part = |text: &str| object! { "type": "refusal", "refusal": text };
    let mut steps = script.words(IMAGE, "");
    let mut message = script.message(IMAGE, "");
    message.set("content", list![part(REFUSAL)]);
    let done = script.item("response.output_item.done", IMAGE, message);
    // The message starts as usual; its part is a refusal in place of text.
    steps.truncate(1);
    steps.extend([
        script.part("response.content_part.added", IMAGE, "part", part("")),
        script.part("response.refusal.delta", IMAGE, "delta", REFUSAL),
        script.part("response.refusal.done", IMAGE, "refusal", REFUSAL),
        script.part("response.content_part.done", IMAGE, "part", part(REFUSAL)),
        done,
    ]);
    steps
}

//! Faults that change what the stream says.
//!
//! Each takes the plan of the recorded stream and edits it, so they can be combined; they are
//! applied in the order of the prompt.

mod images;
mod stops;
mod words;

use bytes::Bytes;

use super::faults;
use crate::{
    json::Json,
    script::{Echo, Plan, Script, Step},
};

faults! {
    /// A stream that says something else.
    ScriptFault {
        NestedError "nested_error"
            "error event with nested error insufficient_quota, then response.failed, as recorded",
        FlatError "flat_error" "error event with flat code and message server_error, then the end",
        ErrorModeration "error_moderation"
            "error event moderation_blocked, stage output, then response.failed",
        Failed "failed" "response.failed server_error",
        FailedSilence "failed_silence"
            "response.failed server_error, then silence: the socket stays open",
        FailedModeration "failed_moderation" "response.failed moderation_blocked",
        FailedRateLimit "failed_rate_limit"
            "response.failed rate_limit_exceeded, 'try again in 467ms'",
        FailedOverloaded "failed_overloaded" "response.failed server_is_overloaded",
        FailedInvalidPrompt "failed_invalid_prompt" "response.failed invalid_prompt",
        IncompleteMaxTokens "incomplete_max_tokens" "response.incomplete max_output_tokens",
        IncompleteContentFilter "incomplete_content_filter" "response.incomplete content_filter",
        ItemFailed "item_failed"
            "the image item is done with status failed and an error, then completed",
        ItemModeration "item_moderation"
            "the image item is done with status failed and moderation_blocked",
        Refusal "refusal" "a refusal in words in place of the image",
        RefusalPart "refusal_part" "the same as a content part of type refusal",
        Empty "empty" "completed without an image and without words",
        SvgText "svg_text" "words that are an SVG in place of the image",
        ToolsRemoved "tools_removed"
            "tools echoed as [], and words that say that the tool does not exist",
        PinnedTool "pinned_tool"
            "tools echoed as gpt-image-2-codex auto auto; the image is 1254x1254",
        PreviewOnly "preview_only" "a preview, then completed without the final image",
        PreviewThenCut "preview_then_cut" "a preview, then the connection is cut",
        CutMidImage "cut_mid_image" "the connection is cut in the middle of the final image",
        EndMidImage "end_mid_image" "the body ends properly in the middle of the final image",
        CutBeforeCompleted "cut_before_completed"
            "the body ends properly, without response.completed",
        CutAfterImage "cut_after_image"
            "the connection is cut after the final image, before any event that ends the response",
        CutAfterCompleted "cut_after_completed"
            "the connection is cut after completed, without the last chunk of the body",
        Stall "stall" "the headers, then silence",
        StallMidImage "stall_mid_image" "silence from the middle of the final image on",
        StallBeforeCompleted "stall_before_completed" "silence after the final image",
        GeneratingStatus "generating_status"
            "the image item is done with status generating, no .completed event, as recorded",
        CompletedOnly "completed_only" "the image is in response.completed only",
        Duplicate "duplicate" "the same item in output_item.done and in response.completed",
        Repeated "repeated" "output_item.done twice, with the same item",
        TwoImages "two_images" "two different images",
        EmptyResult "empty_result" "the item's result is an empty string",
        NullResult "null_result" "the item's result is null",
        NoUsage "no_usage" "completed without tool_usage",
        ZeroUsage "zero_usage" "completed with a tool_usage of zeros",
        NoMetadata "no_metadata" "the item has id, type, status and result, nothing else",
        AfterCompleted "after_completed" "an error and another image after completed",
        KeepOpen "keep_open" "the socket stays open after completed",
        BadJson "bad_json" "an event in between that is not JSON",
        NotUtf8 "not_utf8" "a text event with invalid UTF-8 in between",
        CodexEvents "codex_events"
            "codex.rate_limits and codex.response.metadata before the first output",
        UnknownEvent "unknown_event" "events of unknown types in between",
        HugeEvent "huge_event" "an event of an unknown type with 20 MB of junk in between",
        DoneMarker "done_marker" "data: [DONE] at the end",
    }
}

/// The place of the image in `output`, and the next one.
const IMAGE: u64 = 1;
const NEXT: u64 = 2;

impl ScriptFault {
    /// Edits the script before the plan is made.
    pub const fn prepare(self, script: &mut Script) {
        match self {
            Self::ToolsRemoved => script.echo = Echo::Removed,
            Self::PinnedTool => script.echo = Echo::Pinned,
            _ => {}
        }
    }

    /// Edits the plan.
    pub fn edit(self, script: &Script, plan: &mut Plan) {
        match self {
            Self::NestedError
            | Self::FlatError
            | Self::ErrorModeration
            | Self::Failed
            | Self::FailedSilence
            | Self::FailedModeration
            | Self::FailedRateLimit
            | Self::FailedOverloaded
            | Self::FailedInvalidPrompt
            | Self::IncompleteMaxTokens
            | Self::IncompleteContentFilter => plan.end_at(is_preview_or_end, self.failure(script)),
            Self::Refusal
            | Self::RefusalPart
            | Self::Empty
            | Self::SvgText
            | Self::ToolsRemoved => {
                self.answer_in_words(script, plan);
            }
            Self::PreviewOnly
            | Self::PreviewThenCut
            | Self::CutMidImage
            | Self::EndMidImage
            | Self::CutBeforeCompleted
            | Self::CutAfterImage
            | Self::CutAfterCompleted
            | Self::Stall
            | Self::StallMidImage
            | Self::StallBeforeCompleted
            | Self::KeepOpen => self.stop(plan),
            Self::ItemFailed
            | Self::ItemModeration
            | Self::GeneratingStatus
            | Self::EmptyResult
            | Self::NullResult
            | Self::NoMetadata => self.change_item(plan),
            Self::CompletedOnly
            | Self::Duplicate
            | Self::Repeated
            | Self::TwoImages
            | Self::AfterCompleted => {
                self.move_images(script, plan);
            }
            Self::NoUsage | Self::ZeroUsage => self.change_usage(plan),
            Self::CodexEvents => before_output(script, plan),
            Self::BadJson | Self::NotUtf8 | Self::UnknownEvent | Self::HugeEvent => {
                self.interrupt(plan)
            }
            Self::DoneMarker => {
                plan.steps.push(Step::Raw { name: "", data: Bytes::from_static(b"[DONE]") })
            }
            Self::PinnedTool => {}
        }
    }
}

/// Puts the backend's own events where it sends them: after the response has started.
fn before_output(script: &Script, plan: &mut Plan) {
    let at = plan.find(|step| step.is_named("response.output_item.added"));
    let at = at.unwrap_or(plan.steps.len());
    plan.steps.splice(at..at, [script.rate_limits(), script.metadata()]);
}

/// Whether this is the first preview, or the end of a stream without one.
fn is_preview_or_end(step: &Step) -> bool {
    step.is_named("response.image_generation_call.partial_image")
        || step.is_named("response.image_generation_call.completed")
        || step.is_named("response.completed")
}

/// Edits a member of the event that a step sends.
fn change(step: &mut Step, name: &str, edit: impl FnOnce(&mut Json)) {
    if let Step::Event(event) = step {
        event.body.change(name, edit);
    }
}

/// Sets every number inside to 0.
pub(crate) fn zero(json: &mut Json) {
    match json {
        Json::Object(members) => members.iter_mut().for_each(|(_, value)| zero(value)),
        Json::Value(value) if value.is_number() => *value = 0.into(),
        Json::Value(_) | Json::List(_) | Json::Base64(_) => {}
    }
}

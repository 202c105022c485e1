//! The events one by one, with the fields of the recordings in their order.
//!
//! `sequence_number` is set when the whole plan is known, so it is 0 here.

use bytes::Bytes;

use super::{Echo, Script, Step, usage};
use crate::{event::Event, generator::Background, json::Json, list, object};

/// The message of a spent quota.
pub const QUOTA: &str = "You exceeded your current quota, please check your plan and billing details. For more information \
    on this error, read the docs: https://platform.openai.com/docs/guides/error-codes/api-errors.";

/// The message of a rate limit; the text has the delay.
pub const RATE_LIMIT: &str = "Rate limit reached for gpt-image-2-codex (for limit gpt-image) in organization org-sim on \
    input-images per min: Limit 4000, Used 4000, Requested 1. Please try again in 467ms.";

/// The `error` of a prompt or image that the safety system rejected, and the stage.
pub fn moderation(stage: &str) -> Json {
    object! {
        "message": "Your request was rejected by the safety system. If you believe this is an error, contact us at \
            help.openai.com and include the request ID req_0123456789abcdef0123456789abcdef. safety_violations=[violence].",
        "type": "image_generation_user_error",
        "param": Json::NULL,
        "code": "moderation_blocked",
        "moderation_details": object! { "moderation_stage": stage, "categories": list!["violence"] },
    }
}

/// An `error`, nested as on the wire.
pub fn failure(kind: &str, code: &str, message: &str) -> Json {
    object! { "type": kind, "code": code, "message": message, "param": Json::NULL }
}

impl Script {
    /// The response object with this status.
    pub(super) fn response(&self, status: &str) -> Json {
        let request = &self.request;
        object! {
            "id": self.id("resp", 0), "object": "response", "created_at": self.created_at.as_secs(), "status": status,
            "background": false, "error": Json::NULL, "incomplete_details": Json::NULL,
            "instructions": request.instructions.as_str(), "max_output_tokens": Json::NULL,
            "max_tool_calls": Json::NULL, "model": request.host_model.as_str(), "output": list![],
            "parallel_tool_calls": request.parallel_tool_calls.clone(), "previous_response_id": Json::NULL,
            "prompt_cache_key": Json::NULL, "reasoning": request.reasoning.clone(), "safety_identifier": Json::NULL,
            "service_tier": "auto", "store": false, "temperature": 1.0,
            "text": object! { "format": object! { "type": "text" }, "verbosity": "medium" },
            "tool_choice": request.tool_choice.clone(), "tool_usage": usage::tool_usage(request, None),
            "tools": self.tools(), "top_logprobs": 0, "top_p": 0.98, "truncation": "disabled", "usage": Json::NULL,
            "user": Json::NULL, "metadata": object! {},
        }
    }

    fn tools(&self) -> Json {
        let Some(tool) = &self.tool else { return list![] };
        let (model, size, quality) = match self.echo {
            Echo::Removed => return list![],
            Echo::Asked => (tool.model.as_str(), tool.asked_size.as_str(), tool.quality.as_str()),
            Echo::Pinned => ("gpt-image-2-codex", "auto", "auto"),
        };
        list![object! {
            "type": "image_generation", "background": tool.asked_background.as_str(), "model": model,
            "moderation": tool.moderation.as_str(), "n": 1, "output_compression": u64::from(tool.compression),
            "output_format": tool.format.as_str(), "quality": quality, "size": size,
        }]
    }

    /// An event that carries the response object.
    pub fn about_response(&self, name: &str, response: Json) -> Step {
        Step::Event(Event::new(
            object! { "type": name, "sequence_number": 0, "response": response },
        ))
    }

    /// An event that carries an item.
    pub fn item(&self, name: &str, output_index: u64, item: Json) -> Step {
        let body = object! { "type": name, "sequence_number": 0, "output_index": output_index, "item": item };
        Step::Event(Event::new(body))
    }

    /// An event about the progress of an image.
    pub fn call(&self, name: &str, output_index: u64) -> Step {
        Step::Event(Event::new(object! {
            "type": name, "sequence_number": 0, "output_index": output_index, "item_id": self.id("ig", output_index),
        }))
    }

    pub(super) fn preview(&self, number: usize, base64: &Bytes) -> Step {
        let Step::Event(mut event) =
            self.call("response.image_generation_call.partial_image", super::IMAGE)
        else {
            return Step::Comment("no preview");
        };
        event.body.set("partial_image_index", number as u64);
        event.body.set("partial_image_b64", Json::Base64(base64.clone()));
        for (name, value) in self.generated() {
            event.body.set(name, value);
        }
        Step::Event(event)
    }

    /// Size, quality, background and format of the image.
    fn generated(&self) -> [(&'static str, String); 4] {
        let Some(tool) = &self.tool else { return Default::default() };
        let quality = if tool.quality == "auto" { "medium" } else { &tool.quality };
        let background = match tool.background {
            Background::Opaque => "opaque",
            Background::Transparent => "transparent",
        };
        [
            ("size", tool.size.to_string()),
            ("quality", quality.to_owned()),
            ("background", background.to_owned()),
            ("output_format", tool.format.as_str().to_owned()),
        ]
    }

    /// The item of a finished image.
    pub fn image_item(&self, output_index: u64, number: usize) -> Json {
        let base64 =
            self.images.get(number).or_else(|| self.images.first()).cloned().unwrap_or_default();
        let [(_, size), (_, quality), (_, background), (_, format)] = self.generated();
        object! {
            "id": self.id("ig", output_index), "type": "image_generation_call", "status": "completed",
            "background": background, "output_format": format, "quality": quality,
            "result": Json::Base64(base64), "revised_prompt": self.revised_prompt.as_str(), "size": size,
        }
    }

    /// The item of a message.
    pub fn message(&self, output_index: u64, text: &str) -> Json {
        object! {
            "id": self.id("msg", output_index), "type": "message", "status": "completed",
            "content": list![text_part(text)], "role": "assistant",
        }
    }

    /// A message of the host model; an empty one has no delta in the recordings.
    pub fn words(&self, output_index: u64, text: &str) -> Vec<Step> {
        let opened = object! {
            "id": self.id("msg", output_index), "type": "message", "status": "in_progress", "content": list![],
            "role": "assistant",
        };
        let mut steps = vec![
            self.item("response.output_item.added", output_index, opened),
            self.part("response.content_part.added", output_index, "part", text_part("")),
        ];
        for word in text.split_inclusive(' ') {
            steps.push(self.part("response.output_text.delta", output_index, "delta", word));
        }
        steps.push(self.part("response.output_text.done", output_index, "text", text));
        steps.push(self.part("response.content_part.done", output_index, "part", text_part(text)));
        steps.push(self.item(
            "response.output_item.done",
            output_index,
            self.message(output_index, text),
        ));
        steps
    }

    /// An event about the first part of a message.
    pub fn part(&self, name: &str, output_index: u64, field: &str, value: impl Into<Json>) -> Step {
        let mut body = object! {
            "type": name, "sequence_number": 0, "item_id": self.id("msg", output_index), "output_index": output_index,
            "content_index": 0,
        };
        body.set(field, value);
        if name.starts_with("response.output_text.") {
            body.set("logprobs", list![]);
        }
        Step::Event(Event::new(body))
    }

    /// The backend's own event about the account; it has no sequence number.
    pub fn rate_limits(&self) -> Step {
        let now = self.created_at.as_secs();
        let window = |used: u64, minutes: u64| {
            object! { "used_percent": used, "window_minutes": minutes, "reset_at": now + minutes * 60 }
        };
        let limits = object! {
            "allowed": true, "limit_reached": false, "primary": window(12, 300), "secondary": window(31, 10_080),
        };
        let credits = object! { "has_credits": false, "unlimited": false, "balance": "0" };
        Step::Event(Event::new(object! {
            "type": "codex.rate_limits", "plan_type": "plus", "rate_limits": limits, "credits": credits,
            "metered_limit_name": "codex",
        }))
    }

    /// The backend's own event about the answer; it has no sequence number.
    pub fn metadata(&self) -> Step {
        Step::Event(Event::new(object! {
            "type": "codex.response.metadata", "response_id": self.id("resp", 0),
            "metadata": object! { "model": self.request.host_model.as_str() },
        }))
    }

    /// `response.completed` with this `output`.
    pub fn completed_with(&self, output: Json) -> Step {
        let mut response = self.response("completed");
        response.set("output", output);
        response.set("tool_usage", usage::tool_usage(&self.request, self.tool.as_ref()));
        response.set("usage", usage::usage(&self.request));
        self.about_response("response.completed", response)
    }

    /// `response.failed` with this `error`.
    pub fn failed(&self, error: Json) -> Step {
        let mut response = self.response("failed");
        response.set("error", error);
        self.about_response("response.failed", response)
    }

    /// `response.incomplete` for this reason.
    pub fn incomplete(&self, reason: &str) -> Step {
        let mut response = self.response("incomplete");
        response.set("incomplete_details", object! { "reason": reason });
        self.about_response("response.incomplete", response)
    }

    /// An `error` event, nested as on the real wire.
    pub fn nested_error(&self, error: Json) -> Step {
        Step::Event(Event::new(object! { "type": "error", "sequence_number": 0, "error": error }))
    }
}

fn text_part(text: &str) -> Json {
    object! { "type": "output_text", "annotations": list![], "logprobs": list![], "text": text }
}

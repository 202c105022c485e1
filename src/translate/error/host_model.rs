//! Recognizes errors that refuse the text model that calls the image tool.
//!
//! They have many forms: a `detail`, an error with or without a code, or an event in a 200. The
//! status is 400 or 404. All have a message that names the model and says that it is not available
//! for this account, this client version or this tool. No image is generated then.

use crate::openai::error::{HostModelFault, model_names::occurrences};
use crate::upstream::error::ErrorInfo;

/// Words that say that a model is not served.
const NOT_SERVED: [&str; 5] =
    ["not supported", "not found", "does not exist", "not available", "do not have access"];
/// Words that say that the client is too old for a model.
const TOO_OLD: [&str; 3] = ["newer version", "requires a newer", "please upgrade"];
/// The tool that a text-only model does not have.
const TOOL: &str = "image_generation";
/// The type of errors about the image itself. The model in them is the image model.
const IMAGE_ERROR: &str = "image_generation_user_error";

/// Parts of codes and types of errors about something else. Their message may quote the client's
/// prompt, and a prompt may have any of the words above.
const OTHER: [&str; 9] =
    ["moderation", "policy", "safety", "content", "prompt", "quota", "limit", "overload", "server"];

/// The same in messages of errors without a code.
const REFUSALS: [&str; 3] = ["safety system", "content policy", "usage policies"];

/// What is wrong with `host_model`, if the error is about it.
pub(super) fn host_model_fault(info: &ErrorInfo, host_model: &str) -> Option<HostModelFault> {
    let is_other = |word: &String| OTHER.iter().any(|part| word.contains(part));
    if info.moderation.is_some() || [&info.code, &info.kind].into_iter().flatten().any(is_other) {
        return None;
    }
    let is_ours = |param: &str| param == "model" || param.starts_with("tool");
    if info.param.as_deref().is_some_and(|param| !param.is_empty() && !is_ours(param)) {
        return None;
    }
    let message = info.message.as_deref()?;
    occurrences(message, host_model).next()?;
    let message = message.to_ascii_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| message.contains(word));
    if says(&REFUSALS) {
        return None;
    }
    let is_not_served = says(&NOT_SERVED);
    if info.kind.as_deref().is_some_and(|kind| kind.ends_with(IMAGE_ERROR)) {
        return None;
    }
    if message.contains(TOOL) && is_not_served {
        return Some(HostModelFault::NoImageTool);
    }
    if info.param.as_deref().is_some_and(|param| param.starts_with("tools")) {
        return None;
    }
    if says(&TOO_OLD) {
        return Some(HostModelFault::ClientTooOld);
    }
    is_not_served.then_some(HostModelFault::NotServed)
}

/// Whether a message that names the image model `sent` may seem to name `host_model`. The client
/// chose `sent`, so an error that names it must not count against the host model.
#[must_use]
pub fn is_like_host_model(sent: &str, host_model: &str) -> bool {
    occurrences(sent, host_model).next().is_some()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn fault(body: &Value, model: &str) -> Option<HostModelFault> {
        host_model_fault(&ErrorInfo::read(body).unwrap(), model)
    }

    #[test]
    fn every_form_of_a_refusal_is_recognized() {
        let sentence =
            "The 'gpt-6-luna' model is not supported when using Codex with a ChatGPT account.";
        let not_served = Some(HostModelFault::NotServed);
        for body in [
            json!({"detail": sentence}),
            json!({"detail": {"message": sentence}}),
            json!({"error": {"message": sentence, "type": "invalid_request_error"}}),
            json!({"type": "error", "status": 400,
                "error": {"type": "invalid_request_error", "message": sentence}}),
            json!({"type": "response.failed", "response": {"error": {"message": sentence}}}),
            json!({"error": {"message": "Model not found gpt-6-luna", "param": "model",
                "type": "invalid_request_error", "code": null}}),
            json!({"error": {"message": "Model not found gpt-6-luna-free-1p-codexswic-ev3",
                "type": "invalid_request_error", "param": "model", "code": null}}),
            json!({"error": {"code": "model_not_found", "param": null, "message":
                "The model `gpt-6-luna` does not exist or you do not have access to it."}}),
            json!({"message": "GPT-6-Luna is not found."}),
        ] {
            assert_eq!(fault(&body, "gpt-6-luna"), not_served, "{body}");
        }
        let upgrade = json!({"error": {"message": "The 'gpt-6-luna' model requires a newer version \
            of Codex. Please upgrade to the latest app or CLI and try again."}});
        assert_eq!(fault(&upgrade, "gpt-6-luna"), Some(HostModelFault::ClientTooOld));
        let tool = json!({"error": {"message":
            "Tool 'image_generation' is not supported with gpt-6-luna.", "param": "tools"}});
        assert_eq!(fault(&tool, "gpt-6-luna"), Some(HostModelFault::NoImageTool));
    }

    #[test]
    fn other_errors_are_not_about_the_host_model() {
        for body in [
            // The image model, although an outage may be the cause and not the client.
            json!({"error": {"type": "image_generation_user_error", "code": "invalid_value",
                "param": "tools", "message": "The model 'gpt-image-2' does not exist."}}),
            // A client that asks for an image model of the host model's name.
            json!({"error": {"type": "image_generation_user_error", "code": "invalid_value",
                "param": "tools", "message": "The model 'gpt-6-luna' does not exist."}}),
            json!({"error": {"message": "The model 'gpt-6-luna' does not exist.",
                "param": "tools[0].model"}}),
            json!({"detail": "The 'gpt-6-luna-pro.x' model is overloaded."}),
            json!({"detail": "The 'gpt-6-sol' model is not supported."}),
            json!({"detail": "The 'my-gpt-6-luna' model is not supported."}),
            json!({"detail": "The 'gpt-6-luna.5' model is not supported."}),
            json!({"detail": "Unsupported parameter: n"}),
            json!({"error": {"code": "rate_limit_exceeded",
                "message": "Rate limit reached for gpt-6-luna in organization x."}}),
            json!({"error": {"code": "server_error"}}),
            json!({"error": {"code": "moderation_blocked", "type": "invalid_request_error",
                "message":
                    "Your prompt \"The 'gpt-6-luna' model is not supported\" was rejected."}}),
            json!({"error": {"code": "invalid_prompt",
                "message": "Not allowed: 'gpt-6-luna' does not exist"}}),
        ] {
            assert_eq!(fault(&body, "gpt-6-luna"), None, "{body}");
        }
    }
}

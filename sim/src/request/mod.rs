//! Reads a `/responses` body as the Codex backend does and rejects what it rejects.
//!
//! The checks are in the order that the backend was seen to use: its own rules first
//! (`detail`), then the fields, then the tool.

mod fields;
mod input;
mod size;
mod tool;

use serde_json::{Map, Value};

pub(crate) use self::{
    fields::Fields,
    input::read_image,
    tool::{is_gpt, not_offered},
};
pub use self::{input::Input, size::Size, tool::ImageTool};
use crate::{
    generator::Background,
    hosts::{Catalogue, Form, Version},
    rejection::Rejection,
    script::Echo,
};

/// The members that Codex accepts in a body; it rejects any other by name.
const PARAMETERS: [&str; 15] = [
    "client_metadata",
    "include",
    "input",
    "instructions",
    "model",
    "parallel_tool_calls",
    "prompt_cache_key",
    "reasoning",
    "service_tier",
    "store",
    "stream",
    "stream_options",
    "text",
    "tool_choice",
    "tools",
];

/// Which API decides whether a host model is served.
#[derive(Clone, Copy, Debug)]
pub enum Gate<'a> {
    /// The OpenAI API, which serves every host model.
    Open,
    /// The Codex backend, which checks the account's catalogue and the client's version.
    Codex {
        /// The host models of the account.
        hosts: &'a Catalogue,
        /// The `version` header; `None` if it is absent or malformed.
        version: Option<Version>,
    },
}

impl Gate<'_> {
    /// How the answer repeats the tool.
    pub const fn echo(self) -> Echo {
        match self {
            Self::Open => Echo::Asked,
            Self::Codex { .. } => Echo::Pinned,
        }
    }

    /// Rejects a transparent background, which the image model of Codex does not support.
    fn check_background(self, tool: Option<&ImageTool>) -> Result<(), Rejection> {
        let is_transparent = tool.is_some_and(|tool| tool.background == Background::Transparent);
        match self {
            Self::Codex { .. } if is_transparent => Err(no_transparent()),
            Self::Open | Self::Codex { .. } => Ok(()),
        }
    }

    fn check(self, host_model: &str, generates: bool) -> Result<(), Rejection> {
        match self {
            Self::Open => Ok(()),
            Self::Codex { hosts, version } => hosts.check(host_model, version, generates),
        }
    }
}

/// The rejection of a transparent background.
pub(crate) fn no_transparent() -> Rejection {
    Rejection::cannot_generate("tools", "Transparent background is not supported for this model.")
}

/// A request that the backend would accept.
#[derive(Clone, Debug)]
pub struct Request {
    /// The text model that calls the tool.
    pub host_model: String,
    /// The instructions to the host model.
    pub instructions: String,
    /// Words and images of the user.
    pub input: Input,
    /// The image tool. Without one, or with `tool_choice` `none`, the host model answers in words.
    pub tool: Option<ImageTool>,
    /// `tool_choice` as in the request.
    pub tool_choice: Value,
    /// `parallel_tool_calls` as in the request.
    pub parallel_tool_calls: Value,
    /// `reasoning` as in the request.
    pub reasoning: Value,
}

impl Request {
    /// Reads and checks a body.
    ///
    /// # Errors
    ///
    /// The answer that the backend gives.
    pub fn parse(body: &[u8], gate: Gate<'_>) -> Result<Self, Rejection> {
        let Ok(Value::Object(body)) = serde_json::from_slice(body) else {
            return Err(Rejection::detail(400, "Invalid JSON body"));
        };
        check_own_rules(&body)?;
        let host_model = read_host_model(&body)?;
        gate.check(&host_model, tool::is_offered(&body))?;
        let instructions =
            body.get("instructions").and_then(Value::as_str).unwrap_or_default().to_owned();
        let input = Input::read(&body)?;
        let choice = body.get("tool_choice").cloned().unwrap_or_else(|| Value::from("auto"));
        let tool = tool::read(&body, &choice, &input)?;
        gate.check_background(tool.as_ref())?;
        let echo = |name: &str, default: Value| body.get(name).cloned().unwrap_or(default);
        Ok(Self {
            host_model,
            instructions,
            input,
            tool,
            tool_choice: choice,
            parallel_tool_calls: echo("parallel_tool_calls", Value::Bool(true)),
            reasoning: echo("reasoning", serde_json::json!({"effort": "medium", "summary": null})),
        })
    }
}

fn check_own_rules(body: &Map<String, Value>) -> Result<(), Rejection> {
    if body.get("instructions").and_then(Value::as_str).is_none_or(str::is_empty) {
        return Err(Rejection::detail(400, "Instructions are required"));
    }
    if body.get("store") != Some(&Value::Bool(false)) {
        return Err(Rejection::detail(400, "Store must be set to false"));
    }
    if body.get("stream") != Some(&Value::Bool(true)) {
        return Err(Rejection::detail(400, "Stream must be set to true"));
    }
    match body.keys().find(|name| !PARAMETERS.contains(&name.as_str())) {
        Some(name) => Err(Rejection::detail(400, &format!("Unsupported parameter: {name}"))),
        None => Ok(()),
    }
}

fn read_host_model(body: &Map<String, Value>) -> Result<String, Rejection> {
    let Some(model) = body.get("model").and_then(Value::as_str).filter(|model| !model.is_empty())
    else {
        let message = "Missing required parameter: 'model'.";
        return Err(Rejection::invalid(Some("missing_required_parameter"), "model", message));
    };
    if ["gpt-image-", "chatgpt-image-", "dall-e-"].iter().any(|prefix| model.starts_with(prefix)) {
        return Err(Form::Detail.reject(model));
    }
    Ok(model.to_owned())
}

#[cfg(test)]
mod tests;

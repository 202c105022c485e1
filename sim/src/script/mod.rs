//! The content of one answer: the events in their recorded order, as a list that faults can edit
//! before any of it is sent.

mod events;
mod plan;
pub(crate) mod usage;

use std::time::Duration;

use bytes::Bytes;
use fastrand::Rng;

pub use self::{
    events::{QUOTA, RATE_LIMIT, failure, moderation},
    plan::{LastLine, Plan, Step},
};
use crate::{
    hash::hash,
    json::Json,
    list, object,
    request::{ImageTool, Request},
    settings::CompletedOutput,
};

/// What the events of an answer are made from.
#[derive(Clone, Debug)]
pub struct Script {
    /// The request.
    pub request: Request,
    /// The tool as the answer reports it, if the request wants an image.
    pub tool: Option<ImageTool>,
    /// The time of the answer since the Unix epoch.
    pub created_at: Duration,
    /// Chooses the identifiers.
    pub seed: u64,
    /// The prompt as the host model passed it on.
    pub revised_prompt: String,
    /// The base64 of the final image, and of a second one for some faults.
    pub images: Vec<Bytes>,
    /// The base64 of the previews.
    pub previews: Vec<Bytes>,
    /// How long generation takes.
    pub delay: Duration,
    /// Whether `response.completed` repeats the items.
    pub completed_output: CompletedOutput,
    /// How the answer repeats `tools[0]`.
    pub echo: Echo,
}

/// How the response object repeats the tool.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Echo {
    /// As requested, with defaults filled in, as api.openai.com does.
    #[default]
    Asked,
    /// As the image model of Codex with size and quality `auto`, regardless of the request.
    Pinned,
    /// Not at all: `[]`.
    Removed,
}

/// The places of the items in `output`.
const REASONING: u64 = 0;
const IMAGE: u64 = 1;
const MESSAGE: u64 = 2;

impl Script {
    /// The whole answer in the recorded order.
    pub fn plan(&self) -> Plan {
        let mut steps = self.opening();
        if self.tool.is_some() {
            steps.extend(self.generation());
            steps.extend(self.words(MESSAGE, ""));
        } else {
            steps.extend(self.words(
                IMAGE,
                "This is codex-sim. It draws when it is given the image_generation tool.",
            ));
        }
        steps.push(self.rate_limits());
        steps.push(self.completed());
        Plan::new(steps)
    }

    /// Everything before the image.
    pub fn opening(&self) -> Vec<Step> {
        let reasoning =
            object! { "id": self.id("rs", REASONING), "type": "reasoning", "summary": list![] };
        vec![
            self.about_response("response.created", self.response("in_progress")),
            self.about_response("response.in_progress", self.response("in_progress")),
            self.item("response.output_item.added", REASONING, reasoning.clone()),
            self.item("response.output_item.done", REASONING, reasoning),
        ]
    }

    /// The events of the image, from its announcement to the whole image.
    fn generation(&self) -> Vec<Step> {
        let pause = self.delay / u32::try_from(self.previews.len() + 1).unwrap_or(1);
        let mut steps = vec![
            self.item("response.output_item.added", IMAGE, self.announced(IMAGE)),
            self.call("response.image_generation_call.in_progress", IMAGE),
            self.call("response.image_generation_call.generating", IMAGE),
        ];
        for (number, preview) in self.previews.iter().enumerate() {
            steps.extend((!pause.is_zero()).then_some(Step::Wait(pause)));
            steps.push(self.preview(number, preview));
        }
        steps.extend((!pause.is_zero()).then_some(Step::Wait(pause)));
        steps.push(self.call("response.image_generation_call.completed", IMAGE));
        steps.push(self.image(IMAGE, 0));
        steps
    }

    /// All events of a second image.
    pub fn second_image(&self, output_index: u64) -> Vec<Step> {
        vec![
            self.item("response.output_item.added", output_index, self.announced(output_index)),
            self.call("response.image_generation_call.in_progress", output_index),
            self.call("response.image_generation_call.completed", output_index),
            self.image(output_index, 1),
        ]
    }

    /// The event with the whole image.
    fn image(&self, output_index: u64, number: usize) -> Step {
        self.item("response.output_item.done", output_index, self.image_item(output_index, number))
    }

    fn announced(&self, output_index: u64) -> Json {
        object! { "id": self.id("ig", output_index), "type": "image_generation_call", "status": "in_progress" }
    }

    /// The `response.completed` of this script.
    pub fn completed(&self) -> Step {
        let output = match self.completed_output {
            CompletedOutput::Empty => list![],
            CompletedOutput::Full => self.output(),
        };
        self.completed_with(output)
    }

    /// All items, as api.openai.com repeats them.
    pub fn output(&self) -> Json {
        let reasoning =
            object! { "id": self.id("rs", REASONING), "type": "reasoning", "summary": list![] };
        let mut items = vec![reasoning];
        items.extend(self.tool.is_some().then(|| self.image_item(IMAGE, 0)));
        items.push(self.message(u64::try_from(items.len()).unwrap_or(MESSAGE), ""));
        Json::List(items)
    }

    /// An identifier as the backend forms them: a prefix and 50 hexadecimal digits.
    pub fn id(&self, prefix: &str, output_index: u64) -> String {
        let mut rng = Rng::with_seed(self.seed ^ hash(prefix.as_bytes()) ^ output_index);
        let digits: String = (0..4).map(|_| format!("{:016x}", rng.u64(..))).collect();
        format!("{prefix}_{}", digits.chars().take(50).collect::<String>())
    }
}

#[cfg(test)]
mod tests;

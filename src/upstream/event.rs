//! Events of the Responses API stream, read from their skeletons.
//!
//! The kind of an event is its JSON `type`; the `event:` line counts only if that is missing.
//! Everything is read leniently: a field that is null or of an unexpected type counts as absent.
//! Kinds that are not about an image are [`ResponseEvent::Other`].

use super::error::ErrorInfo;
use super::json::{Json, Tape};
use super::usage::ImageUsage;

/// The last text of a model is kept up to this many bytes: a refusal is a sentence or two.
const MAX_WORDS_BYTES: usize = 2048;
/// The longest name of a model. The other properties of an image are shorter.
const MAX_NAME_BYTES: usize = 128;

/// What an event says.
#[derive(Debug)]
pub enum ResponseEvent {
    /// The response exists: `response.created`, `response.in_progress`.
    Created(Response),
    /// An output item is complete: `response.output_item.done`.
    ItemDone(Item),
    /// A preview has arrived: `response.image_generation_call.partial_image`.
    Preview(Item),
    /// The tool reports that it has generated the image.
    Drawn,
    /// A piece of an answer in words.
    WordsDelta(String),
    /// `response.completed`: the terminal event of a success.
    Completed(Response),
    /// `response.incomplete`.
    Incomplete {
        /// `incomplete_details.reason`.
        reason: Option<String>,
        /// What the response has all the same.
        response: Response,
    },
    /// `response.failed` or `error`.
    Failed {
        /// Why.
        info: ErrorInfo,
        /// What the response has all the same.
        response: Response,
    },
    /// The host model has begun an item of its answer: `response.output_item.added`.
    Accepted,
    /// Not about images, or not JSON.
    Other,
}

/// The parts of a `response` object that matter here.
#[derive(Debug, Default)]
pub struct Response {
    /// Unix seconds.
    pub created_at: Option<u64>,
    /// The images in `output`, and the messages with words.
    pub output: Vec<Item>,
    /// The options of the image tool, as the upstream understood them.
    pub tool: Option<Attributes>,
    /// `tools` is present and empty: the account has no image tool.
    pub tools_removed: bool,
    /// `tool_usage.image_gen`.
    pub usage: Option<ImageUsage>,
}

/// An output item.
#[derive(Debug, Default)]
pub struct Item {
    /// Its `id`.
    pub id: Option<String>,
    /// Whether it is an image, text or something else.
    pub kind: ItemKind,
    /// The ordinal that the scanner put in place of a non-empty `result`.
    pub result: Option<usize>,
    /// Its `status` is that of a complete item.
    pub is_completed: bool,
    /// The properties of the delivered image.
    pub attributes: Attributes,
    /// The prompt that the host model passed to the tool.
    pub revised_prompt: Option<String>,
    /// Why there is no image.
    pub error: Option<ErrorInfo>,
    /// The text of a message.
    pub words: String,
}

/// The kinds of output items.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ItemKind {
    /// `image_generation_call`.
    Image,
    /// `message`.
    Message,
    /// Reasoning, and all other kinds.
    #[default]
    Other,
}

/// The properties of an image, in the words of the API. A value that leaves the choice open
/// (`auto`) is `None`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Attributes {
    /// The image model, if its name is one that a record and a price may have.
    pub model: Option<String>,
    /// `WIDTHxHEIGHT`.
    pub size: Option<String>,
    /// `low`, `medium`, `high`, ….
    pub quality: Option<String>,
    /// `transparent` or `opaque`.
    pub background: Option<String>,
    /// `png`, `webp`, `jpeg`, ….
    pub output_format: Option<String>,
}

impl ResponseEvent {
    /// Reads an event from its skeleton and the name that its `event:` line gave.
    pub fn read(name: &[u8], skeleton: &[u8]) -> Self {
        let Some(tape) = Tape::parse(skeleton) else { return Self::Other };
        let event = tape.root();
        let kind = event.text("type");
        let kind = kind.or_else(|| std::str::from_utf8(name).ok()).unwrap_or_default();
        let response = || event.get("response").map(Response::read).unwrap_or_default();
        match kind {
            "response.created" | "response.in_progress" => Self::Created(response()),
            "response.output_item.done" => {
                Self::ItemDone(event.get("item").map(Item::read).unwrap_or_default())
            }
            "response.image_generation_call.partial_image" => Self::Preview(Item::read(event)),
            "response.output_item.added" => Self::Accepted,
            "response.image_generation_call.completed" => Self::Drawn,
            "response.output_text.delta" | "response.refusal.delta" => {
                Self::WordsDelta(event.text("delta").map(str::to_owned).unwrap_or_default())
            }
            "response.completed" => Self::Completed(response()),
            "response.incomplete" => Self::incomplete(event.get("response")),
            "response.failed" | "error" => {
                let info = ErrorInfo::read(&event.to_value()).unwrap_or_default();
                Self::Failed { info, response: response() }
            }
            _ => Self::Other,
        }
    }

    /// The event that a `response` is incomplete.
    pub(super) fn incomplete(response: Option<Json<'_>>) -> Self {
        let details = response.and_then(|it| it.get("incomplete_details"));
        let reason = details.and_then(|it| it.text("reason")).map(str::to_owned);
        Self::Incomplete { reason, response: response.map(Response::read).unwrap_or_default() }
    }
}

impl Response {
    pub(super) fn read(value: Json<'_>) -> Self {
        let mut it = Self::default();
        for (name, value) in value.members() {
            match name {
                "created_at" => it.created_at = value.as_u64(),
                "output" => {
                    it.output = value.entries().map(Item::read).filter(Item::counts).collect();
                }
                "tools" => it.read_tools(value),
                "tool_usage" => it.usage = value.get("image_gen").and_then(ImageUsage::read),
                _ => {}
            }
        }
        it
    }

    fn read_tools(&mut self, tools: Json<'_>) {
        let is_ours = |tool: &Json<'_>| tool.text("type") == Some("image_generation");
        self.tool = tools.entries().find(is_ours).map(Attributes::read);
        self.tools_removed = tools.is_array() && tools.entries().next().is_none();
    }

    /// The text of all messages of the output.
    pub fn words(&self) -> String {
        self.output.iter().fold(String::new(), |mut words, item| {
            push_words(&mut words, &item.words);
            words
        })
    }
}

impl Item {
    fn read(value: Json<'_>) -> Self {
        let mut it = Self::default();
        for (name, value) in value.members() {
            match name {
                "id" => it.id = value.as_str().map(str::to_owned),
                "type" => it.kind = ItemKind::named(value.as_str()),
                "result" => it.result = value.as_str().and_then(|ordinal| ordinal.parse().ok()),
                "status" => it.is_completed = value.as_str() == Some("completed"),
                "revised_prompt" => {
                    let prompt = value.as_str().filter(|it| !it.is_empty());
                    it.revised_prompt = prompt.map(str::to_owned);
                }
                "error" => {
                    let error = value.is_object().then(|| value.to_value());
                    it.error = error.as_ref().and_then(ErrorInfo::read);
                }
                "content" => it.words = words(value),
                _ => it.attributes.take(name, value),
            }
        }
        it
    }

    /// Whether anything is read of it. Others are not kept: an `output` may have 100,000 entries.
    fn counts(&self) -> bool {
        self.kind == ItemKind::Image || !self.words.is_empty()
    }
}

impl ItemKind {
    fn named(name: Option<&str>) -> Self {
        match name {
            Some("image_generation_call") => Self::Image,
            Some("message") => Self::Message,
            _ => Self::Other,
        }
    }
}

/// The text in the parts of a message.
fn words(content: Json<'_>) -> String {
    let mut words = String::new();
    for part in content.entries() {
        let part = part.text("text").or_else(|| part.text("refusal"));
        push_words(&mut words, part.unwrap_or_default());
    }
    words
}

impl Attributes {
    pub(super) fn read(value: Json<'_>) -> Self {
        let mut it = Self::default();
        value.members().for_each(|(name, value)| it.take(name, value));
        it
    }

    /// Takes a member if it is one of these properties.
    pub(super) fn take(&mut self, name: &str, value: Json<'_>) {
        let place = match name {
            "model" => &mut self.model,
            "size" => &mut self.size,
            "quality" => &mut self.quality,
            "background" => &mut self.background,
            "output_format" => &mut self.output_format,
            _ => return,
        };
        // They are the upstream's words, and are written to a log line.
        let is_word = |it: &&str| *it != "auto" && (1..=MAX_NAME_BYTES).contains(&it.len());
        let is_named = |it: &&str| name != "model" || is_model(it);
        *place = value.as_str().filter(is_word).filter(is_named).map(str::to_owned);
    }

    /// The values reported here, and those of `other` for the rest.
    #[must_use]
    pub fn or(self, other: &Self) -> Self {
        Self {
            model: self.model.or_else(|| other.model.clone()),
            size: self.size.or_else(|| other.size.clone()),
            quality: self.quality.or_else(|| other.quality.clone()),
            background: self.background.or_else(|| other.background.clone()),
            output_format: self.output_format.or_else(|| other.output_format.clone()),
        }
    }
}

/// Names of models are visible ASCII, as in the configuration.
fn is_model(name: &str) -> bool {
    name.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Appends text up to its bound, cut at the end of a character.
pub(crate) fn push_words(words: &mut String, more: &str) {
    let room = MAX_WORDS_BYTES.saturating_sub(words.len());
    let cut = (0..=room.min(more.len())).rev().find(|at| more.is_char_boundary(*at)).unwrap_or(0);
    words.push_str(more.get(..cut).unwrap_or_default());
}

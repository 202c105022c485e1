//! The place of the scanner in a JSON document, as far as it must know it.
//!
//! In an event two places matter. One is `item` and the members of `response.output`: their `type`
//! says whether their `result` is an image. The other is the event's own `partial_image_b64`. In a
//! response that is one document, the members of `output` matter. In an answer of the Images API it
//! is the members of `data`, whose `b64_json` is an image. In an event of that API it is its own
//! `b64_json`, which is a preview if `type` has said so before. Some upstreams that are asked for a
//! document send it as the data of an event, so its places count there as well.

use std::borrow::Cow;

/// The names of members whose value is an image or a preview.
pub(super) const RESULT: &[u8] = b"result";
pub(super) const PARTIAL_IMAGE: &[u8] = b"partial_image_b64";
pub(super) const BASE64: &[u8] = b"b64_json";
/// The name of the member that may have as much text as the client's prompt.
const REVISED_PROMPT: &[u8] = b"revised_prompt";
/// The name of an item that carries an image.
const IMAGE_TYPE: &[u8] = b"image_generation_call";
/// The end of the name of an event of the Images API that carries a preview.
const PREVIEW_SUFFIX: &[u8] = b".partial_image";
/// `response` `{` `output` `[` `{`: deeper places are ignored.
const MAX_LEVELS: usize = 4;
/// Longer keys and types are not used here, even if each character is escaped.
const MAX_TOKEN_BYTES: usize = 192;

/// The kind of document that is scanned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Document {
    /// An event of the Responses API.
    #[default]
    Event,
    /// A whole response of that API, from an upstream that does not stream, or its last event
    /// alone.
    Response,
    /// A whole answer of the Images API.
    Images,
    /// An event of the Images API.
    ImagesEvent,
}

/// What is at the place reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// Nothing to divert.
    Elsewhere,
    /// The `result` of an item.
    Image,
    /// A preview, by its own name or that of its event.
    Preview,
    /// The bracket that closes an item.
    ItemEnd,
}

/// The keys on the way to an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Key {
    Item,
    Response,
    Output,
    Type,
    Result,
    PartialImage,
    Data,
    Base64,
    RevisedPrompt,
    #[default]
    Other,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Container {
    Object,
    #[default]
    Array,
}

/// Which half of a member comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Next {
    Key,
    #[default]
    Value,
}

#[derive(Debug, Clone, Copy, Default)]
struct Level {
    container: Container,
    key: Key,
    next: Next,
}

/// What an item's `type` has said so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum ItemType {
    #[default]
    Unknown,
    Image,
    Other,
}

/// What the string that is being read is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Reading {
    Key,
    ItemType,
    #[default]
    Nothing,
}

/// The place reached, by brackets, keys and the types of items.
#[derive(Debug, Default)]
pub(super) struct Path {
    document: Document,
    has_opened: bool,
    depth: usize,
    levels: [Level; MAX_LEVELS],
    item: ItemType,
    reading: Reading,
    token: Vec<u8>,
}

impl Document {
    /// Whether it is of the Responses API.
    const fn is_responses(self) -> bool {
        matches!(self, Self::Event | Self::Response)
    }

    /// Whether the input ends with it.
    #[must_use]
    pub const fn is_whole_answer(self) -> bool {
        matches!(self, Self::Response | Self::Images)
    }
}

impl Path {
    /// At the start of such a document.
    pub(super) fn of(document: Document) -> Self {
        Self { document, ..Self::default() }
    }

    /// What is scanned.
    pub(super) fn document(&self) -> Document {
        self.document
    }

    /// Whether a bracket was opened, and all of them are closed.
    pub(super) fn is_closed(&self) -> bool {
        self.has_opened && self.depth == 0
    }

    /// Takes one byte between strings.
    pub(super) fn step(&mut self, byte: u8) -> Place {
        match byte {
            b'{' => self.open(Container::Object),
            b'[' => self.open(Container::Array),
            b'}' | b']' => return self.close(),
            b':' => self.expect(Next::Value),
            b',' => self.expect(Next::Key),
            _ => {}
        }
        Place::Elsewhere
    }

    fn open(&mut self, container: Container) {
        let next = match container {
            Container::Object => Next::Key,
            Container::Array => Next::Value,
        };
        if let Some(level) = self.levels.get_mut(self.depth) {
            *level = Level { container, key: Key::Other, next };
        }
        self.has_opened = true;
        self.depth = self.depth.saturating_add(1);
    }

    fn close(&mut self) -> Place {
        let place = match self.in_item() {
            true => Place::ItemEnd,
            false => Place::Elsewhere,
        };
        self.depth = self.depth.saturating_sub(1);
        place
    }

    fn expect(&mut self, next: Next) {
        let at = self.depth.saturating_sub(1);
        if let Some(level) = self.levels.get_mut(at) {
            if level.container == Container::Object {
                level.next = next;
            }
        }
    }

    /// The place of the string that opens here.
    pub(super) fn open_string(&mut self) -> Place {
        self.token.clear();
        let level = self.depth.checked_sub(1).and_then(|at| self.levels.get(at));
        let Some(level) = level.copied() else { return Place::Elsewhere };
        if level.next == Next::Key {
            self.reading = Reading::Key;
            return Place::Elsewhere;
        }
        match level.key {
            Key::PartialImage if self.depth == 1 && self.document == Document::Event => {
                Place::Preview
            }
            Key::Base64 if !self.document.is_responses() && self.in_item() => {
                match (self.document, self.item) {
                    (Document::ImagesEvent, ItemType::Other) => Place::Preview,
                    _ => Place::Image,
                }
            }
            Key::Result if self.document.is_responses() && self.in_item() => Place::Image,
            Key::Type if self.is_named() => {
                self.reading = Reading::ItemType;
                Place::Elsewhere
            }
            _ => Place::Elsewhere,
        }
    }

    /// Whether the string that is being read is a revised prompt.
    pub(super) fn is_revised_prompt(&self) -> bool {
        let level = self.depth.checked_sub(1).and_then(|at| self.levels.get(at));
        level.is_some_and(|it| it.key == Key::RevisedPrompt && it.next == Next::Value)
    }

    /// Takes bytes of the string, including escapes.
    pub(super) fn string_bytes(&mut self, bytes: &[u8]) {
        if self.reading != Reading::Nothing {
            // One byte beyond the bound is kept, so that a longer token never equals a known one.
            let room = MAX_TOKEN_BYTES.saturating_sub(self.token.len()).min(bytes.len());
            self.token.extend_from_slice(bytes.get(..room).unwrap_or_default());
        }
    }

    /// The string ends.
    pub(super) fn close_string(&mut self) {
        match std::mem::take(&mut self.reading) {
            Reading::Key => {
                let key = Key::of(&decoded(&self.token));
                if let Some(level) = self.levels.get_mut(self.depth.saturating_sub(1)) {
                    level.key = key;
                }
            }
            Reading::ItemType if self.names_image() => self.item = ItemType::Image,
            Reading::ItemType => self.item = ItemType::Other,
            Reading::Nothing => {}
        }
    }

    /// Whether the type that was just read is that of an image.
    fn names_image(&self) -> bool {
        let token = decoded(&self.token);
        match self.document {
            Document::ImagesEvent => !token.ends_with(PREVIEW_SUFFIX),
            Document::Event | Document::Response | Document::Images => *token == *IMAGE_TYPE,
        }
    }

    /// Whether the current item has said that it is an image.
    pub(super) fn item_is_image(&self) -> bool {
        !self.document.is_responses() || self.item == ItemType::Image
    }

    /// Whether it said so or may still say so.
    pub(super) fn item_may_be_image(&self) -> bool {
        !self.document.is_responses() || self.item != ItemType::Other
    }

    /// Resets the state of the item that ended.
    pub(super) fn leave_item(&mut self) {
        // An entry of a document in an event ends before the event.
        if self.document != Document::ImagesEvent || self.depth == 0 {
            self.item = ItemType::Unknown;
        }
    }

    /// Whether `type` at this place says what the item is.
    fn is_named(&self) -> bool {
        match self.document {
            Document::ImagesEvent => self.depth == 1 && self.in_item(),
            Document::Event | Document::Response | Document::Images => self.in_item(),
        }
    }

    /// Whether the innermost bracket is an item's.
    fn in_item(&self) -> bool {
        let [root, second, third, _] = &self.levels;
        match (self.document, self.depth) {
            (Document::Images | Document::ImagesEvent, 3) => {
                root.key == Key::Data
                    && second.container == Container::Array
                    && third.container == Container::Object
            }
            (Document::ImagesEvent, 1) => root.container == Container::Object,
            (Document::Event | Document::Response, 3) => {
                root.key == Key::Output
                    && second.container == Container::Array
                    && third.container == Container::Object
            }
            (Document::Event, 2) => root.key == Key::Item && second.container == Container::Object,
            (Document::Event | Document::Response, 4) => {
                root.key == Key::Response
                    && second.key == Key::Output
                    && third.container == Container::Array
            }
            _ => false,
        }
    }
}

/// A key or a type without its escapes.
fn decoded(token: &[u8]) -> Cow<'_, [u8]> {
    if !token.contains(&b'\\') {
        return Cow::Borrowed(token);
    }
    let text = serde_json::from_slice::<String>(&[b"\"", token, b"\""].concat());
    text.map_or(Cow::Borrowed(token), |text| Cow::Owned(text.into_bytes()))
}

impl Key {
    fn of(token: &[u8]) -> Self {
        match token {
            b"item" => Self::Item,
            b"response" => Self::Response,
            b"output" => Self::Output,
            b"type" => Self::Type,
            RESULT => Self::Result,
            PARTIAL_IMAGE => Self::PartialImage,
            b"data" => Self::Data,
            BASE64 => Self::Base64,
            REVISED_PROMPT => Self::RevisedPrompt,
            _ => Self::Other,
        }
    }
}

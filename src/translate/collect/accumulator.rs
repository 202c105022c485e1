//! What the events of a stream have told so far, and what it comes to.

use std::rc::Rc;
use std::time::Duration;

use super::{Bounds, Image, Preview, Share};
use crate::config::{Api, LastPartial};
use crate::memory::{Lease, Pieces};
use crate::openai::error::{Failure, UpstreamFailure};
use crate::pool::Refusal;
use crate::translate::relay::without_pictures;
use crate::translate::{error, sniff};
use crate::upstream::error::ErrorInfo;
use crate::upstream::event::{Attributes, Item, ItemKind, Response, ResponseEvent, push_words};
use crate::upstream::images::ImagesResponse;
use crate::upstream::scanner::{Document, Kept, Kind, Scanned};
use crate::upstream::usage::ImageUsage;

/// Distinct images are told apart by this many ids; a model that makes more is beyond counting.
const MAX_COUNTED: usize = 16;

/// What the events have told so far.
#[derive(Debug)]
pub(super) struct Accumulator {
    pub(super) bounds: Bounds,
    /// What the events are of.
    document: Document,
    /// The room taken for the image when the request was admitted.
    pub(super) room: Option<Lease>,
    pub(super) image: Option<(Rc<Pieces>, Item)>,
    /// The last preview, where it may stand in for an image.
    preview: Option<(Rc<Pieces>, Item)>,
    /// The previews that are yet to be taken.
    pub(super) previews: Vec<Preview>,
    /// How many previews there were for the client.
    pub(super) shown: u32,
    /// The ids of the images that came.
    ids: Vec<Option<String>>,
    tool: Attributes,
    pub(super) created_at: Option<u64>,
    words: String,
    word_deltas: String,
    item_error: Option<Failure>,
    /// An error said that the upstream serves nobody for now.
    pub(super) refusal: Option<Refusal>,
    /// A `result` came that is not base64.
    garbled: bool,
    tools_removed: bool,
    /// The tool said that it is done, or sent a preview.
    pub(super) is_drawn: bool,
    /// The text model has begun an item of its answer.
    pub(super) is_accepted: bool,
    pub(super) now: Duration,
}

impl Accumulator {
    pub(super) fn new(bounds: Bounds, room: Lease, document: Document) -> Self {
        Self {
            bounds,
            document,
            room: Some(room),
            image: None,
            preview: None,
            previews: Vec::new(),
            shown: 0,
            ids: Vec::new(),
            tool: Attributes::default(),
            created_at: None,
            words: String::new(),
            word_deltas: String::new(),
            item_error: None,
            refusal: None,
            garbled: false,
            tools_removed: false,
            is_drawn: false,
            is_accepted: false,
            now: Duration::ZERO,
        }
    }

    /// The lease of the next kept string: for the image the room taken at admission, for a preview,
    /// and for a second try at the image, a new one.
    pub(super) fn lease(&mut self, kind: Kind) -> Lease {
        let Bounds { budget, max_buffered_bytes, .. } = &self.bounds;
        let room = match kind {
            Kind::Image => self.room.take(),
            Kind::Preview => None,
        };
        room.unwrap_or_else(|| budget.lease(*max_buffered_bytes))
    }

    /// Takes an event; an outcome where the event is terminal.
    pub(super) fn event(
        &mut self,
        name: &[u8],
        scanned: Scanned,
    ) -> Option<Result<Image, Failure>> {
        if self.document == Document::ImagesEvent {
            return self.images_event(name, scanned);
        }
        let event = ResponseEvent::read(name, &scanned.skeleton);
        self.response_event(event, scanned)
    }

    fn response_event(
        &mut self,
        event: ResponseEvent,
        scanned: Scanned,
    ) -> Option<Result<Image, Failure>> {
        let Scanned { image, preview, .. } = scanned;
        match event {
            ResponseEvent::Created(response) => self.response(&response),
            ResponseEvent::ItemDone(item) => self.item(item, image),
            ResponseEvent::Drawn => self.is_drawn = true,
            ResponseEvent::Preview(item) => {
                self.is_drawn = true;
                if let Some(kept) = preview {
                    self.preview(Rc::new(kept.base64), item);
                }
            }
            ResponseEvent::WordsDelta(words) => push_words(&mut self.word_deltas, &words),
            ResponseEvent::Completed(response) => return Some(self.complete(response, image)),
            ResponseEvent::Incomplete(reason) => {
                return Some(Err(error::from_incomplete(reason.as_deref())));
            }
            ResponseEvent::Failed(info) => {
                let host_model = self.bounds.host_model.as_deref();
                let refused = host_model.and_then(|it| error::refuses_host_model(&info, it));
                let failure = refused.unwrap_or_else(|| self.failed(Api::Responses, &info));
                return Some(Err(failure));
            }
            ResponseEvent::Accepted => self.is_accepted = true,
            ResponseEvent::Other => {}
        }
        None
    }

    /// Takes a whole answer.
    pub(super) fn document(&mut self, scanned: Scanned) -> Result<Image, Failure> {
        if self.document == Document::Response {
            let event = ResponseEvent::of_document(&scanned.skeleton);
            let outcome = event.and_then(|event| self.response_event(event, scanned));
            return outcome.unwrap_or(Err(Failure::Upstream(UpstreamFailure::InvalidResponse)));
        }
        self.images_document(scanned)
    }

    fn images_document(&mut self, scanned: Scanned) -> Result<Image, Failure> {
        let Some(answer) = ImagesResponse::read(&scanned.skeleton) else {
            return Err(Failure::Upstream(UpstreamFailure::InvalidResponse));
        };
        let nothing = without_pictures(Some(&answer), self.now);
        if let Some(info) = &answer.error {
            self.refusal = error::judge_event(Api::Images, info, self.now).1;
        }
        self.is_drawn = !answer.is_error;
        if answer.error.is_some() {
            return Err(nothing);
        }
        self.created_at = answer.created;
        let kept = scanned.image;
        let ordinal = kept.as_ref().map(|it| it.ordinal);
        let made = answer.data.iter().filter(|it| it.base64.is_some()).count();
        let told = answer.data.into_iter().find(|it| it.base64.is_some() && it.base64 == ordinal);
        match kept.zip(told) {
            Some((kept, told)) => {
                let attributes = answer.attributes;
                let revised_prompt = told.revised_prompt;
                let item = Item { attributes, revised_prompt, ..Item::default() };
                let dropped = made.saturating_sub(1);
                Ok(self.image(Rc::new(kept.base64), item, answer.usage, dropped))
            }
            None => Err(nothing),
        }
    }

    /// The failure behind an error.
    pub(super) fn failed(&mut self, api: Api, info: &ErrorInfo) -> Failure {
        let failure;
        (failure, self.refusal) = error::judge_event(api, info, self.now);
        failure
    }

    fn response(&mut self, response: &Response) {
        self.created_at = self.created_at.or(response.created_at);
        self.tools_removed |= response.tools_removed;
        if let Some(tool) = &response.tool {
            // The last echo knows best: the first may only repeat what was asked for.
            self.tool = tool.clone().or(&self.tool);
        }
    }

    pub(super) fn preview(&mut self, base64: Rc<Pieces>, item: Item) {
        if self.shown < self.bounds.previews {
            self.previews.push(Preview {
                attributes: sniff::complete(item.attributes.clone(), &self.tool, &base64),
                base64: Rc::clone(&base64),
                index: self.shown,
                created_at: self.created_at,
            });
            self.shown = self.shown.saturating_add(1);
        }
        if self.bounds.last_partial == LastPartial::Accept {
            self.preview = Some((base64, item));
        }
    }

    fn item(&mut self, item: Item, kept: Option<Kept>) {
        match item.kind {
            ItemKind::Image => self.picture_item(item, kept),
            ItemKind::Message => push_words(&mut self.words, &item.words),
            ItemKind::Other => {}
        }
    }

    fn picture_item(&mut self, item: Item, kept: Option<Kept>) {
        self.is_drawn |= item.result.is_some() || item.is_completed;
        if let Some(info) = &item.error {
            self.item_error = Some(self.failed(Api::Responses, info));
        }
        let Some(ordinal) = item.result else { return };
        let known = item.id.is_some() && self.ids.contains(&item.id);
        if !known && self.ids.len() < MAX_COUNTED {
            self.ids.push(item.id.clone());
        }
        if self.image.is_some() {
            return;
        }
        match kept.filter(|kept| kept.ordinal == ordinal) {
            Some(kept) => self.image = Some((Rc::new(kept.base64), item)),
            None => self.garbled = true,
        }
    }

    fn complete(&mut self, response: Response, mut kept: Option<Kept>) -> Result<Image, Failure> {
        self.response(&response);
        let words = response.words();
        let usage = response.usage;
        let images = response.output.into_iter().filter(|item| item.kind == ItemKind::Image);
        let mut made = 0_usize;
        for item in images {
            made = made.saturating_add(usize::from(item.result.is_some()));
            let kept = match kept.as_ref().map(|kept| kept.ordinal) == item.result {
                true => kept.take(),
                false => None,
            };
            if self.image.is_none() {
                self.picture_item(item, kept);
            }
        }
        let dropped = made.max(self.ids.len()).saturating_sub(1);
        let taken = self.image.take().or_else(|| self.stand_in());
        let Some((base64, item)) = taken else { return Err(self.no_picture(&words)) };
        Ok(self.image(base64, item, usage, dropped))
    }

    pub(super) fn image(
        &self,
        base64: Rc<Pieces>,
        item: Item,
        usage: Option<ImageUsage>,
        dropped: usize,
    ) -> Image {
        let attributes = sniff::complete(item.attributes, &self.tool, &base64);
        Image {
            base64,
            attributes,
            revised_prompt: item.revised_prompt,
            created_at: self.created_at,
            usage,
            dropped: u32::try_from(dropped).unwrap_or(u32::MAX),
            share: Share { delivered: 1, made: dropped.saturating_add(1) },
        }
    }

    /// The last preview, kept only where the operator accepts it, unless the upstream said why there
    /// is no image: what it refused must not come by the back door.
    pub(super) fn stand_in(&mut self) -> Option<(Rc<Pieces>, Item)> {
        match self.item_error {
            Some(_) => None,
            None => self.preview.take(),
        }
    }

    /// The outcome of a stream that ends without a terminal event: a failure, unless the operator
    /// accepts what came, and then the image before a preview.
    pub(super) fn cut_short(&mut self) -> Result<Image, Failure> {
        let image = match self.bounds.last_partial {
            LastPartial::Accept => self.image.take(),
            LastPartial::Refuse => None,
        };
        match image.or_else(|| self.stand_in()) {
            Some((base64, item)) => Ok(self.image(base64, item, None, 0)),
            None => Err(Failure::Upstream(UpstreamFailure::Disconnected)),
        }
    }

    /// Why a completed response has no image, the most telling reason first.
    fn no_picture(&mut self, words: &str) -> Failure {
        if let Some(failure) = self.item_error.take() {
            return failure;
        }
        if self.garbled {
            return Failure::Upstream(UpstreamFailure::InvalidResponse);
        }
        if self.tools_removed {
            return Failure::Upstream(UpstreamFailure::NotEntitled);
        }
        let told = [self.words.as_str(), words, self.word_deltas.as_str()];
        match told.into_iter().map(str::trim).find(|words| !words.is_empty()) {
            Some(words) => error::from_words(words),
            None => Failure::Upstream(UpstreamFailure::NoImage),
        }
    }
}

//! Accumulates what the events of a stream report, and decides the outcome.

use std::rc::Rc;
use std::time::Duration;

use super::{Bounds, Image, Outcome, Preview, Share};
use crate::config::{Api, LastPartial};
use crate::memory::{Lease, Pieces};
use crate::openai::error::{Failure, UpstreamFailure};
use crate::pool::Refusal;
use crate::translate::{error, sniff};
use crate::upstream::error::ErrorInfo;
use crate::upstream::event::{Attributes, Item, ItemKind, Response, ResponseEvent, push_words};
use crate::upstream::json;
use crate::upstream::scanner::{Document, Kept, Kind, Scanned};
use crate::upstream::usage::ImageUsage;

/// What some upstreams send as the data of their last event.
const DONE: &[u8] = b"[DONE]";
/// At most this many ids are kept to count distinct images. Further images are not counted.
const MAX_COUNTED: usize = 16;
/// Beyond the budget, for the chunks of images that pass through because it is used up: some 30 of
/// Envoy's largest. The linear memory of a VM has twice the largest budget.
const SPARE_BYTES: usize = 32 * 1024 * 1024;

/// What the events have reported so far.
#[derive(Debug)]
pub(super) struct Accumulator {
    pub(super) bounds: Bounds,
    /// What the events belong to.
    document: Document,
    /// The image found no room, and has to pass through.
    pub(super) lacks_room: bool,
    /// The image passes through.
    pub(super) is_passing: bool,
    pub(super) image: Option<(Rc<Pieces>, Item)>,
    /// The images of events that bring several, and how many events have ended one.
    pub(super) images: Vec<Image>,
    pub(super) ended: usize,
    /// Why one of these images has not come.
    pub(super) missed: Option<Failure>,
    /// The last preview, if it may replace an image.
    pub(super) preview: Option<(Rc<Pieces>, Item)>,
    /// The previews that are not taken yet.
    pub(super) previews: Vec<Preview>,
    /// How many previews the client has got.
    pub(super) shown: u32,
    /// The ids of the images that came.
    ids: Vec<Option<String>>,
    tool: Attributes,
    pub(super) created_at: Option<u64>,
    words: String,
    word_deltas: String,
    item_error: Option<Failure>,
    /// The refusal by which the upstream serves no request for now.
    pub(super) refusal: Option<Refusal>,
    /// Whether a `result` came that is not base64.
    is_garbled: bool,
    tools_removed: bool,
    /// Whether the tool is done or has sent a preview.
    pub(super) has_generated: bool,
    /// Whether the text model has begun an item of its response.
    pub(super) is_accepted: bool,
    pub(super) now: Duration,
}

impl Accumulator {
    pub(super) fn new(bounds: Bounds, document: Document) -> Self {
        Self {
            bounds,
            document,
            lacks_room: false,
            is_passing: false,
            image: None,
            images: Vec::new(),
            ended: 0,
            missed: None,
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
            is_garbled: false,
            tools_removed: false,
            has_generated: false,
            is_accepted: false,
            now: Duration::ZERO,
        }
    }

    /// The lease of the next kept string. For the image it covers as much as the image may become,
    /// so that an image that has begun finds room for its end. A preview takes room as it comes.
    pub(super) fn lease(&mut self, kind: Kind) -> Lease {
        let Bounds { budget, max_buffered_bytes, room, may_pass, .. } = &self.bounds;
        let mut lease = budget.lease(*max_buffered_bytes);
        if kind == Kind::Image && lease.cover_first(*room).is_err() && *may_pass {
            self.lacks_room = true;
            // Until it passes through, which it does with these bytes or the next. Those that do
            // not have this much beyond the budget together.
            return budget.lease(max_buffered_bytes.saturating_add(SPARE_BYTES));
        }
        lease
    }

    /// Takes an event. Returns an outcome if the event is terminal.
    pub(super) fn event(&mut self, name: &[u8], scanned: Scanned) -> Option<Outcome> {
        if scanned.skeleton.trim_ascii() == DONE {
            return self.has_whole().then(|| self.cut_short());
        }
        if self.document == Document::ImagesEvent {
            return self.images_event(name, scanned);
        }
        let event = match ResponseEvent::read(name, &scanned.skeleton) {
            ResponseEvent::Other => ResponseEvent::read(name, &mended(&scanned)),
            event => event,
        };
        self.response_event(event, scanned).map(one)
    }

    /// Whether an image has come whole.
    pub(super) fn has_whole(&self) -> bool {
        self.image.is_some() || !self.images.is_empty()
    }

    fn response_event(
        &mut self,
        event: ResponseEvent,
        scanned: Scanned,
    ) -> Option<Result<Image, Failure>> {
        let Scanned { images, preview, .. } = scanned;
        let image = images.into_iter().next();
        match event {
            ResponseEvent::Created(response) => self.response(&response),
            ResponseEvent::ItemDone(mut item) => {
                if let Some(kept) = &image {
                    // Of two items the last was read, and of one that is cut only a part.
                    (item.kind, item.result) = (ItemKind::Image, Some(kept.ordinal));
                }
                self.item(item, image);
            }
            ResponseEvent::Drawn => self.has_generated = true,
            ResponseEvent::Preview(item) => {
                self.has_generated = true;
                if let Some(kept) = preview {
                    self.preview(Rc::new(kept.base64), item);
                }
            }
            ResponseEvent::WordsDelta(words) => push_words(&mut self.word_deltas, &words),
            ResponseEvent::Completed(response) => return Some(self.complete(response, image)),
            ResponseEvent::Incomplete { reason, response } => {
                let image = self.end(response, image, LastPartial::Refuse);
                return Some(image.ok_or_else(|| error::from_incomplete(reason.as_deref())));
            }
            ResponseEvent::Failed { info, response } => {
                let image = self.end(response, image, LastPartial::Refuse);
                let host_model = self.bounds.host_model.as_deref();
                let refused = host_model.and_then(|it| error::refuses_host_model(&info, it));
                // What it says about the upstream counts beside an image, too.
                let failure = refused.unwrap_or_else(|| self.failed(Api::Responses, &info));
                return Some(image.ok_or(failure));
            }
            ResponseEvent::Accepted => self.is_accepted = true,
            ResponseEvent::Other => {}
        }
        None
    }

    /// Takes a whole document.
    pub(super) fn document(&mut self, scanned: Scanned) -> Outcome {
        if self.document == Document::Response {
            let event = ResponseEvent::of_document(&scanned.skeleton)
                .or_else(|| ResponseEvent::of_document(&mended(&scanned)));
            let outcome = event.and_then(|event| self.response_event(event, scanned)).map(one);
            return outcome.unwrap_or(Err(Failure::Upstream(UpstreamFailure::InvalidResponse)));
        }
        self.images_document(scanned)
    }

    /// The failure for an error.
    pub(super) fn failed(&mut self, api: Api, info: &ErrorInfo) -> Failure {
        let failure;
        (failure, self.refusal) = error::judge_event(api, info, self.now);
        failure
    }

    fn response(&mut self, response: &Response) {
        self.created_at = self.created_at.or(response.created_at);
        self.tools_removed |= response.tools_removed;
        if let Some(tool) = &response.tool {
            // The last echo is the most exact: the first may only repeat the request.
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
            ItemKind::Image => self.image_item(item, kept),
            ItemKind::Message => push_words(&mut self.words, &item.words),
            ItemKind::Other => {}
        }
    }

    fn image_item(&mut self, item: Item, kept: Option<Kept>) {
        self.has_generated |= item.result.is_some() || item.is_completed;
        if let Some(info) = &item.error {
            self.item_error = Some(self.failed(Api::Responses, info));
        }
        if item.result.is_none() {
            return;
        }
        let known = item.id.is_some() && self.ids.contains(&item.id);
        if !known && self.ids.len() < MAX_COUNTED {
            self.ids.push(item.id.clone());
        }
        if self.image.is_some() {
            return;
        }
        match kept {
            Some(kept) => {
                if item.error.is_none() {
                    // Whatever an earlier item has met with, the upstream serves.
                    self.refusal = None;
                }
                self.image = Some((Rc::new(kept.base64), item));
            }
            None => self.is_garbled = true,
        }
    }

    fn complete(&mut self, response: Response, kept: Option<Kept>) -> Result<Image, Failure> {
        let words = response.words();
        let image = self.end(response, kept, LastPartial::Accept);
        image.ok_or_else(|| self.no_image(&words))
    }

    /// The image of a response that has ended, well or not. A preview may stand in for it if
    /// `previews` accepts that, and the operator does.
    fn end(
        &mut self,
        response: Response,
        mut kept: Option<Kept>,
        previews: LastPartial,
    ) -> Option<Image> {
        self.response(&response);
        let usage = response.usage;
        let images = response.output.into_iter().filter(|item| item.kind == ItemKind::Image);
        let mut generated = 0_usize;
        for item in images {
            generated = generated.saturating_add(usize::from(item.result.is_some()));
            let kept = match kept.as_ref().map(|kept| kept.ordinal) == item.result {
                true => kept.take(),
                false => None,
            };
            if self.image.is_none() {
                self.image_item(item, kept);
            }
        }
        if let (None, Some(kept)) = (&self.image, kept) {
            // Of members that share a name, the last was read, and the first had the image.
            self.image = Some((Rc::new(kept.base64), Item::default()));
        }
        let dropped = generated.saturating_sub(1).max(self.dropped());
        let taken = self.image.take().or_else(|| match previews {
            LastPartial::Accept => self.stand_in(),
            LastPartial::Refuse => None,
        });
        taken.map(|(base64, item)| self.image(base64, item, usage, dropped))
    }

    /// How many items brought an image beside the one that counts.
    pub(super) fn dropped(&self) -> usize {
        self.ids.len().saturating_sub(1)
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
            share: Share { delivered: 1, generated: dropped.saturating_add(1) },
        }
    }

    /// The last preview, if the operator accepts it. `None` if the upstream said why there is no
    /// image, so that a refused image is not delivered as a preview.
    pub(super) fn stand_in(&mut self) -> Option<(Rc<Pieces>, Item)> {
        match self.item_error {
            Some(_) => None,
            // A part of the image has left.
            None if self.is_passing => None,
            None => self.preview.take(),
        }
    }

    /// The outcome of a stream that ends without a terminal event: the image if it has come whole,
    /// else a failure, unless the operator accepts a preview.
    pub(super) fn cut_short(&mut self) -> Outcome {
        if !self.images.is_empty() {
            return self.end_images(Failure::Upstream(UpstreamFailure::Disconnected));
        }
        match self.image.take().or_else(|| self.stand_in()) {
            Some((base64, item)) => Ok(vec![self.image(base64, item, None, self.dropped())]),
            None => {
                let missed = self.missed.take();
                Err(missed.unwrap_or(Failure::Upstream(UpstreamFailure::Disconnected)))
            }
        }
    }

    /// Why a completed response has no image. The most exact reason comes first.
    fn no_image(&mut self, words: &str) -> Failure {
        if let Some(failure) = self.item_error.take() {
            return failure;
        }
        if self.is_garbled {
            return Failure::Upstream(UpstreamFailure::InvalidResponse);
        }
        if self.tools_removed {
            return Failure::Upstream(UpstreamFailure::NotEntitled);
        }
        let texts = [self.words.as_str(), words, self.word_deltas.as_str()];
        match texts.into_iter().map(str::trim).find(|words| !words.is_empty()) {
            Some(words) => error::from_words(words),
            None => Failure::Upstream(UpstreamFailure::NoImage),
        }
    }
}

/// What can be read of an event or a document that has an image and is not JSON. Empty if it has
/// none, or is JSON.
pub(super) fn mended(scanned: &Scanned) -> Vec<u8> {
    let skeleton = Some(&scanned.skeleton).filter(|_| !scanned.images.is_empty());
    skeleton.and_then(|it| json::most(it)).unwrap_or_default()
}

/// The outcome of a call that brings one image.
fn one(image: Result<Image, Failure>) -> Outcome {
    image.map(|image| vec![image])
}

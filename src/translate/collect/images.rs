//! Reads the answers of a provider of the Images API, and the events of one: previews, and each
//! image in an event of its own.

use std::rc::Rc;

use super::accumulator::{Accumulator, mended};
use super::{Image, MAX_ANSWER_BYTES, Outcome, failure};
use crate::config::Api;
use crate::openai::error::{Failure, UpstreamFailure};
use crate::translate::error;
use crate::translate::relay::{self, without_images};
use crate::upstream::error::ErrorInfo;
use crate::upstream::event::Item;
use crate::upstream::images::{ImageEvent, ImagesEvent, ImagesResponse};
use crate::upstream::scanner::{Kept, ScanError, Scanned};
use crate::upstream::usage::{ImageUsage, Rest};

impl Accumulator {
    /// Takes a whole answer.
    pub(super) fn images_document(&mut self, scanned: Scanned) -> Outcome {
        let answer = ImagesResponse::read(&scanned.skeleton)
            .or_else(|| ImagesResponse::read(&mended(&scanned)));
        let answer = answer.or_else(|| (!scanned.images.is_empty()).then(Default::default));
        let Some(answer) = answer else {
            return Err(Failure::Upstream(UpstreamFailure::InvalidResponse));
        };
        self.images_answer(&answer, scanned.images, scanned.missed)
    }

    fn images_answer(
        &mut self,
        answer: &ImagesResponse,
        mut kept: Vec<Kept>,
        missed: Option<ScanError>,
    ) -> Outcome {
        let failure = missed.map_or_else(|| without_images(Some(answer), self.now), failure);
        self.note_refusal(answer.error.as_ref());
        self.has_generated |= !answer.is_error;
        // If members share a name, the last one is read, but it may be the first that was kept.
        let is_read = |it: &Kept| answer.data.iter().any(|of| of.base64 == Some(it.ordinal));
        if kept.iter().any(is_read) {
            kept.retain(is_read);
        }
        let mut room = MAX_ANSWER_BYTES;
        kept.retain(|it| {
            let left = room.checked_sub(it.base64.len());
            room = left.unwrap_or(room);
            left.is_some()
        });
        match kept.is_empty() {
            true => Err(failure),
            false => Ok(relay::images(kept, self.bounds.images, answer)),
        }
    }

    /// Notes what an answer with this error says about the upstream: beside an image, too. Whatever
    /// an earlier one has met with, the upstream serves if there is none.
    fn note_refusal(&mut self, error: Option<&ErrorInfo>) {
        let refuses = |info| error::judge_event(Api::Images, info, self.now).1;
        self.refusal = error.and_then(refuses);
    }

    /// Takes an event of the Images API. Returns an outcome if the event is terminal.
    pub(super) fn images_event(&mut self, name: &[u8], scanned: Scanned) -> Option<Outcome> {
        let event = match ImagesEvent::read(name, &scanned.skeleton) {
            ImagesEvent::Other => ImagesEvent::read(name, &mended(&scanned)),
            event => event,
        };
        let Scanned { images, preview, missed, .. } = scanned;
        match event {
            ImagesEvent::Preview(event) => {
                self.has_generated = true;
                let (kept, item) = self.reported(event, images, preview);
                if let Some(kept) = kept {
                    self.preview(Rc::new(kept.base64), item);
                }
                None
            }
            ImagesEvent::Completed(event) => {
                self.has_generated = true;
                self.note_refusal(event.error.as_ref());
                let image = self.images_completed(event, images, preview);
                let image = image.map_err(|it| missed.map_or(it, failure));
                self.add(image)
            }
            ImagesEvent::Answer(answer) => match self.images_answer(&answer, images, missed) {
                // Another may follow: some upstreams send an answer for each image.
                Ok(images) => images.into_iter().find_map(|image| self.add(Ok(image))),
                Err(failure) => Some(self.end_images(failure)),
            },
            ImagesEvent::Failed(info) => {
                let failure = self.failed(Api::Images, &info);
                if self.missed == Some(Failure::Upstream(UpstreamFailure::NoImage)) {
                    // The event says why.
                    self.missed = None;
                }
                Some(self.end_images(failure))
            }
            ImagesEvent::Other => None,
        }
    }

    fn images_completed(
        &mut self,
        event: ImageEvent,
        images: Vec<Kept>,
        preview: Option<Kept>,
    ) -> Result<Image, Failure> {
        let (ordinal, is_hosted, usage) = (event.data.base64, event.data.is_hosted, event.usage);
        let (kept, item) = self.reported(event, images, preview);
        match kept.map(|kept| (Rc::new(kept.base64), item)).or_else(|| self.stand_in()) {
            Some((base64, item)) => Ok(self.image(base64, item, usage, 0)),
            // The upstream sent something that is not base64.
            None if ordinal.is_some() => Err(Failure::Upstream(UpstreamFailure::InvalidResponse)),
            None if is_hosted => Err(Failure::Upstream(UpstreamFailure::ReturnedUrl)),
            None => Err(Failure::Upstream(UpstreamFailure::NoImage)),
        }
    }

    /// Takes an image of several, or why it has not come. Returns the outcome with the last one.
    fn add(&mut self, image: Result<Image, Failure>) -> Option<Outcome> {
        self.ended = self.ended.saturating_add(1);
        let lens = self.images.iter().map(|it| it.base64.len());
        let held = lens.fold(0, usize::saturating_add);
        match image {
            Ok(image) if held.saturating_add(image.base64.len()) > MAX_ANSWER_BYTES => {
                self.missed.get_or_insert_with(Failure::overloaded);
            }
            Ok(image) => {
                self.images.push(image);
                // A preview of it is not one of the next image.
                self.preview = None;
            }
            Err(failure) => {
                self.missed.get_or_insert(failure);
            }
        }
        let none = Failure::Upstream(UpstreamFailure::NoImage);
        (self.ended >= self.bounds.images).then(|| self.end_images(none))
    }

    /// The outcome of events that end here: the images that have come, else why none has.
    pub(super) fn end_images(&mut self, failure: Failure) -> Outcome {
        let mut images = std::mem::take(&mut self.images);
        share_usage(&mut images);
        match images.is_empty() {
            true => Err(self.missed.take().unwrap_or(failure)),
            false => Ok(images),
        }
    }

    /// The image of an event, if it was kept, and what the event reports about it.
    fn reported(
        &mut self,
        event: ImageEvent,
        images: Vec<Kept>,
        preview: Option<Kept>,
    ) -> (Option<Kept>, Item) {
        self.created_at = self.created_at.or(event.created_at);
        let ImageEvent { data, attributes, .. } = event;
        let item = Item { attributes, revised_prompt: data.revised_prompt, ..Item::default() };
        // If an event names its type after its image, or only outside its JSON, the scanner has
        // kept a preview as the image.
        let kept = images.into_iter().chain(preview).next();
        (kept.filter(|_| data.base64.is_some()), item)
    }
}

/// If only some of several images report tokens, as the last one may for all of them, each gets an
/// equal share.
fn share_usage(images: &mut [Image]) {
    if images.iter().all(|it| it.usage.is_some()) {
        return;
    }
    let all = images.iter_mut().filter_map(|it| it.usage.take()).reduce(ImageUsage::plus);
    let parts = u64::try_from(images.len()).unwrap_or(u64::MAX);
    let mut rest = Rest::Taken;
    for image in images {
        image.usage = all.map(|it| it.part(parts, std::mem::replace(&mut rest, Rest::Left)));
    }
}

//! Reads the events of a provider of the Images API: previews, and the image in the last event.

use std::rc::Rc;

use super::Image;
use super::accumulator::Accumulator;
use crate::config::Api;
use crate::openai::error::{Failure, UpstreamFailure};
use crate::upstream::event::Item;
use crate::upstream::images::{ImageEvent, ImagesEvent};
use crate::upstream::scanner::{Kept, Scanned};

impl Accumulator {
    /// Takes an event of the Images API. Returns an outcome if the event is terminal.
    pub(super) fn images_event(
        &mut self,
        name: &[u8],
        scanned: Scanned,
    ) -> Option<Result<Image, Failure>> {
        // If an event names its type after its image, or only outside its JSON, the scanner has
        // kept a preview as the image.
        let kept = scanned.image.or(scanned.preview);
        match ImagesEvent::read(name, &scanned.skeleton) {
            ImagesEvent::Preview(event) => {
                self.has_generated = true;
                let (kept, item) = self.reported(event, kept);
                if let Some(kept) = kept {
                    self.preview(Rc::new(kept.base64), item);
                }
                None
            }
            ImagesEvent::Completed(event) => {
                self.has_generated = true;
                Some(self.images_completed(event, kept))
            }
            ImagesEvent::Failed(info) => Some(Err(self.failed(Api::Images, &info))),
            ImagesEvent::Other => None,
        }
    }

    fn images_completed(
        &mut self,
        event: ImageEvent,
        kept: Option<Kept>,
    ) -> Result<Image, Failure> {
        let (ordinal, is_hosted, usage) = (event.data.base64, event.data.is_hosted, event.usage);
        let (kept, item) = self.reported(event, kept);
        match kept.map(|kept| (Rc::new(kept.base64), item)).or_else(|| self.stand_in()) {
            Some((base64, item)) => Ok(self.image(base64, item, usage, 0)),
            // The upstream sent something that is not base64.
            None if ordinal.is_some() => Err(Failure::Upstream(UpstreamFailure::InvalidResponse)),
            None if is_hosted => Err(Failure::Upstream(UpstreamFailure::ReturnedUrl)),
            None => Err(Failure::Upstream(UpstreamFailure::NoImage)),
        }
    }

    /// The image of an event, if it was kept, and what the event reports about it.
    fn reported(&mut self, event: ImageEvent, kept: Option<Kept>) -> (Option<Kept>, Item) {
        self.created_at = self.created_at.or(event.created_at);
        let ImageEvent { data, attributes, .. } = event;
        let item = Item { attributes, revised_prompt: data.revised_prompt, ..Item::default() };
        (kept.filter(|kept| data.base64 == Some(kept.ordinal)), item)
    }
}

//! The content of an answer: one JSON document in OpenAI's order, or events.

use std::time::Duration;

use bytes::Bytes;
use fastrand::Rng;

use super::{Endpoint, Request, direct::OUTPUT_TOKENS, request::Holds};
use crate::{
    event::Event,
    generator::Background,
    json::Json,
    object,
    script::{
        Plan, Step,
        usage::{IMAGE_TOKENS, image_tokens, text_tokens},
    },
};

/// Output tokens of one preview.
const PREVIEW_TOKENS: u64 = 100;

/// The parts of an answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The request.
    pub request: Request,
    /// The time of the answer since the Unix epoch.
    pub created_at: Duration,
    /// Chooses identifiers.
    pub seed: u64,
    /// The base64 of the images.
    pub images: Vec<Bytes>,
    /// The base64 of the previews.
    pub previews: Vec<Bytes>,
    /// How long generation takes: a document is sent after it, events are spread over it.
    pub delay: Duration,
}

impl Answer {
    /// The document, its members in the recorded order.
    pub fn document(&self) -> Json {
        let data = self.images.iter().enumerate();
        let data = data.map(|(number, image)| self.item(number as u64, image));
        object! {
            "created": self.created_at.as_secs(), "background": self.background(),
            "data": Json::List(data.collect()), "output_format": self.request.tool.format.as_str(),
            "quality": self.quality(), "size": self.request.tool.size.to_string(), "usage": self.usage(),
        }
    }

    fn item(&self, number: u64, image: &Bytes) -> Json {
        let mut rng = Rng::with_seed(self.seed ^ number.rotate_left(48));
        let (high, low) = (rng.u64(..), rng.u64(..));
        let id = format!(
            "{:08x}-{:04x}-4{:03x}-a{:03x}-{:012x}",
            high >> 32,
            high >> 16 & 0xffff,
            high & 0xfff,
            low >> 52,
            low & 0xffff_ffff_ffff
        );
        match self.request.holds {
            Holds::Base64 => {
                object! { "b64_json": Json::Base64(image.clone()), "generation_id": id }
            }
            Holds::Url => object! { "url": format!("https://images.codex-sim.invalid/{id}") },
        }
    }

    /// The events.
    pub fn events(&self) -> Plan {
        let pause = self.delay / u32::try_from(self.previews.len() + 1).unwrap_or(1);
        let pause = (!pause.is_zero()).then_some(Step::Wait(pause));
        let mut steps = Vec::new();
        for (number, preview) in self.previews.iter().enumerate() {
            steps.extend(pause.clone());
            let mut body = self.event("partial_image", preview);
            body.set("partial_image_index", number as u64);
            steps.push(Step::Event(Event::new(body)));
        }
        steps.extend(pause);
        for image in self.images.iter().take(1) {
            let mut body = self.event("completed", image);
            body.set("usage", self.usage());
            steps.push(Step::Event(Event::new(body)));
        }
        Plan::new(steps)
    }

    fn event(&self, name: &str, image: &Bytes) -> Json {
        let family = match self.request.endpoint {
            Endpoint::Generations => "image_generation",
            Endpoint::Edits => "image_edit",
        };
        object! {
            "type": format!("{family}.{name}"), "sequence_number": 0,
            "b64_json": Json::Base64(image.clone()), "created_at": self.created_at.as_secs(),
            "size": self.request.tool.size.to_string(), "quality": self.quality(),
            "background": self.background(), "output_format": self.request.tool.format.as_str(),
        }
    }

    const fn background(&self) -> &'static str {
        match self.request.tool.background {
            Background::Opaque => "opaque",
            Background::Transparent => "transparent",
        }
    }

    /// The value that was used: an answer never says `auto`.
    fn quality(&self) -> &str {
        match self.request.tool.quality.as_str() {
            "auto" => "medium",
            quality => quality,
        }
    }

    fn usage(&self) -> Json {
        let request = &self.request;
        let text = text_tokens(&request.prompt);
        let images = request.images.len() as u64 * IMAGE_TOKENS;
        let each = if request.direct { OUTPUT_TOKENS } else { image_tokens(&request.tool) };
        let output = each * self.images.len() as u64 + PREVIEW_TOKENS * self.previews.len() as u64;
        object! {
            "input_tokens": text + images,
            "input_tokens_details": object! { "image_tokens": images, "text_tokens": text },
            "output_tokens": output,
            "output_tokens_details": object! { "image_tokens": output, "text_tokens": 0 },
            "total_tokens": text + images + output,
        }
    }
}

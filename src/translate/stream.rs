//! Images to the image events of a client that streams (OpenAI API reference, "Image streaming").
//!
//! Each event is written with an empty image, and the base64 is spliced into its place, as in
//! [`answer`](super::answer). Clients that check types refuse an event that lacks a field, so every field is
//! always there: as told by the upstream, else as asked for, else `auto`.

use serde::Serialize;

use super::answer::{OutOfMemory, Usage};
use super::collect::{Image, Preview};
use crate::memory::Pieces;
use crate::openai::error::Failure;
use crate::openai::request::ImageRequest;
use crate::openai::size::Size;
use crate::sse;
use crate::upstream::event::Attributes;

/// What a client that streams was promised.
#[derive(Debug, Clone)]
pub struct StreamOptions {
    /// At most so many previews.
    pub previews: u32,
    kind: Kind,
    asked: Attributes,
}

/// The names of the events, after the endpoint.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Generation,
    Edit,
}

/// Writes the events of one stream.
#[derive(Debug)]
pub struct Writer {
    wanted: StreamOptions,
    /// The number of the next event.
    next: u32,
}

#[derive(Serialize)]
struct Event<'a> {
    #[serde(rename = "type")]
    name: &'a str,
    b64_json: &'a str,
    created_at: u64,
    size: &'a str,
    quality: &'a str,
    background: &'a str,
    output_format: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    partial_image_index: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<Usage>,
    sequence_number: u32,
}

impl StreamOptions {
    /// What `request` asks for; nothing where it wants one answer.
    #[must_use]
    pub fn of(request: &ImageRequest<'_>) -> Option<Self> {
        let previews = request.stream?.previews;
        let kind = match request.edit {
            Some(_) => Kind::Edit,
            None => Kind::Generation,
        };
        let asked = Attributes {
            model: None,
            size: match request.size {
                Size::Auto => None,
                exact @ Size::Exact { .. } => Some(exact.to_string()),
            },
            quality: request.quality.map(|it| it.as_str().to_owned()),
            background: request.background.map(|it| it.as_str().to_owned()),
            output_format: request.output_format.map(|it| it.as_str().to_owned()),
        };
        Some(Self { previews, kind, asked })
    }
}

impl Writer {
    /// A writer at the start of a stream.
    pub fn new(wanted: StreamOptions) -> Self {
        Self { wanted, next: 0 }
    }

    /// Appends a preview. `now_secs` is the Unix time, for an upstream that did not say when it began.
    ///
    /// # Errors
    ///
    /// [`OutOfMemory`]; nothing was appended then.
    pub fn preview(
        &mut self,
        preview: Preview,
        now_secs: u64,
        out: &mut Vec<u8>,
    ) -> Result<(), OutOfMemory> {
        let Preview { base64, attributes, index, created_at } = preview;
        let name = match self.wanted.kind {
            Kind::Generation => "image_generation.partial_image",
            Kind::Edit => "image_edit.partial_image",
        };
        let told = attributes.or(&self.wanted.asked);
        let event = Event {
            partial_image_index: Some(index),
            ..self.event(name, created_at.unwrap_or(now_secs), &told)
        };
        write(&event, &base64, out)?;
        self.next = self.next.saturating_add(1);
        Ok(())
    }

    /// Appends the image, the last event of a stream that succeeds.
    ///
    /// # Errors
    ///
    /// [`OutOfMemory`]; nothing was appended then.
    pub fn completed(
        &mut self,
        image: &Image,
        now_secs: u64,
        out: &mut Vec<u8>,
    ) -> Result<(), OutOfMemory> {
        let name = match self.wanted.kind {
            Kind::Generation => "image_generation.completed",
            Kind::Edit => "image_edit.completed",
        };
        let told = image.attributes.clone().or(&self.wanted.asked);
        let event = Event {
            usage: Some(Usage::of_event(image.usage)),
            ..self.event(name, image.created_at.unwrap_or(now_secs), &told)
        };
        write(&event, &image.base64, out)?;
        self.next = self.next.saturating_add(1);
        Ok(())
    }

    fn event<'a>(&self, name: &'a str, created_at: u64, told: &'a Attributes) -> Event<'a> {
        let or_auto = |told: &'a Option<String>| told.as_deref().unwrap_or("auto");
        Event {
            name,
            b64_json: "",
            created_at,
            size: or_auto(&told.size),
            quality: or_auto(&told.quality),
            background: or_auto(&told.background),
            output_format: told.output_format.as_deref().unwrap_or("png"),
            partial_image_index: None,
            usage: None,
            sequence_number: self.next,
        }
    }
}

/// Appends a comment, which keeps an idle connection open and which every client skips.
pub fn keep_alive(out: &mut Vec<u8>) {
    sse::comment("keep-alive", out);
}

/// Appends the failure that a stream ends with. The error is nested: a flat one passes for an event in
/// OpenAI's Python client.
pub fn failed(failure: &Failure, out: &mut Vec<u8>) {
    let body = failure.to_api().write();
    let mut data = b"{\"type\":\"error\",".to_vec();
    // The body is an object with one member, `error`.
    data.extend_from_slice(body.strip_prefix(b"{").unwrap_or(&body));
    sse::encode("error", &data, out);
}

/// Appends `event` with `base64` in its place, in one reservation.
fn write(event: &Event<'_>, base64: &Pieces, out: &mut Vec<u8>) -> Result<(), OutOfMemory> {
    // Serialisation of strings and numbers into a vector cannot fail.
    let data = serde_json::to_vec(event).unwrap_or_default();
    let mut frame = Vec::with_capacity(data.len().saturating_add(64));
    sse::encode(event.name, &data, &mut frame);
    let bytes = frame.len().saturating_add(base64.len());
    out.try_reserve_exact(bytes).map_err(|_| OutOfMemory { bytes })?;
    // The first place that reads like this is the image's: the names before it are ours.
    let place = memchr::memmem::find(&frame, PLACE).map(|at| at.saturating_add(PLACE.len()));
    let (before, after) =
        frame.split_at_checked(place.unwrap_or(frame.len())).unwrap_or((&frame, &[]));
    out.extend_from_slice(before);
    base64.copy_into(out);
    out.extend_from_slice(after);
    Ok(())
}

const PLACE: &[u8] = b"\"b64_json\":\"";

//! Writes images as events for a client that streams (OpenAI API reference, "Image streaming").
//!
//! Each event is written with an empty image, and the base64 is spliced into its place, as in
//! [`answer`](super::answer). Clients that check types reject an event without a field, so every
//! field is always there: the upstream's value, else the requested one, else `auto`.

use serde::Serialize;

use super::answer::{OutOfMemory, Usage};
use super::collect::{Image, Preview};
use crate::memory::Pieces;
use crate::openai::error::Failure;
use crate::openai::request::ImageRequest;
use crate::openai::size::Size;
use crate::sse;
use crate::upstream::event::Attributes;

/// What a client that streams gets.
#[derive(Debug, Clone)]
pub struct StreamOptions {
    /// The number of previews, at most.
    pub previews: u32,
    kind: Kind,
    requested: Attributes,
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
    /// What `request` asks for. `None` if it asks for one document.
    #[must_use]
    pub fn of(request: &ImageRequest<'_>) -> Option<Self> {
        let previews = request.stream?.previews;
        let kind = match request.edit {
            Some(_) => Kind::Edit,
            None => Kind::Generation,
        };
        let requested = Attributes {
            model: None,
            size: match request.size {
                Size::Auto => None,
                exact @ Size::Exact { .. } => Some(exact.to_string()),
            },
            quality: request.quality.map(|it| it.as_str().to_owned()),
            background: request.background.map(|it| it.as_str().to_owned()),
            output_format: request.output_format.map(|it| it.as_str().to_owned()),
        };
        Some(Self { previews, kind, requested })
    }
}

impl Writer {
    /// A writer at the start of a stream.
    pub fn new(wanted: StreamOptions) -> Self {
        Self { wanted, next: 0 }
    }

    /// Appends a preview. `now_secs` is the Unix time, used if the upstream did not report when it
    /// began.
    ///
    /// # Errors
    ///
    /// [`OutOfMemory`]. Then nothing is appended.
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
        let attributes = attributes.or(&self.wanted.requested);
        let event = Event {
            partial_image_index: Some(index),
            ..self.event(name, created_at.unwrap_or(now_secs), &attributes)
        };
        write(&event, &base64, out)?;
        self.next = self.next.saturating_add(1);
        Ok(())
    }

    /// Appends the image, the last event of a stream that succeeds.
    ///
    /// # Errors
    ///
    /// [`OutOfMemory`]. Then nothing is appended.
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
        let attributes = image.attributes.clone().or(&self.wanted.requested);
        let event = Event {
            usage: Some(Usage::of_event(image.usage)),
            ..self.event(name, image.created_at.unwrap_or(now_secs), &attributes)
        };
        write(&event, &image.base64, out)?;
        self.next = self.next.saturating_add(1);
        Ok(())
    }

    fn event<'a>(&self, name: &'a str, created_at: u64, attributes: &'a Attributes) -> Event<'a> {
        let or_auto = |value: &'a Option<String>| value.as_deref().unwrap_or("auto");
        Event {
            name,
            b64_json: "",
            created_at,
            size: or_auto(&attributes.size),
            quality: or_auto(&attributes.quality),
            background: or_auto(&attributes.background),
            output_format: attributes.output_format.as_deref().unwrap_or("png"),
            partial_image_index: None,
            usage: None,
            sequence_number: self.next,
        }
    }
}

/// Appends a comment. It keeps an idle connection open, and every client skips it.
pub fn keep_alive(out: &mut Vec<u8>) {
    sse::comment("keep-alive", out);
}

/// Appends the failure that ends a stream. The error is nested, because OpenAI's Python client
/// takes a flat one for an event.
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
    // The first match is the image's place: only our own names come before it.
    let place = memchr::memmem::find(&frame, PLACE).map(|at| at.saturating_add(PLACE.len()));
    let (before, after) =
        frame.split_at_checked(place.unwrap_or(frame.len())).unwrap_or((&frame, &[]));
    out.extend_from_slice(before);
    base64.copy_into(out);
    out.extend_from_slice(after);
    Ok(())
}

const PLACE: &[u8] = b"\"b64_json\":\"";

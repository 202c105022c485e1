//! The five deliveries, and what each of them does.

use std::time::Duration;

use super::keepalive::Keepalive;
use super::pass_image::PassImage;
use super::pass_through::{self, PassThrough};
use super::step::{Head, Step};
use super::stream::{self, Stream};
use crate::config::{Api, Model};
use crate::exchange::outcome::{End, LocalReply};
use crate::exchange::shared::Shared;
use crate::exchange::upstream::calls::Calls;
use crate::exchange::upstream::endings;
use crate::exchange::upstream::result::Generated;
use crate::openai::error::Failure;
use crate::openai::request::{ImageRequest, ResponseFormat};
use crate::translate::answer;
use crate::translate::collect::Image;
use crate::translate::relay::Begun;
use crate::translate::stream::StreamOptions;

/// How a request is answered.
#[derive(Debug)]
pub(crate) enum Delivery {
    /// One JSON answer, once every call has its outcome.
    Collect(ResponseFormat),
    /// The same, and white space before it while the client waits.
    Keepalive(Keepalive),
    /// Events, as their bytes arrive.
    Stream(Box<Stream>),
    /// The upstream's own answer, as it comes.
    PassThrough(Box<PassThrough>),
    /// One image, as it comes, in one JSON answer of the filter's own.
    PassImage(Box<PassImage>),
}

impl Delivery {
    /// How `request` is answered.
    pub(crate) fn of(
        shared: &Shared,
        model: &Model<'_>,
        request: &ImageRequest<'_>,
        now: Duration,
    ) -> Self {
        let format =
            request.response_format.unwrap_or_else(|| shared.config.default_response_format());
        let first = model.candidates.first();
        let passes = || first.is_some_and(|it| endings::passes(it, now));
        if pass_through::applies(shared, model, request, format) && passes() {
            return Self::PassThrough(Box::new(PassThrough::new(request.n, &shared.bounds())));
        }
        if let Some(wanted) = StreamOptions::of(request) {
            return Self::Stream(Box::new(Stream::new(wanted)));
        }
        let keepalive = shared.config.keepalive().filter(|_| request.n == 1);
        if request.n == 1 && first.is_some_and(|it| it.upstream.api() == Api::Responses) {
            return Self::PassImage(Box::new(PassImage::new(format, passes(), keepalive)));
        }
        match keepalive {
            Some(every) => Self::Keepalive(Keepalive::new(format, every)),
            None => Self::Collect(format),
        }
    }

    /// Has the answer leave with its outcome, if the client or the operator wants nothing before
    /// it. Returns whether it does.
    pub(crate) fn collect(&mut self) -> bool {
        if let Self::PassImage(it) = self {
            if !it.is_kept_alive() {
                *self = Self::Collect(it.format);
            }
        }
        matches!(self, Self::Collect(_))
    }

    /// Whether the upstream's own answer passes through, from one call for all images.
    pub(crate) fn passes_answer(&self) -> bool {
        matches!(self, Self::PassThrough(_))
    }

    /// Whether what comes once the head has left stays in Envoy's buffer.
    pub(super) fn passes(&self) -> bool {
        self.passes_answer() || self.passes_image()
    }

    /// Whether an image leaves as it comes, in an answer of the filter's own.
    pub(super) fn passes_image(&self) -> bool {
        matches!(self, Self::PassImage(it) if it.has_begun() || it.is_whole())
    }

    /// Whether the image finds its way to the client even if it finds no room here.
    pub(super) fn may_pass(&self) -> bool {
        matches!(self, Self::PassImage(_))
    }

    /// Whether the client gets events.
    pub(crate) fn streams(&self) -> bool {
        matches!(self, Self::Stream(_))
    }

    /// Whether the answer has passed through whole, and is settled.
    pub(super) fn is_whole(&self) -> bool {
        match self {
            Self::PassThrough(it) => it.is_whole(),
            Self::PassImage(it) => it.is_whole(),
            Self::Collect(_) | Self::Keepalive(_) | Self::Stream(_) => false,
        }
    }

    /// Whether the end of the response has come, of an answer that passes through.
    pub(super) fn has_ended(&self) -> bool {
        match self {
            Self::PassThrough(it) => it.has_ended(),
            Self::PassImage(it) => it.has_ended(),
            Self::Collect(_) | Self::Keepalive(_) | Self::Stream(_) => false,
        }
    }

    /// Notes the end of a response that has trailers. Returns whether its answer has passed whole.
    pub(super) fn end_if_whole(&mut self) -> bool {
        match self {
            Self::PassThrough(it) => it.end(),
            Self::PassImage(it) => it.end(),
            Self::Collect(_) | Self::Keepalive(_) | Self::Stream(_) => {}
        }
        self.is_whole()
    }

    /// Notes that the head has left, with what had come. `all` of it, or the rest waits.
    pub(super) fn note_opened(&mut self, calls: &mut Calls, all: bool) {
        match self {
            Self::PassThrough(it) => it.note_opened(),
            Self::PassImage(it) if all => it.note_sent(calls),
            Self::Collect(_) | Self::Keepalive(_) | Self::Stream(_) | Self::PassImage(_) => {}
        }
    }

    /// The images that have left, of an answer that breaks off, once. Before the results of the
    /// calls are taken.
    pub(super) fn take_passed(&mut self, calls: &mut Calls, begun: Begun) -> Vec<Generated> {
        match self {
            Self::PassThrough(it) => it.take_passed(begun),
            Self::PassImage(it) => it.take_passed(calls, begun),
            Self::Collect(_) | Self::Keepalive(_) | Self::Stream(_) => Vec::new(),
        }
    }

    /// Whether a whole answer leaves with its head, in place of a reply: then Envoy's other
    /// filters see it, and the upstream's connection stays open.
    pub(super) fn opens_whole(&self) -> bool {
        matches!(self, Self::PassImage(it) if it.opens())
    }

    /// Notes that the whole answer leaves, while the response may go on. Returns whether it may.
    pub(super) fn finish(&mut self) -> bool {
        let Self::PassImage(it) = self else { return false };
        it.finish();
        true
    }

    /// Takes bytes of the client's own stream. `last_sent` is when the client last got bytes, or
    /// began to wait.
    pub(super) fn body(
        &mut self,
        calls: &mut Calls,
        head: Head,
        last_sent: Duration,
        chunk: Vec<u8>,
        end: End,
        now: Duration,
    ) -> Step {
        match self {
            Self::Collect(_) => {
                calls.own_body(chunk, end, now);
                match calls.is_settled() {
                    true => Step::Settled(Vec::new()),
                    false => Step::Wait,
                }
            }
            Self::Keepalive(keepalive) => keepalive.body(calls, last_sent, chunk, end, now),
            Self::Stream(stream) => stream.body(calls, head, chunk, end, now),
            Self::PassImage(it) => it.body(calls, last_sent, chunk, end, now),
            Self::PassThrough(it) => match it.body(calls, head, chunk, end, now) {
                Ok(step) => step,
                Err(bytes) => {
                    *self = Self::Collect(ResponseFormat::B64Json);
                    self.body(calls, head, last_sent, bytes, end, now)
                }
            },
        }
    }

    /// Writes the outcome of a request that succeeded after what is in `body`.
    ///
    /// # Errors
    ///
    /// The answer does not fit into memory.
    pub(super) fn write(
        &mut self,
        images: Vec<Generated>,
        body: &mut Vec<u8>,
        now: Duration,
    ) -> Result<(), Failure> {
        let mut images = images.into_iter().map(|it| it.image);
        let format = match self {
            Self::Stream(stream) => {
                return images.next().map_or(Ok(()), |image| stream.completed(&image, body, now));
            }
            Self::PassImage(it) if it.has_begun() => {
                body.extend(images.next().map(|image| answer::closing(&image)).unwrap_or_default());
                return Ok(());
            }
            Self::Collect(format) | Self::Keepalive(Keepalive { format, .. }) => *format,
            Self::PassImage(it) => it.format,
            Self::PassThrough(_) => ResponseFormat::B64Json,
        };
        let images: Vec<Image> = images.collect();
        *body = answer::write(images, format, now.as_secs()).map_err(|_| Failure::overloaded())?;
        Ok(())
    }

    /// Writes a failure after what is in `body`, once the head has left. `None` if the body cannot
    /// carry it, and the response has to be broken off.
    pub(super) fn write_failure(&self, failure: &Failure, body: Vec<u8>) -> Option<Vec<u8>> {
        match self {
            Self::Stream(_) => Some(stream::failed(failure, body)),
            Self::PassImage(it) if it.has_begun() => None,
            Self::Collect(_) | Self::Keepalive(_) | Self::PassImage(_) => {
                Some(LocalReply::failure(failure).body)
            }
            Self::PassThrough(_) => None,
        }
    }

    /// The headers of the answer. `early` if it leaves before the outcome is known.
    pub(super) fn headers(&self, early: bool) -> Vec<(&'static str, String)> {
        let mut headers = vec![("content-type", "application/json".to_owned())];
        match self {
            Self::Stream(_) => return stream::headers(),
            Self::Keepalive(_) if early => headers.push(("cache-control", "no-store".to_owned())),
            Self::PassImage(it) if early && it.is_kept_alive() => {
                headers.push(("cache-control", "no-store".to_owned()));
            }
            Self::PassThrough(it) if early => headers.extend(it.content_length()),
            Self::Collect(_) | Self::Keepalive(_) | Self::PassThrough(_) | Self::PassImage(_) => {}
        }
        headers
    }
}

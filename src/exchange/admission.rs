//! From the request's head to what goes upstream: cheap checks before dear ones.
//!
//! 1. Head: endpoint, method, key, media type, declared length. Nothing of the body is read for a
//!    caller without a key.
//! 2. Body: its length, as it comes.
//! 3. The whole request: JSON and its fields, user, model, what the consumer may ask for.
//! 4. Memory for the pictures, and a place under the rules. Then nothing is left that could refuse.

use std::rc::Rc;
use std::time::Duration;

use super::End;
use super::asking::{Asking, Terms};
use super::call::Callee;
use super::failover::Failover;
use super::gate::{BODY_TIMEOUT, FIRST_BODY_TIMEOUT, Gate};
use super::head::{Headers, Kept, encoding, value};
use super::outcome::Forward;
use super::record::Record;
use super::relaying;
use super::sending::{forward, target};
use super::ticket::Ticket;
use crate::auth::{self, UserFault};
use crate::config::{Candidate, Consumer, Model, RequestLimits};
use crate::limits::{Scope, local};
use crate::memory::{Budget, Lease, Pieces};
use crate::openai::endpoint::Endpoint;
use crate::openai::error::Failure;
use crate::openai::reference_image::ReferenceImage;
use crate::openai::request::{Encoding, ImageRequest, ImagesName};
use crate::translate::quota;
use crate::translate::request::max_len;
use crate::translate::stream::Wanted;

/// The body of a request whose head is held.
#[derive(Debug)]
pub(super) struct Reading {
    consumer: Rc<Consumer>,
    endpoint: Endpoint,
    encoding: Encoding,
    head: Kept,
    /// Covered by `lease`, whatever their own says.
    body: Pieces,
    lease: Lease,
    /// When the last bytes came.
    last: Duration,
}

/// A request that goes upstream.
#[derive(Debug)]
pub(super) struct Admitted {
    pub(super) forward: Forward,
    pub(super) ticket: Ticket,
    pub(super) asking: Asking,
}

impl Reading {
    /// Checks the head, and opens the body of a request that may go on.
    pub(super) fn open(
        gate: &Gate,
        endpoint: Endpoint,
        headers: &Headers,
        property: Option<&[u8]>,
        end: End,
        record: &mut Record,
        now: Duration,
    ) -> Result<Self, Failure> {
        let method = value(headers, ":method").unwrap_or_default();
        let caller = identify(gate, headers, property, record);
        check_endpoint(endpoint, method)?;
        let consumer = caller.and_then(|it| valid(it, now))?;
        let encoding = encoding(endpoint, headers)?;
        let declared = value(headers, "content-length")
            .and_then(|it| std::str::from_utf8(it).ok())
            .and_then(|it| it.parse::<u64>().ok());
        let limit = gate.config.request().max_body_bytes;
        if declared.is_some_and(|len| usize::try_from(len).map_or(true, |len| len > limit)) {
            return Err(Failure::BodyTooLarge { limit });
        }
        if end == End::Stream {
            return Err(Failure::BodyEmpty);
        }
        Ok(Self {
            consumer: Rc::clone(consumer),
            endpoint,
            encoding,
            head: Kept::of(headers),
            body: Pieces::new(Budget::new().lease(usize::MAX)),
            lease: gate.lease(),
            last: now,
        })
    }

    /// Makes room for a body of `len` bytes in all, and for what is made of it while it still stands:
    /// a little more of JSON, and of a form, whose files become base64, a third more.
    ///
    /// Only what has come takes room: what a client declares costs it nothing.
    fn reserve(&mut self, len: usize) -> Result<(), Failure> {
        let made = match self.encoding {
            Encoding::Json => len,
            Encoding::Form(_) => len.saturating_add(len.div_ceil(3)),
        };
        self.lease.cover_first(len.saturating_add(made)).map_err(|_| Failure::overloaded())
    }

    /// The body in one piece. It came in pieces, since a vector that grows stands up to three times.
    fn join(body: Pieces) -> Result<Vec<u8>, Failure> {
        let mut whole = Vec::new();
        whole.try_reserve_exact(body.len()).map_err(|_| Failure::overloaded())?;
        body.drain_into(&mut whole);
        Ok(whole)
    }

    pub(super) fn push(&mut self, gate: &Gate, chunk: &[u8], now: Duration) -> Result<(), Failure> {
        let limit = gate.config.request().max_body_bytes;
        let len = self.body.len().saturating_add(chunk.len());
        if len > limit {
            return Err(Failure::BodyTooLarge { limit });
        }
        if !chunk.is_empty() {
            self.last = now;
        }
        self.reserve(len)?;
        self.body.push_copy(chunk).map_err(|_| Failure::overloaded())
    }

    /// Whether the body has been silent for too long.
    pub(super) fn tick(&self, gate: &Gate, now: Duration) -> Option<Failure> {
        let silent = now.saturating_sub(self.last);
        if !gate.bodies_come() {
            return (silent >= FIRST_BODY_TIMEOUT).then_some(Failure::HeadersHeld);
        }
        (silent >= BODY_TIMEOUT).then_some(Failure::BodyTimeout)
    }
}

/// `GET /v1/images/limits`: how the rules stand for the caller. A master key names a `user` in the query;
/// rules that depend on the model tell of the `model` in the query, else of the default one.
pub(super) fn limits(
    gate: &Gate,
    headers: &Headers,
    property: Option<&[u8]>,
    record: &mut Record,
    now: Duration,
) -> Result<Vec<u8>, Failure> {
    let caller = identify(gate, headers, property, record);
    check_endpoint(Endpoint::Limits, value(headers, ":method").unwrap_or_default())?;
    let consumer = caller.and_then(|it| valid(it, now))?;
    let path = value(headers, ":path").and_then(|it| std::str::from_utf8(it).ok());
    let query = path.and_then(|it| it.split_once('?')).map_or("", |(_, query)| query);
    let asked = |name: &str| {
        let mut pairs = form_urlencoded::parse(query.as_bytes());
        pairs.find(|(it, _)| it == name).map(|(_, value)| value.into_owned())
    };
    let user = auth::resolve_user(&gate.config, consumer, asked("user").as_deref());
    let user = user.map_err(user_failure)?;
    record.user = Some(user.clone());
    let requested = asked("model");
    let model = gate.config.resolve_model(requested.as_deref());
    let model = model.map_or_else(String::new, |model| model.requested.into_owned());
    let scope = Scope { consumer: consumer.name(), user: &user, model: &model };
    let rules = gate.config.limits();
    let standings = local::standings(gate.store(), rules, &scope, now);
    Ok(quota::list(rules, &standings, &scope))
}

/// Who calls. The record names the consumer whatever then refuses the request, be it that the key does
/// not open any more.
fn identify<'g>(
    gate: &'g Gate,
    headers: &Headers,
    property: Option<&[u8]>,
    record: &mut Record,
) -> Result<&'g Rc<Consumer>, Failure> {
    let borrowed: Vec<(&str, &[u8])> =
        headers.iter().map(|(name, value)| (name.as_str(), value.as_slice())).collect();
    let consumer = auth::identify(&gate.config, &borrowed, property).map_err(Failure::Key)?;
    record.consumer = Some(consumer.name().to_owned());
    Ok(consumer)
}

fn valid(consumer: &Rc<Consumer>, now: Duration) -> Result<&Rc<Consumer>, Failure> {
    auth::check_validity(consumer, now).map(|()| consumer).map_err(Failure::Key)
}

fn check_endpoint(endpoint: Endpoint, method: &[u8]) -> Result<(), Failure> {
    match endpoint {
        Endpoint::Generations | Endpoint::Edits if method == b"POST" => Ok(()),
        Endpoint::Generations | Endpoint::Edits => Err(Failure::MethodNotAllowed { allow: "POST" }),
        Endpoint::Limits if method == b"GET" => Ok(()),
        Endpoint::Limits => Err(Failure::MethodNotAllowed { allow: "GET" }),
        Endpoint::Variations => Err(Failure::EndpointRetired),
    }
}

/// Reads a body of `endpoint`.
pub(super) fn parse<'b>(
    endpoint: Endpoint,
    body: &'b [u8],
    encoding: &'b Encoding,
    limits: &RequestLimits,
) -> Result<ImageRequest<'b>, Failure> {
    Ok(match endpoint {
        Endpoint::Edits => ImageRequest::parse_edit(body, encoding, limits)?,
        Endpoint::Generations | Endpoint::Variations | Endpoint::Limits => {
            ImageRequest::parse(body, limits)?
        }
    })
}

/// Checks the whole request and makes what goes upstream of it.
pub(super) fn admit(
    gate: &Gate,
    reading: Reading,
    record: &mut Record,
    now: Duration,
) -> Result<Admitted, Failure> {
    let Reading { consumer, endpoint, encoding, head, body, mut lease, .. } = reading;
    if body.is_empty() {
        return Err(Failure::BodyEmpty);
    }
    let config = &gate.config;
    let body = Reading::join(body)?;
    let request = parse(endpoint, &body, &encoding, config.request())?;
    record.images_asked = request.n;
    let user = auth::resolve_user(config, &consumer, request.user.as_deref());
    let user = user.map_err(user_failure)?;
    record.user = Some(user.clone());
    let requested = request.model.as_deref();
    let mut model = config
        .resolve_model(requested)
        .ok_or_else(|| Failure::ModelUnknown { model: requested.unwrap_or_default().to_owned() })?;
    record.model = Some(model.requested.to_string());
    record.ask(&model.candidates);
    check_allowed(&consumer, &model, &request)?;
    keep_able(&mut model.candidates, &request)?;
    record.ask(&model.candidates);
    let format = request.response_format.unwrap_or_else(|| config.default_response_format());
    let relays = relaying::applies(gate, &model, &request, format);
    let copied =
        request.images.iter().map(ReferenceImage::owned_len).fold(0, usize::saturating_add);
    let lens = model.candidates.iter().map(|it| max_len(&request, &target(it, 1)));
    let sent = lens.max().unwrap_or_default();
    let standing = [body.len(), copied, sent].into_iter().fold(0, usize::saturating_add);
    lease.cover_first(standing).map_err(|_| Failure::overloaded())?;
    let is_one = model.candidates.len() == 1;
    let rooms = match relays {
        true => gate.relay_rooms(lease, relaying::room_for(request.n), sent)?,
        false => gate.rooms(lease, &request, sent, if is_one { 0 } else { standing })?,
    };
    let scope = Scope { consumer: consumer.name(), user: &user, model: &model.requested };
    let ticket = Ticket::reserve(gate, &scope, &model, &request, now)?;
    let timeouts = model.candidates.iter().map(|it| it.upstream.timeout());
    let timeout = timeouts.max().unwrap_or_default();
    let first = model.candidates.first().ok_or(Failure::Internal)?;
    let n = if relays { request.n } else { 1 };
    let forward = forward(&head, first, &request, n);
    let callee = Callee {
        candidate: 0,
        api: first.upstream.api(),
        deadline: now.saturating_add(first.upstream.timeout()),
    };
    let terms = Terms {
        format,
        relays,
        wanted: Wanted::of(&request),
        images_name: request.edit.as_ref().map_or(ImagesName::Images, |edit| edit.images_name),
    };
    let name = |it: &Candidate<'_>| (it.upstream.name().to_owned(), it.sent.to_string());
    let candidates: Vec<_> = model.candidates.iter().map(name).collect();
    drop(model);
    drop(request);
    let failover = (!is_one).then(|| Failover {
        endpoint,
        encoding,
        head,
        body,
        _lease: rooms.kept,
        candidates,
    });
    let deadline = now.saturating_add(timeout);
    let asking = Asking::new(rooms.pictures, rooms.sent, terms, callee, failover, deadline);
    Ok(Admitted { forward, ticket, asking })
}

/// Leaves out the upstreams that cannot do what is asked for, or whose model cannot: where none can, the first one tells.
fn keep_able(
    candidates: &mut Vec<Candidate<'_>>,
    request: &ImageRequest<'_>,
) -> Result<(), Failure> {
    let check = |it: &Candidate<'_>| match target(it, 1).is_form(request) {
        true => request.check_model(&it.sent).and_then(|()| request.check_files()),
        false => request.check_model(&it.sent),
    };
    if let Some(first) = candidates.first() {
        let checked = check(first);
        candidates.retain(|it| check(it).is_ok());
        if candidates.is_empty() {
            checked?;
        }
    }
    Ok(())
}

fn check_allowed(
    consumer: &Consumer,
    model: &Model<'_>,
    request: &ImageRequest<'_>,
) -> Result<(), Failure> {
    if !consumer.allows_model(&model.requested) {
        let allowed = quoted(consumer.models());
        return Err(Failure::ModelForbidden { model: model.requested.to_string(), allowed });
    }
    let size = request.size.to_string();
    if !consumer.allows_size(&size) {
        return Err(Failure::SizeForbidden { size, allowed: quoted(consumer.sizes()) });
    }
    Ok(())
}

/// Words as they stand in a sentence.
fn quoted(words: impl Iterator<Item = String>) -> String {
    words.map(|word| format!("'{word}'")).collect::<Vec<_>>().join(", ")
}

fn user_failure(fault: UserFault) -> Failure {
    match fault {
        UserFault::Required => Failure::UserRequired,
        UserFault::Foreign => Failure::UserForeign,
        UserFault::Unknown(user) => Failure::UserUnknown { user },
        UserFault::Blocked => Failure::UserBlocked,
    }
}

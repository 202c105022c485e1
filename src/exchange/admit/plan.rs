//! From the request's head to what goes upstream: cheap checks before dear ones.
//!
//! 1. Head: endpoint, method, key, media type, declared length. Nothing of the body is read for a
//!    caller without a key.
//! 2. Body: its length, as it comes.
//! 3. The whole request: JSON and its fields, user, model, what the consumer may ask for.
//! 4. Memory for the pictures, and a place under the rules. Then nothing is left that could refuse.

use std::rc::Rc;
use std::time::Duration;

use crate::auth;
use crate::config::{Api, Candidate, Consumer, Model};
use crate::exchange::account::record::Record;
use crate::exchange::account::ticket::Ticket;
use crate::exchange::admit::body::Reading;
use crate::exchange::admit::caller::user_failure;
use crate::exchange::deliver::relay;
use crate::exchange::outcome::Forward;
use crate::exchange::shared::{Gate, Rooms};
use crate::exchange::upstream::calls::{Asking, Terms};
use crate::exchange::upstream::failover::{Choice, Failover};
use crate::exchange::upstream::host_models::{self, Order};
use crate::exchange::upstream::request::{forward, target};
use crate::exchange::upstream::rests;
use crate::exchange::upstream::target::{Callee, Place};
use crate::limits::Scope;
use crate::memory::Lease;
use crate::openai::error::{Failure, model_names::ModelNames};
use crate::openai::reference_image::ReferenceImage;
use crate::openai::request::{ImageRequest, ImagesName};
use crate::translate::request::max_len;
use crate::translate::stream::Wanted;

/// A request that goes upstream.
#[derive(Debug)]
pub(crate) struct Admitted {
    pub(crate) forward: Forward,
    pub(crate) ticket: Ticket,
    pub(crate) asking: Asking,
}

/// Checks the whole request and makes what goes upstream of it.
pub(crate) fn admit(
    gate: &Rc<Gate>,
    reading: Reading,
    record: &mut Record,
    now: Duration,
) -> Result<Admitted, Failure> {
    let Reading { consumer, endpoint, encoding, head, body, lease, .. } = reading;
    if body.is_empty() {
        return Err(Failure::BodyEmpty);
    }
    let config = &gate.config;
    let body = Reading::join(body)?;
    let request = ImageRequest::parse_for(endpoint, &body, &encoding, config.request())?;
    record.images_asked = request.n;
    let user = auth::resolve_user(config, &consumer, request.user.as_deref());
    let user = user.map_err(|fault| user_failure(fault, request.user_field))?;
    record.user = Some(user.clone());
    let (model, orders) = resolve(gate, &consumer, &request, record, now)?;
    let terms = terms(gate, &model, &orders, &request);
    let may_move_on = orders.len() > 1 || orders.iter().any(|it| it.names.len() > 1);
    let keeps = may_move_on && !terms.relays;
    let scope = Scope { consumer: consumer.name(), user: &user, model: &model.requested };
    let rooms = make_room(gate, lease, body.len(), &model, &request, terms.relays, keeps);
    let held =
        rooms.and_then(|rooms| Ok((rooms, Ticket::reserve(gate, &scope, &model, &request, now)?)));
    if held.is_err() {
        rests::release(gate, model.candidates.first().map(|it| it.upstream), now);
    }
    let (rooms, ticket) = held?;
    let first = model.candidates.first().ok_or(Failure::Internal)?;
    let n = if terms.relays { request.n } else { 1 };
    let forward = forward(&head, first, &request, n, config.route_match());
    let first_ends = now.saturating_add(first.upstream.timeout());
    let first = Callee::new(Place::default(), first, first_ends);
    let deadline = now.saturating_add(model.longest_timeout());
    let choice = |(it, order): (&Candidate<'_>, Order)| Choice {
        upstream: it.upstream.name().to_owned(),
        sent: it.sent.to_string(),
        host_models: order.names,
    };
    let candidates: Vec<_> = model.candidates.iter().zip(orders).map(choice).collect();
    // What is made of the body goes before it may be kept.
    drop(model);
    drop(request);
    let failover = keeps.then(|| {
        let _lease = rooms.kept;
        let gate = Rc::clone(gate);
        Failover { gate, endpoint, encoding, head, body, _lease, candidates }
    });
    let asking = Asking::new(rooms.pictures, rooms.sent, terms, first, failover, deadline);
    Ok(Admitted { forward, ticket, asking })
}

/// Who may serve the request, of what the consumer may ask for.
fn resolve<'a>(
    gate: &'a Gate,
    consumer: &Consumer,
    request: &'a ImageRequest<'_>,
    record: &mut Record,
    now: Duration,
) -> Result<(Model<'a>, Vec<Order>), Failure> {
    let requested = request.model.as_deref();
    let mut model = gate
        .config
        .resolve_model(requested)
        .ok_or_else(|| Failure::ModelUnknown { model: requested.unwrap_or_default().to_owned() })?;
    record.model = Some(model.requested.to_string());
    record.ask(&model.candidates);
    check_allowed(consumer, &model, request)?;
    keep_able(&mut model.candidates, request)?;
    // Previews are a wish.
    let previews = request.stream.map_or(0, |it| it.previews);
    let shows = |it: &Candidate<'_>| it.upstream.capacity().partial_images >= previews;
    let mut passed = rests::choose(gate, &mut model, &shows, now);
    let mut orders = host_models::order(gate, &mut model.candidates, now);
    let claimed = rests::claim(gate, &mut model.candidates, &mut orders, &mut passed, now);
    record.pass(&passed);
    record.ask(&model.candidates);
    claimed?;
    Ok((model, orders))
}

/// In which of its own terms the client is answered.
fn terms(gate: &Gate, model: &Model<'_>, orders: &[Order], request: &ImageRequest<'_>) -> Terms {
    let sent = model.candidates.iter().map(|it| Rc::from(&*it.sent));
    let host_models = orders.iter().flat_map(|it| it.names.iter().cloned());
    let format = request.response_format.unwrap_or_else(|| gate.config.default_response_format());
    Terms {
        format,
        relays: relay::applies(gate, model, request, format),
        wanted: Wanted::of(request),
        images_name: request.edit.as_ref().map_or(ImagesName::Images, |edit| edit.images_name),
        model_names: ModelNames::new(request.model.as_deref(), sent, host_models),
    }
}

/// Takes room for all that the request will hold, of a body of `len` bytes.
fn make_room(
    gate: &Gate,
    mut lease: Lease,
    len: usize,
    model: &Model<'_>,
    request: &ImageRequest<'_>,
    relays: bool,
    keeps: bool,
) -> Result<Rooms, Failure> {
    let images = request.images.iter().chain(request.overlays().map(|it| it.1));
    let copied = images.map(ReferenceImage::owned_len).fold(0, usize::saturating_add);
    let lens = model.candidates.iter().map(|it| max_len(request, &target(it, 1)));
    let sent = lens.max().unwrap_or_default();
    let standing = [len, copied, sent].into_iter().fold(0, usize::saturating_add);
    lease.cover_first(standing).map_err(|_| Failure::overloaded())?;
    if relays {
        return gate.relay_rooms(lease, relay::room_for(request.n), sent);
    }
    let kept = if keeps { standing } else { 0 };
    gate.rooms(lease, request, sent, kept)
}

/// Leaves out the upstreams that cannot do what is asked for, or whose model cannot: where none can, the first one tells.
fn keep_able(
    candidates: &mut Vec<Candidate<'_>>,
    request: &ImageRequest<'_>,
) -> Result<(), Failure> {
    if let Some(first) = candidates.first() {
        let checked = check(first, request);
        candidates.retain(|it| check(it, request).is_ok());
        if candidates.is_empty() {
            checked?;
        }
    }
    Ok(())
}

/// Whether `candidate` can do what is asked for.
fn check(candidate: &Candidate<'_>, request: &ImageRequest<'_>) -> Result<(), Failure> {
    let capacity = candidate.upstream.capacity();
    let target = target(candidate, 1);
    request.check_model(&candidate.sent)?;
    request.check_images(capacity.edit_images, capacity.https_images)?;
    request.check_overlays(overlays(candidate))?;
    if target.is_form(request) {
        request.check_files()?;
    }
    match max_len(request, &target) > capacity.request_bytes {
        true => Err(Failure::UpstreamTooLarge),
        false => Ok(()),
    }
}

/// What `candidate` takes over the first image of an edit. The image tool of the Responses API knows no
/// `markup`.
fn overlays(candidate: &Candidate<'_>) -> &'static [&'static str] {
    match (candidate.upstream.capacity().masks, candidate.upstream.api()) {
        (false, _) => &[],
        (true, Api::Responses) => &["mask"],
        (true, Api::Images) => &["mask", "markup"],
    }
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

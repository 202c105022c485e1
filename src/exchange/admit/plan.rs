//! From the request's head to what goes upstream: cheap checks before dear ones.
//!
//! 1. Head: endpoint, method, key, media type, declared length. Nothing of the body is read for a
//!    caller without a key.
//! 2. Body: its length, as it comes.
//! 3. The whole request: JSON and its fields, user, model, what the consumer may ask for.
//! 4. Memory for the images, and a reservation under the rules. After that nothing can reject it.

use std::rc::Rc;
use std::time::Duration;

use super::abilities::retain_capable;
use super::body::RequestBody;
use super::caller::user_failure;
use super::rooms::Rooms;
use crate::auth::{self, Caller};
use crate::config::{Candidate, Config, Consumer, Model, Pass};
use crate::exchange::account::admission::Admission;
use crate::exchange::account::record::Record;
use crate::exchange::deliver::delivery::Delivery;
use crate::exchange::effect::SideCall;
use crate::exchange::head::ClientHead;
use crate::exchange::outcome::Forward;
use crate::exchange::shared::Shared;
use crate::exchange::upstream::calls::{Calls, Carriers, ClientNames, Wanted};
use crate::exchange::upstream::failover::{Choice, Failover};
use crate::exchange::upstream::host_models::{self, Order};
use crate::exchange::upstream::loopback;
use crate::exchange::upstream::request::{forward, target};
use crate::exchange::upstream::rests;
use crate::exchange::upstream::target::{CallTarget, Place};
use crate::limits::Scope;
use crate::memory::Lease;
use crate::openai::error::{ClientFailure, Failure, GatewayFailure, model_names::ModelNames};
use crate::openai::reference_image::ReferenceImage;
use crate::openai::request::{ImageRequest, ImagesName};
use crate::translate::request::max_len;

/// A request that may go upstream.
#[derive(Debug)]
pub(crate) struct Admitted {
    pub(crate) admission: Admission,
    pub(crate) calls: Calls,
    pub(crate) delivery: Delivery,
    /// The calls to start beside the client's own stream.
    pub(crate) side_calls: Vec<SideCall>,
}

/// Checks the whole request. Returns what goes upstream on the client's own stream, if anything
/// does, and what is then to be done with the answer.
pub(crate) fn admit(
    shared: &Rc<Shared>,
    body: RequestBody,
    record: &mut Record,
    now: Duration,
) -> Result<(Admitted, Option<Forward>), Failure> {
    let RequestBody { consumer, endpoint, encoding, head, body, lease, .. } = body;
    if body.is_empty() {
        return Err(Failure::Client(ClientFailure::BodyEmpty));
    }
    let config = &shared.config;
    let body = RequestBody::join(body)?;
    let request = ImageRequest::parse_for(endpoint, &body, &encoding, config.request())?;
    record.images_asked = request.n;
    let caller = caller(shared, &consumer, &request, record)?;
    let (model, orders) = resolve(shared, &consumer, &request, record, now)?;
    let mut delivery = Delivery::of(shared, &model, &request, now);
    let loopback = loopback(shared, orders.len() > 1, &model, &request, &mut delivery);
    let keeps = may_fail_over(&orders) && !delivery.passes_answer();
    let rooms = make_room(shared, lease, body.len(), &model, &request, &delivery, keeps);
    let held = rooms.and_then(|rooms| {
        let (consumer, Caller { user, groups }) = (consumer.name(), &caller);
        let scope = Scope { consumer, user, model: &model.requested, groups };
        Ok((rooms, Admission::reserve(shared, &scope, &model, &request, now)?))
    });
    if held.is_err() {
        rests::release(shared, model.candidates.first().map(|it| it.upstream), now);
    }
    let (rooms, admission) = held?;
    let first = model.candidates.first().ok_or(Failure::Gateway(GatewayFailure::Internal))?;
    let start = Start::new(loopback, &head, first, &request, delivery.passes_answer(), config);
    let Start { carriers, answers: n, images, .. } = start;
    let wanted = Wanted { carriers, n, images, room: rooms.image };
    let names = names(&model, &orders, &request);
    let first_ends = now.saturating_add(first.upstream.timeout());
    let first = CallTarget::new(Place::default(), first, first_ends);
    let deadline = now.saturating_add(model.longest_timeout());
    let candidates = choices(&model, orders);
    // What is made of the body goes before the body may be kept.
    drop(model);
    drop(request);
    let failover = keeps.then(|| {
        let _lease = rooms.kept;
        let shared = Rc::clone(shared);
        Failover { shared, endpoint, encoding, head, body, _lease, candidates }
    });
    let calls = Calls::new(wanted, rooms.sent, names, &first, failover, deadline);
    Ok((Admitted { admission, calls, delivery, side_calls: start.side_calls }, start.forward))
}

/// What goes upstream at first.
struct Start {
    carriers: Carriers,
    /// How many answers come back.
    answers: usize,
    /// How many images each has.
    images: usize,
    /// What leaves on the client's own stream.
    forward: Option<Forward>,
    side_calls: Vec<SideCall>,
}

impl Start {
    /// The calls for `request` to `first`, through the cluster `loopback` if there is one. An
    /// answer that `passes` on is that of one call for all images.
    fn new(
        loopback: Option<&str>,
        head: &ClientHead,
        first: &Candidate<'_>,
        request: &ImageRequest<'_>,
        passes: bool,
        config: &Config,
    ) -> Self {
        let all = usize::try_from(request.n).unwrap_or(usize::MAX);
        let (answers, images) = if passes { (1, all) } else { (all, 1) };
        if let Some(cluster) = loopback {
            let side_calls = loopback::calls(cluster, head, first, request);
            let carriers = Carriers::Loopback;
            return Self { carriers, answers, images, forward: None, side_calls };
        }
        let n = if passes { request.n } else { 1 };
        let (forward, side_calls) = forward(head, first, request, n, config.route_match());
        let carriers = Carriers::OwnStream;
        Self { carriers, answers, images, forward: Some(forward), side_calls }
    }
}

/// For whom the request is made.
fn caller(
    shared: &Shared,
    consumer: &Consumer,
    request: &ImageRequest<'_>,
    record: &mut Record,
) -> Result<Caller, Failure> {
    let caller = auth::resolve_user(&shared.directory(), consumer, request.user.as_deref());
    let caller = caller.map_err(|fault| user_failure(fault, request.user_field))?;
    record.user = Some(caller.user.clone());
    record.groups.clone_from(&caller.groups);
    Ok(caller)
}

/// The cluster of the loopback listener, if the calls go through it. The answer of several calls,
/// or of `has_several` upstreams, needs no stream of its own. So none can spoil it.
fn loopback<'s>(
    shared: &'s Shared,
    has_several: bool,
    model: &Model<'_>,
    request: &ImageRequest<'_>,
    delivery: &mut Delivery,
) -> Option<&'s str> {
    let passes = model.candidates.first().map(|it| it.upstream.delivery()) == Some(Pass::Always);
    let is_shared = has_several && !passes;
    let loopback = shared.config.loopback().filter(|_| request.n > 1 || is_shared);
    loopback.filter(|_| delivery.collect())
}

fn may_fail_over(orders: &[Order]) -> bool {
    orders.len() > 1 || orders.iter().any(|it| it.names.len() > 1)
}

fn choices(model: &Model<'_>, orders: Vec<Order>) -> Vec<Choice> {
    let choice = |(it, order): (&Candidate<'_>, Order)| Choice {
        upstream: it.upstream.name().to_owned(),
        sent: it.sent.to_string(),
        host_models: order.names,
    };
    model.candidates.iter().zip(orders).map(choice).collect()
}

/// The model and the upstreams that may serve the request, in the order in which they are called.
fn resolve<'a>(
    shared: &'a Shared,
    consumer: &Consumer,
    request: &'a ImageRequest<'_>,
    record: &mut Record,
    now: Duration,
) -> Result<(Model<'a>, Vec<Order>), Failure> {
    let requested = request.model.as_deref();
    let mut model = shared.config.resolve_model(requested).ok_or_else(|| {
        Failure::Client(ClientFailure::ModelUnknown {
            model: requested.unwrap_or_default().to_owned(),
        })
    })?;
    record.model = Some(model.requested.to_string());
    record.ask(&model.candidates);
    check_allowed(consumer, &model, request)?;
    retain_capable(&mut model.candidates, request)?;
    // Previews are a wish, not a condition.
    let previews = request.stream.map_or(0, |it| it.previews);
    let shows = |it: &Candidate<'_>| it.upstream.capacity().partial_images >= previews;
    let mut passed = rests::choose(shared, &mut model, &shows, now);
    let mut orders = host_models::order(&mut model.candidates, now);
    let claimed = rests::claim(shared, &mut model.candidates, &mut orders, &mut passed, now);
    record.pass(&passed);
    record.ask(&model.candidates);
    claimed?;
    Ok((model, orders))
}

/// How errors call what the client sent.
fn names(model: &Model<'_>, orders: &[Order], request: &ImageRequest<'_>) -> ClientNames {
    let sent = model.candidates.iter().map(|it| Rc::from(&*it.sent));
    let host_models = orders.iter().flat_map(|it| it.names.iter().cloned());
    ClientNames {
        images: request.edit.as_ref().map_or(ImagesName::Images, |edit| edit.images_name),
        models: ModelNames::new(request.model.as_deref(), sent, host_models),
    }
}

/// Reserves memory for all that the request will hold, of a body of `len` bytes.
fn make_room(
    shared: &Shared,
    mut lease: Lease,
    len: usize,
    model: &Model<'_>,
    request: &ImageRequest<'_>,
    delivery: &Delivery,
    keeps: bool,
) -> Result<Rooms, Failure> {
    let images = request.images.iter().chain(request.overlays().map(|it| it.1));
    let copied = images.map(ReferenceImage::owned_len).fold(0, usize::saturating_add);
    let lens = model.candidates.iter().map(|it| max_len(request, &target(it, 1)));
    let sent = lens.max().unwrap_or_default();
    let held = [len, copied, sent].into_iter().fold(0, usize::saturating_add);
    lease.cover_first(held).map_err(|_| Failure::overloaded())?;
    if delivery.passes_answer() {
        return shared.relay_rooms(lease, sent);
    }
    let kept = if keeps { held } else { 0 };
    shared.rooms(lease, request, sent, kept)
}

fn check_allowed(
    consumer: &Consumer,
    model: &Model<'_>,
    request: &ImageRequest<'_>,
) -> Result<(), Failure> {
    if !consumer.allows_model(&model.requested) {
        let allowed = quoted(consumer.models());
        return Err(Failure::Client(ClientFailure::ModelForbidden {
            model: model.requested.to_string(),
            allowed,
        }));
    }
    let size = request.size.to_string();
    if !consumer.allows_size(&size) {
        return Err(Failure::Client(ClientFailure::SizeForbidden {
            size,
            allowed: quoted(consumer.sizes()),
        }));
    }
    Ok(())
}

/// Words as the list in a sentence.
fn quoted(words: impl Iterator<Item = String>) -> String {
    words.map(|word| format!("'{word}'")).collect::<Vec<_>>().join(", ")
}

//! Who calls, and what they may ask of the gateway itself.

use std::rc::Rc;
use std::time::Duration;

use crate::auth::{self, Caller, Denied, UserError};
use crate::config::{Consumer, is_name};
use crate::exchange::account::record::Record;
use crate::exchange::head::{self, Headers, value};
use crate::exchange::shared::Shared;
use crate::limits::{Scope, local};
use crate::openai::endpoint::Endpoint;
use crate::openai::error::{ClientFailure, Failure, GatewayFailure};
use crate::openai::models;
use crate::translate::quota;

/// The answer to a question about the gateway itself. `None` if `endpoint` is none of those.
pub(crate) fn answer(
    shared: &Shared,
    endpoint: Endpoint,
    headers: &Headers,
    property: Option<&[u8]>,
    record: &mut Record,
    now: Duration,
) -> Option<Result<Vec<u8>, Failure>> {
    let step = match endpoint {
        Endpoint::Generations | Endpoint::Edits | Endpoint::Variations => return None,
        Endpoint::Limits => limits,
        Endpoint::Models => models,
        Endpoint::Model => model,
    };
    let consumer = asking(shared, endpoint, headers, property, record, now);
    Some(consumer.and_then(|consumer| step(shared, &consumer, headers, record, now)))
}

/// Who asks, if the request may be answered.
fn asking(
    shared: &Shared,
    endpoint: Endpoint,
    headers: &Headers,
    property: Option<&[u8]>,
    record: &mut Record,
    now: Duration,
) -> Result<Rc<Consumer>, Failure> {
    let caller = identify(shared, headers, property, record);
    check_endpoint(endpoint, value(headers, ":method").unwrap_or_default())?;
    let consumer = caller.and_then(|it| valid(it, now))?;
    if head::is_grpc(headers) {
        // Envoy would drop the answer's body.
        return Err(Failure::Client(ClientFailure::MediaType {
            accepted: "no 'content-type' of gRPC",
        }));
    }
    Ok(consumer)
}

/// `GET /v1/models`: what the caller may ask for, as far as the configuration names it.
fn models(
    shared: &Shared,
    consumer: &Rc<Consumer>,
    _: &Headers,
    _: &mut Record,
    _: Duration,
) -> Result<Vec<u8>, Failure> {
    Ok(models::list(&shared.config.models_of(consumer)))
}

/// `GET /v1/models/{model}`: whether the caller may ask for a model, named or not.
fn model(
    shared: &Shared,
    consumer: &Rc<Consumer>,
    headers: &Headers,
    record: &mut Record,
    _: Duration,
) -> Result<Vec<u8>, Failure> {
    let path = value(headers, ":path").unwrap_or_default();
    let asked = Endpoint::model_of_path(path).unwrap_or_default();
    if is_name(&asked) && shared.config.may_ask(consumer, &asked) {
        let body = models::one(&asked);
        record.model = Some(asked);
        return Ok(body);
    }
    let model = asked.chars().filter(|it| !it.is_control()).take(MAX_QUOTED_CHARS).collect();
    Err(Failure::Client(ClientFailure::ModelUnknown { model }))
}

/// As many as the name of a model may have.
const MAX_QUOTED_CHARS: usize = 128;

/// `GET /v1/images/limits`: how the rules stand for the caller. A master key names a `user`, or a
/// `safety_identifier`, in the query. Rules that depend on the model report that of the `model` in
/// the query, else of the default one.
fn limits(
    shared: &Shared,
    consumer: &Rc<Consumer>,
    headers: &Headers,
    record: &mut Record,
    now: Duration,
) -> Result<Vec<u8>, Failure> {
    let path = value(headers, ":path").and_then(|it| std::str::from_utf8(it).ok());
    let query = path.and_then(|it| it.split_once('?')).map_or("", |(_, query)| query);
    let asked = |name: &str| {
        let mut pairs = form_urlencoded::parse(query.as_bytes());
        pairs.find(|(it, _)| it == name).map(|(_, value)| value.into_owned())
    };
    let named = ["safety_identifier", "user"]
        .into_iter()
        .find_map(|field| asked(field).filter(|user| !user.is_empty()).map(|user| (field, user)));
    let (field, named) = named.map_or(("user", None), |(field, user)| (field, Some(user)));
    let caller = auth::resolve_user(&shared.directory(), consumer, named.as_deref());
    let Caller { user, groups } = caller.map_err(|fault| user_failure(fault, field))?;
    record.user = Some(user.clone());
    record.groups.clone_from(&groups);
    let requested = asked("model");
    let model = shared.config.resolve_model(requested.as_deref());
    let model = model.map_or_else(String::new, |model| model.requested.into_owned());
    let scope = Scope { consumer: consumer.name(), user: &user, model: &model, groups: &groups };
    let rules = shared.config.limits();
    let statuses = local::statuses(shared.counters(), rules, &scope, now);
    Ok(quota::list(rules, &statuses, &scope))
}

/// Who calls. The record names the consumer even if the request is rejected, e.g. for an expired
/// key.
pub(crate) fn identify(
    shared: &Shared,
    headers: &Headers,
    property: Option<&[u8]>,
    record: &mut Record,
) -> Result<Rc<Consumer>, Failure> {
    let borrowed: Vec<(&str, &[u8])> =
        headers.iter().map(|(name, value)| (name.as_str(), value.as_slice())).collect();
    let consumer =
        auth::identify(&shared.directory(), &borrowed, property).map_err(|it| match it {
            Denied::Key(reason) => Failure::Client(ClientFailure::Key(reason)),
            Denied::Unread => Failure::Gateway(GatewayFailure::KeysUnread),
        })?;
    record.consumer = Some(consumer.name().to_owned());
    Ok(consumer)
}

pub(crate) fn valid(consumer: Rc<Consumer>, now: Duration) -> Result<Rc<Consumer>, Failure> {
    auth::check_validity(&consumer, now)
        .map(|()| consumer)
        .map_err(|it| Failure::Client(ClientFailure::Key(it)))
}

pub(crate) fn check_endpoint(endpoint: Endpoint, method: &[u8]) -> Result<(), Failure> {
    match endpoint {
        Endpoint::Generations | Endpoint::Edits if method == b"POST" => Ok(()),
        Endpoint::Generations | Endpoint::Edits => {
            Err(Failure::Client(ClientFailure::MethodNotAllowed { allow: "POST" }))
        }
        Endpoint::Limits | Endpoint::Models | Endpoint::Model if method == b"GET" => Ok(()),
        Endpoint::Limits | Endpoint::Models | Endpoint::Model => {
            Err(Failure::Client(ClientFailure::MethodNotAllowed { allow: "GET" }))
        }
        Endpoint::Variations => Err(Failure::Client(ClientFailure::EndpointRetired)),
    }
}

/// A user that the caller may not act for, named in `field`.
pub(crate) fn user_failure(error: UserError, field: &'static str) -> Failure {
    match error {
        UserError::Required => Failure::Client(ClientFailure::UserRequired),
        UserError::Foreign => Failure::Client(ClientFailure::UserForeign { field }),
        UserError::OfAnother => Failure::Client(ClientFailure::UserOfAnother { field }),
        UserError::Unknown(user) => Failure::Client(ClientFailure::UserUnknown { user, field }),
        UserError::Invalid => Failure::Client(ClientFailure::UserInvalid { field }),
        UserError::Blocked => Failure::Client(ClientFailure::UserBlocked),
        UserError::Unread => Failure::Gateway(GatewayFailure::KeysUnread),
    }
}

//! From the document to [`Config`]: ranges, and all rules between fields.

use std::collections::BTreeMap;
use std::time::Duration;

use super::consumer::Consumers;
use super::credential::Environment;
use super::engine::Engines;
use super::error::{ConfigError, Fault};
use super::file::{File, LoopbackFile, RequestFile, UpstreamFile, UserFile};
use super::limit::{self, People};
use super::models_endpoint::ModelsEndpoint;
use super::pointer::Pointer;
use super::units::{Bytes, Span};
use super::upstream::Upstream;
use super::{
    Config, LastPartial, RouteMatch, UnknownUsers, User, UserState, Users, group, identity, model,
    price, response_headers, source, text,
};
use crate::openai::request::Limits;

/// Compiles `file`, taking credentials from `env`.
///
/// # Errors
///
/// The first field, in the order of the documentation, that breaks a rule.
pub(super) fn compile(file: File, env: &Environment<'_>) -> Result<Config, ConfigError> {
    let root = Pointer::default();
    let upstreams = compile_upstreams(file.upstreams, &root.key("upstreams"), env)?;
    let routes = model::compile(file.models, &upstreams)?;
    let identity = identity::compile(file.identity)?;
    let consumers_from = source::compile(file.consumers_from)?;
    let fetches = consumers_from.is_some();
    let consumers = Consumers::compile(file.consumers, identity.as_ref(), fetches)?;
    let users = compile_users(file.users, &root.key("users"), &consumers)?;
    let request = compile_request(&file.request, &root.key("request"))?;
    let max_image_bytes = compile_image(file.max_image_bytes, &root.key("max_image_bytes"))?;
    let max_buffered_bytes =
        compile_buffer(file.max_buffered_bytes, &root.key("max_buffered_bytes"))?;
    let max_open_exchanges =
        compile_open(file.max_open_exchanges, &root.key("max_open_exchanges"))?;
    let keepalive = compile_keepalive(file.keepalive, &root.key("keepalive"))?;
    let response_headers_to_keep = response_headers::compile(
        file.response_headers_to_keep,
        &root.key("response_headers_to_keep"),
    )?;
    let route_match = file.route_match.unwrap_or_default();
    let loopback = compile_loopback(file.loopback, route_match, &root.key("loopback"))?;
    let models_endpoint = file
        .models_endpoint
        .map(|it| ModelsEndpoint::compile(it, &root.key("models_endpoint")))
        .transpose()?;
    let prices = price::compile(file.prices, file.unpriced)?;
    let unknown_users = file.unknown_users.unwrap_or(UnknownUsers::Reject);
    let engines = Engines::compile(file.engine)?;
    let people = People::new(&consumers, &users, unknown_users, fetches);
    let limits = limit::compile(file.limits, &people, &engines, &model::patterns(&routes))?;
    let config = Config {
        default_model: file.default_model.clone().unwrap_or_else(|| DEFAULT_MODEL.to_owned()),
        default_response_format: file.default_response_format.unwrap_or_default(),
        accept_last_partial: match file.accept_last_partial {
            true => LastPartial::Accept,
            false => LastPartial::Refuse,
        },
        upstreams,
        routes,
        consumers,
        consumers_from,
        identity,
        users,
        unknown_users,
        route_match,
        request,
        max_image_bytes,
        max_buffered_bytes,
        max_open_exchanges,
        keepalive,
        response_headers_to_keep,
        loopback,
        models_endpoint,
        prices,
        prices_as_of: file.prices_as_of.map(|date| date.0),
        limits,
        service: engines.service,
        on_abandon: file.on_abandon,
    };
    // The built-in default may match no entry. Then each request must name its model.
    if let Some(name) = file.default_model {
        check_default_model(&name, &config)?;
    }
    ModelsEndpoint::check(&config, &root.key("models_endpoint"))?;
    Ok(config)
}

fn compile_upstreams(
    file: BTreeMap<String, UpstreamFile>,
    here: &Pointer,
    env: &Environment<'_>,
) -> Result<BTreeMap<String, Upstream>, ConfigError> {
    if file.is_empty() {
        return Err(here.empty());
    }
    let mut upstreams = BTreeMap::new();
    for (name, entry) in file {
        let upstream = Upstream::compile(&name, entry, &here.key(&name), env)?;
        upstreams.insert(name, upstream);
    }
    Ok(upstreams)
}

/// Every user in the document, the listed ones and those that consumers act for, and their groups.
fn compile_users(
    file: Vec<UserFile>,
    here: &Pointer,
    consumers: &Consumers,
) -> Result<Users, ConfigError> {
    let mut places = BTreeMap::new();
    let mut users = Users::new();
    for user in consumers.list.iter().filter_map(|consumer| consumer.user()) {
        let known = User { state: UserState::Known, groups: Box::default(), is_own: true };
        users.insert(user.to_owned(), known);
    }
    for (index, entry) in file.into_iter().enumerate() {
        let place = here.index(index).key("id");
        if !text::is_end_user(&entry.id) {
            return Err(place.invalid());
        }
        if let Some(first) = places.insert(entry.id.clone(), index) {
            return Err(place.repeats(&here.index(first).key("id")));
        }
        let groups = group::compile(entry.groups, &here.index(index).key("groups"))?;
        let state = if entry.blocked { UserState::Blocked } else { UserState::Known };
        let is_own = users.contains_key(&entry.id);
        users.insert(entry.id, User { state, groups, is_own });
    }
    Ok(users)
}

fn compile_request(file: &RequestFile, here: &Pointer) -> Result<Limits, ConfigError> {
    let default = Limits::default();
    let size = |name, value: Option<Bytes>, default, max| {
        bound(value.map(|size| size.0), default, max, &here.key(name))
    };
    let count = |name, value, default, max| bound(value, default, max, &here.key(name));
    Ok(Limits {
        max_body_bytes: size(
            "max_body_bytes",
            file.max_body_bytes,
            default.max_body_bytes,
            MAX_BODY_BYTES,
        )?,
        max_prompt_chars: count(
            "max_prompt_chars",
            file.max_prompt_chars,
            default.max_prompt_chars,
            MAX_PROMPT_CHARS,
        )?,
        max_n: bound(file.max_n, default.max_n, MAX_N, &here.key("max_n"))?,
        max_reference_images: count(
            "max_reference_images",
            file.max_reference_images,
            default.max_reference_images,
            MAX_REFERENCE_IMAGES,
        )?,
        max_edit_images: count(
            "max_edit_images",
            file.max_edit_images,
            default.max_edit_images,
            MAX_REFERENCE_IMAGES,
        )?,
        max_reference_image_bytes: size(
            "max_reference_image_bytes",
            file.max_reference_image_bytes,
            default.max_reference_image_bytes,
            MAX_REFERENCE_IMAGE_BYTES,
        )?,
    })
}

fn compile_image(file: Option<Bytes>, here: &Pointer) -> Result<usize, ConfigError> {
    bound(file.map(|size| size.0), DEFAULT_MAX_IMAGE_BYTES, MAX_IMAGE_BYTES, here)
}

fn compile_buffer(file: Option<Bytes>, here: &Pointer) -> Result<usize, ConfigError> {
    bound(file.map(|size| size.0), DEFAULT_MAX_BUFFERED_BYTES, MAX_BUFFERED_BYTES, here)
}

fn compile_open(file: Option<u64>, here: &Pointer) -> Result<usize, ConfigError> {
    bound(file, DEFAULT_MAX_OPEN_EXCHANGES, MAX_OPEN_EXCHANGES, here)
}

fn compile_keepalive(file: Option<Span>, here: &Pointer) -> Result<Option<Duration>, ConfigError> {
    let fits = |span: &Span| (MIN_KEEPALIVE..=MAX_KEEPALIVE).contains(&span.0);
    match file {
        Some(span) if fits(&span) => Ok(Some(span.0)),
        Some(_) => Err(here.out_of_range()),
        None => Ok(None),
    }
}

/// The cluster of the loopback listener. Its routes match filter state, as only that can be set by
/// the filter there and by nobody else.
fn compile_loopback(
    file: Option<LoopbackFile>,
    route_match: RouteMatch,
    here: &Pointer,
) -> Result<Option<String>, ConfigError> {
    let Some(LoopbackFile { cluster }) = file else { return Ok(None) };
    if route_match == RouteMatch::Header {
        return Err(here.fault(Fault::LoopbackByHeader));
    }
    match text::is_cluster(&cluster) {
        true => Ok(Some(cluster)),
        false => Err(here.key("cluster").invalid()),
    }
}

/// Rejects a default with which every request without a model would get 404.
fn check_default_model(name: &str, config: &Config) -> Result<(), ConfigError> {
    let here = Pointer::default().key("default_model");
    if !text::is_name(name) || name.contains('*') {
        return Err(here.invalid());
    }
    match config.resolve_model(None) {
        Some(_) => Ok(()),
        None => Err(here.fault(Fault::Unmatched { accepted: here.accepted() })),
    }
}

/// A number from 1 to `max`.
fn bound<T: TryFrom<u64> + From<u8> + PartialOrd>(
    value: Option<u64>,
    default: T,
    max: T,
    here: &Pointer,
) -> Result<T, ConfigError> {
    let Some(value) = value else { return Ok(default) };
    let fits = |value: &T| (T::from(1)..=max).contains(value);
    T::try_from(value).ok().filter(fits).ok_or_else(|| here.out_of_range())
}

/// The model of a request that names none.
const DEFAULT_MODEL: &str = "gpt-image-2";
/// A 4K PNG that does not compress is 24 MB.
const DEFAULT_MAX_IMAGE_BYTES: usize = 24 << 20;
/// Its base64 is 85 MiB. The budget has room for a few of them.
const MAX_IMAGE_BYTES: usize = 64 << 20;
/// The largest budget.
const DEFAULT_MAX_BUFFERED_BYTES: usize = 512 << 20;
/// Linear memory ends at 1 GiB. An answer that is being written may take a quarter of that. A
/// quarter is left for fragmentation and small objects.
const MAX_BUFFERED_BYTES: usize = 512 << 20;
/// Each takes some kilobytes of linear memory while it waits for its image.
const DEFAULT_MAX_OPEN_EXCHANGES: usize = 10_000;
/// The bound is there so that a wrong number is noticed.
const MAX_OPEN_EXCHANGES: usize = 100_000;
/// Less would mean a space for nearly every event.
const MIN_KEEPALIVE: Duration = Duration::from_secs(1);
/// By default Envoy itself ends a stream that has been idle for this long.
const MAX_KEEPALIVE: Duration = Duration::from_secs(300);
/// Twice the default, which has room for one reference image of the largest default size in base64.
const MAX_BODY_BYTES: usize = 64 << 20;
/// Some thirty times the limit of the Images API. The bound is there so that a wrong unit is
/// noticed.
const MAX_PROMPT_CHARS: usize = 1_000_000;
/// The range of `n` in the OpenAI API reference.
const MAX_N: u32 = 10;
/// The most images that the OpenAI API reference allows for one edit.
const MAX_REFERENCE_IMAGES: usize = 16;
/// The largest image that the OpenAI API reference allows.
const MAX_REFERENCE_IMAGE_BYTES: usize = 50 << 20;

#[cfg(test)]
mod tests;

//! From the document to [`Config`]: ranges, and all rules between fields.

use std::collections::BTreeMap;
use std::time::Duration;

use super::bounds::Bounds;
use super::callers::Callers;
use super::credential::Environment;
use super::engine::Engines;
use super::error::{ConfigError, Fault};
use super::file::{File, LoopbackFile, UpstreamFile};
use super::models_endpoint::ModelsEndpoint;
use super::pointer::Pointer;
use super::units::Span;
use super::upstream::Upstream;
use super::{Config, LastPartial, RouteMatch, limit, model, price, response_headers, text};

/// Compiles `file`, taking credentials from `env`.
///
/// # Errors
///
/// The first field, in the order of the documentation, that breaks a rule.
pub(super) fn compile(file: File, env: &Environment<'_>) -> Result<Config, ConfigError> {
    let default_model = file.default_model.clone();
    let config = compile_sections(file, env)?;
    // The built-in default may match no entry. Then each request must name its model.
    if let Some(name) = default_model {
        check_default_model(&name, &config)?;
    }
    ModelsEndpoint::check(&config)?;
    Ok(config)
}

/// Compiles each section, with what it needs of those before it.
fn compile_sections(file: File, env: &Environment<'_>) -> Result<Config, ConfigError> {
    let root = Pointer::default();
    // An error in them is reported in its turn.
    let bounds = Bounds::compile(&file);
    let upstreams = compile_upstreams(file.upstreams, &root.key("upstreams"), env)?;
    let routes = model::compile(file.models, &upstreams)?;
    let callers = Callers::compile(
        file.identity,
        file.consumers_from,
        file.consumers,
        file.users,
        file.unknown_users,
    )?;
    let bounds = bounds?;
    let keepalive = compile_keepalive(file.keepalive, &root.key("keepalive"))?;
    let response_headers_to_keep = response_headers::compile(file.response_headers_to_keep)?;
    let route_match = file.route_match.unwrap_or_default();
    let loopback = compile_loopback(file.loopback, route_match, &root.key("loopback"))?;
    let models_endpoint = ModelsEndpoint::compile(file.models_endpoint)?;
    let prices = price::compile(file.prices, file.unpriced)?;
    let engines = Engines::compile(file.engine)?;
    let limits = limit::compile(file.limits, &callers, &engines, &model::patterns(&routes))?;
    Ok(Config {
        default_model: file.default_model.unwrap_or_else(|| DEFAULT_MODEL.to_owned()),
        default_response_format: file.default_response_format.unwrap_or_default(),
        accept_last_partial: LastPartial::of(file.accept_last_partial),
        upstreams,
        routes,
        callers,
        route_match,
        bounds,
        keepalive,
        response_headers_to_keep,
        loopback,
        models_endpoint,
        prices,
        prices_as_of: file.prices_as_of.map(|date| date.0),
        limits,
        service: engines.service,
        on_abandon: file.on_abandon,
    })
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

fn compile_keepalive(file: Option<Span>, here: &Pointer) -> Result<Option<Duration>, ConfigError> {
    let fits = |span: &Span| (MIN_KEEPALIVE..=MAX_KEEPALIVE).contains(&span.0);
    match file {
        Some(span) if fits(&span) => Ok(Some(span.0)),
        Some(_) => Err(here.out_of_range()),
        None => Ok(None),
    }
}

/// The cluster of the loopback listener. Its routes match filter state, because only the filter
/// there can set it.
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

/// The model of a request that names none.
const DEFAULT_MODEL: &str = "gpt-image-2";
/// Less would mean a space for nearly every event.
const MIN_KEEPALIVE: Duration = Duration::from_secs(1);
/// By default Envoy itself ends a stream that has been idle for this long.
const MAX_KEEPALIVE: Duration = Duration::from_secs(300);

#[cfg(test)]
mod tests;

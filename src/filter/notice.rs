//! What the filter writes to the log when it begins to serve under a configuration.

use crate::config::{Config, Identity, RouteMatch};
use crate::limits::{Engine, Rule, Unit};

/// Logs what the configuration has, and warns of what an operator may not expect of it.
pub(super) fn log_start(config: &Config) {
    let counts = config.counts();
    log::info!(
        "imagegate {} ({}): upstreams: {}, models: {}, consumers: {}, users: {}, limits: {}, prices: {}",
        env!("CARGO_PKG_VERSION"),
        option_env!("IMAGEGATE_COMMIT").unwrap_or("unknown commit"),
        counts.upstreams,
        counts.models,
        counts.consumers,
        counts.users,
        counts.limits,
        counts.prices,
    );
    let forgotten = |rule: &Rule| rule.unit == Unit::Usd && rule.engine == Engine::Local;
    if config.limits().iter().any(forgotten) {
        log::warn!("imagegate: budgets are counted in this Envoy's memory: a restart forgets them");
    }
    if let Some(Identity::Header(name)) = config.identity() {
        log::warn!(
            "imagegate: a client that can send the header `{name}` can name any caller: an earlier \
             filter has to set or remove it on every request"
        );
    }
    if config.route_match() == RouteMatch::Header {
        log::warn!(
            "imagegate: routes match the header `x-imagegate-upstream`, which a client can send on a \
             route where this filter is disabled: enable it on every route of the listener, or let \
             routes match filter state"
        );
    }
}

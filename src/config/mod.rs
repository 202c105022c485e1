//! The plugin configuration: from bytes to a [`Config`] that is valid by construction.
//!
//! ```text
//! bytes ─ document ─▶ serde_json::Value ─ node, file ─▶ File ─ compile ─▶ Config
//! ```
//!
//! [`Config::parse`] rejects unknown input and reports where it is: every [`ConfigError`] has a
//! JSON pointer and what is accepted there. The reference for operators is `docs/configuration.md`.
//! Tests compare it with this code. A configuration is never logged. The log only gets
//! [`Config::counts`].

mod accepted;
mod bounds;
mod callers;
mod capacity;
mod compile;
mod consumer;
mod credential;
mod document;
mod engine;
mod error;
mod file;
mod group;
mod host_models;
mod identity;
mod limit;
mod list;
mod listed;
mod model;
mod models_endpoint;
mod node;
mod pointer;
mod price;
mod response_headers;
#[cfg(not(target_arch = "wasm32"))]
mod schema;
mod source;
mod struct_value;
mod text;
mod units;
mod upstream;
mod users;

use std::collections::BTreeMap;
use std::fmt;
use std::rc::Rc;
use std::time::Duration;

pub use capacity::Capacity;
pub use consumer::{Consumer, Role};
pub use error::{ConfigError, Fault, Flaw};
pub use group::union as union_of_groups;
pub use host_models::HostModels;
pub use identity::Identity;
pub use listed::{ListedConsumer, ListedUser, Listing};
pub use model::{Balance, Candidate, Model};
#[cfg(not(target_arch = "wasm32"))]
pub use schema::schema;
pub use source::Source;
pub use upstream::{Api, Edits, Pass, Upstream};
pub use users::{UnknownUsers, UserState};

use crate::limits::Rule;
use crate::limits::rls::Service;
pub(crate) use crate::name::{is_end_user, is_name};
use crate::openai::request::ResponseFormat;
use crate::prices::PriceTable;

pub use crate::openai::request::Limits as RequestLimits;
pub use crate::upstream::request::ToolChoice;

/// A valid configuration.
pub struct Config {
    upstreams: BTreeMap<String, Upstream>,
    routes: Vec<model::Route>,
    default_model: String,
    default_response_format: ResponseFormat,
    callers: callers::Callers,
    route_match: RouteMatch,
    bounds: bounds::Bounds,
    keepalive: Option<Duration>,
    response_headers_to_keep: Rc<[String]>,
    loopback: Option<String>,
    models_endpoint: Option<models_endpoint::ModelsEndpoint>,
    prices: PriceTable,
    prices_as_of: Option<Duration>,
    limits: Vec<Rule>,
    service: Option<Service>,
    on_abandon: OnAbandon,
    accept_last_partial: LastPartial,
}

/// What the routes of Envoy match to send a request to its upstream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum RouteMatch {
    /// The filter state `wasm.imagegate_upstream`, which no client can set.
    #[default]
    FilterState,
    /// The header `x-imagegate-upstream`. A client can send it on a route where the filter is
    /// disabled, so this is for meshes whose routes cannot match filter state.
    Header,
}

/// What a request costs if its client leaves before the answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum OnAbandon {
    /// What has been delivered.
    #[default]
    Release,
    /// Also each image that an upstream was asked for and has not refused.
    Charge,
}

/// What happens to an answer that ends with a preview and no final image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LastPartial {
    /// The last preview is the image.
    Accept,
    /// There is no image.
    Refuse,
}

impl LastPartial {
    fn of(accept: bool) -> Self {
        if accept { Self::Accept } else { Self::Refuse }
    }
}

/// The size of a configuration, for the start-up log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counts {
    /// Entries of `upstreams`.
    pub upstreams: usize,
    /// Entries of `models`, including the one for all models if none are written.
    pub models: usize,
    /// Entries of `consumers`.
    pub consumers: usize,
    /// Users: the listed ones and those that consumers act for.
    pub users: usize,
    /// Entries of `limits`.
    pub limits: usize,
    /// Entries of `prices`.
    pub prices: usize,
}

impl Config {
    /// Parses JSON text or the raw bytes of a `google.protobuf.Struct`. `env` looks up variables of
    /// the VM's environment.
    ///
    /// # Errors
    ///
    /// The first error, with its JSON pointer and what is accepted there.
    pub fn parse(bytes: &[u8], env: &dyn Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        compile::compile(node::read(document::parse(bytes)?)?, env)
    }

    /// The limits of a request.
    pub fn request(&self) -> &RequestLimits {
        &self.bounds.request
    }

    /// How an image is delivered if a request does not say.
    pub fn default_response_format(&self) -> ResponseFormat {
        self.default_response_format
    }

    /// The largest image that is delivered, in bytes before base64; 1 to 64 MiB.
    pub fn max_image_bytes(&self) -> usize {
        self.bounds.max_image_bytes
    }

    /// The byte budget of one VM, in bytes; at most 512 MiB.
    pub fn max_buffered_bytes(&self) -> usize {
        self.bounds.max_buffered_bytes
    }

    /// How many exchanges one VM may have open; 1 to 100,000.
    pub fn max_open_exchanges(&self) -> usize {
        self.bounds.max_open_exchanges
    }

    /// How long a client that waits for one answer may receive nothing before a space is sent to
    /// it, 1 s to 5 min. `None` if none is ever sent.
    pub fn keepalive(&self) -> Option<Duration> {
        self.keepalive
    }

    /// The names of the headers of Envoy's routes that stay on an answer whose head leaves early,
    /// in lower case; at most 32.
    pub fn response_headers_to_keep(&self) -> &Rc<[String]> {
        &self.response_headers_to_keep
    }

    /// The Envoy cluster of the loopback listener, through which side calls go. `None` if they go
    /// to the clusters of their upstreams.
    pub fn loopback(&self) -> Option<&str> {
        self.loopback.as_deref()
    }

    /// What images cost. Empty if no prices are written.
    pub fn prices(&self) -> &PriceTable {
        &self.prices
    }

    /// The day on which these were the prices of the provider, as the time since the Unix epoch.
    /// Nothing here depends on it.
    pub fn prices_as_of(&self) -> Option<Duration> {
        self.prices_as_of
    }

    /// The rules in the order of the document.
    pub fn limits(&self) -> &[Rule] {
        &self.limits
    }

    /// The rate-limit service, for the rules that it counts.
    pub fn service(&self) -> Option<&Service> {
        self.service.as_ref()
    }

    /// What a request costs if its client leaves before the answer.
    pub fn on_abandon(&self) -> OnAbandon {
        self.on_abandon
    }

    /// Whether a preview may be delivered as the image.
    pub fn accept_last_partial(&self) -> LastPartial {
        self.accept_last_partial
    }

    /// The upstream of this name.
    pub fn upstream(&self, name: &str) -> Option<&Upstream> {
        self.upstreams.get(name)
    }

    /// All upstreams, by name.
    pub fn upstreams(&self) -> impl Iterator<Item = &Upstream> {
        self.upstreams.values()
    }

    /// The first entry of `models` that matches `requested`, or the default model if a request
    /// names none. `None` if no entry matches or nothing is left of the name after renaming.
    pub fn resolve_model<'a>(&'a self, requested: Option<&'a str>) -> Option<Model<'a>> {
        let requested = requested.unwrap_or(&self.default_model);
        let resolve = |(entry, route): (usize, &'a model::Route)| {
            let candidates = route.resolve(requested, &self.upstreams)?;
            let balance = route.balance();
            Some(Model { requested: requested.into(), candidates, balance, entry })
        };
        self.routes.iter().enumerate().find_map(resolve)
    }

    /// What Envoy's routes match.
    pub fn route_match(&self) -> RouteMatch {
        self.route_match
    }

    /// The size of the configuration.
    pub fn counts(&self) -> Counts {
        Counts {
            upstreams: self.upstreams.len(),
            models: self.routes.len(),
            consumers: self.callers.consumers.list.len(),
            users: self.callers.users.len(),
            limits: self.limits.len(),
            prices: self.prices.entries().len(),
        }
    }
}

/// Writes counts only.
impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Config").field(&self.counts()).finish()
    }
}

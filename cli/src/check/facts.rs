//! What the settings of Envoy are compared with.

use std::time::Duration;

use imagegate::config::Config;

use super::draft::Draft;
use super::tree::Node;

/// What a configuration requires of the Envoy around it. `None` if that part of the configuration
/// is wrong.
#[derive(Debug)]
pub(crate) struct Facts {
    /// The upstreams, by name.
    pub(crate) upstreams: Vec<Upstream>,
    /// `request.max_body_bytes`.
    pub(crate) max_body_bytes: Option<usize>,
    /// `request.max_n`.
    pub(crate) max_n: Option<u32>,
    /// `max_image_bytes`.
    pub(crate) max_image_bytes: Option<usize>,
    /// The cluster of the rate-limit service.
    pub(crate) service: Option<String>,
    /// The cluster of the server that has the list of consumers.
    pub(crate) list: Option<String>,
    /// The cluster of the loopback listener.
    pub(crate) loopback: Option<String>,
    /// Entries of `prices`.
    pub(crate) prices: usize,
    /// `prices_as_of`, as the time since the Unix epoch.
    pub(crate) prices_as_of: Option<Duration>,
    /// How the routes are matched.
    pub(crate) route_match: RouteMatch,
}

/// `route_match`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RouteMatch {
    /// The filter state that only the filter can set.
    FilterState,
    /// The header, which a client can send.
    Header,
}

/// What is known about an upstream.
#[derive(Debug)]
pub(crate) struct Upstream {
    pub(crate) name: String,
    pub(crate) cluster: Option<String>,
    pub(crate) authority: Option<String>,
    /// The path of its requests, or its beginning.
    pub(crate) path: Option<String>,
    pub(crate) timeout: Option<Duration>,
}

impl Facts {
    /// The facts of `config`, the repaired `draft` of `document`.
    pub(crate) fn of(config: &Config, document: &Node, draft: &Draft) -> Self {
        let right = |pointer: &str| !draft.is_replaced(pointer);
        let upstreams = config.upstreams().filter(|_| right("/upstreams"));
        let upstreams = upstreams.map(|upstream| {
            let name = upstream.name().replace('~', "~0").replace('/', "~1");
            let right = |field: &str| right(&format!("/upstreams/{name}/{field}"));
            Upstream {
                name: upstream.name().to_owned(),
                cluster: right("cluster").then(|| upstream.cluster().to_owned()),
                authority: right("authority").then(|| upstream.authority().to_owned()),
                path: right("path").then(|| upstream.path().to_owned()),
                timeout: right("timeout").then(|| upstream.timeout()),
            }
        });
        let upstreams = upstreams.collect();
        let request = config.request();
        let service =
            config.service().filter(|_| right("/engine/cluster") && right("/engine/kind"));
        let by_header = document.get("route_match").and_then(Node::text) == Some("header");
        Self {
            upstreams,
            max_body_bytes: right("/request/max_body_bytes").then_some(request.max_body_bytes),
            max_n: right("/request/max_n").then_some(request.max_n),
            max_image_bytes: right("/max_image_bytes").then(|| config.max_image_bytes()),
            service: service.map(|service| service.cluster.clone()),
            list: config
                .consumers_from()
                .filter(|_| right("/consumers_from/cluster"))
                .map(|source| source.cluster.clone()),
            loopback: config
                .loopback()
                .filter(|_| right("/loopback/cluster"))
                .map(ToOwned::to_owned),
            prices: config.counts().prices,
            prices_as_of: config.prices_as_of(),
            route_match: if by_header { RouteMatch::Header } else { RouteMatch::FilterState },
        }
    }

    /// The longest `timeout` of an upstream.
    pub(crate) fn slowest(&self) -> Option<Duration> {
        self.upstreams.iter().filter_map(|upstream| upstream.timeout).max()
    }
}

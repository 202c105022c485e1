//! One route: its match and its cluster.

use std::ops::Range;

use super::super::tree::{Kind, Node};

/// A route of a virtual host.
#[derive(Clone, Copy)]
pub(super) struct Route<'t> {
    pub(super) node: &'t Node,
    pub(super) host: &'t Node,
    pub(super) table: &'t Node,
}

/// How the filter chooses a route.
#[derive(Clone, Copy)]
pub(super) enum Choice<'t> {
    /// By filter state, which must have this value.
    State(Option<&'t Node>),
    /// By the header; here the matcher.
    Header(&'t Node),
}

/// The routes of a virtual host, in their order.
pub(super) fn of<'t>(host: &'t Node, table: &'t Node) -> Vec<Route<'t>> {
    let routes = host.get("routes").map(Node::items).unwrap_or_default().iter();
    routes.map(|node| Route { node, host, table }).collect()
}

impl<'t> Route<'t> {
    /// How the filter chooses it. `None` for other routes. If it has both, filter state decides.
    pub(super) fn choice(&self) -> Option<Choice<'t>> {
        if let Some(state) = self.state() {
            return Some(Choice::State(state.get("string_match")));
        }
        self.header().map(Choice::Header)
    }

    fn state(&self) -> Option<&'t Node> {
        let states = self.node.at(&["match", "filter_state"]).map(Node::items).unwrap_or_default();
        states.iter().find(|state| state.get("key").and_then(Node::text) == Some(STATE))
    }

    /// The matcher of our header. One that is inverted leads those away who send it.
    pub(super) fn header(&self) -> Option<&'t Node> {
        let headers = self.node.at(&["match", "headers"]).map(Node::items).unwrap_or_default();
        headers.iter().find(|header| {
            let name = header.get("name").and_then(Node::text);
            name.is_some_and(|name| name.eq_ignore_ascii_case(HEADER))
                && !header.get("invert_match").is_some_and(Node::is_true)
        })
    }

    /// Whether the filter can choose this route for the upstream. A match that is not plain is
    /// trusted.
    pub(super) fn leads(&self, upstream: &str) -> bool {
        match self.choice() {
            Some(Choice::State(matcher)) => matcher.is_none_or(|it| fits(it, upstream)),
            Some(Choice::Header(header)) => match header.get("string_match") {
                Some(matcher) => fits(matcher, upstream),
                None => header.get("exact_match").is_none_or(|it| it.text() == Some(upstream)),
            },
            None => false,
        }
    }

    /// The clusters that it leads to, also in part, with their places.
    pub(super) fn clusters(&self) -> Vec<(&'t str, Range<usize>)> {
        let Some(action) = self.node.get("route") else { return Vec::new() };
        let mut clusters: Vec<&Node> = action.get("cluster").into_iter().collect();
        let weighted = action.at(&["weighted_clusters", "clusters"]);
        let weighted = weighted.map(Node::items).unwrap_or_default().iter();
        clusters.extend(weighted.filter_map(|it| it.get("name")));
        let mirrors = action.get("request_mirror_policies").map(Node::items).unwrap_or_default();
        clusters.extend(mirrors.iter().filter_map(|it| it.get("cluster")));
        let named = clusters.into_iter();
        named.filter_map(|it| it.text().map(|name| (name, it.span.clone()))).collect()
    }

    /// Whether a request with this path matches. `None` if unknown.
    pub(super) fn takes(&self, path: &str) -> Option<bool> {
        let matched = self.node.get("match")?;
        let text = |name| matched.get(name).and_then(Node::text);
        let path = path.split('?').next().unwrap_or_default();
        if let Some(prefix) = text("prefix") {
            return Some(path.starts_with(prefix));
        }
        if let Some(whole) = text("path") {
            return Some(path == whole);
        }
        if let Some(prefix) = text("path_separated_prefix") {
            let rest = path.strip_prefix(prefix);
            return Some(rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/')));
        }
        None
    }

    /// Whether only the path decides.
    pub(super) fn is_plain(&self) -> bool {
        let fields = self.node.get("match").map(Node::fields).unwrap_or_default();
        let by_path = [
            "prefix",
            "path",
            "path_separated_prefix",
            "pathSeparatedPrefix",
            "case_sensitive",
            "caseSensitive",
        ];
        !fields.is_empty() && fields.iter().all(|it| by_path.contains(&it.name.as_str()))
    }

    /// Whether it takes every request and leads to a cluster.
    pub(super) fn is_catch_all(&self) -> bool {
        self.is_plain() && self.takes("/") == Some(true) && !self.clusters().is_empty()
    }

    /// The places that may switch the filter off, the innermost first.
    pub(super) fn places(&self) -> [&'t Node; 3] {
        [self.node, self.host, self.table]
    }
}

/// Whether a `StringMatcher` takes the text; a regular expression is trusted.
fn fits(matcher: &Node, text: &str) -> bool {
    let ignores_case = matcher.get("ignore_case").is_some_and(Node::is_true);
    let plain = |it: &str| if ignores_case { it.to_ascii_lowercase() } else { it.to_owned() };
    let text = plain(text);
    let value = |name| match matcher.get(name).map(|it| &it.kind) {
        Some(Kind::Text(it)) => Some(plain(&it.value)),
        // YAML reads `on` and `1` as other types, and Envoy rejects those.
        Some(_) => Some(String::new()),
        None => None,
    };
    if let Some(exact) = value("exact") {
        return exact == text;
    }
    value("prefix").is_none_or(|it| text.starts_with(&it))
        && value("suffix").is_none_or(|it| text.ends_with(&it))
        && value("contains").is_none_or(|it| text.contains(&it))
}

/// The name of a virtual host.
pub(super) fn name_of(host: &Node) -> &str {
    host.get("name").and_then(Node::text).unwrap_or("?")
}

/// The filter state that the filter sets.
pub(super) const STATE: &str = "wasm.imagegate_upstream";
/// The header that it sets with `route_match: header`.
pub(super) const HEADER: &str = "x-imagegate-upstream";

//! The filters that Envoy Gateway makes of an `EnvoyExtensionPolicy`, and the patches of an
//! `EnvoyPatchPolicy` that search for them.

use super::find;
use super::tree::Node;

/// A filter that Envoy Gateway makes.
pub(crate) struct Filter<'t> {
    /// Its name.
    pub(crate) name: String,
    /// Its entry in the policy's `wasm`.
    pub(crate) entry: &'t Node,
}

impl Filter<'_> {
    fn root_id(&self) -> Option<&str> {
        self.entry.get("rootID").and_then(Node::text)
    }
}

/// A patch that searches for an HTTP filter.
pub(crate) struct Search<'t> {
    /// Whether it searches by the filter's name, or else by its `root_id`.
    by_name: bool,
    /// The name, or the `root_id`.
    wanted: &'t str,
    /// What is patched there: a JSON pointer from the filter on.
    pub(crate) field: String,
    /// The value. `None` for a removal.
    pub(crate) value: Option<&'t Node>,
    /// The `jsonPath`.
    pub(crate) at: &'t Node,
}

impl<'t> Search<'t> {
    /// The search of a patch. `None` for patches of other kinds.
    pub(crate) fn of(patch: &'t Node) -> Option<Self> {
        let operation = patch.get("operation")?;
        let at = operation.get("jsonPath")?;
        let (_, rest) = at.text()?.split_once("http_filters[?(@.")?;
        let (key, rest) = rest.split_once("==")?;
        let by_name = match key.trim_end() {
            "name" => true,
            "typed_config.config.root_id" | "typed_config.value.config.root_id" => false,
            _ => return None,
        };
        let rest = rest.trim_start();
        let quote = rest.chars().next().filter(|it| ['\'', '"'].contains(it))?;
        let (wanted, rest) = rest.get(1..)?.split_once(quote)?;
        let path = operation.get("path").and_then(Node::text).unwrap_or_default();
        let field = rest.strip_prefix(")]")?.replace('.', "/") + path;
        Some(Self { by_name, wanted, field, value: operation.get("value"), at })
    }

    /// Whether it finds this filter.
    pub(crate) fn finds(&self, filter: &Filter<'_>) -> bool {
        let actual = if self.by_name { Some(filter.name.as_str()) } else { filter.root_id() };
        actual == Some(self.wanted)
    }

    /// Whether it finds this entry of `http_filters`.
    pub(crate) fn finds_entry(&self, entry: &Node) -> bool {
        let by_name = entry.get("name");
        let by_root_id = || entry.get("typed_config").and_then(find::settings)?.get("root_id");
        let actual = if self.by_name { by_name } else { by_root_id() };
        actual.and_then(Node::text) == Some(self.wanted)
    }

    /// Whether it may only find the filter of an EnvoyExtensionPolicy.
    pub(crate) fn is_for_policy(&self) -> bool {
        !self.by_name || self.wanted.starts_with(PREFIX)
    }

    /// What it writes into this setting of the filter.
    pub(crate) fn sets(&self, field: &str) -> Option<&'t Node> {
        let setting = self.field.strip_prefix("/typed_config/config/")?;
        self.value.filter(|_| setting == field)
    }

    /// Whether the patch writes `false`, or removes the field.
    pub(crate) fn is_false(&self) -> bool {
        self.value.is_none_or(Node::is_false)
    }
}

/// The searches of an EnvoyPatchPolicy. None for other resources.
pub(crate) fn searches(resource: &Node) -> impl Iterator<Item = Search<'_>> {
    let is_policy = resource.get("kind").and_then(Node::text) == Some("EnvoyPatchPolicy");
    let patches = resource.at(&["spec", "jsonPatches"]).filter(|_| is_policy).map(Node::items);
    patches.unwrap_or_default().iter().filter_map(Search::of)
}

/// The filters of an EnvoyExtensionPolicy. None for other resources, or without a name.
pub(crate) fn filters(resource: &Node) -> impl Iterator<Item = Filter<'_>> {
    let is_policy = resource.get("kind").and_then(Node::text) == Some(EXTENSION_POLICY);
    let list = resource.at(&["spec", "wasm"]).filter(|_| is_policy).map(Node::items);
    let metadata = |name| resource.at(&["metadata", name]).and_then(Node::text);
    let namespace = metadata("namespace").unwrap_or("default");
    let prefix = metadata("name").map(|name| format!("{PREFIX}{namespace}/{name}/wasm/"));
    let entries = list.unwrap_or_default().iter().enumerate();
    entries.filter_map(move |(at, entry)| {
        Some(Filter { name: format!("{}{at}", prefix.as_deref()?), entry })
    })
}

/// The kind of the resource.
pub(crate) const EXTENSION_POLICY: &str = "EnvoyExtensionPolicy";
/// How the names of these filters begin.
pub(crate) const PREFIX: &str = "envoy.filters.http.wasm/envoyextensionpolicy/";

//! Finds the plugin configurations: in a bootstrap, in a mesh's resource, or the file itself.

use super::fields::Fields;
use super::suggest;
use super::tree::{Field, Kind, Node};

/// What a document holds.
pub(crate) enum Found<'t> {
    /// It is a plugin configuration itself.
    Bare,
    /// Filters, or resources that become filters.
    Plugins(Vec<Plugin<'t>>),
    /// Something else.
    Nothing,
}

/// A filter of ours.
pub(crate) struct Plugin<'t> {
    /// The entry of `http_filters`, or the `TypedExtensionConfig`.
    pub(crate) entry: Option<&'t Node>,
    /// The `config` of an Envoy filter (`PluginConfig`). `None` for a resource of a mesh, which
    /// generates it.
    pub(crate) settings: Option<&'t Node>,
    /// The resource of a mesh that holds it.
    pub(crate) resource: Option<&'t Node>,
    /// The place to show for a missing field.
    pub(crate) owner: &'t Node,
    /// The configuration as it is written.
    pub(crate) configuration: Option<&'t Node>,
}

impl<'t> Plugin<'t> {
    /// The environment variables that the VM is given as they are.
    pub(crate) fn given(&self) -> &'t [Field] {
        let path = ["vm_config", "environment_variables", "key_values"];
        self.settings.and_then(|it| it.at(&path)).map(Node::fields).unwrap_or_default()
    }

    /// The name of the filter.
    pub(crate) fn name(&self) -> Option<&'t str> {
        self.entry?.get("name").and_then(Node::text)
    }
}

/// Searches the document.
pub(crate) fn find(document: &Node) -> Found<'_> {
    let mut plugins = Vec::new();
    filters(document, None, &mut plugins);
    plugins.extend(resources(document));
    plugins.retain(|it| is_ours(it) && !is_loopback(it));
    if !plugins.is_empty() {
        return Found::Plugins(plugins);
    }
    if is_bare(document) { Found::Bare } else { Found::Nothing }
}

/// Collects the Wasm filters. `entry` is the object around `node`.
fn filters<'t>(node: &'t Node, entry: Option<&'t Node>, plugins: &mut Vec<Plugin<'t>>) {
    if let Some(settings) = settings(node) {
        let configuration = settings.get("configuration");
        let (settings, owner) = (Some(settings), settings);
        plugins.push(Plugin { entry, settings, resource: None, owner, configuration });
    }
    node.items().iter().for_each(|item| filters(item, None, plugins));
    node.fields().iter().for_each(|field| filters(&field.value, Some(node), plugins));
}

/// The `config` of a Wasm filter, also where a `TypedStruct` wraps it, as in an EnvoyFilter.
pub(crate) fn settings(node: &Node) -> Option<&Node> {
    let is = |name| node.get(name).and_then(Node::text).is_some_and(|it| it.ends_with(WASM_FILTER));
    if is("@type") {
        return node.get("config");
    }
    if is("type_url") { node.at(&["value", "config"]) } else { None }
}

/// The resources of meshes that hold a plugin configuration without Envoy's own form around it.
fn resources(document: &Node) -> Vec<Plugin<'_>> {
    let plugin = |owner, configuration| Plugin {
        entry: None,
        settings: None,
        resource: Some(document),
        owner,
        configuration,
    };
    let Some(spec) = document.get("spec") else { return Vec::new() };
    match document.get("kind").and_then(Node::text) {
        Some("WasmPlugin") => vec![plugin(spec, spec.get("pluginConfig"))],
        Some("TrafficExtension") => {
            let wasm = spec.get("wasm").unwrap_or(spec);
            vec![plugin(wasm, wasm.get("pluginConfig"))]
        }
        Some("EnvoyExtensionPolicy") => {
            let items = spec.get("wasm").map(Node::items).unwrap_or_default();
            items.iter().map(|item| plugin(item, item.get("config"))).collect()
        }
        _ => Vec::new(),
    }
}

/// Whether the plugin is that of a loopback listener, which has no configuration.
fn is_loopback(plugin: &Plugin<'_>) -> bool {
    let root_id = plugin.settings.and_then(|it| it.get("root_id")).and_then(Node::text);
    root_id == Some(LOOPBACK_ROOT_ID)
}

/// Whether the plugin is imagegate and not another one.
fn is_ours(plugin: &Plugin<'_>) -> bool {
    // Its names, and where its code comes from.
    let fields = plugin.owner.fields().iter();
    let mut named = plugin.name().is_some_and(|name| name.contains(NAME));
    for field in
        fields.filter(|field| field.name != "configuration" && field.name != "pluginConfig")
    {
        named |= mentions(&field.value);
    }
    let looks = |node: &Node| {
        let text = node.get("value").unwrap_or(node).text().unwrap_or_default();
        let fields = node.get("value").unwrap_or(node);
        let has = |name| fields.get(name).is_some() || text.contains(&format!("\"{name}\""));
        has("upstreams") && (has("consumers") || has("consumers_from"))
    };
    named || plugin.configuration.is_some_and(looks)
}

/// Whether a text in it has our name.
pub(crate) fn mentions(node: &Node) -> bool {
    let mut found = false;
    node.walk(&mut |node| found |= node.text().is_some_and(|text| text.contains(NAME)));
    found
}

/// Whether the document is meant as a plugin configuration: by fields that only one has, or by most
/// of its names.
fn is_bare(document: &Node) -> bool {
    // JSON text that cannot be read: the parser says why.
    if matches!(&document.kind, Kind::Text(text) if text.lines.is_empty()) {
        return true;
    }
    if is_envoy(document) {
        return false;
    }
    let fields = Fields::get();
    let known = fields.names("");
    let names: Vec<_> = document.fields().iter().map(|field| field.name.as_str()).collect();
    let own = ["upstreams", "consumers"];
    let is_own = |name: &&str| suggest::nearest(name, own).is_some();
    let count = names.iter().filter(|name| known.contains(name)).count();
    names.iter().any(is_own) || count >= 2
}

/// Whether it is something of Envoy's or of Kubernetes'.
pub(crate) fn is_envoy(document: &Node) -> bool {
    let names = [
        "static_resources",
        "dynamic_resources",
        "layered_runtime",
        "resources",
        "admin",
        "kind",
        "apiVersion",
        "@type",
    ];
    let is_list_of_types = |item: &Node| item.get("@type").is_some();
    names.iter().any(|name| document.get(name).is_some())
        || document.items().iter().any(is_list_of_types)
}

const WASM_FILTER: &str = "envoy.extensions.filters.http.wasm.v3.Wasm";
/// What the names of our filter have in them.
pub(crate) const NAME: &str = "imagegate";
/// The `root_id` of the filter on a loopback listener.
pub(crate) const LOOPBACK_ROOT_ID: &str = "imagegate_loopback";

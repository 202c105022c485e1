//! Where the plugin configurations are: in a bootstrap, in a mesh's resource, or the file is one itself.

use super::tree::{Kind, Node};

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
    /// The `config` of an Envoy filter (`PluginConfig`); `None` for a resource of a mesh, which writes it.
    pub(crate) settings: Option<&'t Node>,
    /// Where to point at what is missing.
    pub(crate) owner: &'t Node,
    /// The configuration as it is written.
    pub(crate) configuration: Option<&'t Node>,
}

/// Looks through the document.
pub(crate) fn find(document: &Node) -> Found<'_> {
    let mut plugins = Vec::new();
    document.walk(&mut |node| {
        if let Some(settings) = settings(node) {
            let configuration = settings.get("configuration");
            plugins.push(Plugin { settings: Some(settings), owner: settings, configuration });
        }
    });
    plugins.extend(resources(document));
    plugins.retain(is_ours);
    if !plugins.is_empty() {
        return Found::Plugins(plugins);
    }
    let other = [
        "static_resources",
        "dynamic_resources",
        "resources",
        "admin",
        "kind",
        "apiVersion",
        "@type",
    ];
    match &document.kind {
        Kind::Object(_) if other.iter().any(|name| document.get(name).is_some()) => Found::Nothing,
        // An empty document between two `---` is nothing; an empty file is told below as such.
        Kind::Null => Found::Nothing,
        _ => Found::Bare,
    }
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
    let plugin = |owner, configuration| Plugin { settings: None, owner, configuration };
    let Some(spec) = document.get("spec") else { return Vec::new() };
    match document.get("kind").and_then(Node::text) {
        Some("WasmPlugin") => vec![plugin(spec, spec.get("pluginConfig"))],
        Some("EnvoyExtensionPolicy") => {
            let items = spec.get("wasm").map(Node::items).unwrap_or_default();
            items.iter().map(|item| plugin(item, item.get("config"))).collect()
        }
        _ => Vec::new(),
    }
}

/// Whether the plugin is imagegate and not another one.
fn is_ours(plugin: &Plugin<'_>) -> bool {
    let mut named = false;
    // Its names, and where its code comes from.
    for field in plugin.owner.fields().iter().filter(|field| field.name != "configuration") {
        field
            .value
            .walk(&mut |node| named |= node.text().is_some_and(|text| text.contains("imagegate")));
    }
    let looks = |node: &Node| {
        let text = node.get("value").unwrap_or(node).text().unwrap_or_default();
        let fields = node.get("value").unwrap_or(node);
        let has = |name| fields.get(name).is_some() || text.contains(&format!("\"{name}\""));
        has("upstreams") && has("consumers")
    };
    named || plugin.configuration.is_some_and(looks)
}

const WASM_FILTER: &str = "envoy.extensions.filters.http.wasm.v3.Wasm";

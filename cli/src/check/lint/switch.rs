//! Whether the filter runs on a route: `disabled` of the filter, and `typed_per_filter_config`.

use super::super::tree::{Field, Node};
use super::gate::Gate;

/// Whether the filter runs on requests of a route. The innermost setting holds: that of the route,
/// of its virtual host, of the route configuration, and last that of the filter.
pub(super) fn is_on(gate: &Gate<'_>, places: [&Node; 3]) -> bool {
    let setting = places.iter().find_map(|place| setting(place, gate.name));
    match setting {
        Some(field) => !is_disabled(&field.value),
        None => !gate.filter.get("disabled").is_some_and(Node::is_true),
    }
}

/// What a place says about the filter.
pub(super) fn setting<'t>(place: &'t Node, name: &str) -> Option<&'t Field> {
    let settings = place.get("typed_per_filter_config")?;
    settings.fields().iter().find(|field| field.name == name)
}

/// A `FilterConfig`, perhaps in a `TypedStruct`.
fn is_disabled(config: &Node) -> bool {
    config.get("value").unwrap_or(config).get("disabled").is_some_and(Node::is_true)
}

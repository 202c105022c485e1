//! Where patches of an EnvoyFilter apply, one compared with another.

use super::super::super::configurations::value;
use super::super::super::tree::{Kind, Node};

/// How much of the places of one patch another has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cover {
    /// All of them.
    All,
    /// Maybe some: it names a place, and the one patch names none.
    Some,
    /// None: they name two places.
    None,
}

/// How much of the places of the patch `one` those of `other` are, by these keys of `match`.
pub(crate) fn cover(other: &Node, one: &Node, keys: &[&[&str]]) -> Cover {
    let mut covers = Cover::All;
    for key in keys {
        let [of_other, of_one] = [other, one].map(|patch| {
            let found = patch.get("match").and_then(|it| it.at(key));
            found.filter(|it| !is_empty(it)).map(value)
        });
        match (of_other, of_one) {
            (Some(other), Some(one)) if other == one => {}
            // Patterns and lists may have places in common.
            (Some(_), Some(_)) if !OPEN.contains(key) => return Cover::None,
            (Some(_), _) => covers = Cover::Some,
            _ => {}
        }
    }
    covers
}

/// Values that select nothing.
fn is_empty(node: &Node) -> bool {
    match &node.kind {
        Kind::Null => true,
        Kind::Number(number) => *number == 0.0,
        Kind::Text(text) => text.value.is_empty(),
        _ => false,
    }
}

/// Keys that may select the same with two values.
const OPEN: [&[&str]; 2] = [&["proxy"], &["listener", "filterChain", "applicationProtocols"]];
/// What selects a listener.
pub(crate) const LISTENER: &[&[&str]] =
    &[&["proxy"], &["listener", "name"], &["listener", "portNumber"]];
/// What selects a filter chain, and what is in it.
pub(crate) const FILTER_CHAIN: &[&[&str]] = &[
    &["proxy"],
    &["listener", "name"],
    &["listener", "portNumber"],
    &["listener", "filterChain", "name"],
    &["listener", "filterChain", "sni"],
    &["listener", "filterChain", "transportProtocol"],
    &["listener", "filterChain", "applicationProtocols"],
    &["listener", "filterChain", "destinationPort"],
];
/// What selects a virtual host, and what is in it.
pub(crate) const VIRTUAL_HOST: &[&[&str]] = &[
    &["proxy"],
    &["routeConfiguration", "name"],
    &["routeConfiguration", "portNumber"],
    &["routeConfiguration", "portName"],
    &["routeConfiguration", "gateway"],
    &["routeConfiguration", "vhost", "name"],
];

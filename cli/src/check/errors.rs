//! All errors of one configuration, as the filter's own parser reports them. The parser stops at
//! the first.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::ops::Range;

use imagegate::config::{Config, ConfigError, Fault};

use super::Environment;
use super::draft::{Draft, VARIABLE};
use super::encode;
use super::facts::Facts;
use super::tree::{self, Node};

/// An error and its place in the given tree.
pub(crate) struct Located {
    /// The error; its pointer is the document's.
    pub(crate) error: ConfigError,
    /// The pointer with the right names, for the schema.
    pub(crate) canonical: String,
    /// The value, or the name of the field if the name is wrong.
    pub(crate) span: Range<usize>,
    /// The object that holds the value.
    pub(crate) owner: Option<Node>,
}

/// The result of reading a configuration.
#[derive(Default)]
pub(crate) struct Reading {
    /// All errors, in no order.
    pub(crate) errors: Vec<Located>,
    /// The search for errors ended early: there may be more.
    pub(crate) gave_up: bool,
    /// What the settings of Envoy are compared with, from the valid parts.
    pub(crate) facts: Option<Facts>,
    /// The environment variables of credentials.
    pub(crate) variables: BTreeSet<String>,
}

/// Reads `bytes`, which hold the same as `tree`. `as_struct` if Envoy makes a
/// `google.protobuf.Struct` of it.
pub(crate) fn read(
    bytes: &[u8],
    tree: Option<&Node>,
    as_struct: bool,
    environment: &Environment<'_>,
) -> Reading {
    let variables = RefCell::new(BTreeSet::new());
    let look_up = |name: &str| {
        if name == VARIABLE {
            return Some("assumed".to_owned());
        }
        variables.borrow_mut().insert(name.to_owned());
        environment.look_up(name)
    };
    let mut reading = read_all(bytes, tree, as_struct, &look_up);
    reading.variables = variables.into_inner();
    reading
}

fn read_all(
    bytes: &[u8],
    tree: Option<&Node>,
    as_struct: bool,
    look_up: &dyn Fn(&str) -> Option<String>,
) -> Reading {
    let mut reading = Reading::default();
    let mut outcome = Config::parse(bytes, look_up);
    let Some(tree) = tree else {
        // Not JSON: there is nothing to repair.
        let located = |error| Located { error, canonical: String::new(), span: 0..0, owner: None };
        reading.errors.extend(outcome.err().map(located));
        return reading;
    };
    let mut draft = Draft::new(tree.clone());
    for _ in 0..MAX_ROUNDS {
        let error = match outcome {
            Ok(config) => {
                reading.facts = Some(Facts::of(&config, tree, &draft));
                return reading;
            }
            Err(error) => error,
        };
        let (is_own, located) = (!draft.is_consequence(&error), locate(&draft, &error));
        let is_repaired = draft.repair(&error);
        if is_own {
            reading.errors.push(located.with(error));
        }
        if !is_repaired {
            break;
        }
        let repaired = draft.tree();
        let bytes = if as_struct { encode::as_struct(repaired) } else { encode::as_json(repaired) };
        outcome = Config::parse(&bytes, look_up);
    }
    reading.gave_up = true;
    reading
}

/// The place of an error.
struct Place {
    pointer: String,
    span: Range<usize>,
    owner: Option<Node>,
}

impl Place {
    /// The error here, with the pointer that the document has.
    fn with(self, error: ConfigError) -> Located {
        let canonical = error.pointer;
        let error = ConfigError { pointer: self.pointer, fault: error.fault };
        Located { error, canonical, span: self.span, owner: self.owner }
    }
}

fn locate(draft: &Draft, error: &ConfigError) -> Place {
    let tree = draft.tree();
    let names_field = matches!(
        error.fault,
        Fault::UnknownField { .. } | Fault::SameName | Fault::ReservedHeader { .. }
    );
    let name = tree.locate_name(&error.pointer).filter(|_| names_field);
    let span = name.unwrap_or_else(|| tree.locate(&error.pointer));
    let owner = tree::split(&error.pointer).map_or(Some(tree), |(it, _)| tree.pointed(it));
    Place { pointer: draft.written(&error.pointer), span, owner: owner.cloned() }
}

/// One round for each error.
const MAX_ROUNDS: usize = 300;

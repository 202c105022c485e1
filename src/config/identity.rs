//! `identity`: the name of the caller, from an earlier filter of Envoy.

use std::collections::BTreeMap;

use super::error::{ConfigError, Fault};
use super::file::IdentityFile;
use super::pointer::Pointer;
use super::text;

/// Where the name of the caller is. An earlier filter has authenticated it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Identity {
    /// In a request header, in lower case.
    Header(String),
    /// In a property of Envoy: its path.
    Property(Vec<String>),
}

/// The consumers by the names that the mesh gives them: the place of each, and that of the name in
/// its list.
pub(super) type Identities = BTreeMap<String, (usize, usize)>;

/// Compiles `identity`.
///
/// # Errors
///
/// The first field that breaks a rule.
pub(super) fn compile(file: Option<IdentityFile>) -> Result<Option<Identity>, ConfigError> {
    let here = Pointer::default().key("identity");
    let Some(file) = file else { return Ok(None) };
    match (file.header, file.property) {
        (Some(name), None) => {
            let name = name.to_ascii_lowercase();
            let carries_key = KEY_HEADERS.contains(&name.as_str());
            if !text::is_header_name(&name) || carries_key {
                return Err(here.key("header").invalid());
            }
            Ok(Some(Identity::Header(name)))
        }
        (None, Some(path)) => {
            let here = here.key("property");
            if path.is_empty() || path.len() > MAX_PATH_SEGMENTS {
                return Err(here.out_of_range());
            }
            for (index, segment) in path.iter().enumerate() {
                if !text::is_name(segment) {
                    return Err(here.index(index).invalid());
                }
            }
            Ok(Some(Identity::Property(path)))
        }
        (None, None) | (Some(_), Some(_)) => Err(here.invalid()),
    }
}

/// Adds the names of the consumer at `index` of the list that is at `consumers`.
///
/// # Errors
///
/// A name is invalid, or another consumer has it, or there is no `identity` to read names from.
pub(super) fn note(
    names: Option<Vec<String>>,
    index: usize,
    consumers: &Pointer,
    source: Option<&Identity>,
    known: &mut Identities,
) -> Result<(), ConfigError> {
    let list = |index| consumers.index(index).key("identities");
    let Some(names) = names else { return Ok(()) };
    let here = list(index);
    if source.is_none() {
        return Err(here.fault(Fault::NoIdentity));
    }
    if names.is_empty() {
        return Err(here.empty());
    }
    for (place, name) in names.into_iter().enumerate() {
        let here = here.index(place);
        if !is_identity(name.as_bytes()) {
            return Err(here.invalid());
        }
        if let Some((first, its_place)) = known.insert(name, (index, place)) {
            return Err(here.repeats(&list(first).index(its_place)));
        }
    }
    Ok(())
}

/// Whether the bytes can be the name of a caller: a SPIFFE id, a subject, a URI.
pub(super) fn is_identity(bytes: &[u8]) -> bool {
    (1..=MAX_IDENTITY_BYTES).contains(&bytes.len()) && bytes.iter().all(u8::is_ascii_graphic)
}

/// They carry a key, which is checked first and decides alone.
const KEY_HEADERS: [&str; 3] = ["authorization", "x-api-key", "api-key"];
/// `metadata`, `filter_metadata`, a filter, and some levels of its payload.
const MAX_PATH_SEGMENTS: usize = 16;
/// The most that a SPIFFE id may have (SPIFFE-ID §2.3).
const MAX_IDENTITY_BYTES: usize = 2_048;

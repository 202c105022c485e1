//! Lists that select: the models and sizes of a consumer, and the scope of a rule.

use super::error::ConfigError;
use super::pointer::Pointer;
use crate::pattern::Pattern;

/// Compiles each entry. An empty list is rejected: it is more often a mistake than a wish to select
/// nothing.
pub(super) fn compile<T>(
    file: Option<Vec<String>>,
    here: &Pointer,
    entry: impl Fn(String, &Pointer) -> Result<T, ConfigError>,
) -> Result<Option<Vec<T>>, ConfigError> {
    let Some(list) = file else { return Ok(None) };
    if list.is_empty() {
        return Err(here.empty());
    }
    let entries = list.into_iter().enumerate();
    entries.map(|(index, text)| entry(text, &here.index(index))).collect::<Result<_, _>>().map(Some)
}

/// An entry that is a pattern for model names.
pub(super) fn pattern(text: String, here: &Pointer) -> Result<Pattern, ConfigError> {
    Pattern::parse(&text).ok_or_else(|| here.invalid())
}

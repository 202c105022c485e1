//! `groups`: the groups that a consumer or a user belongs to, such as teams.
//!
//! A group exists by being named. A caller belongs to the groups of its consumer and of its user.

use std::borrow::Cow;

use super::error::ConfigError;
use super::list;
use super::pointer::Pointer;
use super::text;

/// Compiles the list at `here`.
///
/// # Errors
///
/// The list is empty or too long, or a name is invalid or there twice.
pub(super) fn compile(
    file: Option<Vec<String>>,
    here: &Pointer,
) -> Result<Box<[String]>, ConfigError> {
    if file.as_ref().is_some_and(|names| names.len() > MAX_GROUPS) {
        return Err(here.out_of_range());
    }
    let name = |name: String, here: &Pointer| match text::is_name(&name) {
        true => Ok(name),
        false => Err(here.invalid()),
    };
    let names = list::compile(file, here, name)?.unwrap_or_default();
    for (index, name) in names.iter().enumerate() {
        match names.iter().position(|it| it == name) {
            Some(first) if first < index => {
                return Err(here.index(index).repeats(&here.index(first)));
            }
            _ => {}
        }
    }
    Ok(names.into())
}

/// The groups of either list, each once.
pub fn union<'g>(consumer: &'g [String], user: &'g [String]) -> Cow<'g, [String]> {
    match (consumer, user) {
        (groups, []) | ([], groups) => Cow::Borrowed(groups),
        (consumer, user) => {
            let others = user.iter().filter(|it| !consumer.contains(it));
            Cow::Owned(consumer.iter().chain(others).cloned().collect())
        }
    }
}

/// The groups of one consumer, or of one user. Each is a state to read and write in each rule `per`
/// group.
const MAX_GROUPS: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_of_both_counts_once() {
        let list = |names: &[&str]| names.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>();
        for (consumer, user, expected) in [
            (list(&[]), list(&[]), list(&[])),
            (list(&["a"]), list(&[]), list(&["a"])),
            (list(&[]), list(&["b"]), list(&["b"])),
            (list(&["a", "b"]), list(&["b", "c"]), list(&["a", "b", "c"])),
        ] {
            assert_eq!(*union(&consumer, &user), *expected);
        }
    }
}

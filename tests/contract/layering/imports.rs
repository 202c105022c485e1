//! The files of `src/`, and the paths that each of them names.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

pub(super) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

pub(super) fn sources() -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => folders.push(path),
                false => found.push(path),
            }
        }
    }
    assert!(found.len() > 20, "src/ was not found");
    found.sort();
    found
}

/// The path of the module that a file is: `["exchange", "upstream", "call"]`.
pub(super) fn module(path: &Path) -> Vec<String> {
    let inner = path.strip_prefix(root()).unwrap().with_extension("");
    let mut names: Vec<_> = inner.iter().map(|name| name.to_str().unwrap().to_owned()).collect();
    if names.last().is_some_and(|name| name == "mod") {
        names.pop();
    }
    names
}

/// The module of `src/` that a file belongs to.
pub(super) fn layer(path: &Path) -> String {
    module(path).first().cloned().unwrap_or_default()
}

/// The lines of a file that are code: no comments.
pub(super) fn code(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap();
    text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

/// All paths that a file names from `crate` or `super`, with groups spelt out, from `src/` on.
pub(super) fn named(path: &Path) -> BTreeSet<Vec<String>> {
    let own = module(path);
    let code = code(path);
    // A test module inside the file has one more parent. It stays inside the file.
    let code = code.split("#[cfg(test)]\nmod tests {").next().unwrap();
    let mut found = BTreeSet::new();
    for start in ["crate::", "super::", "self::"] {
        for (at, _) in code.match_indices(start) {
            let before = &code[..at];
            let is_part =
                before.ends_with(|it: char| it.is_alphanumeric() || it == '_' || it == ':');
            // `pub(in …)` says who may see a thing, not what the file uses.
            let is_skipped = is_part || before.ends_with("pub(in ");
            if !is_skipped {
                expand(&code[at..], Vec::new(), &mut |names| {
                    found.extend(resolve(&own, &names));
                });
            }
        }
    }
    found
}

/// Follows a path into each member of a group. Returns the rest of the text.
fn expand<'t>(text: &'t str, so_far: Vec<String>, found: &mut dyn FnMut(Vec<String>)) -> &'t str {
    let mut text = text.trim_start();
    if let Some(mut rest) = text.strip_prefix('{') {
        while !rest.trim_start().starts_with('}') {
            rest = expand(rest, so_far.clone(), found).trim_start();
            match rest.strip_prefix(',') {
                Some(more) => rest = more,
                None => break,
            }
        }
        return rest.trim_start().strip_prefix('}').unwrap_or(rest);
    }
    let end = text.find(|it: char| !it.is_alphanumeric() && it != '_').unwrap_or(text.len());
    let mut names = so_far;
    if end > 0 {
        names.push(text[..end].to_owned());
    }
    text = &text[end..];
    match text.strip_prefix("::") {
        Some(rest) if end > 0 => expand(rest, names, found),
        _ => {
            found(names);
            let alias = text.trim_start().strip_prefix("as ");
            alias.map_or(text, |rest| {
                rest.trim_start_matches(|it: char| it.is_alphanumeric() || it == '_')
            })
        }
    }
}

/// A named path from `src/` on. `None` if it is not one.
fn resolve(own: &[String], names: &[String]) -> Option<Vec<String>> {
    let (first, mut rest) = names.split_first()?;
    let mut from = match first.as_str() {
        "crate" => Vec::new(),
        "super" => own.split_last()?.1.to_vec(),
        "self" => own.to_vec(),
        _ => return None,
    };
    while let Some((next, more)) = rest.split_first() {
        if next != "super" {
            break;
        }
        from.pop();
        rest = more;
    }
    from.extend_from_slice(rest);
    Some(from)
}

#[test]
fn a_group_of_imports_is_spelt_out() {
    let mut found = Vec::new();
    let text = "crate::{\n    upstream::{event::Info as I, path},\n    openai::error::Failure,\n};";
    expand(text, Vec::new(), &mut |names| found.push(names.join("::")));
    assert_eq!(
        found,
        ["crate::upstream::event::Info", "crate::upstream::path", "crate::openai::error::Failure"]
    );
    let own = ["exchange", "upstream", "call", "opening"].map(str::to_owned);
    let names = ["super", "super", "rests"].map(str::to_owned);
    assert_eq!(resolve(&own, &names).unwrap(), ["exchange", "upstream", "rests"]);
}

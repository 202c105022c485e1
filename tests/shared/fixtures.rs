//! The files of tests: inputs, and beside each the expected output.
//!
//! `UPDATE_GOLDEN=1` rewrites the expected output. Review the difference like code.
//!
//! Why not `insta`: an expectation keeps the format that people and programs read, under the name
//! of its input (`<case>.json` and `<case>.codex.json`), or is a part of a page of `docs/`. `insta`
//! would keep each in a `.snap` file with its own header.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

/// Whether to rewrite expectations.
pub(crate) fn rewriting() -> bool {
    env::var_os("UPDATE_GOLDEN").is_some()
}

/// The files of a folder whose names are wanted, in the order of their names.
#[track_caller]
pub(crate) fn files(folder: &Path, wanted: impl Fn(&str) -> bool) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|it| panic!("{}: {it}", folder.display()));
    let mut files: Vec<_> = entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| wanted(path.file_name().unwrap().to_str().unwrap()))
        .collect();
    assert!(!files.is_empty(), "{} has no such file", folder.display());
    files.sort();
    files
}

/// Asserts that the file holds this text, or rewrites it.
#[track_caller]
pub(crate) fn assert_expected(file: &Path, actual: &str) {
    if rewriting() {
        fs::write(file, actual).unwrap();
        return;
    }
    let expected = fs::read_to_string(file).unwrap_or_else(|it| {
        panic!("{}: {it}; UPDATE_GOLDEN=1 writes it:\n{actual}", file.display())
    });
    if actual == expected {
        return;
    }
    let same = actual.lines().zip(expected.lines()).take_while(|(is, was)| is == was).count();
    let line = |text: &str| text.lines().nth(same).unwrap_or("the end").to_owned();
    panic!(
        "{}:{}: UPDATE_GOLDEN=1 rewrites it\nexpected: {}\nactual:   {}",
        file.display(),
        same + 1,
        line(&expected),
        line(actual),
    );
}

//! The architecture, as a test: who may name whom, and how long a file may be.

use std::fs;
use std::path::{Path, PathBuf};

/// Files stay below this; the aim is 300.
const MAX_LINES: usize = 400;

/// Each module of `src/` and what it may use of the others.
const LAYERS: &[(&str, &[&str])] = &[
    ("filter", &["exchange", "config", "limits", "prices", "memory"]),
    (
        "exchange",
        &[
            "translate",
            "auth",
            "config",
            "openai",
            "codex",
            "limits",
            "prices",
            "pool",
            "memory",
            "multipart",
            "decimal",
        ],
    ),
    (
        "translate",
        &[
            "config",
            "openai",
            "codex",
            "limits",
            "prices",
            "pool",
            "sse",
            "multipart",
            "memory",
            "decimal",
        ],
    ),
    ("auth", &["config", "openai"]),
    ("config", &["openai", "codex", "limits", "prices", "pattern", "name", "decimal"]),
    ("openai", &["multipart"]),
    ("codex", &["memory"]),
    ("limits", &["pattern", "decimal"]),
    ("prices", &["pattern", "decimal"]),
    ("pool", &["limits"]),
    ("sse", &[]),
    ("multipart", &[]),
    ("memory", &[]),
    ("pattern", &["name"]),
    ("name", &[]),
    ("decimal", &[]),
];

fn sources() -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
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
    found
}

/// The module of `src/` that a file belongs to.
fn layer(path: &Path) -> String {
    let inner = path.strip_prefix(Path::new(env!("CARGO_MANIFEST_DIR")).join("src")).unwrap();
    let first = inner.components().next().unwrap().as_os_str().to_str().unwrap();
    first.trim_end_matches(".rs").to_owned()
}

/// The lines of a file that are code: no comments.
fn code(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap();
    text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

#[test]
fn only_the_shell_names_the_host() {
    for path in sources().iter().filter(|path| layer(path) != "filter") {
        assert!(!code(path).contains("proxy_wasm"), "{}", path.display());
    }
}

/// The lints deny unsafe code where it is not expected by name.
#[test]
fn one_file_has_unsafe_code() {
    let found: Vec<_> =
        sources().into_iter().filter(|path| code(path).contains("unsafe_code")).collect();
    assert!(found.len() == 1 && found[0].ends_with("filter/reply.rs"), "{found:?}");
}

#[test]
fn only_the_shell_logs_and_reads_the_clock() {
    for path in sources().iter().filter(|path| layer(path) != "filter") {
        let code = code(path);
        for word in ["log::", "println!", "SystemTime", "Instant::now", "std::env::var"] {
            assert!(!code.contains(word), "{} names {word}", path.display());
        }
    }
}

#[test]
fn a_module_uses_only_what_its_layer_may() {
    for path in sources() {
        let own = layer(&path);
        if own == "lib" {
            continue;
        }
        let allowed = LAYERS.iter().find(|(name, _)| *name == own);
        let (_, allowed) = allowed.unwrap_or_else(|| panic!("{own} has no layer"));
        let code = code(&path);
        for (other, _) in LAYERS.iter().filter(|(name, _)| *name != own) {
            let named = code.contains(&format!("crate::{other}::"))
                || code.contains(&format!("crate::{{{other}"))
                || code.contains(&format!("use crate::{other}"));
            assert!(!named || allowed.contains(other), "{} names {other}", path.display());
        }
    }
}

#[test]
fn no_file_is_too_long_to_read() {
    for path in sources() {
        let lines = fs::read_to_string(&path).unwrap().lines().count();
        assert!(lines <= MAX_LINES, "{} has {lines} lines", path.display());
    }
}

#[test]
fn each_file_says_what_it_is_for() {
    for path in sources().iter().filter(|path| !path.ends_with("tests.rs")) {
        let text = fs::read_to_string(path).unwrap();
        assert!(text.starts_with("//! "), "{} has no opening words", path.display());
    }
}

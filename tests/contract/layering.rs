//! The architecture, as a test: which module may use which, and how long a file may be.

mod imports;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

use imports::{code, layer, module, named, root, sources};

/// Files stay below this; the aim is 300.
const MAX_LINES: usize = 400;

/// A module, and the modules that it uses. A list names only modules further down, so there is no
/// circle.
type Layers<'a> = &'a [(&'a str, &'a [&'a str])];

/// Each module of `src/`.
const LAYERS: Layers<'_> = &[
    ("filter", &["loopback", "exchange", "feed", "config", "limits"]),
    ("loopback", &["exchange"]),
    (
        "exchange",
        &[
            "translate",
            "auth",
            "feed",
            "config",
            "openai",
            "upstream",
            "pool",
            "limits",
            "prices",
            "memory",
            "multipart",
            "order",
            "coding",
            "span",
        ],
    ),
    (
        "translate",
        &[
            "config",
            "openai",
            "upstream",
            "pool",
            "limits",
            "prices",
            "sse",
            "multipart",
            "memory",
            "decimal",
            "span",
        ],
    ),
    ("auth", &["feed", "config", "openai"]),
    ("feed", &["config", "limits", "coding", "span"]),
    ("config", &["openai", "upstream", "limits", "prices", "pattern", "name", "decimal"]),
    ("openai", &["multipart", "order", "span"]),
    ("upstream", &["memory"]),
    ("pool", &["limits", "order"]),
    ("limits", &["pattern", "order", "span"]),
    ("prices", &["pattern", "decimal", "order"]),
    ("sse", &[]),
    ("multipart", &[]),
    ("memory", &[]),
    ("pattern", &["name"]),
    ("name", &[]),
    ("decimal", &[]),
    ("order", &[]),
    ("coding", &[]),
    ("span", &[]),
];

/// Each folder and file of `src/exchange/`. `mod` is its `mod.rs`.
const EXCHANGE: Layers<'_> = &[
    ("carried", &["mod", "head"]),
    ("inputs", &["mod", "deliver", "effect", "head", "outcome"]),
    (
        "mod",
        &[
            "admit", "deliver", "account", "gauges", "upstream", "shared", "vm", "effect", "head",
            "outcome",
        ],
    ),
    ("gauges", &["shared", "metrics"]),
    ("admit", &["deliver", "account", "upstream", "shared", "effect", "head", "outcome"]),
    ("deliver", &["account", "upstream", "shared", "effect", "head", "outcome"]),
    ("account", &["upstream", "shared", "notice", "effect", "metrics", "outcome"]),
    ("upstream", &["shared", "effect", "head", "metrics", "outcome"]),
    ("shared", &["late", "vm", "effect"]),
    ("late", &[]),
    ("vm", &["effect"]),
    ("notice", &[]),
    ("effect", &["metrics", "outcome"]),
    ("head", &[]),
    ("metrics", &[]),
    ("outcome", &[]),
];

/// Asserts that each module uses exactly the modules that `layers` lists for it, and that these are
/// below it.
fn assert_layers(layers: Layers<'_>, uses: &BTreeMap<String, BTreeMap<String, String>>) {
    let names: Vec<_> = layers.iter().map(|(name, _)| *name).collect();
    for (place, (name, allowed)) in layers.iter().enumerate() {
        for other in *allowed {
            let below = names.iter().position(|it| it == other);
            assert!(below.is_some_and(|it| it > place), "{name} uses {other}, which is above it");
        }
        let used = uses.get(*name).cloned().unwrap_or_default();
        for (other, file) in &used {
            assert!(allowed.contains(&other.as_str()), "{name} uses {other}, in {file}");
        }
        for other in *allowed {
            assert!(used.contains_key(*other), "{name} does not use {other}: take it out");
        }
    }
    for name in uses.keys() {
        assert!(names.contains(&name.as_str()), "{name} has no layer");
    }
}

#[test]
fn a_module_uses_exactly_what_its_layer_says() {
    let mut uses: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
    for path in sources().into_iter().filter(|path| layer(path) != "lib") {
        let own = layer(&path);
        let used = uses.entry(own.clone()).or_default();
        for names in named(&path) {
            let Some(other) = names.first().filter(|other| **other != own) else { continue };
            used.insert(other.clone(), path.display().to_string());
        }
    }
    assert_layers(LAYERS, &uses);
}

/// The folder or file of `src/exchange/` that a path from `src/` on leads to.
fn inner(names: &[String]) -> Option<String> {
    let (first, rest) = names.split_first()?;
    if first != "exchange" {
        return None;
    }
    // A type or a constant is in `mod.rs`.
    let name = rest.first().filter(|name| name.starts_with(|it: char| it.is_lowercase()));
    Some(name.cloned().unwrap_or_else(|| "mod".to_owned()))
}

#[test]
fn the_folders_of_exchange_use_exactly_what_their_layer_says() {
    let mut uses: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
    for path in sources() {
        let Some(own) = inner(&module(&path)) else { continue };
        let used = uses.entry(own.clone()).or_default();
        let mut names = named(&path);
        if own == "mod" {
            // `mod.rs` names its own folders without `super`.
            let code = code(&path);
            let folders = EXCHANGE.iter().filter(|(it, _)| *it != "inputs");
            let starts = |it: &str| {
                let (used, public) = (format!("\nuse {it}::"), format!("\npub use {it}::"));
                code.contains(&used) || code.contains(&public)
            };
            let named = folders.filter(|(it, _)| starts(it));
            names.extend(named.map(|(it, _)| vec!["exchange".to_owned(), (*it).to_owned()]));
        }
        for other in names.iter().filter_map(|names| inner(names)).filter(|it| *it != own) {
            used.insert(other, path.display().to_string());
        }
    }
    assert_layers(EXCHANGE, &uses);
}

/// What a file re-exports from its own folder does not count: it is a facade.
#[test]
fn no_files_name_each_other_in_a_circle() {
    let modules: BTreeSet<Vec<String>> = sources().iter().map(|path| module(path)).collect();
    // The file that holds what a path leads to.
    let file = |names: &[String]| {
        let mut known = (1..=names.len()).rev().map(|len| names[..len].to_vec());
        known.find(|it| modules.contains(it)).map(|it| it.join("::"))
    };
    let mut arrows: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for path in sources() {
        let Some(own) = file(&module(&path)) else { continue };
        let others = named(&path).into_iter().filter_map(|names| file(&names));
        arrows.entry(own.clone()).or_default().extend(others.filter(|it| *it != own));
    }
    assert!(arrows.values().map(BTreeSet::len).sum::<usize>() > 300, "imports were not found");
    // Takes out, again and again, a file that names no file that is left.
    while let Some((end, _)) = arrows.iter().find(|(_, others)| others.is_empty()) {
        let end = end.clone();
        arrows.remove(&end);
        arrows.values_mut().for_each(|others| {
            others.remove(&end);
        });
    }
    assert!(arrows.is_empty(), "in or before a circle: {arrows:#?}");
}

/// The files of `src/exchange` that hold one of these texts.
fn files_of_exchange_with(texts: &[&str]) -> Vec<String> {
    let sources = sources().into_iter().filter(|path| layer(path) == "exchange");
    let found = sources.filter(|path| texts.iter().any(|text| code(path).contains(text)));
    found.map(|path| path.strip_prefix(root()).unwrap().display().to_string()).collect()
}

#[test]
fn every_transition_of_an_exchange_is_in_one_file() {
    let written = ["self.phase = ", "&mut self.phase,"];
    assert_eq!(files_of_exchange_with(&written), ["exchange/mod.rs"]);
}

/// The driver settles the results of calls, `account` a request that a rule rejects, and `mod.rs`
/// what is left at the end of the exchange.
#[test]
fn money_is_settled_in_three_files() {
    let settled = ["account.settle(", "self.settle(&", ".settle(&charge"];
    assert_eq!(
        files_of_exchange_with(&settled),
        ["exchange/account/mod.rs", "exchange/deliver/driver.rs", "exchange/mod.rs"]
    );
}

#[test]
fn only_the_driver_lets_the_head_leave() {
    assert_eq!(files_of_exchange_with(&["Head::Left { last_sent:"]), ["exchange/deliver/leave.rs"]);
}

#[test]
fn only_the_shell_names_the_host() {
    for path in sources().iter().filter(|path| layer(path) != "filter") {
        assert!(!code(path).contains("proxy_wasm"), "{}", path.display());
    }
}

/// The lints deny unsafe code, unless a file expects it by name.
#[test]
fn two_files_have_unsafe_code() {
    let found: Vec<_> =
        sources().into_iter().filter(|path| code(path).contains("unsafe_code")).collect();
    let named = |(path, name): (&PathBuf, &str)| path.ends_with(name);
    let is_known = found.iter().zip(["filter/reply.rs", "filter/sdk.rs"]).all(named);
    assert!(found.len() == 2 && is_known, "{found:?}");
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
        assert!(text.starts_with("//! "), "{} does not begin with `//! `", path.display());
    }
}

//! `check`: what the filter would say to a configuration, and what it needs of the Envoy around it.
//!
//! ```text
//! file ─ yaml, json ─▶ trees with places ─ find ─▶ plugin configurations ─ plugin ─▶ Config::parse, or a fault
//!                                            └──── lint ─▶ warnings          └──────▶ report
//! ```
//!
//! Nothing of the file but the names of fields is ever shown: any value may be a secret.

mod configurations;
mod excerpt;
mod find;
mod json;
mod lint;
mod plugin;
mod report;
mod tree;
mod yaml;

use std::fs;
use std::io::Read;
use std::ops::Range;
use std::path::Path;

use crate::cli::CheckArguments;
use crate::exit::Failure;
pub(crate) use configurations::configurations;
use find::Found;
use tree::{Kind, Node, Text};

/// Something to tell about a file.
#[derive(Debug)]
pub(crate) struct Finding {
    /// How bad it is.
    pub(crate) level: Level,
    /// What it is, in words without values.
    pub(crate) title: String,
    /// Where it stands.
    pub(crate) span: Range<usize>,
    /// More about it: a label and words.
    pub(crate) notes: Vec<(&'static str, String)>,
}

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Level {
    /// Worth knowing.
    Note,
    /// The filter starts and will not serve as it should.
    Warning,
    /// The filter refuses this.
    Fault,
}

/// Where the variables of the VM's environment come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Environment {
    /// From this process.
    Here,
    /// They are set where Envoy runs.
    Assumed,
}

/// A file that was looked at.
struct Checked {
    source: String,
    /// All values, also those of JSON inside of text: what is shown of the file depends on them.
    trees: Vec<Node>,
    findings: Vec<Finding>,
    configurations: usize,
}

impl Finding {
    /// A fault at `span`.
    pub(crate) fn fault(title: impl Into<String>, span: Range<usize>) -> Self {
        Self { level: Level::Fault, title: title.into(), span, notes: Vec::new() }
    }

    /// A warning at `span`, and why it matters.
    pub(crate) fn warning(title: impl Into<String>, span: Range<usize>, why: &str) -> Self {
        let notes = vec![("why", why.to_owned())];
        Self { level: Level::Warning, title: title.into(), span, notes }
    }
}

/// Checks the files and tells what was found.
///
/// # Errors
///
/// A file that cannot be read, and faults, after all files were looked at.
pub(crate) fn run(arguments: &CheckArguments) -> Result<(), Failure> {
    let environment = if arguments.env { Environment::Here } else { Environment::Assumed };
    let (mut faults, mut warnings) = (0, 0);
    for path in &arguments.files {
        let (name, source) = read(path)?;
        let checked = check(source, path, environment);
        for finding in &checked.findings {
            report::tell(&name, &checked.source, &checked.trees, finding);
            faults += usize::from(finding.level == Level::Fault);
            warnings += usize::from(finding.level == Level::Warning);
        }
        report::sum(&name, checked.configurations, &checked.findings);
    }
    if faults > 0 || (arguments.strict && warnings > 0) { Err(Failure::Faults) } else { Ok(()) }
}

fn check(source: String, path: &Path, environment: Environment) -> Checked {
    let mut checked =
        Checked { source, trees: Vec::new(), findings: Vec::new(), configurations: 0 };
    let documents = match documents(&checked.source, path) {
        Ok(documents) => documents,
        Err(fault) => {
            checked.findings.push(fault);
            return checked;
        }
    };
    for document in &documents {
        check_document(document, environment, &mut checked);
    }
    if checked.configurations == 0 && checked.findings.is_empty() {
        let words = "no configuration of imagegate in this file";
        let accepted = "the plugin configuration, or a file with an HTTP filter of the type \
                        envoy.extensions.filters.http.wasm.v3.Wasm, an Istio WasmPlugin or an EnvoyExtensionPolicy whose name, \
                        root_id or code says imagegate";
        let mut fault = Finding::fault(words, 0..0);
        fault.notes.push(("accepted", accepted.to_owned()));
        checked.findings.push(fault);
    }
    // Notes of several plugins may be about one place.
    checked.findings.sort_by_key(|finding| finding.span.start);
    checked.findings.dedup_by(|a, b| a.title == b.title && a.span == b.span);
    checked.trees.extend(documents);
    checked
}

fn check_document(document: &Node, environment: Environment, checked: &mut Checked) {
    match find::find(document) {
        Found::Bare => {
            checked.configurations += 1;
            let whole = plugin::Written::bare(document, &checked.source);
            let outcome = plugin::check(&whole, None, environment);
            checked.trees.extend(outcome.tree);
            checked.findings.extend(outcome.findings);
        }
        Found::Plugins(plugins) => {
            for plugin in &plugins {
                checked.configurations += 1;
                let outcome = plugin::check_plugin(plugin, environment);
                checked.findings.extend(lint::check(document, plugin, outcome.config.as_ref()));
                checked.trees.extend(outcome.tree);
                checked.findings.extend(outcome.findings);
            }
        }
        Found::Nothing => {}
    }
}

/// The documents of the file: one of JSON, or any number of YAML.
fn documents(source: &str, path: &Path) -> Result<Vec<Node>, Finding> {
    if let Some(tree) = json::parse(source) {
        return Ok(vec![tree]);
    }
    let starts_json = source.trim_start().starts_with(['{', '[']);
    if path.extension().is_some_and(|end| end == "json") {
        // For the filter's own words about syntax. It refuses even what has a hole in it.
        return Ok(vec![Node {
            span: 0..source.len(),
            kind: Kind::Text(Text::opaque(source.to_owned())),
        }]);
    }
    yaml::parse(source).map_err(|error| {
        let mut fault = Finding::fault(error.to_string(), error.span());
        let accepted = match (&error, starts_json) {
            (yaml::Error::SameName(_), _) => "each name once in an object",
            (_, true) => "JSON or YAML; JSON alone is judged in files named .json",
            (_, false) => "YAML",
        };
        fault.notes.push(("accepted", accepted.to_owned()));
        fault
    })
}

fn read(path: &Path) -> Result<(String, String), Failure> {
    let fail = |error| Failure::file(path, error);
    let (name, from): (_, Box<dyn Read>) = if path == Path::new("-") {
        ("standard input".to_owned(), Box::new(std::io::stdin().lock()))
    } else {
        (path.display().to_string(), Box::new(fs::File::open(path).map_err(fail)?))
    };
    let mut source = String::new();
    from.take(MAX_FILE_BYTES + 1).read_to_string(&mut source).map_err(fail)?;
    if source.len() as u64 > MAX_FILE_BYTES {
        return Err(Failure::Usage(format!(
            "{name}: larger than 16 MiB, accepted: a configuration"
        )));
    }
    Ok((name, source))
}

/// Far beyond any configuration.
const MAX_FILE_BYTES: u64 = 16 << 20;

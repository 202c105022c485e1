//! `check`: whether the filter accepts a configuration, and whether the Envoy around it fits.
//!
//! ```text
//! files ─ input: yaml, json ─▶ trees with places ─ patched, patches ─▶ trees as Envoy sees them
//! trees ─ find ─▶ plugin configurations ─ plugin, errors ─▶ Config::parse, all errors ─▶ report
//!       └ gate ─▶ connection managers ─ lint ─▶ errors, warnings, notes ─▶ report
//! ```
//!
//! All files are read before the first is judged: the configuration for one may be in another
//! (ECDS, RDS). Secrets are never shown (`excerpt`).

mod configurations;
mod consumers;
mod draft;
mod encode;
mod errors;
mod excerpt;
mod facts;
mod fields;
mod find;
mod finding;
mod input;
mod items;
mod json;
mod judge;
mod limits;
mod lint;
mod list;
mod merge_keys;
mod patched;
mod patches;
mod plugin;
mod policy;
mod prices;
mod report;
mod retirement;
mod secret;
mod spans;
mod suggest;
pub(crate) mod tree;
mod words;
mod yaml;

use std::time::Duration;

use crate::cli::CheckArguments;
use crate::clock;
use crate::exit::CommandError;
pub(crate) use configurations::{configurations, refusal};
pub(crate) use consumers::{ConsumerLists, same};
use input::Document;
pub(crate) use input::InputError;
use report::Report;
pub(crate) use words::printable;

/// Where the variables of the VM's environment come from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Environment<'t> {
    /// They are read from this process. Otherwise they are assumed to be set for Envoy.
    is_here: bool,
    /// The files are lists of consumers, and not configurations.
    is_of_lists: bool,
    /// `environment_variables.key_values` of the VM, which come first.
    given: &'t [tree::Field],
    /// The time since the Unix epoch: prices grow old, and models end.
    now: Duration,
}

impl<'t> Environment<'t> {
    /// The same with what a VM is given.
    fn with(self, given: &'t [tree::Field]) -> Self {
        Self { given, ..self }
    }

    /// The value of a variable.
    fn look_up(&self, name: &str) -> Option<String> {
        if let Some(field) = self.given.iter().find(|field| field.name == name) {
            return field.value.text().map(ToOwned::to_owned);
        }
        if !self.is_here {
            return Some("assumed".to_owned());
        }
        std::env::var_os(name).map(|it| it.to_string_lossy().into_owned())
    }

    /// Whether it is only assumed that the variable is set.
    fn is_assumed(&self, name: &str) -> bool {
        let is_given = self.given.iter().any(|field| field.name == name);
        !self.is_here && !is_given && std::env::var_os(name).is_none()
    }
}

/// A file that was read.
struct File {
    name: String,
    source: String,
    documents: Vec<Document>,
    /// Errors in its YAML or JSON.
    findings: Vec<finding::Finding>,
    /// Values that are in no document.
    lost: Vec<std::ops::Range<usize>>,
    /// What its patches are about.
    patches: patched::Patches,
}

/// Checks the files and reports what was found.
///
/// # Errors
///
/// If a file has errors, or warnings with `--strict`; if there was nothing to check; and if a file
/// cannot be read. All files are checked first.
pub(crate) fn run(arguments: &CheckArguments) -> Result<(), CommandError> {
    let environment = Environment {
        is_here: arguments.env,
        is_of_lists: arguments.list,
        given: &[],
        now: clock::now(),
    };
    let (mut files, mut unread) = (Vec::new(), None);
    for path in &arguments.files {
        let most = if arguments.list { input::MAX_LIST_BYTES } else { input::MAX_FILE_BYTES };
        match input::read(path, most) {
            // The filter reads a list as JSON, whatever the name of the file.
            Ok((name, source)) if arguments.list && list::is_json(&source) => {
                files.push(load(name, source, std::path::Path::new("list.json")));
            }
            Ok((name, source)) => files.push(load(name, source, path)),
            Err(error) => {
                crate::report(&error);
                unread = Some(error);
            }
        }
    }
    if !environment.is_of_lists {
        patched::apply(&mut files);
    }
    patches::assemble(&mut files);
    let reports: Vec<Report> = judge::all(&files, environment);
    report::print(&reports, arguments)?;
    let errors: usize = reports.iter().map(|it| it.count(finding::Level::Error)).sum();
    let warnings: usize = reports.iter().map(|it| it.count(finding::Level::Warning)).sum();
    if unread.is_some() {
        return Err(CommandError::Reported);
    }
    let is_checked = reports.iter().any(Report::is_checked);
    if errors > 0 || (arguments.strict && warnings > 0) || !is_checked {
        return Err(CommandError::ErrorsFound);
    }
    Ok(())
}

fn load(name: String, source: String, path: &std::path::Path) -> File {
    let (documents, findings, lost) = match input::parse(&source, path) {
        Ok(parsed) => {
            let (documents, rest) = input::with_embedded(parsed);
            (documents, rest.repeated, rest.lost)
        }
        Err(error) => (Vec::new(), vec![error], Vec::new()),
    };
    File { name, source, documents, findings, lost, patches: patched::Patches::default() }
}

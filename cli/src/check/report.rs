//! What was found, for people and for programs.

mod machine;
mod text;

use super::finding::{Finding, Level};
use crate::cli::{CheckArguments, CheckFormat};
use crate::exit::CommandError;

/// A file and its findings.
pub(crate) struct Report {
    /// Its name, as it was given.
    pub(crate) name: String,
    /// What is in it, without secrets.
    pub(crate) masked: String,
    /// In the order of the file.
    pub(crate) findings: Vec<Finding>,
    /// Plugin configurations in it.
    pub(crate) configurations: usize,
    /// What became of it.
    pub(crate) state: State,
}

/// What became of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// Something in it was checked.
    Checked,
    /// There is nothing to check, for this reason.
    PassedOver(&'static str),
}

impl Report {
    /// Whether something was checked.
    pub(crate) fn is_checked(&self) -> bool {
        self.state == State::Checked
    }

    /// How many findings are of this level.
    pub(crate) fn count(&self, level: Level) -> usize {
        self.findings.iter().filter(|finding| finding.level == level).count()
    }

    /// Line and column of a byte, from one; the column counts characters.
    fn position(&self, at: usize) -> (usize, usize) {
        let before = self.masked.get(..at).unwrap_or(&self.masked);
        let line_start = before.rfind('\n').map_or(0, |end| end + 1);
        let column = before.get(line_start..).unwrap_or_default().chars().count();
        (before.matches('\n').count() + 1, column + 1)
    }
}

/// Sums over files.
#[derive(Clone, Copy, Debug, Default)]
struct Totals {
    files: usize,
    checked: usize,
    passed_over: usize,
    configurations: usize,
    errors: usize,
    warnings: usize,
}

impl Totals {
    fn of(reports: &[Report]) -> Self {
        let sum = |value: &dyn Fn(&Report) -> usize| reports.iter().map(value).sum();
        Self {
            files: reports.len(),
            checked: sum(&|it| usize::from(it.is_checked())),
            passed_over: sum(&|it| usize::from(!it.is_checked())),
            configurations: sum(&|it| it.configurations),
            errors: sum(&|it| it.count(Level::Error)),
            warnings: sum(&|it| it.count(Level::Warning)),
        }
    }
}

/// Prints all reports. With `--quiet` only errors and warnings.
///
/// # Errors
///
/// If they cannot be written.
pub(crate) fn print(reports: &[Report], arguments: &CheckArguments) -> Result<(), CommandError> {
    match arguments.format {
        CheckFormat::Text => text::print(reports, arguments),
        CheckFormat::Json => machine::json(reports, arguments),
        CheckFormat::Github => machine::github(reports, arguments),
    }
}

/// The findings to print.
fn shown(report: &Report, quiet: bool) -> impl Iterator<Item = &Finding> {
    report.findings.iter().filter(move |it| !quiet || it.level > Level::Note)
}

/// A number with its noun.
fn counted(count: usize, what: &str) -> String {
    match count {
        1 => format!("1 {what}"),
        _ => format!("{count} {what}s"),
    }
}

/// What is said if no file has anything to check.
fn nothing(arguments: &CheckArguments) -> &'static str {
    match arguments.list {
        true => "nothing was checked: no list of consumers",
        false => {
            "nothing was checked: no configuration of imagegate, and no Envoy with an imagegate \
             filter"
        }
    }
}

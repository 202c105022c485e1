//! Findings for programs, on standard output: one JSON object, or workflow commands of GitHub
//! Actions.

use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use super::super::finding::{Finding, Level};
use super::super::words::printable;
use super::{Report, State, Totals, nothing, shown};
use crate::cli::CheckArguments;
use crate::exit::CommandError;
use crate::output;

/// One object.
///
/// # Errors
///
/// If standard output cannot be written.
pub(super) fn json(reports: &[Report], arguments: &CheckArguments) -> Result<(), CommandError> {
    let quiet = arguments.quiet;
    let files: Vec<_> = reports.iter().map(|report| file(report, quiet)).collect();
    let totals = Totals::of(reports);
    let document = json!({
        "files": files,
        "error": (totals.checked == 0).then(|| nothing(arguments)),
        "totals": {
            "files": totals.files,
            "checked": totals.checked,
            "passed_over": totals.passed_over,
            "configurations": totals.configurations,
            "errors": totals.errors,
            "warnings": totals.warnings,
        },
    });
    output::print(&format!("{document:#}\n"))
}

fn file(report: &Report, quiet: bool) -> Value {
    let findings: Vec<_> = shown(report, quiet).map(|it| finding(report, it)).collect();
    let (state, reason) = match report.state {
        State::Checked => ("checked", None),
        State::PassedOver(reason) => ("passed_over", Some(reason)),
    };
    json!({
        "file": report.name,
        "state": state,
        "reason": reason,
        "configurations": report.configurations,
        "findings": findings,
    })
}

fn finding(report: &Report, finding: &Finding) -> Value {
    let (line, column) = report.position(finding.span.start);
    let mut object = Map::new();
    object.insert("level".to_owned(), finding.level.name().into());
    object.insert("title".to_owned(), finding.title.as_str().into());
    object.insert("line".to_owned(), line.into());
    object.insert("column".to_owned(), column.into());
    let pointer = finding.notes.iter().find(|(label, _)| *label == "at");
    if let Some((_, pointer)) = pointer {
        object.insert("pointer".to_owned(), pointer.as_str().into());
    }
    let notes = finding.notes.iter().filter(|(label, _)| *label != "at");
    let notes: Vec<_> =
        notes.map(|(label, text)| json!({ "label": label, "text": text })).collect();
    object.insert("notes".to_owned(), notes.into());
    Value::Object(object)
}

/// `::error file=…,line=…,col=…,title=…::…`, one line each.
///
/// # Errors
///
/// If standard output cannot be written.
pub(super) fn github(reports: &[Report], arguments: &CheckArguments) -> Result<(), CommandError> {
    let quiet = arguments.quiet;
    let mut lines = String::new();
    for report in reports {
        for finding in shown(report, quiet) {
            let (line, column) = report.position(finding.span.start);
            let command = match finding.level {
                Level::Note => "notice",
                Level::Warning => "warning",
                Level::Error => "error",
            };
            let mut message = String::new();
            for (label, words) in &finding.notes {
                let _ = write!(message, "\n{label}: {words}");
            }
            let _ = writeln!(
                lines,
                "::{command} file={},line={line},col={column},title={}::{}",
                property(&report.name),
                property(&finding.title),
                data(&format!("{}{message}", finding.title)),
            );
        }
        if let State::PassedOver(reason) = report.state
            && !quiet
        {
            let _ = writeln!(lines, "{}: passed over: {reason}", printable(&report.name));
        }
    }
    if !reports.is_empty() && !reports.iter().any(Report::is_checked) {
        let _ = writeln!(lines, "::error::{}", nothing(arguments));
    }
    output::print(&lines)
}

/// What a workflow command says after `::`.
fn data(text: &str) -> String {
    printable(&text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A"))
}

/// The value of a property of a workflow command.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

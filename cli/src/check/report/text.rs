//! Findings as rustc shows them, on standard error.

use std::io::IsTerminal;

use annotate_snippets::{AnnotationKind, Level as Style, Renderer, Snippet};

use super::super::finding::{Finding, Level};
use super::super::words::printable;
use super::{Report, State, Totals, counted, nothing, shown};
use crate::cli::CheckArguments;
use crate::exit::{CommandError, RED, RESET};
use crate::output;

/// Prints all reports and, for several files, their sums.
///
/// # Errors
///
/// If standard error cannot be written.
pub(super) fn print(reports: &[Report], arguments: &CheckArguments) -> Result<(), CommandError> {
    let quiet = arguments.quiet;
    let mut text = String::new();
    for report in reports {
        for finding in shown(report, quiet) {
            text.push_str(&format!("{}\n\n", excerpt(report, finding)));
        }
        if !quiet {
            text.push_str(&sum(report));
        }
    }
    let totals = Totals::of(reports);
    if totals.checked == 0 && totals.files > 0 {
        text.push_str(&format!("{RED}error:{RESET} {}\n", nothing(arguments)));
    }
    if totals.files > 1 && !quiet {
        text.push_str(&format!(
            "{}: {} checked, {} passed over; {}, {}, {}\n",
            counted(totals.files, "file"),
            totals.checked,
            totals.passed_over,
            counted(totals.configurations, "configuration"),
            counted(totals.errors, "error"),
            counted(totals.warnings, "warning"),
        ));
    }
    output::report(&text)
}

fn excerpt(report: &Report, finding: &Finding) -> String {
    let level = match finding.level {
        Level::Error => Style::ERROR,
        Level::Warning => Style::WARNING,
        Level::Note => Style::NOTE,
    };
    let source = report.masked.as_str();
    let span = on_one_line(source, finding.span.start, finding.span.end);
    let snippet = Snippet::source(source)
        .path(printable(&report.name))
        .annotation(AnnotationKind::Primary.span(span));
    let notes = finding
        .notes
        .iter()
        .map(|(label, words)| Style::NOTE.with_name(*label).message(words.as_str()));
    let group = level.primary_title(finding.title.as_str()).element(snippet).elements(notes);
    let renderer = if is_coloured() { Renderer::styled() } else { Renderer::plain() };
    renderer.render(&[group])
}

/// A file in one line.
fn sum(report: &Report) -> String {
    if let State::PassedOver(reason) = report.state {
        return format!("{}: passed over: {reason}\n", printable(&report.name));
    }
    format!(
        "{}: {}, {}, {}\n",
        printable(&report.name),
        counted(report.configurations, "configuration"),
        counted(report.count(Level::Error), "error"),
        counted(report.count(Level::Warning), "warning"),
    )
}

/// The span, cut at the end of its first line: a block is pointed at by its beginning.
fn on_one_line(source: &str, start: usize, end: usize) -> std::ops::Range<usize> {
    let start = start.min(source.len());
    let rest = source.get(start..end.min(source.len())).unwrap_or_default();
    let length = rest.lines().next().map_or(0, |line| line.trim_end().len());
    start..start + length
}

fn is_coloured() -> bool {
    std::io::stderr().is_terminal()
        && anstream::AutoStream::choice(&std::io::stderr()) != anstream::ColorChoice::Never
}

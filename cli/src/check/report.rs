//! Findings as rustc tells them, on standard error.

use std::io::IsTerminal;

use annotate_snippets::{AnnotationKind, Level as Style, Renderer, Snippet};

use super::excerpt;
use super::tree::Node;
use super::{Finding, Level};

/// Tells one finding about the file.
pub(crate) fn tell(name: &str, source: &str, trees: &[Node], finding: &Finding) {
    let level = match finding.level {
        Level::Fault => Style::ERROR,
        Level::Warning => Style::WARNING,
        Level::Note => Style::NOTE,
    };
    let masked = excerpt::mask(source, trees);
    let span = on_one_line(&masked, finding.span.start, finding.span.end);
    let snippet =
        Snippet::source(masked.as_str()).path(name).annotation(AnnotationKind::Primary.span(span));
    let notes = finding
        .notes
        .iter()
        .map(|(label, words)| Style::NOTE.with_name(*label).message(words.as_str()));
    let group = level.primary_title(finding.title.as_str()).element(snippet).elements(notes);
    let renderer = if is_coloured() { Renderer::styled() } else { Renderer::plain() };
    anstream::eprintln!("{}\n", renderer.render(&[group]));
}

/// Sums up a file in one line.
pub(crate) fn sum(name: &str, configurations: usize, findings: &[Finding]) {
    let count = |level| findings.iter().filter(|finding| finding.level == level).count();
    let counted = |count: usize, what: &str| match count {
        1 => format!("1 {what}"),
        _ => format!("{count} {what}s"),
    };
    anstream::eprintln!(
        "{name}: {}, {}, {}",
        counted(configurations, "configuration"),
        counted(count(Level::Fault), "fault"),
        counted(count(Level::Warning), "warning"),
    );
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

//! Findings in the files that they are about, and in the order of these files.

use std::collections::HashSet;

use super::super::File;
use super::super::finding::Finding;
use super::super::spans;

/// Gives each file its findings. A value that a patch brings from another file has its place there
/// (`spans`).
pub(super) fn by_file(files: &[File], found: Vec<Vec<Finding>>) -> Vec<Vec<Finding>> {
    let mut sorted: Vec<Vec<Finding>> = files.iter().map(|_| Vec::new()).collect();
    let mut put = |file: usize, finding: Finding| {
        if let Some(list) = sorted.get_mut(file) {
            list.push(finding);
        }
    };
    for (own, (file, found)) in files.iter().zip(found).enumerate() {
        for mut finding in found {
            match spans::origin(&finding.span) {
                None => put(own, finding),
                Some((other, span)) => {
                    finding.notes.retain(|(label, _)| *label != "patched by");
                    finding.span = span;
                    put(other, finding.with("patches", file.name.clone()));
                }
            }
        }
        for finding in &file.patches.findings {
            if let Some((file, span)) = spans::origin(&finding.span) {
                put(file, Finding { span, ..finding.clone() });
            }
        }
    }
    for findings in &mut sorted {
        // Findings of several plugins may be about one place.
        findings.sort_by(|a, b| (a.span.start, b.level).cmp(&(b.span.start, a.level)));
        let mut seen = HashSet::new();
        findings.retain(|it| seen.insert((it.title.clone(), it.span.clone())));
    }
    sorted
}

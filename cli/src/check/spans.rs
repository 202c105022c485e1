//! The places of values that a patch brings from another file.
//!
//! A place is a range of bytes of one file, and a file has at most 32 MiB. A value that is put into
//! a document of another file keeps its place: the number of its file stands in the upper bits. So
//! all that is found at the value is reported in the file that has it.

use std::ops::Range;

use super::tree::Node;

/// Marks all places in the value as those of `file`, except those that have a mark.
pub(crate) fn send(node: &mut Node, file: usize) {
    node.relocate(&|span| if origin(&span).is_some() { span } else { sent(&span, file) });
}

/// The place, marked as one of `file`.
pub(crate) fn sent(span: &Range<usize>, file: usize) -> Range<usize> {
    let base = (file + 1) * STRIDE;
    base + span.start..base + span.end
}

/// The file and the place in it. `None` for a place in the document's own file.
pub(crate) fn origin(span: &Range<usize>) -> Option<(usize, Range<usize>)> {
    let file = (span.start / STRIDE).checked_sub(1)?;
    let local = |at: usize| at.saturating_sub((file + 1) * STRIDE);
    Some((file, local(span.start)..local(span.end)))
}

/// Gives the values of `file` their own places again.
pub(crate) fn receive(node: &mut Node, file: usize) {
    node.relocate(&|span| match origin(&span) {
        Some((from, local)) if from == file => local,
        _ => span,
    });
}

/// More bytes than a file may have.
const STRIDE: usize = 1 << 26;

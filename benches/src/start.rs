//! What Envoy needs to start: its CPU time until it listens with the filter, and with an empty
//! filter in its place.

use std::fs;
use std::path::Path;

use super::cpu::quartiles;
use super::envoy::{Envoy, Listeners, empty_filter};
use super::report::{Module, Start, round};
use super::upstream::{Protocol, Upstream};

/// How often Envoy starts with each of the two.
const STARTS: usize = 5;
/// The number of the code section (WebAssembly core specification, §5.5.2).
const CODE_SECTION: u8 = 10;
/// The magic number and the version before the first section.
const PREAMBLE_BYTES: usize = 8;

/// Starts Envoy with one and the other in turn.
pub(crate) fn measure(filter: &Path, upstream: &Upstream) -> Start {
    let empty = empty_filter();
    let seconds = |filter| {
        Envoy::start(filter, upstream, Protocol::Http1, Listeners::Gate).whole_cpu_seconds()
    };
    let pairs: Vec<_> = (0..STARTS).map(|_| [seconds(filter), seconds(&empty)]).collect();
    let of = |value: fn(&[f64; 2]) -> f64| quartiles(pairs.iter().map(value).collect()).map(round);
    let [low, added, high] = of(|[filter, empty]| filter - empty);
    Start {
        starts: STARTS,
        cpu_seconds: of(|it| it[0])[1],
        empty_cpu_seconds: of(|it| it[1])[1],
        added_cpu_seconds: added,
        added_cpu_seconds_quartiles: [low, high],
        filter: module(filter),
        empty: module(&empty),
    }
}

/// The lengths of a module.
fn module(path: &Path) -> Module {
    let wasm = fs::read(path).unwrap();
    Module { bytes: wasm.len(), code_bytes: section(&wasm, CODE_SECTION) }
}

/// The length of the content of this section.
fn section(wasm: &[u8], wanted: u8) -> usize {
    let mut rest = &wasm[PREAMBLE_BYTES..];
    while let [id, after @ ..] = rest {
        let (length, content) = leb128(after);
        if *id == wanted {
            return length;
        }
        rest = &content[length..];
    }
    0
}

/// A number in LEB128, and what follows it.
fn leb128(bytes: &[u8]) -> (usize, &[u8]) {
    let length = bytes.iter().position(|byte| byte & 0x80 == 0).unwrap() + 1;
    let digits = bytes[..length].iter().rev();
    let number = digits.fold(0, |number, byte| number << 7 | usize::from(byte & 0x7f));
    (number, &bytes[length..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_length_of_a_section_is_found_after_others() {
        let custom = [&[0, 0x81, 0x01][..], &[7; 129]].concat();
        let wasm = [b"\0asm\x01\0\0\0", &custom[..], &[CODE_SECTION, 3, 1, 2, 3]].concat();
        assert_eq!(section(&wasm, CODE_SECTION), 3);
        assert_eq!(section(&wasm, 0), 129);
        assert_eq!(section(&wasm, 11), 0);
    }
}

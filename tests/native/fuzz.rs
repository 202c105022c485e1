//! The fuzz targets over their seeds and over damaged seeds, so that `make fuzz` starts from
//! targets that pass.

#[path = "../../fuzz/cases/mod.rs"]
mod cases;

use std::fs;
use std::path::Path;

/// Only `make fuzz` uses longer seeds.
const MAX_SEED_BYTES: u64 = 64 * 1024;

/// The files of a folder of fixtures.
fn seeds(folder: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(folder);
    let mut seeds = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let metadata = entry.metadata().unwrap();
        if metadata.is_file() && metadata.len() <= MAX_SEED_BYTES {
            seeds.push(fs::read(entry.path()).unwrap());
        }
    }
    assert!(!seeds.is_empty());
    seeds
}

/// Runs a target over each seed: complete, cut at eight places, and with one byte changed at each
/// of these places.
fn run(target: fn(&[u8]), seeds: &[Vec<u8>]) {
    target(b"");
    for seed in seeds {
        target(seed);
        for part in 0..8 {
            let at = seed.len() * part / 8;
            target(seed.get(..at).unwrap());
            let mut damaged = seed.clone();
            damaged.get_mut(at).into_iter().for_each(|byte| *byte ^= 0x15);
            target(&damaged);
        }
    }
}

#[test]
fn stream() {
    // The first byte says where the stream is cut, and whether a preview is accepted.
    for first in [0x00, 0x41, 0x80, 0xff] {
        let with_first = |seed: &Vec<u8>| [&[first], seed.as_slice()].concat();
        let seeds: Vec<_> = seeds("streams").iter().map(with_first).collect();
        run(cases::stream::run, &seeds);
    }
}

#[test]
fn request() {
    run(cases::request::run, &seeds("requests/generations"));
}

#[test]
fn configuration() {
    run(cases::configuration::run, &seeds("configs/valid"));
}

#[test]
fn head() {
    let seed = b":path=/v1/images/edits\nauthorization=Bearer fuzz\ncontent-type=application/json";
    run(cases::head::run, &[seed.to_vec(), b":path=/v1/chat/completions".to_vec()]);
}

#[test]
fn form() {
    let forms = seeds("requests/edits");
    let form = |seed: &Vec<u8>| [b"multipart/form-data; boundary=b\n", seed.as_slice()].concat();
    run(cases::form::run, &forms.iter().map(form).collect::<Vec<_>>());
}

//! The recipe is a test: `tests/images.rs`.

//! Which upstream of a model is called: which ones rest, and which one comes first.
//!
//! An upstream that says that it serves no request for a while, or that cannot be reached, *rests*:
//! it is not called until the time that it named, or for a pause that grows. All workers share its
//! [`State`], under one key of the shared data for each upstream. Among those that do not rest, the
//! [`balance`] decides.
//!
//! ```text
//!            refuses                 time is over           one request calls again
//! serves ──────────────▶ rests ───────────────────▶ due ────────────────────────▶ probed
//!   ▲                      ▲                                                        │ │
//!   │                      └────────────────── refuses, a longer pause ─────────────┘ │
//!   └──────────────────────────────── serves, or no refusal for a few seconds ────────┘
//! ```

pub mod balance;
mod rest;
pub mod shared;
mod state;

pub use rest::{Cause, Refusal, Resting, Usage};
pub use state::{
    Key, State, claim, claim_noted, note_refusal, note_serves, note_usage, noted, notes, read,
    release,
};

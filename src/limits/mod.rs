//! Quotas: one rule for every unit, reserved before anything leaves and settled to what came.
//!
//! ```text
//!            all rules admit                    settle: what came counts as used
//! request ─▶ reserve ─────────▶ Reservation ─┬─▶ release: nothing did
//!              │ one does not                └─▶ (lost: the hold expires by itself)
//!              └─▶ Refused; every counter as it was
//! ```
//!
//! The state of a rule for one key, user or model is a [`State`]; many of them share a slot of the
//! host's shared data, which all workers of an Envoy see. [`local`] keeps them exact under
//! concurrent workers. Nothing here reads a clock: the time is an argument, and a worker whose clock
//! is behind takes a counter of a later window as it stands.
//!
//! Rules may be counted by a rate-limit service instead, for a whole fleet of Envoys: [`rls`] says
//! what it is asked and reads what it answers.

mod calendar;
pub mod local;
pub mod rls;
mod rule;
mod slot;
mod state;
mod store;
mod window;

pub use rule::{Engine, OnError, Per, Rule, Scope, Unit};
pub use state::{Hold, State};
pub use store::{Conflict, Store};
pub use window::Window;

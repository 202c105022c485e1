//! Limits: one kind of rule for every unit. An amount is reserved before anything is sent, and
//! settled when the outcome is known.
//!
//! ```text
//!            all rules admit                 settle: what was delivered counts as used
//! request ─▶ reserve ─────────▶ Reservation ─┬─▶ places in flight ─▶ land: the answer has left
//!              │ one does not                └─▶ (lost: the hold expires by itself)
//!              └─▶ Rejected; every counter as it was
//! ```
//!
//! The state of a rule for one key, user, group or model is a [`State`]. `table` keeps the states of
//! all of them in the host's shared data, which all workers of an Envoy see. [`local`] keeps them
//! exact under concurrent workers. Nothing here reads a clock: the time is an argument, and a worker
//! whose clock is late takes a counter of a later window as it is.
//!
//! Rules may be counted by a rate-limit service instead, for a whole fleet of Envoys: [`rls`]
//! writes the checks and reads the decisions.

mod calendar;
pub mod local;
mod lock;
pub mod rls;
mod rule;
mod state;
mod store;
mod table;
mod window;

pub use rule::{Engine, OnError, Per, Rule, Scope, Unit};
pub use state::{Hold, State};
pub use store::{Conflict, Store};
pub use window::Window;

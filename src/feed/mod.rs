//! Consumers, users and groups that are fetched while Envoy runs.
//!
//! ```text
//!        one worker at a time (lease)                      every worker, for each request
//! GET ─▶ document ─▶ load ─▶ buckets ─▶ write ─▶ head     head ─▶ one bucket ─▶ consumer, user
//!              │ a fault: the list in force stays
//!              └─▶ state: age, failures
//! ```
//!
//! The list in force is in the host's shared data, so that one fetch serves all workers, and so
//! that it outlives an update of the configuration. It is spread over a fixed number of buckets
//! (keys of the shared data are never freed) by the hash of what is looked up. A look-up reads the
//! head and one bucket, however long the list is, and no worker holds the list.
//!
//! There are two sets of buckets. The head says which one is in force, and under which generation.
//! A list is written into the other set, and a swap of the head puts it in force as a whole. Each
//! bucket carries the generation that wrote it, and one of another generation counts as empty: so
//! nothing of a list that was left half written is ever read.
//!
//! Nothing here knows the host: bytes, times and the [`Store`](crate::limits::Store) are arguments.

mod answer;
mod bucket;
mod directory;
mod document;
mod handle;
mod load;
mod lookup;
mod order;
mod place;
mod refusal;
mod state;
mod watch;
mod write;

pub use answer::Answer;
pub use directory::{Directory, Ownership, Person};
pub use handle::Feed;
pub use load::check;
pub use lookup::Found;
pub use order::{Order, Severity};
pub use place::MAX_FEEDS;
pub use refusal::Refusal;
pub use watch::Watch;

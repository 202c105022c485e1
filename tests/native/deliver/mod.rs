//! How the answer reaches the client. Which file has a test depends on what the upstream sends and
//! what the client wants:
//!
//! | the upstream sends | the client wants JSON | the client streams |
//! |---|---|---|
//! | the events of Codex | `codex_answers`; with white space `keepalive` | `codex_events` |
//! | a provider's JSON | `pass_through` | `provider_events` |
//! | a provider's events | `provider_events` | `provider_events` |
//! | any of them in an unusual form | `odd_answers` | |
//!
//! `any_events` sends any events of a provider, and counts what is charged for them.
//! `late_ends` has upstreams that keep a response open after its outcome.
//!
//! JSON of a provider that is collected, and not passed through, is in `upstream/providers`.

mod any_codex_events;
mod any_events;
mod codex_answers;
mod codex_events;
mod keepalive;
mod late_ends;
mod long_events;
mod odd_answers;
mod pass_image;
mod pass_through;
mod provider_events;
mod several_images;
mod unusual;
mod whole_image;
mod whole_provider_image;

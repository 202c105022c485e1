//! What a request reserves, is charged, and reports to metrics and records.

mod abandon;
mod books;
mod counts;
mod limits;
mod money;
mod prices;
mod update;

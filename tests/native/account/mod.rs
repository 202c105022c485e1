//! What a request reserves, is charged, and reports to metrics and records.

mod abandon;
mod counts;
mod limits;
mod money;
mod prices;
mod until_closed;
mod update;

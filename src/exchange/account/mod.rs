//! What a request reserves and is charged, and what operators learn of it.

pub(crate) mod offer;
pub(crate) mod record;
pub(crate) mod refusal;
pub(crate) mod ticket;

//! What is checked before anything goes upstream.

pub(crate) mod abilities;
pub(crate) mod body;
pub(crate) mod caller;
pub(crate) mod limit_check;
pub(crate) mod plan;
pub(crate) mod reading;
pub(crate) mod rooms;

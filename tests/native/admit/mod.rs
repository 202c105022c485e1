//! What is checked before a request goes upstream.

mod edits;
mod forms;
mod models;
mod multipart;
mod quotas;
mod rls;

//! What is checked before a request goes upstream.

mod edits;
mod forms;
mod multipart;
mod quotas;
mod rls;

//! What is checked before anything goes upstream.

mod edits;
mod forms;
mod multipart;
mod quotas;
mod rls;

//! What a request that can be read must still satisfy: rules between its fields, and what its model
//! and its upstream support.

mod edit;
mod format;
mod model;
mod streaming;

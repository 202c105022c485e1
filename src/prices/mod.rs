//! What an image costs: known before anything leaves, settled to what came back.
//!
//! ```text
//! Requested ─ quote ─▶ Quote: at most this much each ─ reserve ─▶ … ─ settle (Delivered, Quote) ─▶ Settlement
//! ```
//!
//! A [`PriceTable`] is what the operator wrote under `prices`. The closest entry that covers a
//! model, a quality and a size has their price:
//!
//! 1. a model's own name before a pattern, and a pattern with more characters of its own before one
//!    with fewer;
//! 2. then an entry for a size and a quality, one for a size, one for a quality, one for neither;
//! 3. then the first written.
//!
//! An image of another model than was asked for has the price of the model that was served, if that has one; see
//! [`ChargeBy`].
//!
//! What a request leaves to the model (`auto`) is quoted at the highest price that it may become,
//! so that no reservation at the price of an image is too small. All money is whole nano-dollars.

mod image;
mod money;
mod price;
mod served;
mod table;
mod tokens;

pub use image::{Delivered, NoPrice, Quote, Requested, Settlement};
pub use money::Money;
pub use price::Price;
pub use served::{ChargeBy, Served};
pub use table::{PriceTable, Unpriced};
pub use tokens::{Kinds, TokenPrices, Tokens};

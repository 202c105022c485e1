//! What an image costs: quoted before anything is sent, settled when the image is delivered.
//!
//! ```text
//! Requested ─ quote ─▶ Quote: at most this much each ─ reserve ─▶ …
//! … ─ settle (Delivered, Quote) ─▶ Settlement
//! ```
//!
//! A [`PriceTable`] is what the operator wrote under `prices`. The price is that of the closest
//! entry that covers the model, the quality and the size:
//!
//! 1. the exact name of a model before a pattern, and a pattern with more characters of its own
//!    before one with fewer;
//! 2. then an entry for a size and a quality, one for a size, one for a quality, one for neither;
//! 3. then the first in the list.
//!
//! If the upstream served another model than was requested, the image has the price of the served
//! model, if there is one; see [`ChargeBy`].
//!
//! A choice that a request leaves to the model (`auto`) is quoted at the highest price that is
//! possible, so that no reservation at the price of an image is too small. All money is whole
//! nano-dollars.

mod image;
mod money;
mod price;
mod served;
mod table;
mod tokens;

pub use image::{Delivered, Quote, QuoteError, Requested, Settlement};
pub use money::Money;
pub use price::Price;
pub use served::{ChargeBy, Served};
pub use table::{PriceTable, Unpriced};
pub use tokens::{Kinds, TokenPrices, Tokens};

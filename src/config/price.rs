//! `prices` and `unpriced`: the price table.

use std::collections::BTreeMap;

use super::error::{ConfigError, Fault};
use super::file::{PriceFile, TokenPricesFile};
use super::pointer::Pointer;
use super::units::Dollars;
use crate::openai::choice::Choice;
use crate::openai::model::Quality;
use crate::openai::size::Size;
use crate::pattern::Pattern;
use crate::prices::{Money, Price, PriceTable, TokenPrices, Unpriced};

/// Compiles both fields.
///
/// # Errors
///
/// The first entry that is not valid, or is for the same images as an earlier one.
pub(super) fn compile(file: Vec<PriceFile>, unpriced: Unpriced) -> Result<PriceTable, ConfigError> {
    let here = Pointer::default().key("prices");
    if file.len() > MAX_PRICES {
        return Err(here.out_of_range());
    }
    let (mut prices, mut places) = (Vec::new(), BTreeMap::new());
    for (index, entry) in file.into_iter().enumerate() {
        let place = here.index(index);
        let images = (entry.model.clone(), entry.quality.clone(), entry.size.clone());
        prices.push(compile_price(entry, &place)?);
        if let Some(first) = places.insert(images, place.clone()) {
            return Err(place.fault(Fault::PricedTwice { first: first.to_string() }));
        }
    }
    let here = Pointer::default().key("unpriced");
    // Images would be free, although the word means the opposite.
    if unpriced == Unpriced::Max && prices.is_empty() {
        return Err(here.fault(Fault::NoHighest { accepted: here.accepted() }));
    }
    Ok(PriceTable::new(prices, unpriced))
}

fn compile_price(file: PriceFile, here: &Pointer) -> Result<Price, ConfigError> {
    let quality = |text: String| match Quality::parse(&text) {
        None | Some(Quality::Auto) => Err(here.key("quality").invalid()),
        Some(_) => Ok(text),
    };
    let size = |text: String| match Size::parse(&text) {
        None | Some(Size::Auto) => Err(here.key("size").invalid()),
        Some(Size::Exact { width, height }) => Ok((width, height)),
    };
    let tokens = here.key("usd_per_million_tokens");
    Ok(Price {
        model: Pattern::parse(&file.model).ok_or_else(|| here.key("model").invalid())?,
        quality: file.quality.map(quality).transpose()?,
        size: file.size.map(size).transpose()?,
        image: compile_money(file.usd, &here.key("usd"))?,
        tokens: file
            .usd_per_million_tokens
            .map(|file| compile_tokens(&file, &tokens))
            .transpose()?,
    })
}

fn compile_tokens(file: &TokenPricesFile, here: &Pointer) -> Result<TokenPrices, ConfigError> {
    let price = |name, money| compile_money(money, &here.key(name));
    let or = |name, money: Option<_>, default| money.map_or(Ok(default), |it| price(name, it));
    let text_input = price("text_input", file.text_input)?;
    let image_input = price("image_input", file.image_input)?;
    let image_output = price("image_output", file.image_output)?;
    Ok(TokenPrices {
        text_input,
        image_input,
        image_output,
        text_output: or("text_output", file.text_output, image_output)?,
        cached_text_input: or("cached_text_input", file.cached_text_input, text_input)?,
        cached_image_input: or("cached_image_input", file.cached_image_input, image_input)?,
    })
}

fn compile_money(Dollars(money): Dollars, here: &Pointer) -> Result<Money, ConfigError> {
    if money > MAX_PRICE { Err(here.out_of_range()) } else { Ok(money) }
}

/// Enough for dozens of models with every quality and size. Each request reads all entries.
const MAX_PRICES: usize = 1_000;
/// A million dollars. More means a wrong unit, and ten such images are far below the range of
/// money.
const MAX_PRICE: Money = Money::from_nanos(1_000_000_000_000_000);

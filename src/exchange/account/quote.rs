//! What is requested of one upstream and at what price, and what an image of it costs.

use crate::config::{Candidate, Model};
use crate::exchange::shared::Shared;
use crate::limits::{Rule, Scope, Unit};
use crate::openai::error::{ClientFailure, Failure};
use crate::openai::model::Family;
use crate::openai::request::ImageRequest;
use crate::openai::size::Size;
use crate::prices::{ChargeBy, Delivered, Money, PriceTable, Quote, Requested, Served, Settlement};
use crate::translate::collect::Image;
use crate::translate::tokens::tokens;

/// The pixels of the largest standard size, which `auto` may become.
const AUTO_PIXELS: u64 = 1536 * 1024;

/// What is requested of one upstream, and its price.
#[derive(Debug)]
pub(crate) struct CandidateQuote {
    asked: Asked,
    quote: Quote,
    charge_by: ChargeBy,
}

/// What was requested, as prices know it.
#[derive(Debug)]
struct Asked {
    model: String,
    quality: Option<String>,
    size: Option<(u32, u32)>,
}

impl CandidateQuote {
    /// One for each upstream that may serve the request: each needs a price if a rule in US dollars
    /// applies.
    pub(crate) fn all(
        shared: &Shared,
        scope: &Scope<'_>,
        model: &Model<'_>,
        request: &ImageRequest<'_>,
    ) -> Result<Vec<Self>, Failure> {
        let is_usd = |it: &Rule| it.unit == Unit::Usd && !it.shadow && it.applies(scope);
        let needs_price = shared.config.limits().iter().any(is_usd);
        let quote = |it: &Candidate<'_>| {
            let asked = Asked {
                model: it.sent.to_string(),
                quality: request.quality.map(|quality| quality.as_str().to_owned()),
                size: exact(request.size),
            };
            let quote = match shared.config.prices().quote(&asked.ask(&qualities(&asked.model))) {
                Ok(quote) => quote,
                Err(_) if needs_price => {
                    return Err(Failure::Client(ClientFailure::PriceUnavailable {
                        model: model.requested.to_string(),
                    }));
                }
                Err(_) => Quote::default(),
            };
            Ok(Self { asked, quote, charge_by: it.upstream.charge_by() })
        };
        model.candidates.iter().map(quote).collect()
    }

    /// The most that an image may cost at a price per image.
    pub(crate) const fn per_image(&self) -> Money {
        self.quote.per_image
    }

    /// What `image` of this upstream costs, and its pixels.
    pub(crate) fn settle(&self, prices: &PriceTable, image: &Image) -> (Settlement, u64) {
        let Self { asked, quote, charge_by } = self;
        let attributes = &image.attributes;
        let size = attributes.size.as_deref().and_then(Size::parse).and_then(exact);
        let model = attributes.model.as_deref();
        let of_served = model.map(qualities).unwrap_or_default();
        let charge_by = *charge_by;
        let came = Delivered {
            served: model.map(|model| Served { model, qualities: &of_served, charge_by }),
            quality: attributes.quality.as_deref(),
            size,
            usage: tokens(image),
        };
        let settlement = prices.settle(&asked.ask(&qualities(&asked.model)), &came, quote);
        (settlement, pixels_of(size.or(asked.size)))
    }
}

impl Asked {
    fn ask<'a>(&'a self, qualities: &'a [&'a str]) -> Requested<'a> {
        Requested {
            model: &self.model,
            quality: self.quality.as_deref(),
            size: self.size,
            qualities,
        }
    }
}

/// The qualities that a model may choose from.
fn qualities(model: &str) -> Vec<&'static str> {
    let qualities = Family::of(model).qualities();
    qualities.iter().map(|quality| quality.as_str()).filter(|it| *it != "auto").collect()
}

/// The pixels that an image of `request` may have.
pub(crate) fn pixels(request: &ImageRequest<'_>) -> u64 {
    pixels_of(exact(request.size))
}

fn exact(size: Size) -> Option<(u32, u32)> {
    match size {
        Size::Auto => None,
        Size::Exact { width, height } => Some((width, height)),
    }
}

fn pixels_of(size: Option<(u32, u32)>) -> u64 {
    size.map_or(AUTO_PIXELS, |(width, height)| u64::from(width).saturating_mul(u64::from(height)))
}

//! A request that a rule of `limits` does not admit.

use std::time::Duration;

use super::template::fill;
use super::whole_secs;

/// The rule that does not admit a request. Amounts are text, in the rule's unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LimitReached {
    /// The rule's name.
    pub rule: String,
    /// `images`, `images per 1m`, ….
    pub unit: String,
    /// The maximum.
    pub max: String,
    /// How much is left. `None` if the rate-limit service does not say.
    pub remaining: Option<String>,
    /// How much was asked for.
    pub asked: String,
    /// When the request will fit.
    pub fits: Fits,
    /// `x-ratelimit-*`, of all rules that apply.
    pub headers: Vec<(&'static str, String)>,
}

/// When a request that does not fit now will fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fits {
    /// After this long, if no other request comes.
    After(Duration),
    /// Never: it asks for more than the maximum.
    Never,
    /// It is not known.
    Unknown,
}

impl LimitReached {
    pub(super) fn message(&self, template: &str) -> String {
        let advice = match self.fits {
            Fits::After(after) => format!("Please try again in {} s", whole_secs(after)),
            Fits::Never => "It will not fit later either".to_owned(),
            Fits::Unknown => "Please try again later".to_owned(),
        };
        let places = [
            ("rule", self.rule.as_str()),
            ("unit", &self.unit),
            ("max", &self.max),
            ("remaining", self.remaining.as_deref().unwrap_or("too few")),
            ("asked", &self.asked),
            ("advice", &advice),
        ];
        fill(template, &places)
    }
}

//! An answer of the Images API, read from its skeleton: what a provider that speaks that API says.
//!
//! Read as leniently as events are: a field that is absent, null or of an unexpected type is absent.

use serde_json::Value;

use super::error::ErrorInfo;
use super::event::{Attributes, ImageUsage, array, text};

/// The parts of an `ImagesResponse` that matter here (OpenAI API reference, "Create image").
#[derive(Debug, Default)]
pub struct ImagesResponse {
    /// Unix seconds.
    pub created: Option<u64>,
    /// The members of `data`.
    pub data: Vec<ImageData>,
    /// What came back.
    pub attributes: Attributes,
    /// `usage`.
    pub usage: Option<ImageUsage>,
    /// An error told in place of pictures.
    pub error: Option<ErrorInfo>,
}

/// A member of `data`.
#[derive(Debug, Default)]
pub struct ImageData {
    /// The ordinal that the scanner put in place of a non-empty `b64_json`.
    pub base64: Option<usize>,
    /// It names a place where the picture is instead.
    pub is_hosted: bool,
    /// `revised_prompt`.
    pub revised_prompt: Option<String>,
}

impl ImagesResponse {
    /// Reads an answer from its skeleton; nothing where that is no JSON object.
    pub fn read(skeleton: &[u8]) -> Option<Self> {
        let value: Value = serde_json::from_slice(skeleton).ok()?;
        value.is_object().then(|| Self {
            created: value.get("created").and_then(Value::as_u64),
            data: array(&value, "data").iter().map(ImageData::read).collect(),
            attributes: Attributes::read(&value),
            usage: value.get("usage").and_then(ImageUsage::read),
            error: match value.get("data") {
                Some(Value::Array(_)) => None,
                _ => ErrorInfo::read(&value),
            },
        })
    }
}

impl ImageData {
    fn read(value: &Value) -> Self {
        let filled = |key| text(value, key).filter(|it| !it.is_empty());
        Self {
            base64: filled("b64_json").and_then(|ordinal| ordinal.parse().ok()),
            is_hosted: filled("url").is_some(),
            revised_prompt: filled("revised_prompt").map(str::to_owned),
        }
    }
}

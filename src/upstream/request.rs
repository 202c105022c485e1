//! The body of `POST /responses`, which requests one image from a text model.
//!
//! The order of the fields here is the order on the wire. Fields exist only for what the
//! `image_generation` tool of the Responses API supports. It rejects `n`, `user`, `style` and
//! `response_format`.

use base64::{display::Base64Display, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize, Serializer, ser::SerializeMap};

/// A whole request.
#[derive(Debug, Serialize)]
pub struct ResponsesRequest<'a> {
    /// The text model that calls the tool. It is not the image model.
    pub model: &'a str,
    /// The instructions for the text model. Codex rejects a request without them.
    pub instructions: &'a str,
    /// The input of the text model.
    pub input: [Message<'a>; 1],
    /// The tools that it may call.
    pub tools: [ImageTool<'a>; 1],
    /// Whether it must call the tool.
    pub tool_choice: ToolChoice,
    /// Always `false`: one request is one image.
    pub parallel_tool_calls: bool,
    /// Always `false`: Codex rejects `true`.
    pub store: bool,
    /// Always `true`: Codex answers with events only.
    pub stream: bool,
}

/// A message of the user.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename = "message")]
pub struct Message<'a> {
    /// Always `user`.
    pub role: &'a str,
    /// The reference images, then the prompt.
    pub content: Vec<Content<'a>>,
}

/// A part of a message.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Content<'a> {
    /// An image.
    InputImage {
        /// Its place.
        image_url: ImageUrl<'a>,
    },
    /// Text.
    InputText {
        /// The text.
        text: &'a str,
    },
}

/// The place of an image.
#[derive(Debug)]
pub enum ImageUrl<'a> {
    /// A `data:` or `https:` URL.
    Url(&'a str),
    /// Base64, which becomes a `data:` URL as it is written.
    Base64 {
        /// `image/png`, ….
        media_type: &'a str,
        /// All its bytes.
        base64: &'a str,
    },
    /// A file, which becomes a `data:` URL as it is written.
    File {
        /// `image/png`, ….
        media_type: &'a str,
        /// All its bytes.
        bytes: &'a [u8],
    },
}

impl Serialize for ImageUrl<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Url(url) => serializer.serialize_str(url),
            // Written piece by piece: the base64 may be megabytes.
            Self::Base64 { media_type, base64 } => {
                serializer.collect_str(&format_args!("data:{media_type};base64,{base64}"))
            }
            Self::File { media_type, bytes } => {
                let base64 = Base64Display::new(bytes, &STANDARD);
                serializer.collect_str(&format_args!("data:{media_type};base64,{base64}"))
            }
        }
    }
}

/// The `image_generation` tool.
#[derive(Debug, Default, Serialize)]
#[serde(tag = "type", rename = "image_generation")]
pub struct ImageTool<'a> {
    /// `generate`: never an edit of an image in the context. `edit`: always one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub action: Option<&'a str>,
    /// The image model.
    pub model: &'a str,
    /// The options that the client chose.
    #[serde(flatten)]
    pub options: Options<'a>,
}

/// The options of an image. The tool and the Images API have the same names for them, except for
/// the mask. `None` leaves the choice to the upstream.
#[derive(Debug, Default, Serialize)]
pub struct Options<'a> {
    /// `WIDTHxHEIGHT`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<String>,
    /// `low` to `max`, or `auto`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quality: Option<&'a str>,
    /// `transparent`, `opaque` or `auto`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub background: Option<&'a str>,
    /// `png`, `webp`, `jpeg`, `gif` or `svg`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output_format: Option<&'a str>,
    /// 0 to 100.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output_compression: Option<u32>,
    /// The number of previews, 1 to 3.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub partial_images: Option<u32>,
    /// `low` or `auto`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub moderation: Option<&'a str>,
    /// `high` or `low`, for edits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input_fidelity: Option<&'a str>,
    /// The mask, by the name that the tool has for it: where the first image is edited.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input_image_mask: Option<ImageRef<'a>>,
    /// `low`, `medium` or `high`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub complexity: Option<&'a str>,
    /// Frames of a GIF.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frame_count: Option<u32>,
    /// Milliseconds of each frame of a GIF.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frame_duration_ms: Option<u32>,
    /// Options of SVG.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub svg: Option<Svg<'a>>,
}

/// An image that is named by its place: the mask or an image of an edit.
#[derive(Debug, Serialize)]
pub struct ImageRef<'a> {
    /// Where it is.
    pub image_url: ImageUrl<'a>,
}

/// Options of SVG output.
#[derive(Debug, Serialize)]
pub struct Svg<'a> {
    /// The text model that writes the SVG.
    pub model: &'a str,
    /// How long it thinks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reasoning: Option<Reasoning<'a>>,
}

/// How long a text model thinks.
#[derive(Debug, Serialize)]
pub struct Reasoning<'a> {
    /// `none` to `max`.
    pub effort: &'a str,
}

/// Whether the text model must call the tool. A configuration has its name. A request has the form
/// of the Responses API.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ToolChoice {
    /// It must: `{"type":"image_generation"}`. Accounts without the tool answer 400.
    #[default]
    Force,
    /// It may: `"auto"`. Accounts without the tool answer in words.
    Auto,
}

impl Serialize for ToolChoice {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Force => {
                let mut map = serializer.serialize_map(Some(1))?;
                map.serialize_entry("type", "image_generation")?;
                map.end()
            }
            Self::Auto => serializer.serialize_str("auto"),
        }
    }
}

impl ResponsesRequest<'_> {
    /// The request as JSON. `capacity` is the expected length: a body may have 20 MB, and a vector
    /// that grows would hold it twice.
    #[must_use]
    pub fn write(&self, capacity: usize) -> Vec<u8> {
        write(self, capacity)
    }
}

/// A body as JSON, in a vector of this capacity.
pub(super) fn write(body: &impl Serialize, capacity: usize) -> Vec<u8> {
    let mut written = Vec::with_capacity(capacity);
    // A vector takes every byte, and strings, numbers and their lists always serialise.
    let _infallible = serde_json::to_writer(&mut written, body);
    written
}

#[cfg(test)]
mod tests {
    use super::{ImageUrl, ToolChoice};

    #[test]
    fn base64_becomes_a_data_url_as_it_is_written() {
        let url = ImageUrl::Base64 { media_type: "image/png", base64: "AAAA" };
        let written = serde_json::to_string(&url).unwrap();
        assert_eq!(written, r#""data:image/png;base64,AAAA""#);
    }

    #[test]
    fn a_file_becomes_a_data_url_as_it_is_written() {
        let file = ImageUrl::File { media_type: "image/gif", bytes: b"GIF8" };
        let written = serde_json::to_string(&file).unwrap();
        assert_eq!(written, r#""data:image/gif;base64,R0lGOA==""#);
    }

    #[test]
    fn a_url_is_written_as_it_is() {
        let written = serde_json::to_string(&ImageUrl::Url("https://example.com/\"")).unwrap();
        assert_eq!(written, r#""https://example.com/\"""#);
    }

    #[test]
    fn the_tool_is_forced_by_its_type() {
        let written = serde_json::to_string(&ToolChoice::Force).unwrap();
        assert_eq!(written, r#"{"type":"image_generation"}"#);
        assert_eq!(serde_json::to_string(&ToolChoice::Auto).unwrap(), r#""auto""#);
    }
}

//! The `image_generation` tool (Responses API, `ImageGeneration`) as Codex reads it.

use bytes::Bytes;
use serde_json::{Map, Value};

use super::{
    fields::Fields,
    input::{Input, read_image},
    size,
    size::Size,
};
use crate::{
    generator::{Background, Format},
    rejection::Rejection,
};

const KEYS: [&str; 16] = [
    "action",
    "background",
    "complexity",
    "frame_count",
    "frame_duration_ms",
    "input_fidelity",
    "input_image_mask",
    "model",
    "moderation",
    "output_compression",
    "output_format",
    "partial_images",
    "quality",
    "size",
    "svg",
    "type",
];

/// What the request wants of the tool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageTool {
    /// The image model.
    pub model: String,
    /// `size` as in the request; `auto` if it is absent.
    pub asked_size: String,
    /// The size to generate.
    pub size: Size,
    /// `quality` as in the request; `auto` if it is absent.
    pub quality: String,
    /// `background` as in the request; `auto` if it is absent.
    pub asked_background: String,
    /// The background to generate.
    pub background: Background,
    /// The file format.
    pub format: Format,
    /// Quality of a JPEG or WebP, 0 to 100.
    pub compression: u8,
    /// `moderation` as in the request; `auto` if it is absent.
    pub moderation: String,
    /// How many previews the request wants.
    pub partial_images: u32,
    /// Frames of a GIF.
    pub frames: u32,
    /// How long a frame of a GIF stays, in milliseconds.
    pub frame_ms: u32,
    /// Whether `action` is `edit`: the images are edited, regardless of the prompt.
    pub edits: bool,
    /// The file of the mask; empty for a URL, which is not fetched.
    pub mask: Option<Bytes>,
    /// The file of the markup, which only the Images API has; empty as above.
    pub markup: Option<Bytes>,
}

/// Reads `tools` and checks that `tool_choice` names one of them. `None` if no image is wanted.
pub(super) fn read(
    body: &Map<String, Value>,
    choice: &Value,
    input: &Input,
) -> Result<Option<ImageTool>, Rejection> {
    let tools: &[Value] = body.get("tools").and_then(Value::as_array).map_or(&[], Vec::as_slice);
    let offered = |kind: &str| tools.iter().any(|tool| kind_of(tool) == Some(kind));
    for kind in chosen(choice) {
        if !offered(kind) {
            return Err(not_offered(kind));
        }
    }
    let mut found = None;
    for (index, tool) in tools.iter().enumerate() {
        if kind_of(tool) == Some("image_generation") {
            found = Some(Fields { object: tool, tool: Some(index) }.read(input)?);
        }
    }
    Ok(found.filter(|_| choice.as_str() != Some("none")))
}

/// The kinds of tools that `tool_choice` names: `{"type":…}`, or the `tools` of `allowed_tools`.
fn chosen(choice: &Value) -> Vec<&str> {
    match choice.get("tools").and_then(Value::as_array) {
        Some(tools) => tools.iter().filter_map(kind_of).collect(),
        None => kind_of(choice).into_iter().collect(),
    }
}

/// Whether the body has the image tool, valid or not.
pub(super) fn is_offered(body: &Map<String, Value>) -> bool {
    let tools = body.get("tools").and_then(Value::as_array);
    tools.is_some_and(|tools| tools.iter().any(|tool| kind_of(tool) == Some("image_generation")))
}

fn kind_of(tool: &Value) -> Option<&str> {
    tool.get("type").and_then(Value::as_str)
}

/// The answer to a `tool_choice` that the account or the request does not have.
pub(crate) fn not_offered(kind: &str) -> Rejection {
    Rejection::invalid(
        None,
        "tool_choice",
        &format!("Tool choice '{kind}' not found in 'tools' parameter."),
    )
}

/// Whether this is an image model.
pub(crate) fn is_gpt(model: &str) -> bool {
    model.starts_with("gpt-image-") || model == "chatgpt-image-latest"
}

impl Fields<'_> {
    fn read(&self, input: &Input) -> Result<ImageTool, Rejection> {
        self.only(&KEYS)?;
        let mut tool = self.generation(self.model()?)?;
        tool.edits = self.one_of("action", &["auto", "generate", "edit"])? == "edit";
        tool.mask = self.mask()?;
        self.fidelity(&tool.model)?;
        self.gif(&tool)?;
        self.edit(&tool, input)?;
        Ok(tool)
    }

    /// The tool for `model`, from the fields that the tool and the Images API share.
    pub(crate) fn generation(&self, model: String) -> Result<ImageTool, Rejection> {
        let qualities: &[&str] = if model.starts_with("gpt-image-2.") {
            &["auto", "low", "medium", "high", "xhigh", "max"]
        } else if is_gpt(&model) {
            &["auto", "low", "medium", "high"]
        } else {
            &["auto", "low", "medium", "high", "standard", "hd"]
        };
        let asked_size = self.text("size")?.unwrap_or("auto").to_owned();
        let format = self.format()?;
        let frames = self.number("frame_count", 2, 16)?.unwrap_or(9);
        let frame_ms = self.number("frame_duration_ms", 0, u64::from(u32::MAX))?.unwrap_or(200);
        // Rounded, and at most what a GIF can express.
        let frame_ms = (frame_ms.saturating_add(5) / 10 * 10).min(655_350);
        let asked_background = self.one_of("background", &["auto", "transparent", "opaque"])?;
        Ok(ImageTool {
            size: size::read(&asked_size, &model, (format == Format::Gif).then_some(frames))
                .map_err(|why| self.reject("size", &why))?,
            asked_size,
            quality: self.one_of("quality", qualities)?,
            background: self.background(&asked_background, format)?,
            asked_background,
            format,
            compression: self.compression(format)?,
            moderation: self.one_of("moderation", &["auto", "low"])?,
            partial_images: self.number("partial_images", 0, 3)?.unwrap_or(0),
            frames,
            frame_ms,
            edits: false,
            mask: None,
            markup: None,
            model,
        })
    }

    fn mask(&self) -> Result<Option<Bytes>, Rejection> {
        let mask = match self.object.get("input_image_mask") {
            None | Some(Value::Null) => return Ok(None),
            Some(mask) => mask,
        };
        let path = self.path("input_image_mask");
        let Some(Value::String(url)) = mask.get("image_url") else {
            return Err(self.wrong_type("input_image_mask", "an object with an 'image_url'"));
        };
        read_image(url, &path).map(Some)
    }

    fn model(&self) -> Result<String, Rejection> {
        let model = self.text("model")?.unwrap_or("gpt-image-2");
        if is_gpt(model) {
            return Ok(model.to_owned());
        }
        Err(self.reject("model", &format!("The model '{model}' does not exist.")))
    }

    fn format(&self) -> Result<Format, Rejection> {
        let name = self.one_of("output_format", &["png", "webp", "jpeg", "gif", "svg"])?;
        if name == "svg" {
            return Err(self.reject(
                "output_format",
                "The output format 'svg' is not available for this account.",
            ));
        }
        Ok(Format::parse(&name).unwrap_or(Format::Png))
    }

    fn background(&self, asked: &str, format: Format) -> Result<Background, Rejection> {
        match (asked, format) {
            ("transparent", Format::Png | Format::Webp) => Ok(Background::Transparent),
            ("transparent", _) => Err(self.reject(
                "background",
                "Transparent background is not supported for this output format.",
            )),
            _ => Ok(Background::Opaque),
        }
    }

    fn compression(&self, format: Format) -> Result<u8, Rejection> {
        let level = self.number("output_compression", 0, 100)?.unwrap_or(100);
        if level != 100 && !matches!(format, Format::Jpeg | Format::Webp) {
            let message = "Compression less than 100 is not supported for this output format.";
            return Err(self.reject("output_compression", message));
        }
        Ok(u8::try_from(level).unwrap_or(100))
    }

    /// Checks `input_fidelity`, which has no effect here but which some models reject.
    pub(crate) fn fidelity(&self, model: &str) -> Result<(), Rejection> {
        let asked = self.text("input_fidelity")?.is_some();
        if asked && model.starts_with("gpt-image-2") {
            let message =
                format!("The model '{model}' does not support the 'input_fidelity' parameter.");
            return Err(self.reject("input_fidelity", &message));
        }
        self.one_of("input_fidelity", &["low", "high"]).map(drop)
    }

    /// Rejects what a GIF cannot have.
    pub(crate) fn gif(&self, tool: &ImageTool) -> Result<(), Rejection> {
        let has = |name: &str| self.object.get(name).is_some_and(|it| !it.is_null());
        let found = match () {
            () if tool.format != Format::Gif => None,
            () if tool.mask.is_some() && self.tool.is_some() => Some("input_image_mask"),
            () if tool.mask.is_some() => Some("mask"),
            () if tool.partial_images > 0 => Some("partial_images"),
            () if has("output_compression") => Some("output_compression"),
            () => None,
        };
        match found {
            Some(name) => Err(self.reject(name, &format!("GIF output does not support '{name}'."))),
            None => Ok(()),
        }
    }

    fn edit(&self, tool: &ImageTool, input: &Input) -> Result<(), Rejection> {
        if (tool.edits || tool.mask.is_some()) && input.images.is_empty() {
            let what = if tool.edits { "Action 'edit'" } else { "A mask" };
            let message = format!("{what} requires an image in the context.");
            return Err(self.reject("action", &message));
        }
        Ok(())
    }
}

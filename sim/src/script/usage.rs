//! Token counts that are plausible for the image.

use crate::{
    json::Json,
    object,
    request::{ImageTool, Request, Size},
};

/// Tokens of an image by a model before gpt-image-2: low, medium, high by square, portrait,
/// landscape.
const FIXED: [[u64; 3]; 3] = [[272, 408, 400], [1056, 1584, 1568], [4160, 6240, 6208]];

/// Tokens of an image of 1024x1024 by gpt-image-2: low, medium, high.
const SQUARE: [u64; 3] = [196, 1756, 7024];

/// Tokens of gpt-image-2 that the rule does not give.
const KNOWN: [(&str, usize, u64); 3] =
    [("1536x1024", 2, 5488), ("2048x2048", 2, 14_272), ("3840x2160", 2, 13_342)];

/// Input tokens of one reference image.
pub(crate) const IMAGE_TOKENS: u64 = 1105;

/// Output tokens of one image.
pub(crate) fn image_tokens(tool: &ImageTool) -> u64 {
    let level: usize = match tool.quality.as_str() {
        "low" => 0,
        "high" | "xhigh" | "max" => 2,
        _ => 1,
    };
    let Size { width, height } = tool.size;
    if !tool.model.starts_with("gpt-image-2") {
        let shape = usize::from(width != height) + usize::from(width > height);
        return FIXED.get(level).and_then(|row| row.get(shape)).copied().unwrap_or_default();
    }
    let size = tool.size.to_string();
    if let Some((_, _, tokens)) = KNOWN.iter().find(|(known, at, _)| *known == size && *at == level)
    {
        return *tokens;
    }
    let square = SQUARE.get(level).copied().unwrap_or_default() as f64;
    // Four times the pixels cost about twice the tokens; other shapes than a square cost less.
    let area = (tool.size.pixels() as f64 / (1024.0 * 1024.0)).sqrt();
    let shape = if width == height { 1.0 } else { 0.64 };
    (square * area * shape).round() as u64
}

/// `tool_usage` with the tokens of `tool`, or with zeros.
pub(super) fn tool_usage(request: &Request, tool: Option<&ImageTool>) -> Json {
    let text = tool.map_or(0, |_| text_tokens(&request.input.prompt));
    let images = tool.map_or(0, |_| request.input.images.len() as u64 * IMAGE_TOKENS);
    let output = tool.map_or(0, image_tokens);
    let image_gen = object! {
        "input_tokens": text + images,
        "input_tokens_details": object! { "image_tokens": images, "text_tokens": text },
        "output_tokens": output,
        "output_tokens_details": object! { "image_tokens": output, "text_tokens": 0 },
        "total_tokens": text + images + output,
    };
    object! { "image_gen": image_gen, "web_search": object! { "num_requests": 0 } }
}

/// `usage`: the host model alone.
pub(super) fn usage(request: &Request) -> Json {
    let input = 2043 + text_tokens(&request.instructions) + text_tokens(&request.input.prompt);
    let output = 41 + text_tokens(&request.input.prompt);
    object! {
        "input_tokens": input,
        "input_tokens_details": object! { "cached_tokens": 0 },
        "output_tokens": output,
        "output_tokens_details": object! { "reasoning_tokens": 0 },
        "total_tokens": input + output,
    }
}

/// Tokens of a prompt.
pub(crate) fn text_tokens(text: &str) -> u64 {
    (text.chars().count() as u64).div_ceil(4) + 6
}

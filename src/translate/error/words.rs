//! An answer in words where a picture should be.
//!
//! The text model is told not to answer in words. Where it does, it mostly refuses, in whatever
//! language the prompt has. An account without the image tool makes it draw with text instead (SVG,
//! code, ASCII), point to a picture that does not exist, or say that it has no tool.

use super::redact::redact;
use crate::openai::error::Failure;

/// The failure behind `text`, the model's words.
#[must_use]
pub fn from_words(text: &str) -> Failure {
    let text = text.trim();
    let small = text.to_lowercase();
    let says = |phrases: &[&str]| phrases.iter().any(|phrase| small.contains(phrase));
    let is_drawing = says(&DRAWINGS) || small.starts_with(['{', '[', '#']);
    if text.is_empty() || is_drawing || (says(&EXCUSES) && !says(&POLICIES)) {
        return Failure::UpstreamNoImage;
    }
    let message = format!("The model answered without an image: {}", redact(text));
    Failure::Refused { message, details: None }
}

/// A picture in text, or a pointer to one.
const DRAWINGS: [&str; 9] = [
    "<svg",
    "```",
    "<html",
    "<!doctype",
    "](",
    "data:image",
    "sandbox:/",
    "{\"prompt\"",
    "import ",
];
/// The model cannot make the picture, or believes that it has.
const EXCUSES: [&str; 9] = [
    "image_generation",
    "image generation tool",
    "image tool",
    "the tool",
    "image generation is",
    "generate images directly",
    "create images directly",
    "here is your",
    "here's your",
];
/// The model will not make the picture.
const POLICIES: [&str; 4] = ["polic", "guideline", "violat", "not allowed"];

#[cfg(test)]
mod tests {
    use super::from_words;
    use crate::openai::error::Failure;

    #[test]
    fn a_refusal_is_told_in_the_models_words() {
        for text in [
            "I'm sorry, but I can't help with that.",
            "Das Bild kann ich nicht erstellen.",
            "I can't use the image tool for this: it violates the content policy.",
        ] {
            let Failure::Refused { message, details: None } = from_words(text) else {
                panic!("{text}");
            };
            assert!(message.ends_with(text), "{message}");
        }
    }

    #[test]
    fn a_drawing_in_text_is_no_refusal() {
        for text in [
            "",
            "  \n",
            "<svg xmlns=\"http://www.w3.org/2000/svg\"></svg>",
            "Sure:\n```html\n<b>fox</b>\n```",
            "![a fox](https://example.com/fox.png)",
            "{\"prompt\": \"a fox\"}",
            "I don't have access to an image generation tool.",
            "Here is your image!",
        ] {
            assert_eq!(from_words(text), Failure::UpstreamNoImage, "{text}");
        }
    }

    #[test]
    fn long_words_are_shortened() {
        let Failure::Refused { message, .. } = from_words(&"no ".repeat(10_000)) else {
            panic!("not a refusal");
        };
        assert!(message.chars().count() < 1100);
    }
}

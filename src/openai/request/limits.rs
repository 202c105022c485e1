//! The limits that the operator sets.

/// The limits of a request, set by the operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the body.
    pub max_body_bytes: usize,
    /// Unicode scalar values of the prompt.
    pub max_prompt_chars: usize,
    /// Images of one request.
    pub max_n: u32,
    /// Entries of `images` of a generation.
    pub max_reference_images: usize,
    /// Images of an edit, without its mask or markup.
    pub max_edit_images: usize,
    /// Decoded bytes of one image, mask or markup.
    pub max_reference_image_bytes: usize,
}

impl Default for Limits {
    /// `max_prompt_chars`, `max_n` and `max_edit_images` are those of OpenAI. The others bound
    /// memory.
    fn default() -> Self {
        Self {
            max_body_bytes: 32 << 20,
            max_prompt_chars: 32_000,
            max_n: 10,
            max_reference_images: 10,
            max_edit_images: 16,
            max_reference_image_bytes: 20 << 20,
        }
    }
}

//! What a prompt asks for, in either API: its words, its faults, and the image to generate.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;

use super::State;
use crate::{
    directive::{self, Unknown},
    generator::Subject,
    hash::hash,
    request::{ImageTool, Size},
    settings::{Look, Settings, Shape},
    stats::Outcome,
};

/// A prompt whose directives were read.
pub(super) struct Work {
    /// The settings for this prompt.
    pub settings: Settings,
    /// The prompt without its directives.
    pub words: String,
    /// How many requests with this prompt there were, this one included.
    pub call: u64,
    /// Chooses identifiers.
    pub seed: u64,
}

impl Work {
    /// Reads the directives of a prompt and of the [header](directive::HEADER), and counts the
    /// prompt.
    pub(super) fn read(
        prompt: &str,
        header: &str,
        state: &State,
        now: Duration,
    ) -> Result<Self, Unknown> {
        let call = state.count(prompt);
        let (words, directives) = directive::extract(prompt)?;
        let listed = directive::listed(header)?;
        let mut settings = state.options.settings.clone();
        for directive in state.options.directives.iter().chain(&directives).chain(&listed) {
            directive.apply(&mut settings, call);
        }
        // With `--seed`, identifiers are the same on every run.
        let moment = state.options.seed.map_or_else(|| hash(&now.as_nanos().to_le_bytes()), |_| 0);
        let seed = state.seed ^ moment ^ hash(words.as_bytes()) ^ call.rotate_left(32);
        Ok(Self { settings, words, call, seed })
    }

    /// Changes the request to what is generated. `quality` is that of a backend that chooses the
    /// shape itself.
    pub(super) fn reshape(&self, tool: &mut ImageTool, quality: &str) {
        if self.settings.shape == Shape::Free {
            tool.size = Size::free(hash(self.words.as_bytes()));
            quality.clone_into(&mut tool.quality);
        }
        if let Some(size) = self.settings.size {
            tool.size = size;
        }
    }

    /// The small print: model, size and quality, how many images an edit has, and which image and call
    /// it is if that changes the image.
    pub(super) fn caption(&self, tool: &ImageTool, images: &[Bytes], number: u64) -> String {
        let mut caption = format!("{} · {} · {}", tool.model, tool.size, tool.quality);
        if tool.edits {
            caption += &format!(" · edit of {}", images.len());
        }
        if tool.mask.is_some() {
            caption += " · mask";
        }
        if tool.markup.is_some() {
            caption += " · markup";
        }
        if number > 0 {
            caption += &format!(" · image {}", number + 1);
        }
        if self.settings.look == Look::Varied {
            caption += &format!(" · call {}", self.call);
        }
        caption
    }

    /// The subject of the image with this number and these reference images.
    pub(super) fn subject(
        &self,
        state: &State,
        tool: &ImageTool,
        images: &[Bytes],
        number: u64,
    ) -> Subject {
        let look = match self.settings.look {
            Look::Same => 0,
            Look::Varied => self.call,
        };
        let grain = match tool.quality.as_str() {
            "low" => 1,
            "high" | "xhigh" | "max" => 5,
            _ => 3,
        };
        Subject {
            text: self.words.clone(),
            caption: self.caption(tool, images, number),
            width: tool.size.width,
            height: tool.size.height,
            format: tool.format,
            compression: tool.compression,
            background: tool.background,
            grain,
            preview: None,
            seed: state.options.seed.unwrap_or(0) ^ look.rotate_left(8) ^ number.rotate_left(56),
            // The mask or the markup is the last of the thumbnails.
            references: images.iter().chain(&tool.mask).chain(&tool.markup).cloned().collect(),
            frames: tool.frames,
            frame_ms: tool.frame_ms,
            base64_len: self.settings.base64_len,
        }
    }
}

/// An answer that has started: counted as open, and as aborted unless it is
/// [closed](Self::close).
pub(super) struct Open {
    state: Arc<State>,
    outcome: Outcome,
}

impl Open {
    /// Counts an open answer.
    pub(super) fn new(state: &Arc<State>) -> Self {
        state.stats.opened();
        Self { state: Arc::clone(state), outcome: Outcome::Aborted }
    }

    /// Counts how the answer ended.
    pub(super) fn close(mut self, outcome: Outcome) {
        self.outcome = outcome;
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.state.stats.closed(self.outcome);
    }
}

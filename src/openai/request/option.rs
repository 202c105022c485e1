//! The options of a request that are one word of a few.

use crate::openai::choice::choice;

choice! {
    /// Whether the image has a background.
    pub enum Background {
        /// None. It needs a format with transparency.
        Transparent = "transparent",
        /// One.
        Opaque = "opaque",
        /// The model decides.
        Auto = "auto",
    }
}

choice! {
    /// How strict the moderation is.
    pub enum Moderation {
        /// Less.
        Low = "low",
        /// As usual.
        Auto = "auto",
    }
}

choice! {
    /// The file format of the image.
    pub enum OutputFormat {
        /// PNG.
        Png = "png",
        /// WebP.
        Webp = "webp",
        /// JPEG.
        Jpeg = "jpeg",
        /// GIF, animated.
        Gif = "gif",
        /// SVG.
        Svg = "svg",
    }
}

choice! {
    /// How elaborate the image is.
    pub enum Complexity {
        /// Little.
        Low = "low",
        /// Some.
        Medium = "medium",
        /// Much.
        High = "high",
    }
}

choice! {
    /// How the image is delivered.
    #[derive(Default, serde::Deserialize)]
    #[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
    #[serde(rename_all = "snake_case")]
    pub enum ResponseFormat {
        /// In `b64_json`.
        #[default]
        B64Json = "b64_json",
        /// In `url`, as a `data:` URL: nothing is hosted.
        Url = "url",
    }
}

choice! {
    /// How closely an edit keeps to its images.
    pub enum InputFidelity {
        /// Very.
        High = "high",
        /// Less.
        Low = "low",
    }
}

choice! {
    /// How long the model that writes an SVG thinks.
    pub enum Effort {
        /// Not at all.
        None = "none",
        /// Hardly.
        Minimal = "minimal",
        /// A little.
        Low = "low",
        /// Some.
        Medium = "medium",
        /// Much.
        High = "high",
        /// Very much.
        Xhigh = "xhigh",
        /// As much as it can.
        Max = "max",
    }
}

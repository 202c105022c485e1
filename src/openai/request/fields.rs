//! The fields that a request may have.

/// The fields that all requests may have, followed by those of one kind of request.
macro_rules! with_common {
    ($($own:literal),+) => {
        &[
            "prompt",
            "model",
            "n",
            "size",
            "quality",
            "background",
            "moderation",
            "output_format",
            "output_compression",
            "partial_images",
            "stream",
            "response_format",
            "style",
            "user",
            "safety_identifier",
            "complexity",
            "frame_count",
            "frame_duration_ms",
            $($own,)+
        ]
    };
}

/// Every known field of a generation, served or not.
pub const FIELDS: &[&str] = with_common!["svg", "images"];

/// Every known field of an edit in JSON, served or not.
pub const EDIT_FIELDS: &[&str] = with_common!["svg", "images", "mask", "input_fidelity", "markup"];

/// Every known plain field of a form, served or not.
pub const FORM_FIELDS: &[&str] =
    with_common!["svg[model]", "svg[reasoning][effort]", "input_fidelity"];

//! Values that must not reach a log, an error or a `Debug` of the configuration.
//!
//! The type has no `Display`, no `Clone`, no comparison and no serialisation: the only way to its
//! content is [`Secret::expose`], so that a search for that name finds every use.

use std::fmt;

/// A credential. `Debug` prints a placeholder.
pub struct Secret(String);

impl Secret {
    /// Takes the credential over.
    pub fn new(value: String) -> Self {
        Self(value)
    }

    /// The credential itself, for the one place that sends it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret([redacted])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_hides_the_content() {
        let secret = Secret::new("hunter2".to_owned());
        assert_eq!(format!("{secret:?} {secret:#?}"), "Secret([redacted]) Secret([redacted])");
        assert_eq!(secret.expose(), "hunter2");
    }
}

//! A plugin configuration: taken, or refused in words.

use imagegate::config::Config;

/// Panics if the input breaks what holds of any.
pub fn run(data: &[u8]) {
    if let Err(error) = Config::parse(data, &|_| Some("token".to_owned())) {
        assert!(!error.to_string().is_empty());
    }
}

//! A plugin configuration is accepted, or rejected with a message.

use imagegate::config::Config;

/// Panics if the input breaks the property.
pub fn run(data: &[u8]) {
    if let Err(error) = Config::parse(data, &|_| Some("token".to_owned())) {
        assert!(!error.to_string().is_empty());
    }
}

//! A plugin configuration: taken, or refused in words.
#![no_main]

use imagegate::config::Config;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Err(error) = Config::parse(data, &|_| Some("token".to_owned())) {
        assert!(!error.to_string().is_empty());
    }
});

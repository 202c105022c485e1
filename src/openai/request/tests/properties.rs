//! What holds for any body.

use proptest::prelude::*;

use super::super::{FIELDS, ImageRequest, Limits};
use super::parse;

fn rich_body() -> impl Strategy<Value = String> {
    let value = prop::sample::select(vec![
        "null",
        "true",
        "1",
        "-1",
        "1.5",
        "1e999",
        "\"\"",
        "\"auto\"",
        "\"x\\ud800\"",
        "[]",
        "{}",
        "[\"AAAA\"]",
        "[[[",
        "\"1024x1024\"",
        "\"svg\"",
        "{\"model\":\"m\"}",
        "\u{1}",
        "\"é🦊\"",
    ]);
    let name = prop::sample::select([FIELDS, &["foo", "", "\\u0000"]].concat());
    prop::collection::vec((name, value), 0..6).prop_map(|members| {
        let members: Vec<_> =
            members.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
        format!("{{{}}}", members.join(","))
    })
}

proptest! {
    #[test]
    fn any_bytes_have_an_answer(body in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(ImageRequest::parse(&body, &Limits::default()).is_err());
    }

    #[test]
    fn every_rejection_is_short_and_has_a_code(body in rich_body()) {
        if let Err(error) = parse(&body) {
            prop_assert!(!error.code.as_str().is_empty());
            prop_assert!(error.message.len() < 1000, "{}", error.message);
            prop_assert!(!error.message.contains(char::is_control), "{}", error.message);
        }
    }
}

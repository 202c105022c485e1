//! Forms that are damaged at random, and files with any bytes.

use super::{FORM, cut, edit, fault, form, send};
use crate::support::gate;
use proptest::prelude::*;
use serde_json::{Value, json};

/// What a broken client or proxy does to a form.
#[derive(Debug, Clone)]
enum Damage {
    Set(u8),
    Insert(&'static [u8]),
    Remove(usize),
    Repeat(usize),
    End,
}

fn damages() -> impl Strategy<Value = Vec<(prop::sample::Index, Damage)>> {
    let inserted: Vec<&'static [u8]> = vec![
        b"\r\n",
        b"\r",
        b"\n",
        b"--boundary-1\r\n",
        b"\r\n--boundary-1\r\n",
        b"--boundary-1--",
        b"--",
        b"\"",
        b"\\",
        b"; name=x",
        b"\r\n\r\n",
        b"\0",
        b"\xff",
        b"content-disposition: x\r\n",
    ];
    let damage = prop_oneof![
        any::<u8>().prop_map(Damage::Set),
        prop::sample::select(inserted).prop_map(Damage::Insert),
        (1..200_usize).prop_map(Damage::Remove),
        (1..200_usize).prop_map(Damage::Repeat),
        Just(Damage::End),
    ];
    prop::collection::vec((any::<prop::sample::Index>(), damage), 1..5)
}

fn damaged(mut body: Vec<u8>, damages: &[(prop::sample::Index, Damage)]) -> Vec<u8> {
    for (place, damage) in damages {
        let at = place.index(body.len() + 1);
        let following = |count: &usize| at..(at + count).min(body.len());
        match damage {
            Damage::Set(byte) => body.iter_mut().skip(at).take(1).for_each(|it| *it = *byte),
            Damage::Insert(bytes) => drop(body.splice(at..at, bytes.iter().copied())),
            Damage::Remove(count) => drop(body.drain(following(count))),
            Damage::Repeat(count) => {
                let again = body[following(count)].to_vec();
                body.splice(at..at, again);
            }
            Damage::End => body.truncate(at),
        }
    }
    body
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn a_damaged_form_is_answered_and_leaves_nothing(
        damages in damages(),
        places in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
    ) {
        let (gate, budget) = gate(&json!({}));
        let body = damaged(edit(), &damages);
        let (driver, outcome) = send(&gate, FORM, &cut(&body, &places));
        match outcome {
            Ok(forward) => {
                let sent: Value = serde_json::from_slice(&forward.body).unwrap();
                prop_assert_eq!(&sent["tools"][0]["action"], "edit");
            }
            Err(reply) => {
                let (status, code, _) = fault(&reply);
                prop_assert_eq!(status, 400);
                prop_assert!(code.is_string());
            }
        }
        drop(driver);
        prop_assert_eq!(budget.used(), 0);
    }

    #[test]
    fn a_file_reaches_the_tool_byte_for_byte(
        data in prop::collection::vec(any::<u8>(), 0..400),
        places in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
    ) {
        let (gate, _) = gate(&json!({}));
        let file = [b"GIF89a", &data[..]].concat();
        let body = form(&[("image", true, &file), ("prompt", false, b"p")]);
        let (_, forward) = send(&gate, FORM, &cut(&body, &places));
        let sent: Value = serde_json::from_slice(&forward.unwrap().body).unwrap();
        let url = sent["input"][0]["content"][0]["image_url"].as_str().unwrap();
        let base64 = url.strip_prefix("data:image/gif;base64,").unwrap();
        let standard = base64::engine::general_purpose::STANDARD;
        prop_assert_eq!(base64::Engine::decode(&standard, base64).unwrap(), file);
    }
}

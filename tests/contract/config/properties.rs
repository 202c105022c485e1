//! What holds for every document: no panic, an error on one line, and no secret in the error.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{TOKEN, full, parse, pointers, struct_bytes};

/// JSON values of every shape, with texts that the schema knows among them.
fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "[0-9]{1,12}(\\.[0-9]{1,12})?( ?(ns|ms|s|m|h|d|y|B|kB|MiB|EiB)){0,3}".prop_map(Value::from),
        "[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.+Zé-]{0,12}".prop_map(Value::from),
        "[a-z*~/]{0,6}".prop_map(Value::from),
        "\\PC{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[a-z_]{0,4}", inner, 0..4).prop_map(|map| json!(map)),
        ]
    })
}

/// Parses any `bytes`. An error has text on one line.
fn survive(bytes: &[u8]) {
    if let Err(error) = parse(bytes) {
        assert_eq!(error.to_string().lines().count(), 1);
        assert!(!format!("{error:?} {error}").contains(TOKEN));
    }
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(mut bytes in prop::collection::vec(any::<u8>(), 0..256)) {
        survive(&bytes);
        bytes.splice(0..0, [0x0A]);
        bytes.push(0x12);
        survive(&bytes);
    }

    #[test]
    fn damaged_bytes_never_panic(
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        end in any::<prop::sample::Index>(),
    ) {
        for mut bytes in [full().to_string().into_bytes(), struct_bytes(&full())] {
            for (at, byte) in &edits {
                let at = at.index(bytes.len());
                bytes[at] = *byte;
            }
            survive(&bytes);
            survive(&bytes[..end.index(bytes.len())]);
        }
    }

    #[test]
    fn damaged_values_never_panic(
        edits in prop::collection::vec((any::<prop::sample::Index>(), any_value()), 1..4),
    ) {
        let mut document = full();
        for (at, value) in edits {
            let pointers = pointers(&document);
            *document.pointer_mut(&pointers[at.index(pointers.len())]).unwrap() = value;
        }
        survive(document.to_string().as_bytes());
        if document.is_object() {
            survive(&struct_bytes(&document));
        }
    }
}

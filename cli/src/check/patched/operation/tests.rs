use serde_json::{Value, json};

use super::super::super::json::parse;
use super::*;

fn parsed(value: &Value) -> Node {
    parse(&value.to_string()).unwrap()
}

fn run(document: &Value, patch: &Value) -> Result<Value, Fault> {
    let (mut tree, value) = (parsed(document), patch.get("value").map(parsed));
    let text = |name: &str| patch.get(name).and_then(Value::as_str);
    let operation = Operation {
        op: text("op").unwrap(),
        path: text("path").unwrap(),
        from: text("from"),
        value: value.as_ref(),
        at: 0..0,
    };
    operation.run(&mut tree).map(|()| json(&tree))
}

/// Every operation with every pair of these pointers.
#[test]
fn it_does_what_the_crate_does() {
    let document = json!({ "a": { "b": 1, "~/": [2] }, "l": [1, { "c": null }, []], "": "x" });
    let pointers = [
        "",
        "/",
        "/a",
        "/a/b",
        "/a/~0~1",
        "/a/~0~1/0",
        "/a/x",
        "/l",
        "/l/0",
        "/l/1",
        "/l/1/c",
        "/l/2",
        "/l/2/0",
        "/l/3",
        "/l/4",
        "/l/-",
        "/l/01",
        "/l/x",
        "/a/b/c",
        "/x",
        "/l/2/-",
        "/l/+1",
    ];
    let mut count = 0;
    for op in ["add", "remove", "replace", "move", "copy", "test"] {
        for path in pointers {
            for from in pointers {
                let value = document.pointer(from).cloned().unwrap_or(Value::Bool(true));
                let patch = json!({ "op": op, "path": path, "from": from, "value": value });
                // Neither is one of Envoy Gateway: the whole, and a value moved into itself.
                let is_whole = path.is_empty() || from.is_empty();
                let is_inside = path.starts_with(from);
                if ["move", "remove", "copy"].contains(&op) && (is_whole || is_inside) {
                    continue;
                }
                let mut expected = document.clone();
                let given: json_patch::Patch = serde_json::from_value(json!([patch])).unwrap();
                let is_done = json_patch::patch(&mut expected, &given).is_ok();
                let actual = run(&document, &patch);
                assert_eq!(actual.is_ok(), is_done, "{patch}: {actual:?}");
                if let Ok(actual) = actual {
                    assert_eq!(actual, expected, "{patch}");
                    count += 1;
                }
            }
        }
    }
    assert!(count > 500, "only {count}");
}

#[test]
fn an_add_makes_what_is_missing() {
    let add = |path: &str| run(&json!({}), &json!({ "op": "add", "path": path, "value": 1 }));
    assert_eq!(add("/a/b/c"), Ok(json!({ "a": { "b": { "c": 1 } } })));
    assert_eq!(add("/a/-"), Ok(json!({ "a": [1] })));
    assert_eq!(
        add("/a/0/b"),
        Err(Fault::Nothing {
            end: "/a".to_owned(),
            accepted: "nothing: the list is empty".to_owned(),
        })
    );
}

#[test]
fn a_fault_names_where_the_path_ends_and_what_is_there() {
    let document = json!({ "a": { "b": [1, 2] } });
    let nothing = |end: &str, accepted: &str| {
        Err(Fault::Nothing { end: end.to_owned(), accepted: accepted.to_owned() })
    };
    let at = |op: &str, path: &str| run(&document, &json!({ "op": op, "path": path, "value": 1 }));
    assert_eq!(at("remove", "/a/c"), nothing("/a", "`b`"));
    assert_eq!(at("replace", "/a/b/2"), nothing("/a/b", "an index up to 1"));
    assert_eq!(at("add", "/a/b/3"), nothing("/a/b", "an index up to 2, or `-`"));
    assert_eq!(at("add", "/a/b/0/c"), nothing("/a/b/0", "nothing: it is a single value"));
    assert_eq!(at("merge", "/a"), Err(Fault::Unknown));
    let lacks = |patch| run(&document, &patch);
    assert_eq!(lacks(json!({ "op": "add", "path": "/a" })), Err(Fault::Lacks("value")));
    assert_eq!(lacks(json!({ "op": "move", "path": "/a" })), Err(Fault::Lacks("from")));
}

#[test]
fn a_tree_has_its_limits() {
    let deep = "/a".repeat(MAX_DEPTH + 1);
    let add = json!({ "op": "add", "path": deep, "value": 1 });
    assert_eq!(run(&json!({}), &add), Err(Fault::Large));
    let mut document = json!({ "a": [1, 2, 3] });
    let copy = json!({ "op": "copy", "from": "/a", "path": "/a/-" });
    let mut copies = 0;
    while let Ok(larger) = run(&document, &copy) {
        (document, copies) = (larger, copies + 1);
    }
    assert!((10..MAX_DEPTH).contains(&copies), "{copies}");
}

use super::*;

fn only(source: &str) -> Node {
    let mut documents = parse(source).unwrap().documents;
    assert_eq!(documents.len(), 1);
    documents.remove(0)
}

fn shown(node: &Node) -> String {
    match &node.kind {
        Kind::Null => "null".to_owned(),
        Kind::Bool(truth) => truth.to_string(),
        Kind::Number(number) => number.to_string(),
        Kind::Text(text) => format!("{:?}", text.value),
        Kind::List(items) => format!("{:?}", items.iter().map(shown).collect::<Vec<_>>()),
        Kind::Object(fields) => {
            fields.iter().map(|f| format!("{}={};", f.name, shown(&f.value))).collect()
        }
    }
}

#[test]
fn plain_scalars_have_the_types_that_their_loaders_give_them() {
    for (plain, expected) in [
        ("yes", "true"),
        ("Off", "false"),
        ("TRUE", "true"),
        ("~", "null"),
        ("60", "60"),
        ("-0x10", "-16"),
        ("010", "8"),
        ("1.5", "1.5"),
        ("1e3", "1000"),
        (".inf", "NaN"),
        ("1e999", "\"1e999\""),
        ("9007199254740993", "\"9007199254740993\""),
        ("30s", "\"30s\""),
        ("1d", "\"1d\""),
        ("inf", "\"inf\""),
        ("oN", "\"oN\""),
        ("1024x1024", "\"1024x1024\""),
        ("2027-01-01T00:00:00Z", "\"2027-01-01T00:00:00Z\""),
        ("\"60\"", "\"60\""),
        ("'yes'", "\"yes\""),
        ("!!str 60", "\"60\""),
    ] {
        assert_eq!(shown(&only(plain)), expected, "{plain}");
    }
}

#[test]
fn a_decimal_is_text_in_a_file_of_envoys_and_a_number_elsewhere() {
    let value = |source: &str, path: &[&str]| shown(only(source).at(path).unwrap());
    for (plain, number) in [("0.04", "0.04"), ("5.0", "5"), ("-1e3", "-1000"), (".inf", "NaN")] {
        let text = format!("{plain:?}");
        let file = |root: &str| format!("{root}:\n- a: &a {plain}\n  b: *a\nx: {plain}\n");
        for root in ["static_resources", "dynamic_resources", "resources"] {
            let tree = only(&file(root));
            assert_eq!(shown(&tree.get(root).unwrap().items()[0]), format!("a={text};b={text};"));
            assert_eq!(shown(tree.get("x").unwrap()), text, "{root}");
        }
        assert_eq!(value(&file("upstreams"), &["x"]), number);
        let resource = format!("apiVersion: v1\n{}", file("resources"));
        assert_eq!(value(&resource, &["x"]), number);
        // A whole number is one everywhere.
        assert_eq!(value("resources: []\nx: 5\ny: 5.0\n", &["x"]), "5");
    }
    let both = parse("resources: []\nx: 1.5\n---\napiVersion: v1\nx: 1.5\n").unwrap().documents;
    let shown: Vec<_> = both.iter().map(|it| shown(it.get("x").unwrap())).collect();
    assert_eq!(shown, ["\"1.5\"", "1.5"]);
}

#[test]
fn every_character_of_a_block_has_its_place() {
    for source in [
        "é: 1\nconfig: |\n    {\n      \"k\": 1\n    }\n",
        "é: 1\nconfig: |2\n  {\n      \"k\": 1\n    }\n",
        "é: 1\r\nconfig: |\r\n    {\r\n      \"k\": 1\r\n    }\r\n",
        "é: 1\nconfig: |\n\n\n    {\n      \"k\": 1\n    }\n",
    ] {
        let tree = only(source);
        let Some(Kind::Text(text)) = tree.get("config").map(|node| &node.kind) else {
            panic!("{source}")
        };
        let at = text.value.find("\"k\"").unwrap();
        let place = text.place(at).unwrap();
        assert_eq!(source.get(place..place + 3), Some("\"k\""), "{source}");
    }
}

#[test]
fn documents_anchors_and_names_are_read() {
    assert_eq!(parse("a: 1\n---\nb: 2\n").unwrap().documents.len(), 2);
    assert_eq!(shown(&only("a: &x {b: 1}\nc: *x\non: 1\n")), "a=b=1;;c=b=1;;on=1;");
}

#[test]
fn a_name_that_is_there_twice_is_reported_beside_the_rest() {
    let source = "a: 1\nb: {c: 2, c: 3}\na: 4\n";
    let parsed = parse(source).unwrap();
    let places: Vec<_> =
        parsed.repeated.iter().map(|(span, _)| source.get(span.start..).unwrap()).collect();
    assert_eq!(places, ["c: 3}\na: 4\n", "a: 4\n"]);
    assert_eq!(shown(&parsed.documents[0]), "a=1;b=c=2;;");
}

#[test]
fn an_unreadable_file_reports_a_place_and_no_value() {
    for (source, start) in [("a: [s3cret\n", ""), ("a: 's3cret\n", "")] {
        let error = parse(source).unwrap_err();
        assert!(source.get(error.span().start..).unwrap().starts_with(start), "{error}");
        assert!(!error.to_string().contains("s3cret"), "{error}");
    }
    assert!(parse(&"[".repeat(5_000)).is_err());
    assert!(matches!(parse(&"- ".repeat(200)), Err(Error::Size(_))));
}

#[test]
fn aliases_do_not_explode() {
    let mut source = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n".to_owned();
    for level in 1..20 {
        let list = vec![format!("*a{}", level - 1); 10].join(",");
        source.push_str(&format!("a{level}: &a{level} [{list}]\n"));
    }
    assert!(matches!(parse(&source), Err(Error::Size(_))));
}

#[test]
fn lines_in_brackets_may_be_indented_as_little_as_envoy_takes_them() {
    for source in [
        "consumers:\n- name: é\n  keys: [\n    \"a\",\n    'b',\n  ]\n  user: u\n",
        "consumers:\r\n  - name: é\r\n    keys: [\r\n \"a\", # ]\r\nb\r\n]\r\n    user: u\r\n",
        "consumers: [\n{name: \"é\",\n\"keys\": [\n\"a\",\nb\n]\n,\nuser: u\n}\n]\n",
    ] {
        let node = only(source);
        let expected =
            r#"consumers=["name=\"é\";keys=[\"\\\"a\\\"\", \"\\\"b\\\"\"];user=\"u\";"];"#;
        assert_eq!(shown(&node), expected, "{source}");
        let Kind::Object(fields) = &node.kind else { panic!("{source}") };
        let Kind::List(consumers) = &fields[0].value.kind else { panic!("{source}") };
        let Kind::Object(fields) = &consumers[0].kind else { panic!("{source}") };
        // Its places are those in the file.
        let written = |place: usize| source.get(fields[place].value.span.clone()).unwrap();
        let keys = written(1);
        assert!(keys.starts_with('[') && keys.ends_with(']') && keys.len() < 25, "{keys}");
        assert_eq!(written(2), "u");
    }
    // Thousands of them take no longer, and none is taken for one in a block.
    let many = "- [\n  \"a\"\n]\n".repeat(5_000);
    assert_eq!(shown(&only(&many)).matches('a').count(), 5_000);
    let block = "a: [\n  \"b\"\n]\nc: |\n ]\n ]\nd: [\n  \"e\"\n]\n";
    assert!(shown(&only(block)).contains(r#"c="]\n]\n";"#), "{}", shown(&only(block)));
    // Outside of brackets it is an error as before, and so is a bracket that is missing.
    for source in ["a:\n  - b\n c: d\n", "a: [\n\"b\"\nc: d\n", "a: [\n\"b\",\n"] {
        let error = parse(source).unwrap_err();
        assert!(error.span().start <= source.len(), "{source}");
    }
}

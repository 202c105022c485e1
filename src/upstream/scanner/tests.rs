use super::*;
use crate::memory::Budget;

const KEEP: Keep = Keep::UpTo(1 << 20);

/// Scans one event that arrives in these pieces.
fn scan(pieces: &[&[u8]], image: Keep, preview: Keep) -> Result<Scanned, ScanError> {
    let budget = Budget::new();
    let mut scanner = Scanner::new();
    scanner.keep(image, preview);
    for piece in pieces {
        let chunk = Rc::new(piece.to_vec());
        scanner.feed(&chunk, 0..piece.len(), &mut |_| budget.lease(usize::MAX))?;
    }
    Ok(scanner.finish_event())
}

fn first(scanned: Scanned) -> Option<Kept> {
    scanned.images.into_iter().next()
}

fn text(kept: Option<Kept>) -> Option<(usize, String)> {
    kept.map(|kept| {
        let mut out = Vec::new();
        kept.base64.drain_into(&mut out);
        (kept.ordinal, String::from_utf8(out).unwrap())
    })
}

fn skeleton(scanned: &Scanned) -> &str {
    std::str::from_utf8(&scanned.skeleton).unwrap()
}

const ITEM: &[u8] = br#"{"type":"response.output_item.done","item":{"id":"ig_1","type":"image_generation_call","result":"QUJD","size":"1x1"}}"#;

#[test]
fn the_result_of_an_image_item_is_diverted_and_its_ordinal_put_in_its_place() {
    let scanned = scan(&[ITEM], KEEP, Keep::Nothing).unwrap();
    let wanted = String::from_utf8(ITEM.to_vec()).unwrap().replace("QUJD", "0");
    assert_eq!(skeleton(&scanned), wanted);
    assert_eq!(text(first(scanned)), Some((0, "QUJD".to_owned())));
}

#[test]
fn every_cut_has_the_same_result() {
    let wanted = std::str::from_utf8(ITEM).unwrap().replace("QUJD", "0");
    for at in 0..ITEM.len() {
        let (head, tail) = ITEM.split_at(at);
        let scanned = scan(&[head, tail], KEEP, Keep::Nothing).unwrap();
        assert_eq!(skeleton(&scanned), wanted, "cut at {at}");
        assert_eq!(text(first(scanned)), Some((0, "QUJD".to_owned())), "cut at {at}");
    }
    let bytes: Vec<&[u8]> = ITEM.chunks(1).collect();
    assert_eq!(
        text(first(scan(&bytes, KEEP, Keep::Nothing).unwrap())),
        Some((0, "QUJD".to_owned()))
    );
}

#[test]
fn an_event_without_an_image_is_its_own_skeleton_wherever_it_is_cut() {
    let long = format!(r#"{{"type":"x","text":"{}"}}"#, "y".repeat(5000));
    for event in [r#"{"type":"response.created","response":{"id":"a\"b","output":[]}}"#, &long] {
        for at in 0..=event.len() {
            let (head, tail) = event.as_bytes().split_at(at);
            let scanned = scan(&[head, b"", tail], KEEP, KEEP).unwrap();
            assert_eq!(skeleton(&scanned), event, "cut at {at}");
            assert!(scanned.images.is_empty() && scanned.preview.is_none());
        }
    }
}

#[test]
fn a_result_that_comes_before_the_type_of_its_item_is_kept_too() {
    let event = br#"{"item":{"result":"QUJD","type":"image_generation_call"},"type":"x"}"#;
    let scanned = scan(&[event], KEEP, Keep::Nothing).unwrap();
    assert_eq!(text(first(scanned)), Some((0, "QUJD".to_owned())));
}

#[test]
fn the_result_of_another_kind_of_item_is_not_kept_in_either_order() {
    for event in [
        &br#"{"item":{"type":"mcp_call","result":"QUJD"}}"#[..],
        &br#"{"item":{"result":"QUJD","type":"mcp_call"}}"#[..],
        &br#"{"item":{"result":"QUJD"}}"#[..],
        &br#"{"result":"QUJD","response":{"result":"QUJD"}}"#[..],
        &br#"{"item":{"deep":{"type":"image_generation_call","result":"QUJD"}}}"#[..],
    ] {
        assert!(scan(&[event], KEEP, Keep::Nothing).unwrap().images.is_empty());
    }
}

#[test]
fn the_first_image_in_the_output_of_a_response_is_kept() {
    let event = br#"{"response":{"output":[{"type":"mcp_call","result":"AAAA"},
        {"result":"BBBB","type":"mcp_call"},{"result":"CCCC","type":"image_generation_call"},
        {"type":"image_generation_call","result":"DDDD"},{"type":"message"}]}}"#;
    let scanned = scan(&[event], KEEP, Keep::Nothing).unwrap();
    assert!(skeleton(&scanned).contains(r#"{"result":"2","type":"image_generation_call"}"#));
    assert_eq!(text(first(scanned)), Some((2, "CCCC".to_owned())));
}

#[test]
fn a_preview_is_dropped_unless_it_is_wanted() {
    let event = br#"{"type":"x","partial_image_b64":"QUJD","size":"auto"}"#;
    let scanned = scan(&[event], KEEP, Keep::Nothing).unwrap();
    assert_eq!(skeleton(&scanned), r#"{"type":"x","partial_image_b64":"0","size":"auto"}"#);
    assert!(scanned.preview.is_none());
    let scanned = scan(&[event], KEEP, KEEP).unwrap();
    assert_eq!(text(scanned.preview), Some((0, "QUJD".to_owned())));
}

#[test]
fn escapes_that_encoders_write_into_base64_are_decoded() {
    let event = br#"{"item":{"type":"image_generation_call","result":"A\/B\u002bC\u003D"}}"#;
    let bytes: Vec<&[u8]> = event.chunks(1).collect();
    for pieces in [&[&event[..]][..], &bytes] {
        let scanned = scan(pieces, KEEP, Keep::Nothing).unwrap();
        assert_eq!(text(first(scanned)), Some((0, "A/B+C=".to_owned())));
    }
}

#[test]
fn a_string_that_is_not_base64_is_not_an_image_but_has_an_ordinal() {
    for result in [
        "QU JD",
        "QU\\tJD",
        "\\ud83d",
        "data:image/png;base64,",
        "date:x,QUJD",
        "ata:,QUJD",
        "QU\\\"JD",
        "QUJD\u{e9}",
        "\\u00zz",
    ] {
        let event = format!(r#"{{"item":{{"type":"image_generation_call","result":"{result}"}}}}"#);
        let scanned = scan(&[event.as_bytes()], KEEP, Keep::Nothing).unwrap();
        assert!(scanned.images.is_empty(), "{result}");
        assert!(skeleton(&scanned).ends_with(r#""result":"0"}}"#), "{result}");
    }
}

#[test]
fn base64_of_odd_forms_becomes_plain() {
    for (result, plain) in [
        ("QU\\nJD", "QUJD"),
        ("QU\\r\\nJD\\u000a", "QUJD"),
        ("QU\nJD", "QUJD"),
        ("data:image/png;base64,QUJD", "QUJD"),
        ("data:image\\/png;name=\\\"a\\\";base64,QUJD", "QUJD"),
        ("data\\u003aimage/png;base64,QUJD", "QUJD"),
        ("data:,QU\\nJD", "QUJD"),
        ("dataQUJD", "dataQUJD"),
        ("-_-_", "+/+/"),
        ("data:image/png;base64,_w", "/w=="),
        ("__8", "//8="),
        ("QU\\/_", "QU//"),
        ("QUI", "QUI"),
    ] {
        let event = format!(r#"{{"item":{{"type":"image_generation_call","result":"{result}"}}}}"#);
        for size in [1, 2, 3, 5, event.len()] {
            let pieces: Vec<&[u8]> = event.as_bytes().chunks(size).collect();
            let scanned = scan(&pieces, KEEP, Keep::Nothing).unwrap();
            assert!(skeleton(&scanned).ends_with(r#""result":"0"}}"#), "{result}");
            assert_eq!(text(first(scanned)), Some((0, plain.to_owned())), "{result} by {size}");
        }
    }
}

#[test]
fn the_start_of_a_data_url_is_bounded_and_may_end_its_string() {
    let long = format!("data:{},QUJD", "x".repeat(600));
    for result in [long.as_str(), "data:image/png;base64", "data:\\\"", "data:\\\\"] {
        let event = format!(
            r#"{{"item":{{"type":"image_generation_call","result":"{result}","size":"1"}}}}"#
        );
        for size in [1, event.len()] {
            let pieces: Vec<&[u8]> = event.as_bytes().chunks(size).collect();
            let scanned = scan(&pieces, KEEP, Keep::Nothing).unwrap();
            assert!(scanned.images.is_empty(), "{result}");
            assert!(skeleton(&scanned).ends_with(r#""result":"0","size":"1"}}"#), "{result}");
        }
    }
}

#[test]
fn bytes_after_a_whole_answer_are_not_read() {
    for document in [Document::Images, Document::Response] {
        let answer = b"\xef\xbb\xbf {\"data\":[]}";
        let chunk = Rc::new([answer.as_slice(), b" }{ \"x"].concat());
        let mut scanner = Scanner::of(document);
        scanner.feed(&chunk, 0..chunk.len(), &mut |_| Budget::new().lease(0)).unwrap();
        assert!(scanner.is_whole());
        assert_eq!(scanner.unread_len(), 6);
        assert_eq!(skeleton(&scanner.finish_event()), " {\"data\":[]}");
    }
}

#[test]
fn an_empty_result_and_one_that_is_not_a_string_are_not_images() {
    for (result, left) in [("\"\"", "\"\""), ("null", "null"), ("{\"a\":1}", "{\"a\":1}")] {
        let event = format!(r#"{{"item":{{"type":"image_generation_call","result":{result}}}}}"#);
        let scanned = scan(&[event.as_bytes()], KEEP, Keep::Nothing).unwrap();
        assert!(scanned.images.is_empty());
        assert!(skeleton(&scanned).ends_with(&format!("\"result\":{left}}}}}")));
    }
}

#[test]
fn a_long_string_elsewhere_is_left_out_and_the_rest_is_read() {
    let junk = "x\\\"".repeat(20_000);
    let event = format!(r#"{{"mask":"{junk}","type":"done"}}"#);
    for size in [1, 7, 4096, event.len()] {
        let pieces: Vec<&[u8]> = event.as_bytes().chunks(size).collect();
        let scanned = scan(&pieces, KEEP, Keep::Nothing).unwrap();
        assert_eq!(skeleton(&scanned), r#"{"mask":"","type":"done"}"#, "{size}");
    }
}

#[test]
fn a_revised_prompt_may_be_long_and_many_of_them_leave_room() {
    let prompt = "x\\\"".repeat(30_000);
    let member = format!(r#""revised_prompt":"{prompt}""#);
    let event = format!(r#"{{"item":{{{member}}},"type":"done"}}"#);
    for size in [1, 7, 4096, event.len()] {
        let pieces: Vec<&[u8]> = event.as_bytes().chunks(size).collect();
        let scanned = scan(&pieces, KEEP, Keep::Nothing).unwrap();
        assert_eq!(skeleton(&scanned), event, "{size}");
    }
    let entries = vec![format!("{{{member}}}"); 10].join(",");
    let event = format!(r#"{{"response":{{"output":[{entries}]}},"type":"done"}}"#);
    let scanned = scan(&[event.as_bytes()], KEEP, Keep::Nothing).unwrap();
    assert!(skeleton(&scanned).ends_with(r#"{"revised_prompt":""}]},"type":"done"}"#));
}

#[test]
fn an_image_and_an_event_beyond_their_limits_are_rejected() {
    let event =
        format!(r#"{{"item":{{"type":"image_generation_call","result":"{}"}}}}"#, "A".repeat(101));
    assert_eq!(
        scan(&[event.as_bytes()], Keep::UpTo(100), Keep::Nothing).err(),
        Some(ScanError::ImageTooLarge { limit: 100 })
    );
    let event = "[0,".repeat(MAX_SKELETON_BYTES);
    assert_eq!(
        scan(&[event.as_bytes()], KEEP, Keep::Nothing).err(),
        Some(ScanError::EventTooLarge)
    );
}

#[test]
fn a_preview_beyond_the_limit_is_left_out_and_does_not_spoil_its_event() {
    let event = format!(r#"{{"partial_image_b64":"{}","type":"x"}}"#, "A".repeat(101));
    let scanned = scan(&[event.as_bytes()], KEEP, Keep::UpTo(100)).unwrap();
    assert_eq!(skeleton(&scanned), r#"{"partial_image_b64":"0","type":"x"}"#);
    assert!(scanned.preview.is_none());
}

#[test]
fn an_event_that_is_skipped_leaves_nothing() {
    let budget = Budget::new();
    let mut scanner = Scanner::new();
    scanner.keep(KEEP, KEEP);
    let long = Rc::new("[0,".repeat(MAX_SKELETON_BYTES).into_bytes());
    let lease = &mut |_| budget.lease(usize::MAX);
    assert_eq!(scanner.feed(&long, 0..long.len(), lease), Err(ScanError::EventTooLarge));
    scanner.skip_event();
    let whole = Rc::new(ITEM.to_vec());
    scanner.feed(&whole, 0..whole.len(), lease).unwrap();
    let skipped = scanner.finish_event();
    assert!(skipped.skeleton.is_empty() && skipped.images.is_empty());
    scanner.feed(&whole, 0..whole.len(), lease).unwrap();
    assert_eq!(text(first(scanner.finish_event())), Some((0, "QUJD".to_owned())));
}

#[test]
fn as_many_images_of_a_document_are_kept_as_are_wanted() {
    let answer = br#"{"data":[{"b64_json":"QUJD"},{"b64_json":"no base64"},{"b64_json":"REVG"},
        {"b64_json":"R0hJ"}]}"#;
    for (document, most) in
        [(Document::Images, 1), (Document::Images, 2), (Document::ImagesEvent, 2)]
    {
        let chunk = Rc::new(answer.to_vec());
        let mut scanner = Scanner::of(document);
        scanner.keep_images(most);
        scanner.keep(KEEP, KEEP);
        scanner.feed(&chunk, 0..chunk.len(), &mut |_| Budget::new().lease(usize::MAX)).unwrap();
        let images = scanner.finish_event().images.into_iter();
        let images: Vec<_> = images.map(|it| text(Some(it)).unwrap()).collect();
        let wanted = [(0, "QUJD".to_owned()), (2, "REVG".to_owned())];
        assert_eq!(images, wanted[..most], "{document:?}");
    }
}

#[test]
fn a_name_and_a_type_may_be_escaped() {
    let escaped =
        |name: &str| -> String { name.bytes().map(|byte| format!("\\u{byte:04X}")).collect() };
    let [kind, name] = ["image_generation_call", "result"].map(escaped);
    for (kind, name) in [
        ("image_generation\\u005fcall", "r\\u0065sult"),
        (kind.as_str(), name.as_str()),
        ("image_generation_call", name.as_str()),
    ] {
        let event = format!(r#"{{"item":{{"type":"{kind}","{name}":"QUJD"}}}}"#);
        for size in [1, 5, event.len()] {
            let pieces: Vec<&[u8]> = event.as_bytes().chunks(size).collect();
            let scanned = scan(&pieces, KEEP, Keep::Nothing).unwrap();
            assert_eq!(text(first(scanned)), Some((0, "QUJD".to_owned())), "{event}");
        }
    }
    let other = br#"{"item":{"type":"image_generation_cal\u006d","result":"QUJD"}}"#;
    assert!(scan(&[other], KEEP, Keep::Nothing).unwrap().images.is_empty());
}

#[test]
fn of_members_of_an_item_that_share_a_name_the_first_that_has_an_image_counts() {
    for (members, ordinal) in [
        (r#""result":"QUJD","result":"REVG""#, 0),
        (r#""result":"","result":"QUJD""#, 1),
        (r#""result":"no base64","result":"QUJD""#, 1),
    ] {
        let event = format!(r#"{{"item":{{{members},"type":"image_generation_call"}}}}"#);
        let scanned = scan(&[event.as_bytes()], KEEP, Keep::Nothing).unwrap();
        let last = format!(r#""result":"{ordinal}","type":"image_generation_call"}}}}"#);
        assert!(skeleton(&scanned).ends_with(&last), "{}", skeleton(&scanned));
        assert_eq!(text(first(scanned)), Some((ordinal, "QUJD".to_owned())), "{event}");
    }
}

#[test]
fn brackets_that_do_not_match_are_survived() {
    for event in [&b"}}}]]]"[..], b"{\"item\":}}}{\"result\":\"A", b"\"\"\"\"", b"[[[[[[[[[\""] {
        let _ = scan(&[event], KEEP, KEEP).unwrap();
    }
}

#[test]
fn an_event_leaves_no_state_for_the_next() {
    let budget = Budget::new();
    let mut scanner = Scanner::new();
    scanner.keep(KEEP, KEEP);
    let cut = Rc::new(br#"{"item":{"type":"image_generation_call","result":"QU"#.to_vec());
    scanner.feed(&cut, 0..cut.len(), &mut |_| budget.lease(usize::MAX)).unwrap();
    scanner.finish_event();
    let whole = Rc::new(ITEM.to_vec());
    scanner.feed(&whole, 0..whole.len(), &mut |_| budget.lease(usize::MAX)).unwrap();
    assert_eq!(text(first(scanner.finish_event())), Some((0, "QUJD".to_owned())));
    assert_eq!(budget.used(), 0);
}

#[test]
fn the_first_bytes_of_images_passed_on_are_kept_and_each_is_counted_when_complete() {
    let answer = br#"{"data":[{"b64_json":"QUJDREVG"},{"b64_json":""},{"b64_json":null},
        {"b64_json":"R0g\u003d"},{"url":"u"},{"b64_json":"SUpL"#;
    let keep = Keep::Heads { most: 4, limit: 8 };
    for size in [1, 2, 3, 7, answer.len()] {
        let budget = Budget::new();
        let mut scanner = Scanner::of(Document::Images);
        scanner.keep(keep, Keep::Nothing);
        for piece in answer.chunks(size) {
            let chunk = Rc::new(piece.to_vec());
            scanner.feed(&chunk, 0..chunk.len(), &mut |_| budget.lease(usize::MAX)).unwrap();
        }
        let passed: Vec<_> =
            scanner.take_passed().into_iter().map(|kept| text(Some(kept)).unwrap()).collect();
        assert_eq!(passed, [(0, "QUJD".to_owned()), (2, "R0g=".to_owned())], "in {size}s");
        assert_eq!(text(scanner.take_begun()), Some((3, "SUpL".to_owned())));
        assert!(scanner.take_begun().is_none(), "taken twice");
    }
    let long = Rc::new(br#"{"data":[{"b64_json":"QUJDREVGR0"#.to_vec());
    let mut scanner = Scanner::of(Document::Images);
    scanner.keep(keep, Keep::Nothing);
    let scanned = scanner.feed(&long, 0..long.len(), &mut |_| Budget::new().lease(usize::MAX));
    assert_eq!(scanned, Err(ScanError::ImageTooLarge { limit: 8 }));
    for none in [r#"{"data":[{"b64_json":"no base64"#, r#"{"data":[{"b64_json":"QUJD\nQUJD"#] {
        let none = Rc::new(none.as_bytes().to_vec());
        let mut scanner = Scanner::of(Document::Images);
        scanner.keep(keep, Keep::Nothing);
        let scanned = scanner.feed(&none, 0..none.len(), &mut |_| Budget::new().lease(usize::MAX));
        assert_eq!(scanned, Err(ScanError::NotBase64));
    }
}

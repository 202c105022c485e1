use super::*;

const FILTER: &str = "/chain/filters/1/http_filters/2";

fn reach(op: &str, path: &str, from: Option<&str>) -> Reach {
    let filter: Vec<_> = segments(FILTER).collect();
    super::reach(&filter, op, path, from)
}

fn inside(path: &str, from: Option<&str>) -> Reach {
    Reach::Inside(path.to_owned(), from.map(str::to_owned))
}

fn moved(path: &str) -> Reach {
    Reach::Moved(segments(path).collect())
}

#[test]
fn a_path_into_the_filter_is_a_path_inside_it() {
    let field = format!("{FILTER}/a/b~1c");
    for op in ["add", "remove", "replace", "test"] {
        assert_eq!(reach(op, &field, None), inside("/a/b~1c", None), "{op}");
    }
    let other = format!("{FILTER}/d");
    for op in ["move", "copy"] {
        assert_eq!(reach(op, &field, Some(&other)), inside("/a/b~1c", Some("/d")), "{op}");
        assert!(matches!(reach(op, &field, Some("/chain/x")), Reach::Unknown(_)), "{op}");
    }
    assert!(matches!(reach("move", "/chain/x", Some(&other)), Reach::Unknown(_)));
    assert_eq!(reach("copy", "/chain/x", Some(&other)), Reach::Beside);
    assert_eq!(reach("replace", FILTER, None), inside("", None));
}

#[test]
fn the_filter_moves_when_a_list_before_it_changes() {
    let up = moved("/chain/filters/1/http_filters/3");
    let down = moved("/chain/filters/1/http_filters/1");
    let list = |index: usize| format!("/chain/filters/1/http_filters/{index}");
    assert_eq!(reach("add", &list(0), None), up);
    assert_eq!(reach("add", &list(2), None), up);
    assert_eq!(reach("add", &list(3), None), Reach::Beside);
    assert_eq!(reach("add", "/chain/filters/1/http_filters/-", None), Reach::Beside);
    assert_eq!(reach("remove", &list(1), None), down);
    assert_eq!(reach("remove", &list(3), None), Reach::Beside);
    assert_eq!(reach("replace", &list(1), None), Reach::Beside);
    assert_eq!(reach("copy", &list(0), Some(&list(4))), up);
    assert_eq!(reach("move", &list(4), Some(&list(0))), down);
    assert_eq!(reach("move", &list(0), Some(&list(4))), up);
    assert_eq!(reach("move", &list(1), Some(&list(0))), moved(FILTER));
    assert_eq!(reach("add", "/chain/filters/0", None), moved("/chain/filters/2/http_filters/2"));
}

#[test]
fn what_holds_the_filter_takes_it_away() {
    let is_lost = |op, path: &str| reach(op, path, None) == Reach::Lost;
    assert!(is_lost("remove", FILTER));
    assert!(is_lost("remove", "/chain"));
    assert!(is_lost("replace", "/chain/filters/1"));
    assert!(is_lost("add", ""));
    assert!(is_lost("add", "/chain"));
    assert!(!is_lost("test", "/chain"));
    assert!(!is_lost("add", "/other"));
}

#[test]
fn the_filter_itself_may_move() {
    let other = "/chain/filters/1/http_filters/0";
    assert_eq!(reach("move", other, Some(FILTER)), moved(other));
    assert_eq!(reach("move", "/chain", Some(FILTER)), Reach::Lost);
    assert_eq!(reach("copy", "/other", Some(FILTER)), Reach::Beside);
}

//! The parts of a configuration that differ by upstream.
//!
//! A part stands between the comments `# >>> NAME` and `# <<< NAME`. With ` -` after the name it is
//! an item of a list.

/// `file` without the comments around its parts, each replaced by what `content` gives for its
/// name. A part for which it gives nothing stays.
pub(super) fn fill(file: &str, content: &dyn Fn(&str) -> Option<String>) -> String {
    let mut filled = String::new();
    let mut is_replaced = false;
    for line in file.lines() {
        let bare = line.trim_start();
        if let Some(name) = bare.strip_prefix(BEGIN) {
            let (name, is_item) = name.strip_suffix(" -").map_or((name, false), |it| (it, true));
            if let Some(text) = content(name) {
                let indent = line.len().saturating_sub(bare.len());
                filled.push_str(&indented(&text, indent, is_item));
                is_replaced = true;
            }
        } else if bare.starts_with(END) {
            is_replaced = false;
        } else if !is_replaced {
            filled.push_str(line);
            filled.push('\n');
        }
    }
    filled
}

/// The lines of the part `name` of a file. `None` if it has no such part.
pub(super) fn part(file: &str, name: &str) -> Option<String> {
    let is = |line: &str, mark: &str| line.strip_prefix(mark) == Some(name);
    let mut lines = file.lines().skip_while(|line| !is(line, BEGIN));
    lines.next()?;
    let inner = lines.take_while(|line| !is(line, END));
    Some(inner.fold(String::new(), |text, line| text + line + "\n"))
}

/// The lines with this indentation. Those of an item have a hyphen before the first value.
fn indented(text: &str, indent: usize, is_item: bool) -> String {
    let mut has_hyphen = !is_item;
    let mut out = String::new();
    for line in text.lines() {
        let is_leading_comment = line.starts_with('#') && !has_hyphen;
        let mark = match (is_item, has_hyphen, is_leading_comment) {
            (false, _, _) | (true, false, true) => "",
            (true, false, false) => "- ",
            (true, true, _) => "  ",
        };
        has_hyphen |= !is_leading_comment;
        let line = format!("{}{mark}{line}", " ".repeat(indent));
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}

const BEGIN: &str = "# >>> ";
const END: &str = "# <<< ";

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "a:\n  # >>> x\n  b: 1\n  # <<< x\nlist:\n  # >>> y -\n  - c: 1\n  \
                        # <<< y -\nend: 1\n";

    #[test]
    fn parts_are_replaced_at_their_indentation() {
        let content = |name: &str| match name {
            "x" => Some("b: 2\nd:\n  e: 3\n".to_owned()),
            "y" => Some("# Why.\nc: 2\n# And.\nd: 3\n".to_owned()),
            _ => None,
        };
        let filled = "a:\n  b: 2\n  d:\n    e: 3\nlist:\n  # Why.\n  - c: 2\n    # And.\n    d: \
                      3\nend: 1\n";
        assert_eq!(fill(FILE, &content), filled);
    }

    #[test]
    fn a_part_without_a_replacement_stays_and_an_empty_one_removes_it() {
        assert_eq!(fill(FILE, &|_| None), "a:\n  b: 1\nlist:\n  - c: 1\nend: 1\n");
        let empty = |name: &str| (name == "x").then(String::new);
        assert_eq!(fill(FILE, &empty), "a:\nlist:\n  - c: 1\nend: 1\n");
    }

    #[test]
    fn a_part_is_found_by_its_whole_name() {
        let file = "# >>> envoy name\na\n# <<< envoy name\n# >>> name\nb\n# <<< name\n";
        assert_eq!(part(file, "name").as_deref(), Some("b\n"));
        assert_eq!(part(file, "envoy name").as_deref(), Some("a\n"));
        assert_eq!(part(file, "other"), None);
    }
}

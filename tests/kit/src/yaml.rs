//! Changes to the text of a shipped Envoy configuration. Each text that is replaced must occur
//! exactly once, so that an example cannot drift from what is tested.

use std::fs;

use serde_json::Value;

use super::root;

/// A file of `envoy/`. Its admin interface and its listener choose free ports.
pub fn shipped(file: &str) -> String {
    with_free_ports(&fs::read_to_string(root().join(file)).unwrap())
}

/// A configuration whose admin interface and listener choose free ports.
#[track_caller]
pub fn with_free_ports(yaml: &str) -> String {
    let yaml = replace(yaml, "port_value: 10000 ", "port_value: 0 ");
    replace(&yaml, "port_value: 9901 ", "port_value: 0 ")
}

/// Replaces a text that occurs exactly once.
#[track_caller]
pub fn replace(yaml: &str, from: &str, to: &str) -> String {
    assert_eq!(yaml.matches(from).count(), 1, "'{from}' must occur exactly once");
    yaml.replace(from, to)
}

/// Replaces the port of an upstream or a service on the loopback.
#[track_caller]
pub fn with_port(yaml: &str, from: u16, to: u16) -> String {
    let address = |port| format!("127.0.0.1, port_value: {port} ");
    replace(yaml, &address(from), &address(to))
}

/// The lines of `yaml` from the one that holds `start` to the last that is indented deeper than it.
#[track_caller]
pub fn block<'y>(yaml: &'y str, start: &str) -> &'y str {
    assert_eq!(yaml.matches(start).count(), 1, "'{start}' must occur exactly once");
    let at = yaml.find(start).unwrap();
    let from = yaml[..at].rfind('\n').map_or(0, |end| end + 1);
    let indent = indent_of(&yaml[from..]);
    let mut to = at + start.len();
    to += yaml[to..].find('\n').unwrap() + 1;
    for line in yaml[to..].split_inclusive('\n') {
        if !line.trim().is_empty() && indent_of(line) <= indent {
            break;
        }
        to += line.len();
    }
    &yaml[from..to]
}

/// `yaml` with this text in a `value:` block in place of the one that it has.
pub fn with_value(yaml: &str, start: &str, text: &str) -> String {
    let block = block(yaml, start);
    // In YAML's double quotes, which are those of JSON.
    let value = format!("{}value: {}\n", " ".repeat(indent_of(block)), Value::from(text));
    yaml.replace(block, &value)
}

/// How many spaces a line begins with.
pub fn indent_of(line: &str) -> usize {
    line.len() - line.trim_start_matches(' ').len()
}

//! One event of the stream, and how it is framed as `text/event-stream` (WHATWG HTML §9.2).

use bytes::Bytes;

use crate::{
    json::{Json, JsonStyle},
    rope::Rope,
};

/// One event: its JSON, whose member `type` names it.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// The object after `data:`.
    pub body: Json,
}

impl Event {
    /// An event with this body.
    pub const fn new(body: Json) -> Self {
        Self { body }
    }

    /// Its `type`.
    pub fn name(&self) -> &str {
        self.body.text("type").unwrap_or_default()
    }

    /// Whether this is `name` about an item of type `item`.
    pub fn is(&self, name: &str, item: &str) -> bool {
        self.name() == name && self.body.member("item").and_then(|it| it.text("type")) == Some(item)
    }

    /// The framed text.
    pub fn write(&self, framing: &Framing) -> Rope {
        let mut out = Rope::default();
        let mut body = self.body.clone();
        if framing.name != Name::DataOnly {
            framing.line(&mut out, &format!("event: {}", self.name()));
        }
        match framing.name {
            Name::EventOnly => drop(body.remove("type")),
            Name::Last => {
                if let Some(name) = body.remove("type") {
                    body.set("type", name);
                }
            }
            Name::Both | Name::DataOnly => {}
        }
        let between_members = if framing.multi_line { framing.end.next_data() } else { "" };
        out.text("data: ");
        body.write(
            &mut out,
            JsonStyle {
                escaped_slashes: framing.escaped_slashes,
                between_members,
                ..JsonStyle::default()
            },
        );
        out.text(framing.end.as_str());
        out.text(framing.end.as_str());
        out
    }
}

/// How events become bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Framing {
    /// How a line ends.
    pub end: LineEnd,
    /// Where the name of an event is.
    pub name: Name,
    /// The JSON of one event is spread over several `data:` lines.
    pub multi_line: bool,
    /// `\/` in base64.
    pub escaped_slashes: bool,
}

impl Framing {
    /// How the backend frames.
    pub const CODEX: Self =
        Self { end: LineEnd::Lf, name: Name::Both, multi_line: false, escaped_slashes: false };

    /// Appends one line.
    pub fn line(&self, out: &mut Rope, text: &str) {
        out.text(text);
        out.text(self.end.as_str());
    }

    /// A comment, which every reader skips.
    pub fn comment(&self, text: &str) -> Bytes {
        let end = self.end.as_str();
        Bytes::from(format!(": {text}{end}{end}"))
    }
}

/// The three line ends of the standard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LineEnd {
    /// `\n`, which the backend sends.
    #[default]
    Lf,
    /// `\r\n`.
    CrLf,
    /// `\r`.
    Cr,
}

impl LineEnd {
    /// The bytes of the line end.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Lf => "\n",
            Self::CrLf => "\r\n",
            Self::Cr => "\r",
        }
    }

    const fn next_data(self) -> &'static str {
        match self {
            Self::Lf => "\ndata: ",
            Self::CrLf => "\r\ndata: ",
            Self::Cr => "\rdata: ",
        }
    }
}

/// Where the name of an event is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Name {
    /// On the `event:` line and first in the JSON, as recorded.
    #[default]
    Both,
    /// On the `event:` line only.
    EventOnly,
    /// In the JSON only.
    DataOnly,
    /// On the `event:` line, and in the JSON after everything else.
    Last,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object;

    fn text(framing: Framing) -> String {
        let event = Event::new(object! { "type": "a.b", "x": 1, "y": object! { "z": 2 } });
        String::from_utf8(event.write(&framing).into_bytes()).unwrap()
    }

    #[test]
    fn an_event_is_two_lines_and_a_blank_one() {
        let expected = "event: a.b\ndata: {\"type\":\"a.b\",\"x\":1,\"y\":{\"z\":2}}\n\n";
        assert_eq!(text(Framing::default()), expected);
    }

    #[test]
    fn the_name_can_stand_in_four_places() {
        let with = |name| text(Framing { name, ..Framing::default() });
        assert_eq!(with(Name::EventOnly), "event: a.b\ndata: {\"x\":1,\"y\":{\"z\":2}}\n\n");
        assert_eq!(with(Name::DataOnly), "data: {\"type\":\"a.b\",\"x\":1,\"y\":{\"z\":2}}\n\n");
        assert_eq!(
            with(Name::Last),
            "event: a.b\ndata: {\"x\":1,\"y\":{\"z\":2},\"type\":\"a.b\"}\n\n"
        );
    }

    #[test]
    fn a_body_over_several_lines_joins_to_the_same_json() {
        let text = text(Framing { multi_line: true, end: LineEnd::CrLf, ..Framing::default() });
        let data: Vec<&str> =
            text.split("\r\n").filter_map(|line| line.strip_prefix("data: ")).collect();
        assert!(data.len() > 2);
        let joined: serde_json::Value = serde_json::from_str(&data.join("\n")).unwrap();
        assert_eq!(joined["y"]["z"], 2);
    }
}

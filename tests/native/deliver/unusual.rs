//! Answers that are legal in a way that no recording is: the same JSON and the same events, written
//! as a random writer may write them. Each gives the images that a plain writer's gives.

use std::rc::Rc;

use crate::support::codex::{created, done, item};
use crate::support::driver::Driver;
use crate::support::providers::{images, json_head, provider};
use crate::support::{gate, ok, png};
use imagegate::exchange::{ResponseHead, Shared};
use proptest::prelude::*;
use serde_json::{Value, json};

/// Draws choices from a seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, sides: usize) -> usize {
        // SplitMix64.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut it = self.0;
        it = (it ^ (it >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        it = (it ^ (it >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((it ^ (it >> 31)) % u64::try_from(sides).unwrap()).unwrap()
    }

    fn one_in(&mut self, sides: usize) -> bool {
        self.below(sides) == 0
    }

    fn of<'a>(&mut self, list: &[&'a str]) -> &'a str {
        list[self.below(list.len())]
    }

    fn shuffle<T>(&mut self, list: &mut [T]) {
        for last in (1..list.len()).rev() {
            list.swap(last, self.below(last + 1));
        }
    }
}

/// Writes JSON and events, each time in another way.
struct Writer {
    dice: Dice,
    /// How often something unusual is written: in one of this many places.
    rarity: usize,
    line_end: &'static str,
}

impl Writer {
    fn new(seed: u64) -> Self {
        let mut dice = Dice(seed);
        let rarity = [2, 8, 40][dice.below(3)];
        let line_end = dice.of(&["\n", "\r", "\r\n"]);
        Self { dice, rarity, line_end }
    }

    fn rarely(&mut self) -> bool {
        self.dice.one_in(self.rarity)
    }

    fn space(&mut self, out: &mut String) {
        while self.rarely() {
            out.push_str(self.dice.of(&[" ", "\t", "\n", "  \n "]));
        }
    }

    fn string(&mut self, text: &str, out: &mut String) {
        out.push('"');
        // Of megabytes few characters are escaped.
        let rarity = self.rarity * if text.len() > 100 { 50 } else { 4 };
        for char in text.chars() {
            match char {
                '"' | '\\' => out.extend(['\\', char]),
                '\u{0}'..='\u{1f}' => out.push_str(&format!("\\u{:04x}", u32::from(char))),
                '/' if self.rarely() => out.push_str("\\/"),
                char if char.is_ascii() && self.dice.one_in(rarity) => {
                    let code = u32::from(char);
                    out.push_str(&match self.dice.below(2) {
                        0 => format!("\\u{code:04x}"),
                        _ => format!("\\u{code:04X}"),
                    });
                }
                char => out.push(char),
            }
        }
        out.push('"');
    }

    /// A value that nobody reads.
    fn other(&mut self, out: &mut String) {
        let depth = [1, 30, 150, 400][self.dice.below(4)];
        match self.dice.below(12) {
            0 => out.push_str(&"9".repeat(400)),
            1 => out.push_str(&["[".repeat(depth), "]".repeat(depth)].concat()),
            2 => out.push_str(&["{\"a\":".repeat(depth), "1".into(), "}".repeat(depth)].concat()),
            3 => out.push_str(&format!("\"{}\"", "x\\\"".repeat(10_000))),
            4 => out.push_str(r#"{"type":"image_generation_call","x":[{"result":"QUJD"}]}"#),
            _ => out.push_str(self.dice.of(&[
                "null",
                "-0",
                "1E400",
                "-1e999",
                "1e-999",
                "0.0",
                "true",
                r#""\ud83d""#,
                r#""\u0000""#,
                "[]",
                "{}",
                "[null,{}]",
                "196.0",
            ])),
        }
    }

    fn value(&mut self, value: &Value, out: &mut String) {
        self.space(out);
        match value {
            Value::Object(members) => self.object(members, out),
            Value::Array(entries) => {
                out.push('[');
                for (place, entry) in entries.iter().enumerate() {
                    out.push_str(if place == 0 { "" } else { "," });
                    self.value(entry, out);
                }
                self.space(out);
                out.push(']');
            }
            Value::String(text) => self.string(text, out),
            Value::Number(number) if self.rarely() => out.push_str(&format!("{number}.0")),
            other => out.push_str(&other.to_string()),
        }
        self.space(out);
    }

    fn object(&mut self, members: &serde_json::Map<String, Value>, out: &mut String) {
        let mut list: Vec<(&str, Option<&Value>)> = Vec::new();
        for (name, value) in members {
            list.push((name, Some(value)));
            // Of members with one name the last counts. Here both say the same.
            if self.rarely() && self.rarely() {
                list.push((name, Some(value)));
            }
        }
        while self.rarely() {
            list.push((self.dice.of(&["x", "debug", "meta", "Type", "results", "b64", ""]), None));
        }
        if self.rarely() {
            self.dice.shuffle(&mut list);
        }
        out.push('{');
        for (place, (name, value)) in list.into_iter().enumerate() {
            out.push_str(if place == 0 { "" } else { "," });
            self.space(out);
            self.string(name, out);
            self.space(out);
            out.push(':');
            match value {
                Some(value) => self.value(value, out),
                None => self.other(out),
            }
        }
        self.space(out);
        out.push('}');
    }

    fn document(&mut self, value: &Value) -> String {
        let mut out = String::new();
        if self.rarely() {
            out.push('\u{feff}');
        }
        self.value(value, &mut out);
        out
    }

    /// A line of an event.
    fn line(&mut self, name: &str, value: &str, out: &mut String) {
        let space = if self.rarely() { "" } else { " " };
        // A value that begins with a space keeps it only after another one.
        let space = if value.starts_with(' ') { " " } else { space };
        out.push_str(&format!("{name}:{space}{value}{}", self.line_end));
    }

    fn event(&mut self, data: &Value, out: &mut String) {
        let mut json = String::new();
        self.value(data, &mut json);
        let name = data["type"].as_str().unwrap_or_default();
        let is_named = !name.is_empty() && !self.rarely();
        let is_after = self.rarely();
        // An answer without a type is known by its first byte.
        let is_first = out.trim_start_matches('\u{feff}').is_empty();
        let others = ["id: 7", "retry: 10", ": hi", ":", "id", "data2: z", "datax", "x: y"];
        let others = if is_first { &others[..7] } else { &others };
        let other = |it: &mut Self, out: &mut String| {
            while it.rarely() {
                out.push_str(it.dice.of(others));
                out.push_str(it.line_end);
            }
        };
        other(self, out);
        if is_named && !is_after {
            self.line("event", name, out);
        }
        for line in json.split('\n') {
            other(self, out);
            self.line("data", line, out);
        }
        if is_named && is_after {
            self.line("event", name, out);
        }
        other(self, out);
        out.push_str(self.line_end);
        while self.rarely() {
            out.push_str(self.line_end);
        }
    }

    fn events(&mut self, events: &[Value]) -> String {
        let mut out = String::new();
        if self.rarely() {
            out.push('\u{feff}');
        }
        for event in events {
            while self.rarely() {
                let mut other = String::new();
                self.other(&mut other);
                out.push_str(&format!("data: {other}{}{}", self.line_end, self.line_end));
            }
            self.event(event, &mut out);
        }
        out
    }
}

/// The data of events that a plain writer wrote.
fn read(events: &str) -> Vec<Value> {
    let data = events.lines().filter_map(|line| line.strip_prefix("data: "));
    data.map(|it| serde_json::from_str(it).unwrap()).collect()
}

fn usage() -> Value {
    json!({"input_tokens": 10, "output_tokens": 196, "total_tokens": 206,
        "input_tokens_details": {"image_tokens": 0, "text_tokens": 10}})
}

/// The events of Codex, of which the last has the image, too, if it `repeats` it.
fn codex(image: &str, repeats: bool) -> Vec<Value> {
    let item = item("ig_1", image);
    let output =
        if repeats { json!([{"type": "reasoning", "summary": []}, item]) } else { json!([]) };
    let last = json!({"type": "response.completed", "response": {"id": "resp_1",
        "status": "completed", "output": output, "tool_usage": {"image_gen": usage()}}});
    let mut events = read(&(created() + &done(&item)));
    events.push(last);
    events
}

/// What the client gets of these bytes, cut into pieces: the base64 of its images and the usage.
fn answer(
    gate: &Rc<Shared>,
    request: &Value,
    head: ResponseHead,
    bytes: &[u8],
    dice: &mut Dice,
) -> (Driver, u64) {
    let mut driver = Driver::admitted(gate, request);
    driver.upstream_head(head);
    let mut rest = bytes;
    let most = [3, 100, 5_000, 100_000][dice.below(4)];
    while !rest.is_empty() {
        let (now, later) = rest.split_at(rest.len().min(1 + dice.below(most)));
        driver.upstream_bytes(now);
        rest = later;
    }
    driver.upstream_end();
    let record = driver.close(Some(driver.client.status));
    let delivered = record["images_delivered"].as_u64().unwrap();
    (driver, delivered)
}

fn about(seed: u64, bytes: &str) -> String {
    let at = bytes.char_indices().nth(6_000).map_or(bytes.len(), |(at, _)| at);
    format!("seed {seed}: {}", &bytes[..at])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn an_image_of_codex_arrives_however_it_is_written(
        seed in any::<u64>(),
        len in prop::sample::select(vec![10_usize, 3_000, 30_000]),
        form in 0_usize..4,
        delivery in prop::sample::select(vec!["pass", "hold"]),
        streams in any::<bool>(),
    ) {
        let image = png(1024, 1024, len);
        let mut writer = Writer::new(seed);
        let bytes = match form {
            0 => writer.events(&codex(&image, false)),
            1 => writer.events(&codex(&image, true)),
            2 => writer.events(&codex(&image, true)[2..]),
            _ => writer.document(&codex(&image, true)[2]["response"]),
        };
        let gate = gate(&json!({"delivery": delivery})).0;
        let request = json!({"prompt": "a cat", "stream": streams});
        let (driver, delivered) = answer(&gate, &request, ok(), bytes.as_bytes(), &mut writer.dice);
        let client = &driver.client;
        let got = (client.status, client.reset, delivered);
        prop_assert_eq!(got, (200, false, 1), "{}", about(seed, &bytes));
        let (base64, used) = match streams {
            true => {
                let (_, last) = client.events().pop().unwrap();
                (last["b64_json"].clone(), last["usage"].clone())
            }
            false => (client.json()["data"][0]["b64_json"].clone(), client.json()["usage"].clone()),
        };
        let base64 = serde_json::from_value::<String>(base64).unwrap();
        prop_assert_eq!(base64, image, "{}", about(seed, &bytes));
        prop_assert_eq!(used, usage(), "{}", about(seed, &bytes));
    }

    #[test]
    fn the_images_of_a_provider_arrive_however_they_are_written(
        seed in any::<u64>(),
        len in prop::sample::select(vec![10_usize, 3_000, 30_000]),
        form in 0_usize..3,
        n in 1_u32..3,
        has_type in any::<bool>(),
    ) {
        let both = [png(1024, 1024, len), png(1024, 1024, len + 1)];
        let mut writer = Writer::new(seed);
        let document = images(&[&both[0], &both[1]]);
        let completed = |image: &str| json!({"type": "image_generation.completed",
            "b64_json": image, "usage": usage()});
        let bytes = match form {
            0 => writer.document(&document),
            1 => writer.events(&[document]),
            _ => writer.events(&both.each_ref().map(|it| completed(it))),
        };
        let kind = if form == 0 { "application/json" } else { "text/event-stream" };
        let content_type = has_type.then(|| kind.as_bytes().to_vec());
        let head = ResponseHead { content_type, ..json_head(200) };
        let gate = provider(&json!({}), &json!({"limits": []})).0;
        let request = json!({"prompt": "a cat", "model": "gpt-image-2", "n": n});
        let (driver, delivered) = answer(&gate, &request, head, bytes.as_bytes(), &mut writer.dice);
        let client = &driver.client;
        let got = (client.status, client.reset, delivered);
        prop_assert_eq!(got, (200, false, u64::from(n)), "{}", about(seed, &bytes));
        if form > 0 {
            let list = client.json()["data"].as_array().unwrap().clone();
            let list: Vec<_> = list.iter().map(|it| it["b64_json"].as_str().unwrap()).collect();
            let wanted = &both[..usize::try_from(n).unwrap()];
            prop_assert_eq!(list, wanted, "{}", about(seed, &bytes));
        }
    }
}

//! The committed chart and tables show the committed figures.

use serde_json::{Value, json};

use super::*;
use crate::report::{Filter, Rules};
use crate::stream::Variant;
use crate::upstream::Protocol;

/// The chart and the tables, generated from these figures.
fn shown(figures: &Value) -> String {
    let figures: Figures = serde_json::from_value(figures.clone()).unwrap();
    let parts = parts(&figures).into_iter().map(|part| part.text);
    parts.chain([chart::svg(&figures.filter)]).collect()
}

/// The documented figures with all that a run has: those of older runs lack some. Made-up figures
/// take the place of what is missing, and are in no page.
fn with_every_part() -> Value {
    let mut figures: Value = read(&root().join(FIGURES));
    let filter = &mut figures["filter"];
    if filter["start"].is_null() {
        let module = json!({"bytes": 1_700_000, "code_bytes": 1_300_000});
        filter["start"] = json!({"starts": 5, "cpu_seconds": 1.5, "empty_cpu_seconds": 0.3,
            "added_cpu_seconds": 1.2, "added_cpu_seconds_quartiles": [1.1, 1.3],
            "filter": module, "empty": module});
    }
    let requests = filter["requests"].as_array().map_or(0, Vec::len);
    if requests == 0 {
        let row = |case: &str, aim: Option<f64>, us: f64| {
            json!({"case": case, "at_once": 1, "aim_us": aim, "added_us": us,
                "added_us_quartiles": [us - 3.0, us + 4.0], "measured_us": us, "over_us": us,
                "pairs": 9})
        };
        filter["requests"] = json!([
            row("not_ours", Some(15.0), 21.0),
            row("refused", Some(40.0), 31.0),
            row("refused_with_body", Some(40.0), 61.0),
            row("empty_other", None, 9.0)
        ]);
    }
    let cpu = filter["cpu"].as_array_mut().unwrap();
    if cpu.iter().all(|it| it["upstream"] != "HTTP/2") {
        let mut more = cpu.clone();
        more.iter_mut().for_each(|it| it["upstream"] = json!("HTTP/2"));
        cpu.extend(more);
    }
    figures
}

/// Each figure in turn, changed by little more than the documentation shows: two numbers that are
/// 0.01 apart may be rounded to the same one.
fn changed(value: &Value, all: &Value, path: &str, seen: &mut usize) {
    match value {
        Value::Object(members) => {
            // `Detail`: figures that no table shows.
            let hidden =
                ["filter_us", "plain_us", "latency_ratio", "with_us", "measured_us", "over_us"];
            for (name, value) in members.iter().filter(|(it, _)| !hidden.contains(&it.as_str())) {
                changed(value, all, &format!("{path}/{name}"), seen);
            }
        }
        Value::Array(items) => {
            for (at, value) in items.iter().enumerate() {
                changed(value, all, &format!("{path}/{at}"), seen);
            }
        }
        Value::Number(number) if number.is_f64() && !path.contains("/aim") => {
            let step = if path.contains("/added_us") { 1.0 } else { 0.02 };
            let mut other = all.clone();
            *other.pointer_mut(path).unwrap() = Value::from(number.as_f64().unwrap() + step);
            assert_ne!(shown(&other), shown(all), "{path} is shown nowhere");
            *seen += 1;
        }
        Value::Number(bytes) if path.starts_with("/filter/start/") && path.ends_with("bytes") => {
            let mut other = all.clone();
            *other.pointer_mut(path).unwrap() = json!(bytes.as_u64().unwrap() + 20_000);
            assert_ne!(shown(&other), shown(all), "{path} is shown nowhere");
            *seen += 1;
        }
        // The other values are labels.
        _ => {}
    }
}

#[test]
fn the_chart_shows_the_documented_figures() {
    let figures: Figures = read(&root().join(FIGURES));
    let generated = chart::svg(&figures.filter);
    let committed = fs::read_to_string(root().join(CHART)).unwrap();
    assert!(generated == committed, "{CHART} is not generated from {FIGURES}");
}

#[test]
fn the_tables_show_the_documented_figures() {
    for part in parts(&read(&root().join(FIGURES))) {
        let page = fs::read_to_string(root().join(part.page)).unwrap();
        let [_, written, _] = split(&page, &part);
        assert_eq!(written, part.text, "{}: {}", part.page, part.name);
    }
}

#[test]
fn each_figure_is_shown() {
    let figures = with_every_part();
    let mut seen = 0;
    changed(&figures, &figures, "", &mut seen);
    assert!(seen >= 100, "only {seen} figures");
}

/// The numbers of the chart, in their order: a chart with mixed up rows differs.
#[test]
fn the_chart_shows_each_figure_beside_its_case() {
    let figures: Figures = serde_json::from_value(with_every_part()).unwrap();
    let svg = chart::svg(&figures.filter);
    let shown: Vec<_> = svg
        .lines()
        .filter(|line| line.contains("class=\"value\""))
        .map(|line| line.split_once('>').unwrap().1.split('<').next().unwrap().to_owned())
        .collect();
    let Filter { cpu, requests, start, memory_over_base64 } = &figures.filter.measured;
    let mut expected = Vec::new();
    for stream in [Variant::Preview, Variant::Repeated] {
        for bytes in [6_000_000, 1_500_000, 4_000] {
            for at_once in crate::cases::AT_ONCE {
                for upstream in [Protocol::Http1, Protocol::Http2] {
                    let case = (stream, bytes, at_once, upstream);
                    let of = |it: &&crate::report::Cpu| {
                        (it.stream, it.base64_bytes, it.at_once, it.upstream) == case
                    };
                    expected.push(format!("{:.2}×", cpu.iter().find(of).unwrap().ratio));
                }
            }
        }
    }
    expected.extend(requests.iter().map(|it| format!("{:.0} µs", it.added_us)));
    let start = start.as_ref().unwrap();
    let seconds = [start.cpu_seconds, start.empty_cpu_seconds, start.added_cpu_seconds];
    expected.extend(seconds.map(|it| format!("{it:.2} s")));
    let memory =
        memory_over_base64.iter().flat_map(|it| [it.vm, it.process, it.vm_peak, it.process_peak]);
    expected.extend(memory.map(|it| format!("{it:.2}×")));
    assert_eq!(shown, expected);
}

#[test]
fn runs_of_different_commits_are_not_for_the_documentation() {
    let runs = |commits: &[&str]| {
        let runs: Vec<_> = commits.iter().map(|it| ("a run", (*it).to_owned())).collect();
        mixed(&runs)
    };
    assert_eq!(runs(&[]), None);
    assert_eq!(runs(&["1f6145e"]), None);
    assert_eq!(runs(&["1f6145e", "1f6145e"]), None);
    let why = runs(&["1f6145e", "1f6145e", "adc9b6b"]).unwrap();
    assert!(why.contains("1f6145e") && why.contains("adc9b6b"), "{why}");
}

#[test]
fn a_short_run_and_an_unknown_commit_are_not_for_the_documentation() {
    let run = |seconds, commit: &str| Run {
        command: String::new(),
        commit: commit.to_owned(),
        date: String::new(),
        seconds,
        envoy: String::new(),
        cores: 2,
        measured: Rules::default(),
    };
    assert_eq!(run(200, "1f6145e").unfit(200), None);
    for (seconds, commit) in [(199, "1f6145e"), (200, "1f6145e-dirty"), (200, "unknown"), (200, "")]
    {
        assert!(run(seconds, commit).unfit(200).is_some(), "{seconds} {commit}");
    }
}

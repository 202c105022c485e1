//! The committed chart and tables show the committed figures.

use serde_json::Value;

use super::*;

/// The chart and the tables, generated from these figures.
fn shown(figures: &Value) -> String {
    let figures: Figures = serde_json::from_value(figures.clone()).unwrap();
    let parts = parts(&figures).into_iter().map(|part| part.text);
    parts.chain([chart::svg(&figures.filter)]).collect()
}

/// Each figure in turn, changed by little more than the documentation shows: two numbers that are
/// 0.01 apart may be rounded to the same one.
fn changed(value: &Value, all: &Value, path: &str, seen: &mut usize) {
    match value {
        Value::Object(members) => {
            // `Detail`: figures that no table shows.
            let hidden = ["filter_us", "plain_us", "latency_ratio", "with_us"];
            for (name, value) in members.iter().filter(|(it, _)| !hidden.contains(&it.as_str())) {
                changed(value, all, &format!("{path}/{name}"), seen);
            }
        }
        Value::Array(items) => {
            for (at, value) in items.iter().enumerate() {
                changed(value, all, &format!("{path}/{at}"), seen);
            }
        }
        Value::Number(number) if number.is_f64() && !path.ends_with("/aim") => {
            let step = if path.ends_with("/added_us") { 1.0 } else { 0.02 };
            let mut other = all.clone();
            *other.pointer_mut(path).unwrap() = Value::from(number.as_f64().unwrap() + step);
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
fn each_documented_figure_is_shown() {
    let figures: Value = read(&root().join(FIGURES));
    let mut seen = 0;
    changed(&figures, &figures, "", &mut seen);
    assert!(seen >= 100, "only {seen} figures");
}

/// The numbers of the chart, in their order: a chart with mixed up rows differs.
#[test]
fn the_chart_shows_each_ratio_beside_its_case() {
    let figures: Figures = read(&root().join(FIGURES));
    let svg = fs::read_to_string(root().join(CHART)).unwrap();
    let shown: Vec<_> = svg
        .lines()
        .filter(|line| line.contains("class=\"value\""))
        .map(|line| line.split_once('>').unwrap().1.split('<').next().unwrap().to_owned())
        .collect();
    let Filter { cpu, memory_over_base64 } = &figures.filter.measured;
    let by_stream = |stream| cpu.iter().filter(move |it| it.stream == stream);
    let ratios = by_stream(Variant::Preview).chain(by_stream(Variant::Repeated));
    let memory =
        memory_over_base64.iter().flat_map(|it| [it.vm, it.process, it.vm_peak, it.process_peak]);
    let expected = ratios.map(|it| it.ratio).chain(memory).map(|it| format!("{it:.2}×"));
    assert_eq!(shown, expected.collect::<Vec<_>>());
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

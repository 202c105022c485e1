//! `make bench-docs`: the measured figures in `docs/bench.json`, and the chart and the tables of
//! the documentation made from that one file. A test holds them together.

use std::fs;
use std::path::Path;

use super::report::{Cpu, Figures, Filter, Rule, Rules, Run, Users, read, size, write};
use super::stream::Variant;
use super::{chart, root, rules};

const FIGURES: &str = "docs/bench.json";
const CHART: &str = "docs/bench.svg";
const BENCHMARKS: &str = "docs/benchmarks.md";

/// A part of a page between `<!-- NAME: begin -->` and `<!-- NAME: end -->`.
struct Part {
    page: &'static str,
    name: &'static str,
    text: String,
}

/// Takes the last measurements into the documentation, and generates its chart and tables. A part
/// that was not measured again stays.
pub(crate) fn take() {
    let mut figures: Figures = read(&root().join(FIGURES));
    let [filter, rules, users] =
        [super::FILTER_RUN, super::RULES_RUN, super::USERS_RUN].map(|run| root().join(run));
    if filter.exists() {
        figures.filter = fit(&filter, read(&filter), super::WHOLE_RUN.as_secs());
    }
    if rules.exists() {
        figures.rules = fit(&rules, read(&rules), super::RULES_RUN_SECONDS);
    }
    if users.exists() {
        figures.users = Some(fit(&users, read(&users), super::RULES_RUN_SECONDS));
    }
    write(&root().join(FIGURES), &figures);
    fs::write(root().join(CHART), chart::svg(&figures.filter)).unwrap();
    for part in parts(&figures) {
        let path = root().join(part.page);
        let page = fs::read_to_string(&path).unwrap();
        let [before, _, after] = split(&page, &part);
        fs::write(path, [before, &part.text, after].concat()).unwrap();
    }
    println!("{FIGURES}, {CHART}, {BENCHMARKS}");
}

fn fit<T: serde::Serialize>(path: &Path, run: Run<T>, least_seconds: u64) -> Run<T> {
    if let Some(why) = run.unfit(least_seconds) {
        panic!("{} is not for the documentation: {why}", path.display());
    }
    run
}

/// The page before the part, the part, and the page after it.
fn split<'a>(page: &'a str, part: &Part) -> [&'a str; 3] {
    let mark = |side| format!("<!-- {}: {side} -->\n", part.name);
    let begin = page.find(&mark("begin")).expect("a mark") + mark("begin").len();
    let end = page.find(&mark("end")).expect("a mark");
    [&page[..begin], &page[begin..end], &page[end..]]
}

/// Everything in the pages that shows a figure.
fn parts(figures: &Figures) -> Vec<Part> {
    let Figures { filter, rules, users } = figures;
    let part = |page, name, text| Part { page, name, text };
    let mut parts = vec![
        part(BENCHMARKS, "bench summary", summary(figures)),
        part(BENCHMARKS, "bench cpu", cpu_table(filter)),
        part(BENCHMARKS, "bench rules", rules_table(rules)),
        part(BENCHMARKS, "bench memory", memory_table(filter)),
    ];
    parts.extend(users.iter().map(|run| part(BENCHMARKS, "bench users", users_table(run))));
    parts
}

/// Where the figures come from.
fn origin<T>(run: &Run<T>) -> String {
    let Run { command, commit, date, envoy, cores, .. } = run;
    format!(
        "Measured on {date} at commit {commit} by `{command}`: Envoy {envoy}, {cores} shared \
         cores. Later changes are not in these figures.\n\n"
    )
}

/// `1.97 (1.73–2.02)`.
fn spread(ratio: f64, [low, high]: [f64; 2]) -> String {
    format!("{ratio:.2} ({low:.2}–{high:.2})")
}

/// The cells of a row: one for each number of requests at once.
fn row(cells: impl Iterator<Item = String>) -> String {
    cells.map(|cell| format!(" {cell} |")).collect()
}

/// The heads of the columns, which all rows must have.
fn at_once<T>(groups: &[&[T]], count: fn(&T) -> usize) -> String {
    let counts = |group: &&[T]| group.iter().map(count).collect::<Vec<_>>();
    let rows: Vec<_> = groups.iter().map(counts).collect();
    assert!(rows.iter().all(|row| *row == rows[0]), "rows of other columns: {rows:?}");
    row(rows[0].iter().map(|count| format!("{count} at once")))
}

fn cpu_table(run: &Run<Filter>) -> String {
    let groups: Vec<_> = run.measured.cpu.chunk_by(same_row).collect();
    let counts = at_once(&groups, |it| it.at_once);
    let rule = "---|".repeat(groups[0].len() + 3);
    let mut table = format!("{}| The image comes | base64 |{counts} aim |\n|{rule}\n", origin(run));
    for group in groups {
        let comes = match group[0].stream {
            Variant::Preview => "as a preview and in its event (Codex)",
            Variant::Repeated => "in its event and in `response.completed`",
        };
        let cells = row(group.iter().map(|it| spread(it.ratio, it.ratio_quartiles)));
        let (bytes, aim) = (size(group[0].base64_bytes), group[0].aim);
        table.push_str(&format!("| {comes} | {bytes} |{cells} ≤ {aim:.1} |\n"));
    }
    table
}

fn same_row(a: &Cpu, b: &Cpu) -> bool {
    (a.stream, a.base64_bytes, a.aim) == (b.stream, b.base64_bytes, b.aim)
}

fn rules_table(run: &Run<Rules>) -> String {
    let groups: Vec<_> = run.measured.cpu.chunk_by(|a, b| a.case == b.case).collect();
    let counts = at_once(&groups, |it| it.at_once);
    let rule = "---|".repeat(groups[0].len() + 1);
    let mut table = format!("{}| Rules |{counts}\n|{rule}\n", origin(run));
    for group in groups {
        let cell =
            |it: &Rule| format!("{:.0} µs, {}", it.added_us, spread(it.ratio, it.ratio_quartiles));
        let title = rules::title(&group[0].case);
        table.push_str(&format!("| {title} |{}\n", row(group.iter().map(cell))));
    }
    table
}

fn users_table(run: &Run<Users>) -> String {
    let mut table = format!(
        "{}| Users | three rules add | with rules over without | memory of Envoy |\n|---|---|---|---|\n",
        origin(run)
    );
    for it in &run.measured.users {
        table.push_str(&format!(
            "| {} | {:.0} µs | {:.2} | {} MB |\n",
            it.users, it.added_us, it.ratio, it.envoy_mb
        ));
    }
    table
}

fn memory_table(run: &Run<Filter>) -> String {
    let mut table = format!(
        "{}| Open answers | filter, held | process, held | filter, peak | process, peak |\n\
         |---|---|---|---|---|\n",
        origin(run)
    );
    for it in &run.measured.memory_over_base64 {
        let values = [it.vm, it.process, it.vm_peak, it.process_peak];
        let cells = row(values.iter().map(|value| format!("{value:.2}")));
        table.push_str(&format!("| {} |{cells}\n", it.at_once));
    }
    table
}

/// Memory and rules in words.
fn summary(figures: &Figures) -> String {
    let memory = &figures.filter.measured.memory_over_base64;
    let held = memory.iter().map(|it| it.vm).fold(0.0, f64::max);
    let bytes = size(memory[0].base64_bytes);
    let peaks = memory.iter().map(|it| {
        format!("{:.2} with {} open (process: {:.2})", it.vm_peak, it.at_once, it.process_peak)
    });
    let peaks = peaks.collect::<Vec<_>>().join(", ");
    let run = &figures.rules;
    let costs = |case: &str| {
        let rules: Vec<_> = run.measured.cpu.iter().filter(|it| it.case == case).collect();
        let least = rules.iter().map(|it| it.added_us).fold(f64::MAX, f64::min);
        let most = rules.iter().map(|it| it.added_us).fold(0.0, f64::max);
        format!("{least:.0} to {most:.0} µs")
    };
    format!(
        "Memory per open answer of {bytes}, as a multiple of its base64: {held:.2} is held in the \
         filter while the image is drawn.\nThe peak, while answers are written: {peaks}.\n\nFive \
         local rules add {} of Envoy's CPU to a request (the aim is 25 µs), one question to a \
         rate-limit service {}\n(measured on {} at commit {} by `{}`).\n",
        costs(rules::LOCAL),
        costs(rules::SERVICE),
        run.date,
        run.commit,
        run.command,
    )
}

#[cfg(test)]
mod tests;

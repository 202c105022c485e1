//! The tables of docs/benchmarks.md.

use crate::cases::{self, SMALL_BYTES};
use crate::report::{Cpu, Filter, Module, RequestRow, Rule, Rules, Run, Users, megabytes, size};
use crate::rules::title;
use crate::stream::Variant;

/// In place of a table of figures that the run does not have.
const NOT_MEASURED: &str = "Not measured yet.\n";

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

/// In bold if the aim is met.
fn with_aim(text: String, value: f64, aim: f64) -> String {
    if value <= aim { format!("**{text}**") } else { text }
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

pub(super) fn cpu(run: &Run<Filter>) -> String {
    let groups: Vec<_> = run.measured.cpu.chunk_by(same_row).collect();
    let counts = at_once(&groups, |it| it.at_once);
    let rule = "---|".repeat(groups[0].len() + 4);
    let mut table =
        format!("{}| Upstream | The image comes | base64 |{counts} aim |\n|{rule}\n", origin(run));
    for group in groups {
        let (comes, upstream) = (comes(group[0].stream), group[0].upstream.name());
        let cell = |it: &Cpu| with_aim(spread(it.ratio, it.ratio_quartiles), it.ratio, it.aim);
        let cells = row(group.iter().map(cell));
        let (bytes, aim) = (size(group[0].base64_bytes), group[0].aim);
        table.push_str(&format!("| {upstream} | {comes} | {bytes} |{cells} ≤ {aim:.1} |\n"));
    }
    table
}

fn comes(stream: Variant) -> &'static str {
    match stream {
        Variant::Preview => "as a preview and in its event (Codex)",
        Variant::Repeated => "in its event and in `response.completed`",
    }
}

fn same_row(a: &Cpu, b: &Cpu) -> bool {
    let row = |it: &Cpu| (it.upstream, it.stream, it.base64_bytes, it.aim);
    row(a) == row(b)
}

/// The small images again, in microseconds.
pub(super) fn small(run: &Run<Filter>) -> String {
    let cpu = &run.measured.cpu;
    let small: Vec<_> = cpu.iter().filter(|it| it.base64_bytes == SMALL_BYTES).collect();
    let groups: Vec<_> = small.chunk_by(|a, b| same_row(a, b)).collect();
    let counts = at_once(&groups, |it| it.at_once);
    let rule = "---|".repeat(groups[0].len() + 2);
    let mut table = format!("| Upstream | The image comes |{counts}\n|{rule}\n");
    for group in groups {
        let cell = |it: &&Cpu| match &it.detail {
            Some(detail) => format!("{:.0} → {:.0} µs", detail.plain_us, detail.filter_us),
            None => String::new(),
        };
        let (comes, upstream) = (comes(group[0].stream), group[0].upstream.name());
        table.push_str(&format!("| {upstream} | {comes} |{}\n", row(group.iter().map(cell))));
    }
    table
}

pub(super) fn requests(run: &Run<Filter>) -> String {
    let groups: Vec<_> = run.measured.requests.chunk_by(|a, b| a.case == b.case).collect();
    if groups.is_empty() {
        return NOT_MEASURED.to_owned();
    }
    let counts = at_once(&groups, |it| it.at_once);
    let rule = "---|".repeat(groups[0].len() + 2);
    let mut table = format!("{}| Request |{counts} aim |\n|{rule}\n", origin(run));
    for group in groups {
        let cell = |it: &RequestRow| {
            // Without the sign of a zero.
            let whole = |us: f64| us.round() + 0.0;
            let [low, high] = it.added_us_quartiles.map(whole);
            let text = format!("{:.0} µs ({low:.0}–{high:.0})", whole(it.added_us));
            with_aim(text, it.added_us, it.aim_us.unwrap_or(f64::NEG_INFINITY))
        };
        let title = cases::title(&group[0].case);
        let aim = group[0].aim_us.map_or_else(|| "–".to_owned(), |aim| format!("≤ {aim:.0} µs"));
        table.push_str(&format!("| {title} |{} {aim} |\n", row(group.iter().map(cell))));
    }
    table
}

pub(super) fn start(run: &Run<Filter>) -> String {
    let Some(start) = &run.measured.start else { return NOT_MEASURED.to_owned() };
    let [low, high] = start.added_cpu_seconds_quartiles;
    let line = |name: &str, module: &Module, seconds: f64| {
        let (bytes, code) = (megabytes(module.bytes), megabytes(module.code_bytes));
        format!("| {name} | {bytes} | {code} | {seconds:.2} s |\n")
    };
    format!(
        "{}| Filter | module | code in it | CPU of Envoy until it listens |\n|---|---|---|---|\n\
         {}{}| difference | | | {:.2} s ({low:.2}–{high:.2}) |\n",
        origin(run),
        line("imagegate", &start.filter, start.cpu_seconds),
        line("empty", &start.empty, start.empty_cpu_seconds),
        start.added_cpu_seconds,
    )
}

pub(super) fn rules(run: &Run<Rules>) -> String {
    let groups: Vec<_> = run.measured.cpu.chunk_by(|a, b| a.case == b.case).collect();
    let counts = at_once(&groups, |it| it.at_once);
    let rule = "---|".repeat(groups[0].len() + 1);
    let mut table = format!("{}| Rules |{counts}\n|{rule}\n", origin(run));
    for group in groups {
        let cell =
            |it: &Rule| format!("{:.0} µs, {}", it.added_us, spread(it.ratio, it.ratio_quartiles));
        let title = title(&group[0].case);
        table.push_str(&format!("| {title} |{}\n", row(group.iter().map(cell))));
    }
    table
}

pub(super) fn users(run: &Run<Users>) -> String {
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

pub(super) fn memory(run: &Run<Filter>) -> String {
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

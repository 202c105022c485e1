//! Whole reports as people read them: each folder of `tests/check/` holds files and, in
//! `report.txt`, the output of `check` for them. `UPDATE_GOLDEN=1` writes the reports.

use std::fs;
use std::path::Path;

use crate::{
    fixtures::assert_expected,
    program::{command, root},
};

#[test]
fn every_report_is_as_committed() {
    let cases = fs::read_dir(root().join("cli/tests/check")).unwrap();
    let mut count = 0;
    for case in cases.map(|case| case.unwrap().path()) {
        assert_expected(&case.join("report.txt"), &report(&case));
        count += 1;
    }
    assert!(count >= 10, "only {count} cases");
}

/// What a run over the files of a case says, with its exit code.
fn report(case: &Path) -> String {
    let entries = fs::read_dir(case).unwrap().map(|entry| entry.unwrap().file_name());
    let mut files: Vec<_> = entries.map(|name| name.into_string().unwrap()).collect();
    files.retain(|name| name != "report.txt" && name != "arguments");
    files.sort();
    let arguments = fs::read_to_string(case.join("arguments")).unwrap_or_default();
    let arguments = ["check"].into_iter().chain(arguments.split_whitespace());
    let arguments: Vec<_> = arguments.chain(files.iter().map(String::as_str)).collect();
    let output = command(&arguments).current_dir(case).output().unwrap();
    let (out, err) =
        (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    format!(
        "$ imagegatectl {}\n{out}{err}exit code: {}\n",
        arguments.join(" "),
        output.status.code().unwrap()
    )
}

//! The help, which is documentation: `UPDATE_GOLDEN=1` writes it to `tests/help/`.

use crate::{
    fixtures::assert_expected,
    program::{root, run},
};

#[test]
fn the_help_of_every_command_is_as_committed() {
    for (name, arguments) in [
        ("imagegatectl", &["--help"][..]),
        ("init", &["init", "--help"]),
        ("key-new", &["key", "new", "--help"]),
        ("key-hash", &["key", "hash", "--help"]),
        ("check", &["check", "--help"]),
        ("schema", &["schema", "--help"]),
        ("upstream-check", &["upstream", "check", "--help"]),
        ("token", &["token", "--help"]),
        ("completions", &["completions", "--help"]),
    ] {
        let outcome = run(arguments);
        assert_eq!((outcome.code, outcome.err.as_str()), (Some(0), ""));
        assert!(outcome.out.contains("Example") || name == "imagegatectl", "{name} has no example");
        let file = root().join(format!("cli/tests/help/{name}.txt"));
        assert_expected(&file, &outcome.out);
    }
}

#[test]
fn it_reports_its_version() {
    assert_eq!(run(&["--version"]).out, format!("imagegatectl {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn every_shell_has_completions_that_know_the_commands() {
    for shell in ["bash", "zsh", "fish"] {
        let outcome = run(&["completions", shell]);
        assert_eq!(outcome.code, Some(0));
        for word in ["init", "key", "check", "completions", "schema", "token", "upstream", "strict"]
        {
            assert!(outcome.out.contains(word), "{shell}: {word}");
        }
    }
}

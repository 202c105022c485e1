//! imagegatectl: the tool beside the filter.
//!
//! It mints keys, checks a configuration with the filter's own parser, prints its JSON Schema, asks an
//! upstream for its models, and owns the upstream's rotating credential. What a script may rely on is in `docs/imagegatectl.md`:
//! results on standard output, everything else on standard error, and the codes of [`exit`].

#![forbid(unsafe_code)]

mod check;
mod cli;
mod clock;
mod exit;
mod http;
mod key;
mod schema;
mod token;
mod upstream;

use std::io;
use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use cli::{Cli, Command, KeyCommand, UpstreamCommand};
use exit::Failure;

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Key { command: KeyCommand::New(arguments) } => key::new(&arguments),
        Command::Key { command: KeyCommand::Hash(arguments) } => key::hash(&arguments),
        Command::Check(arguments) => check::run(&arguments),
        Command::Schema => schema::print(),
        Command::Token(arguments) => token::run(&arguments),
        Command::Upstream { command: UpstreamCommand::Check(arguments) } => {
            upstream::check(&arguments)
        }
        Command::Completions { shell } => {
            let mut command = Cli::command();
            clap_complete::generate(shell, &mut command, "imagegatectl", &mut io::stdout());
            Ok(())
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => report(&failure),
    }
}

/// Tells why the command failed, where it has not told that itself.
fn report(failure: &Failure) -> ExitCode {
    let words = failure.to_string();
    if !words.is_empty() {
        anstream::eprintln!("{}error:{} {words}", exit::RED, exit::RESET);
    }
    ExitCode::from(failure.code())
}

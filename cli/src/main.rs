//! imagegatectl: the tool beside the filter.
//!
//! It writes a configuration to start from, mints keys, checks a configuration with the filter's
//! own parser, prints its JSON Schema, lists an upstream's models, and owns the upstream's rotating
//! credential. `docs/imagegatectl.md` has the interface for scripts: results on standard output,
//! everything else on standard error, and the exit codes of [`exit`].

#![forbid(unsafe_code)]

mod check;
mod cli;
mod clock;
mod exit;
mod http;
mod init;
mod key;
mod output;
mod schema;
mod token;
mod upstream;

use std::io;
use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use cli::{Cli, Command, KeyCommand, UpstreamCommand};
use exit::CommandError;

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Key { command: KeyCommand::New(arguments) } => key::new(&arguments),
        Command::Key { command: KeyCommand::Hash(arguments) } => key::hash(&arguments),
        Command::Key { command: KeyCommand::Add(arguments) } => key::add(&arguments),
        Command::Key { command: KeyCommand::Revoke(arguments) } => key::revoke(&arguments),
        Command::Key { command: KeyCommand::List(arguments) } => key::list(&arguments),
        Command::Check(arguments) => check::run(&arguments),
        Command::Init(arguments) => init::run(&arguments),
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
        Err(error) => report(&error),
    }
}

/// Prints why the command failed, unless it has printed that itself.
fn report(error: &CommandError) -> ExitCode {
    let message = error.to_string();
    if !message.is_empty() {
        anstream::eprintln!("{}error:{} {message}", exit::RED, exit::RESET);
    }
    ExitCode::from(error.code())
}

//! imagegatectl: the tool beside the filter.
//!
//! It writes a configuration to start from, mints keys, checks a configuration with the filter's
//! own parser, prints its JSON Schema, lists an upstream's models, and owns the upstream's rotating
//! credential. `docs/imagegatectl.md` has the interface for scripts: what goes to standard
//! output and to standard error, and the exit codes of [`exit`].

#![forbid(unsafe_code)]

mod check;
mod cli;
mod clock;
mod exit;
mod http;
mod init;
mod key;
mod output;
mod pipe;
mod schema;
mod token;
mod upstream;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use cli::{Cli, Command, KeyCommand, UpstreamCommand};
use exit::CommandError;

fn main() -> ExitCode {
    let outcome = match Cli::try_parse() {
        Ok(arguments) => run(arguments.command),
        Err(error) if error.use_stderr() => {
            // Whoever cannot read it learns it from the code.
            let _ = error.print();
            return ExitCode::from(exit::USAGE);
        }
        // The help, or the version.
        Err(error) => {
            error.print().and_then(|()| io::stdout().flush()).map_err(CommandError::stdout)
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => report(&error),
    }
}

fn run(command: Command) -> Result<(), CommandError> {
    match command {
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
            // In memory, since the library panics if it cannot write.
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "imagegatectl", &mut script);
            output::print(&String::from_utf8_lossy(&script))
        }
    }
}

/// Prints why the command failed, unless it has printed that itself.
fn report(error: &CommandError) -> ExitCode {
    let message = error.to_string();
    if !message.is_empty() {
        output::say_error(&message);
    }
    ExitCode::from(error.code())
}

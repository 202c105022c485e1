//! The program: reads the command line, serves until SIGTERM or SIGINT, and leaves.

use std::{
    io::{self, Write},
    process::ExitCode,
};

use codex_sim::{
    cli::{self, Command, Options},
    server::Server,
};
use tokio::signal::unix::{SignalKind, signal};

fn main() -> ExitCode {
    match cli::parse(std::env::args_os().skip(1)) {
        Ok(Command::Print(text)) => exit_code(print(&text)),
        Ok(Command::Serve(options)) => exit_code(serve(*options)),
        Err(error) => {
            eprintln!("codex-sim: {error}\nTry codex-sim --help.");
            ExitCode::from(2)
        }
    }
}

fn exit_code(result: io::Result<()>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("codex-sim: {error}");
            ExitCode::FAILURE
        }
    }
}

fn print(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn serve(options: Options) -> io::Result<()> {
    let (mut terminate, mut interrupt) =
        (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let server = Server::bind(options).await?;
    print(&format!("codex-sim listening on {}\n", server.address()?))?;
    tokio::select! {
        () = server.run() => {}
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}

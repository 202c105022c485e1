//! The command line.

use std::{ffi::OsString, net::SocketAddr};

use lexopt::{Arg, Parser, ValueExt};

use crate::{
    directive::{Directive, VALUES},
    faults::Fault,
    hosts::Catalogue,
    settings::{CompletedOutput, Settings, Shape},
};

/// What `--help` prints.
pub const HELP: &str = "\
codex-sim: a stand-in for the Codex backend that draws real pictures and fails on demand

Usage: codex-sim [OPTIONS]

It answers POST /backend-api/codex/responses (also /responses and /v1/responses) as Codex answers a request with the
image_generation tool: a stream of events with a picture that shows the words of the prompt. POST /v1/images/generations
and /v1/images/edits (also /backend-api/codex/images/… and /openai/deployments/NAME/images/…) speak the Images API.

Options:
  --listen ADDRESS:PORT   where to listen [default: 127.0.0.1:0, any free port]; the first line of output is
                          `codex-sim listening on ADDRESS:PORT`
  --delay TIME            how long drawing takes, as 1200ms or 20s [default: 0s]
  --previews N            previews that are sent although none were asked for, 0 to 8 [default: 1]
  --completed-output WHAT empty: `output` of response.completed is [], as Codex sends it [default]
                          full: it repeats every item with its base64, as api.openai.com does
  --free-shape            images of about 1.57 megapixels in a shape of the backend's own and at its own quality,
                          whatever was asked, as Codex draws them [default: exact sizes]
  --token TOKEN           the token that is accepted, as bearer or, for Azure, as api-key [default: any]
  --host-models LIST      the host models of the account in place of the usual ones, or the file that lists them:
                          NAME, NAME@VERSION for clients from this version on, NAME=FORM refused in this form (a, b, c,
                          d, d-suffix, e, f, g); a leading + changes the usual ones; `any` takes every name
  --fault NAME            something that goes wrong with every request; may be repeated
  --seed N                other pictures; and the same identifiers on every run
  --log                   one line on standard error for each request, without its words
  --faults                list everything that can go wrong, and leave
  --help, --version       print this or the version, and leave

A prompt can ask for a fault by itself, and for several at once. What stands in brackets is not drawn:
  a red fox [[sim:usage_limit]]            429 in place of a picture
  a red fox [[sim:delay=3s]] [[sim:bytes=6MB]]
  a red fox [[sim:server_error@2]]         the second request with this very prompt fails, the others do not

Also: GET /healthz answers 200; GET /stats tells what came in and how it ended, DELETE /stats forgets it.

Try it:
  curl -sN http://127.0.0.1:PORT/responses -H 'authorization: Bearer any' -d '{\"model\":\"gpt-6-luna\",
    \"instructions\":\"Draw.\",\"store\":false,\"stream\":true,\"tools\":[{\"type\":\"image_generation\"}],
    \"input\":[{\"role\":\"user\",\"content\":\"a red fox\"}]}' | cut -c1-200
";

/// What the program was started for.
#[derive(Debug)]
pub enum Command {
    /// Serve until it is told to stop.
    Serve(Box<Options>),
    /// Print a text and leave.
    Print(String),
}

/// How to serve.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where to listen.
    pub listen: SocketAddr,
    /// What holds for every prompt.
    pub settings: Settings,
    /// What goes wrong with every prompt.
    pub directives: Vec<Directive>,
    /// The host models of the account, which hold on the path of the Codex backend.
    pub hosts: Catalogue,
    /// The token that is accepted; without one, any is.
    pub token: Option<String>,
    /// Chooses pictures and identifiers.
    pub seed: Option<u64>,
    /// Whether requests are told on standard error.
    pub log: Log,
}

/// Whether requests are told on standard error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Log {
    /// A line for each.
    Lines,
    /// Nothing.
    Silent,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            settings: Settings::default(),
            directives: Vec::new(),
            hosts: Catalogue::default(),
            token: None,
            seed: None,
            log: Log::Silent,
        }
    }
}

/// Reads the command line, without the name of the program.
///
/// # Errors
///
/// What cannot be understood, in words for the person who typed it.
pub fn parse(
    args: impl IntoIterator<Item = impl Into<OsString>>,
) -> Result<Command, lexopt::Error> {
    let mut options = Options::default();
    let mut parser = Parser::from_args(args);
    while let Some(arg) = parser.next()? {
        match arg {
            Arg::Long("listen") => options.listen = parser.value()?.parse()?,
            Arg::Long("delay") => {
                options.settings.delay = parser.value()?.parse_with(humantime::parse_duration)?
            }
            Arg::Long("previews") => {
                options.settings.previews =
                    parser.value()?.parse_with(|text| match text.parse() {
                        Ok(count @ 0..=8) => Ok(count),
                        _ => Err("a number from 0 to 8 is expected"),
                    })?;
            }
            Arg::Long("completed-output") => {
                let parse =
                    |text: &str| CompletedOutput::parse(text).ok_or("empty or full is expected");
                options.settings.completed_output = parser.value()?.parse_with(parse)?;
            }
            Arg::Long("free-shape") => options.settings.shape = Shape::Free,
            Arg::Long("token") => options.token = Some(parser.value()?.string()?),
            Arg::Long("host-models") => options.hosts = parser.value()?.parse_with(hosts)?,
            Arg::Long("fault") => {
                options.directives.push(parser.value()?.parse_with(Directive::parse)?)
            }
            Arg::Long("seed") => options.seed = Some(parser.value()?.parse()?),
            Arg::Long("log") => options.log = Log::Lines,
            Arg::Long("faults") => return Ok(Command::Print(faults())),
            Arg::Short('h') | Arg::Long("help") => return Ok(Command::Print(HELP.to_owned())),
            Arg::Short('V') | Arg::Long("version") => {
                return Ok(Command::Print(format!("codex-sim {}\n", env!("CARGO_PKG_VERSION"))));
            }
            _ => return Err(arg.unexpected()),
        }
    }
    Ok(Command::Serve(Box::new(options)))
}

/// Reads host models: from the file of this name if there is one, else from the text itself.
fn hosts(text: &str) -> Result<Catalogue, String> {
    if std::path::Path::new(text).is_file() {
        let list = std::fs::read_to_string(text).map_err(|why| format!("{text}: {why}"))?;
        return Catalogue::parse(&list).map_err(|why| format!("{text}: {why}"));
    }
    Catalogue::parse(text)
}

/// The list of everything that can go wrong.
pub fn faults() -> String {
    let mut text = String::from(
        "Ask for these in a prompt as [[sim:NAME]], or for all prompts by --fault NAME.\n",
    );
    let mut heading = "";
    for fault in Fault::all() {
        if fault.heading() != heading {
            heading = fault.heading();
            text.push_str(&format!("\n{heading}:\n"));
        }
        text.push_str(&format!("  {:<26} {}\n", fault.name(), fault.about()));
    }
    text.push_str("\nOther directives:\n");
    for (example, about) in VALUES {
        text.push_str(&format!("  {example:<26} {about}\n"));
    }
    text.push_str("\nNAME@2 and NAME@2,3: only for the second, or second and third, request with this very prompt.\n");
    text
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn options(args: &[&str]) -> Options {
        match parse(args).unwrap() {
            Command::Serve(options) => *options,
            Command::Print(text) => panic!("printed {text}"),
        }
    }

    #[test]
    fn without_options_it_listens_on_loopback_only() {
        let options = options(&[]);
        assert!(options.listen.ip().is_loopback());
        assert_eq!(options.settings, Settings::default());
    }

    #[test]
    fn every_option_is_read() {
        let options = options(&[
            "--listen=127.0.0.1:8123",
            "--delay",
            "1200ms",
            "--previews=3",
            "--completed-output=full",
            "--free-shape",
            "--token=t",
            "--host-models=+gpt-6-luna=d",
            "--fault=failed",
            "--fault=bytes=1MB",
            "--seed=4",
            "--log",
        ]);
        assert_eq!(options.listen.port(), 8123);
        assert_eq!(
            (options.settings.delay, options.settings.previews),
            (Duration::from_millis(1200), 3)
        );
        assert_eq!(options.settings.completed_output, CompletedOutput::Full);
        assert_eq!(options.settings.shape, Shape::Free);
        assert_eq!(
            (options.token.as_deref(), options.seed, options.directives.len()),
            (Some("t"), Some(4), 2)
        );
        assert_eq!(options.hosts, Catalogue::parse("+gpt-6-luna=d").unwrap());
    }

    #[test]
    fn what_is_not_understood_is_an_error() {
        for args in [
            ["--fault", "nonsense"],
            ["--host-models", "x=z"],
            ["--delay", "soon"],
            ["--previews", "9"],
            ["--colour", "red"],
        ] {
            assert!(parse(args).is_err(), "{args:?}");
        }
    }

    #[test]
    fn the_help_names_every_option_and_the_list_every_fault() {
        for option in [
            "listen",
            "delay",
            "previews",
            "completed-output",
            "free-shape",
            "token",
            "host-models",
            "fault",
            "seed",
            "log",
            "faults",
        ] {
            assert!(HELP.contains(&format!("--{option}")));
        }
        let list = faults();
        assert!(Fault::all().all(|fault| list.contains(&format!("  {} ", fault.name()))));
    }
}

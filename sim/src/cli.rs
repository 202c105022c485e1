//! The command line.

use std::{net::SocketAddr, str::FromStr};

use clap::Parser;

use crate::{
    directive::{Directive, VALUES},
    faults::Fault,
    hosts::Catalogue,
    settings::Settings,
};

/// What `--help` prints after the options.
const AFTER_HELP: &str = r#"A prompt can ask for faults. The image does not show what is in brackets:
  a red fox [[sim:usage_limit]]            429 in place of an image
  a red fox [[sim:delay=3s]] [[sim:bytes=6MB]]
  a red fox [[sim:server_error@2]]         the second request with this prompt fails, no other

Also: GET /healthz answers 200; GET /stats shows the requests and how they ended, and
DELETE /stats clears it.

Try it:
  curl -sN http://127.0.0.1:PORT/responses -H 'authorization: Bearer any' -d '{
    "model":"gpt-6-luna","instructions":"Draw.","store":false,"stream":true,
    "tools":[{"type":"image_generation"}],
    "input":[{"role":"user","content":"a red fox"}]}' | cut -c1-200"#;

/// A stand-in for the Codex backend that generates real images and fails on demand
///
/// It answers POST /backend-api/codex/responses (also /responses and /v1/responses) as Codex
/// answers a request with the image_generation tool: a stream of events with an image that shows
/// the words of the prompt. POST /v1/images/generations and /v1/images/edits (also
/// /backend-api/codex/images/… and /openai/deployments/NAME/images/…) speak the Images API.
#[derive(Clone, Debug, Parser)]
#[command(name = "codex-sim", version, max_term_width = 100, args_override_self = true)]
#[command(after_help = AFTER_HELP)]
pub struct Options {
    /// Where to listen; port 0 is any free port. The first line of output is `codex-sim listening
    /// on ADDRESS:PORT`
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:0")]
    #[arg(value_parser = expect::<SocketAddr>("expected IP:PORT, as 127.0.0.1:8123"))]
    pub listen: SocketAddr,
    /// What holds for every prompt.
    #[command(flatten)]
    pub settings: Settings,
    /// The only token to accept, as bearer or, for Azure, as api-key [default: any]
    #[arg(long, value_name = "TOKEN", allow_hyphen_values = true)]
    pub token: Option<String>,
    /// The host models of the account in place of the usual ones, or the file that lists them:
    /// NAME, NAME@VERSION for clients from this version on, NAME=FORM rejected in this form (a, b,
    /// c, d, d-suffix, e, f, g); a leading + changes the usual ones; `any` accepts every name
    #[arg(long = "host-models", value_name = "LIST", value_parser = hosts)]
    #[arg(default_value = "+", hide_default_value = true)]
    pub hosts: Catalogue,
    /// Something that goes wrong with every request; may be repeated
    #[arg(long = "fault", value_name = "NAME", value_parser = Directive::parse)]
    pub directives: Vec<Directive>,
    /// Other images; and the same identifiers on every run
    #[arg(long, value_name = "N")]
    #[arg(value_parser = expect::<u64>("expected a whole number of at most 64 bits"))]
    pub seed: Option<u64>,
    /// One line on standard error for each request, without its prompt
    #[arg(long)]
    pub log: bool,
    /// List everything that can go wrong, and exit
    #[arg(long = "faults")]
    pub list_faults: bool,
}

/// A parser whose error says what is expected.
fn expect<T: FromStr>(
    what: &'static str,
) -> impl Fn(&str) -> Result<T, &'static str> + Clone + Send + Sync {
    move |text| text.parse().map_err(|_| what)
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
    text.push_str("\nNAME@2 and NAME@2,3: only for the second, or second and third, request with this prompt.\n");
    text
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use clap::CommandFactory;

    use super::*;
    use crate::settings::{CompletedOutput, Shape};

    fn parse(args: &[&str]) -> Result<Options, clap::Error> {
        Options::try_parse_from([&["codex-sim"], args].concat())
    }

    fn options(args: &[&str]) -> Options {
        parse(args).unwrap()
    }

    #[test]
    fn the_command_line_is_sound() {
        Options::command().debug_assert();
    }

    #[test]
    fn without_options_it_listens_on_loopback_only() {
        let options = options(&[]);
        assert!(options.listen.ip().is_loopback());
        assert_eq!(options.settings, Settings::default());
        assert_eq!(options.hosts, Catalogue::default());
        assert!(options.token.is_none() && options.seed.is_none() && options.directives.is_empty());
        assert!(!options.log && !options.list_faults);
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
        assert!(options.log);
    }

    #[test]
    fn an_option_that_is_given_twice_takes_its_last_value() {
        let options =
            options(&["--seed=4", "--log", "--seed=5", "--log", "--free-shape", "--free-shape"]);
        assert_eq!((options.seed, options.log), (Some(5), true));
    }

    #[test]
    fn the_text_of_a_token_may_start_with_a_hyphen() {
        assert_eq!(options(&["--token", "-t"]).token.as_deref(), Some("-t"));
    }

    #[test]
    fn an_error_names_the_option_and_what_is_accepted() {
        for (args, accepted) in [
            (["--fault", "nonsense"], "codex-sim --faults"),
            (["--host-models", "x=z"], "a, b, c, d, d-suffix, e, f, g"),
            (["--delay", "soon"], "1200ms"),
            (["--previews", "9"], "0..=8"),
            (["--completed-output", "some"], "empty, full"),
            (["--listen", "localhost"], "127.0.0.1:8123"),
            (["--seed", "x"], "a whole number"),
        ] {
            let error = parse(&args).unwrap_err().to_string();
            assert!(error.contains(args[0]) && error.contains(accepted), "{error}");
        }
        assert!(parse(&["--colour", "red"]).unwrap_err().to_string().contains("--colour"));
    }

    #[test]
    fn the_help_names_every_option_and_the_list_every_fault() {
        let help = Options::command().render_long_help().to_string();
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
            "help",
            "version",
        ] {
            assert!(help.contains(&format!("--{option}")));
        }
        let list = faults();
        assert!(Fault::all().all(|fault| list.contains(&format!("  {} ", fault.name()))));
    }
}

//! `token`: one owner of a credential, against a token server that takes each refresh token once.

mod home;

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::program::{Folder, command};
use crate::server::{Server, access_token, refresh_token};
pub(crate) use home::Home;
use home::mode;

#[test]
fn a_token_that_is_due_is_refreshed_saved_and_handed_over() {
    let (server, home) = (Server::start(1), Home::new(1, 60));
    let outcome = home.run(&server, &["--once"]);
    assert_eq!(outcome.code, Some(0), "{}", outcome.err);
    let expected = json!({
        "client_id": "app_EMoamEEZ73f0CkXaXp7hrann",
        "grant_type": "refresh_token",
        "refresh_token": "rt-s3cret-1",
    });
    assert_eq!(server.requests(), [expected]);
    assert_eq!((home.generation(), home.handed()), (2, Some(2)));
    assert_ne!(home.credential()["last_refresh"], "2026-01-01T00:00:00.123456789Z");
    let account = fs::read_to_string(home.sds().join("account-id.yaml")).unwrap();
    assert!(
        account.contains("name: codex-account-id\n") && account.contains("\"acc-s3cret\""),
        "{account}"
    );
    for file in ["access-token.yaml", "account-id.yaml"] {
        assert_eq!(mode(&home.sds().join(file)), 0o600);
    }
    assert_eq!(fs::read_dir(home.sds()).unwrap().count(), 2, "a file is left over");
}

#[test]
fn a_token_that_is_not_due_is_handed_over_as_it_is() {
    let (server, home) = (Server::start(1), Home::new(1, 3_600));
    assert_eq!(home.run(&server, &["--once", "--sds-mode", "640"]).code, Some(0));
    assert_eq!((server.requests().len(), home.handed()), (0, Some(1)));
    let file = home.sds().join("access-token.yaml");
    assert_eq!(mode(&file), 0o640);
    // A file that is right is not written again, so that Envoy does not read it again.
    let before = fs::metadata(&file).unwrap().ino();
    assert_eq!(home.run(&server, &["--once", "--sds-mode", "640"]).code, Some(0));
    assert_eq!(fs::metadata(&file).unwrap().ino(), before);
    assert_eq!(home.run(&server, &["--once", "--force"]).code, Some(0));
    assert_eq!((server.requests().len(), home.handed()), (1, Some(2)));
}

#[test]
fn a_dead_refresh_token_is_recognized_and_not_tried_again() {
    for (status, body, code) in [
        (401, "", "status 401"),
        (400, r#"{"error":{"code":"refresh_token_expired"}}"#, "refresh_token_expired"),
        (400, r#"{"error":"invalid_grant"}"#, "invalid_grant"),
    ] {
        let (server, home) = (Server::start(1), Home::new(1, 60));
        server.with(|state| state.refusals.push((status, "", body)));
        let before = fs::read(home.auth()).unwrap();
        let outcome = home.run(&server, &[]);
        assert_eq!(outcome.code, Some(3), "{}", outcome.err);
        assert!(
            outcome.err.contains(code) && outcome.err.contains("codex login"),
            "{}",
            outcome.err
        );
        assert_eq!((server.requests().len(), fs::read(home.auth()).unwrap() == before), (1, true));
        // The access token still works for a while.
        assert_eq!(home.handed(), Some(1));
    }
}

#[test]
fn temporary_failures_are_retried_after_a_wait() {
    let (server, home) = (Server::start(1), Home::new(1, 60));
    server.with(|state| state.refusals = vec![(503, "", "busy"), (429, "retry-after: 2", "")]);
    let started = Instant::now();
    let outcome = home.run(&server, &["--once"]);
    assert_eq!(outcome.code, Some(0), "{}", outcome.err);
    assert!(
        outcome.err.contains("status 503") && outcome.err.contains("status 429"),
        "{}",
        outcome.err
    );
    assert!(started.elapsed() >= Duration::from_millis(2_900), "{:?}", started.elapsed());
    assert_eq!((server.requests().len(), home.generation()), (3, 2));
}

#[test]
fn attempts_are_bounded() {
    let (server, home) = (Server::start(1), Home::new(1, 60));
    server.with(|state| state.refusals = vec![(500, "", "{}"); 9]);
    let outcome = home.run(&server, &["--once"]);
    assert_eq!(outcome.code, Some(4), "{}", outcome.err);
    assert_eq!((server.requests().len(), home.generation(), home.handed()), (5, 1, Some(1)));
}

#[test]
fn two_processes_never_spend_one_token_twice() {
    let (server, home) = (Server::start(1), Home::new(1, 60));
    let children: Vec<_> =
        (0..8).map(|_| home.command(&server, &["--once"]).spawn().unwrap()).collect();
    for child in children {
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    }
    assert_eq!((server.requests().len(), home.generation(), home.handed()), (1, 2, Some(2)));
}

#[test]
fn a_token_is_not_spent_if_its_successor_could_not_be_saved() {
    let (server, home) = (Server::start(1), Home::new(1, 60));
    fs::create_dir(home.auth().with_file_name(".auth.json.imagegatectl.new")).unwrap();
    let outcome = home.run(&server, &["--once"]);
    assert_eq!((outcome.code, server.requests().len()), (Some(2), 0), "{}", outcome.err);
    assert!(outcome.err.contains("auth.json"), "{}", outcome.err);
}

#[test]
fn the_successor_is_saved_before_envoy_gets_the_token() {
    let (server, home) = (Server::start(1), Home::new(1, 60));
    // The last step cannot be done; all before it are.
    fs::create_dir(home.sds().join("access-token.yaml")).unwrap();
    let outcome = home.run(&server, &["--once"]);
    assert_eq!((outcome.code, home.generation()), (Some(2), 2), "{}", outcome.err);
    assert!(outcome.err.contains("access-token.yaml"), "{}", outcome.err);
}

#[test]
fn the_program_waits_for_a_file_that_is_being_written() {
    let (server, home) = (Server::start(1), Home::new(1, 60));
    let whole = fs::read(home.auth()).unwrap();
    fs::write(home.auth(), "").unwrap();
    let child = home.command(&server, &["--once"]).spawn().unwrap();
    thread::sleep(Duration::from_millis(300));
    fs::write(home.auth(), whole).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(home.generation(), 2);
}

#[test]
fn a_successor_that_was_written_and_not_put_in_place_is_found() {
    let (server, home) = (Server::start(2), Home::new(1, 60));
    let mut left = home.credential();
    left["tokens"]["refresh_token"] = json!(refresh_token(2));
    left["tokens"]["access_token"] = json!(access_token(2, 3_600));
    left["last_refresh"] = json!("2026-01-02T00:00:00Z");
    let draft = home.auth().with_file_name(".auth.json.imagegatectl.new");
    fs::write(&draft, format!("{left}    ")).unwrap();
    fs::set_permissions(&draft, fs::Permissions::from_mode(0o600)).unwrap();
    assert_eq!(home.run(&server, &["--once"]).code, Some(0));
    assert_eq!((server.requests().len(), home.generation(), home.handed()), (0, 2, Some(2)));
    // But a later login counts, and half a file does not.
    for text in [left.to_string(), left.to_string().split_at(80).0.to_owned()] {
        home.log_in(2, 60);
        let mut auth = home.credential();
        auth["last_refresh"] = json!("2026-01-03T00:00:00Z");
        auth["tokens"]["refresh_token"] = json!(refresh_token(server.generation()));
        fs::write(home.auth(), auth.to_string()).unwrap();
        fs::write(&draft, text).unwrap();
        assert_eq!(home.run(&server, &["--once"]).code, Some(0));
        assert_eq!(home.generation(), server.generation());
        assert!(!draft.exists());
    }
}

#[test]
fn the_file_may_be_found_by_its_environment_and_be_a_link() {
    let (server, home) = (Server::start(1), Home::new(1, 60));
    let other = Folder::new();
    symlink(home.auth(), other.path("auth.json")).unwrap();
    let sds = home.sds();
    let arguments =
        ["token", "--once", "--issuer", &server.issuer, "--sds-dir", sds.to_str().unwrap()];
    let codex_home = other.path("");
    let output = command(&arguments).env("CODEX_HOME", &codex_home).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(fs::symlink_metadata(other.path("auth.json")).unwrap().is_symlink());
    assert_eq!(home.generation(), 2);
    fs::create_dir(other.path(".codex")).unwrap();
    symlink(home.auth(), other.path(".codex/auth.json")).unwrap();
    let output = command(&arguments).arg("--force").env("HOME", &codex_home).output().unwrap();
    assert_eq!((output.status.code(), home.generation()), (Some(0), 3));
}

#[test]
fn a_file_that_cannot_be_used_is_reported() {
    let home = Home::new(1, 60);
    let (auth, sds) = (home.auth(), home.sds());
    let (auth, sds) = (auth.to_str().unwrap(), sds.to_str().unwrap());
    let gone = "/nonexistent";
    for (auth, sds, issuer, mode, margin, code, words) in [
        (auth, sds, "http://auth.example", "600", "1m", 2, "plain http"),
        (auth, sds, "auth.example", "600", "1m", 2, "--issuer"),
        (auth, sds, "https://auth.example", "644", "1m", 2, "--sds-mode"),
        (auth, sds, "https://auth.example", "600", "10", 2, "--margin"),
        (auth, gone, "https://auth.example", "600", "1m", 2, "--sds-dir"),
        (gone, sds, "https://auth.example", "600", "1m", 3, "codex login"),
    ] {
        let arguments = [
            "token",
            "--once",
            "--auth-file",
            auth,
            "--sds-dir",
            sds,
            "--issuer",
            issuer,
            "--sds-mode",
            mode,
            "--margin",
            margin,
        ];
        let output = command(&arguments).output().unwrap();
        let err = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{words}: {err}");
        assert!(err.contains(words), "{words}: {err}");
    }
}

#[test]
fn a_login_that_cannot_be_refreshed_is_reported_with_the_command_for_a_new_one() {
    let (server, home) = (Server::start(1), Home::new(1, 60));
    let auth = home.auth();
    let login = format!("run: CODEX_HOME={} codex login\n", auth.parent().unwrap().display());
    for (text, words) in [
        (r#"{"OPENAI_API_KEY": "s3cret"}"#, "the login of an API key"),
        (r#"{"OPENAI_API_KEY": null, "tokens": null}"#, "no access token"),
    ] {
        fs::write(&auth, text).unwrap();
        let outcome = home.run(&server, &["--once"]);
        assert_eq!(outcome.code, Some(3), "{}", outcome.err);
        assert!(
            outcome.err.contains(words) && outcome.err.ends_with(&login),
            "{words}: {}",
            outcome.err
        );
    }
}

#[test]
fn it_stays_refreshes_before_the_end_and_ends_on_a_signal() {
    let (server, home) = (Server::start(1), Home::new(1, 4));
    server.with(|state| state.lifetime = 4);
    let mut child = home.command(&server, &["--margin", "3s"]).spawn().unwrap();
    let until = Instant::now() + Duration::from_secs(60);
    while home.handed() < Some(3) {
        assert!(Instant::now() < until, "only {:?}", home.handed());
        assert_eq!(child.try_wait().unwrap(), None);
        thread::sleep(Duration::from_millis(20));
    }
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert_eq!(home.generation(), server.generation());
}

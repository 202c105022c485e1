//! What `token` works on: a credential, and the files for Envoy.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::program::{Folder, Outcome, command};
use crate::server::{Server, aged_token, claims, generation_of, refresh_token};

/// A credential in a folder of its own, and Envoy's files beside it.
pub(crate) struct Home(Folder);

impl Home {
    /// With a credential of this generation, whose access token lives this many seconds.
    pub(crate) fn new(generation: u32, lifetime: u64) -> Self {
        let home = Self(Folder::new());
        fs::create_dir(home.sds()).unwrap();
        home.log_in(generation, lifetime);
        home
    }

    /// Writes the credential as `codex login` does.
    pub(crate) fn log_in(&self, generation: u32, lifetime: u64) {
        let auth = json!({
            "OPENAI_API_KEY": null,
            "auth_mode": "chatgpt",
            "tokens": {
                "id_token": "e30.e30.s3cret",
                "access_token": aged_token(generation, 86_400, lifetime),
                "refresh_token": refresh_token(generation),
                "account_id": "acc-s3cret",
                "later": { "kept": 1.0 },
            },
            "last_refresh": "2026-01-01T00:00:00.123456789Z",
            "later": [1, { "kept": null }],
        });
        fs::write(self.auth(), auth.to_string()).unwrap();
        fs::set_permissions(self.auth(), fs::Permissions::from_mode(0o600)).unwrap();
    }

    pub(crate) fn auth(&self) -> PathBuf {
        self.0.path("auth.json")
    }

    pub(crate) fn sds(&self) -> PathBuf {
        self.0.path("sds")
    }

    pub(crate) fn command(&self, server: &Server, more: &[&str]) -> Command {
        let mut command = command(&["token", "--issuer", &server.issuer]);
        command.arg("--auth-file").arg(self.auth()).arg("--sds-dir").arg(self.sds()).args(more);
        command
    }

    /// Runs it to its end, which has to come.
    pub(crate) fn run(&self, server: &Server, more: &[&str]) -> Outcome {
        let mut child = self.command(server, more).spawn().unwrap();
        let until = Instant::now() + Duration::from_secs(120);
        while child.try_wait().unwrap().is_none() {
            if Instant::now() > until {
                child.kill().unwrap();
            }
            thread::sleep(Duration::from_millis(2));
        }
        let output = child.wait_with_output().unwrap();
        let (out, err) =
            (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
        assert!(!err.contains("s3cret") && !err.contains("e30"), "a token is shown: {err}");
        assert_eq!(out, "");
        Outcome { code: output.status.code(), out, err }
    }

    /// The credential on the disk, which has to be whole and closed to others.
    pub(crate) fn credential(&self) -> Value {
        assert_eq!(mode(&self.auth()), 0o600);
        let auth: Value = serde_json::from_slice(&fs::read(self.auth()).unwrap()).unwrap();
        assert_eq!(
            (&auth["auth_mode"], &auth["later"]),
            (&json!("chatgpt"), &json!([1, { "kept": null }]))
        );
        assert_eq!(auth["tokens"]["later"], json!({ "kept": 1.0 }));
        auth
    }

    /// The generation on the disk.
    pub(crate) fn generation(&self) -> u32 {
        generation_of(self.credential()["tokens"]["refresh_token"].as_str().unwrap())
    }

    /// The generation that Envoy has, which needs a whole file. `None` if there is none.
    pub(crate) fn handed(&self) -> Option<u64> {
        let text = fs::read_to_string(self.sds().join("access-token.yaml")).ok()?;
        assert!(text.contains("    name: codex-access-token\n"), "{text}");
        let token = text.split("inline_string: \"").nth(1).unwrap().strip_suffix("\" }\n").unwrap();
        claims(token)["generation"].as_u64()
    }
}

pub(super) fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

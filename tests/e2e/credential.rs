//! The upstream's credential in the files that `imagegatectl token` writes.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;

use crate::harness::{Generation, Request, Setup, Upstream, eventually, needed, root};

/// A credential as `codex login` leaves it, and the files that Envoy watches.
struct Credential(PathBuf);

impl Credential {
    fn new() -> Self {
        let folder = root().join("build/e2e").join(format!("credential-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    /// Hands this account and token over, as a process that stays would do it.
    fn hand_over(&self, account: &str, token: &str) {
        let tokens =
            json!({ "access_token": token, "refresh_token": "unused", "account_id": account });
        fs::write(self.0.join("auth.json"), json!({ "tokens": tokens }).to_string()).unwrap();
        let program = needed("target/debug/imagegatectl", "cargo test --workspace --no-run");
        let mut command = Command::new(program);
        command.args(["token", "--once", "--auth-file"]).arg(self.0.join("auth.json"));
        let output = command.arg("--sds-dir").arg(&self.0).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    fn file(&self, name: &str) -> String {
        format!("path: {} }}", self.0.join(Path::new(name)).display())
    }
}

/// A token that ends in the year 2100.
fn token(name: &str) -> String {
    let claims = json!({ "exp": 4_102_444_800_u64, "name": name }).to_string();
    format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(claims))
}

#[test]
fn a_token_that_is_handed_over_is_in_use_without_a_restart() {
    let (credential, first, second) = (Credential::new(), token("first"), token("second"));
    credential.hand_over("account-1", &first);
    let upstream = Upstream::generating(&Generation::small(1));
    let envoy = Setup::of("envoy/credential-injector.yaml", upstream.port())
        .replace("domains: [\"*\"]", "domains: [\"images.test\"]")
        .replace(
            "path: envoy/credential/access-token.yaml }",
            &credential.file("access-token.yaml"),
        )
        .replace("path: envoy/credential/account-id.yaml }", &credential.file("account-id.yaml"))
        .variable("CODEX_ACCESS_TOKEN", None)
        .variable("CODEX_ACCOUNT_ID", None)
        .start();
    let mut sent = Vec::new();
    let mut send_request = || {
        let body = json!({"prompt": "a square"});
        Request::generation(&body).bearer("sk-imagegate-demo").send(&envoy).images();
        let received = upstream.received();
        let last = received.last().unwrap();
        sent.push((
            last.header("authorization").unwrap(),
            last.header("chatgpt-account-id").unwrap(),
        ));
        sent.last().cloned().unwrap()
    };
    assert_eq!(send_request(), (format!("Bearer {first}"), "account-1".to_owned()));
    credential.hand_over("account-2", &second);
    eventually("the new token is in use", || {
        send_request() == (format!("Bearer {second}"), "account-2".to_owned())
    });
}

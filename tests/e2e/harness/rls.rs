//! A rate-limit service: Limitador's own library behind gRPC (`tests/rls-server`).

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use super::{needed, root};

/// The program, on a port of its own. It stops with the case.
pub(crate) struct RateLimitService {
    process: Child,
    port: u16,
    limits: PathBuf,
}

impl RateLimitService {
    /// Counting in its own memory, under limits in Limitador's format.
    pub(crate) fn start(limits: &str) -> Self {
        Self::run("target/rls-server/debug/rls-server", limits, &[])
    }

    /// Counting in the Redis at `$REDIS_URL`, as `make test-redis` gives it.
    pub(crate) fn in_redis(limits: &str) -> Self {
        let url = std::env::var("REDIS_URL").expect("REDIS_URL is set by: make test-redis");
        Self::run("target/rls-server-redis/debug/rls-server", limits, &["--redis", &url])
    }

    fn run(program: &str, limits: &str, more: &[&str]) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let program = needed(program, "make test-e2e, or make test-redis");
        let name =
            format!("limits-{}-{}.yaml", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = root().join("build/e2e").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, limits).unwrap();
        let mut process = Command::new(program)
            .arg("--limits")
            .arg(&path)
            .args(more)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let port =
            line.trim().strip_prefix("listening on 127.0.0.1:").and_then(|it| it.parse().ok());
        let port = port.unwrap_or_else(|| panic!("rls-server said: {line}"));
        Self { process, port, limits: path }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }
}

/// The limits of `envoy/limitador.yaml`.
pub(crate) fn shipped_limits() -> String {
    fs::read_to_string(Path::new(root()).join("envoy/limitador.yaml")).unwrap()
}

/// A limit in Limitador's format: so many hits an hour of a rule, for each value of `per`.
pub(crate) fn hourly(rule: &str, per: &str, max: u64) -> String {
    format!(
        "- {{ namespace: imagegate, max_value: {max}, seconds: 3600, name: {rule}, \
         conditions: [\"descriptors[0].rule == '{rule}'\"], variables: [\"descriptors[0].{per}\"] }}\n"
    )
}

impl Drop for RateLimitService {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = fs::remove_file(&self.limits);
    }
}

//! A rate-limit service: Limitador's own library with gRPC (`tests/rls-server`).

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use imagegate_testkit::program::Program;

use super::{needed, root};

/// The program, on a port of its own. It stops with the case.
pub(crate) struct RateLimitService {
    program: Program,
    limits: PathBuf,
}

impl RateLimitService {
    /// Counting in its own memory, under limits in Limitador's format.
    pub(crate) fn start(limits: &str) -> Self {
        Self::run("target/rls-server/debug/rls-server", limits, &[])
    }

    /// The same, answering this many milliseconds after it has counted.
    pub(crate) fn slow(limits: &str, millis: u32) -> Self {
        let delay = millis.to_string();
        Self::run("target/rls-server/debug/rls-server", limits, &["--delay", &delay])
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
        let mut command = Command::new(program);
        command.arg("--limits").arg(&path).args(more);
        Self { program: Program::start(&mut command), limits: path }
    }

    pub(crate) fn port(&self) -> u16 {
        self.program.port()
    }
}

/// The limits of `envoy/limitador.yaml`.
pub(crate) fn shipped_limits() -> String {
    fs::read_to_string(root().join("envoy/limitador.yaml")).unwrap()
}

/// A limit in Limitador's format: this many hits an hour of a rule, for each value of `per`.
pub(crate) fn hourly(rule: &str, per: &str, max: u64) -> String {
    format!(
        "- {{ namespace: imagegate, max_value: {max}, seconds: 3600, name: {rule}, conditions: \
         [\"descriptors[0].rule == '{rule}'\"], variables: [\"descriptors[0].{per}\"] }}\n"
    )
}

impl Drop for RateLimitService {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.limits);
    }
}

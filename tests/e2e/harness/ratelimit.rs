//! envoyproxy/ratelimit, and the Redis that it counts in: what `make test-ratelimit` installs.

use std::fs;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Value, json};

use super::{Connection, Request, Response, eventually, needed};

/// A Redis that keeps nothing on disk. It stops with the case.
pub(crate) struct Redis {
    folder: PathBuf,
    process: Child,
}

impl Redis {
    pub(crate) fn start() -> Self {
        let folder = folder("redis");
        let process = Self::run(&folder);
        Self { folder, process }
    }

    /// Ends it, with all that it counted.
    pub(crate) fn stop(&mut self) {
        end(&mut self.process);
        let _ = fs::remove_file(self.socket());
    }

    /// Starts it again, empty.
    pub(crate) fn restart(&mut self) {
        self.stop();
        self.process = Self::run(&self.folder);
    }

    fn socket(&self) -> PathBuf {
        self.folder.join("redis.sock")
    }

    fn run(folder: &Path) -> Child {
        let program = needed(".tools/redis-server/bin/redis-server", "make test-ratelimit");
        let socket = folder.join("redis.sock");
        let process = Command::new(program)
            .args(["--port", "0", "--save", "", "--appendonly", "no", "--dir"])
            .arg(folder)
            .arg("--unixsocket")
            .arg(&socket)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        eventually("Redis listens", || socket.exists());
        process
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        end(&mut self.process);
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// envoyproxy/ratelimit, on ports of its own. It stops with the case.
pub(crate) struct Ratelimit {
    folder: PathBuf,
    socket: PathBuf,
    http: u16,
    grpc: u16,
    process: Child,
}

impl Ratelimit {
    /// Counting in this Redis, under limits in its own format.
    pub(crate) fn start(redis: &Redis, limits: &str) -> Self {
        let folder = folder("ratelimit");
        fs::create_dir_all(folder.join("limits/config")).unwrap();
        fs::write(folder.join("limits/config/imagegate.yaml"), limits).unwrap();
        let [http, grpc] = free_ports();
        let socket = redis.socket();
        let process = Self::run(&folder, &socket, [http, grpc]);
        Self { folder, socket, http, grpc, process }
    }

    /// The port for Envoy.
    pub(crate) fn port(&self) -> u16 {
        self.grpc
    }

    pub(crate) fn stop(&mut self) {
        end(&mut self.process);
    }

    /// Starts it again on the same ports.
    pub(crate) fn restart(&mut self) {
        self.stop();
        self.process = Self::run(&self.folder, &self.socket, [self.http, self.grpc]);
    }

    /// Lets it do nothing until [`Self::go_on`], with its connections open.
    pub(crate) fn pause(&self) {
        self.signal("STOP");
    }

    pub(crate) fn go_on(&self) {
        self.signal("CONT");
    }

    fn signal(&self, name: &str) {
        let id = self.process.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &id]).status().unwrap().success());
    }

    /// Asks by its own API in JSON: adds hits to what a rule counts for a user. 0 hits only look.
    pub(crate) fn ask(&self, rule: &str, user: &str, hits: u32, is_negative: bool) -> Response {
        let entries = json!([{"key": "rule", "value": rule}, {"key": "user", "value": user}]);
        let mut descriptor = json!({"entries": entries, "hitsAddend": hits});
        if is_negative {
            descriptor["isNegativeHits"] = json!(true);
        }
        let body = json!({"domain": "imagegate", "descriptors": [descriptor]});
        let request = Request::new("POST", "/json").json(&body);
        request.send_on(&mut Connection::open(self.http))
    }

    /// How many hits it has left for a user. It leaves out a zero.
    pub(crate) fn left(&self, rule: &str, user: &str) -> u64 {
        let status = self.ask(rule, user, 0, false).json()["statuses"][0].clone();
        status.get("limitRemaining").map_or(0, |it| it.as_u64().unwrap())
    }

    /// Whether this version subtracts negative hits. Older ones do not know the field.
    pub(crate) fn has_negative_hits(&self, rule: &str) -> bool {
        let prober = "prober-of-negative-hits";
        let before = self.left(rule, prober);
        assert_eq!(self.ask(rule, prober, 1, false).status, 200);
        let answer = self.ask(rule, prober, 1, true);
        answer.status == 200 && self.left(rule, prober) == before
    }

    fn run(folder: &Path, redis: &Path, [http, grpc]: [u16; 2]) -> Child {
        let program = needed(".tools/ratelimit/bin/ratelimit", "make test-ratelimit");
        let process = Command::new(program)
            .env_clear()
            .envs([("USE_STATSD", "false"), ("LOG_LEVEL", "warn"), ("REDIS_SOCKET_TYPE", "unix")])
            .envs([("RUNTIME_SUBDIRECTORY", "limits"), ("RUNTIME_WATCH_ROOT", "false")])
            .envs([("HOST", "127.0.0.1"), ("GRPC_HOST", "127.0.0.1"), ("DEBUG_HOST", "127.0.0.1")])
            .envs([("PORT", http.to_string()), ("GRPC_PORT", grpc.to_string())])
            .env("DEBUG_PORT", "0")
            // Versions that know it count months of the calendar.
            .env("USE_CALENDAR_MONTH_RATE_LIMIT", "true")
            .env("RUNTIME_ROOT", folder)
            .env("REDIS_URL", redis)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(fs::File::create(folder.join("log")).unwrap())
            .spawn()
            .unwrap();
        let listens = |port| TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok();
        eventually("ratelimit listens", || listens(grpc) && listens(http));
        process
    }
}

impl Drop for Ratelimit {
    fn drop(&mut self) {
        end(&mut self.process);
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// The limits of `envoy/ratelimit.yaml`.
pub(crate) fn shipped_limits() -> String {
    fs::read_to_string(super::root().join("envoy/ratelimit.yaml")).unwrap()
}

/// Limits for each user, in the format of envoyproxy/ratelimit: a name and the hits.
pub(crate) fn yearly(limits: &[(&str, u64)]) -> String {
    // Windows are those of the clock. No case runs from one year to the next.
    limits_in("year", limits)
}

/// The same with another unit.
pub(crate) fn limits_in(unit: &str, limits: &[(&str, u64)]) -> String {
    let entry = |(rule, hits): &(&str, u64)| {
        let limit = json!({"unit": unit, "requests_per_unit": hits});
        json!({"key": "rule", "value": rule, "descriptors": [{"key": "user", "rate_limit": limit}]})
    };
    let descriptors: Vec<Value> = limits.iter().map(entry).collect();
    // JSON is YAML.
    json!({"domain": "imagegate", "descriptors": descriptors}).to_string()
}

fn end(process: &mut Child) {
    let _ = process.kill();
    let _ = process.wait();
}

/// A new folder. Its path is short, since that of a socket may have no more than 107 bytes.
fn folder(what: &str) -> PathBuf {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let next = NEXT.fetch_add(1, Ordering::Relaxed);
    let folder = std::env::temp_dir().join(format!("{what}-{}-{next}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// Two ports that nobody listens on: the service takes no port 0 that it then would tell.
fn free_ports() -> [u16; 2] {
    let bound = [(); 2].map(|()| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap());
    bound.each_ref().map(|it| it.local_addr().unwrap().port())
}

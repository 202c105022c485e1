//! `deploy/nginx/imagegate.conf` in a real nginx, in front of Envoy: nothing is held back, cut off
//! or answered in imagegate's place.

use std::fs;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use crate::harness::sse::Output;
use crate::harness::{
    Connection, Envoy, Gate, Generation, Key, Request, Setup, Step, Upstream, config, eventually,
    needed, root,
};

/// An nginx, which ends when this is dropped.
struct Nginx {
    process: Child,
    folder: PathBuf,
    port: u16,
}

impl Nginx {
    /// Starts it with the shipped file. TLS is left out, and the ports are others.
    fn before(envoy: &Envoy) -> Self {
        let program = needed(".tools/nginx/bin/nginx", "make test-nginx");
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let folder = root().join(format!("build/e2e/nginx-{}-{port}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("nginx.conf"), main_file(&folder, &site(port, envoy.port())))
            .unwrap();
        let process = Command::new(program)
            .arg("-p")
            .arg(&folder)
            .args(["-c", "nginx.conf", "-e", "error.log"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let nginx = Self { process, folder, port };
        eventually("nginx listens", || std::net::TcpStream::connect(("127.0.0.1", port)).is_ok());
        nginx
    }

    fn connection(&self) -> Connection {
        Connection::open(self.port)
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// The shipped file, for these ports.
fn site(port: u16, envoy: u16) -> String {
    let file = fs::read_to_string(root().join("deploy/nginx/imagegate.conf")).unwrap();
    let replaced = |text: &str, from: &str, to: &str| {
        assert_eq!(text.matches(from).count(), 1, "{from}");
        text.replace(from, to)
    };
    let file = replaced(&file, "127.0.0.1:10000", &format!("127.0.0.1:{envoy}"));
    let file = replaced(&file, "listen 443 ssl;", &format!("listen 127.0.0.1:{port};"));
    file.lines()
        .filter(|line| !line.contains("ssl_certificate"))
        .fold(String::new(), |text, it| text + it + "\n")
}

/// What Debian's own nginx.conf has around it, without its fixed paths.
fn main_file(folder: &std::path::Path, site: &str) -> String {
    let folder = folder.display();
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .iter()
        .map(|name| format!("{name}_temp_path {folder}/{name};\n"))
        .collect();
    format!(
        "daemon off;\nmaster_process off;\npid {folder}/pid;\nerror_log {folder}/error.log warn;\n\
         events {{}}\nhttp {{\naccess_log off;\n{temporary}{site}}}\n"
    )
}

fn gate(upstream: &Upstream) -> Envoy {
    Setup::production(upstream.port())
        .replace("xff_num_trusted_hops: 0", "xff_num_trusted_hops: 1")
        .configure_struct(&config())
        .start()
}

fn body(stream: bool) -> Value {
    json!({"prompt": "a square", "model": "gpt-image-2", "size": "1024x1024", "stream": stream,
        "partial_images": if stream { 1 } else { 0 }})
}

/// Reads until the bytes of one event are complete.
fn event(connection: &mut Connection, unread: &mut Vec<u8>) -> String {
    loop {
        if let Some(end) = memchr::memmem::find(unread, b"\n\n") {
            let rest = unread.split_off(end + 2);
            let found = String::from_utf8(std::mem::replace(unread, rest)).unwrap();
            // A comment comes first if the upstream's first bytes hold no whole event.
            if found.starts_with(':') {
                continue;
            }
            return found;
        }
        unread.extend(connection.read_chunk().unwrap().expect("the stream ends too soon"));
    }
}

#[test]
#[ignore = "needs nginx: make test-nginx"]
fn events_arrive_one_by_one() {
    let generation = Generation::of_bytes(300_000, 1);
    let next = Gate::default();
    let upstream = Upstream::always(vec![
        Step::StreamHead,
        Step::Chunk([generation.opening(), generation.preview(0)].concat()),
        Step::Wait(next.clone()),
        Step::Chunk([generation.image(), generation.completed(Output::Empty)].concat()),
        Step::End,
    ]);
    let envoy = gate(&upstream);
    let nginx = Nginx::before(&envoy);
    let request = Request::generation(&body(true));
    let (mut connection, mut unread) = (nginx.connection(), Vec::new());
    connection.write(&[request.head(), request.framed_body()].concat()).unwrap();
    assert_eq!(connection.read_head().status, 200);
    let preview = event(&mut connection, &mut unread);
    assert!(preview.starts_with("event: image_generation.partial_image"), "{}", &preview[..60]);
    // The upstream goes on only now: nothing waited for it.
    next.open();
    let image = event(&mut connection, &mut unread);
    assert!(image.starts_with("event: image_generation.completed"), "{}", &image[..60]);
    assert!(image.contains(&generation.base64));
}

#[test]
#[ignore = "needs nginx: make test-nginx"]
fn an_edit_of_20_mb_passes_and_a_larger_one_gets_our_error() {
    let generation = Generation::small(1);
    let upstream = Upstream::generating(&generation);
    let envoy = gate(&upstream);
    let nginx = Nginx::before(&envoy);
    let edit = |bytes: usize| {
        let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
        file.resize(bytes, 7);
        let mut body =
            b"--b\r\nContent-Disposition: form-data; name=\"prompt\"\r\n\r\np\r\n--b\r\n\
            Content-Disposition: form-data; name=\"image\"; filename=\"f.png\"\r\n\
            Content-Type: image/png\r\n\r\n"
                .to_vec();
        body.extend(file);
        body.extend(b"\r\n--b--\r\n");
        let request = Request::new("POST", "/v1/images/edits").bearer(Key::WEB);
        request.header("content-type", "multipart/form-data; boundary=b").body(body)
    };
    assert_eq!(edit(20_000_000).send_on(&mut nginx.connection()).image(), generation.base64);
    assert!(upstream.only().body.len() > 26_000_000, "the file comes whole, as base64");
    edit(40_000_000).send_on(&mut nginx.connection()).assert_error(413, "request_too_large");
}

#[test]
#[ignore = "needs nginx: make test-nginx"]
fn errors_are_ours_and_a_forged_address_is_not_believed() {
    let upstream = Upstream::generating(&Generation::small(1));
    let envoy = gate(&upstream);
    let nginx = Nginx::before(&envoy);
    let request = Request::generation(&body(false)).without("authorization").bearer("wrong");
    request.send_on(&mut nginx.connection()).assert_error(401, "invalid_api_key");
    // Another address of this machine than nginx's own, and a header with a third one.
    let answer = Command::new("curl")
        .args(["-sS", "--interface", "127.0.0.2", "-o", "/dev/null", "-w", "%{http_code}"])
        .args(["-H", "x-forwarded-for: 192.0.2.1", "-H", "content-type: application/json"])
        .arg("-H")
        .arg(format!("authorization: Bearer {}", Key::WEB))
        .args(["-d", &body(false).to_string()])
        .arg(format!("http://127.0.0.1:{}/v1/images/generations", nginx.port))
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&answer.stdout), "200");
    let is_known = || envoy.access_log().iter().any(|line| line["client"] == "127.0.0.2");
    eventually("the client's address is in the access log", is_known);
    assert!(!envoy.access_log().iter().any(|line| line["client"] == "192.0.2.1"));
}

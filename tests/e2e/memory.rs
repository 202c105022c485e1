//! The cost of answers in memory. Linear memory never shrinks, so its peak stays: these tests check
//! the process as a whole.

use std::thread;

use serde_json::{Value, json};

use crate::harness::sse::Output;
use crate::harness::{
    Connection, Envoy, Gate, Generation, Request, Setup, Step, Upstream, config, eventually,
};

fn body() -> Value {
    json!({"prompt": "a square", "model": "gpt-image-2", "size": "1024x1024"})
}

#[test]
fn memory_does_not_creep() {
    let generation = Generation { previews: 0, ..Generation::of_bytes(6_000_000, 1) };
    let upstream = Upstream::generating(&generation);
    let envoy = Envoy::start(upstream.port());
    let serve = |count| {
        for _ in 0..count {
            assert!(
                Request::generation(&body()).send(&envoy).image() == generation.base64,
                "an image differs"
            );
        }
    };
    serve(20);
    let early = envoy.rss_kib();
    serve(180);
    let late = envoy.rss_kib();
    assert!(late <= early + early / 10, "{early} KiB after 20 answers, {late} KiB after 200");
}

#[test]
fn an_open_answer_costs_little_more_than_its_image() {
    const OPEN: usize = 12;
    let (generation, gate) = (Generation::of_bytes(6_000_000, 1), Gate::default());
    let base64 = u64::try_from(generation.base64.len()).unwrap();
    let script = vec![
        Step::StreamHead,
        Step::Chunk([generation.opening(), generation.image()].concat()),
        Step::Wait(gate.clone()),
        Step::Chunk(generation.completed(Output::Repeated)),
        Step::End,
    ];
    let upstream = Upstream::always(script);
    let mut config = config();
    config["upstreams"]["codex"]["delivery"] = json!("hold");
    let envoy = Envoy::with(upstream.port(), &config);
    let before = envoy.rss_kib();
    thread::scope(|scope| {
        let clients: Vec<_> =
            (0..OPEN).map(|_| scope.spawn(|| Request::generation(&body()).send(&envoy))).collect();
        upstream.wait_for(OPEN);
        let open = u64::try_from(OPEN).unwrap();
        let held = || envoy.metric("wasmcustom.imagegate_buffered_bytes").unwrap_or(0);
        eventually("every image is held", || held() >= open * base64);
        let grown = (envoy.rss_kib() - before) * 1024 / open;
        gate.open();
        for client in clients {
            assert!(client.join().unwrap().image() == generation.base64, "an image differs");
        }
        let bound = base64 * 22 / 10 + 1024 * 1024;
        assert!(grown <= bound, "an open answer of {base64} bytes costs {grown}");
        // With the memory that it takes to send them all at once.
        let peak = (envoy.peak_rss_kib() - before) * 1024 / open;
        assert!(peak <= bound + base64, "at its peak an answer of {base64} bytes costs {peak}");
    });
}

/// Thousands of requests wait for their image at once, on one worker. `WAITING=5000` sets how many.
#[test]
fn thousands_of_open_requests_take_little_memory_and_all_are_answered() {
    /// By default Envoy lets 1024 requests go to a cluster at once.
    const CLUSTER: &str = "    - name: codex\n      connect_timeout: 5s\n";
    const BREAKERS: &str = "      circuit_breakers: { thresholds: [{ max_connections: 20000, \
        max_pending_requests: 20000, max_requests: 20000 }] }\n";
    let open = std::env::var("WAITING").map_or(1000, |it| it.parse().unwrap());
    let (generation, gate) = (Generation::small(1), Gate::default());
    let script = vec![
        Step::StreamHead,
        Step::Chunk(generation.opening()),
        Step::Wait(gate.clone()),
        Step::Chunk([generation.image(), generation.completed(Output::Empty)].concat()),
        Step::End,
    ];
    let upstream = Upstream::always(script);
    let envoy = Setup::new(upstream.port())
        .replace(CLUSTER, &[CLUSTER, BREAKERS].concat())
        .workers(1)
        .start();
    let memory = || envoy.metric("wasmcustom.imagegate_vm_memory_bytes").unwrap_or(0);
    // The size that the prompt asks for is not known.
    let request = Request::generation(&json!({"prompt": "a square", "model": "gpt-image-2"}));
    let before = memory();
    let mut clients: Vec<Connection> = Vec::with_capacity(open);
    for _ in 0..open {
        let mut client = Connection::open(envoy.port());
        client.write(&[request.head(), request.framed_body()].concat()).unwrap();
        clients.push(client);
    }
    gate.wait_for(open);
    let open_exchanges = || envoy.metric("wasmcustom.imagegate_open_exchanges").unwrap_or(0);
    eventually("all are open", || open_exchanges() == u64::try_from(open).unwrap());
    let grown = memory() - before;
    gate.open();
    for mut client in clients {
        assert_eq!(client.read().image(), generation.base64);
    }
    let each = grown / u64::try_from(open).unwrap();
    println!("{open} open requests: {each} bytes each, {} bytes in all VMs", memory());
    assert!(each <= 16 * 1024, "{each} bytes for each open request");
    assert!(memory() < 128 * 1024 * 1024, "{} bytes", memory());
}

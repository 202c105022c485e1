//! Several workers, each with a VM of its own.

use std::thread;

use serde_json::json;

use crate::harness::{Generation, Request, Setup, Upstream, eventually};

#[test]
fn two_workers_serve_alike() {
    let generation = Generation::of_bytes(200_000, 1);
    let upstream = Upstream::generating(&generation);
    let envoy = Setup::new(upstream.port()).workers(2).start();
    let served = |worker| {
        let stats = envoy.admin("/stats");
        let of_worker = |line: &&str| {
            line.starts_with("listener.127.0.0.1_")
                && line.contains(&format!(".worker_{worker}.downstream_cx_total: "))
        };
        let line = stats.lines().find(of_worker).unwrap_or_default().to_owned();
        line.rsplit(' ').next().and_then(|it| it.parse::<u64>().ok()).unwrap_or(0)
    };
    // The kernel deals out the connections: go on until each worker has had some.
    eventually("both workers have served", || {
        thread::scope(|scope| {
            let clients: Vec<_> = (0..8)
                .map(|turn| {
                    let body = json!({"prompt": "a square", "n": 1 + turn % 2});
                    let envoy = &envoy;
                    scope.spawn(move || Request::generation(&body).send(envoy))
                })
                .collect();
            for client in clients {
                let images = client.join().unwrap().images();
                assert!(images.iter().all(|it| *it == generation.base64), "an image differs");
            }
        });
        served(0) > 0 && served(1) > 0
    });
    // The gauges of both add up and come back.
    for gauge in ["wasmcustom.imagegate_open_exchanges", "wasmcustom.imagegate_buffered_bytes"] {
        eventually(&format!("{gauge} is 0"), || envoy.metric(gauge) == Some(0));
    }
}

# Functions that run deploy/compose here without containers: its own files, with the names of hosts
# replaced by ports of the loopback. Source it after lib.sh. Limitador's library (tests/rls-server)
# stands in for envoyproxy/ratelimit and its Redis: `make test-ratelimit` tests that service.
# shellcheck shell=bash

stack_dir=build/stack
stack_pids=()

stack_stop() {
  local pid
  for pid in "${stack_pids[@]}"; do kill "$pid" 2>/dev/null || true; done
  wait 2>/dev/null || true
  stack_pids=()
}

# stack_run NAME COMMAND…: starts it, with its output in a log.
stack_run() {
  "${@:2}" >"$stack_dir/$1.log" 2>&1 &
  stack_pids+=($!)
}

# stack_wait URL: until it answers, 30 s at most.
stack_wait() {
  local _
  for _ in {1..150}; do
    if curl -sf -o /dev/null -m 1 "$1"; then return; fi
    sleep 0.2
  done
  tail -n 5 "$stack_dir"/*.log >&2
  fail "$1 does not answer"
}

# stack_start DELAY LIMITS WORKERS: everything but Grafana and Loki. Sets $images, $metrics,
# $prometheus, $admin, $sim and $jobs, the ports.
stack_start() {
  local second service envoy
  rm -rf "$stack_dir"
  mkdir -p "$stack_dir/log"
  read -r images metrics prometheus admin sim second service jobs < <(free_ports 8)
  sed -e "s/0.0.0.0, port_value: 10000 /127.0.0.1, port_value: $images /" -e "s/0.0.0.0, port_value: 9902 /127.0.0.1, port_value: $metrics /" \
    -e "s/port_value: 9901 /port_value: $admin /" -e "s/address: codex-sim, port_value: 10001/address: 127.0.0.1, port_value: $sim/" \
    -e "s/address: codex-sim-second, port_value: 10001/address: 127.0.0.1, port_value: $second/" \
    -e "s/address: ratelimit, port_value: 8081/address: 127.0.0.1, port_value: $service/" \
    -e "s#/etc/imagegate/#build/#" -e "s#/var/log/imagegate/#$stack_dir/log/#" deploy/compose/envoy.yaml >"$stack_dir/envoy.yaml"
  sed -e "s/envoy:9902/127.0.0.1:$metrics/" "${stack_prometheus_edit[@]}" deploy/compose/prometheus.yaml >"$stack_dir/prometheus.yaml"
  cp deploy/prometheus/imagegate.rules.yaml "$stack_dir/"
  stack_run codex-sim target/tools/codex-sim --listen "127.0.0.1:$sim" --delay "$1"
  stack_run codex-sim-second target/tools/codex-sim --listen "127.0.0.1:$second" --delay "$1" --seed 2
  stack_run ratelimit target/rls-server/debug/rls-server --limits "$2" --listen "127.0.0.1:$service"
  envoy=$(envoy_path)
  CODEX_ACCESS_TOKEN=demo-token CODEX_ACCOUNT_ID=demo-account stack_run envoy "$envoy" -c "$stack_dir/envoy.yaml" --disable-hot-restart \
    --concurrency "$3" --log-level warning --file-flush-interval-msec 100
  stack_wait "http://127.0.0.1:$admin/ready"
  GATE_URL=http://127.0.0.1:$images LISTEN=127.0.0.1:$jobs stack_run jobs python3 deploy/jobs/jobs.py
  stack_wait "http://127.0.0.1:$jobs/healthz"
  stack_run prometheus .tools/prometheus/bin/prometheus --config.file="$stack_dir/prometheus.yaml" --storage.tsdb.path="$stack_dir/data" \
    --web.listen-address="127.0.0.1:$prometheus" --log.level=warn
  stack_wait "http://127.0.0.1:$prometheus/-/ready"
}

# Arguments for sed, to change what Prometheus does here.
stack_prometheus_edit=()

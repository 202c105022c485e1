#!/usr/bin/env bash
# Measures build/imagegate.wasm in Envoy, in less than six minutes: docs/benchmarks.md.
#   benches/run.sh         the filter over no filter, and over an empty one
#   benches/run.sh rules   rules over none, counted here and by a rate-limit service
#   benches/run.sh users   three rules per user over none, with up to a million users
#   benches/run.sh docs    writes the last figures of all to docs/bench.json, chart and tables
#   BENCH_SECONDS=60   shortens the run: noisier, and not for the documentation
#   BENCH_FILTER=path  measures another build of the filter
source "$(dirname "$0")/../tools/lib.sh"

# With codex-sim's profile: most of the libraries are built with it already.
if [[ ${1:-} == docs ]]; then exec cargo run --quiet --profile tools --package imagegate-bench -- docs; fi

ENVOY=$(envoy_path)
BENCH_COMMIT=$(git describe --always --dirty --exclude '*' 2>/dev/null || echo unknown)
# The commit of another build is not known.
[[ ${BENCH_FILTER:-} ]] && BENCH_COMMIT=unknown
BENCH_DATE=$(date -u +%F)
export ENVOY BENCH_COMMIT BENCH_DATE
bench_pid=''

# The program ends its Envoy itself, unless it fails or is killed.
stop() {
  local pid
  for pid in $bench_pid $(cat build/bench/{envoy,service}.pid 2>/dev/null); do kill "$pid" 2>/dev/null || true; done
  rm -f build/bench/{envoy,service}.pid
}
rm -f build/bench/{envoy,service}.pid
trap stop EXIT
trap 'exit 130' INT TERM

if [[ ${1:-} == rules ]]; then tools/rls-server.sh; fi
step 'build the empty filter' build_wasm imagegate-empty
step 'build the benchmark' cargo build --profile tools --package imagegate-bench
"${CARGO_TARGET_DIR:-target}/tools/imagegate-bench" "$@" &
bench_pid=$!
wait "$bench_pid"
bench_pid=''

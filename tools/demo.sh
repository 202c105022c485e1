#!/usr/bin/env bash
# Starts codex-sim and Envoy with envoy/envoy.yaml on free ports of the loopback.
#   tools/demo.sh        sends one request as an OpenAI client would, writes build/demo.png, stops both
#   tools/demo.sh run    stays in the foreground until ^C
source "$(dirname "$0")/lib.sh"

key=sk-imagegate-demo
dir=build/demo
sim_pid='' envoy_pid=''
mkdir -p "$dir"

stop() {
  local pid
  for pid in $envoy_pid $sim_pid; do kill "$pid" 2>/dev/null || true; done
  wait 2>/dev/null || true
}
trap stop EXIT
trap 'exit 0' INT TERM

# Shows the last output of the programs, and exits.
give_up() {
  local log
  for log in "$dir"/codex-sim.log "$dir"/envoy.log; do
    [[ -s $log ]] || continue
    printf -- '--- the end of %s\n' "$log" >&2
    tail -n 20 "$log" >&2
  done
  fail "$*"
}

# wait_for PID URL WHAT
wait_for() {
  local _
  for _ in {1..600}; do
    if curl -sf -o /dev/null -m 1 "$2"; then return; fi
    kill -0 "$1" 2>/dev/null || give_up "$3 ended at its start"
    sleep 0.1
  done
  give_up "$3 did not start within 60 s"
}

start() {
  read -r port admin sim < <(free_ports 3)
  sed -e "s/port_value: 10000 /port_value: $port /" -e "s/port_value: 9901 /port_value: $admin /" \
    -e "s/port_value: 10001 /port_value: $sim /" envoy/envoy.yaml >"$dir/envoy.yaml"

  target/tools/codex-sim --listen "127.0.0.1:$sim" --log >"$dir/codex-sim.log" 2>&1 &
  sim_pid=$!
  # The credential that the filter sends upstream. codex-sim accepts any.
  CODEX_ACCESS_TOKEN=${CODEX_ACCESS_TOKEN:-demo-token} CODEX_ACCOUNT_ID=${CODEX_ACCOUNT_ID:-demo-account} \
    "$(envoy_path)" -c "$dir/envoy.yaml" --disable-hot-restart --concurrency 1 --log-level warning >"$dir/envoy.log" 2>&1 &
  envoy_pid=$!
  wait_for "$envoy_pid" "http://127.0.0.1:$admin/ready" Envoy
  kill -0 "$sim_pid" 2>/dev/null || give_up 'codex-sim ended at its start'
}

# request PROMPT OUT: prints the status and the milliseconds.
request() {
  curl -sS -m 120 -o "$2" -w '%{http_code} %{time_total}\n' "http://127.0.0.1:$port/v1/images/generations" \
    -H "authorization: Bearer $key" -H 'content-type: application/json' \
    -d "{\"model\":\"gpt-image-2\",\"prompt\":\"$1\",\"size\":\"1024x1024\"}"
}

demo() {
  local status seconds prompt='A lighthouse at dusk, drawn through Envoy'
  say "request: POST /v1/images/generations, prompt \"$prompt\""
  read -r status seconds < <(request "$prompt" "$dir/answer.json" || true) || give_up 'the request failed'
  [[ $status == 200 ]] || { head -c 1000 "$dir/answer.json" >&2; echo >&2; give_up "the answer's status is $status"; }
  python3 - "$dir/answer.json" build/demo.png "$seconds" <<'P' || give_up 'the answer is not what it should be'
import base64, json, os, struct, sys
answer_path, png_path, seconds = sys.argv[1:]
with open(answer_path) as file:
    answer = json.load(file)
png = base64.b64decode(answer["data"][0]["b64_json"], validate=True)
if png[:8] != b"\x89PNG\r\n\x1a\n" or png[12:16] != b"IHDR":
    sys.exit("the image is not a PNG")
width, height = struct.unpack(">II", png[16:24])
with open(png_path, "wb") as file:
    file.write(png)
print(f"answer:  200 in {float(seconds) * 1000:.0f} ms, {os.path.getsize(answer_path)} bytes of JSON")
print(f"usage:   {json.dumps(answer.get('usage'))}")
print(f"picture: {os.path.abspath(png_path)} ({width}x{height} PNG, {len(png)} bytes)")
P
}

run() {
  say "Envoy listens on 127.0.0.1:$port (admin: $admin), codex-sim on $sim. Logs: $dir/*.log. Stop with ^C. Try:"
  say ''
  say "curl -s http://127.0.0.1:$port/v1/images/generations -H 'authorization: Bearer $key' -H 'content-type: application/json' \\"
  say "  -d '{\"prompt\":\"A lighthouse at dusk\"}' | python3 -c 'import base64,json,sys; sys.stdout.buffer.write(base64.b64decode(json.load(sys.stdin)[\"data\"][0][\"b64_json\"]))' >build/try.png"
  say ''
  wait -n "$envoy_pid" "$sim_pid" || true
  give_up 'one of them ended'
}

start
case ${1:-demo} in
  demo) demo ;;
  run) run ;;
  *) fail "unknown argument $1" ;;
esac

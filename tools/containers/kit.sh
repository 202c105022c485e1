#!/usr/bin/env bash
# Starts the image of the test kit in inside.sh, and uses it as its users do.
source "$(dirname "$0")/../lib.sh"
source tools/containers/expect.sh

at=http://127.0.0.1:10000
key='authorization: Bearer sk-imagegate-test'
folder=build/containers

# draw FILE HEADER…: the status of a request for an image, and its answer in a file.
draw() {
  curl -s -m 60 -o "$1" -w '%{http_code}' "$at/v1/images/generations" -H "$key" -H 'content-type: application/json' \
    "${@:2}" -d '{"model":"gpt-image-2","prompt":"a red fox"}'
}

is_ready() { wait_for curl -sf -m 1 -o "$folder/ready" "$at/testkit/ready"; }

is_healthy() { podman healthcheck run kit && [[ $(podman inspect kit --format '{{.State.Healthcheck.Status}}') == healthy ]]; }

an_image() {
  [[ $(draw "$folder/answer") == 200 ]] || return 1
  python3 -c '
import base64, json, sys
image = base64.b64decode(json.load(open(sys.argv[1]))["data"][0]["b64_json"], validate=True)
assert image[:8] == b"\x89PNG\r\n\x1a\n" and len(image) > 100000, len(image)' "$folder/answer"
}

a_fault() { [[ $(draw "$folder/answer" -H 'x-codex-sim-fault: rate_limit') == 429 ]] && grep -q rate_limit_exceeded "$folder/answer"; }

the_ledger() {
  curl -sf -m 5 "$at/testkit/ledger" | python3 -c '
import json, sys
records = json.load(sys.stdin)["records"]
assert [it["status"] for it in records] == [200, 429], records
assert records[0]["settled_nanodollars"] == 40_000_000, records[0]'
}

# The processes in it are PID 1 and its children: Envoy and codex-sim.
runs_as_nobody() {
  podman exec kit python -c '
import os
from pathlib import Path
processes = [it for it in Path("/proc").iterdir() if it.name.isdigit() and int(it.name) != os.getpid()]
names = {(it / "comm").read_text().strip() for it in processes}
assert {"envoy", "codex-sim"} <= names and len(processes) == 3, names
for it in processes:
    lines = (it / "status").read_text().splitlines()
    assert "Uid:\t65534\t65534\t65534\t65534" in lines, lines
    assert [line for line in lines if line.startswith("CapEff:")] == ["CapEff:\t0000000000000000"], lines'
}

# Nothing may be written, not even in /tmp, and nothing has to be.
writes_nothing() {
  podman exec kit python -c '
import os
for folder in ("/", "/tmp", "/var/tmp", os.path.expanduser("~")):
    try:
        open(os.path.join(folder, "file"), "w")
    except OSError:
        continue
    raise SystemExit(f"{folder} can be written")'
}

# A process whose parent ends becomes a child of PID 1.
leaves_no_zombies() {
  podman exec kit python -c 'import os; os.fork() or os.fork() or os._exit(0)'
  podman exec kit python -c '
import time
from pathlib import Path
def zombies():
    return [it for it in Path("/proc").glob("[0-9]*/status") if "State:\tZ" in it.read_text()]
for _ in range(50):
    if not zombies():
        break
    time.sleep(0.1)
assert not zombies(), zombies()'
}

# Podman sends SIGKILL after 20 s, and the status is then 137.
ends_on_sigterm() { podman stop --time 20 kit && [[ $(podman inspect kit --format '{{.State.ExitCode}}') == 0 ]]; }

# The same without a network, as in a job of CI that has none.
runs_a_program() {
  podman run --rm --read-only --read-only-tmpfs=false --cap-drop ALL --network none imagegate-testkit run -- python -c '
import json, os, urllib.request
request = urllib.request.Request(os.environ["OPENAI_BASE_URL"] + "/images/generations", json.dumps({"prompt": "a fox"}).encode(),
    {"authorization": "Bearer " + os.environ["OPENAI_API_KEY"], "content-type": "application/json"})
assert json.load(urllib.request.urlopen(request, timeout=60))["data"][0]["b64_json"]'
}

ip link set lo up
podman run --detach --name kit --read-only --read-only-tmpfs=false --cap-drop ALL --security-opt no-new-privileges \
  --publish 127.0.0.1:10000:10000 imagegate-testkit >build/log/containers.log 2>&1 || fail "the test kit's container does not start: $(cat build/log/containers.log)"
show 'the test kit is ready' is_ready
show 'its health check' is_healthy
show 'an image' an_image
show 'a failure on request' a_fault
show 'the ledger' the_ledger
show 'its processes: no root, no capability' runs_as_nobody
show 'a root that nothing can write' writes_nothing
show 'PID 1 waits for processes that are left' leaves_no_zombies
show 'SIGTERM ends it, with status 0' ends_on_sigterm
show 'a program with a gate, without a network' runs_a_program
((failed == 0))

#!/usr/bin/env bash
# Starts deploy/compose/compose.yaml in inside.sh, with Compose itself, and checks what its services do
# together. Grafana, Loki and Alloy are not started: there is nothing here to make their images of.
source "$(dirname "$0")/../lib.sh"
source tools/containers/expect.sh

export DOCKER_HOST=unix:///run/podman.sock IMAGE_DELAY=0s
compose() { .tools/stack/bin/docker-compose --progress quiet --file deploy/compose/compose.yaml "$@"; }
container() { printf 'imagegate-%s-1' "$1"; }
services=(envoy codex-sim codex-sim-second ratelimit redis jobs prometheus)
healthy_services=(envoy codex-sim codex-sim-second redis jobs prometheus)

# check_health SERVICE: runs the health check of its container once, as the compose file has it: Podman's
# interface for Compose takes its words apart at their spaces. The check itself takes milliseconds, but on a
# machine that does other things as well Podman needs seconds to start it.
check_health() {
  local check
  mapfile -t check < <(python3 -c '
import json, sys
kind, *words = json.load(open("build/containers/compose.json"))["services"][sys.argv[1]]["healthcheck"]["test"]
assert kind == "CMD", kind
print("\n".join(words))' "$1")
  timeout 20 podman exec "$(container "$1")" "${check[@]}"
}

# Podman leaves the time of the checks to systemd. Compose waits for those of which another service needs
# that they are healthy.
watch_health() {
  local service
  while sleep 0.5; do
    for service in redis codex-sim codex-sim-second envoy; do
      if check_health "$service"; then podman healthcheck run "$(container "$service")" || true; fi
    done
  done
}

# request SERVICE_PORT PATH BODY: the status. The answer is in build/containers/answer.
request() {
  curl -s -m 30 -o build/containers/answer -w '%{http_code}' "http://127.0.0.1:$1$2" -H 'authorization: Bearer sk-imagegate-demo' \
    -H 'content-type: application/json' -d "$3"
}

# not_well SERVICE: fails, and shows the state of its container and the end of its log.
not_well() {
  say "$1: $(podman inspect "$(container "$1")" --format '{{.State.Status}}, restarts: {{.RestartCount}}')"
  podman logs --tail 5 "$(container "$1")"
  return 1
}

all_run() {
  local service
  for service in "${services[@]}"; do
    if [[ $(podman inspect "$(container "$service")" --format '{{.State.Status}} {{.RestartCount}}') != 'running 0' ]]; then
      not_well "$service" || return
    fi
  done
  for service in "${healthy_services[@]}"; do check_health "$service" || not_well "$service" || return; done
}

an_image() { [[ $(request 10000 /v1/images/generations '{"prompt":"a lighthouse"}') == 200 ]] && grep -q '"b64_json"' build/containers/answer; }

# With `on_error: deny` a rule that nobody counts would refuse the image. The reservations are in Redis.
it_is_counted() { (($(podman exec "$(container redis)" redis-cli dbsize) > 0)); }

fails_over() {
  compose stop --timeout 10 codex-sim && an_image && [[ $(podman inspect "$(container codex-sim)" --format '{{.State.Status}}') == exited ]]
}

job_succeeded() { [[ $(curl -sf -m 5 "http://127.0.0.1:8090/jobs/$1" -H 'authorization: Bearer sk-imagegate-demo') == *'"succeeded"'* ]]; }

a_job() {
  local id
  [[ $(request 8090 /jobs '{"prompt":"a lighthouse"}') == 202 ]] || return 1
  id=$(python3 -c 'import json; print(json.load(open("build/containers/answer"))["id"])')
  # The service ends only when all results are fetched.
  wait_for job_succeeded "$id" && curl -sf -m 5 "http://127.0.0.1:8090/jobs/$id/result" -H 'authorization: Bearer sk-imagegate-demo' | grep -q '"b64_json"'
}

# usage_lines NUMBER: whether this many records of generations are in the file.
usage_lines() {
  (($(podman exec "$(container envoy)" grep --count '"endpoint":"generations"' /var/log/imagegate/usage.log) >= $1))
}

# As Alloy does it, with the user of its image: another container, which may only read. Envoy writes the file
# a second after the answer.
the_usage_records() {
  wait_for usage_lines 2 || say 'less than two records are in the file'
  podman run --rm --network none --user 473:473 --volume imagegate_usage:/var/log/imagegate:ro "$(podman inspect "$(container jobs)" --format '{{.ImageName}}')" \
    python3 -c '
import json
records = [json.loads(line)["usage"] for line in open("/var/log/imagegate/usage.log")]
records = [it for it in records if it["endpoint"] == "generations"]
assert len(records) == 2, records
assert {(it["consumer"], it["status"], it["settled_nanodollars"]) for it in records} == {("demo", 200, 211_000_000)}, records
try:
    open("/var/log/imagegate/other", "w")
except OSError:
    raise SystemExit
raise SystemExit("the volume can be written")'
}

is_scraped() {
  curl -sf -m 5 -G http://127.0.0.1:9090/api/v1/query --data-urlencode 'query=imagegate_images_delivered_total{job="imagegate"} == 2' | grep -q '"value"'
}

# Prometheus' interval is 15 s.
prometheus_has_them() { wait_for is_scraped; }

# reaches FROM HOST PORT: whether the container of a service can connect.
reaches() { podman exec "$(container "$1")" python3 -c 'import socket, sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), 2)' "$2" "$3"; }

the_admin_interface_is_closed() { reaches jobs envoy 9902 && ! reaches jobs envoy 9901; }

# Each published port leads from the loopback address only.
only_loopback_is_published() {
  local rules
  rules=$(iptables --table nat --list-rules | grep -- '-j DNAT')
  say "$rules"
  [[ $(grep -c . <<<"$rules") == 3 && $(grep -c -- '-d 127.0.0.1/32' <<<"$rules") == 3 ]]
}

runs_as() { [[ $(podman exec "$1" awk '/^Uid:/ { print $2 }' /proc/1/status) == "$2" ]]; }
none_is_root() {
  runs_as "$(container envoy)" 101 && runs_as "$(container codex-sim)" 65534 && runs_as "$(container jobs)" 65534 &&
    runs_as "$(container redis)" 999 && runs_as "$(container prometheus)" 65534
}

# What is killed after its grace period has status 137.
all_end_on_sigterm() {
  local service
  # Podman gives none the time that Docker gives all.
  compose stop --timeout 10 || return 1
  for service in "${services[@]}"; do
    [[ $(podman inspect "$(container "$service")" --format '{{.State.ExitCode}}') != 137 ]] || { say "$service is killed"; return 1; }
  done
}

ip link set lo up
podman system service --time 0 "$DOCKER_HOST" >build/log/podman.log 2>&1 &
wait_for test -S /run/podman.sock || fail 'Podman does not serve'
compose config --format json >build/containers/compose.json
watch_health >/dev/null 2>&1 &
watcher=$!
timeout 300 .tools/stack/bin/docker-compose --file deploy/compose/compose.yaml up --detach --no-build --pull never envoy jobs prometheus \
  >build/log/compose.log 2>&1 || say "compose up failed: $(tail -n 20 build/log/compose.log)"
kill "$watcher"
show 'all services run, and are healthy' wait_for all_run
show 'an image' an_image
show 'a rate-limit service and its Redis count it' it_is_counted
show 'a job' a_job
show 'the usage records, as Alloy reads them' the_usage_records
show 'Prometheus has the metrics' prometheus_has_them
show 'no other container reaches the admin interface' the_admin_interface_is_closed
show 'the ports are published on the loopback address only' only_loopback_is_published
show 'no root in the containers' none_is_root
show 'the second upstream takes over from the first' fails_over
show 'SIGTERM ends all services' all_end_on_sigterm
compose down --volumes >>build/log/compose.log 2>&1 || true
((failed == 0))

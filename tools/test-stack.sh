#!/usr/bin/env bash
# Checks deploy/prometheus, deploy/grafana and deploy/compose with the programs that read them, without
# containers: promtool, Compose's parser, Grafana's grammar of LogQL, Envoy and Prometheus. Grafana, Loki
# and Alloy themselves are not tried.
# tools/test-images.sh starts the containers.
source "$(dirname "$0")/lib.sh"
source tools/stack.sh
source tools/expect.sh

# The Prometheus that runs here is this machine's or Debian's, which is version 2; the compose file has
# version 3.
promtools=(prometheus)
status=0
tools/go-program.sh tools/promtool github.com/prometheus/prometheus/cmd/promtool || status=$?
case $status in
  0) promtools+=(promtool) ;;
  3) say 'SKIPPED: the promtool of Prometheus 3 did not read the rules, because it cannot be built here.' ;;
  *) exit "$status" ;;
esac
api() { curl -sf -m 10 -G "http://127.0.0.1:$prometheus/api/v1/$1" "${@:2}"; }

compose_accepts() { .tools/stack/bin/docker-compose -f deploy/compose/compose.yaml config -q; }

# What `imagegatectl init` prints, for each upstream.
init_is_accepted() {
  local upstream
  for upstream in codex openai 'azure --authority images.test'; do
    # shellcheck disable=SC2086  # words
    cargo run --quiet --package imagegatectl -- init --for compose --upstream $upstream >"$stack_dir/compose.yaml" || return 1
    OPENAI_API_KEY=any AZURE_OPENAI_KEY=any .tools/stack/bin/docker-compose -f "$stack_dir/compose.yaml" config -q || return 1
  done
}

# What is published is published on the loopback address, and what is mounted from here is there, and
# read-only.
compose_is_closed() {
  .tools/stack/bin/docker-compose -f deploy/compose/compose.yaml config --format json | python3 -c '
import json, os, sys
services = json.load(sys.stdin)["services"]
mounts = ports = 0
for name, service in services.items():
    for port in service.get("ports", []):
        ports += 1
        assert port.get("host_ip") == "127.0.0.1", f"{name} publishes {port}"
    for mount in service.get("volumes", []):
        if mount["type"] == "bind":
            mounts += 1
            assert mount.get("read_only"), f"{name} may write {mount}"
            assert os.path.exists(mount["source"]), f"{name}: there is no {mount}"
assert ports == 4 and mounts > 6, (ports, mounts)
assert os.path.exists(services["codex-sim"]["build"]["dockerfile"] if os.path.isabs(services["codex-sim"]["build"]["dockerfile"])
    else os.path.join(services["codex-sim"]["build"]["context"], services["codex-sim"]["build"]["dockerfile"]))'
}

# healthy SERVICE PORT HERE: the health check of a service, where its port is another one.
healthy() {
  local check
  mapfile -t check < <(.tools/stack/bin/docker-compose -f deploy/compose/compose.yaml config --format json | python3 -c '
import json, sys
print(json.load(sys.stdin)["services"][sys.argv[1]]["healthcheck"]["test"][3])' "$1")
  [[ ${#check[@]} == 1 && ${check[0]} == *"/$2 "* ]] || return 1
  bash -c "${check[0]/\/$2 //$3 }" && ! bash -c "${check[0]/\/$2 //1 }"
}

# image KEY PROMPT: the status of a request for an image.
image() {
  curl -s -o /dev/null -m 60 -w '%{http_code}' "http://127.0.0.1:$images/v1/images/generations" -H "authorization: Bearer $1" \
    -H 'content-type: application/json' -d "{\"model\":\"gpt-image-2\",\"prompt\":\"$2\"}"
}

# A job of the job service, whose command in the compose file this is.
a_job() {
  local key='authorization: Bearer sk-imagegate-shop' at=http://127.0.0.1:$jobs id status _
  id=$(curl -sf -m 10 "$at/jobs" -H "$key" -H 'content-type: application/json' -d '{"model":"gpt-image-2","prompt":"a fox"}' |
    python3 -c 'import json, sys; print(json.load(sys.stdin)["id"])')
  for _ in {1..100}; do
    status=$(curl -sf "$at/jobs/$id" -H "$key" | python3 -c 'import json, sys; print(json.load(sys.stdin)["status"])')
    if [[ $status == succeeded ]]; then break; fi
    sleep 0.1
  done
  curl -sf "$at/jobs/$id/result" -H "$key" | grep -q '"b64_json"'
}

answers() { [[ $(image "$1" "$2") == "$3" ]]; }

only_metrics() {
  curl -sf "http://127.0.0.1:$metrics/stats/prometheus" >"$stack_dir/scrape" || return 1
  grep -q '^imagegate_requests_total{endpoint="generations",status="200",code="ok"} 3$' "$stack_dir/scrape" || return 1
  [[ $(curl -s -o /dev/null -w '%{http_code}' "http://127.0.0.1:$metrics/config_dump") == 404 ]] || return 1
  [[ $(curl -s -o /dev/null -w '%{http_code}' -X POST "http://127.0.0.1:$metrics/stats/prometheus") == 404 ]]
}

# Envoy writes its access log every 100 ms here.
usage_records() {
  local _
  for _ in {1..50}; do
    if (($(grep -c . "$stack_dir/log/usage.log") >= 4)); then break; fi
    sleep 0.1
  done
  python3 - "$stack_dir/log/usage.log" <<'P'
import json, sys
records = [json.loads(line)["usage"] for line in open(sys.argv[1])]
paid = {}
for it in records:
    paid[it["consumer"]] = paid.get(it["consumer"], 0) + it["settled_nanodollars"]
assert paid == {"demo": 422000000, "shop": 211000000}, paid
P
}

prometheus_has_them() {
  local _
  for _ in {1..100}; do
    if api query --data-urlencode 'query=imagegate_images_delivered_total == 3' | grep -q '"value"'; then break; fi
    sleep 0.2
  done
  api query --data-urlencode 'query=imagegate_images_delivered_total{job="imagegate"} == 3' | grep -q '"value"'
}

rules_are_evaluated() {
  local _
  for _ in {1..100}; do
    if ! api rules | grep -q '"health":"unknown"'; then break; fi
    sleep 0.2
  done
  api rules | python3 -c '
import json, sys
rules = [rule for group in json.load(sys.stdin)["data"]["groups"] for rule in group["rules"]]
assert len(rules) > 50, len(rules)
bad = [(rule["name"], rule["health"], rule.get("lastError")) for rule in rules if rule["health"] != "ok"]
assert not bad, bad
firing = [rule["name"] for rule in rules if rule.get("state") == "firing"]
assert not firing, firing'
}

for name in "${promtools[@]}"; do
  promtool=.tools/$name/bin/promtool
  show "the rules, in .tools/$name" "$promtool" check rules --lint=all --lint-fatal deploy/prometheus/imagegate.rules.yaml
  show "the cases of the alerts, in .tools/$name" "$promtool" test rules deploy/prometheus/imagegate.tests.yaml deploy/prometheus/imagegate-slow.tests.yaml
done
show 'the compose file' compose_accepts
show 'what it publishes and mounts' compose_is_closed

show 'each query of the dashboards in LogQL' .tools/logql/bin/node tools/logql/parse.mjs deploy/grafana/dashboards/*.json
mkdir -p "$stack_dir"
show 'the compose files of init' init_is_accepted

trap stack_stop EXIT
# Ten times as often as in the compose file, so that this takes seconds.
stack_prometheus_edit=(-e 's/_interval: 15s/_interval: 1s/')
stack_start 0s envoy/limitador.yaml 1
show 'the health check of Envoy' healthy envoy 9901 "$admin"
show 'the health check of codex-sim' healthy codex-sim 10001 "$sim"
for name in "${promtools[@]}"; do
  show "Prometheus' configuration, in .tools/$name" ".tools/$name/bin/promtool" check config "$stack_dir/prometheus.yaml"
done
show 'an image for each consumer' answers sk-imagegate-shop 'a lighthouse' 200
show 'an image, counted by the service' answers sk-imagegate-demo 'a lighthouse' 200
show 'a refusal of the safety system' answers sk-imagegate-demo '[[sim:moderation]]' 400
show 'an image after it' answers sk-imagegate-demo 'a lighthouse at dusk' 200
show 'the metrics, and nothing else of the admin interface' only_metrics
show 'the usage records, with what each consumer paid' usage_records
show 'Prometheus scrapes them' prometheus_has_them
show 'Prometheus evaluates the rules, and no alert fires' rules_are_evaluated
show 'a job' a_job
show "each query of the dashboard in Prometheus" python3 tools/draw-dashboard.py --check "http://127.0.0.1:$prometheus"

say ''
say "$passed passed, $failed failed"
((failed == 0))

#!/usr/bin/env bash
# Draws docs/dashboard-*.png: runs what deploy/compose runs but Grafana and Loki, here and without
# containers, sends mixed requests for MINUTES (10), and asks Prometheus the dashboard's own queries.
#   MINUTES=10 tools/dashboard-pictures.sh [FOLDER]     after `make test-stack`
source "$(dirname "$0")/lib.sh"
source tools/stack.sh

minutes=${MINUTES:-10} folder=${1:-docs}
trap stack_stop EXIT
venv 'matplotlib' .tools/pictures -r tools/requirements-pictures.txt
# More than this load reaches: 5000 images a day, and $1000.
mkdir -p build
sed -e 's/max_value: 250000$/max_value: 10000000/' -e 's/max_value: 500$/max_value: 5000/' envoy/limitador.yaml >build/limits-of-pictures.yaml
stack_prometheus_edit=(-e 's/_interval: 15s/_interval: 5s/')
stack_start 2s build/limits-of-pictures.yaml 2
python3 tools/dashboard-load.py "$images" $((minutes * 60))
# Until the last requests are scraped.
sleep 6
.tools/pictures/bin/python tools/draw-dashboard.py "http://127.0.0.1:$prometheus" "$minutes" "$folder"

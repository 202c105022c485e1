#!/usr/bin/env bash
# Runs the tests with deploy/nginx/imagegate.conf in a real nginx.
source "$(dirname "$0")/lib.sh"

run_ignored nginx::

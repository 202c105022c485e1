#!/usr/bin/env bash
# Fuzzes each target for FUZZ_SECONDS (60), starting from the fixtures of the tests. A crash is kept
# under fuzz/artifacts/.
source "$(dirname "$0")/lib.sh"

seconds=${FUZZ_SECONDS:-60}
command -v cargo-fuzz >/dev/null || step 'install cargo-fuzz' cargo install --quiet cargo-fuzz --version 0.13.2 --locked --root .tools/cargo
export PATH="$PWD/.tools/cargo/bin:$PATH"
# cargo-fuzz needs flags that the stable compiler has but does not offer.
export RUSTC_BOOTSTRAP=1

fuzz() {
  say "+ fuzz $1 for $seconds s"
  mkdir -p "fuzz/corpus/$1"
  cargo fuzz run --fuzz-dir fuzz "$1" "fuzz/corpus/$1" "${@:2}" -- -max_total_time="$seconds" -timeout=10 -rss_limit_mb=4096 -max_len=65536 -print_final_stats=1
}

fuzz stream tests/fixtures/streams
fuzz request tests/fixtures/requests/generations
fuzz configuration tests/fixtures/configs/valid
fuzz head
fuzz form tests/fixtures/requests/edits

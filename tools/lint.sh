#!/usr/bin/env bash
# Checks the sources without running them. Reports all failures, not only the first.
source "$(dirname "$0")/lib.sh"

failures=()
check() {
  local label=$1 start=$SECONDS
  shift
  if "$@"; then
    say "ok    $label ($((SECONDS - start)) s)"
  else
    say "FAULT $label"
    failures+=("$label")
  fi
}

clippy_wasm() {
  # Debian's compiler comes without clippy. Clippy for the host sees the same code, since no module
  # is excluded there. Only the compiler's own warnings are left for this target.
  local environment
  environment=$(WASM_TOOLCHAIN_DIR=.tools/wasm tools/wasm-toolchain.sh)
  if [[ $environment ]]; then
    with_wasm_toolchain env CARGO_TARGET_WASM32_WASIP1_RUSTFLAGS="-Ctarget-feature=+simd128,+bulk-memory -Dwarnings" \
      cargo check --lib --package imagegate --target wasm32-wasip1 --target-dir target/wasm-lint
  else
    cargo clippy --lib --package imagegate --target wasm32-wasip1 -- -D warnings
  fi
}

# All shell scripts: those with the suffix, and those with a shell in their first line.
shell_scripts() { { git ls-files '*.sh'; git grep -lIE '^#!.*\<(ba)?sh$'; } | sort -u; }

shellcheck() { shell_scripts | xargs .tools/shellcheck/bin/shellcheck; }

python_syntax() {
  git ls-files -z '*.py' | xargs -0 python3 -c 'import ast, sys; [ast.parse(open(path).read(), path) for path in sys.argv[1:]]'
}

envoy_accepts() {
  local file status=0 envoy
  envoy=$(envoy_path)
  for file in envoy/*.yaml; do
    grep -q '^static_resources:' "$file" || continue
    CODEX_ACCESS_TOKEN=any CODEX_ACCOUNT_ID=any OPENAI_API_KEY=any "$envoy" --mode validate --log-level error -c "$file" || status=1
  done
  CODEX_ACCESS_TOKEN=any CODEX_ACCOUNT_ID=any ENVOY=$envoy envoy/ecds/validate.sh envoy/ecds/imagegate.yaml || status=1
  return "$status"
}

# Lock files and scripts must work with the registries of any machine, so they must not name one.
# The names to look for come from this machine's own settings.
no_registry_host() {
  local host status=0
  # shellcheck disable=SC2016 # apt replaces $(SITE), not the shell.
  for host in $({ apt-get indextargets --format '$(SITE)'; pip config get global.index-url; npm config get registry; } 2>/dev/null |
    sed -nE 's#^[a-z]+://([^/@]*@)?([^/:]+).*#\2#p' | sort -u); do
    if git grep -nIF "$host" -- . ':!Cargo.lock'; then status=1; fi
  done
  return "$status"
}

# The workspace and each package outside it, against deny.toml.
dependencies() {
  local lock status=0
  for lock in $(git ls-files '*Cargo.lock'); do
    # Some of them lack the crates that deny.toml allows to another one.
    .tools/lint/bin/cargo-deny --log-level error --locked --workspace --config deny.toml --manifest-path "${lock%lock}toml" \
      check --allow unused-wrapper licenses bans sources || status=1
  done
  return "$status"
}

rls_server() { (cd tests/rls-server && cargo fmt --check && cargo clippy --quiet --target-dir ../../target/rls-server -- -D warnings); }

check 'cargo fmt' cargo fmt --all --check
check 'cargo fmt of async-openai' cargo fmt --manifest-path tests/clients/cases/async_openai/Cargo.toml --check
check 'rls-server' rls_server
check 'clippy' cargo clippy --quiet --workspace --all-targets -- -D warnings
# Separate, since plain `cargo test` excludes them.
check 'clippy of the end-to-end tests' cargo clippy --quiet --test e2e -- -D warnings
check 'warnings for wasm32-wasip1' clippy_wasm
check 'cargo doc' env RUSTDOCFLAGS='-D warnings' cargo doc --quiet --workspace --no-deps --document-private-items
check 'licenses, bans and sources of dependencies' dependencies
check 'spelling' .tools/lint/bin/typos --format brief
check 'shell scripts' shellcheck
check 'folders of tools' tools/test-lib.sh
check 'Python scripts' python_syntax
check 'no registry is named' no_registry_host
if [[ -f build/imagegate.wasm ]]; then
  check 'envoy/*.yaml' envoy_accepts
else
  check 'envoy/*.yaml: build/imagegate.wasm is missing, run make build' false
fi

if ((${#failures[@]})); then
  printf '%s\n' '' "lint: ${#failures[@]} failures: ${failures[*]}" >&2
  exit 1
fi
say 'lint: no failures'

#!/usr/bin/env bash
# Compiles the recipes for Testcontainers against the libraries that they pin. Running them needs a
# container engine. A language that this machine lacks is left out, and is named in the output.
source "$(dirname "$0")/lib.sh"

recipes=testkit/recipes out=$PWD/build/testkit/recipes
passed=0 failed=0

# recipe LANGUAGE PROGRAM COMMAND…: counts the recipe if this machine has the program.
recipe() {
  local start=$SECONDS
  if ! command -v "$2" >/dev/null; then
    say "SKIPPED: $1, since there is no $2 on this machine"
  elif (step "$1" "${@:3}"); then
    passed=$((passed + 1))
    say "ok    $1 ($((SECONDS - start)) s)"
  else
    failed=$((failed + 1))
    say "FAULT $1"
  fi
}

python_recipe() {
  make_venv "$out/python" -r "$recipes/python/requirements.txt"
  # pytest imports it, and so the names of testcontainers that it uses.
  "$out/python/bin/python" -m pytest -q -p no:cacheprovider --collect-only "$recipes/python"
}

# The compiler comes from the lock file. The scripts of packages only build what speeds up ssh.
node_recipe() {
  mkdir -p "$out/node"
  cp "$recipes"/node/* "$out/node/"
  npm ci --prefix "$out/node" --no-audit --no-fund --ignore-scripts
  npm run --prefix "$out/node" check
}

go_recipe() { GOTOOLCHAIN=local GOFLAGS=-mod=readonly go -C "$recipes/go" vet ./...; }

java_recipe() {
  mkdir -p "$out/java"
  cp -r "$recipes"/java/* "$out/java/"
  mvn --batch-mode --quiet --file "$out/java/pom.xml" test-compile
}

rust_recipe() {
  cargo check --quiet --locked --tests --manifest-path "$recipes/rust/Cargo.toml" --target-dir "$out/rust"
}

# Whether the Go of this machine accepts the recipe's go.mod.
new_enough_go() {
  local wanted found
  wanted=go$(awk '$1 == "go" { print $2 }' "$recipes/go/go.mod")
  found=$(GOTOOLCHAIN=local go env GOVERSION 2>/dev/null) || return 1
  [[ $(printf '%s\n' "$wanted" "$found" | sort -V | head -n 1) == "$wanted" ]]
}

recipe Python python3 python_recipe
recipe Node npm node_recipe
if new_enough_go; then
  recipe Go go go_recipe
else
  say 'SKIPPED: Go, since there is no Go on this machine that is new enough'
fi
recipe Java mvn java_recipe
recipe Rust cargo rust_recipe
say ''
say "$passed passed, $failed failed"
((failed == 0 && passed > 0))

#!/usr/bin/env bash
# Compiles the recipes for Testcontainers against the libraries that they pin. Running them needs a
# container engine. A language that this machine lacks is left out, and is named in the output.
source "$(dirname "$0")/lib.sh"
source tools/languages.sh

recipes=testkit/recipes out=$PWD/build/testkit/recipes
passed=0 failed=0

# recipe LANGUAGE NEED COMMAND…: counts the recipe if the command NEED finds what it needs.
recipe() {
  local start=$SECONDS
  if ! $2; then
    say "SKIPPED: $1, since its programs cannot be had"
  elif (step "$1" "${@:3}"); then
    passed=$((passed + 1))
    say "ok    $1 ($((SECONDS - start)) s)"
  else
    failed=$((failed + 1))
    say "FAULT $1"
  fi
}

python_recipe() {
  venv 'Python packages' "$out/python" -r "$recipes/python/requirements.txt"
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

go_recipe() { go -C "$recipes/go" vet ./...; }

java_recipe() {
  mkdir -p "$out/java"
  cp -r "$recipes"/java/* "$out/java/"
  mvn --batch-mode --quiet --file "$out/java/pom.xml" test-compile
}

rust_recipe() {
  cargo check --quiet --locked --tests --manifest-path "$recipes/rust/Cargo.toml" --target-dir "$out/rust"
}

recipe Python true python_recipe
recipe Node use_node node_recipe
recipe Go "use_go $recipes/go" go_recipe
recipe Java use_java java_recipe
recipe Rust true rust_recipe
say ''
say "$passed passed, $failed failed"
((failed == 0 && passed > 0))

#!/usr/bin/env bash
# Builds the module from the same sources in a second folder: the bytes must be those of
# build/imagegate.wasm. Then pushes its OCI image to a registry on this machine and pulls the file
# back.
source "$(dirname "$0")/lib.sh"

passed=0 failed=0
# expect LABEL COMMAND…
expect() {
  if "${@:2}"; then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
    say "FAULT: $1"
  fi
}

IMAGEGATE_COMMIT=${IMAGEGATE_COMMIT:-$(git rev-parse --short=12 HEAD)}
export IMAGEGATE_COMMIT
folder=$(mktemp -d)
registry=''
stop() {
  if [[ $registry ]] && kill "$registry" 2>/dev/null; then wait "$registry" || true; fi
  rm -rf "$folder"
}
trap stop EXIT

first=$PWD second=$folder/a-folder/with-a-longer-name
[[ -f build/imagegate.wasm ]] || fail 'build/imagegate.wasm is missing; run: make build'
mkdir -p "$second"
git ls-files -z | tar --null -T - -c | tar -x -C "$second"
ln -s "$PWD/.tools" "$second/.tools"
step 'a build in another folder' "$second/tools/build.sh"
sha256sum "$first/build/imagegate.wasm" "$second/build/imagegate.wasm"
expect 'the two modules differ' cmp "$first/build/imagegate.wasm" "$second/build/imagegate.wasm"
no_path_in() { ! grep -aqF -e "$PWD" -e "$HOME/" "$1"; }
expect 'a path of this machine is in the module' no_path_in "$first/build/imagegate.wasm"

istio_pulls() {
  .tools/istio/bin/istio pull "$1" "$folder/pulled.wasm" >"$folder/pulled" 2>build/log/istio.log || return 1
  # It prints the digest without the name of the algorithm.
  [[ sha256:$(tail -n 1 "$folder/pulled") == "$(cat "$folder/digest")" ]] || return 1
  cmp "$folder/pulled.wasm" "$first/build/imagegate.wasm"
}

epoch=$(git log -1 --format=%ct)
for copy in one two; do
  tools/oci-image.py "$first/build/imagegate.wasm" "$folder/$copy-image" test "$epoch" >"$folder/digest"
done
expect 'the two images differ' diff -r "$folder/one-image" "$folder/two-image"

if tools/go-program.sh tools/crane github.com/google/go-containerregistry/cmd/crane; then
  crane=.tools/crane/bin/crane
  "$crane" registry serve --address 127.0.0.1:0 >build/log/registry.log 2>&1 &
  registry=$!
  port=''
  for ((tries = 0; tries < 100; tries++)); do
    port=$(sed -n 's/.*serving on port //p' build/log/registry.log)
    if [[ $port ]]; then break; fi
    sleep 0.1
  done
  image=127.0.0.1:$port/imagegate
  expect 'crane cannot push the image' "$crane" push --insecure "$folder/one-image" "$image:test"
  expect 'crane finds the image invalid' "$crane" validate --insecure --remote "$image:test"
  expect 'the digest is not the one that was printed' test "$("$crane" digest --insecure "$image:test")" = "$(cat "$folder/digest")"
  "$crane" export --insecure "$image:test" - | tar -x -C "$folder" plugin.wasm
  expect 'the file in the image is not the module' cmp "$folder/plugin.wasm" "$first/build/imagegate.wasm"
  # Istio's own fetcher, which is part of its agent.
  if tools/go-program.sh tools/mesh/istio . >build/log/istio.log 2>&1; then
    expect 'Istio cannot pull the image' istio_pulls "$image:test"
  else
    say 'SKIPPED: Istio cannot be built here, so it did not pull the image.'
  fi
else
  say 'SKIPPED: crane cannot be built here, so the image was not pushed to a registry.'
fi

say ''
say "$passed passed, $failed failed"
((failed == 0))

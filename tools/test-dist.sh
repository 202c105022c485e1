#!/usr/bin/env bash
# Tests a release:
#   1. A build of the module from the same sources in a second folder has the bytes of
#      build/imagegate.wasm.
#   2. Its OCI image, pushed to a registry on this machine, comes back as it was.
#   3. tools/dist.sh writes a release to build/dist, signed with a new key of cosign, which reaches no
#      service. cosign verifies it, and refuses a changed file and another key.
#   4. The wheel of the test kit, installed from there, serves an image.
source "$(dirname "$0")/lib.sh"
source tools/expect.sh

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

# can_build FOLDER PACKAGE MISSING: builds a program of Go. Where that is not possible, says what was not tested.
can_build() {
  local status=0
  tools/go-program.sh "$1" "$2" || status=$?
  if ((status == 3)); then
    say "SKIPPED: $3."
    return 1
  fi
  ((status == 0)) || exit "$status"
}

# cosign with a key that is not protected. What leaves this machine goes to a port that is closed.
cosign() {
  env COSIGN_PASSWORD='' HTTPS_PROXY=http://127.0.0.1:1 HTTP_PROXY=http://127.0.0.1:1 .tools/cosign/bin/cosign "$@" >>build/log/cosign.log 2>&1
}
has_cosign=''
if can_build tools/cosign github.com/sigstore/cosign/v3/cmd/cosign 'the release and the image were not signed with cosign'; then
  has_cosign=yes
  : >build/log/cosign.log
  for key in release other; do cosign generate-key-pair --output-key-prefix "$folder/$key"; done
fi

not() { ! "$@"; }
verify_image() { cosign verify --key "$folder/$1.pub" --insecure-ignore-tlog=true --allow-insecure-registry "$2"; }
# As RELEASING.md has it.
test_signed_image() {
  expect 'cosign cannot sign the image' cosign sign --yes --key "$folder/release.key" --use-signing-config=false --tlog-upload=false \
    --allow-insecure-registry "$1"
  expect 'cosign does not verify the image' verify_image release "$1"
  expect 'cosign verifies the image with another key' not verify_image other "$1"
}

if can_build tools/crane github.com/google/go-containerregistry/cmd/crane 'the image was not pushed to a registry'; then
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
  if [[ $has_cosign ]]; then test_signed_image "$image@$(cat "$folder/digest")"; fi
  # Istio's own fetcher, which is part of its agent.
  if can_build tools/mesh/istio . 'Istio did not pull the image'; then
    expect 'Istio cannot pull the image' istio_pulls "$image:test"
  fi
fi

dist=build/dist
openssl genpkey -quiet -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$folder/release.pem"
openssl pkey -in "$folder/release.pem" -pubout -out "$folder/openssl.pub"

# list_is_true LIST: each file of the release is in it, and is as it says.
list_is_true() {
  diff <(awk '{ print $2 }' "$1" | sort) <(cd "$dist" && printf '%s\n' * | grep -v -e '\.sha256$' -e '^SHA256SUMS' | sort) &&
    (cd "$dist" && sha256sum --check --quiet "$1")
}
verify_list() { cosign verify-blob --key "$folder/$1.pub" --bundle "$dist/SHA256SUMS.bundle" --insecure-ignore-tlog "$2"; }
openssl_verifies() { openssl dgst -sha256 -verify "$folder/openssl.pub" -signature "$folder/list.sig" "$1" >/dev/null 2>&1; }
signs_alone() { env "$@" HTTPS_PROXY=http://127.0.0.1:1 tools/sign.sh "$folder/list" >"$folder/signing" 2>&1; }

signing=()
if [[ $has_cosign ]]; then signing=(COSIGN_PASSWORD='' "COSIGN_KEY=$folder/release.key"); fi
step 'a release' env "${signing[@]}" tools/dist.sh "$dist"
cp "$dist/SHA256SUMS" "$folder/list"
sed '1s/^......../00000000/' "$folder/list" >"$folder/changed"
expect 'the list of the release is not that of its files' list_is_true "$folder/list"
changed_list_is_true() { list_is_true "$folder/changed" >/dev/null 2>&1; }
expect 'a changed list is not noticed' not changed_list_is_true
if [[ $has_cosign ]]; then
  expect 'cosign does not verify the release' verify_list release "$folder/list"
  expect 'cosign verifies a changed list' not verify_list release "$folder/changed"
  expect 'cosign verifies the release with another key' not verify_list other "$folder/list"
  expect 'cosign cannot sign without a service' signs_alone "${signing[@]}"
  cat "$folder/signing" >>build/log/cosign.log
  expect 'cosign tried to reach a service' not grep -q 'proxyconnect' build/log/cosign.log
fi
expect 'openssl cannot sign' signs_alone "SIGNING_KEY=$folder/release.pem"
expect 'openssl does not verify the list' openssl_verifies "$folder/list"
expect 'openssl verifies a changed list' not openssl_verifies "$folder/changed"

# sbom_has CRATE: whether the SBOM of the module lists this crate.
sbom_has() {
  python3 -c 'import json, sys
sys.exit(sys.argv[2] not in {it["name"] for it in json.load(open(sys.argv[1]))["components"]})' "$dist"/imagegate-*.cdx.json "$1"
}
expect 'the SBOM lacks a crate of the module' sbom_has proxy-wasm
expect 'the SBOM has a crate of codex-sim' not sbom_has epaint_default_fonts

# The wheel, as its users have it. The image is asked for with what Python itself has.
venv 'the wheel of the test kit' "$folder/venv" "$dist"/imagegate_testkit-*.whl
an_image() {
  "$folder/venv/bin/imagegate-testkit" run -- python3 -c '
import base64, json, os, urllib.request
headers = {"authorization": "Bearer " + os.environ["OPENAI_API_KEY"], "content-type": "application/json"}
body = json.dumps({"model": "gpt-image-2", "prompt": "a red fox"}).encode()
request = urllib.request.Request(os.environ["OPENAI_BASE_URL"] + "/images/generations", body, headers)
image = base64.b64decode(json.load(urllib.request.urlopen(request, timeout=60))["data"][0]["b64_json"])
assert image.startswith(b"\x89PNG"), image[:8]'
}
expect 'the test kit of the release serves no image' an_image
expect 'the module in the wheel is another one' cmp "$folder"/venv/lib/python3*/site-packages/imagegate_testkit/data/imagegate.wasm "$dist"/imagegate-*.wasm

say ''
say "$passed passed, $failed failed"
((failed == 0))

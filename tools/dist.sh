#!/usr/bin/env bash
# Writes a release to dist/: the module, its checksum and image, imagegatectl, the test kit, the SBOM,
# the files to deploy, and the Helm chart. RELEASING.md says how it is used.
#   tools/dist.sh [FOLDER]   builds everything; FOLDER in place of dist/
#   COSIGN_KEY=cosign.key tools/dist.sh      signs as well, with this key of cosign
#   SIGNING_KEY=release.pem tools/dist.sh    signs as well, with this key of openssl
source "$(dirname "$0")/lib.sh"

version=$(sed -n '/^\[workspace.package\]/,/^\[/s/^version = "\(.*\)"/\1/p' Cargo.toml)
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
export SOURCE_DATE_EPOCH
[[ -z $(git status --porcelain) ]] || say 'The tree has changes that are not committed. Do not publish this release.'

# archive NAME FOLDER [ENTRY]: a tar file whose bytes depend on the files alone: of all in the folder,
# or of one entry.
archive() {
  tar --sort=name --mtime="@$SOURCE_DATE_EPOCH" --owner=0 --group=0 --numeric-owner --mode='u=rwX,go=rX' \
    -C "$2" -c "${3:-.}" | gzip -n -9 >"$1"
}

dist=${1:-dist}
rm -rf "$dist"
mkdir -p "$dist"
step 'imagegate.wasm' tools/build.sh
cp build/imagegate.wasm "$dist/imagegate-$version.wasm"
step 'imagegatectl' cargo build --locked --profile tools --package imagegatectl --target-dir target
# Only what its code needs; the tables of symbols stay out.
strip -o "$dist/imagegatectl-$version-linux-$(uname -m)" target/tools/imagegatectl

say "OCI image: $(tools/oci-image.py "$dist/imagegate-$version.wasm" "$dist/oci" "$version" "$SOURCE_DATE_EPOCH")"
archive "$dist/imagegate-$version-oci.tar.gz" "$dist/oci"
rm -rf "$dist/oci"

step 'codex-sim' cargo build --locked --profile tools --package codex-sim --target-dir target
cp "$(tools/testkit.sh)" "$dist/"

step 'SBOM' tools/sbom.sh "$dist/imagegate-$version.cdx.json"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
git archive HEAD envoy deploy docs LICENSE README.md CHANGELOG.md SECURITY.md | tar -x -C "$folder"
archive "$dist/imagegate-$version-files.tar.gz" "$folder"
# The chart, under the name that `helm package` gives it.
archive "$dist/imagegate-$version.tgz" "$folder/deploy/helm" imagegate

(
  cd "$dist"
  for file in *; do sha256sum "$file" >"$file.sha256"; done
  cat ./*.sha256 >SHA256SUMS
)
tools/sign.sh "$dist/SHA256SUMS"
say ''
say "$dist/:"
(cd "$dist" && sha256sum -c --quiet SHA256SUMS && stat -c '%s %n' -- *)

#!/usr/bin/env bash
# Writes the SBOM of the module: the crates that are compiled into it, as CycloneDX in JSON.
#   tools/sbom.sh FILE
file=$(realpath -m "$1")
source "$(dirname "$0")/lib.sh"

tool_version=0.5.9
program=.tools/cyclonedx/bin/cargo-cyclonedx
if [[ $("$program" cyclonedx --version 2>/dev/null) != *"$tool_version"* ]]; then
  step 'cargo-cyclonedx' cargo install --locked --quiet cargo-cyclonedx --version "$tool_version" --root .tools/cyclonedx
fi
name=imagegate-sbom
"$program" cyclonedx --quiet --format json --spec-version 1.5 --target wasm32-wasip1 --override-filename "$name"
# It writes a file beside each Cargo.toml of the workspace. That of the module is beside the first.
# Its references have the path of this folder in them.
sed "s#$PWD#/imagegate#g" "$name.json" >"$file"
git ls-files '*Cargo.toml' | while read -r manifest; do rm -f "$(dirname "$manifest")/$name.json"; done

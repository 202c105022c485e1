#!/usr/bin/env bash
# Signs a file with the key that the environment names, and checks the signature. Without a key,
# says so.
#   COSIGN_KEY=cosign.key tools/sign.sh FILE     FILE.bundle, by cosign; no transparency log is used
#   SIGNING_KEY=release.pem tools/sign.sh FILE   FILE.sig, by openssl: ECDSA or RSA with SHA-256
file=$(realpath "$1")
source "$(dirname "$0")/lib.sh"

if [[ ${COSIGN_KEY:-} ]]; then
  tools/go-program.sh tools/cosign github.com/sigstore/cosign/v3/cmd/cosign
  cosign=.tools/cosign/bin/cosign
  public=$(mktemp)
  trap 'rm -f "$public"' EXIT
  # A service that keeps a public log of signatures would have to be reached: not here.
  "$cosign" sign-blob --yes --key "$COSIGN_KEY" --bundle "$file.bundle" --use-signing-config=false --tlog-upload=false "$file" >/dev/null
  "$cosign" public-key --key "$COSIGN_KEY" >"$public"
  "$cosign" verify-blob --key "$public" --bundle "$file.bundle" --insecure-ignore-tlog=true "$file"
elif [[ ${SIGNING_KEY:-} ]]; then
  openssl dgst -sha256 -sign "$SIGNING_KEY" -out "$file.sig" "$file"
  openssl dgst -sha256 -verify <(openssl pkey -in "$SIGNING_KEY" -pubout) -signature "$file.sig" "$file"
else
  say 'NOT SIGNED: give a key by COSIGN_KEY or SIGNING_KEY.'
fi

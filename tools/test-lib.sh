#!/usr/bin/env bash
# Tests that what tools/lib.sh puts under .tools/ is whole or as it was. `make lint` runs it.
source "$(dirname "$0")/lib.sh"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
failed=0
# expect LABEL COMMAND…
expect() { ("${@:2}") || { say "FAULT: $1"; failed=1; }; }
not() { ! ("$@"); }

fill() { printf '%s\n' "${1%.new}" >"$1/$2"; }
fill_in_vain() { fill "$1" half && return 1; }
killed() { fill "$1" half && kill -KILL "$BASHPID"; }

expect 'a folder cannot be filled' replace "$folder/it" one fill whole
expect 'the folder is not known by its stamp' made_with "$folder/it" one
expect 'it does not have its own path' test "$(cat "$folder/it/whole")" = "$folder/it"
for way in fill_in_vain killed; do
  expect "$way succeeds" not replace "$folder/absent" two "$way" 2>/dev/null
  expect "$way leaves a folder" not test -e "$folder/absent"
  { (replace "$folder/it" two "$way") || true; } 2>/dev/null
  expect "$way takes the stamp" made_with "$folder/it" one
  expect "$way takes the files" test -e "$folder/it/whole"
done
expect 'a folder cannot be filled again' replace "$folder/it" two fill other
expect 'what was there is still there' not test -e "$folder/it/whole"
expect 'what was left aside is still there' test "$(ls -A "$folder/it")" = $'.stamp\nother'
expect 'the stamp does not change with the words' test "$(stamp_of a)" != "$(stamp_of b)"
printf 'a\n' >"$folder/words"
stamp=$(stamp_of "$folder/words")
printf 'b\n' >"$folder/words"
expect 'the stamp does not change with a file' test "$stamp" != "$(stamp_of "$folder/words")"
# Each virtual environment comes from `venv`, so that it is made aside and has a stamp.
expect 'a script makes a virtual environment itself' not git grep -nE -e '-m venv|rm -rf .*\.tools' -- tools ':!tools/lib.sh' ':!tools/test-lib.sh'
((failed == 0))

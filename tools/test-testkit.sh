#!/usr/bin/env bash
# Tests the test kit as its users have it: from the built wheel, in a new virtual environment.
#   tools/test-testkit.sh            its own tests, with OpenAI's client
#   tools/test-testkit.sh recipes    compiles the recipes for Testcontainers
source "$(dirname "$0")/lib.sh"

venv=build/testkit/venv

# Prints the count of the tests as the last line, from pytest's own last line.
test_wheel() {
  local wheel log=build/log/test-testkit.log outcome=0 passed failed
  wheel=$(tools/testkit.sh)
  rm -rf "$venv"
  venv 'Python packages' "$venv" "$wheel" -r testkit/tests/requirements.txt
  "$venv/bin/python" -m pytest -p no:cacheprovider -rs testkit/tests 2>&1 | tee "$log" || outcome=1
  # pytest's last line has them in any order: == 1 failed, 73 passed, 1 error in 20.11s ==
  read -r passed failed < <(tail -n 1 "$log" | awk -F'[ =,]+' '{
    for (i = 2; i <= NF; i++) { if ($i == "passed") p += $(i - 1); if ($i ~ /^(failed|errors?)$/) f += $(i - 1) }
    print p + 0, f + 0 }')
  if ((passed == 0)); then outcome=1; fi
  say ''
  say "$passed passed, $failed failed"
  return "$outcome"
}

case ${1:-wheel} in
  wheel) test_wheel ;;
  recipes) exec tools/testkit-recipes.sh ;;
  *) fail "unknown argument $1" ;;
esac

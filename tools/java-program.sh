#!/usr/bin/env bash
# Compiles a program written in Java with the libraries that its pom.xml pins, once under .tools/.
#   tools/java-program.sh FOLDER    FOLDER has pom.xml, jars.sha256 and the sources with Main.java:
#                                   .tools/NAME/bin/NAME, where NAME is FOLDER's last part
# Status 3: neither this machine nor Debian has a JDK and Maven, or the libraries cannot be had. Any
# other failure is a fault.
source "$(dirname "$0")/lib.sh"
source tools/languages.sh

folder=$1
name=$(basename "$folder")
target=.tools/$name
sources=("$folder"/*.java)
stamp=$(stamp_of "$folder"/pom.xml "$folder"/jars.sha256 "${sources[@]}")
if made_with "$target" "$stamp" && "$target/bin/java" -version >/dev/null 2>&1; then exit 0; fi

unavailable() {
  say "$name cannot be built here: $*" >&2
  exit 3
}

libraries() {
  mvn -q -B -f "$folder/pom.xml" "-Dmaven.repo.local=$1.m2" dependency:copy-dependencies "-DoutputDirectory=$1"
}

# fill FOLDER.new: the program, with the libraries in $jars.
fill() {
  cp -r "$jars" "$1/jars" && javac -Werror -Xlint:all,-path -cp "$1/jars/*" -d "$1/classes" "${sources[@]}" &&
    mkdir "$1/bin" && ln -s "$(realpath "$(command -v java)")" "$1/bin/java" || return
  printf '#!/bin/sh\nexec "%s/bin/java" -cp "%s/classes:%s/jars/*" Main "$@"\n' "${1%.new}" "${1%.new}" "${1%.new}" >"$1/bin/$name"
  chmod +x "$1/bin/$name"
}

use_java || unavailable "it needs a JDK $java_minimum or later, and Maven"
folder_of_jars=$(mktemp -d)
trap 'rm -rf "$folder_of_jars"' EXIT
jars=$folder_of_jars/jars
(step "libraries of $name" libraries "$jars") || unavailable 'its libraries cannot be downloaded'
# No other file than those of the list, and these as they were.
(cd "$jars" && sha256sum ./* | sed 's# \./# #') | diff "$folder/jars.sha256" - >&2 ||
  fail "the libraries of $name are not those of $folder/jars.sha256"
step "$name" replace "$target" "$stamp" fill

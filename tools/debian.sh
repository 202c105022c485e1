# Functions that put programs of Debian under .tools/, without root and without installing them: an
# installation would start their servers. Source it after lib.sh.
# shellcheck shell=bash

# debian_apt STATE COMMAND…: a command of apt with its state in this folder.
debian_apt() {
  local options=(-qq -o "Dir::State=$1" -o "Dir::State::Lists=$1/lists" -o "Dir::Cache=$1" -o Debug::NoLocking=1 -o APT::Sandbox::User=)
  "$2" "${options[@]}" "${@:3}"
}

# debian_closure STATE PACKAGE…: the names of these packages and of all that they need and this machine
# lacks. Java's come in any case, since they link to each other's files.
debian_closure() {
  local needed
  # It sees no package as installed, and so names all.
  : >"$1/none" || return
  needed=$(debian_apt "$1" apt-get -qq=0 -o "Dir::State::status=$1/none" -s install --no-install-recommends "${@:2}" | awk '/^Inst / { print $2 }')
  [[ $needed ]] || return
  # shellcheck disable=SC2086 # words
  {
    dpkg-query -W -f 'Has: ${Package} ${db:Status-Status}\n'
    printf 'Wanted: %s\n' "${@:2}"
    debian_apt "$1" apt-cache show --no-all-versions $needed
  } | awk '$1 == "Has:" && $3 == "installed" { has[$2] = 1 }
    $1 == "Wanted:" { delete has[$2] }
    $1 == "Package:" { name = $2 }
    $1 == "Section:" && (!has[name] || $2 ~ /(^|\/)java$/) { print name }'
}

# fill_debian FOLDER.new PACKAGE…: the files of these packages. `+ PACKAGE…` stands for these packages
# and all that they need and this machine lacks.
fill_debian() {
  local folder=$1 state=$1/apt packages=("${@:2}") package link target
  command -v apt-get >/dev/null || { say 'This system has no packages of Debian.'; return 1; }
  mkdir -p "$state"/{lists,archives}/partial && debian_apt "$state" apt-get update || return
  if [[ $2 == + ]]; then
    mapfile -t packages < <(debian_closure "$state" "${@:3}")
  fi
  (cd "$state/archives" && debian_apt "$state" apt-get download "${packages[@]:?}") || return
  for package in "$state"/archives/*.deb; do dpkg-deb -x "$package" "$folder" || return; done
  rm -rf "$state"
  # A link to a file of these packages leads to it here.
  while IFS= read -r -d '' link; do
    target=$(readlink "$link")
    if [[ -e $folder$target ]]; then ln -sfnr "$folder$target" "$link" || return; fi
  done < <(find "$folder" -type l -lname '/*' -print0)
}

# write_program FOLDER.new NAME WORDS: bin/NAME, which runs these words of the shell with its arguments.
write_program() {
  mkdir -p "$1/bin" && printf '#!/bin/sh\n%s "$@"\n' "$3" >"$1/bin/$2" && chmod +x "$1/bin/$2"
}

# debian_words FOLDER.new PROGRAM: the words of the shell that start a program of these packages with
# their libraries. PROGRAM is its path in FOLDER.
debian_words() {
  local folder=${1%.new} libraries
  libraries=$folder/usr/lib/$(gcc -dumpmachine)
  printf 'LD_LIBRARY_PATH=%s:%s:%s/pulseaudio:%s/systemd exec %s/%s' "$libraries" "${libraries/usr\/}" "$libraries" "$libraries" "$folder" "$2"
}

# fill_debian_program FOLDER.new NAME PACKAGE…: bin/NAME starts this machine's program, or that of these
# packages.
fill_debian_program() {
  local found path=usr/bin/$2
  if found=$(PATH=$PATH:/usr/sbin command -v "$2"); then
    write_program "$1" "$2" "exec $found"
    return
  fi
  fill_debian "$1" "${@:3}" || return
  if [[ ! -x $1/$path ]]; then path=usr/sbin/$2; fi
  write_program "$1" "$2" "$(debian_words "$1" "$path")"
}

# debian_program NAME OPTION PACKAGE…: .tools/NAME/bin/NAME starts this machine's program, or that of these
# packages. OPTION prints its version.
debian_program() {
  local program=.tools/$1/bin/$1
  if "$program" "$2" >/dev/null 2>&1; then return; fi
  step "$1" replace ".tools/$1" '' fill_debian_program "$1" "${@:3}"
  "$program" "$2" >/dev/null 2>&1 || fail "$1 does not start; install it and try again"
}

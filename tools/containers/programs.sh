#!/usr/bin/env bash
# Puts Podman with all that it needs under .tools/podman, and the files of two releases of Debian, from
# which the base images are made, under .tools/bases. Installs nothing: inside.sh shows these files as
# if they were installed. Status 3: this machine cannot have them. Needs root, as Podman does here.
source "$(dirname "$0")/../lib.sh"

unavailable() {
  say "$*" >&2
  exit 3
}

# What netavark and aardvark-dns need is a part of what Podman needs.
packages=(podman netavark aardvark-dns iptables mmdebstrap)

# unpack FOLDER: the files of these packages of Debian, and of all that they need and this machine lacks.
unpack() {
  local folder=$1 state=$1/state package names
  local apt=(-qq -o "Dir::State=$state" -o "Dir::State::Lists=$state/lists" -o "Dir::Cache=$state" -o Debug::NoLocking=1 -o APT::Sandbox::User=)
  rm -rf "$folder"
  mkdir -p "$state"/{lists,archives}/partial
  apt-get "${apt[@]}" update || return
  mapfile -t names < <(apt-get "${apt[@]}" -qq=0 -s install --no-install-recommends "${packages[@]}" | awk '/^Inst / { print $2 }')
  ((${#names[@]})) || return
  (cd "$state/archives" && apt-get "${apt[@]}" download "${names[@]}") || return
  for package in "$state"/archives/*.deb; do dpkg-deb -x "$package" "$folder" || return; done
  rm -rf "$state"
}

# base SUITE: .tools/bases/SUITE.tar, the smallest Debian that has apt.
base() {
  local file=.tools/bases/$1.tar
  PATH=$PATH:.tools/podman/usr/bin mmdebstrap --mode=root --variant=apt --include=ca-certificates \
    --aptopt='APT::Install-Recommends "false"' --dpkgopt=force-unsafe-io --dpkgopt='path-exclude=/usr/share/doc/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' --dpkgopt='path-exclude=/usr/share/man/*' "$1" "$file.new.tar" || return
  mv "$file.new.tar" "$file"
}

if [[ $(id -u) != 0 ]] || ! unshare --mount --pid --net --fork true 2>/dev/null; then
  unavailable 'Containers need root, and namespaces of their own.'
fi
grep -qw overlay /proc/filesystems || unavailable 'The kernel has no overlay file system.'
command -v apt-get >/dev/null || unavailable 'This system has no packages of Debian.'

if [[ ! -d .tools/podman ]]; then
  (step 'podman' unpack "$(realpath .tools)/podman.new") || unavailable 'Podman cannot be had from Debian.'
  mv .tools/podman.new .tools/podman
fi
mkdir -p .tools/bases
for suite in bookworm trixie; do
  [[ -f .tools/bases/$suite.tar ]] || (step "Debian $suite" base "$suite") ||
    unavailable "The packages of Debian's $suite cannot be had."
done

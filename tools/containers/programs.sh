#!/usr/bin/env bash
# Puts Podman with all that it needs under .tools/podman, and the files of two releases of Debian, from
# which the base images are made, under .tools/bases. Installs nothing: inside.sh shows these files as
# if they were installed. Status 3: this machine cannot have them. Needs root, as Podman does here.
source "$(dirname "$0")/../lib.sh"
source tools/debian.sh

unavailable() {
  say "$*" >&2
  exit 3
}

# What netavark and aardvark-dns need is a part of what Podman needs.
packages=(podman netavark aardvark-dns iptables mmdebstrap)

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

stamp=$(stamp_of "${packages[@]}")
made_with .tools/podman "$stamp" || (step 'podman' replace .tools/podman "$stamp" fill_debian + "${packages[@]}") ||
  unavailable 'Podman cannot be had from Debian.'
mkdir -p .tools/bases
for suite in bookworm trixie; do
  [[ -f .tools/bases/$suite.tar ]] || (step "Debian $suite" base "$suite") ||
    unavailable "The packages of Debian's $suite cannot be had."
done

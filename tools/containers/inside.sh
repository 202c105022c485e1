#!/usr/bin/env bash
# Runs a command in which Podman is as if it was installed, and in which nothing of it reaches this
# machine. Start it in new namespaces; all processes end with the command:
#   unshare --mount --pid --fork --kill-child tools/containers/inside.sh COMMAND…
# Images and containers are in $CONTAINERS_STORAGE.
set -euo pipefail
: "${CONTAINERS_STORAGE:?}"
packages=$(realpath "$(dirname "$0")/../../.tools/podman")

mount --make-rprivate /
mount -t proc proc /proc
mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs /dev/shm
# crun refuses this machine's mixture of both versions. The containers have no groups of their own.
mount -t cgroup2 cgroup2 /sys/fs/cgroup
# The layer on top is in memory.
mkdir /run/layer
mount -t tmpfs tmpfs /run/layer
for folder in usr etc; do
  mkdir /run/layer/{$folder,$folder.work}
  mount -t overlay overlay -o "lowerdir=$packages/$folder:/$folder,upperdir=/run/layer/$folder,workdir=/run/layer/$folder.work" "/$folder"
done
ln -sf xtables-nft-multi /usr/sbin/iptables
ln -sf xtables-nft-multi /usr/sbin/ip6tables

# Podman's own limits are higher than those that a root without CAP_SYS_RESOURCE may set.
cat >/etc/containers/containers.conf <<C
[containers]
cgroups = "disabled"
log_driver = "k8s-file"
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
[network]
network_backend = "netavark"
C
cat >/etc/containers/storage.conf <<C
[storage]
driver = "overlay"
graphroot = "$CONTAINERS_STORAGE"
runroot = "/run/containers/storage"
C
echo '{"default": [{"type": "insecureAcceptAnything"}]}' >/etc/containers/policy.json
# A name without a registry is one of Docker's, as for Docker.
echo 'unqualified-search-registries = ["docker.io"]' >/etc/containers/registries.conf
"$@"

#!/usr/bin/env bash
# the disk of a machine and its systemd, as a container has them: boot.sh FOLDER LAYER… [-- COMMAND…]
#
# The disk is an overlay at FOLDER/root: the layers below (the first is the lowest), and in
# FOLDER/disk what this machine wrote itself. So a machine costs what it differs by, and a power cut
# keeps its disk. With a command the disk alone is there, and it runs in a chroot; without, systemd
# boots and becomes this process: SIGRTMIN+3 switches it off, SIGKILL is the power cut.
#
# Run it in a mount namespace of its own, to boot in those of PIDs, UTS, IPC and control groups as
# well; the network stays as it is, so that a host of the lab boots. What is mounted goes with the
# namespace.
set -euo pipefail

folder=$1
shift
layers=
while [[ $# -gt 0 && $1 != -- ]]; do
  layers=$1${layers:+:$layers} # the kernel wants the topmost first
  shift
done
root=$folder/root
mkdir -p "$folder"/{disk,work,root}
mount --make-rprivate /
# With an index the kernel refuses a second mount of a disk that a machine still runs on.
if ! mount -t overlay -o "lowerdir=$layers,upperdir=$folder/disk,workdir=$folder/work,index=on" \
  overlay "$root"; then
  echo "boot.sh: $folder cannot be the upper side of an overlay. Where it is itself on an overlay (in a" \
    "container), set TMPDIR to a folder on ext4, xfs or tmpfs." >&2
  exit 1
fi
mount -t proc proc "$root/proc"

if [[ $# -gt 0 ]]; then
  shift
  exec chroot "$root" "$@"
fi

mount -t tmpfs -o mode=755 tmpfs "$root/run"
mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
# Read-only, as every container has it: systemd's network daemon then waits for no udev.
mount -t sysfs -o ro sysfs "$root/sys"
# Units get their control groups: where the kernel has version 1, in a hierarchy that only names them.
if grep -q 'name=systemd' /proc/self/cgroup; then
  mount -t tmpfs -o mode=755 tmpfs "$root/sys/fs/cgroup"
  mkdir "$root/sys/fs/cgroup/systemd"
  mount -t cgroup -o none,name=systemd cgroup "$root/sys/fs/cgroup/systemd"
else
  mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
fi
# Device nodes are those that debootstrap made: PrivateDevices wants no mount at /dev.
mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"
# Units with mounts of their own (PrivateTmp, ProtectSystem) want the real root here, not a chroot.
cd "$root"
pivot_root . .
umount -l .
# TITAN_RUN: by it a run that ends finds a machine it left on.
exec env -i container=titan-lab PATH=/usr/sbin:/usr/bin:/sbin:/bin ${TITAN_RUN:+TITAN_RUN="$TITAN_RUN"} \
  /lib/systemd/systemd --log-target=journal --show-status=0

#!/usr/bin/env bash
# boots the systemd of a root folder, as a container does: boot.sh ROOT
#
# Run it in namespaces of its own (PIDs, mounts, UTS, IPC); the network stays as it is, so that a
# host of the lab boots. What is mounted goes with the namespace. systemd becomes this process.
# SIGRTMIN+3 switches it off, SIGKILL is the power cut.
set -euo pipefail

root=$1
mount --make-rprivate /
mount --bind "$root" "$root"
mount -t proc proc "$root/proc"
mount -t tmpfs -o mode=755 tmpfs "$root/run"
mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
mount --rbind /sys "$root/sys"
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
exec env -i container=titan-lab PATH=/usr/sbin:/usr/bin:/sbin:/bin \
  /lib/systemd/systemd --log-target=journal --show-status=0

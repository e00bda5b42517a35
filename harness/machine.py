"""A machine that boots: a bare Debian 12 with its own systemd, in one host of the lab.

What a package does when it is installed and what a unit may do in its sandbox can be tried only
where systemd runs. It does in namespaces of its own (lab/boot.sh); the network is the lab host's.
"""

import asyncio
import contextlib
import os
import pathlib
import shutil
import signal
import subprocess

from harness.lab import ROOT
from harness.waiting import wait_until

BOOT = ROOT / "lab" / "boot.sh"
CGROUPS = pathlib.Path("/sys/fs/cgroup")
if (CGROUPS / "systemd").is_dir():  # version 1
    CGROUPS /= "systemd"
# Made once for all tests of a run, copied for each machine.
BARE = ROOT / "build" / "bare-debian-12"
# What every machine of a shop has, and what `apt install titan-pos` recommends.
SYSTEM = ("systemd-sysv", "dbus", "avahi-daemon", "postgresql-15")
ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND": "noninteractive",
               "LC_ALL": "C.UTF-8", "TMPDIR": "/tmp"}


def bare_root():
    """The folder of a Debian 12 without anything of ours, made at first need (about a minute)."""
    if not (BARE / "ready").exists():
        shutil.rmtree(BARE, ignore_errors=True)
        BARE.mkdir(parents=True)
        call("debootstrap", "--variant=minbase", "bookworm", str(BARE / "root"), mirror())
        in_root = ["chroot", str(BARE / "root")]
        # Nothing may start in a folder that nobody booted.
        never = BARE / "root" / "usr" / "sbin" / "policy-rc.d"
        never.write_text("#!/bin/sh\nexit 101\n")
        never.chmod(0o755)
        shutil.copy("/etc/resolv.conf", BARE / "root" / "etc" / "resolv.conf")
        no_cluster = BARE / "root" / "etc" / "postgresql-common" / "createcluster.conf"
        no_cluster.parent.mkdir()
        no_cluster.write_text("create_main_cluster = false\n")
        call(*in_root, "apt-get", "install", "-y", "--no-install-recommends",
             "-o", "Dpkg::Options::=--force-confold", *SYSTEM)
        call(*in_root, "apt-get", "clean")
        (BARE / "ready").touch()
    return BARE / "root"


def mirror():
    """Where this machine gets its own Debian from."""
    targets = call("apt-get", "indextargets", "--format", "$(SITE) $(CODENAME)",
                   "Created-By: Packages")
    return next(line.split()[0] for line in targets.splitlines() if line.endswith(" bookworm"))


def call(*argv):
    done = subprocess.run(argv, env={**os.environ, **ENVIRONMENT}, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert done.returncode == 0, f"{' '.join(argv)}: {done.returncode}\n{done.stdout[-3000:]}"
    return done.stdout


class Machine:
    def __init__(self, lab, host, packages=()):
        """Off, with `packages` (files) installed, as a disk image delivered to the shop is."""
        self.lab, self.host = lab, host
        self.root = lab.folder / f"machine-{host}"
        self._cgroup = CGROUPS / f"{lab.prefix}-{host}"
        self._process = None
        lab.end_with(self)
        subprocess.run(["cp", "-a", "--reflink=auto", str(bare_root()), str(self.root)], check=True)
        if packages:
            self.deliver(*packages)
            call("chroot", str(self.root), "apt-get", "install", "-y", "--no-install-recommends",
                 *(f"/opt/{pathlib.Path(package).name}" for package in packages))
        (self.root / "usr/sbin/policy-rc.d").unlink()
        (self.root / "etc/hostname").write_text(f"till-{host}\n")

    def deliver(self, *packages):
        """Files into /opt, as from a stick."""
        for package in packages:
            shutil.copy(package, self.root / "opt")

    async def boot(self):
        self._cgroup.mkdir(exist_ok=True)
        # The control group first: in a network namespace /sys shows none.
        argv = self.lab.command(self.host, "unshare", "--pid", "--fork", "--kill-child", "--mount",
                                "--uts", "--ipc", "--cgroup", BOOT, self.root)
        self._process = await self.lab.start_here(
            self.host, f"machine-{self.host}", "sh", "-c",
            f'echo $$ >{self._cgroup}/cgroup.procs && exec "$@"', "sh", *argv)
        await wait_until(self._is_up, 30, f"systemd of machine {self.host} is up")
        return self

    async def _is_up(self):
        self._process.assert_running()
        code, output, _ = await self.run("systemctl", "is-system-running")
        return output.strip() in ("running", "degraded") and code in (0, 1)

    @property
    def init(self):
        """The process number of its systemd, here; an error before that runs."""
        children = pathlib.Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children")
        child = children.read_text().split()[0]
        name = pathlib.Path(f"/proc/{child}/comm").read_text().strip()
        assert name == "systemd", f"machine {self.host} is at {name}"
        return int(child)

    async def run(self, *argv, seconds=60):
        """A command on the running machine: (exit code, output, errors)."""
        environment = [f"{key}={value}" for key, value in ENVIRONMENT.items()]
        return await self.lab.run(self.host, "nsenter", "-t", self.init, "-m", "-p", "-u", "-i", "-C",
                                  "env", "-i", *environment, *argv, seconds=seconds)

    async def must(self, *argv, seconds=60):
        code, output, errors = await self.run(*argv, seconds=seconds)
        assert code == 0, f"{' '.join(map(str, argv))}: {code}\n{output}\n{errors}"
        return output

    async def close(self):
        if self._process:
            await self.cut_power()

    async def cut_power(self):
        """Everything on it is gone in the same moment."""
        with contextlib.suppress(OSError, LookupError, AssertionError):  # it may not run
            os.kill(self.init, signal.SIGKILL)  # the rest of its namespace goes with it
        await self._process.kill()
        self._process = None
        await wait_until(self._is_empty, 10, f"nothing of machine {self.host} runs")
        for folder in sorted(self._cgroup.rglob("*/"), reverse=True):
            folder.rmdir()
        self._cgroup.rmdir()

    async def _is_empty(self):
        await asyncio.sleep(0)
        return not any((folder / "cgroup.procs").read_text()
                       for folder in [self._cgroup, *self._cgroup.rglob("*/")])

"""A machine that boots: a bare Debian 12 with its own systemd, in one host of the lab.

What a package does when it is installed and what a unit may do in its sandbox can be tried only
where systemd runs. It does in namespaces of its own (qa/netlab/boot.sh); the network is the lab host's.

Its disk is an overlay: the bare Debian and the packages, made once for all, and what this machine
wrote. It is mounted in the machine's namespace alone, so nothing has to be unmounted here.
"""

import asyncio
import contextlib
import fcntl
import hashlib
import os
import pathlib
import shutil
import signal
import subprocess

from qa.harness.lab import ROOT
from qa.harness.waiting import wait_until

BOOT = ROOT / "qa" / "netlab" / "boot.sh"
CGROUPS = pathlib.Path("/sys/fs/cgroup")
if (CGROUPS / "systemd").is_dir():  # version 1
    CGROUPS /= "systemd"
# Made once; the lowest layer of every machine.
BARE = ROOT / "build" / "bare-debian-12"
LAYERS = ROOT / "build" / "machine-layers"
# What every machine of a shop has, and what `apt install titan-pos` recommends.
SYSTEM = ("systemd-sysv", "dbus", "avahi-daemon", "postgresql-15", "curl")
INOTIFY = pathlib.Path("/proc/sys/fs/inotify/max_user_instances")
INOTIFY_PER_MACHINE = 16  # 9 were counted
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


def layers_with(packages):
    """The layers of a disk with these packages (files) installed, the lowest first."""
    LAYERS.mkdir(parents=True, exist_ok=True)
    with open(LAYERS / "lock", "w") as lock:  # test files run side by side
        fcntl.flock(lock, fcntl.LOCK_EX)
        return made_layers_with(packages)


def made_layers_with(packages):
    bare = bare_root()
    content = hashlib.sha256(str((BARE / "ready").stat().st_mtime_ns).encode())
    for package in packages:
        content.update(pathlib.Path(package).read_bytes())
    names = "-".join(pathlib.Path(package).name.split("_")[0] for package in packages) or "plain"
    layer = LAYERS / f"{names}.{content.hexdigest()[:16]}"
    if not (layer / "ready").exists():
        for older in LAYERS.glob(f"{names}.*"):
            shutil.rmtree(older)
        layer.mkdir(parents=True)
        for package in packages:
            write_off(layer, [bare], f"/opt/{pathlib.Path(package).name}",
                      pathlib.Path(package).read_bytes())
        if packages:
            call_off(layer, [bare], "apt-get", "install", "-y", "--no-install-recommends",
                     *(f"/opt/{pathlib.Path(package).name}" for package in packages))
        call_off(layer, [bare], "rm", "/usr/sbin/policy-rc.d")
        (layer / "ready").touch()
    return [bare, layer / "disk"]


def mirror():
    """Where this machine gets its own Debian from."""
    targets = call("apt-get", "indextargets", "--format", "$(SITE) $(CODENAME)",
                   "Created-By: Packages")
    return next(line.split()[0] for line in targets.splitlines() if line.endswith(" bookworm"))


def call(*argv, content=None):
    done = subprocess.run(argv, env={**os.environ, **ENVIRONMENT}, input=content,
                          stdin=subprocess.DEVNULL if content is None else None,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    said = done.stdout.decode(errors="replace")
    assert done.returncode == 0, f"{' '.join(argv)}: {done.returncode}\n{said[-3000:]}"
    return said


def call_off(folder, layers, *argv, content=None):
    """A command on the disk in `folder`, whose machine is off."""
    return call("unshare", "--mount", "--pid", "--fork", "--kill-child", str(BOOT), str(folder),
                *map(str, layers), "--", *argv, content=content)


def writing(path, mode, owner):
    """The command that takes a file's content from its standard input."""
    user, group = owner.split(":")
    return ["install", "-D", "-m", mode, "-o", user, "-g", group, "/dev/stdin", str(path)]


def write_off(folder, layers, path, content, mode="0644", owner="root:root"):
    call_off(folder, layers, *writing(path, mode, owner), content=content)


@contextlib.contextmanager
def room_for(machines):
    """So many machines may run at once: their systemds share one limit of the kernel, that of
    watches on folders a user may have. It is as before afterwards."""
    before = INOTIFY.read_text()
    INOTIFY.write_text(str(max(int(before), INOTIFY_PER_MACHINE * machines)))
    try:
        yield
    finally:
        INOTIFY.write_text(before)


class Machine:
    def __init__(self, lab, host, packages=()):
        """Off, with `packages` (files) installed, as a disk image delivered to the shop is."""
        self.lab, self.host = lab, host
        self.folder = lab.folder / f"machine-{host}"
        self.folder.mkdir()
        self._layers = layers_with(packages)
        self._cgroup = CGROUPS / f"{lab.prefix}-{host}"
        self._process = None
        lab.end_with(self)
        write_off(self.folder, self._layers, "/etc/hostname", f"till-{host}\n".encode())

    @property
    def is_on(self):
        return self._process is not None

    # --- the disk, on or off ---

    async def write(self, path, content, mode="0644", owner="root:root"):
        """A whole file; folders above it are made."""
        content = content.encode() if isinstance(content, str) else content
        await self.must(*writing(path, mode, owner), content=content)

    async def deliver(self, *packages):
        """Files into /opt, as from a stick."""
        for package in packages:
            await self.write(f"/opt/{pathlib.Path(package).name}", pathlib.Path(package).read_bytes())

    def keep_disk(self):
        """What this machine wrote until now; it is off. For put_disk_back()."""
        assert not self.is_on
        shutil.rmtree(self.folder / "kept", ignore_errors=True)
        subprocess.run(["cp", "-a", self.folder / "disk", self.folder / "kept"], check=True)

    def put_disk_back(self):
        assert not self.is_on
        for used in ("disk", "work"):  # what the kernel notes in the second belongs to the first
            shutil.rmtree(self.folder / used)
        subprocess.run(["cp", "-a", self.folder / "kept", self.folder / "disk"], check=True)

    # --- power ---

    async def boot(self, wait=True):
        """Power on; by default until systemd is done."""
        self._cgroup.mkdir(exist_ok=True)
        # The control group first: in a network namespace /sys shows none.
        argv = self.lab.command(self.host, "unshare", "--pid", "--fork", "--kill-child", "--mount",
                                "--uts", "--ipc", "--cgroup", BOOT, self.folder, *self._layers)
        self._process = await self.lab.start_here(
            self.host, f"machine-{self.host}", "sh", "-c",
            f'echo $$ >{self._cgroup}/cgroup.procs && exec "$@"', "sh", *argv)
        if wait:
            await wait_until(self._is_up, 30, f"systemd of machine {self.host} is up", every=0.1)
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

    async def run(self, *argv, seconds=60, content=None):
        """A command on the machine; of one that is off, on its disk: (exit code, output, errors)."""
        if not self.is_on:
            return await self.lab.run_here(
                "unshare", "--mount", "--pid", "--fork", "--kill-child", BOOT, self.folder,
                *self._layers, "--", "env", "-i", *_environment(), *argv, seconds=seconds,
                stdin=content)
        return await self.lab.run(self.host, "nsenter", "-t", self.init, "-m", "-p", "-u", "-i", "-C",
                                  "env", "-i", *_environment(), *argv, seconds=seconds,
                                  stdin=content)

    async def must(self, *argv, seconds=60, content=None):
        code, output, errors = await self.run(*argv, seconds=seconds, content=content)
        assert code == 0, f"{' '.join(map(str, argv))}: {code}\n{output}\n{errors}"
        return output

    async def close(self):
        if self.is_on:
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


def _environment():
    return [f"{key}={value}" for key, value in ENVIRONMENT.items()]

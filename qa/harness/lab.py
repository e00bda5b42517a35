"""A lab: one LAN of qa/netlab (network namespaces) for one test, benchmark or demo run.

Host numbers run from 1; host I is 10.77.0.I, and fd77::I. Every lab has a prefix of its own, so several run
side by side. Without the right to make namespaces a lab can still be made with isolated=False:
every host is then this machine's loopback, nothing can be cut, and ports must differ by host.
"""

import asyncio
import contextlib
import itertools
import os
import pathlib
import shutil
import socket
import subprocess
import tempfile

from qa.harness.forward import Forward
from qa.harness.http import HttpClient
from qa.harness.namespace import Namespace, OwnNamespace
from qa.harness.process import Process, run_to_end

ROOT = pathlib.Path(__file__).resolve().parents[2]
NETLAB = ROOT / "qa" / "netlab" / "netlab.sh"
AVAHI = ROOT / "qa" / "netlab" / "avahi-in-netns.sh"
_serial = itertools.count(1)


def can_make_namespaces():
    """Whether this process may make network namespaces (root, with the tools at hand)."""
    if os.geteuid() != 0 or not all(shutil.which(tool) for tool in ("ip", "nft", "unshare")):
        return False
    return subprocess.run(["unshare", "--net", "true"], capture_output=True).returncode == 0


def binaries():
    """The folder with titan-pos and titan-cloud: TITAN_BIN, else the release build."""
    return pathlib.Path(os.environ.get("TITAN_BIN") or ROOT / "build" / "release" / "bin")


class LabError(Exception):
    pass


class Lab:
    """Own it with `async with Lab() as lab`: everything started through it ends with it."""

    def __init__(self, isolated=True, folder=None):
        owner = os.environ.get("TITAN_LAB") or os.environ.get("TITAN_RUN") or f"tl{os.getpid()}"
        self.prefix = f"{owner}x{next(_serial)}"
        self.isolated = isolated
        self.hosts = []
        self.processes = []
        self._own_folder = folder is None
        self.folder = pathlib.Path(folder or tempfile.mkdtemp(prefix=f"titan-lab-{self.prefix}-"))
        self.folder.chmod(0o755)  # the private PostgreSQL runs as another user
        self._namespaces = {}
        self._addresses = {}  # of hosts that have another one
        self._closing = []
        self._environment = {**os.environ, "NETLAB": self.prefix, "NETLAB_OWNER": str(os.getpid())}

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        await self.close()

    # --- hosts ---

    async def create(self, hosts):
        """Makes hosts 1..hosts. Once per lab."""
        assert not self.hosts, "this lab has its hosts already"
        if self.isolated:
            await self._netlab("create", hosts)
        self.hosts = list(range(1, hosts + 1))

    def address(self, host):
        """Where other hosts reach this one."""
        return self._addresses.get(host, f"10.77.0.{host}") if self.isolated else "127.0.0.1"

    def port(self, host, usual):
        """The port a host's program listens on. In a namespace the usual one is free; on loopback
        each host has its own, and another one where some program of this machine has it."""
        if self.isolated:
            return usual
        with contextlib.closing(socket.socket()) as probe:
            for wanted in (usual + host, 0):
                with contextlib.suppress(OSError):
                    probe.bind(("127.0.0.1", wanted))
                    break
            return probe.getsockname()[1]

    def namespace(self, host):
        """The namespace of a host, for sockets made by this process."""
        if not self.isolated:
            return OwnNamespace()
        if host not in self._namespaces:
            self._namespaces[host] = Namespace(f"{self.prefix}-h{host}")
        return self._namespaces[host]

    def command(self, host, *argv):
        """The command line that runs argv in a host; it becomes argv by exec."""
        if not self.isolated:
            return [str(word) for word in argv]
        return [str(NETLAB), "run", str(host), *(str(word) for word in argv)]

    def environment(self, host):
        """Variables for a process in a host. D-Bus: the host's own bus, never the machine's."""
        bus = f"/run/netlab-{self.prefix}/avahi-{host if self.isolated else 'lo'}/bus"
        return {"NETLAB": self.prefix, "DBUS_SYSTEM_BUS_ADDRESS": f"unix:path={bus}"}

    async def start(self, host, name, *argv, log=None):
        """Starts a daemon in a host; its log is FOLDER/NAME.log."""
        return await self.start_here(host, name, *self.command(host, *argv), log=log)

    async def start_here(self, host, name, *argv, log=None):
        """The same where argv goes into the host by itself."""
        process = Process(name, argv, log or self.folder / f"{name}.log", self.environment(host))
        self.processes.append(process)
        return await process.start()

    async def run(self, host, *argv, seconds=30, stdin=None):
        """Runs a command in a host to its end: (exit code, standard output, standard error)."""
        return await self.run_here(*self.command(host, *argv), seconds=seconds, stdin=stdin,
                                   environment=self.environment(host))

    async def run_here(self, *argv, seconds=30, stdin=None, environment=None):
        """The same on this machine, or where argv goes into a host by itself."""
        try:
            return await run_to_end(*argv, seconds=seconds, environment=environment, stdin=stdin)
        except asyncio.TimeoutError:
            raise AssertionError(f"{' '.join(map(str, argv))}: still running after {seconds} s") from None

    def end_with(self, closing):
        """Calls `await closing.close()` before anything else of this lab ends."""
        self._closing.append(closing)

    def http(self, host, port, address="127.0.0.1", **options):
        """A client that sits in a host and talks to `address` there."""
        client = HttpClient(address, port, self.namespace(host), **options)
        self._closing.append(client)
        return client

    async def publish(self, host, port, local_port=0):
        """Makes a host's 127.0.0.1:port reachable on this machine's loopback: its local port."""
        forward = Forward(self.namespace(host), "127.0.0.1", port)
        self._closing.append(forward)
        return await forward.start(local_port)

    # --- the network between them ---

    async def partition(self, *groups):
        """Only hosts of the same group reach each other: partition([1, 2], [3, 4, 5]).

        Hosts in no group form one more. Replaces every earlier partition and cut."""
        await self._netlab("partition", *map(_names, groups))

    async def cut(self, *groups):
        """Cuts groups apart in addition; hosts not named still reach all: cut([1, 2], [3])."""
        await self._netlab("cut", *map(_names, groups))

    async def mend(self, *groups):
        """Undoes a cut between these groups."""
        await self._netlab("mend", *map(_names, groups))

    async def isolate(self, host):
        """Cuts one host off from all others."""
        await self.cut([host], [other for other in self.hosts if other != host])

    async def oneway(self, sender, receiver):
        """IP from sender no longer reaches receiver; the other way works. TCP dies both ways."""
        await self._netlab("oneway", sender, receiver)

    async def ways(self, cut=(), oneway=(), mute=()):
        """Exactly these pairs of hosts: cut both ways; no IP from the first to the second; no
        multicast. Replaces partition, cut and oneway at one stroke."""
        words = []
        for kind, pairs in (("cut", cut), ("oneway", oneway), ("mute", mute)):
            words += [kind, *(f"{one}-{other}" for one, other in pairs)]
        await self._netlab("ways", *words)

    async def reset_connections(self, host, others):
        """Every TCP connection of a host with these others is reset on both ends."""
        for other in others:
            await self.run(host, "ss", "-K", "dst", self.address(other))

    async def loss(self, sender, receiver, percent):
        """Drops a share of the frames in one direction; 0 ends it."""
        await self._netlab("loss", sender, receiver, percent)

    async def heal(self):
        """Undoes partition, cut, oneway and loss."""
        await self._netlab("heal")

    async def netem(self, host, direction="both", **settings):
        """delay, jitter (ms), loss, dup, reorder (%), rate (kbit/s), seed on a host's cable."""
        await self._netlab("netem", host, direction, *(f"{k}={v}" for k, v in settings.items()))

    async def netem_off(self, host):
        await self._netlab("netem", host, "off")

    async def unplug(self, host):
        """The host sees its cable pulled (a cut is silent instead)."""
        await self._netlab("down", host)

    async def plug(self, host):
        await self._netlab("up", host)

    async def readdress(self, host, address):
        """Another IPv4 address at one stroke, as a new lease brings it; None: none any more."""
        await self._netlab("address", host, address or "none")
        if address:
            self._addresses[host] = address

    async def kill_host(self, host):
        """kill -9 of everything in a host at once."""
        await self._netlab("killhost", host)

    async def network_status(self):
        return await self._netlab("status")

    # --- mDNS ---

    async def start_avahi(self, *hosts):
        """A private D-Bus and Avahi daemon in each host (default: all), started together."""
        places = [str(host) for host in hosts or self.hosts] if self.isolated else ["lo"]
        await asyncio.gather(*(self._script(AVAHI, "start", place) for place in places))

    async def stop_avahi(self, host):
        """Politely: services are withdrawn."""
        await self._script(AVAHI, "stop", host)

    async def kill_avahi(self, host):
        await self._script(AVAHI, "kill", host)

    # --- the end ---

    async def close(self):
        """Ends every process and removes the hosts. The folder stays: see remove_folder."""
        failures = []
        for closing in self._closing:
            try:
                await closing.close()
            except Exception as failure:  # the others are to end all the same
                failures.append(failure)
        self._closing.clear()
        for process in self.processes:
            process.resume()
            await process.kill()
        self.destroy_now()
        if failures:
            raise failures[0]

    def destroy_now(self):
        """The part of close() that needs no event loop, for the way out after Ctrl-C."""
        for namespace in self._namespaces.values():
            namespace.close()
        self._namespaces.clear()
        if os.geteuid() == 0:
            subprocess.run([NETLAB, "destroy"], env=self._environment, start_new_session=True)

    def remove_folder(self):
        if self._own_folder:
            shutil.rmtree(self.folder, ignore_errors=True)

    async def _netlab(self, *words):
        if not self.isolated:
            raise LabError(f"'{words[0]}' needs network namespaces, and this lab is on loopback")
        return await self._script(NETLAB, *words)

    async def _script(self, script, *words):
        child = await asyncio.create_subprocess_exec(
            str(script), *map(str, words), env=self._environment, stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, start_new_session=True)
        output, errors = await child.communicate()
        if child.returncode != 0:
            raise LabError(f"{script.name} {' '.join(map(str, words))} failed:\n"
                           f"{errors.decode(errors='replace')}")
        return output.decode(errors="replace")


def _names(hosts):
    return ",".join(str(host) for host in hosts)

"""Selling while a host of the LAN floods a till, side by side with selling in peace.

    sudo /usr/bin/python3 qa/bench/flooded.py [--rounds N] [--seconds S] [--rate R]

Two tills that find each other by mDNS; the flood comes from a third host, which holds no key:

  connections    opened and left silent
  greetings      opened, a greeting and 64 kB of a command that never ends (0.5 Gbit/s at 1,000/s)
  announcements  of tills of this store that do not exist

`--rate` of them a second. The flood runs on the till's own processors here, which it does not in a
shop. So each round has three parts: peace, the same flood at a bystander (a sink on the third host;
announcements of another store), and the flood at the till. What the till pays is the difference of
the last two. Prints the p50 and p99 of a sale posted to the till's own API, the processor time of
the till, and its memory before, at most, and 10 s after the last flood.
"""

import argparse
import asyncio
import os
import pathlib
import statistics
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "end_to_end")]

from qa.harness.lab import Lab  # noqa: E402
from qa.harness.store import Store  # noqa: E402
from hostile_host import FRAME_BYTES, MDNS, ZMTP_GREETING, announcement  # noqa: E402

SALE = {"sku": "p", "quantity": "1", "charged_unit_price": "1"}
GREETING = ZMTP_GREETING + b"\x06" + FRAME_BYTES.to_bytes(8, "big") + bytes(64 * 1024)
BYSTANDER_PORT = 9
PARTS = ("peace", "bystander", "till")

# Both run in the third host. The sink keeps what it accepts open for a while, as the till does.
SINK = """
import collections, socket, sys
door, kept = socket.create_server((sys.argv[1], int(sys.argv[2])), backlog=128), collections.deque()
while True:
    kept.append(door.accept()[0])
    if len(kept) > 32:
        kept.popleft().close()
"""
FLOOD = """
import collections, socket, sys, time
kind, address, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
rate, seconds, own = float(sys.argv[4]), float(sys.argv[5]), sys.argv[6]
payloads = [bytes.fromhex(line) for line in sys.stdin.read().split()]
made, fresh, count, begun = collections.deque(), collections.deque(), 0, time.monotonic()

def connect():
    made.append(socket.socket())
    made[-1].setblocking(False)
    made[-1].connect_ex((address, port))
    fresh.append((time.monotonic(), made[-1]))
    if len(made) > 400:
        made.popleft().close()

if kind == "announcements":
    caster = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    caster.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 255)
    caster.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(own))
    caster.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    caster.bind(("", port))
while time.monotonic() - begun < seconds:
    while count < (time.monotonic() - begun) * rate:
        if kind == "announcements":
            caster.sendto(payloads[count % len(payloads)], (address, port))
        else:
            connect()
        count += 1
    while payloads and fresh and time.monotonic() - fresh[0][0] > 0.003:
        try:
            fresh.popleft()[1].send(payloads[0])
        except OSError:
            pass
    time.sleep(0.001)
print(count)
"""


class Flood:
    def __init__(self, lab, host, kind, arguments):
        self.lab, self.host, self.kind, self.arguments = lab, host, kind, arguments

    def _start(self, script, *words, **options):
        argv = self.lab.command(self.host, sys.executable, "-c", script, *map(str, words))
        return subprocess.Popen(argv, text=True, env={**os.environ, **self.lab.environment(self.host)},
                                **options)

    def start(self, till, settings, part):
        own = self.lab.address(self.host)
        payloads, place = [], till.mesh_address.split(":")
        if self.kind == "announcements":
            if part == "bystander":
                settings = {**settings, "store": "another"}
            payloads = [announcement(settings, f"fake-{port}", own, port)
                        for port in range(20_000, 20_400)]
            place = MDNS
        else:
            if self.kind == "greetings":
                payloads = [GREETING]
            if part == "bystander":
                self.sink = self._start(SINK, own, BYSTANDER_PORT)
                place = own, BYSTANDER_PORT
        self.flood = self._start(FLOOD, self.kind, *place, self.arguments.rate,
                                 self.arguments.seconds + 1, own,
                                 stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.flood.stdin.write("\n".join(payload.hex() for payload in payloads))
        self.flood.stdin.close()

    def end(self):
        count = int(self.flood.stdout.read() or 0)
        self.flood.wait()
        sink = self.__dict__.pop("sink", None)
        if sink:
            sink.kill()
            sink.wait()
        return count


async def sell(till, seconds, latencies):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        begun = time.monotonic()
        await till.sell(SALE)
        latencies.append((time.monotonic() - begun) * 1000)
        await asyncio.sleep(0.01)


def p99(values):
    return sorted(values)[int(len(values) * 0.99)]


async def measure(lab, store, kind, arguments):
    till = store.tills[0]
    latencies = {part: [] for part in PARTS}
    cpu = dict.fromkeys(PARTS, 0.0)
    sent, peak, before = 0, 0, till.process.memory_kib()
    flood = Flood(lab, 3, kind, arguments)
    for _ in range(arguments.rounds):
        for part in PARTS:
            if part != "peace":
                flood.start(till, store.settings, part)
                await asyncio.sleep(0.5)
            spent = till.process.cpu_seconds()
            await sell(till, arguments.seconds, latencies[part])
            cpu[part] += till.process.cpu_seconds() - spent
            peak = max(peak, till.process.memory_kib())
            if part != "peace":
                count = await asyncio.to_thread(flood.end)
                sent += count if part == "till" else 0
    await asyncio.sleep(10)
    seconds = arguments.rounds * arguments.seconds
    print(f"{kind}, {sent / (seconds + arguments.rounds):.0f} a second")
    middle = statistics.median(latencies["bystander"])
    for part in PARTS:
        values = latencies[part]
        p50 = statistics.median(values)
        print(f"  {part:10} p50 {p50:6.2f} ms ({p50 / middle - 1:+4.0%})   p99 {p99(values):6.2f} ms   "
              f"processor {cpu[part] / seconds:4.0%}   {len(values)} sales")
    print(f"  memory {before / 1024:.1f} MiB, at most {peak / 1024:.1f}, "
          f"afterwards {till.process.memory_kib() / 1024:.1f}", flush=True)


async def run(arguments):
    async with Lab() as lab:
        await lab.create(3)
        await lab.start_avahi(1, 2)
        store = Store(lab)
        await store.open((1, 2), mdns=True)
        await store.wait_for_members(seconds=20)
        await sell(store.tills[0], 2, [])
        for kind in arguments.kinds.split(","):
            await measure(lab, store, kind, arguments)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=6)
    parser.add_argument("--rate", type=float, default=1000)
    parser.add_argument("--kinds", default="connections,greetings,announcements")
    asyncio.run(run(parser.parse_args()))


if __name__ == "__main__":
    main()

"""Selling while a host of the LAN floods a till, side by side with selling in peace.

    sudo /usr/bin/python3 benchmarks/flooded.py [--rounds N] [--seconds S] [--rate R]

Two tills; the flood comes from a third host, which holds no key: `connections` (opened, silent) or
`greetings` (a greeting and a megabyte less a byte), `rate` of them a second. Rounds of peace and flood take turns, so that whatever else the machine does hits
both. Prints p50 and p99 of a sale posted to the flooded till's own API, and its memory.
"""

import argparse
import asyncio
import os
import pathlib
import statistics
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "end_to_end")]

from harness.lab import Lab  # noqa: E402
from hostile_host import FRAME_BYTES, ZMTP_GREETING  # noqa: E402
from shop import GOODS, Shop  # noqa: E402

FLOOD = """
import socket, sys, time
address, port, rate, seconds, data = sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), float(sys.argv[4]), sys.argv[5]
payload = bytes.fromhex(data) + bytes(int(sys.argv[6]))
open_ones, begun, count = [], time.monotonic(), 0
while time.monotonic() - begun < seconds:
    due = int((time.monotonic() - begun) * rate) - count
    for _ in range(max(0, min(due, 50))):
        made = socket.socket()
        made.setblocking(False)
        try:
            made.connect((address, port))
        except BlockingIOError:
            pass
        except OSError:
            made.close()
            continue
        count += 1
        open_ones.append(made)
    for made in open_ones[-50:]:
        if payload:
            try:
                made.send(payload)
            except OSError:
                pass
    while len(open_ones) > 400:
        open_ones.pop(0).close()
    time.sleep(0.002)
print(count)
"""


async def sell(till, seconds, latencies):
    end = time.monotonic() + seconds
    turn = 0
    while time.monotonic() < end:
        begun = time.monotonic()
        await till.sell(GOODS[turn % len(GOODS)])
        latencies.append((time.monotonic() - begun) * 1000)
        turn += 1
        await asyncio.sleep(0.01)


def flood(shop, kind, rate, seconds):
    address, port = shop.tills[0].mesh_address.split(":")
    head = ZMTP_GREETING + b"\x06" + FRAME_BYTES.to_bytes(8, "big") if kind == "greetings" else b""
    rest = FRAME_BYTES - 1 if kind == "greetings" else 0
    argv = shop.lab.command(3, sys.executable, "-c", FLOOD, address, port, str(rate), str(seconds),
                            head.hex(), str(rest))
    return subprocess.Popen(argv, stdout=subprocess.PIPE, text=True,
                            env={**os.environ, **shop.lab.environment(3)})


def quantile(values, share):
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


async def measure(arguments):
    async with Lab() as lab:
        shop = await Shop.open(lab, 2, spare_hosts=1)
        till = shop.tills[0]
        await sell(till, 2, [])
        for kind in ("connections", "greetings"):
            peace, war, opened, peak = [], [], 0, 0
            before = till.process.memory_kib()
            for _ in range(arguments.rounds):
                await sell(till, arguments.seconds, peace)
                flooding = flood(shop, kind, arguments.rate, arguments.seconds + 1)
                await asyncio.sleep(0.5)
                await sell(till, arguments.seconds, war)
                peak = max(peak, till.process.memory_kib())
                opened += int(await asyncio.to_thread(lambda: flooding.communicate()[0]) or 0)
            await asyncio.sleep(6)
            after = till.process.memory_kib()
            rate = opened / (arguments.rounds * (arguments.seconds + 1))
            print(f"{kind:12} {rate:6.0f}/s  p50 {statistics.median(peace):.2f} -> "
                  f"{statistics.median(war):.2f} ms ({statistics.median(war) / statistics.median(peace) - 1:+.0%})"
                  f"  p99 {quantile(peace, .99):.2f} -> {quantile(war, .99):.2f} ms"
                  f"  memory {before} -> peak {peak} -> {after} KiB  ({len(peace)} and {len(war)} sales)",
                  flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=6)
    parser.add_argument("--rate", type=float, default=1000)
    asyncio.run(measure(parser.parse_args()))


if __name__ == "__main__":
    main()

"""What the benchmarks share: a lab of their own, a shop in it, the measuring programs."""

import asyncio
import base64
import contextlib
import json
import os

from qa.harness.lab import Lab, binaries
from qa.harness.store import Store
from qa.harness.waiting import wait_until

PRODUCTS = 200  # "B0000" ...: what qa/bench/support/till_driver.cpp sells
OPENING_STOCK = 1_000_000
IMPORT_CHUNK = 10_000


class Fault(Exception):
    """A benchmark could not be carried out; the text says why."""


class Context:
    """`quick`: fewer and shorter rounds, for a look; the figures are then rough."""

    def __init__(self, quick, keep):
        self.quick = quick
        self.keep = keep

    @contextlib.asynccontextmanager
    async def lab(self, hosts):
        """A lab with its hosts; ends everything in it. Says the end of the logs after a failure."""
        lab = Lab()
        try:
            await lab.create(hosts)
            yield lab
        except (Exception, asyncio.CancelledError) as error:
            if not isinstance(error, asyncio.CancelledError):
                _show_failed(lab.processes)
            raise
        finally:
            try:
                await lab.close()
            finally:
                lab.destroy_now()
                if self.keep:
                    print(f"    kept: {lab.folder}")
                else:
                    lab.remove_folder()


def _show_failed(processes):
    """The end of the logs of those that ended by themselves."""
    for process in processes:
        if process.exit_code not in (None, 0, -9):
            print(f"--- {process.name} (exit code {process.exit_code})\n{process.log_tail(8)}")


async def open_shop(lab, hosts, cloud=None, products=True):
    """A till on each host, known to each other, with PRODUCTS products in stock. The Store."""
    store = Store(lab)
    for host in hosts:
        add_till(store, host, cloud)
    await asyncio.gather(*(till.start() for till in store.tills))
    await store.wait_for_members(seconds=30)
    await store.wait_for_leader(seconds=20)
    if products:
        await stock_up(store)
    return store


def add_till(store, host, cloud=None):
    """Not started yet. Seeds instead of mDNS: what is measured is the mesh, not its discovery."""
    till = store.add(host, cloud=cloud)
    till.settings["mesh"]["mdns"] = False
    till.settings["mesh"]["seeds"] = [other.mesh_address for other in store.tills
                                      if other is not till][:5]
    till.settings["log"]["level"] = "info"
    return till


async def stock_up(store):
    first = store.tills[0]
    await first.import_products([{"sku": f"B{n:04}", "description": f"BENCH PRODUCT {n}",
                                  "gtins": [], "price": "2.55", "currency": "GBP",
                                  "tax_code": "S", "tax_rate_basis_points": 2000}
                                 for n in range(PRODUCTS)])
    await first.deliver(*((f"B{n:04}", OPENING_STOCK) for n in range(PRODUCTS)))
    await store.wait_until_equal(seconds=20)


async def import_catalogue(till, products):
    """So many products with descriptions and barcodes."""
    words = ("WHITE", "HANGING", "HEART", "LANTERN", "CREAM", "COAT", "HANGER", "UNION", "FLAG",
             "BOTTLE", "GLASS", "STAR", "FROSTED")
    for start in range(0, products, IMPORT_CHUNK):
        await till.import_products([
            {"sku": f"P{n:05}", "gtins": [f"{5_000_000_000_000 + n}"], "price": "2.55",
             "currency": "GBP", "tax_code": "S", "tax_rate_basis_points": 2000,
             "brand": f"BRAND{n % 300}",
             "description": " ".join(words[(n * step) % len(words)] for step in (1, 3, 5, 7))
             + f" {n}"}
            for n in range(start, min(start + IMPORT_CHUNK, products))])


async def entry_bytes(till):
    """The size of a sale's entry, as journals hold it and the wire carries it."""
    sale = await till.sell(*(f"B{n:04}" for n in range(5)))
    journal, _, place = sale["id"].partition(":")
    page = await till.api("GET", f"/v1/journal?journal={journal}&from={place}&limit=1")
    return len(base64.b64decode(page["entries"][0]["bytes_base64"]))


async def metric(till, *names):
    """Figures of GET /metrics, in the order of the names."""
    text = (await till.http.request("GET", "/metrics")).text
    found = {}
    for line in text.splitlines():
        name, _, value = line.partition(" ")
        if name in names:
            found[name] = float(value)
    missing = [name for name in names if name not in found]
    if missing:
        raise Fault(f"{till.name} has no metric {', '.join(missing)}")
    return [found[name] for name in names]


async def total_bytes_out(tills):
    rows = await asyncio.gather(*(metric(till, "titan_mesh_bytes_out_total") for till in tills))
    return sum(row[0] for row in rows)


HEADER_BYTES = 14 + 20 + 32  # Ethernet, IPv4, TCP with time stamps


def wire_bytes_out(till):
    """What a till's host sent since it was made, in TCP payload: frames with ZeroMQ's framing and
    encryption, also what was sent again. Its API is on loopback and does not count."""
    with open(f"/proc/{till.process.pid}/net/dev", encoding="ascii") as devices:
        for line in devices:
            name, _, figures = line.partition(":")
            if name.strip() == "eth0":
                fields = figures.split()
                return int(fields[8]) - int(fields[9]) * HEADER_BYTES
    raise Fault(f"{till.name}'s host has no network card")


async def program(name, *arguments, seconds=600):
    """Runs a measuring program to its end: the JSON object it prints."""
    child = await _start(name, arguments)
    try:
        async with asyncio.timeout(seconds):
            output, errors = await child.communicate()
    except asyncio.TimeoutError:
        raise Fault(f"{name} was not done after {seconds} s") from None
    finally:
        await _end(child)
    if child.returncode != 0:
        raise Fault(f"{name} ended with {child.returncode}: {errors.decode(errors='replace')}")
    return json.loads(output)


class Driver:
    """`async with Driver(lab, hosts) as driver`: drive_tills, which sells and watches."""

    def __init__(self, lab, hosts):
        self._arguments = ["--lab", lab.prefix, "--tills", ",".join(map(str, hosts))]
        self._child = None

    async def __aenter__(self):
        self._child = await _start("drive_tills", self._arguments, stdin=asyncio.subprocess.PIPE)
        await self._answer(20)
        return self

    async def __aexit__(self, *_):
        await _end(self._child)

    def sell(self, host, per_second):
        self._child.stdin.write(f"sell {host} {per_second}\n".encode())

    def sell_flat_out(self, host, connections):
        self._child.stdin.write(f"flatout {host} {connections}\n".encode())

    async def stop(self):
        """Sales answered so far."""
        return (await self._ask("stop", 40))["stopped"]

    async def seen(self, seconds):
        """{"complete", "sales", "missing", "at"}: `at` is on time.monotonic()."""
        return await self._ask(f"seen {seconds}", seconds + 20)

    async def count(self):
        return await self._ask("count", 20)

    async def _ask(self, command, seconds):
        self._child.stdin.write(f"{command}\n".encode())
        return await self._answer(seconds)

    async def _answer(self, seconds):
        async with asyncio.timeout(seconds):
            line = await self._child.stdout.readline()
        if not line:
            errors = (await self._child.stderr.read()).decode(errors="replace")
            raise Fault(f"drive_tills ended: {errors}")
        return json.loads(line)


async def wait_for_uplink(cloud, store, seconds=20):
    """The cloud has accepted one of the running tills as the store's uplink: its row."""
    async def accepted():
        processes = {status["process"] for status in await store.statuses()}
        row = await cloud.store()
        return row if row and row["connected"] and row["holder"] \
            and row["holder"]["process"] in processes else None
    return await wait_until(accepted, seconds, "the cloud accepts an uplink", every=0.05)


async def _start(name, arguments, stdin=asyncio.subprocess.DEVNULL):
    path = binaries() / name
    if not os.access(path, os.X_OK):
        raise Fault(f"{path} is missing: build first (./titan build)")
    return await asyncio.create_subprocess_exec(
        "setpriv", "--pdeathsig", "KILL", "--", str(path), *map(str, arguments), stdin=stdin,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, start_new_session=True)


async def _end(child):
    if child.returncode is None:
        child.kill()
        await child.wait()

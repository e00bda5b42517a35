"""Till: one titan-pos with its configuration, data folder and local API (docs/INTERFACES.md)."""

import asyncio
import json
import shutil
import time
from urllib.parse import quote

import aiohttp

from qa.harness.lab import binaries
from qa.harness.service import ApiError, Service, toml
from qa.harness.waiting import wait_until

API_PORT = 8410
MESH_PORT = 7411
START_SECONDS_MAX = 10


class Till(Service):
    """One terminal in one host. Change `settings` before start(); restart keeps the data folder.

    On a lab that is not isolated all tills share loopback, so their ports differ by host."""

    def __init__(self, lab, host, store_settings, name=None, cloud=None, data=None, prefix=()):
        """`prefix`: words in front of its command line, which end in it by exec (env …). They may
        change before a start."""
        self.api_port = lab.port(host, API_PORT)
        super().__init__(name or f"till-{host}", lab.http(host, self.api_port))
        self.prefix = list(prefix)
        self.program = "titan-pos"
        self.lab = lab
        self.host = host
        self.folder = lab.folder / self.name
        self.data = data or self.folder / "data"
        mesh_port = lab.port(host, MESH_PORT)
        self.mesh_address = f"{lab.address(host)}:{mesh_port}"
        self.settings = {
            "store": dict(store_settings),
            "terminal": {"name": self.name, "data": str(self.data)},
            "api": {"listen": f"127.0.0.1:{self.api_port}"},
            "mesh": {"listen": f"{'0.0.0.0' if lab.isolated else '127.0.0.1'}:{mesh_port}",
                     "seeds": [], "mdns": True},
            "store_database": {"mode": "none"},
            "log": {"level": "debug"},
        }
        if cloud is not None:
            self.settings["cloud"] = cloud.settings_for_tills()
        self._keys = 0

    # --- life ---

    @property
    def running(self):
        return self.process is not None and self.process.running

    @property
    def log(self):
        return self.lab.folder / f"{self.name}.log"

    def write_config(self):
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / "titan-pos.toml"
        path.write_text(toml(self.settings))
        return path

    async def start(self, wait=True):
        """Starts titan-pos; by default returns when its API answers."""
        self.process = await self.lab.start(
            self.host, self.name, *self.prefix, binaries() / self.program, "run",
            "--config", self.write_config(), log=self.log)
        if wait:
            await self.ready()
        return self

    async def ready(self, seconds=START_SECONDS_MAX):
        await self.wait_until_healthy(seconds, "answers on its API")

    async def stop(self):
        """SIGTERM; the seconds it took. Its exit code must be 0."""
        taken = await self.process.stop()
        assert self.process.exit_code == 0, \
            f"{self.name} ended with {self.process.exit_code}:\n{self.process.log_tail()}"
        return taken

    def copy_data(self, target):
        """A disk image: copies the data folder of a till that does not run."""
        assert not self.running, f"{self.name} runs; its disk cannot be imaged"
        shutil.copytree(self.data, target, dirs_exist_ok=False)
        return target

    # --- the API ---

    async def status(self):
        return await self.api("GET", "/v1/status")

    async def wait_until(self, predicate, seconds, what):
        """Waits until predicate(status) is true; returns that status."""
        last = {}

        async def holds():
            if self.process is not None:
                self.process.assert_running()
            last["status"] = await self.status()
            return last["status"] if predicate(last["status"]) else None
        return await wait_until(holds, seconds, f"{self.name}: {what}",
                                seen=lambda: brief(last.get("status")))

    def events(self):
        """`async with till.events() as events`: everything the API tells meanwhile."""
        return EventStream(self)

    def next_key(self):
        """An idempotency key no other call got."""
        self._keys += 1
        return f"{self.name}-{time.time_ns():x}-{self._keys}"

    async def sell(self, *lines, key=None, **fields):
        """Sells lines: a sku, a pair (sku, quantity), or a whole line as a dict."""
        return await self.api("POST", "/v1/sales", {"idempotency_key": key or self.next_key(),
                                                    "lines": _lines(lines), **fields})

    async def deliver(self, *lines, key=None, **fields):
        """Goods come in; lines as for sell()."""
        return await self.api("POST", "/v1/deliveries", {"idempotency_key": key or self.next_key(),
                                                         "lines": _lines(lines), **fields})

    async def adjust(self, *lines, key=None, reason="count", **fields):
        return await self.api("POST", "/v1/adjustments",
                              {"idempotency_key": key or self.next_key(), "reason": reason,
                               "lines": _lines(lines), **fields})

    async def on_hand(self, sku):
        """Stock of one product, a string as the API gives it; "0" when it never moved."""
        try:
            return (await self.api("GET", f"/v1/stock/{quote(sku, safe='')}"))["on_hand"]
        except ApiError as error:
            if error.status != 404:
                raise
            return "0"

    async def stock(self):
        """{sku: on_hand} of every product that ever moved."""
        return await self.stock_of("/v1/stock")

    async def import_products(self, products):
        """Into the store's layer; all or nothing."""
        return await self.api("PUT", "/v1/products", {"products": products}, seconds=60)

    async def command_line(self, *arguments, seconds=20):
        """`titan-pos status` and its like, run in this till's host."""
        return await self.lab.run(self.host, binaries() / "titan-pos", *arguments,
                                  "--api", f"127.0.0.1:{self.api_port}", seconds=seconds)


class EventStream:
    """The API's WebSocket; `received` grows while it is open, each with `arrived` (monotonic)."""

    def __init__(self, till):
        self._till = till
        self._socket = None
        self._task = None
        self.received = []

    async def __aenter__(self):
        self._socket = await self._till.http.websocket("/v1/events", max_msg_size=0)
        self._task = asyncio.create_task(self._read())
        return self

    async def __aexit__(self, *_):
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        await self._socket.close()

    @property
    def open(self):
        return not self._socket.closed

    def of(self, kind):
        return [event for event in self.received if event["type"] == kind]

    async def wait_for(self, predicate, seconds, what):
        """The first event received, before or from now on, that fits."""
        return await wait_until(
            lambda: next((event for event in self.received if predicate(event)), None), seconds,
            f"{self._till.name}: event {what}", every=0.005, seen=lambda: self.received[-5:])

    async def _read(self):
        async for message in self._socket:
            if message.type == aiohttp.WSMsgType.TEXT:
                self.received.append({**json.loads(message.data), "arrived": time.monotonic()})


def _lines(lines):
    def line(item):
        if isinstance(item, dict):
            return item
        sku, quantity = item if isinstance(item, tuple) else (item, 1)
        return {"sku": sku, "quantity": str(quantity)}
    return [line(item) for item in lines]


def brief(status):
    """A status in one line, for a message that says what was seen."""
    if not status:
        return "no status"
    leader = status.get("leader") or {}
    members = " ".join(f"{member.get('terminal')}={member.get('state')}"
                       for member in status.get("members", []))
    vector = status.get("vector", {})
    return (f"role {status.get('role')}, leader {leader.get('terminal')} term {leader.get('term')}, "
            f"members [{members}], entries {vector.get('entries')} root {str(vector.get('root'))[:8]} "
            f"digest {str(status.get('stock_digest'))[:8]}, pending {status.get('pending_uploads')}, "
            f"store database {status.get('store_database', {}).get('state')}, "
            f"uplink {status.get('uplink', {}).get('state')}, "
            f"alarms {[alarm.get('code') for alarm in status.get('alarms', [])]}")

"""The cloud of a scenario: one gateway, or several behind a balancer, on one database."""

import asyncio
import pathlib
import sys

from qa.harness.cloud import PORT, START_SECONDS_MAX, Cloud
from qa.harness.lab import binaries
from qa.harness.service import toml
from qa.harness.waiting import wait_until

BALANCER = pathlib.Path(__file__).with_name("balancer.py")
ANSWER_SECONDS_MAX = 2


class Gateways(Cloud):
    """With one gateway it is qa.harness.cloud.Cloud. With more, the balancer has the usual port and
    the gateways those behind it; all have the same key, as they share a data folder."""

    def __init__(self, lab, host, tenants, count):
        super().__init__(lab, host, tenants)
        self._ports = [PORT] if count == 1 else [PORT + 1 + number for number in range(count)]
        self._processes = []
        self._clients = [lab.http(host, port, headers={"Authorization": f"Bearer {self.admin_key}"})
                         for port in self._ports]
        self._stalled = set()  # numbers of gateways
        self._balancer = None
        self.settings["gateway"]["listen"] = f"0.0.0.0:{self._ports[0]}"
        self.http = self._clients[0]

    async def start(self):
        await super().start()
        self._processes = [self.process]
        for number in range(1, len(self._ports)):
            settings = {**self.settings, "gateway": {
                **self.settings["gateway"], "listen": f"0.0.0.0:{self._ports[number]}"}}
            config = self.folder / f"gateway-{number + 1}.toml"
            config.write_text(toml(settings))
            self._processes.append(await self.lab.start(
                self.host, f"{self.name}-{number + 1}", binaries() / "titan-cloud", "run",
                "--config", config))
            await wait_until(lambda number=number: self._is_healthy(number), START_SECONDS_MAX,
                             f"gateway {number + 1} answers")
        if len(self._ports) > 1:
            self._balancer = await self.lab.start(self.host, "balancer", sys.executable, BALANCER,
                                                  PORT, *self._ports)
        return self

    async def _is_healthy(self, number):
        self._processes[number].assert_running()
        try:
            return (await self._clients[number].request("GET", "/healthz", seconds=2)).status == 200
        except OSError:
            return False

    async def kill(self):
        """Nobody listens."""
        if self._balancer:
            await self._balancer.kill()
        await asyncio.gather(*(process.kill() for process in self._processes))
        self._stalled.clear()

    async def store(self, store="london-1", tenant="acme"):
        """What the database says is the same at each gateway; one of them has the uplink."""
        rows = [row for _, row in await self._rows(store, tenant)]
        if not rows:
            return await super().store(store, tenant)
        row = max(rows, key=lambda row: row["watermark"]["sequence"])
        return {**row, "connected": any(one["connected"] for one in rows)}

    async def _rows(self, store, tenant):
        """[(number of a gateway, its row)] of those that answer and know the store."""
        async def ask(number):
            try:
                response = await self._clients[number].request(
                    "GET", f"/v1/tenants/{tenant}/stores", seconds=ANSWER_SECONDS_MAX)
            except OSError:
                return None
            rows = response.json()["stores"] if response.status == 200 else []
            return next((row for row in rows if row["store"] == store), None)
        numbers = [number for number in range(len(self._ports)) if number not in self._stalled]
        rows = await asyncio.gather(*map(ask, numbers))
        return [(number, row) for number, row in zip(numbers, rows) if row]

    async def stall_one(self, store, tenant):
        """The gateway that has the uplink stops; (its number, a function that lets it go on)."""
        rows = await self._rows(store, tenant)
        number = next((number for number, row in rows if row["connected"]), 0)
        process = self._processes[number]
        self._stalled.add(number)
        process.pause()

        def resume():
            self._stalled.discard(number)
            if process.running:
                process.resume()
        return number + 1, resume

"""Tills as packages on machines that boot, of one store; for the tests of packages and of boots."""

import asyncio
import json
import secrets
import subprocess

from qa.harness.lab import ROOT
from qa.harness.machine import Machine
from qa.harness.service import toml
from qa.harness.waiting import wait_until

PACKAGES = ROOT / "build" / "packages"
PORT = 8410
ARCHITECTURE = subprocess.run(["dpkg", "--print-architecture"], check=True, text=True,
                              stdout=subprocess.PIPE).stdout.strip()
CONFIGURATION = "/etc/titan-pos/titan-pos.toml"


def package(name):
    """Its file, as `./titan package` made it (`./titan test` does that first)."""
    found = list(PACKAGES.glob(f"{name}_*_{ARCHITECTURE}.deb"))
    assert found, f"there is no package of {name} in {PACKAGES}: run ./titan package"
    return found[0]


async def open_tills(lab, hosts):
    """Tills on so many machines, booted and of one store."""
    tills = await Tills(lab, range(1, hosts + 1)).configure()
    await tills.boot()
    await tills.joined()
    return tills


class Tills:
    """Machines with titan-pos of one store, each with a till till-HOST."""

    def __init__(self, lab, hosts):
        self.lab = lab
        self.store = {"tenant": "acme", "store": "london-1", "currency": "GBP",
                      "secret": secrets.token_hex(32)}
        self.machines = [Machine(lab, host, [package("titan-pos")]) for host in hosts]
        self.apis = {machine.host: lab.http(machine.host, PORT) for machine in self.machines}

    async def configure(self, machines=None, **sections):
        """Writes the configurations; `sections` are further ones, as cloud={…}."""
        for machine in machines or self.machines:
            settings = {"store": self.store, "terminal": {
                "name": f"till-{machine.host}", "data": "/var/lib/titan-pos"}, **sections}
            await machine.write(CONFIGURATION, toml(settings), mode="0640", owner="root:titan-pos")
        return self

    async def boot(self):
        await asyncio.gather(*(machine.boot() for machine in self.machines))

    async def status(self, machine):
        return (await self.apis[machine.host].request("GET", "/v1/status", seconds=2)).json()

    async def joined(self, seconds=20, machines=None):
        """All (or these) are members of each other and follow one leader: its name."""
        machines = machines or self.machines

        async def condition():
            statuses = await asyncio.gather(*(self.status(machine) for machine in machines))
            leaders = {json.dumps(status["leader"], sort_keys=True) for status in statuses}
            whole = len(leaders) == 1 and "null" not in leaders and all(
                sum(member["state"] == "alive" for member in status["members"]) == len(machines)
                for status in statuses)
            return statuses[0]["leader"]["terminal"] if whole else None
        return await wait_until(condition, seconds, "all machines are members and follow one leader",
                                every=0.05)

    async def sell(self, machine, key):
        response = await self.apis[machine.host].request("POST", "/v1/sales", json={
            "lines": [{"sku": "p", "quantity": "1", "charged_unit_price": "1"}],
            "payments": [{"method": "cash", "amount": "1.00"}], "idempotency_key": key})
        assert response.status in (200, 201), response
        return response.json()

    async def sold(self, machine):
        """Pieces of "p" that went, by a till's stock."""
        response = await self.apis[machine.host].request("GET", "/v1/stock/p")
        return -int(response.json()["on_hand"])

    async def all_count(self, pieces, seconds=10, machines=None):
        async def condition():
            return {await self.sold(machine) for machine in machines or self.machines} == {pieces}
        await wait_until(condition, seconds, f"every till counts {pieces} pieces")

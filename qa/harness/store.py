"""Store: several tills of one store, and what must hold for all of them."""

import asyncio
import secrets

from qa.harness.pos import Till, brief
from qa.harness.waiting import wait_until


class Store:
    """Tills on hosts of a lab; `tills[0]` is on the first host given."""

    def __init__(self, lab, tenant="acme", store="london-1", currency="GBP", secret=None):
        self.lab = lab
        self.settings = {"tenant": tenant, "store": store, "currency": currency,
                         "secret": secret or secrets.token_hex(32)}
        self.tills = []

    def add(self, host, **options):
        """A till that is not started yet: change its `settings`, then start it."""
        till = Till(self.lab, host, self.settings, **options)
        self.tills.append(till)
        return till

    async def open(self, hosts, mdns=False, database="none", cloud=None):
        """Adds and starts a till per host, all at once. Without mDNS every till is a seed."""
        new = [self.add(host, cloud=cloud) for host in hosts]
        for till in new:
            till.settings["mesh"]["mdns"] = mdns
            till.settings["store_database"]["mode"] = database
            if not mdns:
                till.settings["mesh"]["seeds"] = [other.mesh_address for other in self.tills
                                                  if other is not till]
        await asyncio.gather(*(till.start() for till in new))
        return new

    def running(self):
        return [till for till in self.tills if till.running]

    async def statuses(self, tills=None):
        return await asyncio.gather(*(till.status() for till in tills or self.running()))

    async def _all(self, tills, holds, seconds, what):
        last = {}

        async def condition():
            for till in tills:
                till.process.assert_running()
            last["seen"] = await self.statuses(tills)
            return last["seen"] if holds(last["seen"]) else None
        return await wait_until(condition, seconds, what, seen=lambda: "".join(
            f"\n  {till.name}: {brief(status)}" for till, status in zip(tills, last.get("seen", []))))

    async def wait_for_members(self, tills=None, seconds=10):
        """Every till sees exactly these tills alive."""
        tills = tills or self.running()
        wanted = {till.name for till in tills}

        def complete(statuses):
            return all({member["terminal"] for member in status["members"]
                        if member["state"] == "alive"} == wanted for status in statuses)
        await self._all(tills, complete, seconds, f"{len(tills)} tills see each other alive")

    async def wait_for_leader(self, tills=None, seconds=5, other_than=None):
        """One leader on which all these tills agree: that Till. `other_than`: not this one."""
        tills = tills or self.running()

        def agreed(statuses):
            processes = {(status.get("leader") or {}).get("process") for status in statuses}
            leading = [status for status in statuses if status["role"] == "leader"]
            return (len(processes) == 1 and len(leading) == 1
                    and leading[0]["process"] in processes
                    and (other_than is None or leading[0]["terminal"] != other_than.name))
        statuses = await self._all(tills, agreed, seconds, "one leader on which all agree")
        return next(till for till, status in zip(tills, statuses) if status["role"] == "leader")

    async def wait_until_equal(self, tills=None, seconds=5):
        """Equal vectors and digests everywhere: returns one of the statuses."""
        def equal(statuses):
            return len({(status["vector"]["root"], status["stock_digest"])
                        for status in statuses}) == 1
        return (await self._all(tills or self.running(), equal, seconds,
                                "equal vectors and digests on all tills"))[0]

    async def wait_until_uploaded(self, tills=None, seconds=10):
        """Nothing is pending on any till."""
        await self._all(tills or self.running(),
                        lambda statuses: all(status["pending_uploads"] == 0 for status in statuses),
                        seconds, "every entry is in the cloud")

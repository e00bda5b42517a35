"""Tills that boot: three machines with the same disks before each case, and what a boot took."""

import asyncio
import contextlib
import datetime
import time

from qa.harness.runner import shared
from qa.harness.waiting import wait_until
from packaged_tills import open_tills

CARD = "eth0"
DROP_INS = "/etc/systemd/system/titan-pos.service.d"


class Shop:
    """Three tills on hosts 1 to 3; host 4 is free for what else is plugged into the switch."""

    def __init__(self, lab, tills, sold):
        self.lab, self.tills = lab, tills
        self.sold = sold  # pieces, by all, before the power cut

    @property
    def machines(self):
        return self.tills.machines

    async def off(self):
        await asyncio.gather(*(machine.cut_power() for machine in self.machines if machine.is_on))

    async def reset(self):
        await self.off()
        await self.lab.heal()
        for machine in self.machines:
            machine.put_disk_back()
            await self.card(machine, True)
        self.sold = len(self.machines)

    async def card(self, machine, is_there, address=True):
        """Its network card; without `address` it has none by itself."""
        await self.lab.readdress(machine.host, None)
        await self.lab.run(machine.host, "ip", "link", "set", CARD, "up" if is_there else "down")
        if is_there and address:
            await self.lab.readdress(machine.host, f"10.77.0.{machine.host}")
            await self.lab.run(machine.host, "ip", "addr", "replace",
                               f"fd77::{machine.host}/64", "dev", CARD)

    async def without(self, *units, machines=None):
        """These units do not exist: nothing starts them."""
        for machine in machines or self.machines:
            for unit in units:
                await machine.must("ln", "-sf", "/dev/null", f"/etc/systemd/system/{unit}")

    async def drop_in(self, text, machines=None):
        for machine in machines or self.machines:
            await machine.write(f"{DROP_INS}/case.conf", text)


class Case:
    """One boot: what is switched on when, and what it took."""

    def __init__(self, name, shop):
        self.name, self.shop = name, shop
        # The more there are, the rarer each is asked: asking is work for the same processors.
        self._pace = 0.003 * len(shop.machines)
        self._sales = {}  # by machine: the task of its first sale
        self._waited = {}  # what it was seen to wait for: by how many
        self._watches = []

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        for task in [*self._sales.values(), *self._watches]:
            task.cancel()
        await asyncio.gather(*self._sales.values(), *self._watches, return_exceptions=True)

    async def power(self, *machines):
        """Power on; each sells as soon as it can, and is asked what it waits for."""
        machines = machines or self.shop.machines
        await asyncio.gather(*(machine.boot(wait=False) for machine in machines))
        for machine in machines:
            self._sales[machine] = asyncio.create_task(self._sell_first(machine))
            self._watches.append(asyncio.create_task(self._watch(machine)))

    async def first_sales(self, *machines, seconds=30):
        """Seconds from the program's start, of the slowest of these."""
        taken = []
        for machine in machines or list(self._sales):
            async with asyncio.timeout(seconds):
                sold = await asyncio.shield(self._sales[machine])
            taken.append(sold - await self._began(machine))
        return max(taken)

    async def _began(self, machine):
        """The moment at which systemd started the program; all machines have one monotonic clock."""
        said = await machine.must("systemctl", "show", "-P", "ExecMainStartTimestampMonotonic",
                                  "titan-pos")
        return int(said) / 1e6

    async def waits(self, machine, what, *words, seconds=15):
        """Until its status says that it waits for this, in these words: since when."""
        async def seen():
            status = await self.shop.tills.status(machine)
            waits = {wait["what"]: wait for wait in status["waiting_for"]}
            assert what in waits, status["waiting_for"]
            assert all(word in waits[what]["message"] for word in words), waits[what]
            return waits[what]
        wait = await wait_until(seen, seconds, f"till-{machine.host} waits for {what}", every=0.1)
        return datetime.datetime.fromisoformat(wait["since"]) if wait["since"] else None

    async def joined(self, since=None, seconds=30):
        """All are members and follow one leader, each has sold, and all count every sale.
        `since`: the moment from which joining was possible; None: since the last program started.
        Prints the case's line."""
        shop = self.shop
        leader = await shop.tills.joined(seconds, shop.machines)
        joined = time.monotonic()
        first = await self.first_sales()
        what = "card"
        if since is None:
            what = "program"
            since = max([await self._began(machine) for machine in shop.machines])
        shop.sold += len(self._sales)
        await shop.tills.all_count(shop.sold, machines=shop.machines)
        waited = ", ".join(f"{each} ({count})" for each, count in
                           sorted(self._waited_counts().items())) or "nothing"
        print(f"     boot {self.name}: first sale {first * 1000:.0f} ms after the program's start, "
              f"all joined {(joined - since) * 1000:.0f} ms after the last {what}, meanwhile waiting for {waited}",
              flush=True)
        return next(each for each in shop.machines if f"till-{each.host}" == leader)

    def _waited_counts(self):
        return {what: len(machines) for what, machines in self._waited.items()}

    async def _sell_first(self, machine):
        """The moment at which its first sale was answered."""
        async def sold():
            await self.shop.tills.sell(machine, f"first of {self.name} at {machine.host}")
            return time.monotonic()
        return await wait_until(sold, 120, f"till-{machine.host} sells", every=self._pace)

    async def _watch(self, machine):
        while True:
            with contextlib.suppress(AssertionError, OSError, LookupError, asyncio.TimeoutError):
                for wait in (await self.shop.tills.status(machine))["waiting_for"]:
                    self._waited.setdefault(wait["what"], set()).add(machine.host)
            await asyncio.sleep(25 * self._pace)


@shared(120)
async def shop(lab):
    await lab.create(4)
    tills = await open_tills(lab, 3)
    for machine in tills.machines:
        await tills.sell(machine, f"before the cut at {machine.host}")
    await tills.all_count(len(tills.machines))
    made = Shop(lab, tills, sold=len(tills.machines))

    async def has_database():
        states = [(await tills.status(machine))["store_database"] for machine in tills.machines]
        return [each for each in states if each["state"] == "up" and each["behind"] == 0]
    await wait_until(has_database, 30, "the leader's store database is up", every=0.1)
    await made.off()
    for machine in tills.machines:
        machine.keep_disk()
    yield made

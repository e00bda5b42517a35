"""A shop in the morning: from the start of the program to the first sale, and of thirty tills until
all have joined after the last network card came up."""

import asyncio
import json
import time

from qa.bench.report import Report, median
from qa.bench.shared import Fault, add_till, program
from qa.harness.store import Store
from qa.harness.waiting import wait_until

CATALOGUE = 50_000
TILLS = 30


async def boot(context):
    days, starts, cuts = (10, 3, 2) if context.quick else (90, 10, 5)
    report = Report("boot", f"Boot: a till with {CATALOGUE:,} products and {days} days of {TILLS} "
                    f"tills until its first sale; {TILLS} tills after a power cut")
    first_sales = await _first_sales(context, days, starts)
    joins, cards = await _joins_after_cuts(context, cuts)
    report.figures = {"first_sale_seconds": first_sales, "joined_seconds": joins,
                      "cards_seconds": cards}
    report.row(f"start until the first sale is answered, median of {starts}", median(first_sales),
               "s", at_most=2)
    report.row("start until the first sale is answered, maximum", max(first_sales), "s", at_most=2)
    report.row(f"last card of {TILLS} until all are members and follow one leader, median of {cuts}",
               median(joins), "s", at_most=5)
    report.row(f"last card of {TILLS} until all are members and follow one leader, maximum",
               max(joins), "s", at_most=5)
    report.note(f"the {TILLS} cards come up one after the other, in {median(cards):.2f} s; tills know "
                "each other from their disks alone, without mDNS and seeds")
    return report


async def _first_sales(context, days, starts):
    """Each after a kill -9, the disk's pages in memory."""
    async with context.lab(1) as lab:
        store = Store(lab)
        till = add_till(store, 1)
        till.settings["mesh"]["seeds"] = []
        till.folder.mkdir(parents=True)
        await program("make_history", "--data", till.data, "--tenant",
                      till.settings["store"]["tenant"], "--store", till.settings["store"]["store"],
                      "--products", CATALOGUE, "--tills", TILLS, "--days", days,
                      "--sales-a-day", 100, seconds=1800)
        taken = []
        for number in range(starts):
            began = time.monotonic()
            await till.start(wait=False)
            sale = await wait_until(
                lambda: till.sell("P00001", f"P{CATALOGUE - 1 - number:05}", key=f"first-{number}"),
                60, "the first sale", every=0.002)
            taken.append(time.monotonic() - began)
            if sale["flags"]:
                raise Fault(f"the first sale did not know its products: {sale['flags']}")
            await till.kill()
        return taken


async def _joins_after_cuts(context, cuts):
    """(seconds from the last card until all joined, seconds the cards took), each per cut."""
    async with context.lab(TILLS) as lab:
        store = Store(lab)
        tills = [add_till(store, host) for host in lab.hosts]
        await asyncio.gather(*(till.start() for till in tills))
        await _all_joined(tills, 120)
        joins, cards = [], []
        for _ in range(cuts):
            await asyncio.gather(*(till.kill() for till in tills))
            for till in tills:
                till.settings["mesh"]["seeds"] = []
                await lab.unplug(till.host)
            await asyncio.gather(*(till.start() for till in tills))
            began = time.monotonic()
            for till in tills:
                await lab.plug(till.host)
            last_card = time.monotonic()
            cards.append(last_card - began)
            joins.append(await _all_joined(tills, 120) - last_card)
        return joins, cards


async def _all_joined(tills, seconds):
    """The moment at which every till was seen to follow one leader and to see all alive."""
    async def joined():
        statuses = await asyncio.gather(*(till.status() for till in tills))
        leaders = {json.dumps(status["leader"], sort_keys=True) for status in statuses}
        whole = len(leaders) == 1 and "null" not in leaders and all(
            sum(member["state"] == "alive" for member in status["members"]) == len(tills)
            for status in statuses)
        return time.monotonic() if whole else None
    return await wait_until(joined, seconds, f"{len(tills)} tills have joined", every=0.02)

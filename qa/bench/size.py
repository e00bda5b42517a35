"""What a large store costs: joining it, holding it, doing nothing in it."""

import asyncio
import os
import pathlib
import socket
import time

from qa.bench.report import Report, median
from qa.bench.shared import (Driver, Fault, add_till, import_catalogue, metric, open_shop,
                                  program, wire_bytes_out)
from qa.harness.store import Store
from qa.harness.waiting import wait_until

CATALOGUE = 50_000
PRODUCT = 9  # kind of an entry
TILLS_OF_THE_STORE = 30


# ---- join --------------------------------------------------------------------------------------

async def join(context):
    entries, rounds = (3_000, 1) if context.quick else (30_000, 3)
    report = Report("join", f"Join: an empty till enters a store of 3 tills with {CATALOGUE:,} "
                    f"products and {entries:,} sales, until it sells with the full catalogue")
    async with context.lab(4) as lab:
        store = await open_shop(lab, [1, 2, 3])
        await import_catalogue(store.tills[0], CATALOGUE)
        await store.wait_until_equal(seconds=120)
        catalogue = await _products_in(store.tills[0])
        await _sell_a_day(lab, store, entries)
        rows = [await _join_once(lab, store, n, catalogue) for n in range(rounds)]
        copies = [await _bare_copy(lab, store.tills[0].data / "titan.sqlite3")
                  for _ in range(rounds)]
    report.figures = {"joins": rows, "bare_copy_seconds": copies}
    sells = [row["sells"] for row in rows]
    report.row(f"start until it sells with the full catalogue, median of {rounds}", median(sells),
               "s", baseline=median(copies), baseline_name="bare copy of the file", at_most=2)
    report.row("start until it sells with the full catalogue, maximum", max(sells), "s", at_most=2)
    report.row("start until its API answers", median([row["answers"] for row in rows]), "s")
    report.row("start until it holds the whole history", median([row["whole"] for row in rows]),
               "s", baseline=median(copies), baseline_name="bare copy of the file")
    report.note("the bare copy sends another till's database file over one TCP connection and "
                "writes it with fsync: nobody checks a signature there, nor can sell afterwards")
    return report


async def _stored(till):
    """{journal: intervals of the numbers stored} of a till."""
    status = await till.status()
    return {row["journal"]: row["stored"] for row in status["vector"]["journals"]}


async def _products_in(till):
    """{journal: intervals of the numbers of its PRODUCT entries}."""
    found = {}
    for journal, intervals in (await _stored(till)).items():
        place, last = 1, max(high for _, high in intervals)
        while place and place <= last:
            page = await till.api("GET", f"/v1/journal?journal={journal}&from={place}&limit=200")
            for entry in page["entries"]:
                if entry["kind"] == PRODUCT:
                    found.setdefault(journal, []).append((entry["number"], entry["number"]))
            place = page.get("next")
    return found


def _covers(stored, wanted):
    """Entries come in any order, so what counts is which numbers are there, not how many."""
    return all(any(low <= first and last <= high for low, high in stored.get(journal, []))
               for journal, intervals in wanted.items() for first, last in intervals)


async def _sell_a_day(lab, store, entries):
    async with Driver(lab, [till.host for till in store.tills]) as driver:
        for till in store.tills:
            driver.sell_flat_out(till.host, 4)
        await wait_until(lambda: _answered(driver, entries), 300, f"{entries} sales", every=0.2)
        await driver.stop()
    await store.wait_until_equal(seconds=120)


async def _answered(driver, entries):
    return (await driver.count())["answered"] >= entries


async def _join_once(lab, store, number, catalogue):
    newcomer = add_till(store, 4)
    newcomer.name = f"newcomer-{number}"
    newcomer.settings["terminal"] = {"name": newcomer.name,
                                     "data": str(lab.folder / newcomer.name / "data")}
    newcomer.folder = lab.folder / newcomer.name
    whole = await _stored(store.tills[0])
    began = time.monotonic()
    await newcomer.start()
    answers = time.monotonic() - began

    async def holds(wanted):
        return _covers(await _stored(newcomer), wanted)
    await wait_until(lambda: holds(catalogue), 120, "the newcomer has the catalogue", every=0.01)
    sale = await newcomer.sell(f"P{CATALOGUE - 1:05}", "P00000")
    sells = time.monotonic() - began
    if any("unknown" in str(flag) for flag in sale["flags"]):
        raise Fault(f"the newcomer sold without knowing the product: {sale['flags']}")
    await wait_until(lambda: holds(whole), 300, "the newcomer has the history", every=0.02)
    took = time.monotonic() - began
    products = len(await newcomer.pages("/v1/products", "products"))
    if products < CATALOGUE:
        raise Fault(f"the newcomer shows {products} products instead of {CATALOGUE}")
    await newcomer.stop()
    store.tills.remove(newcomer)
    return {"answers": answers, "sells": sells, "whole": took,
            "entries": sum(last - first + 1 for rows in whole.values() for first, last in rows)}


async def _bare_copy(lab, path):
    """Seconds to bring the file's bytes from host 1 to host 4 and onto the disk."""
    loop = asyncio.get_running_loop()
    listening = lab.namespace(4).socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.bind((lab.address(4), 7600))
    listening.listen()
    sending = lab.namespace(1).socket()
    target = lab.folder / "copy"
    try:
        began = time.monotonic()
        await loop.sock_connect(sending, (lab.address(4), 7600))
        receiving, _ = await loop.sock_accept(listening)

        async def receive():
            with open(target, "wb") as file:
                while chunk := await loop.sock_recv(receiving, 1 << 20):
                    file.write(chunk)
                file.flush()
                os.fsync(file.fileno())
            receiving.close()
        writing = asyncio.create_task(receive())
        with open(path, "rb") as file:
            await loop.sock_sendfile(sending, file)
        sending.close()
        await writing
        return time.monotonic() - began
    finally:
        sending.close()
        listening.close()
        target.unlink(missing_ok=True)


# ---- memory ------------------------------------------------------------------------------------

async def memory(context):
    days, sales = (30, 10) if context.quick else (90, 100)
    report = Report("memory", f"Memory of titan-pos: {CATALOGUE:,} products, {TILLS_OF_THE_STORE} "
                    f"tills, {days} days of journals with {sales} sales each")
    async with context.lab(2) as lab:
        store = Store(lab)
        full, empty = add_till(store, 1), add_till(store, 2)
        # Alone: what is made up carries no signatures, so no peer would take it.
        full.settings["mesh"]["seeds"] = empty.settings["mesh"]["seeds"] = []
        full.folder.mkdir(parents=True)
        made = await program(
            "make_history", "--data", full.data, "--tenant", full.settings["store"]["tenant"],
            "--store", full.settings["store"]["store"], "--products", CATALOGUE,
            "--tills", TILLS_OF_THE_STORE, "--days", days, "--sales-a-day", sales, seconds=1800)
        began = time.monotonic()
        await full.start()
        start_seconds = time.monotonic() - began
        await empty.start()
        await asyncio.gather(full.wait_until(lambda status: status["vector"]["entries"] > 0, 10,
                                             "its journals"), _look_around(full))
        figures = {name: {"pss_mb": _pss_mb(till.process.pid),
                          "rss_mb": till.process.memory_kib() / 1024,
                          "peak_mb": till.process.memory_peak_kib() / 1024}
                   for name, till in (("full", full), ("empty", empty))}
        database = (full.data / "titan.sqlite3").stat().st_size
    report.figures = {**figures, **made, "database_bytes": database, "start_seconds": start_seconds}
    report.row("PSS", figures["full"]["pss_mb"], "MB", baseline=figures["empty"]["pss_mb"],
               baseline_name="empty till", at_most=64)
    report.row("RSS, libraries included", figures["full"]["rss_mb"], "MB",
               baseline=figures["empty"]["rss_mb"], baseline_name="empty till", at_most=64)
    report.row("RSS, highest since its start", figures["full"]["peak_mb"], "MB",
               baseline=figures["empty"]["peak_mb"], baseline_name="empty till")
    report.row("start until its API answers", start_seconds, "s")
    report.row("journal file", database / 1e6, "MB")
    report.note(f"{made['entries']:,} entries in {made['journals']:,} journals; memory goes with "
                "journals and products, not with entries")
    return report


async def _look_around(till):
    """What a till screen asks for, so that caches are as warm as in use."""
    for n in range(0, CATALOGUE, CATALOGUE // 200):
        await till.api("GET", f"/v1/products/P{n:05}")
    for words in ("white+heart", "lantern+4", "brand17"):
        await till.api("GET", f"/v1/products?q={words}&limit=20")
    for _ in range(50):
        await till.sell("P00001", "P00002", "P00003")


def _pss_mb(pid):
    for line in pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) / 1024
    raise Fault("the kernel tells no PSS")


# ---- idle --------------------------------------------------------------------------------------

async def idle(context):
    seconds = 10 if context.quick else 30
    report = Report("idle", f"Idle: {TILLS_OF_THE_STORE} tills of one store, each in a host of its "
                    f"own, do nothing for {seconds} s")
    async with context.lab(TILLS_OF_THE_STORE) as lab:
        store = await open_shop(lab, range(1, TILLS_OF_THE_STORE + 1))
        leader = await store.wait_for_leader(seconds=30)
        await asyncio.sleep(5)  # what joining stirred up settles
        names = ("titan_mesh_bytes_out_total", "titan_mesh_bytes_in_total")
        before = await asyncio.gather(*(_use(till, names) for till in store.tills))
        await asyncio.sleep(seconds)
        after = await asyncio.gather(*(_use(till, names) for till in store.tills))
    rates = {till.name: [(b - a) / (last[0] - first[0]) for a, b in zip(first[1:], last[1:])]
             for till, first, last in zip(store.tills, before, after)}
    cpu, wire, sent, received = zip(*(rate for name, rate in rates.items() if name != leader.name))
    leading = rates[leader.name]
    report.figures = {"rates": rates, "leader": leader.name}
    report.row("processor, a follower (median)", 100 * median(cpu), "%", at_most=1)
    report.row("processor, the leader", 100 * leading[0], "%", at_most=1)
    report.row("ZeroMQ's bytes out, a follower (median)", median(wire) / 1000, "kB/s", at_most=5)
    report.row("ZeroMQ's bytes out, a follower (highest)", max(wire) / 1000, "kB/s", at_most=5)
    report.row("ZeroMQ's bytes out, the leader", leading[1] / 1000, "kB/s", at_most=75)
    report.row("of it frames, a follower (median)", median(sent) / 1000, "kB/s")
    report.row("of it frames, the leader", leading[2] / 1000, "kB/s")
    report.row("frames in, a follower (median)", median(received) / 1000, "kB/s")
    report.row("frames in, the leader", leading[3] / 1000, "kB/s")
    report.note("ZeroMQ's bytes are the TCP payload on the host's network card, with framing and "
                "encryption; frames are what /metrics counts; no store database and no cloud")
    return report


async def _use(till, names):
    """(monotonic time, processor seconds, bytes on the wire, figures …) since its start."""
    figures = await metric(till, *names)
    return (time.monotonic(), till.process.cpu_seconds(), wire_bytes_out(till), *figures)

"""One till, alone in its store, that is killed again and again while screens sell at it.

Nothing but its own disk brings a sale back here. What a screen got no answer to it repeats with the
same key, as a real one does; in the end every acknowledged sale must be in the file exactly once.
"""

import asyncio
import collections
import contextlib
import os
import pathlib
import random
import signal
import sqlite3
import time

from qa.harness.service import ApiError
from shop import GOODS, Shop

SCREENS = 6
FOLDS_FROM_ENTRIES = 2000  # idle moments fold so many (mesh/sqlite/journal/sqlite_store.h)
KIND_SALE = 1
SYSTEM_CALLS = {17: "reading", 18: "writing", 74: "syncing", 75: "syncing", 77: "truncating"}  # x86-64

# What a kill is aimed at, and how often of a hundred; folding whenever there is enough to fold.
AIMS = {"a start": 20, "sales": 25, "a commit": 20, "the log being copied back": 15, "folding": 0, "a stop": 20}
# What the storage thread is waited for to do, if it does so soon.
SEEN = {"a commit": ("writing the log", "syncing the log"),
        "the log being copied back": ("reading the log", "writing the file", "syncing the file"),
        "folding": ("computing", "writing the log", "syncing the log", "reading the file")}
LOOKED_FOR_SECONDS = 0.15


class Killing:
    def __init__(self, lab, seed):
        self.shop = Shop(lab)
        self.book = self.shop.book
        self.random = random.Random(seed)
        self.seed = seed
        self.fell = collections.Counter()  # (aim, where) -> kills
        self.kills = self.starts = self.stops = 0
        self.repeated = self.was_recorded = 0
        self._series = set()  # of processes before this one
        self._start_seconds = self._stop_seconds = 0.3
        self._unfolded = 0
        self._selling = asyncio.Event()
        self._in_hand = set()  # keys that a screen waits for
        self._thread = None  # (process, file) that tells what its storage thread does

    async def open(self):
        await self.shop.lab.create(1)
        self.till = self.shop.store.add(1)
        self.till.settings["mesh"]["mdns"] = False
        self.till.settings["log"]["level"] = "info"
        await self._start()
        await self.till.import_products([{"sku": sku, "price": "1.50"} for sku in GOODS])

    async def run(self, kills):
        """So many kills; then everything is answered, and the file is held against the book."""
        began = time.monotonic()
        screens = [asyncio.create_task(self._screen(number)) for number in range(SCREENS)]
        try:
            while self.kills < kills:
                await self._one(self._aim())
                for screen in screens:
                    if screen.done():
                        screen.result()
        finally:
            for screen in screens:
                screen.cancel()
            await asyncio.gather(*screens, return_exceptions=True)
        if not self.till.running:
            await self._start()
        await self._repeat()
        self._tell(time.monotonic() - began)
        await self.book.check_tills([self.till])
        self.book.check_receipts()
        await self.till.stop()
        self._check_file()

    # --- one kill ---

    def _aim(self):
        if self._unfolded >= FOLDS_FROM_ENTRIES:
            self._unfolded = 0
            return "folding"
        return self.random.choices(list(AIMS), list(AIMS.values()))[0]

    async def _one(self, aim):
        if not self.till.running and aim != "a start":
            await self._start()
        if aim == "a start":
            if self.till.running:
                await self.till.stop()
            await self.till.start(wait=False)
            await asyncio.sleep(self.random.uniform(0, 1.2 * self._start_seconds))
        elif aim == "a stop":
            await self._sell_for(0.2)
            began = time.monotonic()
            self.till.process.signal(signal.SIGTERM)
            await asyncio.sleep(self.random.uniform(0, self._stop_seconds))
            if not self.till.running:
                self._stop_seconds = 0.9 * self._stop_seconds
                self.stops += 1
                return
            self._stop_seconds = max(self._stop_seconds, 1.2 * (time.monotonic() - began))
        else:
            await self._repeat_while_selling()
            await asyncio.sleep(self.random.uniform(0, 0.3))
            if aim == "folding":
                self._selling.clear()  # it takes an idle moment
            await self._until_seen(SEEN.get(aim, ()))
        self._kill(aim)
        await self._gone()

    async def _start(self):
        began = time.monotonic()
        await self.till.start()
        self._start_seconds = time.monotonic() - began
        self.starts += 1

    async def _sell_for(self, seconds):
        await self._repeat_while_selling()
        await asyncio.sleep(self.random.uniform(0, seconds))
        self._selling.clear()

    async def _repeat_while_selling(self):
        self._series = {sale["series"] for sale in self.book.sales.values()}
        self._selling.set()
        with contextlib.suppress(OSError, ApiError):
            await self._repeat()

    async def _repeat(self):
        """What was open before is repeated, one by one."""
        for key, (till, lines) in list(self.book.unanswered.items()):
            if key in self._in_hand:
                continue
            sale = await self.book.sell(till, *lines, key=key)
            self.repeated += 1
            self.was_recorded += sale["series"] in self._series

    async def _until_seen(self, doing):
        end = time.monotonic() + LOOKED_FOR_SECONDS
        while doing and self._where() not in doing and time.monotonic() < end:
            await asyncio.sleep(0)

    def _kill(self, aim):
        where = self._where()
        self.till.process.signal(signal.SIGKILL)
        self.kills += 1
        self.fell[aim, where] += 1

    async def _gone(self):
        self._selling.clear()
        await self.till.process.wait(10)

    # --- screens ---

    async def _screen(self, number):
        while True:
            await self._selling.wait()
            key = self.till.next_key()
            self._in_hand.add(key)
            try:
                await self.book.sell(self.till, GOODS[number], (GOODS[number + 1], 2), key=key)
                self._unfolded += 1
            except (OSError, ApiError) as error:
                if isinstance(error, ApiError) and error.status != 503:
                    raise
                await asyncio.sleep(0.01)
            finally:
                self._in_hand.remove(key)

    # --- where it fell ---

    def _where(self):
        """What the thread that writes the file was doing a moment before."""
        process = pathlib.Path(f"/proc/{self.till.process.pid}")
        with contextlib.suppress(OSError, ValueError, IndexError):
            if self._thread is None or self._thread[0] != self.till.process.pid:
                found = [thread for thread in (process / "task").iterdir()
                         if (thread / "comm").read_text().strip() == "titan-storage"]
                if not found:
                    return "without a storage thread"
                self._thread = self.till.process.pid, found[0] / "syscall"
            call = self._thread[1].read_text().split()
            if call[0] == "running":
                return "computing"
            doing = SYSTEM_CALLS.get(int(call[0]))
            if doing is None or os.uname().machine != "x86_64":
                return "waiting"
            file = os.readlink(process / "fd" / str(int(call[1], 16)))
            return f"{doing} {'the log' if file.endswith('-wal') else 'the file'}"
        return "untold"

    def _tell(self, seconds):
        print(f"{self.kills} kills in {seconds:.0f} s (seed {self.seed}), {self.starts} starts that were waited for, "
              f"{self.stops} stops that were over before the kill")
        print(f"{len(self.book.sales)} sales acknowledged, {self.repeated} of them after a repeat; of these "
              f"{self.was_recorded} had been recorded by a process that was killed before it answered")
        for aim in AIMS:
            rows = {where: count for (aimed, where), count in self.fell.items() if aimed == aim}
            told = ", ".join(f"{count} {where}" for where, count in sorted(rows.items(), key=lambda row: -row[1]))
            print(f"  aimed at {aim}: {sum(rows.values())} ({told})")

    # --- the file ---

    def _check_file(self):
        with contextlib.closing(sqlite3.connect(self.till.data / "titan.sqlite3")) as database:
            assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            rows = database.execute(
                "SELECT hex(j.journal), e.number FROM entries e JOIN journals j ON j.ref = e.journal "
                "WHERE e.kind = ?", [KIND_SALE]).fetchall()
            recorded = collections.Counter(f"{journal.lower()}:{number}" for journal, number in rows)
            acknowledged = set(self.book.sales)
            assert set(recorded) == acknowledged, (
                f"lost: {sorted(acknowledged - set(recorded))[:5]}, never acknowledged: "
                f"{sorted(set(recorded) - acknowledged)[:5]}")
            assert max(recorded.values()) == 1, "an entry stands in the file twice"
            twice = database.execute("SELECT count(*) FROM (SELECT 1 FROM entries WHERE claim IS NOT NULL "
                                     "GROUP BY claim HAVING count(*) > 1)").fetchone()
            assert twice == (0,), f"{twice[0]} requests were recorded twice"

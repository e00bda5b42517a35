"""One terminal of the scenario: its titan-pos, its disk images, what is broken inside it."""

import asyncio
import contextlib
import random
import shutil
import sqlite3

from qa.harness.pos import Till
from qa.live.inventory import read_disk
from qa.live.scenario import PLAIN_DELAY_US_MAX

START_SECONDS_MAX = 30  # a terminal with a slow disk and a long journal
KEPT_WITH_IMAGE = ("device.key", "terminal.json")
DATABASE_FILE = "titan.sqlite3"


class Terminal:
    """`started` and `ended` go to the history; a process that is gone is never an error here."""

    def __init__(self, lab, history, number, specification, store_settings, cloud, inside,
                 on_disk_replaced):
        self.number = number
        self.name = specification.name
        self.specification = specification
        self.inside = inside
        self.till = Till(lab, number + 1, store_settings, name=specification.name, cloud=cloud,
                         prefix=inside.command())
        if specification.next_version:
            self.till.program = "titan-pos-next"
        self.process = None  # its id, while it runs
        self.is_stalled = False
        self._history = history
        self._on_disk_replaced = on_disk_replaced
        self._life = asyncio.Lock()
        self.started_us = 0
        self.has_damage = False  # pages of its database are rubbish, and it has not noticed yet
        self._images = {}  # moment of the scenario -> folder
        if specification.commit_max_us > PLAIN_DELAY_US_MAX:
            inside["sync_us_min"] = specification.commit_min_us
            inside["sync_us_max"] = specification.commit_max_us

    @property
    def running(self):
        return self.till.running

    @property
    def hears(self):
        return self.running and not self.is_stalled

    async def start(self):
        async with self._life:
            if self.running:
                return
            began = self._history.now_us()
            await self.till.start(wait=False)
            await self.till.ready(START_SECONDS_MAX)
            status = await self.till.status()
            self.process = status["process"]
            self.started_us = began
            self._history.tell("process_started", began, terminal=self.number,
                               process=status["process"], device=status["device"], is_clone=False)

    async def crash(self):
        """kill -9; of PostgreSQL, its child, too."""
        async with self._life:
            if self.running:
                self.resume()
                await self.till.kill()
                self._ended(False)

    async def leave(self):
        async with self._life:
            if self.running:
                self.resume()
                await self.till.process.stop()
                self._ended(True)

    def _ended(self, was_polite):
        self._history.tell("process_ended", terminal=self.number, process=self.process,
                           was_polite=was_polite)
        self.process = None

    def stall(self):
        self.is_stalled = True
        self.till.process.pause()

    def resume(self):
        if self.is_stalled:
            self.till.process.resume()
        self.is_stalled = False

    # --- disks ---

    async def keep_image(self, moment):
        """A disk image as of now, also of a running terminal. PostgreSQL is not in it: the store
        database is a projection that its owner makes anew."""
        if not self.till.data.exists():
            return
        folder = self.till.folder / f"image-{moment}"
        self._images[moment] = folder
        await asyncio.to_thread(copy_disk, self.till.data, folder)

    async def replace_disk(self, moment=None, of=None):
        """Of a terminal that does not run: the image of that moment, another's disk as it is, or
        with neither an empty disk."""
        assert not self.running, f"{self.name} runs; its disk cannot be replaced"
        await asyncio.to_thread(shutil.rmtree, self.till.data, True)
        if of is not None:
            await asyncio.to_thread(copy_disk, of.till.data, self.till.data)
        elif moment is not None and moment in self._images:
            await asyncio.to_thread(shutil.copytree, self._images[moment], self.till.data)
        held = self.entries_on_disk()
        self._on_disk_replaced(self, held)
        self._history.tell(
            "disk_replaced", terminal=self.number, held=[entry.held() for entry in held],
            how="cloned" if of else "restored" if moment is not None else "lost")

    async def damage_disk(self, pages, seed):
        """Overwrites that many pages of entries that follow one another; how many there were."""
        count = await asyncio.to_thread(damage_pages, self.till.data / DATABASE_FILE, pages, seed)
        self.has_damage = self.has_damage or count > 0
        return count

    def on_damage_found(self):
        """It has set the damaged file aside and saved what it could: tells what that is."""
        self.has_damage = False
        held = self.entries_on_disk()
        self._on_disk_replaced(self, held)
        self._history.tell("disk_replaced", terminal=self.number, how="damaged",
                           held=[entry.held() for entry in held])

    def entries_on_disk(self):
        """Every entry on its disk, read from the database file itself."""
        return read_disk(self.till.data / DATABASE_FILE)

    # --- the store database, its child ---

    def postgres_processes(self):
        """Process ids of its private PostgreSQL, the server first; none: it has none."""
        pid_file = next((self.till.data / "postgres").rglob("postmaster.pid"), None)
        if pid_file is None:
            return []
        try:
            server = int(pid_file.read_text().split()[0])
            if b"postgres" not in open(f"/proc/{server}/cmdline", "rb").read():
                return []
            with open(f"/proc/{server}/task/{server}/children", encoding="ascii") as children:
                return [server, *map(int, children.read().split())]
        except (OSError, ValueError, IndexError):
            return []


def copy_disk(data, target):
    """A data folder without PostgreSQL, as SQLite's backup sees it: also of a running terminal."""
    target.mkdir(parents=True)
    for name in KEPT_WITH_IMAGE:
        if (data / name).exists():
            shutil.copy2(data / name, target / name)
    if not (data / DATABASE_FILE).exists():
        return
    source = sqlite3.connect(f"file:{data / DATABASE_FILE}?mode=ro", uri=True)
    copy = sqlite3.connect(target / DATABASE_FILE)
    try:
        with copy:
            source.backup(copy)
        copy.execute("PRAGMA journal_mode=WAL")
    finally:
        copy.close()
        source.close()


RUBBISH = 0xFF  # the first byte of a page, where no page has it


def damage_pages(file, pages, seed):
    """Puts rubbish over that many pages of entries, behind SQLite's back; how many there were. What
    its process has written is first brought from the log into the file: there it is read from."""
    with contextlib.closing(sqlite3.connect(file, timeout=10)) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        (size,) = database.execute("PRAGMA page_size").fetchone()
        rows = [number for (number,) in database.execute(
            "SELECT pageno FROM dbstat WHERE name = 'entries' AND pagetype = 'leaf' ORDER BY path")]
    if not rows:
        return 0
    chance = random.Random(seed)
    first = chance.randrange(max(1, len(rows) - pages + 1))
    damaged = rows[first:first + pages]
    with open(file, "r+b", buffering=0) as raw:
        for number in damaged:
            raw.seek((number - 1) * size)
            raw.write(bytes([RUBBISH]) + chance.randbytes(size - 1))
    return len(damaged)

"""Listens to every terminal and to the cloud while the scenario runs.

From a terminal: its events (leader, members, alarms, watermark) and its status, asked again and
again. From the cloud: who holds the lease, and what it has signed. A terminal that does not answer
tells nothing; that is what the faults are for.
"""

import asyncio
import collections
import contextlib
import json
import random
import re
from urllib.parse import quote

import aiohttp

from qa.harness.service import ApiError

REOPENED = "storage is open again"  # as a terminal's log says it
STATUS_SECONDS = 0.1
STATUS_SECONDS_PER_TERMINAL = 0.01  # many terminals are asked less often: they share two cores
ANSWER_SECONDS_MAX = 2.0
CLOUD_SECONDS = 0.1
OF_THE_GOODS = ("reorder",)  # alarms about goods; the simulator's terminals have no such
DAMAGED = "database_damaged"
AT_START_US_MAX = 2_000_000  # what is found so soon was found by opening the database
QUEUE_EVERY = 5  # statuses between two looks at the length of the queue
STOCK_SECONDS = 1.0
COMMIT_SECONDS = 0.5  # what an event told is on the disk by then
TOLD = ('"type":"sale"', '"type":"leader"', '"type":"member"', '"type":"alarm"')


class Observer:
    def __init__(self, history, shop, store, tenant, skus, seed):
        self._history = history
        self._shop = shop
        self._terminals = terminals = shop.terminals
        self._cloud = shop.cloud
        self._store, self._tenant = store, tenant
        self._skus = skus
        self._seed = seed
        self._numbers = {terminal.name: terminal.number for terminal in terminals}
        self.pause = max(STATUS_SECONDS, STATUS_SECONDS_PER_TERMINAL * len(terminals))
        self._alarms = set()
        self._reached = set()
        self._of_the_goods = collections.Counter()
        self._tasks = []

    def begin(self):
        for terminal in self._terminals:
            for watch in (self._hear, self._ask, self._look_at_stock):
                self._tasks.append(asyncio.create_task(watch(terminal)))
        if self._cloud:
            self._tasks.append(asyncio.create_task(self._watch_cloud()))

    async def end(self):
        for task in self._tasks:
            task.cancel()
        for outcome in await asyncio.gather(*self._tasks, return_exceptions=True):
            if isinstance(outcome, Exception):
                raise outcome

    def notes(self):
        return [f"{name} raised the alarm '{code}' {count} times; the opening stock is large enough "
                "that nothing ever ran out" for (name, code), count in self._of_the_goods.items()]

    # --- events ---

    async def _hear(self, terminal):
        while True:
            if terminal.running and terminal.process:
                with contextlib.suppress(OSError, aiohttp.ClientError, asyncio.TimeoutError, ApiError):
                    await self._hear_until_closed(terminal)
            await asyncio.sleep(0.02)

    async def _hear_until_closed(self, terminal):
        socket = await terminal.till.http.websocket("/v1/events", max_msg_size=0)
        looking = asyncio.create_task(self._look_at_disk(terminal))
        try:
            # The stream keeps what happens meanwhile, so nothing falls between the two.
            self._begin_with(terminal, await terminal.till.api("GET", "/v1/status",
                                                               seconds=ANSWER_SECONDS_MAX))
            async for message in socket:
                if message.type == aiohttp.WSMsgType.TEXT and any(
                        kind in message.data for kind in TOLD):
                    self._on_event(terminal, json.loads(message.data))
        finally:
            looking.cancel()
            await asyncio.gather(looking, return_exceptions=True)
            await socket.close()

    async def _look_at_disk(self, terminal):
        """What it fetched since its start, before anybody listened. An event may be a commit ahead
        of the disk, so one look would miss what was told just before the stream was open."""
        for pause in (0, COMMIT_SECONDS):
            await asyncio.sleep(pause)
            self._shop.saw_on_disk(terminal, await asyncio.to_thread(terminal.entries_on_disk))

    def _on_event(self, terminal, event):
        if event["type"] == "sale":
            self._shop.first_seen.setdefault((terminal.number, event["id"]),
                                             self._history.now_us())
        elif event["type"] == "leader":
            self._tell_leader(terminal, event["leader"], event["self"])
        elif event["type"] == "member":
            self._history.tell("member_reported", terminal=terminal.number,
                               about=event["process"], state=event["state"])
        else:
            self._on_alarm(terminal, event)

    def _tell_leader(self, terminal, leader, is_self):
        facts = {"leader": [leader["term"], leader["process"]]} if leader else {}
        self._history.tell("leader_reported", terminal=terminal.number, is_self=is_self, **facts)

    def _on_alarm(self, terminal, alarm):
        told = (terminal.number, alarm["code"], alarm["message"], alarm["time"])
        if told in self._alarms:
            return
        self._alarms.add(told)
        if alarm["code"] == DAMAGED and terminal.has_damage:
            at_start = self._history.now_us() - terminal.started_us < AT_START_US_MAX
            self._reach("damage-found-at-start" if at_start else "damage-found")
            terminal.on_damage_found()
        if alarm["code"] in OF_THE_GOODS:
            self._of_the_goods[terminal.name, alarm["code"]] += 1
        else:
            self._history.tell("alarm_raised", terminal=terminal.number, code=alarm["code"],
                               message=alarm["message"])

    def _begin_with(self, terminal, status):
        """What was so when the events began."""
        self._tell_leader(terminal, status["leader"], status["role"] == "leader")
        for member in status["members"]:
            self._history.tell("member_reported", terminal=terminal.number,
                               about=member["process"], state=member["state"])

    # --- status, stock ---

    async def _ask(self, terminal):
        rounds = queued = 0
        while True:
            if terminal.hears and terminal.process:
                with contextlib.suppress(OSError, ApiError):
                    status = await terminal.till.api("GET", "/v1/status",
                                                     seconds=ANSWER_SECONDS_MAX)
                    if rounds % QUEUE_EVERY == 0:
                        queued = await self._queued(terminal)
                    rounds += 1
                    self._on_status(terminal, status, queued)
            await asyncio.sleep(self.pause)

    def _reach(self, probe):
        if probe not in self._reached:
            self._reached.add(probe)
            self._history.tell("reached", probe=probe)

    async def _queued(self, terminal):
        response = await terminal.till.http.request("GET", "/metrics", seconds=ANSWER_SECONDS_MAX)
        found = re.search(r"^titan_storage_queue (\d+)", response.text, re.MULTILINE)
        return int(found.group(1)) if found else 0

    def _on_status(self, terminal, status, queued):
        self._history.tell(
            "state_reported", terminal=terminal.number, vector_root=status["vector"]["root"],
            stock_digest=int(status["stock_digest"], 16), entries=status["vector"]["entries"],
            pending_uploads=status["pending_uploads"], queued_entries=queued)
        if status["uplink"]["state"] == "refused":
            self._reach("lease-refused")
        if terminal.inside["writes_failed"] + terminal.inside["syncs_failed"] > 0:
            self._reach("commit-failed")
            if "storage-reopened" not in self._reached and \
                    REOPENED in terminal.till.process.log_text():
                self._reach("storage-reopened")
        for alarm in status["alarms"]:
            self._on_alarm(terminal, alarm)

    async def _look_at_stock(self, terminal):
        """The screen shows a product now and then."""
        chance = random.Random(f"{self._seed} looks {terminal.number}")
        while True:
            await asyncio.sleep(STOCK_SECONDS * (0.5 + chance.random()))
            sku = chance.choice(self._skus)
            if terminal.hears and terminal.process:
                with contextlib.suppress(OSError, ApiError):
                    row = await terminal.till.api("GET", f"/v1/stock/{quote(sku, safe='')}",
                                                  seconds=ANSWER_SECONDS_MAX)
                    self._history.tell("stock_read", terminal=terminal.number, product=sku,
                                       on_hand=units(row["on_hand"]), is_final=False)

    # --- the cloud ---

    async def _watch_cloud(self):
        holder, sequence = None, 0
        while True:
            await asyncio.sleep(CLOUD_SECONDS)
            try:
                async with asyncio.timeout(ANSWER_SECONDS_MAX):
                    row = await self._cloud.store(self._store, self._tenant)
            except (OSError, ApiError, asyncio.TimeoutError):
                continue
            if row is None:
                continue
            token = (row["holder"]["term"], row["holder"]["process"]) if row["holder"] else None
            if token != holder:
                if token is None:
                    self._history.tell("lease_released", token=list(holder))
                else:
                    self._history.tell("lease_granted", token=list(token),
                                       terminal=self._numbers.get(row["holder"]["terminal"], 0))
                holder = token
            if row["watermark"]["sequence"] > sequence:
                sequence = row["watermark"]["sequence"]
                self._history.tell("watermark_signed", sequence=sequence, entries=row["entries"])


def units(text):
    """A decimal text of the API as millionths."""
    whole, _, part = text.partition(".")
    value = int(whole.lstrip("+-") + part.ljust(6, "0")[:6])
    return -value if text.startswith("-") else value

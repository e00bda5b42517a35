"""Looks at every till and at the cloud while the demo runs: status five times a second, and every
event their WebSockets tell, with the moment it arrived."""

import asyncio
import collections
import json
import time

import aiohttp

from qa.harness.http import HttpError

STATUS_EVERY_SECONDS = 0.2
STATUS_SECONDS_MAX = 1.0
RECONNECT_SECONDS = 0.2
CLOSE_SECONDS_MAX = 1.0  # a till that hangs must not hold up the end
ALARMS_KEPT = 1000


class TillView:
    """What is known of one till now."""

    def __init__(self, till):
        self.till = till
        self.status = None  # the last one answered
        self.answers = False
        self.listening = False
        self.sales = 0  # recorded at this till
        self.stock_events = 0  # of the whole store, as this till's screen was told
        self.last_stock = None


class Watcher:
    def __init__(self, shop):
        self._shop = shop
        self.views = {till: TillView(till) for till in shop.tills}
        self.cloud = None  # its row of the store, None while it does not answer
        self.cloud_answers = False
        self.arrivals = collections.defaultdict(dict)  # entry id -> {till name: monotonic}
        self.alarms = {}  # (code, message) -> name of the till that told it first
        self._tasks = []

    def start(self):
        for view in self.views.values():
            self._tasks.append(asyncio.create_task(self._watch_status(view)))
            self._tasks.append(asyncio.create_task(self._listen(view)))
        self._tasks.append(asyncio.create_task(self._watch_cloud()))

    async def stop(self):
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()

    def all_listening(self):
        return all(view.listening for view in self.views.values()
                   if view.till not in self._shop.down)

    def propagation_ms(self, sold):
        """Milliseconds from posting to the event out of each other till that could hear it, and how
        many events of those never came."""
        taken, missing = [], 0
        for one in sold:
            if one.document.kind not in ("sale", "refund"):
                continue  # stock movements make stock events only
            for name in one.listeners:
                arrived = self.arrivals.get(one.id, {}).get(name)
                if arrived is None:
                    missing += 1
                else:
                    taken.append((arrived - one.sent) * 1000)
        return taken, missing

    async def _watch_status(self, view):
        while True:
            try:
                if view.till in self._shop.down:
                    raise HttpError("switched off")
                response = await view.till.http.request("GET", "/v1/status",
                                                        seconds=STATUS_SECONDS_MAX)
                view.answers = response.status == 200
                if view.answers:
                    view.status = response.json()
            except OSError:
                view.answers = False
            await asyncio.sleep(STATUS_EVERY_SECONDS)

    async def _watch_cloud(self):
        while True:
            try:
                async with asyncio.timeout(STATUS_SECONDS_MAX):
                    self.cloud = await self._shop.holder()
                self.cloud_answers = True
            except (OSError, AssertionError, asyncio.TimeoutError):
                self.cloud_answers = False
            await asyncio.sleep(STATUS_EVERY_SECONDS)

    async def _listen(self, view):
        while True:
            try:
                if view.till not in self._shop.down:
                    await self._read_events(view)
            except (OSError, aiohttp.ClientError):
                pass
            view.listening = False
            await asyncio.sleep(RECONNECT_SECONDS)

    async def _read_events(self, view):
        socket = await view.till.http.websocket("/v1/events", max_msg_size=0,
                                                  timeout=CLOSE_SECONDS_MAX)
        view.listening = True
        try:
            async for message in socket:
                if message.type == aiohttp.WSMsgType.TEXT:
                    self._on_event(view, message.data, time.monotonic())
        finally:
            await socket.close()

    def _on_event(self, view, text, arrived):
        event = json.loads(text)
        kind = event["type"]
        if kind == "sale":
            self.arrivals[event["id"]].setdefault(view.till.name, arrived)
            view.sales += event["own"]
        elif kind == "stock":
            view.stock_events += 1
            view.last_stock = event
        elif kind == "alarm":
            if len(self.alarms) < ALARMS_KEPT:
                self.alarms.setdefault((event["code"], event["message"]), view.till.name)

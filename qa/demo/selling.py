"""The cashiers: every document of the day goes through a till's API, all tills at once.

A document is bound to one till by its first request. When no answer came (the till was killed),
nobody knows whether the sale was recorded, so the same request with the same key is repeated at
the same till until it answers; it must count once. Customers at a till that is known to be down
go to the next one.
"""

import asyncio
import dataclasses
import json
import time

from qa.harness.http import HttpError
from qa.harness.service import ApiError

ANSWER_SECONDS_MAX = 5.0
REPEAT_PAUSE_SECONDS = 0.2
REPEATS_MAX = 100  # of one document while its till should be up
DOUBLE_TAP_EVERY = 20  # of every so many documents one is sent twice at once, as impatient hands do
LOST_ANSWER_SECONDS = 1.0  # how long a till may take to record what nobody waits for
REPEATABLE_STATUS = 503  # the outcome is unknown, or the till is just starting


class SellingFault(Exception):
    """A till refused or answered wrongly; the proof cannot hold."""


@dataclasses.dataclass
class Sold:
    """One document with the answer it got."""

    document: object
    till: object
    id: str
    receipt: str
    sent: float  # monotonic, when the request that was answered first went out
    answered: float
    phase: str
    listeners: frozenset  # names of other tills that were up and reachable when it was sent
    repeats: int = 0


class Cashiers:
    """`sell` returns when its documents are answered, but for those whose till is down: these wait
    in `unknown` until `repeat_unknown`."""

    def __init__(self, shop, story):
        self._shop = shop
        self._story = story
        self._one_at_a_time = {till: asyncio.Lock() for till in shop.tills}
        self.sold = []
        self.unknown = []  # (document, till)
        self.double_taps = 0
        self.repeated = 0  # requests sent again with the same key
        self.repeats_known = 0  # of them: the till had recorded the first one
        self.shop_clock = None
        self.phase = ""
        self._customers = 0

    async def sell(self, documents, phase, per_second):
        """Paced so that `per_second` documents a second go out, denser in the shop's rush hours."""
        self.phase = phase
        began = time.monotonic()
        try:
            async with asyncio.TaskGroup() as group:
                for offset, document in pace(documents, len(documents) / per_second):
                    await asyncio.sleep(max(0.0, began + offset - time.monotonic()))
                    self.shop_clock = document.time
                    self._customers += 1
                    till = self._shop.tills[self._customers % len(self._shop.tills)]
                    double = self._customers % DOUBLE_TAP_EVERY == 0
                    group.create_task(self._serve(till, document, double))
        except BaseExceptionGroup as faults:
            raise _first(faults) from None  # the group is of no interest to who reads the message

    async def serve(self, till, document):
        """One document at a till that is up: what it became."""
        return await self._deliver_to(till, document)

    async def send_now(self, documents, till):
        """Sent at one till without waiting for each other: tasks, one per document."""
        return [asyncio.create_task(self._deliver_to(till, document)) for document in documents]

    async def lose_answers(self, documents, till):
        """The till gets the requests and may record them, but no screen ever reads its answers."""
        await asyncio.gather(*(till.http.raw(_raw_request(document), LOST_ANSWER_SECONDS)
                               for document in documents))
        self.unknown += [(document, till) for document in documents]

    async def repeat_unknown(self):
        """The till is back: what it never answered is asked again, with the same key."""
        waiting, self.unknown = self.unknown, []
        for document, till in waiting:
            await self._deliver_to(till, document, is_repeat=True)
        return len(waiting)

    async def repeat_answered(self, sold):
        """The answer got lost on the way to the screen: the repeat must bring the same one."""
        response = await sold.till.http.request("POST", sold.document.path, json=sold.document.body,
                                                seconds=ANSWER_SECONDS_MAX)
        self.repeated += 1
        answer = self._checked(sold.document, sold.till, response)
        if response.status != 200 or answer["id"] != sold.id:
            raise SellingFault(f"{sold.till.name}: the repeat of {sold.document.key} was recorded "
                               f"as {answer['id']}, the first time as {sold.id}: it counts twice")
        sold.repeats += 1
        self.repeats_known += 1

    async def _serve(self, till, document, double):
        if till in self._shop.down:
            till = self._another(till)
        async with self._one_at_a_time[till]:
            if till in self._shop.down:  # it went down while the customer queued
                till = self._another(till)
            sold = await self._deliver_to(till, document)
        if double and sold and till not in self._shop.down:
            try:
                await self.repeat_answered(sold)
                self.double_taps += 1
            except HttpError:
                pass  # the till was killed in between; the sale itself was answered

    def _another(self, till):
        up = self._shop.up
        return min(up, key=lambda other: (other.host - till.host) % len(self._shop.tills))

    def _listeners(self, till):
        """Who can hear of a sale at once: everybody that is up, or its own side of a cut."""
        near = self._shop.up
        if self._shop.sides:
            near = next(side for side in self._shop.sides if till in side)
        return frozenset(other.name for other in near
                         if other is not till and other not in self._shop.down)

    async def _deliver_to(self, till, document, is_repeat=False):
        """The answered document, or None when its till went down before it answered."""
        phase, listeners = self.phase, self._listeners(till)
        for attempt in range(REPEATS_MAX):
            sent = time.monotonic()
            try:
                response = await till.http.request("POST", document.path, json=document.body,
                                                   seconds=ANSWER_SECONDS_MAX)
            except HttpError:
                if till in self._shop.down:
                    self.unknown.append((document, till))
                    return None
                response = None
            if attempt or is_repeat:
                self.repeated += 1
            if response is not None and response.status != REPEATABLE_STATUS:
                answer = self._checked(document, till, response)
                if response.status == 200:
                    self.repeats_known += 1
                # A repeat's latency says nothing about propagation: nobody listens for it.
                heard_by = frozenset() if attempt or is_repeat else listeners
                sold = Sold(document, till, answer["id"], answer.get("receipt", ""), sent,
                            time.monotonic(), phase, heard_by, attempt + is_repeat)
                self.sold.append(sold)
                return sold
            await asyncio.sleep(REPEAT_PAUSE_SECONDS)
        raise SellingFault(f"{till.name} did not take {document.key} in {REPEATS_MAX} attempts; it "
                           f"last said {response!r}")

    def _checked(self, document, till, response):
        if response.status not in (200, 201):
            raise SellingFault(f"{ApiError(f'{till.name} refused {document.key}', response)}")
        answer = response.json()
        wanted = document.body.get("total")
        if wanted is not None and answer["total"] != wanted:
            raise SellingFault(f"{till.name}: {document.key} should come to {wanted}, the till "
                               f"says {answer['total']}")
        return answer


def _raw_request(document):
    body = json.dumps(document.body, ensure_ascii=False).encode()
    head = (f"POST {document.path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n")
    return head.encode() + body


def _first(group):
    """The first plain exception of a group of groups."""
    error = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def pace(documents, seconds):
    """[(seconds from now, document)]: half evenly, half as the day's own clock runs, so that rush
    hours are felt and yet no stretch of the run is empty."""
    if not documents:
        return []
    first, last = documents[0].time, documents[-1].time
    day = (last - first).total_seconds() or 1.0
    return [(seconds * (0.5 * index / len(documents)
                        + 0.5 * (document.time - first).total_seconds() / day), document)
            for index, document in enumerate(documents)]

"""The till screens: each sends its customers' requests to its own terminal and does not give up.

A request whose answer is unknown (no answer, 'repeat with this key') is sent again with the same
key until it is answered, also after the terminal was restarted. A customer who comes to a terminal
that is switched off goes elsewhere. Every request and answer is in the history.
"""

import asyncio
import collections
import hashlib

from qa.live.workload import PRICE, UNITS_PER_PIECE

PATHS = {"sale": "/v1/sales", "refund": "/v1/refunds", "void": "/v1/voids",
         "delivery": "/v1/deliveries"}
KIND_NUMBERS = {"sale": 1, "refund": 2, "void": 3, "delivery": 4}
AT_ONCE_MAX = 8  # requests of one screen under way
WAITING_MAX = 64  # further ones; then customers leave
ANSWER_SECONDS_MAX = 10
AGAIN_SECONDS = 0.3
REPEAT_SECONDS = 0.2  # a screen that sends again although it was answered


def request_hash(kind, body):
    """As the terminal computes it, so that a request is recognised among the entries."""
    def canonical(value):
        if isinstance(value, dict):
            return b"{" + b"".join(text(key) + canonical(item) for key, item in
                                   sorted(value.items(), key=lambda pair: pair[0].encode())
                                   if item is not None) + b"}"
        if isinstance(value, list):
            return b"[" + b"".join(map(canonical, value)) + b"]"
        if isinstance(value, str):
            return text(value)
        return b"#%d" % value

    def text(value):
        data = value.encode()
        return b'"%d:' % len(data) + data
    content = f"{kind}\n".encode() + canonical(body)
    return hashlib.blake2b(content, digest_size=32).hexdigest()


def void_claim(request):
    """Of all voids of one sale one counts, whichever of its entries they name: by the request that
    was sold, a number."""
    return hashlib.blake2b(f"void of {request}".encode(), digest_size=32).hexdigest()


class Screens:
    def __init__(self, history, terminals):
        self._history = history
        self._terminals = terminals
        self._answers = {}  # number of the request -> the terminal's answer
        self._lines = {}  # of a sale: (sku, pieces)
        self._free = [asyncio.Semaphore(AT_ONCE_MAX) for _ in terminals]
        self._waiting = collections.Counter()
        self._tasks = set()
        self._open_keys = set()
        self.counts = collections.Counter()
        self.last_answer = "none"
        self.failures = []  # of this program, not of a terminal

    async def open(self, requests):
        """Sends each request at its time; returns when the last was sent."""
        for request in requests:
            wait = request.at_us - self._history.now_us()
            if wait > 0:
                await asyncio.sleep(wait / 1e6)
            self._begin(request)

    async def settle(self, seconds):
        """Until every request is answered; returns how many are not."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=seconds)
        left = list(self._tasks)
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        return len(left)

    async def send_now(self, request):
        """Outside the plan: the opening delivery."""
        await self._serve(request)

    def _begin(self, request):
        terminal = self._terminals[request.terminal]
        if terminal.process is None:
            self.counts["customers at a terminal that was off"] += 1
            return
        if self._waiting[request.terminal] >= WAITING_MAX:
            self.counts["customers who did not wait"] += 1
            return
        task = asyncio.create_task(self._serve(request))
        self._tasks.add(task)
        task.add_done_callback(self._on_done)

    def _on_done(self, task):
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            self.failures.append(task.exception())

    async def _serve(self, request):
        if request.key in self._open_keys:
            self.counts["old keys whose first basket was not answered yet"] += 1
            return
        self._open_keys.add(request.key)
        try:
            await self._serve_under_its_key(request)
        finally:
            self._open_keys.discard(request.key)

    async def _serve_under_its_key(self, request):
        body, effects, claim = self._body(request)
        if body is None:
            self.counts["undone sales that were never acknowledged"] += 1
            return
        told = {"terminal": request.terminal, "key": request.key,
                "kind": KIND_NUMBERS[request.kind],
                "request_hash": request_hash(request.kind, body), "effects": effects}
        if claim:
            told["claim"] = claim
        self._waiting[request.terminal] += 1
        async with self._free[request.terminal]:
            self._waiting[request.terminal] -= 1
            while not await self._send(request, body, told):
                await asyncio.sleep(AGAIN_SECONDS)
                while not self._can_send(request):
                    await asyncio.sleep(AGAIN_SECONDS)
            if request.is_repeated:
                await asyncio.sleep(REPEAT_SECONDS)
                if self._can_send(request):
                    await self._send(request, body, told)

    def _can_send(self, request):
        return self._terminals[request.terminal].process is not None

    async def _send(self, request, body, told):
        """Whether it is answered for good."""
        self._history.tell("request_sent", **told)
        till = self._terminals[request.terminal].till
        try:
            response = await till.http.request("POST", PATHS[request.kind], json=body,
                                               seconds=ANSWER_SECONDS_MAX)
            answer = response.json()
        except OSError as error:
            self._answered(request, "unknown", error=str(error))
            return False
        if response.status in (200, 201):
            self._answers.setdefault(request.number, answer)
            journal, number = answer["id"].split(":")
            facts = {"entry": [journal, int(number)], "hash": answer["hash"]}
            if "receipt_number" in answer:
                facts["receipt"] = [answer["terminal"], answer["receipt_number"]]
            self._answered(request, "recorded" if response.status == 201 else "repeated", **facts)
            return True
        error = answer.get("error", {})
        said = f"{error.get('code')}: {error.get('message')}"
        if response.status >= 500:
            self._answered(request, "unknown", error=said)
            return False
        self._answered(request, "refused", error=said)
        return True

    def _answered(self, request, outcome, **facts):
        self.counts[f"{request.kind} {outcome}"] += 1
        self.last_answer = f"{request.kind} {outcome}: {facts.get('error', 'no error')}"
        self._history.tell("request_answered", terminal=request.terminal, key=request.key,
                           outcome=outcome, **facts)

    def _body(self, request):
        """(JSON to post, stock effects, claim); (None, …) when the sale it undoes is not known."""
        if request.kind in ("sale", "delivery"):
            lines = [{"sku": sku, "quantity": str(pieces)} for sku, pieces in request.lines]
            if request.kind == "sale":
                # The screen knows its prices: a terminal with a new disk may not, yet.
                lines = [{**line, "charged_unit_price": PRICE} for line in lines]
                self._lines[request.number] = request.lines
            return ({"idempotency_key": request.key, "lines": lines},
                    _effects(request.lines, added=request.kind == "delivery"), None)
        if request.kind == "refund" and request.sale is None:
            lines = [{"sku": sku, "quantity": str(pieces), "charged_unit_price": PRICE}
                     for sku, pieces in request.lines]
            return ({"idempotency_key": request.key, "lines": lines,
                     "reason": "brought back without a receipt"},
                    _effects(request.lines, added=True), None)
        sale = self._answers.get(request.sale)
        if sale is None:
            return None, [], None
        sold = self._lines[request.sale]
        if request.kind == "refund":
            back = [sold[place] for place in request.lines]
            return ({"idempotency_key": request.key,
                     "original": {"id": sale["id"], "lines": list(request.lines)}},
                    _effects(back, added=True), None)
        return ({"idempotency_key": request.key, "sale": sale["id"], "reason": "wrong article"},
                _effects(sold, added=True), void_claim(request.sale))


def _effects(lines, added):
    """[[sku, added, removed]] in millionths of a piece, by sku as an entry has them."""
    sums = collections.Counter()
    for sku, pieces in lines:
        sums[sku] += pieces * UNITS_PER_PIECE
    return [[sku, units if added else 0, 0 if added else units]
            for sku, units in sorted(sums.items())]


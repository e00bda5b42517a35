"""What these tests stand on: a shop with goods and, if wanted, a cloud; a book of its sales.

The book is kept by the till screens' side: it knows only what the tills acknowledged. A sale
whose answer was lost (its till was killed) is repeated with the same key, as a screen would, by
`settle`; afterwards every sum is exact.
"""

import asyncio
import collections
import contextlib
import decimal
import itertools
import time

from qa.harness.cloud import Cloud
from qa.harness.service import ApiError
from qa.harness.store import Store
from qa.harness.waiting import wait_until

GOODS = [f"p{number:02}" for number in range(20)]
PRICE = "1.50"
CLOUD_ACCEPTS_SECONDS = 15


async def nothing_to_reset():
    """For a shared shop whose tests leave nothing behind that another would see."""


class Book:
    """Every sale the tills acknowledged, and those whose fate is not known yet."""

    def __init__(self):
        self.sales = {}  # entry id -> the till's answer
        self.moved = collections.Counter()  # sku -> pieces on hand, by what was acknowledged
        self.unanswered = {}  # idempotency key -> (till, lines)
        self.other_receipts = []  # of refunds, voids and sales made around the book

    async def sell(self, till, *lines, key=None):
        """Sells at a till and books its answer. An OSError leaves the sale unanswered."""
        key = key or till.next_key()
        self.unanswered[key] = (till, lines)
        try:
            answer = await till.sell(*lines, key=key)
        except ApiError as error:
            if error.status != 503:  # refused: nothing happened, and nothing will
                del self.unanswered[key]
            raise
        del self.unanswered[key]
        self.note(answer)
        return answer

    def note(self, answer, sign=-1):
        if answer["id"] in self.sales:
            return
        self.sales[answer["id"]] = answer
        for line in answer["lines"]:
            self.moved[line["sku"]] += sign * decimal.Decimal(line["quantity"])

    async def deliver(self, till, *lines):
        answer = await till.deliver(*lines)
        for line in answer["lines"]:
            self.moved[line["sku"]] += decimal.Decimal(line["quantity"])
        return answer

    async def settle(self):
        """Repeats every unanswered sale at its till; returns how many there were."""
        open_sales = list(self.unanswered.items())
        for key, (till, lines) in open_sales:
            await self.sell(till, *lines, key=key)
        return len(open_sales)

    def expected(self):
        """{sku: pieces} of everything that moved."""
        return {sku: pieces for sku, pieces in self.moved.items() if pieces}

    def check_stock(self, name, stock):
        """`stock`: {sku: text}, as an API gives it."""
        seen = {sku: decimal.Decimal(text) for sku, text in stock.items() if decimal.Decimal(text)}
        wrong = {sku: f"{seen.get(sku, 0)} instead of {self.expected().get(sku, 0)}"
                 for sku in seen.keys() | self.expected().keys()
                 if seen.get(sku, 0) != self.expected().get(sku, 0)}
        assert not wrong, f"{name}: stock is not the sum of the sales: {wrong}"

    def missing(self, status):
        """The sales that a till's version vector does not hold."""
        held = {journal["journal"]: journal["stored"] for journal in status["vector"]["journals"]}

        def there(entry):
            journal, number = entry.split(":")
            return any(first <= int(number) <= last for first, last in held.get(journal, []))
        return [entry for entry in self.sales if not there(entry)]

    async def check_tills(self, tills):
        """Every acknowledged sale is on each of these tills, and counts once."""
        assert not self.unanswered, f"settle first: {list(self.unanswered)}"
        for till in tills:
            missing = self.missing(await till.status())
            assert not missing, f"{till.name} lacks {len(missing)} of {len(self.sales)} sales: {missing[:5]}"
            self.check_stock(till.name, await till.stock())

    def check_receipts(self):
        """No number is missing within a series, no receipt exists twice."""
        receipts = collections.Counter(sale["receipt"] for sale in self.sales.values())
        twice = [receipt for receipt, count in receipts.items() if count > 1]
        assert not twice, f"receipts that exist twice: {twice}"
        series = collections.defaultdict(list)
        for record in [*self.sales.values(), *self.other_receipts]:
            if record.get("receipt_number"):
                series[record["series"]].append(record["receipt_number"])
        for name, numbers in series.items():
            numbers.sort()
            gapless = list(range(numbers[0], numbers[0] + len(numbers)))
            assert numbers == gapless, f"series {name} has gaps: {numbers}"


class Shop:
    """Tills on hosts 1…N of a lab, the cloud (if any) on the host after them."""

    def __init__(self, lab, cloud=None):
        self.lab = lab
        self.cloud = cloud
        self.store = Store(lab)
        self.book = Book()
        self._turns = itertools.count()

    @classmethod
    async def open(cls, lab, tills, cloud=False, database="none", spare_hosts=0, **options):
        """A shop with goods on every till, a leader and, with a cloud, an accepted uplink."""
        await lab.create(tills + spare_hosts + (1 if cloud else 0))
        shop = cls(lab, Cloud(lab, tills + spare_hosts + 1) if cloud else None)
        if cloud:
            await shop.cloud.start()
        await shop.store.open(list(range(1, tills + 1)), database=database, cloud=shop.cloud, **options)
        await shop.store.wait_for_members()
        await shop.store.wait_for_leader()
        await shop.tills[0].import_products(
            [{"sku": sku, "description": f"Thing {sku}", "price": PRICE} for sku in GOODS])
        await shop.store.wait_until_equal()
        if cloud:
            await shop.wait_for_uplink()
        return shop

    @property
    def tills(self):
        return self.store.tills

    def without(self, *absent):
        return [till for till in self.tills if till not in absent]

    async def reset(self):
        """Network whole, everything running, one leader, all equal: for the next test."""
        await self.lab.heal()
        for till in self.tills:
            if till.running:
                till.process.resume()
        if self.cloud:
            await self.cloud_back()
        await asyncio.gather(*(till.start() for till in self.tills if not till.running))
        await self.settled()
        self.book.unanswered.clear()

    async def settled(self, seconds=15):
        await self.store.wait_for_members(seconds=seconds)
        await self.store.wait_for_leader(seconds=seconds)
        await self.store.wait_until_equal(seconds=seconds)
        if self.cloud:
            await self.wait_for_uplink()

    async def cloud_back(self):
        if not self.cloud.postgres.process.running:
            await self.cloud.postgres.start()
        if not self.cloud.process.running:
            await self.cloud.start()

    async def leader(self, tills=None, seconds=5, other_than=None):
        return await self.store.wait_for_leader(tills, seconds, other_than)

    async def sell_some(self, tills, times=1):
        """Each till sells some goods, the same ones on all of them."""
        for _ in range(times):
            turn = next(self._turns)
            await asyncio.gather(*(
                self.book.sell(till, GOODS[turn % len(GOODS)], (GOODS[0], 2)) for till in tills))

    @contextlib.asynccontextmanager
    async def selling(self, tills, per_second=10):
        """These tills sell meanwhile, each at this pace. A till that does not answer is tried
        again with its next sale; what it did not answer stays open in the book."""
        load = Load(self.book, tills, per_second)
        try:
            yield load
        finally:
            await load.end()

    async def agree(self, tills=None, seconds=10):
        """All equal, and equal to the book."""
        tills = tills or self.store.running()
        await self.book.settle()
        await self.store.wait_until_equal(tills, seconds=seconds)
        await self.book.check_tills(tills)
        self.book.check_receipts()

    # --- the cloud ---

    async def uplink(self):
        """What the cloud says of this store."""
        return await self.cloud.store()

    async def wait_for_uplink(self, seconds=CLOUD_ACCEPTS_SECONDS, of=None):
        """Until the cloud has accepted an uplink (of this till): its row of the store."""
        seen = {}

        async def accepted():
            row = seen["row"] = await self.uplink()
            return row if row and row["connected"] and row["holder"] and (
                of is None or row["holder"]["terminal"] == of.name) else None
        who = f"the uplink of {of.name}" if of else "an uplink"
        return await wait_until(accepted, seconds, f"the cloud accepted {who}", seen=lambda: seen)

    async def cloud_agrees(self, seconds=15):
        """Nothing is pending on any till, and the cloud's stock is the book's."""
        await self.store.wait_until_uploaded(seconds=seconds)
        held = await self.cloud.api("GET", "/v1/tenants/acme/stores/london-1/vector")
        missing = self.book.missing({"vector": held})
        assert not missing, f"the cloud lacks {len(missing)} sales: {missing[:5]}"
        self.book.check_stock("cloud", await self.cloud.stock())


class Load:
    """Sales at a steady pace at several tills."""

    def __init__(self, book, tills, per_second):
        self._book = book
        self._pause = 1 / per_second
        self._open = True
        self.acknowledged = {till.name: 0 for till in tills}
        self.slowest = 0.0  # seconds of the slowest acknowledged sale
        self._tasks = [asyncio.create_task(self._sell(till)) for till in tills]

    async def end(self):
        self._open = False
        await asyncio.gather(*self._tasks)

    async def wait_for(self, more, seconds=10):
        """Until each till acknowledged this many sales from now."""
        wanted = {name: count + more for name, count in self.acknowledged.items()}
        await wait_until(
            lambda: all(self.acknowledged[name] >= count for name, count in wanted.items()),
            seconds, f"{more} more sales at each till",
            seen=lambda: f"{self.acknowledged}, wanted {wanted}")

    async def _sell(self, till):
        for number in itertools.count():
            if not self._open:
                return
            began = time.monotonic()
            try:
                await self._book.sell(till, GOODS[number % len(GOODS)])
                self.acknowledged[till.name] += 1
                self.slowest = max(self.slowest, time.monotonic() - began)
            except (OSError, ApiError) as error:
                if isinstance(error, ApiError) and error.status != 503:
                    raise
            await asyncio.sleep(max(0.0, self._pause - (time.monotonic() - began)))


async def refused(call, status, *words, code=None, field=None):
    """The ApiError of a call that must be refused with this status and these words."""
    try:
        answer = await call
    except ApiError as error:
        said = f"{error.field}: {error.message}"
        assert error.status == status, f"{error.status} instead of {status}: {error}"
        assert error.message, "an error without a message"
        assert code is None or error.code == code, f"code {error.code} instead of {code}: {error}"
        assert field is None or error.field == field, f"field {error.field} instead of {field}: {error}"
        lacking = [word for word in words if word.lower() not in said.lower()]
        assert not lacking, f"the message does not say {lacking}: {said}"
        return error
    raise AssertionError(f"accepted, not refused with {status}: {str(answer)[:300]}")


async def logged(process_or_till, *words, seconds=5):
    """Waits until one line of a log has all these words (in any case); returns the line."""
    process = getattr(process_or_till, "process", process_or_till)

    def line():
        return next((text for text in process.log_text().splitlines()
                     if all(word.lower() in text.lower() for word in words)), None)
    return await wait_until(line, seconds, f"the log of {process.name} says {words}", every=0.05,
                            seen=lambda: "\n" + process.log_tail(12))

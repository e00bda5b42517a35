"""The proof: everything the tills, the store database and the cloud say, held against sums made
from the input alone (expectation.py) and against entries taken apart by ourselves (journals.py).

Each check is a sentence that holds or does not, with what was compared or what differs.
"""

import asyncio
import collections
import dataclasses
import decimal

from qa.demo import journals as journal_reader
from qa.demo.shop import STORE, TENANT
from qa.harness.postgres import PSQL, rows_of
from qa.harness.process import run_to_end
from qa.harness.waiting import wait_until

PROOF_SECONDS_MAX = 150  # all of it, on a machine that is busy with other things
SETTLE_SECONDS_MAX = 30
PSQL_SECONDS_MAX = 20
VERIFY_SECONDS_MAX = 60
FAULTS_SHOWN_MAX = 3
SCHEMA = f"tenant_{TENANT}"  # uplink/postgres/schema.cpp
UNITS_PER_PIECE = 1_000_000


@dataclasses.dataclass(frozen=True)
class Check:
    name: str
    holds: bool
    detail: str


def differences(expected, seen):
    """["sku: 3 instead of 4", …] between two {sku: pieces}; a product that never moved is 0."""
    return [f"{sku}: {seen.get(sku, 0)} instead of {expected.get(sku, 0)}"
            for sku in sorted(expected.keys() | seen.keys())
            if expected.get(sku, 0) != seen.get(sku, 0)]


def some(faults):
    """A few of many, in words."""
    more = len(faults) - FAULTS_SHOWN_MAX
    return "; ".join(faults[:FAULTS_SHOWN_MAX]) + (f"; and {more} more" if more > 0 else "")


def as_numbers(rows):
    """{sku: "-3"} -> {sku: -3}."""
    return {sku: decimal.Decimal(pieces) for sku, pieces in rows.items()}


def judged(name, faults, detail):
    """A check that holds when nothing was found wrong."""
    return Check(name, not faults, some(faults) if faults else detail)


def check_stock(expected, seen_by_place):
    """One check over every place that counts stock."""
    faults = [f"{place}: {some(different)}" for place, seen in seen_by_place.items()
              if (different := differences(expected, seen))]
    return judged("stock of every product", faults,
                  f"{len(expected):,} products agree with the input: {', '.join(seen_by_place)}")


def check_documents(answered, expected_keys, entries_by_till):
    """Every document is on every till exactly once, where its answer said: `answered` is a list of
    (key, id of the entry)."""
    faults = []
    by_key = dict(answered)
    never = sorted(set(expected_keys) - set(by_key))
    if never:
        faults.append(f"never answered: {some(never)}")
    if len(by_key) != len(answered):
        faults.append(f"{len(answered) - len(by_key)} documents were answered twice")
    for name, journals in entries_by_till.items():
        found = collections.defaultdict(list)
        for entries in journals.values():
            for entry in entries:
                if entry.key:
                    found[entry.key].append(entry.id)
        missing = [key for key in expected_keys if not found[key]]
        twice = [f"{key} ({', '.join(found[key])})" for key in expected_keys if len(found[key]) > 1]
        moved = [key for key in expected_keys if len(found[key]) == 1 and key in by_key
                 and found[key][0] != by_key[key]]
        for words, keys in (("lacks", missing), ("has twice", twice), ("has elsewhere", moved)):
            if keys:
                faults.append(f"{name} {words} {some(keys)}")
    return judged("every document on every till exactly once", faults,
                  f"{len(by_key):,} documents on {len(entries_by_till)} tills, found by the key in "
                  "the entry's bytes")


def check_listed(place, sold, rows):
    """Every sale and refund is in a list of (id, receipt) exactly once, and nothing else is."""
    wanted = {one.id: one.receipt for one in sold if one.document.kind in ("sale", "refund")}
    seen = collections.Counter(identity for identity, _ in rows)
    receipts = dict(rows)
    faults = [f"{identity} is missing" for identity in wanted if not seen[identity]]
    faults += [f"{identity} is there {count} times"
               for identity, count in seen.items() if count > 1]
    faults += [f"{identity} was never sold" for identity in seen if identity not in wanted]
    faults += [f"{identity} has receipt {receipts[identity]}, the till printed {receipt}"
               for identity, receipt in wanted.items()
               if receipts.get(identity, receipt) != receipt]
    return judged(f"every receipt in {place} exactly once", faults, f"{len(wanted):,} receipts")


def check_money(expected, totals_by_place):
    faults = []
    for place, totals in totals_by_place.items():
        for kind, wanted in (("sale", expected.sales_total), ("refund", expected.refunds_total)):
            got = totals.get(kind, decimal.Decimal(0))
            if got != wanted:
                faults.append(f"{place}: {kind}s come to {got}, not {wanted}")
    return judged("the money", faults,
                  f"sales £{expected.sales_total:,}, refunds £{expected.refunds_total:,}: "
                  f"{', '.join(totals_by_place)} agree with the input to the penny")


class Proof:
    """Collects from a shop that is open, then checks. `run` returns every Check."""

    def __init__(self, shop, cashiers, watcher, expected, other_documents, story):
        self._shop = shop
        self._sold = list(cashiers.sold)
        self._watcher = watcher
        self._expected = expected
        self._other_documents = other_documents  # booked besides the day: {key: id}
        self._story = story
        self._step = "waiting until nothing is on its way"

    async def run(self, keys):
        """`keys`: of every document of the day."""
        try:
            async with asyncio.timeout(PROOF_SECONDS_MAX):
                return await self._run(keys)
        except TimeoutError:
            return [Check("comparing everything", False,
                          f"not done within {PROOF_SECONDS_MAX} s; it was {self._step}")]

    async def _run(self, keys):
        checks = [await self._settle()]
        tills = self._shop.tills
        self._step = "reading the journals of every till"
        held = await asyncio.gather(*(self._journals(till) for till in tills))
        faults = [fault for fault in held if isinstance(fault, str)]
        entries = {till.name: journals for till, journals in zip(tills, held)
                   if isinstance(journals, dict)}
        checks.append(judged("hash chains, recomputed", faults, self._sizes(entries)))
        self._step = "waiting for titan-pos journal verify"
        checks.append(await self._signatures())
        checks.append(self._receipts(entries))
        answered = [(one.document.key, one.id) for one in self._sold]
        answered += self._other_documents.items()
        checks.append(check_documents(answered, [*keys, *self._other_documents], entries))
        checks += await self._compare(entries)
        checks.append(self._quiet())
        return checks

    async def _settle(self):
        """Waits until nothing is on its way any more."""
        shop = self._shop
        try:
            status = await shop.store.wait_until_equal(seconds=SETTLE_SECONDS_MAX)
            await shop.store.wait_until_uploaded(seconds=SETTLE_SECONDS_MAX)
            leader = await shop.leader(seconds=SETTLE_SECONDS_MAX)
            await leader.wait_until(lambda seen: seen["store_database"]["state"] == "up"
                                    and seen["store_database"]["behind"] == 0,
                                    SETTLE_SECONDS_MAX, "its store database is complete")

            async def cloud_has_all():
                return (await shop.holder())["entries"] >= status["vector"]["entries"]
            await wait_until(cloud_has_all, SETTLE_SECONDS_MAX, "the cloud has every entry")
        except AssertionError as error:
            return Check("all agree", False, str(error))
        statuses = await shop.store.statuses()
        roots = {seen["vector"]["root"] for seen in statuses}
        digests = {seen["stock_digest"] for seen in statuses}
        vector = status["vector"]
        return Check("all agree", len(roots) == 1 and len(digests) == 1,
                     f"one vector {vector['root'][:8]} of {vector['entries']:,} entries and one "
                     f"stock digest {status['stock_digest']} on {len(statuses)} tills, nothing "
                     "pending")

    async def _journals(self, till):
        try:
            return await journal_reader.read_journals(till)
        except journal_reader.ChainFault as fault:
            return f"{till.name}: {fault}"

    def _sizes(self, entries_by_till):
        journals = max(map(len, entries_by_till.values()), default=0)
        entries = max((sum(map(len, held.values())) for held in entries_by_till.values()),
                      default=0)
        return f"{entries:,} entries in {journals} journals on {len(entries_by_till)} tills"

    async def _signatures(self):
        async def verify(till):
            code, output, errors = await till.command_line("journal", "verify",
                                                           seconds=VERIFY_SECONDS_MAX)
            return f"{till.name}: {(errors or output).strip()[:200]}" if code != 0 else ""
        tills = self._shop.tills
        faults = [fault for fault in await asyncio.gather(*map(verify, tills)) if fault]
        return judged("signatures", faults,
                      f"titan-pos journal verify is content on {len(tills)} tills")

    def _receipts(self, entries):
        faults = [f"{name}: {fault}" for name, journals in entries.items()
                  for fault in journal_reader.receipt_faults(journals)]
        receipts = {entry.receipt for journals in entries.values() for held in journals.values()
                    for entry in held if entry.receipt}
        return judged("receipt numbers without a gap", faults,
                      f"{len(receipts):,} receipts, no number missing, none twice")

    async def _compare(self, entries):
        self._step = "reading the store database"
        shop, store_database = self._shop, await self._store_database()
        self._step = "reading the stock of every till"
        stocks = await asyncio.gather(*(till.stock() for till in shop.tills))
        places = {till.name: as_numbers(stock) for till, stock in zip(shop.tills, stocks)}
        for name, journals in list(entries.items())[:1]:
            places[f"the entries of {name} added up"] = journal_reader.stock_of(journals)
        self._step = "reading the sales and stock of the cloud"
        cloud_sales = await self._cloud_sales()
        places["cloud"] = as_numbers(await shop.cloud.stock(STORE, TENANT))
        receipts = [(row["id"], row["receipt"]) for row in cloud_sales]
        listed = [check_listed("the cloud", self._sold, receipts)]
        money = {"tills": _totals((one.document.kind, one.document.body["total"])
                                  for one in self._sold if one.document.kind in ("sale", "refund")),
                 "cloud": _totals((row["kind"], row["total"]) for row in cloud_sales)}
        if isinstance(store_database, str):
            listed.append(Check("the store database can be read", False, store_database))
        else:
            places["store database"] = store_database["stock"]
            receipts = store_database["receipts"]
            listed.append(check_listed("the store database", self._sold, receipts))
            money["store database"] = store_database["totals"]
        stock = check_stock(self._expected.stock, places)
        return [stock, *listed, check_money(self._expected, money)]

    async def _cloud_sales(self):
        rows, start = [], ""
        while True:
            place = f"&from={start}" if start else ""
            page = await self._shop.cloud.api(
                "GET", f"/v1/tenants/{TENANT}/stores/{STORE}/sales?limit=500{place}")
            rows += page["sales"]
            start = page["next"]
            if not start:
                return rows

    async def _store_database(self):
        """What the leader's PostgreSQL says, read with psql; a text when it cannot be read."""
        try:
            leader = await self._shop.leader()
            database = (await leader.status())["store_database"]
            address = database["address"]
            if not address:
                return f"{leader.name} says it is {database['state']}: {database['message']}"
            stock = await _psql(address, f"SELECT sku, on_hand FROM {SCHEMA}.inventory "
                                         f"WHERE store = '{STORE}'")
            sales = await _psql(address, "SELECT encode(journal, 'hex') || ':' || number, receipt, "
                                         f"kind, total_minor FROM {SCHEMA}.sales "
                                         f"WHERE store = '{STORE}' AND counts")
        except (AssertionError, RuntimeError) as error:
            return str(error)
        return {"stock": {sku: decimal.Decimal(units) / UNITS_PER_PIECE for sku, units in stock},
                "receipts": [(identity, receipt) for identity, receipt, _, _ in sales],
                "totals": _totals((kind, decimal.Decimal(minor) / 100)
                                  for _, _, kind, minor in sales)}

    def _quiet(self):
        alarms = self._watcher.alarms
        diverged = [f"{name}: {message}" for (code, message), name in alarms.items()
                    if code == "divergence"]
        counts = self._story.figure("alarms", dict(collections.Counter(code for code, _ in alarms)))
        others = ", ".join(f"{count:,} {code}" for code, count in sorted(counts.items())) or "none"
        return judged("no till computed another stock", diverged,
                      f"no divergence alarm (alarms told: {others})")


def _totals(rows):
    totals = {}
    for kind, amount in rows:
        totals[kind] = totals.get(kind, decimal.Decimal(0)) + decimal.Decimal(amount)
    return totals


async def _psql(address, sql):
    try:
        code, output, errors = await run_to_end(*PSQL, "-c", sql, address, seconds=PSQL_SECONDS_MAX)
    except asyncio.TimeoutError:
        raise RuntimeError(f"psql {address}: no answer within {PSQL_SECONDS_MAX} s") from None
    if code != 0:
        raise RuntimeError(f"psql {address}: {errors.strip()}")
    return rows_of(output)



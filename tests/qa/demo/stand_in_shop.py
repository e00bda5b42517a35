"""A shop without daemons: tills, cloud and LAN as plain objects with the faces that the demo uses.

Entries travel at once to whoever can be reached, so what is tested is the demo: its cashiers, its
story and its proof. `faults` plants what a broken product would do.
"""

import asyncio
import base64
import decimal
import hashlib
import json as json_module

from entry_bytes import entry_bytes

from qa.demo.shop import Shop
from qa.demo.story import Story
from qa.harness.http import HttpError, Response
from qa.harness.service import ApiError

UNITS = 1_000_000
SIGNS = {"/v1/sales": -1, "/v1/refunds": 1, "/v1/adjustments": 1, "/v1/deliveries": 1}


class Answers:
    """Stands for a till's HttpClient."""

    def __init__(self, till):
        self._till = till

    async def request(self, method, path, json=None, **_):
        await asyncio.sleep(0)
        if not self._till.running:
            raise HttpError("nobody listens")
        status, answer = self._till.record(path, json)
        if self._till.loses_answers:
            raise HttpError("the connection broke before the answer")
        return Response(status, {}, json_module.dumps(answer).encode())

    async def raw(self, data, seconds):
        head, body = data.split(b"\r\n\r\n", 1)
        self._till.record(head.split(b" ")[1].decode(), json_module.loads(body))


class StandInTill:
    def __init__(self, lan, host):
        self.lan = lan
        self.host = host
        self.name = f"till-{host}"
        self.http = Answers(self)
        self.running = True
        self.loses_answers = False
        self.entries = {}  # (journal, number) -> row
        self.by_key = {}
        self.receipts = 0
        self.life = 0
        self._open_journal()

    def _open_journal(self):
        self.life += 1
        seed = f"{self.name} {self.life}".encode()
        self.journal = hashlib.blake2b(seed, digest_size=16).hexdigest()
        self.number, self.previous = 0, ""

    def record(self, path, body):
        key = body["idempotency_key"]
        if key in self.by_key and "repeat counts twice" not in self.lan.faults:
            return 200, self.by_key[key]
        effects, total = {}, decimal.Decimal(0)
        for line in body["lines"]:
            pieces = int(line["quantity"]) * SIGNS[path]
            effects[line["sku"]] = effects.get(line["sku"], 0) + pieces
            price = decimal.Decimal(line.get("charged_unit_price", "0"))
            total += (price * int(line["quantity"])).quantize(decimal.Decimal("0.01"),
                                                              decimal.ROUND_HALF_UP)
        has_receipt = path in ("/v1/sales", "/v1/refunds")
        self.number += 1
        self.receipts += has_receipt
        receipt = (self.name, self.receipts) if has_receipt else None
        data = entry_bytes(self.journal, self.number, self.previous, key,
                           [(sku, max(pieces, 0) * UNITS, max(-pieces, 0) * UNITS)
                            for sku, pieces in effects.items()], receipt)
        self.previous = hashlib.blake2b(data, digest_size=32).hexdigest()
        identity = f"{self.journal}:{self.number}"
        row = {"journal": self.journal, "number": self.number, "hash": self.previous,
               "id": identity,
               "bytes_base64": base64.b64encode(data).decode(), "effects": effects,
               "kind": path.removeprefix("/v1/").removesuffix("s"), "total": str(total),
               "receipt": f"{self.name} {self.receipts}" if has_receipt else ""}
        self.entries[self.journal, self.number] = row
        self.by_key[key] = {"id": identity, "total": str(total), "receipt": row["receipt"]}
        self.lan.spread()
        return 201, self.by_key[key]

    # --- the face of qa.harness.pos.Till ---

    async def api(self, method, path, json=None, **_):
        if path == "/v1/journal":
            journals = sorted({journal for journal, _ in self.entries})
            return {"journals": [{"journal": journal} for journal in journals]}
        if path.startswith("/v1/journal?"):
            journal = path.split("journal=")[1].split("&")[0]
            rows = [row for key, row in sorted(self.entries.items()) if key[0] == journal]
            return {"entries": rows, "next": None}
        response = await self.http.request(method, path, json)
        if response.status >= 400:
            raise ApiError(path, response)
        return response.json()

    async def deliver(self, *lines, key, **_):
        body = {"idempotency_key": key, "lines": list(lines)}
        return (await self.http.request("POST", "/v1/deliveries", body)).json()

    async def stock(self):
        stock = {}
        for row in self.entries.values():
            for sku, pieces in row["effects"].items():
                stock[sku] = stock.get(sku, 0) + pieces
        return {sku: str(pieces) for sku, pieces in stock.items()}

    async def status(self):
        journals = {}
        for journal, number in self.entries:
            journals.setdefault(journal, []).append([number, number])
        leader = self.lan.leader_of(self)
        root = hashlib.blake2b(repr(sorted(self.entries)).encode(), digest_size=8).hexdigest()
        return {"terminal": self.name, "role": "leader" if leader is self else "follower",
                "leader": {"process": leader.journal}, "process": self.journal,
                "stock_digest": root,
                "vector": {"root": root, "entries": len(self.entries),
                           "journals": [{"journal": journal, "stored": stored}
                                        for journal, stored in journals.items()]},
                "pending_uploads": len(self.entries) - len(self.lan.in_cloud),
                "store_database": {"state": "off", "behind": 0, "address": "", "message": ""}}

    async def wait_until(self, predicate, seconds, what):
        return await self.status()

    async def command_line(self, *_, **__):
        return 0, "", ""

    async def kill(self):
        self.running = False
        self.lan.spread()

    async def start(self):
        self.running = True
        self.loses_answers = False
        self._open_journal()
        self.lan.spread()


class StandInLan:
    """The lab, the harness' Store and the cloud in one."""

    isolated = True

    def __init__(self, tills=5, faults=()):
        self.faults = set(faults)
        self.in_cloud = {}
        self.cloud_reachable = True
        self.groups = None
        self.tills = []
        self.tills = [StandInTill(self, host) for host in range(1, tills + 1)]

    def spread(self):
        """Everybody tells everybody whom he reaches, then the leader the cloud."""
        for till in self.tills:
            for other in self.tills:
                if till.running and other.running and self._near(till, other):
                    other.entries.update(till.entries)
        if self.cloud_reachable:
            for till in self.tills:
                if till.running:
                    self.in_cloud.update(till.entries)

    def _near(self, one, other):
        return not self.groups or any(one.host in group and other.host in group
                                      for group in self.groups)

    def leader_of(self, till):
        return min((other for other in self.tills if other.running and self._near(till, other)),
                   key=lambda other: other.host)

    # lab
    async def cut(self, *groups):
        self.groups = groups

    async def mend(self, *_):
        self.groups = None
        if "heal loses a sale" in self.faults:
            lost = next(key for key in sorted(self.tills[-1].entries)
                        if key not in self.tills[0].entries)
            for till in self.tills:
                till.entries.pop(lost, None)
            self.in_cloud.pop(lost, None)
        self.spread()

    # store
    async def statuses(self, tills=None):
        return [await till.status() for till in tills or self.tills if till.running]

    async def wait_for_leader(self, tills=None, seconds=5, other_than=None):
        return self.leader_of((tills or self.tills)[0])

    async def wait_until_equal(self, tills=None, seconds=5):
        return await self.tills[0].status()

    async def wait_until_uploaded(self, tills=None, seconds=5):
        assert self.cloud_reachable

    # cloud
    async def store(self, *_):
        leader = self.leader_of(next(till for till in self.tills if till.running))
        return {"holder": {"terminal": leader.name, "process": leader.journal, "term": leader.life},
                "connected": True, "entries": len(self.in_cloud)}

    async def stock(self, *_):
        stock = {}
        for row in self.in_cloud.values():
            for sku, pieces in row["effects"].items():
                stock[sku] = stock.get(sku, 0) + pieces
        if "cloud miscounts" in self.faults:
            stock[min(stock)] += 1
        return {sku: str(pieces) for sku, pieces in stock.items()}

    async def api(self, *_, **__):
        return {"sales": [row for row in self.in_cloud.values() if row["receipt"]], "next": None}

    async def cut_off(self):
        self.cloud_reachable = False

    async def reconnect(self):
        self.cloud_reachable = True
        self.spread()


def stand_in_shop(faults=()):
    """A Shop that is open; (shop, lan)."""
    lan = StandInLan(faults=faults)
    shop = Shop(lan, len(lan.tills), Story())
    shop.store = shop.cloud = lan
    return shop, lan

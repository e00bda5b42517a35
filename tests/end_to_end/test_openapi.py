"""docs/openapi.yaml against the running daemon: each answer has a documented status and form, no
field is undocumented, and the document's own examples are accepted."""

import json
import re
from urllib.parse import quote

import jsonschema
import yaml

from qa.harness.lab import ROOT
from qa.harness.runner import shared
from qa.harness.waiting import wait_until
from shop import Shop

METHODS = ("get", "put", "post", "delete", "patch")
DOCUMENT = ROOT / "docs" / "openapi.yaml"


class Description:
    """The document, and which of its operations were seen to succeed."""

    def __init__(self):
        self.document = yaml.safe_load(DOCUMENT.read_text())
        self.seen = set()

    def operations(self):
        return {(method.upper(), path): operation
                for path, methods in self.document["paths"].items()
                for method, operation in methods.items() if method in METHODS}

    def resolve(self, node):
        while "$ref" in node:
            target = self.document
            for word in node["$ref"].removeprefix("#/").split("/"):
                target = target[word]
            node = target
        return node

    def check(self, schema, value, where, closed=False):
        """`closed`: fields the schema does not name are a fault, too."""
        if closed and isinstance(value, dict):
            schema = {"allOf": [schema], "unevaluatedProperties": False}
        validator = jsonschema.Draft202012Validator(
            schema, resolver=jsonschema.RefResolver("", self.document),
            format_checker=jsonschema.FormatChecker())
        faults = [f"{'/'.join(map(str, fault.absolute_path)) or 'the whole'}: {fault.message[:300]}"
                  for fault in validator.iter_errors(value)]
        assert not faults, f"{where} is not as described:\n" + "\n".join(faults[:5])

    def check_answer(self, method, path, response):
        operation = self.operations()[(method, path)]
        where = f"{method} {path} {response.status}"
        assert str(response.status) in operation["responses"], f"{where} is not a documented status"
        answer = self.resolve(operation["responses"][str(response.status)])
        kind = response.headers.get("content-type", "").split(";")[0]
        if "content" in answer:
            assert kind in answer["content"], f"{where}: content type {kind} is not documented"
            if kind == "application/json":
                self.check(answer["content"][kind]["schema"], response.json(), where, closed=True)
        if response.status < 400:
            self.seen.add((method, path))


DESCRIPTION = Description()  # one for the file, so that the last test knows what the others saw


class Described(Shop):
    """One till; call() checks what goes in and what comes out against the document."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.described = DESCRIPTION

    async def reset(self):
        pass

    async def call(self, method, path, body=None, query="", expect=(200, 201), **places):
        target = path
        for name, value in places.items():
            target = target.replace("{" + name + "}", quote(value, safe=":"))
        response = await self.tills[0].http.request(method, target + query, json=body)
        assert response.status in expect, f"{method} {target}{query}: {response}"
        if body is not None and response.status < 300:
            request = self.described.operations()[(method, path)]["requestBody"]
            self.described.check(request["content"]["application/json"]["schema"], body,
                                 f"our own request {method} {path}")
        self.described.check_answer(method, path, response)
        return response.json() if response.body[:1] in (b"{", b"[") else response.text

    def key(self):
        return self.tills[0].next_key()


@shared()
async def shop(lab):
    yield await Described.open(lab, 2)


async def test_the_document_is_valid_and_its_examples_are_of_their_schemas(shop):
    described = shop.described
    for name, schema in described.document["components"]["schemas"].items():
        jsonschema.Draft202012Validator.check_schema(schema)
    references = set(re.findall(r"\$ref: '([^']+)'", DOCUMENT.read_text()))
    for reference in references:
        described.resolve({"$ref": reference})
    for (method, path), operation in described.operations().items():
        contents = [operation.get("requestBody", {}).get("content", {})]
        contents += [described.resolve(answer).get("content", {})
                     for answer in operation["responses"].values()]
        for content in contents:
            for media in content.values():
                for name, example in media.get("examples", {}).items():
                    value = described.resolve(example)["value"]
                    if not isinstance(value, str):
                        described.check(media["schema"], value, f"example {name} of {method} {path}")


async def test_what_is_recorded_answers_as_described(shop):
    sale = await shop.call("POST", "/v1/sales", {
        "idempotency_key": shop.key(), "cashier": "c-07", "business_date": "2011-10-06",
        "lines": [{"sku": "p01", "quantity": "2", "list_unit_price": "2.55", "charged_unit_price": "2.55",
                   "discounts": [{"amount": "0.10", "reason": "scratched"}],
                   "tax_code": "S", "tax_rate_basis_points": 2000, "tax_included": True},
                  {"sku": "p02", "quantity": "-1"}],
        "payments": [{"method": "cash", "amount": "10.00", "change": "6.50"}]})
    await shop.call("GET", "/v1/sales/{id}", id=sale["id"])
    refund = await shop.call("POST", "/v1/refunds", {
        "idempotency_key": shop.key(), "original": {"id": sale["id"], "lines": [0]},
        "lines": [{"sku": "p01", "quantity": "1"}]})
    await shop.call("GET", "/v1/sales/{id}", id=refund["id"])
    void = await shop.call("POST", "/v1/voids", {"idempotency_key": shop.key(), "sale": sale["id"],
                                                 "reason": "wrong customer"}, expect=(201, 409))
    other = await shop.call("POST", "/v1/sales", {"idempotency_key": shop.key(),
                                                  "lines": [{"sku": "p03", "quantity": 1}]})
    void = await shop.call("POST", "/v1/voids", {"idempotency_key": shop.key(), "sale": other["id"],
                                                 "reason": "typing error"})
    for entry in (void["id"], other["id"]):
        await shop.call("GET", "/v1/sales/{id}", id=entry)
    delivery = await shop.call("POST", "/v1/deliveries", {
        "idempotency_key": shop.key(), "document": "D-17", "who": "c-01",
        "lines": [{"sku": "p04", "quantity": "12"}]})
    await shop.call("GET", "/v1/sales/{id}", id=delivery["id"], expect=(200, 404))
    await shop.call("POST", "/v1/adjustments", {
        "idempotency_key": shop.key(), "reason": "broken", "lines": [{"sku": "p04", "quantity": "-1.5"}]})
    await shop.call("POST", "/v1/transfers", {
        "idempotency_key": shop.key(), "direction": "out", "other_store": "paris-1", "transfer_id": "T-1",
        "lines": [{"sku": "p04", "quantity": "3"}]})


async def test_what_is_looked_up_answers_as_described(shop):
    await shop.sell_some(shop.tills, times=2)
    await shop.store.wait_until_equal()
    await shop.call("PUT", "/v1/products", {"products": [
        {"sku": "n1", "gtins": ["5012345678900", "123"], "description": "New", "price": "3.25",
         "low_stock": "2"}]})
    await shop.call("PUT", "/v1/products", {"products": [
        {"sku": "n2", "price": "3.25", "taxes": [{"code": "GST", "rate": "5"}, {"code": "QST", "rate": "9.975"}]}]})
    await shop.call("GET", "/v1/products/{sku}", sku="n2")
    for query in ("", "?q=thing", "?limit=3", "?gtin=5012345678900", "?limit=2&after=p01"):
        await shop.call("GET", "/v1/products", query=query)
    page = await shop.call("GET", "/v1/products", query="?q=thing&limit=2")
    assert page["next"], page
    await shop.call("GET", "/v1/products", query=f"?q=thing&limit=2&after={page['next']}")
    for sku in ("n1", "p01"):
        await shop.call("GET", "/v1/products/{sku}", sku=sku)
    for query in ("", "?limit=2", "?limit=2&after=p01"):
        await shop.call("GET", "/v1/stock", query=query)
    await shop.call("GET", "/v1/stock/{sku}", sku="p00")
    journals = (await shop.call("GET", "/v1/journal"))["journals"]
    assert len(journals) >= 2, journals
    for journal in journals:
        await shop.call("GET", "/v1/journal", query=f"?journal={journal['journal']}&from=1&limit=2")
    status = await shop.call("GET", "/v1/status")
    assert len(status["members"]) == 2 and status["alarms"] is not None
    await shop.call("GET", "/metrics")
    await shop.call("GET", "/healthz")


async def test_a_move_in_answers_as_described(shop):
    file = "?file=" + "5a" * 32
    id = (await shop.call("GET", "/v1/move-ins", query=file))["id"]
    place = "/v1/move-ins/{id}/"
    await shop.call("PUT", place + "products", {"products": [{"sku": "former", "price": "2.00"}]}, id=id)
    line = {"sku": "former", "quantity": "5"}
    for dry_run in (True, False, False):
        await shop.call("POST", place + "opening-stock", {"lines": [line], "dry_run": dry_run}, id=id)
    sale = {"terminal": "old-1", "id": "17", "receipt": "OLD-17", "time": "2025-03-01T09:15:00Z", "cashier": "c1",
            "currency": "GBP", "total": "4.00", "tax": "0.67", "was_sent": False, "status": "completed",
            "lines": [{"sku": "former", "description": "Former", "quantity": "2", "unit_price": "2.00",
                       "tax_rate": "20", "total": "4.00"}],
            "payments": [{"method": "cash", "amount": "5.00", "change": "1.00"}]}
    for dry_run in (True, False, False):
        await shop.call("POST", place + "sales", {"sales": [sale], "dry_run": dry_run}, id=id)
    await shop.call("POST", place + "sales", {"sales": [{**sale, "id": "18", "total": "4.01"}]}, id=id, expect=(400,))
    found = (await shop.call("GET", "/v1/sales", query="?receipt=OLD-17"))["sales"]
    assert [one["counts"] for one in found] == [True], found
    await shop.call("GET", "/v1/sales/{id}", id=found[0]["id"])
    assert (await shop.call("GET", "/v1/move-ins", query=file))["begun"]
    await shop.store.wait_until_equal()

    async def would_be_undone():  # 503 until this till has heard that the others hold the same
        return await shop.call("POST", place + "withdrawal", {"dry_run": True}, id=id, expect=(200, 409))
    await wait_until(would_be_undone, 10, "the tills hold the same records")
    await shop.call("POST", place + "withdrawal", {}, id="0" * 32, expect=(404,))
    other = (await shop.call("GET", "/v1/move-ins", query="?file=" + "5b" * 32))["id"]
    await shop.call("POST", place + "sales", {"sales": [{**sale, "id": "19"}]}, id=other)

    async def undone():
        return await shop.call("POST", place + "withdrawal", {"reason": "tried"}, id=other)
    await wait_until(undone, 10, "the tills hold the same records")
    await shop.call("POST", place + "sales", {"sales": [sale]}, id=other, expect=(409,))
    journals = (await shop.call("GET", "/v1/journal"))["journals"]
    own = next(journal for journal in journals if journal["own"])
    await shop.call("GET", "/v1/sales/{id}", id=f"{own['journal']}:{own['stored'][-1][1]}")


async def test_refusals_answer_as_described(shop):
    for path in ("/v1/sales", "/v1/refunds", "/v1/deliveries", "/v1/adjustments", "/v1/transfers", "/v1/voids"):
        await shop.call("POST", path, {"idempotency_key": shop.key(), "lines": []}, expect=(400,))
        response = await shop.tills[0].http.request("POST", path, body="lines", headers={"Content-Type": "text/plain"})
        assert response.status == 415
        shop.described.check_answer("POST", path, response)
    await shop.call("POST", "/v1/voids", {"idempotency_key": shop.key(), "sale": "f" * 32 + ":1",
                                          "reason": "x"}, expect=(404,))
    await shop.call("GET", "/v1/sales/{id}", id="f" * 32 + ":1", expect=(404,))
    await shop.call("GET", "/v1/products/{sku}", sku="nothing", expect=(404,))
    await shop.call("GET", "/v1/stock/{sku}", sku="nothing", expect=(404,))
    await shop.call("GET", "/v1/products", query="?colour=red", expect=(400,))
    await shop.call("GET", "/v1/stock", query="?limit=x", expect=(400,))
    await shop.call("GET", "/v1/journal", query="?journal=" + "0" * 32, expect=(404,))
    await shop.call("PUT", "/v1/products", {"products": [{"price": "1"}]}, expect=(400,))


async def test_a_reload_is_as_described(shop):
    await shop.call("POST", "/v1/reload")


async def test_the_examples_of_requests_are_accepted(shop):
    accepted = 0
    await shop.tills[0].import_products([{"sku": "scanned", "gtins": ["5012345678900"], "price": "1.00"}])
    for (method, path), operation in shop.described.operations().items():
        media = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
        for name, example in media.get("examples", {}).items():
            body = shop.described.resolve(example)["value"]
            response = await shop.tills[0].http.request(method, path, json=body)
            shop.described.check_answer(method, path, response)
            if path in ("/v1/sales", "/v1/products", "/v1/deliveries", "/v1/adjustments"):
                assert response.status in (200, 201), f"example {name} of {method} {path}: {response}"
                accepted += 1
    assert accepted >= 2, "the document has no examples of requests"


async def test_events_are_as_described(shop):
    other = await shop.leader()
    (till,) = shop.without(other)
    event = {"$ref": "#/components/schemas/Event"}
    async with till.events() as events:
        await shop.sell_some(shop.tills)
        await till.deliver(("p05", 1))
        await other.kill()
        await events.wait_for(lambda told: told["type"] == "member" and told["state"] == "dead", 10,
                              "the leader is dead")
        await other.start()
        await events.wait_for(lambda told: told["type"] == "leader", 10, "who leads")
        for kind in ("sale", "stock", "member"):
            await wait_until(lambda kind=kind: events.of(kind), 5, f"an event of type {kind}")
        for told in events.received:
            told = {key: value for key, value in told.items() if key != "arrived"}
            shop.described.check(event, told, f"event {json.dumps(told)[:200]}")
    shop.described.seen.add(("GET", "/v1/events"))


async def test_every_operation_was_tried(shop):
    """Last of this file: the tests above share one till and one book-keeping of operations."""
    missing = set(shop.described.operations()) - shop.described.seen
    assert not missing, f"documented, but no test saw them succeed: {sorted(missing)}"

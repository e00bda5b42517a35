"""Every row of "Bad input" that reaches the API, against the real daemon: refused with the field and
the reason, nothing half-applied, and the till sells on."""

import asyncio
import base64
import json

from qa.harness.runner import shared
from shop import Shop, refused

LINE = {"sku": "p01", "quantity": "1"}


class Counter(Shop):
    """One till; `unchanged()` tells that nothing was recorded since `mark()`."""

    async def mark(self):
        self.marked = (await self.tills[0].status())["vector"]["root"]

    async def unchanged(self):
        root = (await self.tills[0].status())["vector"]["root"]
        assert root == self.marked, "something was recorded of a refused request"

    async def reset(self):
        pass

    async def refuses(self, status, body, *words, path="/v1/sales", method="POST", **expected):
        """A body that must be refused and leave nothing behind; then the till sells."""
        till = self.tills[0]
        await self.mark()
        if isinstance(body, dict) and method == "POST":
            body = {"idempotency_key": till.next_key(), **body}
        error = await refused(till.api(method, path, body), status, *words, **expected)
        await self.unchanged()
        return error


@shared()
async def shop(lab):
    yield await Counter.open(lab, 1)


async def raw(shop, body, *words, status, content_type="application/json", path="/v1/sales",
              method="POST", **expected):
    await shop.mark()
    error = await refused(shop.tills[0].api(method, path, body=body, headers={"Content-Type": content_type}),
                          status, *words, **expected)
    await shop.unchanged()
    return error


async def test_malformed_json_is_refused_with_the_place(shop):
    await raw(shop, '{"idempotency_key": "a", "lines": [}', "line 1", "column 36", status=400)
    await raw(shop, "", status=400)
    await raw(shop, "[1, 2]", "object", status=400)
    await raw(shop, '{"lines": ' + "[" * 100_000, status=400)
    await raw(shop, b'{"idempotency_key": "\xff\xfe", "lines": []}', status=400)


async def test_a_misspelt_field_is_named(shop):
    await shop.refuses(400, {"lines": [{**LINE, "quantiti": "1"}]}, "quantiti")
    await shop.refuses(400, {"lines": [LINE], "payment": []}, "payment")


async def test_a_sale_without_its_key_or_its_lines_is_refused(shop):
    await raw(shop, json.dumps({"lines": [LINE]}), status=400, field="idempotency_key")
    await shop.refuses(400, {"lines": []}, field="lines")
    await shop.refuses(400, {}, field="lines")
    await shop.refuses(400, {"lines": [{"quantity": "1"}]}, "sku")
    await shop.refuses(400, {"lines": [{"sku": "p01"}]}, "quantity")


async def test_an_unknown_article_is_refused_without_a_price_and_sold_with_one(shop):
    await shop.refuses(400, {"lines": [{"sku": "unheard-of", "quantity": "1"}]}, "unheard-of", "price")
    sale = await shop.tills[0].sell({"sku": "unheard-of", "quantity": "1", "charged_unit_price": "2.00"})
    flags = sale["flags"] + sale["lines"][0]["flags"]
    assert any("unknown" in flag for flag in flags), sale


async def test_ten_thousand_lines_are_refused_with_the_limit(shop):
    await shop.refuses(413, {"lines": [LINE] * 10_000}, "2000", code="too_large")
    await shop.tills[0].sell(*[("p02", 1)] * 2000)


async def test_payments_short_of_the_total_are_refused(shop):
    await shop.refuses(400, {"lines": [LINE], "payments": [{"method": "cash", "amount": "1.49"}]},
                       "1.50", field="payments")
    await shop.refuses(400, {"lines": [LINE], "payments": [
        {"method": "cash", "amount": "5.00", "change": "9.00"}]}, "change")


async def test_sums_that_overflow_are_refused(shop):
    huge = {"sku": "p01", "quantity": "1000000000", "charged_unit_price": "9999999999999.99"}
    await shop.refuses(400, {"lines": [huge, huge]})
    await shop.refuses(400, {"lines": [{**LINE, "quantity": "99999999999999999999"}]}, "quantity")
    await shop.refuses(400, {"lines": [{**LINE, "charged_unit_price": "1e400"}]}, "charged_unit_price")
    await shop.refuses(400, {"lines": [{**LINE, "quantity": "0.0000001"}]}, "quantity")


async def test_a_key_used_for_another_basket_is_refused(shop):
    till = shop.tills[0]
    await till.sell("p03", key="once")
    await shop.refuses(409, {"idempotency_key": "once", "lines": [{"sku": "p03", "quantity": "2"}]},
                       "idempotency_key", code="conflict")


async def test_other_content_types_and_methods_are_refused(shop):
    await raw(shop, json.dumps({"lines": [LINE]}), "application/json", status=415,
              content_type="text/plain")
    await raw(shop, "<sale/>", status=415, content_type="application/xml")
    await raw(shop, "{}", "GET", status=405, path="/v1/status")
    await raw(shop, "{}", status=404, path="/v1/salse")


async def test_a_body_over_one_megabyte_is_refused(shop):
    await raw(shop, json.dumps({"idempotency_key": "big", "cashier": "x" * 1_100_000, "lines": [LINE]}),
              status=413, code="too_large")
    await shop.tills[0].sell("p01")


async def test_csv_with_wrong_columns_or_encoding_is_refused_with_its_line(shop):
    async def csv(body, *words, charset=""):
        return await raw(shop, body, *words, status=400, content_type="text/csv" + charset,
                         path="/v1/products", method="PUT")
    await csv("sku,description,prise\nx1,Thing,1.00\n", "prise")
    await csv("description,price\nThing,1.00\n", "sku")
    await csv("sku,price\nx1,1.00\nx2,one pound\n", "3", "price")
    await csv("sku,price\nx1,1.00,2.00\n", "2")
    await csv('sku,description\nx1,"never closed\n', "quot")
    await csv("sku,description\nx1,Caf\xe9\n".encode("latin-1"), "UTF-8", "2",
              charset="; charset=utf-8")
    await csv("", "empty")
    for sku in ("x1", "x2"):
        await refused(shop.tills[0].api("GET", f"/v1/products/{sku}"), 404)


async def test_a_wrong_check_digit_is_warned_of_and_sold(shop):
    till = shop.tills[0]
    imported = await till.api("PUT", "/v1/products", body="sku,gtin,price\ng1,5012345678901,1.00\n",
                              headers={"Content-Type": "text/csv"})
    assert imported["warning_count"] == 1 and "5012345678901" in str(imported["warnings"]), imported
    sale = await till.sell({"gtin": "5012345678901", "quantity": "1"})
    assert sale["lines"][0]["sku"] == "g1", sale
    assert any("gtin" in flag or "check" in flag for flag in sale["flags"] + sale["lines"][0]["flags"]), sale


async def test_text_that_no_receipt_can_show_is_refused(shop):
    await shop.refuses(400, {"lines": [{**LINE, "description": "a\u0007b"}]}, "description")
    await shop.refuses(400, {"lines": [{**LINE, "sku": "x" * 65, "charged_unit_price": "1"}]}, "sku")
    await shop.refuses(400, {"lines": [LINE], "business_date": "2011-02-30"}, field="business_date")
    sale = await shop.tills[0].sell({**LINE, "description": "Kaffee à la crème ☕"})
    assert sale["lines"][0]["description"] == "Kaffee à la crème ☕"


async def test_a_card_number_is_never_recorded(shop):
    till = shop.tills[0]
    card = "4111111111111111"
    sale = {"lines": [LINE], "payments": [{"method": "card", "amount": "1.50", "reference": card}]}
    try:
        answer = json.dumps(await till.api("POST", "/v1/sales", {"idempotency_key": "card", **sale}))
    except AssertionError as error:
        answer = str(error)
    assert card not in answer, answer
    journals = (await till.api("GET", "/v1/journal"))["journals"]
    for journal in journals:
        page = await till.api("GET", f"/v1/journal?journal={journal['journal']}&from=1&limit=1000")
        for entry in page["entries"]:
            assert card.encode() not in base64.b64decode(entry["bytes_base64"]), entry["number"]


async def test_look_ups_of_what_is_not_there_say_so(shop):
    till = shop.tills[0]
    await refused(till.api("GET", "/v1/sales/ffffffffffffffffffffffffffffffff:1"), 404)
    await refused(till.api("GET", "/v1/sales/not-an-id"), 400)
    await refused(till.api("GET", "/v1/products/no-such"), 404, "no-such")
    await refused(till.api("GET", "/v1/journal?journal=xyz"), 400, "journal")
    await refused(till.api("GET", "/v1/stock?limit=-1"), 400, "limit")
    await refused(till.api("GET", "/v1/stock?limit=1000000"), 400, "limit")


async def test_refused_movements_leave_no_line_behind(shop):
    for path in ("/v1/deliveries", "/v1/adjustments"):
        await shop.refuses(400, {"reason": "x", "lines": [
            {"sku": "p04", "quantity": "5"}, {"sku": "", "quantity": "1"}]}, "lines", path=path)
    await shop.refuses(400, {"reason": "x", "lines": [{"sku": "p04", "quantity": "-5"}]}, "quantity",
                       path="/v1/deliveries")
    assert await shop.tills[0].on_hand("p04") == "0"


async def test_bad_requests_by_the_dozen_do_not_disturb_sales(shop):
    till = shop.tills[0]

    async def nonsense():
        for body in ("{", "{}", '{"lines": 5}', '{"idempotency_key": 7, "lines": []}'):
            response = await till.http.request("POST", "/v1/sales", body=body,
                                               headers={"Content-Type": "application/json"})
            assert response.status == 400, response
    async with shop.selling([till], per_second=50) as load:
        await asyncio.gather(*(nonsense() for _ in range(50)))
        await load.wait_for(10)
    shop.book.check_receipts()

"""Product lists: whole or not at all when a till is killed, and as spreadsheets write them."""

import asyncio

import aiohttp

from qa.harness.runner import limit, shared
from qa.harness.service import ApiError
from qa.harness.store import Store
from qa.harness.waiting import wait_until

ARTICLES = 12_000
CSV = {"Content-Type": "text/csv"}


def price_list(price):
    # Names that hardly compress, so that the list is several parts.
    names = (f"{number * 2654435761 % 2**32:08x} {number * 40503 % 2**32:08x}" for number in range(ARTICLES))
    return "sku,description,price\n" + "".join(
        f"N{number:05},{name} {name[::-1]},{price}\n" for number, name in enumerate(names))


async def put(till, text, seconds=60, **headers):
    return await till.api("PUT", "/v1/products", body=text, headers={**CSV, **headers}, seconds=seconds)


async def prices(till):
    return {row["price"] for row in await till.pages("/v1/products", "products")}


class Pair(Store):
    async def reset(self):
        """Each test brings articles of its own."""


@shared(120)
async def pair(lab):
    await lab.create(2)
    store = Pair(lab)
    await store.open([1, 2])
    await store.wait_for_members()
    yield store


@limit(120)
async def test_a_till_that_is_killed_while_it_takes_a_list_in_has_the_old_one_or_the_new_one(pair):
    till, peer = pair.tills
    first = await put(till, price_list("1.00"))
    assert first["changed"] == ARTICLES and first["entries"] > 2, first
    await pair.wait_until_equal(seconds=20)

    async def written():
        return (await till.status())["vector"]["entries"]
    for after_entries in (1, 2):  # cut off at another part each time
        before = await written()
        seen = set()
        importing = asyncio.create_task(put(till, price_list(f"2.0{after_entries}")))

        async def begun(before=before, enough=after_entries):
            for sku in ("N00000", f"N{ARTICLES - 1:05}", "N06000"):
                seen.add((await till.api("GET", f"/v1/products/{sku}"))["price"])
            return await written() >= before + enough or importing.done()
        await wait_until(begun, 30, "a part of the list is written", every=0.005)
        await till.kill()
        try:
            await importing
        except (ApiError, aiohttp.ClientError, OSError, asyncio.TimeoutError):
            pass
        await till.start()
        held = await prices(till)
        assert len(held) == 1, (held, seen)
        await pair.wait_for_members(seconds=20)
        await pair.wait_until_equal(seconds=20)
        assert len(await prices(peer)) == 1
        assert await prices(peer) == await prices(till)

    done = await put(till, price_list("3.00"))
    assert done["products"] == ARTICLES, done
    await pair.wait_until_equal(seconds=20)

    async def everywhere():
        return await prices(peer) == await prices(till) == {"3.00"}
    await wait_until(everywhere, 20, "the last list is in force at both tills")
    await till.kill()
    await till.start()
    assert await prices(till) == {"3.00"}


@limit(60)
async def test_a_spreadsheet_with_semicolons_and_decimal_commas_is_taken_as_it_is(pair):
    till = pair.tills[0]
    sheet = ("sep=;\r\nSKU;GTIN;Name;Price;Tax Rate\r\n"
             "E1;4006381333931;Käse;\"1.299,50 £\";7\r\n;;;;\r\n"
             "E2;;\"two\r\nlines\";1.299;19\r\n").encode("cp1252")
    answer = await put(till, sheet, **{"Content-Type": "text/csv; charset=windows-1252"})
    assert answer["products"] == 2 and answer["warning_count"] == 0, answer
    cheese = await till.api("GET", "/v1/products/E1")
    assert (cheese["description"], cheese["price"], cheese["tax_rate"]) == ("Käse", "1299.50", "7"), cheese
    other = await till.api("GET", "/v1/products/E2")
    assert (other["description"], other["price"]) == ("two lines", "1299"), other


@limit(60)
async def test_every_fault_of_a_list_is_told_and_nothing_is_taken(pair):
    till = pair.tills[0]
    response = await till.http.request(
        "PUT", "/v1/products", headers=CSV,
        body="gtin,price,currency\n4.00638E+12,1,GBP\n4006381333948,1,gbp\n4006381333955,cheap,GBP\n")
    error = response.json()["error"]
    assert response.status == 400 and error["fault_count"] == 3, error
    assert [(fault["row"], fault["column"]) for fault in error["faults"]] == [
        ("line 2", "gtins"), ("line 3", "currency"), ("line 4", "price")], error
    assert (await till.api("GET", "/v1/products?gtin=4006381333948"))["products"] == []


async def test_a_threshold_of_zero_is_a_threshold(pair):
    till = pair.tills[1]
    await put(till, "sku,price,low_stock\nZ0,1.00,0\n")
    await till.api("POST", "/v1/deliveries", json={
        "idempotency_key": "zero", "lines": [{"sku": "Z0", "quantity": "2"}]})
    assert (await till.api("GET", "/v1/stock/Z0"))["state"] == "in_stock"
    await put(till, "sku,low_stock\nZ0,\n")
    assert (await till.api("GET", "/v1/stock/Z0"))["state"] == "low"

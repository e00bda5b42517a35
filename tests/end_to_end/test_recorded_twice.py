"""A till loses its database but not its key, alone, and its screen repeats what it had no answer to.

Of each request that is recorded twice so exactly one entry counts, wherever both are: on every
till, in the store database and in the cloud; and who voids one of them voids the sale.
"""

import decimal

from qa.harness.runner import limit, shared
from qa.harness.service import ApiError
from qa.harness.waiting import wait_until
from shop import Shop
from test_disks import lose_database
from test_store_database import UNITS_PER_PIECE, database_up, query

STORE = "/v1/tenants/acme/stores/london-1"
DATABASE_SECONDS = 90  # initdb on a machine that is busy with other things


@shared(240)
async def shop(lab):
    shop = await Shop.open(lab, 2, cloud=True, database="auto")
    await database_up(shop, await shop.leader(), DATABASE_SECONDS)
    yield shop


async def rebuilt_alone(shop, till):
    """The till starts with an empty database where it reaches nobody."""
    await lose_database(till)
    await shop.lab.isolate(till.host)
    await till.start()


async def back_together(shop):
    await shop.lab.heal()
    await shop.settled()
    await database_up(shop, await shop.leader(), DATABASE_SECONDS)


async def stock_everywhere(shop, sku):
    """{who: pieces}: each till, the leader's store database, the cloud."""
    stock = {till.name: decimal.Decimal(await till.on_hand(sku)) for till in shop.tills}
    leader = await shop.leader()
    rows = await query(leader, f"SELECT on_hand FROM inventory WHERE sku = '{sku}'")
    stock["store database"] = decimal.Decimal(rows[0][0]) / UNITS_PER_PIECE if rows else decimal.Decimal(0)
    stock["cloud"] = decimal.Decimal((await shop.cloud.stock()).get(sku, 0))
    return stock


async def is_everywhere(shop, sku, pieces, seconds=20):
    seen = {}

    async def right():
        seen.update(await stock_everywhere(shop, sku))
        return all(found == pieces for found in seen.values())
    await wait_until(right, seconds, f"{pieces} of {sku} everywhere", every=0.2, seen=lambda: seen)


async def cloud_sales(shop, *entries):
    rows = (await shop.cloud.api("GET", f"{STORE}/sales?limit=1000"))["sales"]
    return [row for row in rows if row["id"] in entries]


async def duplicate_alarm(till, *receipts):
    status = await till.wait_until(
        lambda status: any(alarm["code"] == "duplicate" and all(text in alarm["message"]
                                                               for text in receipts)
                           for alarm in status["alarms"]), 10, f"says what of {receipts} counts")
    return next(alarm["message"] for alarm in status["alarms"]
                if alarm["code"] == "duplicate" and receipts[0] in alarm["message"])


async def record(till, kind, key, sku):
    """Ten pieces more or less of an article."""
    lines = {"idempotency_key": key, "lines": [{"sku": sku, "quantity": "10"}]}
    if kind == "transfers-out":
        return await till.api("POST", "/v1/transfers", {
            **lines, "direction": "out", "other_store": "leeds-1", "transfer_id": f"to-{key}"})
    if kind == "transfers-in":
        return await till.api("POST", "/v1/transfers", {
            **lines, "direction": "in", "other_store": "leeds-1", "transfer_id": f"from-{key}"})
    if kind == "adjustments":
        lines["reason"] = "found behind the shelf"
    if kind == "refunds":
        lines["reason"] = "brought back without a receipt"
    if kind in ("refunds", "sales", "training"):
        lines["lines"][0]["charged_unit_price"] = "1.50"
    if kind == "training":
        return await till.api("POST", "/v1/sales", {**lines, "training": True})
    return await till.api("POST", f"/v1/{kind}", lines)


PIECES = {"deliveries": 10, "adjustments": 10, "transfers-out": -10, "transfers-in": 10,
          "sales": -10, "refunds": 10, "training": 0}


@limit(300)
async def test_each_kind_that_is_repeated_on_a_rebuilt_disk_counts_once_everywhere(shop):
    till = shop.tills[0]
    first = {kind: await record(till, kind, f"twice-{kind}", f"twice-{kind}") for kind in PIECES}
    await shop.store.wait_until_uploaded(seconds=20)
    await rebuilt_alone(shop, till)
    second = {kind: await record(till, kind, f"twice-{kind}", f"twice-{kind}") for kind in PIECES}
    for kind in PIECES:
        assert second[kind]["id"] != first[kind]["id"], f"{kind}: the till knew the first"
    await back_together(shop)
    for kind, pieces in PIECES.items():
        await is_everywhere(shop, f"twice-{kind}", pieces)
    ids = [first["sales"]["id"], second["sales"]["id"]]

    async def one_counts_in_the_cloud():
        return sorted(row["counts"] for row in await cloud_sales(shop, *ids)) == [False, True]
    await wait_until(one_counts_in_the_cloud, 20, "the cloud counts one of the two sales")
    counting = {row["id"]: row["counts"] for row in await cloud_sales(shop, *ids)}
    for each in shop.tills:
        for entry in ids:
            sale = await each.api("GET", f"/v1/sales/{entry}")
            assert sale["counts"] == counting[entry], (each.name, sale)
    message = await duplicate_alarm(till, first["sales"]["receipt"], second["sales"]["receipt"])
    counts = next(sale for sale in (first["sales"], second["sales"]) if counting[sale["id"]])
    assert f"{counts['receipt']} counts" in message, message
    # A restart finds the same.
    await till.stop()
    await till.start()
    await back_together(shop)
    for kind, pieces in PIECES.items():
        await is_everywhere(shop, f"twice-{kind}", pieces)


@limit(300)
async def test_a_sale_recorded_twice_is_voided_by_a_void_of_either_entry(shop):
    """Several sales, since which of two entries counts is chance."""
    till = shop.tills[0]
    count = 6
    skus = [f"voided-{number}" for number in range(count)]

    async def sell(number):
        return await till.sell({"sku": skus[number], "quantity": "1", "charged_unit_price": "1.50"},
                               key=f"voided-{number}")
    first = [await sell(number) for number in range(count)]
    voids = {}
    for number in range(0, count, 2):  # before the disk is lost
        voids[number] = await till.api("POST", "/v1/voids", {
            "idempotency_key": f"void-{number}", "sale": first[number]["id"], "reason": "changed mind"})
    await shop.store.wait_until_uploaded(seconds=20)
    await rebuilt_alone(shop, till)
    second = [await sell(number) for number in range(count)]
    for number in range(1, count, 2):  # after it
        voids[number] = await till.api("POST", "/v1/voids", {
            "idempotency_key": f"void-{number}", "sale": second[number]["id"], "reason": "changed mind"})
        assert voids[number]["counts"], voids[number]
    # What was voided before is sold again by the screen, and voided again by the cashier.
    again = await till.api("POST", "/v1/voids", {
        "idempotency_key": "void-again-0", "sale": second[0]["id"], "reason": "changed mind"})
    await back_together(shop)
    await shop.store.wait_until_uploaded(seconds=20)
    for sku in skus:
        await is_everywhere(shop, sku, 0)
    projected = dict(await query(
        await shop.leader(),
        "SELECT encode(journal, 'hex') || ':' || number,"
        " encode(void_journal, 'hex') || ':' || void_number FROM voided_sales"))
    for number in range(count):
        for each in shop.tills:
            for sale in (first[number], second[number]):
                seen = await each.api("GET", f"/v1/sales/{sale['id']}")
                wanted = [voids[number]["id"]] + ([again["id"]] if number == 0 else [])
                assert seen["voided_by"] in wanted, (each.name, seen)
                assert projected[sale["id"]] == seen["voided_by"], (projected, seen)
        if number != 0:
            void = await till.api("GET", f"/v1/sales/{voids[number]['id']}")
            assert void["counts"], void
        entries = await cloud_sales(shop, first[number]["id"], second[number]["id"])
        assert all(row.get("voided_by") in wanted for row in entries) and len(entries) == 2, entries
    try:
        await till.api("POST", "/v1/voids", {"idempotency_key": "void-late",
                                             "sale": first[1]["id"], "reason": "once more"})
        raise AssertionError("the sale was voided twice")
    except ApiError as error:
        assert error.status == 409, error


@limit(300)
async def test_refunds_of_both_entries_are_refunds_of_one_sale(shop):
    """On the two sides of the cut, each of the entry that is there: one piece was sold, two came
    back, and everybody sees it."""
    till, other = shop.tills
    line = {"sku": "given-back", "quantity": "1", "charged_unit_price": "1.50"}
    first = await till.sell(line, key="given-back")
    await shop.store.wait_until_uploaded(seconds=20)
    await rebuilt_alone(shop, till)
    second = await till.sell(line, key="given-back")
    for each, sale in ((till, second), (other, first)):
        await each.api("POST", "/v1/refunds", {"idempotency_key": f"back-{each.name}",
                                               "original": {"id": sale["id"]}})
    await back_together(shop)
    await is_everywhere(shop, "given-back", 1)
    for each in shop.tills:
        await each.wait_until(
            lambda status: any(alarm["code"] == "refunded_more_than_sold"
                               for alarm in status["alarms"]), 10, "says that too much came back")
        for sale in (first, second):
            try:
                await each.api("POST", "/v1/refunds", {
                    "idempotency_key": f"more-{each.name}-{sale['id'][:6]}",
                    "original": {"id": sale["id"]}})
                raise AssertionError("a third one came back")
            except ApiError as error:
                assert error.status == 409, error
    rows = await query(await shop.leader(),
                       "SELECT trim_scale(sold), trim_scale(refunded) FROM over_refunds")
    assert rows == [["1", "2"]], rows

    async def told_in_the_cloud():
        alarms = (await shop.cloud.api("GET", f"{STORE}/alarms"))["alarms"]
        return [alarm["refunded"] for alarm in alarms] == ["2"]
    await wait_until(told_in_the_cloud, 20, "head office sees one sale given back twice")

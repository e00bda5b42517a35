"""Databases whose pages go bad, in a till that stands or runs."""

import asyncio
import contextlib
import re

from qa.harness.runner import limit, shared
from qa.harness.service import ApiError
from qa.harness.waiting import wait_until
from shop import Shop

PAGE_BYTES = 4096
ROWS_LEAF = 0x0d  # the first byte of a page that holds rows


@shared(90)
async def shop(lab):
    yield await Shop.open(lab, 3)


def spoil(file, pages):
    with open(file, "r+b") as database:
        for page in pages:
            database.seek(page * PAGE_BYTES)
            database.write(b"\xa5" * PAGE_BYTES)


def row_pages(content):
    """(number, bytes) of each page of a database file that holds rows."""
    for number in range(1, len(content) // PAGE_BYTES):
        page = content[number * PAGE_BYTES:(number + 1) * PAGE_BYTES]
        if page[0] == ROWS_LEAF:
            yield number, page


async def copied_back(file):
    """The pages are in the file, not only in its log."""
    await wait_until(lambda: file.stat().st_size > 8 << 20, 10, "the log is copied back",
                     seen=lambda: file.stat().st_size)


@limit(90)
async def test_a_damaged_database_is_set_aside_and_its_sales_come_back(shop):
    till = shop.tills[1]
    await shop.sell_some(shop.tills, times=10)
    await shop.agree()
    await till.stop()
    file = till.data / "titan.sqlite3"
    spoil(file, range(3, file.stat().st_size // PAGE_BYTES, 4))
    await till.start()
    await shop.settled()
    await shop.agree()
    aside = [path.name for path in till.data.glob("titan.sqlite3.damaged-*")
             if path.suffix.endswith("Z")]
    assert aside, f"no damaged file was kept: {sorted(path.name for path in till.data.iterdir())}"
    said = [line for line in till.process.log_text().splitlines() if aside[0] in line]
    assert said, f"the log does not name {aside[0]}:\n{till.process.log_tail()}"
    sale = await shop.book.sell(till, "p12")
    assert sale["receipt_number"] == max(other["receipt_number"] for other in shop.book.sales.values()
                                         if other["terminal"] == till.name), sale
    await shop.agree()


@limit(90)
async def test_a_database_overwritten_from_its_first_byte_comes_back_from_the_others(shop):
    till = shop.tills[2]
    await shop.sell_some(shop.tills)
    await shop.agree()
    await till.kill()
    for name in ("titan.sqlite3-wal", "titan.sqlite3-shm"):
        (till.data / name).unlink(missing_ok=True)
    (till.data / "titan.sqlite3").write_bytes(b"no database at all\n" * 1000)
    await till.start()
    await shop.settled()
    await shop.agree()
    await shop.sell_some([till])
    await shop.agree()


async def import_thirty_thousand(till):
    for start in range(0, 30_000, 3000):
        await till.import_products([
            {"sku": f"bulk-{number:05}", "description": f"A thing of many, number {number}",
             "price": "2.50"} for number in range(start, start + 3000)])


async def open_large(lab):
    """(Shop of two tills, the first one, the other, the first one's database file): more than the
    caches hold, so that pages come from the file, and enough that reading all takes a while."""
    shop = await Shop.open(lab, 2)
    till, other = shop.tills
    await import_thirty_thousand(till)
    await shop.sell_some(shop.tills, times=10)
    await shop.agree()
    file = till.data / "titan.sqlite3"
    await copied_back(file)
    return shop, till, other, file


@limit(120)
async def test_pages_that_go_bad_under_a_running_till_are_mended_without_a_restart(lab):
    shop, till, other, file = await open_large(lab)
    spoil(file, range(2, file.stat().st_size // PAGE_BYTES))

    async def mended():
        with contextlib.suppress(ApiError, OSError):
            await shop.book.sell(till, "p05", "bulk-00100", "bulk-07000")
        alarms = (await till.status())["alarms"]
        return [alarm for alarm in alarms if alarm["code"] == "database_damaged"]
    alarm = (await wait_until(mended, 20, "the till says that its database was damaged", every=0.2,
                              seen=lambda: till.process.log_tail(12)))[0]
    assert ".damaged-" in alarm["message"], alarm

    async def sells():
        await shop.book.settle()
        await shop.book.sell(till, "p06")
        return True
    await wait_until(sells, 15, "the till sells again", seen=lambda: till.process.log_tail(12))
    await shop.settled()
    await shop.agree()
    product = await till.api("GET", "/v1/products/bulk-29999")
    assert product["price"] == "2.50", product
    await shop.book.sell(other, "bulk-29999")
    await shop.agree()


@limit(120)
async def test_damage_that_nobody_asks_for_is_found_by_the_slow_read(lab):
    shop = await Shop.open(lab, 2)
    till, other = shop.tills
    await shop.sell_some(shop.tills, times=10)
    await shop.agree()
    await till.stop()  # all of it is folded: the next start does not read these rows
    file = till.data / "titan.sqlite3"
    content = file.read_bytes()
    # A leaf that holds sales of the other till: its keys stand nowhere else in this file.
    keys = re.compile(other.name.encode() + rb"-[0-9a-f]{12,}-")
    pages = [number for number, page in row_pages(content) if len(keys.findall(page)) > 1]
    assert pages, "no page of old sales was found"
    with open(file, "r+b") as database:
        database.seek(pages[0] * PAGE_BYTES + 2000)
        database.write(b"\xa5" * 1000)
    # The tables for other programs read what arrived in the last second before the stop.
    till.settings["tables"] = {"write": False}
    await till.start()
    await shop.settled()
    assert not (await till.status())["alarms"], "the start read what this test wants nobody to read"
    await till.wait_until(
        lambda status: any(alarm["code"] == "database_damaged" for alarm in status["alarms"]), 60,
        "says that its database was damaged, although nobody asked for what is")
    await shop.agree()


@limit(120)
async def test_sales_go_on_while_a_damaged_database_is_recovered(lab):
    shop, till, _, file = await open_large(lab)
    content = file.read_bytes()
    pages = [number for number, page in row_pages(content) if page.count(b"A thing of") > 5]
    spoil(file, pages[::3])
    refused, sold = [], 0
    loop = asyncio.get_running_loop()
    end = loop.time() + 60
    found = recovered = False
    while loop.time() < end and not (recovered and sold > 50):
        try:
            await shop.book.sell(till, {"sku": "loose", "quantity": "1", "charged_unit_price": "1.00"})
            sold += 1
        except ApiError as error:
            assert error.status == 503, error
            refused.append(error)
        await asyncio.sleep(0.01)
        log = till.process.log_text()
        found = found or "sales go on beside it" in log
        recovered = recovered or "storage is open again" in log
        if not found:
            with contextlib.suppress(ApiError):
                await till.api("GET", "/v1/products?q=thing&limit=1000")
    assert found and recovered, till.process.log_tail(15)
    # One moment's sales at most: those whose commit met the damage.
    assert len(refused) <= 2, [error.message for error in refused]
    await shop.book.settle()
    await shop.settled()
    await shop.agree()

"""Five tills of the former version move into one store: docs/V01.md, by the files' own sums."""

import asyncio
import decimal
import hashlib
import pathlib
import shutil
from urllib.parse import quote

from qa.harness.lab import binaries
from qa.harness.runner import limit, shared
import former_till
from moving import MANY_SALES, MovingShop, check_totals
from shop import refused
from test_store_database import database_up, query

TILLS = 5
STORE_PATH = "/v1/tenants/acme/stores/london-1"


@shared(180)
async def shop(lab):
    shop = await MovingShop.open(lab, TILLS, cloud=True, database="auto")
    # One product is there already, with what v0.1 has no column for.
    await shop.tills[0].import_products(
        [{"sku": "old-001", "description": "Here before", "price": "9.99", "brand": "Acme", "low_stock": "3",
          "category": "tools"}])
    await shop.store.wait_until_equal()
    shop.books = [
        former_till.write(shop.file(f"old-{n}.db"), seed=n, terminal=f"old-{n}", stock_off=n - 1,
                          sales=MANY_SALES if n > 3 else 30)
        for n in range(1, TILLS + 1)]
    yield shop


def fingerprint(folder):
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted(pathlib.Path(folder).glob("old-*"))
            if path.is_file() and "log" not in path.suffix}


async def history(till):
    """Every HISTORY entry a till holds, by (former terminal, id), read from its journals."""
    found = {}
    for journal in (await till.api("GET", "/v1/journal"))["journals"]:
        at = 1
        while at:
            page = await till.api("GET", f"/v1/journal?journal={journal['journal']}&from={at}&limit=1000")
            for entry in page["entries"]:
                if entry["kind_name"] == "history":
                    sale = await till.api("GET", f"/v1/sales/{journal['journal']}:{entry['number']}")
                    found.setdefault((sale["history"]["terminal"], sale["history"]["id"]), []).append(sale)
            at = page["next"]
    return found


async def counting(till):
    """Former sales that are this store's own figures on a till's disk, read as its views say: a
    sum in pence per day, and how many."""
    found = await history(till)
    days = {}
    for sales in found.values():
        counted = [sale for sale in sales if sale["counts"]]
        assert len(counted) <= 1, counted
        for sale in counted:
            row = days.setdefault(sale["business_date"], [0, 0])
            row[0] += 1
            row[1] += round(float(sale["total"]) * 100)
    return days


def pending_days(books):
    days = {}
    for book in books:
        totals = {number: total for number, _, total in book.completed}
        for number in book.pending:
            day = former_till.FIRST_DAY + former_till.datetime.timedelta(days=number % 4, minutes=7 * number)
            row = days.setdefault(day.strftime("%Y-%m-%d"), [0, 0])
            row[0] += 1
            row[1] += totals[number]
    return days


async def cloud_history(shop):
    rows, after = [], ""
    while True:
        page = await shop.cloud.api("GET", f"{STORE_PATH}/sales?limit=1000{after}")
        rows += [row for row in page["sales"] if row["kind"] == "history"]
        if not page["next"]:
            return rows
        after = f"&from={page['next']}"


def counting_rows(rows):
    days = {}
    for row in rows:
        if row["counts"]:
            day = days.setdefault(row["business_date"], [0, 0])
            day[0] += 1
            day[1] += round(float(row["total"]) * 100)
    return days


async def test_a_dry_run_changes_nothing_and_says_what_would_be(shop):
    before = await shop.store.wait_until_equal()
    files = fingerprint(shop.lab.folder)
    for till, book in zip(shop.tills, shop.books):
        answer = await shop.move_in(till, book.path, "--dry-run")
        check_totals(answer, book)
        assert answer["fault_count"] == 0 and answer["products"]["count"] == book.products, answer
        assert answer["sales"]["pending"] == 6 and answer["sales"]["known"] == 0, answer["sales"]
    printed = await shop.type(shop.tills[0], "import-v01", shop.books[0].path, "--dry-run")
    assert 'product old-001: ' in printed and 'price is "9.99" here and "1.25" in the file' in printed, printed
    assert "Nothing was changed" in printed and "2025-01-06" in printed, printed
    after = await shop.store.wait_until_equal()
    assert after["vector"]["root"] == before["vector"]["root"], "a dry run wrote something"
    assert fingerprint(shop.lab.folder) == files, "a dry run changed a file"


@limit(180)
async def test_five_files_move_in_whatever_is_killed_half_way(shop):
    for till, book in zip(shop.tills[:3], shop.books[:3]):
        check_totals(await shop.move_in(till, book.path, "--overwrite-products"), book)
        await shop.store.wait_until_equal(seconds=15)
    # The command is killed in the middle.
    till, book = shop.tills[3], shop.books[3]
    before = (await till.status())["vector"]["entries"]
    process = await shop.lab.start(till.host, "import", binaries() / "titan-pos", "import-v01", book.path,
                                   "--api", f"127.0.0.1:{till.api_port}")
    await till.wait_until(lambda status: status["vector"]["entries"] > before + 20, 20, "some sales were moved in")
    await process.kill()
    done = (await till.status())["vector"]["entries"] - before
    assert 0 < done < book.sales, f"{done} of {book.sales} entries: not killed half-way"
    answer = await shop.move_in(till, book.path)
    check_totals(answer, book)
    assert done <= answer["sales"]["known"] < book.sales, answer["sales"]
    # The till is killed in the middle; the command says so, and the same words go on.
    await shop.store.wait_until_equal(seconds=15)  # what comes in from now on is its own
    till, book = shop.tills[4], shop.books[4]
    before = (await till.status())["vector"]["entries"]
    command = asyncio.create_task(till.command_line("import-v01", book.path, seconds=60))
    await till.wait_until(lambda status: status["vector"]["entries"] > before + 20, 20, "some sales were moved in")
    await till.kill()
    code, output, errors = await command
    assert code == 1 and "run the same command again" in errors, (code, output, errors)
    await till.start()
    answer = await shop.move_in(till, book.path)
    check_totals(answer, book)
    assert 0 < answer["sales"]["known"] < book.sales, answer["sales"]
    await shop.settled(seconds=30)


@limit(180)
async def test_every_till_the_store_database_and_the_cloud_have_the_files_sums(shop):
    await shop.store.wait_until_equal(seconds=20)
    wanted = pending_days(shop.books)
    sales = sum(book.sales for book in shop.books)
    found = await history(shop.tills[0])
    assert len(found) == sales, f"{len(found)} of {sales} past sales are here"
    assert all(len(once) == 1 for once in found.values()), "a sale was recorded twice"
    for till in (shop.tills[0], shop.tills[4]):
        assert await counting(till) == wanted, till.name
    stock = {sku: pieces for sku, pieces in shop.books[0].stock.items()}
    for till in shop.tills:
        held = {sku: decimal.Decimal(text) for sku, text in (await till.stock()).items() if sku in stock}
        assert held == stock, f"{till.name}: {held}"
    leader = await shop.leader()
    await database_up(shop, leader)
    rows = await query(leader, "SELECT to_char(business_date, 'YYYY-MM-DD'), count(*), sum(total_minor) "
                               "FROM sales WHERE kind = 'history' AND counts GROUP BY 1")
    assert {day: [int(count), int(total)] for day, count, total in rows} == wanted, rows
    ((count, items, paid, total),) = await query(leader, """
        SELECT (SELECT count(DISTINCT (former_terminal, former_id)) FROM sales WHERE kind = 'history'),
               (SELECT sum(i.total_minor) FROM sale_items i JOIN sales s USING (store, journal, number, hash)
                WHERE s.kind = 'history'),
               (SELECT sum(p.amount_minor - p.change_minor) FROM payments p
                JOIN sales s USING (store, journal, number, hash) WHERE s.kind = 'history'),
               (SELECT sum(total_minor) FROM sales WHERE kind = 'history')""")
    assert int(count) == sales and items == paid == total, (count, items, paid, total)
    await shop.store.wait_until_uploaded(seconds=30)
    rows = await cloud_history(shop)
    assert counting_rows(rows) == wanted, counting_rows(rows)
    assert len({(row["history"]["terminal"], row["history"]["id"]) for row in rows}) == sales
    held = {sku: decimal.Decimal(text) for sku, text in (await shop.cloud.stock()).items() if sku in stock}
    assert held == stock, held
    product = await shop.tills[1].api("GET", "/v1/products/old-001")
    assert (product["price"], product["brand"], product["low_stock"], product["category"]) == \
        ("1.25", "Acme", "3", "tools"), product
    assert (await shop.tills[1].api("GET", "/v1/products/old-012"))["delisted"] is True


async def test_a_repeat_changes_nothing_and_another_files_stock_is_told(shop):
    # Prices that were corrected since stay, whichever file is moved in once more.
    await shop.tills[0].import_products([{"sku": "old-003", "price": "7.77"}])
    before = await shop.store.wait_until_equal()
    answer = await shop.move_in(shop.tills[0], shop.books[0].path, "--overwrite-products")
    assert answer["products"]["kept"] == 1 and "7.77" in answer["products"]["differ"][0], answer["products"]
    assert answer["sales"]["known"] == shop.books[0].sales and answer["opening_stocks"]["known"] == 12, answer
    answer = await shop.move_in(shop.tills[2], shop.books[2].path)
    assert answer["opening_stocks"]["claimed"] == 12, answer
    assert {"sku": "old-003", "counts": "43"} in answer["opening_stocks"]["differ"], answer
    after = await shop.store.wait_until_equal()
    assert after["vector"]["root"] == before["vector"]["root"], "a repeat wrote something"


@limit(120)
async def test_undone_and_moved_in_again_at_the_same_till(shop):
    till, book = shop.tills[0], shop.books[0]
    # The till is killed while it undoes; the same words go on, and then there is nothing left to do.
    before = (await till.status())["vector"]["entries"]
    command = asyncio.create_task(till.command_line("import-v01", book.path, "--undo", seconds=60))
    await till.wait_until(lambda status: status["vector"]["entries"] > before, 20, "something was undone")
    await till.kill()
    await command
    await till.start()
    await shop.settled()
    await shop.type(till, "import-v01", book.path, "--undo")
    await shop.store.wait_until_equal()
    for each in (till, shop.tills[3]):
        held = await each.stock()
        assert all(decimal.Decimal(held.get(sku, "0")) == 0 for sku in book.stock), held
        assert await counting(each) == pending_days(shop.books[1:]), each.name
    product = await shop.tills[2].api("GET", "/v1/products/old-001")
    assert (product["price"], product["description"], product["delisted"]) == ("9.99", "Here before", False), product
    assert (await shop.tills[2].api("GET", "/v1/products/old-002"))["delisted"] is True
    await shop.store.wait_until_uploaded(seconds=30)
    assert counting_rows(await cloud_history(shop)) == pending_days(shop.books[1:])
    assert "nothing to undo" in await shop.type(till, "import-v01", book.path, "--undo")
    check_totals(await shop.move_in(till, book.path), book)
    await shop.store.wait_until_equal()
    assert await counting(shop.tills[4]) == pending_days(shop.books)
    held = {sku: decimal.Decimal(text) for sku, text in (await shop.tills[2].stock()).items() if sku in book.stock}
    assert held == book.stock, held
    await shop.store.wait_until_uploaded(seconds=30)
    assert counting_rows(await cloud_history(shop)) == pending_days(shop.books)


@limit(90)
async def test_undo_waits_for_a_till_that_is_away(shop):
    away = shop.tills[4]
    await away.stop()
    printed = await shop.type(shop.tills[1], "import-v01", shop.books[1].path, "--undo", code=1)
    assert away.name in printed, printed
    await away.start()
    await shop.settled()


async def test_a_past_sale_is_found_by_its_receipt_and_refunded_but_not_voided(shop):
    book = shop.books[1]
    number, receipt, total = book.completed[-1]
    found = (await shop.tills[3].api("GET", f"/v1/sales?receipt={quote(receipt)}"))["sales"]
    assert len(found) == 1 and found[0]["history"]["id"] == str(number), found
    sale = found[0]
    assert round(float(sale["refundable"]["total"]) * 100) == total, sale["refundable"]
    await refused(shop.tills[3].api("POST", "/v1/voids", {
        "idempotency_key": shop.tills[3].next_key(), "sale": sale["id"], "reason": "no"}), 409, "former system")
    sku = sale["lines"][0]["sku"]
    before = decimal.Decimal(await shop.tills[3].on_hand(sku))
    back = await shop.tills[3].api("POST", "/v1/refunds", {
        "idempotency_key": shop.tills[3].next_key(), "original": {"id": sale["id"]}})
    assert round(float(back["total"]) * 100) == total and back["flags"] == [], back
    pieces = sum(decimal.Decimal(line["quantity"]) for line in sale["lines"] if line["sku"] == sku)
    assert decimal.Decimal(await shop.tills[3].on_hand(sku)) == before + pieces
    await shop.store.wait_until_equal()
    await refused(shop.tills[2].api("POST", "/v1/refunds", {
        "idempotency_key": shop.tills[2].next_key(), "original": {"id": sale["id"]}}), 409, receipt)
    voided = next(n for n in range(1, book.sales + 1) if n % 11 == 5)
    found = (await shop.tills[3].api("GET", f"/v1/sales?receipt=OLD-2-{voided:06}"))["sales"]
    await refused(shop.tills[3].api("POST", "/v1/refunds", {
        "idempotency_key": shop.tills[3].next_key(), "original": {"id": found[0]["id"]}}), 409, "voided")
    printed = await shop.type(shop.tills[1], "import-v01", book.path, "--undo", code=1)
    assert "refunded" in printed, printed


async def test_undo_is_refused_after_the_first_sale(shop):
    till = shop.tills[2]
    await till.sell("p01")
    printed = await shop.type(till, "import-v01", shop.books[2].path, "--undo", code=1)
    assert "this till since the file was moved in" in printed, printed
    # Nor at a till that had nothing to do with it, or found all of it there already.
    await shop.store.wait_until_equal()
    other = shop.tills[3]
    printed = await shop.type(other, "import-v01", shop.books[2].path, "--undo", code=1)
    assert f"moved in at {till.name}" in printed, printed
    answer = await shop.move_in(other, shop.books[2].path)
    assert answer["sales"]["known"] == shop.books[2].sales, answer["sales"]
    printed = await shop.type(other, "import-v01", shop.books[2].path, "--undo", code=1)
    assert "since the file was moved in; from the first new sale on" in printed, printed


@limit(120)
async def test_one_file_moved_in_on_both_sides_of_a_cut_counts_once(shop):
    one, two = shop.tills[0], shop.tills[3]
    book = former_till.write(shop.file("cut.db"), seed=20, terminal="old-20", prefix="cut", pending=12)
    hosts = [till.host for till in shop.tills]
    await shop.lab.partition(hosts[:2], hosts[2:])
    copy = shutil.copy(book.path, shop.file("cut-copy.db"))  # each till has its own, as on two sticks
    for answer in await asyncio.gather(shop.move_in(one, book.path), shop.move_in(two, copy)):
        assert answer["sales"]["known"] == 0 and answer["opening_stocks"]["claimed"] == 0, answer
    await shop.lab.heal()
    await shop.settled(seconds=30)
    twice = {key: sales for key, sales in (await history(one)).items() if key[0] == "old-20"}
    assert len(twice) == book.sales and all(len(sales) == 2 for sales in twice.values()), len(twice)
    counted = [sale for sales in twice.values() for sale in sales if sale["counts"]]
    assert len(counted) == len(book.pending), len(counted)
    for till in shop.tills:
        held = {sku: decimal.Decimal(text) for sku, text in (await till.stock()).items() if sku in book.stock}
        assert held == book.stock, f"{till.name}: {held}"
    await shop.store.wait_until_uploaded(seconds=30)
    rows = [row for row in await cloud_history(shop) if row["history"]["terminal"] == "old-20"]
    assert len(rows) == 2 * book.sales and sum(row["counts"] for row in rows) == len(book.pending)
    # Undone at one of them it counts nowhere, and at the other there is no more than the products to put back.
    await shop.type(one, "import-v01", book.path, "--undo")
    await shop.type(two, "import-v01", book.path, "--undo")
    await shop.store.wait_until_equal(seconds=15)
    for till in shop.tills:
        held = await till.stock()
        assert all(decimal.Decimal(held[sku]) == 0 for sku in book.stock), f"{till.name}: {held}"
        assert (await till.api("GET", "/v1/products/cut-001"))["delisted"] is True
    await shop.store.wait_until_uploaded(seconds=30)
    rows = [row for row in await cloud_history(shop) if row["history"]["terminal"] == "old-20"]
    assert not any(row["counts"] for row in rows) and all(row["history"]["withdrawn"] for row in rows)


async def test_journals_verify_with_the_new_kinds(shop):
    printed = await shop.type(shop.tills[4], "journal", "verify")
    assert "fault" not in printed.lower() or "no fault" in printed.lower(), printed

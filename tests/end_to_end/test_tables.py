"""tables.sqlite3, as another program reads it: with the sqlite3 shell, which has no functions of ours."""

import asyncio
import contextlib
import decimal
import json
import pathlib
import re
import subprocess

from qa.harness.runner import limit, shared
from qa.harness.waiting import wait_until
from shop import GOODS, PRICE, Shop

DOCUMENT = pathlib.Path(__file__).resolve().parents[2] / "docs" / "V01.md"


@shared(90)
async def shop(lab):
    yield await Shop.open(lab, 2, cloud=True)


def file_of(till):
    return till.data / "tables.sqlite3"


def shell(till, sql):
    """Rows of a query by the sqlite3 shell, as {column: value}."""
    ended = subprocess.run(["sqlite3", "-json", f"file:{file_of(till)}?mode=ro", sql],
                           capture_output=True, text=True, timeout=20)
    if ended.returncode != 0 or ended.stderr:
        raise OSError(ended.stderr)
    return json.loads(ended.stdout, parse_float=decimal.Decimal) if ended.stdout else []


def one(till, sql):
    return next(iter(shell(till, sql)[0].values()))


async def caught_up(till, seconds=20):
    """The tables hold every entry of the journal that the till speaks of now."""
    journals = (await till.status())["vector"]["journals"]
    entries = sum(last - first + 1 for journal in journals for first, last in journal["stored"])

    async def holds():
        with contextlib.suppress(OSError, IndexError):
            state = shell(till, "SELECT position, complete_to FROM tables_state")[0]
            return state["position"] >= entries and state["complete_to"]
    await wait_until(holds, seconds, f"{till.name}'s tables hold {entries} entries",
                     seen=lambda: till.process.log_tail(8))


def columns_of_the_document():
    """{table: [column]} as docs/V01.md says."""
    rows = re.findall(r"^\| `(\w+)` \| (.*) \|$", DOCUMENT.read_text(), re.MULTILINE)
    tables = {}
    for table, columns in rows:
        tables.setdefault(table, re.findall(r"`(\w+)`", re.sub(r"\([^)]*\)", "", columns)))
    return tables


async def check(shop, till):
    """Stock and sales are those of the API and of the screens' book."""
    await caught_up(till)
    stock = {row["id"]: decimal.Decimal(row["stock"]) for row in shell(till, "SELECT id, stock FROM products")}
    said = {sku: decimal.Decimal(text) for sku, text in (await till.stock()).items()}
    assert {sku: pieces for sku, pieces in stock.items() if pieces} == \
        {sku: pieces for sku, pieces in said.items() if pieces}
    moved = {row["product_id"]: decimal.Decimal(row["pieces"]) for row in shell(
        till, "SELECT product_id, sum(delta) AS pieces FROM inventory_deltas GROUP BY 1")}
    assert {sku: pieces for sku, pieces in moved.items() if pieces} == \
        {sku: pieces for sku, pieces in stock.items() if pieces}
    totals = {row["id"]: row["total_cents"] for row in shell(till, "SELECT id, total_cents FROM sales "
                                                                   "WHERE total_cents > 0")}
    assert totals == {sale: int(decimal.Decimal(answer["total"]) * 100)
                      for sale, answer in shop.book.sales.items()}
    items = one(till, "SELECT sum(total_cents) FROM sale_items")
    assert items == one(till, "SELECT sum(total_cents) FROM sales")


async def test_every_table_has_exactly_the_columns_of_the_document(shop):
    documented = columns_of_the_document()
    assert set(documented) == {"config", "products", "sales", "sale_items", "payments", "sync_outbox",
                               "inventory_deltas", "sync_cursors"}, documented
    till = shop.tills[0]
    await shop.sell_some([till])
    await caught_up(till)
    for table, columns in documented.items():
        assert [row["name"] for row in shell(till, f"PRAGMA table_info({table})")] == columns, table
        shell(till, f"SELECT * FROM {table}")


@limit(90)
async def test_sales_refunds_and_voids_stand_in_the_tables_of_every_till(shop):
    first, second = shop.tills
    await shop.book.deliver(first, (GOODS[0], 50))
    await shop.sell_some(shop.tills, times=2)
    sale = await shop.book.sell(first, (GOODS[1], 2))
    await shop.agree()
    refund = await second.api("POST", "/v1/refunds", {
        "idempotency_key": second.next_key(), "original": {"id": sale["id"], "lines": [0]},
        "lines": [{"sku": GOODS[1], "quantity": "2"}]})
    voided = await shop.book.sell(second, GOODS[2])
    void = await second.api("POST", "/v1/voids", {"idempotency_key": second.next_key(), "sale": voided["id"]})
    shop.book.other_receipts += [refund, void]
    shop.book.moved[GOODS[1]] += 2
    shop.book.moved[GOODS[2]] += 1
    await shop.agree()
    for till in shop.tills:
        await check(shop, till)
        status = {row["id"]: row["status"] for row in shell(till, "SELECT id, status FROM sales")}
        assert (status[sale["id"]], status[voided["id"]], status[refund["id"]]) == \
            ("refunded", "voided", "completed"), status
        assert one(till, f"SELECT total_cents FROM sales WHERE id = '{refund['id']}'") == -300
        assert one(till, f"SELECT receipt_no FROM sales WHERE id = '{sale['id']}'") == sale["receipt"]
        assert one(till, f"SELECT price_cents FROM products WHERE id = '{GOODS[0]}'") == \
            int(decimal.Decimal(PRICE) * 100)
    await shop.cloud_agrees()
    await wait_until(lambda: gone(first), 15, "nothing is pending once the cloud holds it")


async def gone(till):
    with contextlib.suppress(OSError):
        return one(till, "SELECT count(*) FROM sync_outbox") == 0


@limit(90)
async def test_while_a_shell_holds_a_read_transaction_the_till_sells_and_the_tables_go_on(shop):
    till = shop.tills[0]
    await shop.sell_some([till])
    await caught_up(till)
    before = one(till, "SELECT count(*) FROM sales")
    holder = await asyncio.create_subprocess_exec(
        "sqlite3", f"file:{file_of(till)}?mode=ro", stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        async def ask():
            holder.stdin.write(b"SELECT count(*) FROM sales;\n")
            return int(await holder.stdout.readline())
        holder.stdin.write(b"BEGIN;\n")
        assert await ask() == before
        await shop.sell_some([till], times=5)
        await check(shop, till)
        assert await ask() == before
        assert one(till, "SELECT count(*) FROM sales") > before
    finally:
        holder.stdin.close()
        await holder.wait()
    await shop.agree()


def remove(file):
    file.unlink()


def overwrite(file):
    with open(file, "r+b") as content:
        content.write(b"no database at all\n" * 400)


def write_into(file):
    subprocess.run(["sqlite3", file, "DELETE FROM sales"], check=True)


@limit(120)
async def test_a_file_that_is_removed_overwritten_or_written_by_others_is_made_again(shop):
    till = shop.tills[1]
    for damage in (remove, overwrite, write_into):
        await shop.sell_some([till])
        await caught_up(till)
        said = till.process.log_text().count("is made again")
        damage(file_of(till))
        await shop.sell_some([till])
        await wait_until(lambda: till.process.log_text().count("is made again") > said, 20,
                         f"the log tells of it after {damage.__name__}")
        await check(shop, till)
        assert till.process.log_text().count("is made again") == said + 1
    assert not (await till.status())["alarms"]


@limit(120)
async def test_a_file_that_is_locked_for_good_is_left_to_its_holder_and_the_till_sells(shop):
    till = shop.tills[0]
    await caught_up(till)
    holder = await asyncio.create_subprocess_exec("sqlite3", file_of(till), stdin=subprocess.PIPE,
                                                  stdout=subprocess.PIPE)
    try:
        holder.stdin.write(b"BEGIN IMMEDIATE; SELECT 1;\n")
        assert await holder.stdout.readline() == b"1\n"
        await shop.sell_some([till], times=3)
        await wait_until(lambda: "is made again" in till.process.log_text(), 40, "a new file takes its place")
        await check(shop, till)
    finally:
        holder.stdin.close()
        await holder.wait()
    await shop.sell_some([till])
    await check(shop, till)


@limit(120)
async def test_a_till_that_is_killed_at_any_time_goes_on_with_whole_tables(shop):
    till = shop.tills[0]
    for round_ in range(6):
        async with shop.selling([till], per_second=60) as selling:
            await selling.wait_for(10 + 17 * round_)
            await till.kill()
        assert shell(till, "PRAGMA integrity_check") == [{"integrity_check": "ok"}]
        assert one(till, "SELECT count(*) FROM sales s WHERE total_cents <> (SELECT sum(total_cents) FROM "
                         "sale_items i WHERE i.sale_id = s.id)") == 0
        await till.start()
        await shop.book.settle()
        await check(shop, till)
    await shop.settled()
    await shop.agree()


@limit(90)
async def test_without_the_tables_their_file_goes_and_with_them_it_comes_back(shop):
    till = shop.tills[1]
    await caught_up(till)
    await till.stop()
    till.settings["tables"] = {"write": False}
    await till.start()
    assert not file_of(till).exists()
    await till.stop()
    del till.settings["tables"]
    await till.start()
    await check(shop, till)

"""The leader's PostgreSQL shows what the journals say, and comes back when it is killed."""

import decimal
import os
import re
import signal

from qa.harness.postgres import Postgres, query_store_database
from qa.harness.runner import limit, shared
from qa.harness.waiting import wait_until
from shop import Shop

UP_SECONDS = 30  # initdb alone takes 0.7 s on an idle machine
UNITS_PER_PIECE = 1_000_000


@shared(120)
async def shop(lab):
    shop = await Shop.open(lab, 3, database="auto")
    await database_up(shop, await shop.leader())
    yield shop


async def database_up(shop, leader, seconds=UP_SECONDS):
    """The leader's status once its store database shows every entry."""
    def complete(status):
        database = status["store_database"]
        return database["state"] == "up" and database["behind"] == 0 and \
            database["complete_to"] == status["vector"]["entries"]
    return await leader.wait_until(complete, seconds, "its store database is up and complete")


async def query(till, sql):
    """Rows of the store database, as lists of strings, through the address the till tells."""
    address = (await till.status())["store_database"]["address"]
    assert address.startswith("postgresql://"), f"no address to look at: '{address}'"
    return await query_store_database(till, address, f"SET search_path = tenant_acme; {sql}")


async def check_database(shop, till):
    """Entries, stock, sales, lines and payments are those of the journals."""
    status = await till.status()
    held = await query(till, "SELECT encode(journal, 'hex'), number FROM entries")
    wanted = sorted([journal["journal"], str(number)] for journal in status["vector"]["journals"]
                    for first, last in journal["stored"] for number in range(first, last + 1))
    assert sorted(held) == wanted, f"{len(held)} entries instead of {len(wanted)}"
    stock = {sku: str(decimal.Decimal(units) / UNITS_PER_PIECE) for sku, units in
             await query(till, "SELECT sku, on_hand FROM inventory")}
    shop.book.check_stock(f"the store database of {till.name}", stock)
    sales = {f"{journal}:{number}": (receipt, total) for journal, number, receipt, total in
             await query(till, "SELECT encode(journal, 'hex'), number, receipt, total_minor"
                               " FROM sales WHERE kind = 'sale'")}
    booked = {entry: (sale["receipt"], sale["total"].replace(".", "").lstrip("0") or "0")
              for entry, sale in shop.book.sales.items()}
    assert sales == booked, set(sales.items()) ^ set(booked.items())
    lines = sum(len(sale["lines"]) for sale in shop.book.sales.values())
    effects = sum(len({line["sku"] for line in sale["lines"]}) for sale in shop.book.sales.values())
    ((items, deltas, paid, due),) = await query(till, """
        SELECT (SELECT count(*) FROM sale_items), (SELECT count(*) FROM inventory_deltas
                WHERE reason = 'SALE'), (SELECT coalesce(sum(amount_minor - change_minor), 0) FROM payments),
               (SELECT coalesce(sum(total_minor), 0) FROM sales)""")
    assert (int(items), int(deltas)) == (lines, effects), (items, deltas, lines, effects)
    assert paid == due, f"payments {paid}, totals {due}"


async def test_store_database_holds_what_the_journals_hold(shop):
    await shop.book.deliver(shop.tills[1], ("p01", 40), ("p02", 40))
    await shop.sell_some(shop.tills, times=4)
    await shop.agree()
    leader = await shop.leader()
    await database_up(shop, leader)
    await check_database(shop, leader)
    ((products,),) = await query(leader, "SELECT count(*) FROM products")
    assert products == "20", products


def postgres_of(till):
    """The process id of the till's own PostgreSQL."""
    pid = int(next((till.data / "postgres").rglob("postmaster.pid")).read_text().split()[0])
    assert b"postgres" in open(f"/proc/{pid}/cmdline", "rb").read()
    return pid


@limit(120)
async def test_postgresql_killed_under_the_leader_comes_back_complete(shop):
    leader = await shop.leader()
    await database_up(shop, leader)
    before = (await leader.status())["leader"]
    async with shop.selling(shop.tills, per_second=5) as load:
        await load.wait_for(3)
        killed = postgres_of(leader)
        os.kill(killed, signal.SIGKILL)
        await load.wait_for(10)
        assert load.slowest < 2, f"a sale took {load.slowest:.2f} s without the store database"
    await shop.agree()
    await database_up(shop, leader, seconds=60)
    assert postgres_of(leader) != killed
    await check_database(shop, leader)
    assert (await leader.status())["leader"] == before, "the loss of the database cost the lead"


@limit(120)
async def test_a_new_leader_fills_its_own_store_database_from_its_journal(shop):
    old = await shop.leader()
    await shop.sell_some(shop.tills, times=3)
    await shop.agree()
    await old.kill()
    new = await shop.leader(shop.without(old), other_than=old)
    await shop.sell_some(shop.without(old), times=2)
    await shop.agree(shop.without(old))
    await database_up(shop, new)
    await check_database(shop, new)
    assert not (await until_dead(old)), "the killed till left its PostgreSQL running"


async def until_dead(till):
    """Waits for the PostgreSQL of a killed till to end; what is left of it."""
    found = []

    def gone():
        found.clear()
        for entry in os.listdir("/proc"):
            if entry.isdigit():
                try:
                    command = open(f"/proc/{entry}/cmdline", "rb").read()
                except OSError:
                    continue
                if os.fsencode(till.data) in command and b"postgres" in command.split(b"\0")[0]:
                    found.append(int(entry))
        return not found
    await wait_until(gone, 10, f"the PostgreSQL of {till.name} is gone", seen=lambda: found)
    return found


@limit(90)
async def test_a_polite_stop_of_the_leader_stops_its_postgresql_within_the_second(shop):
    leader = await shop.leader()
    await database_up(shop, leader)
    taken = await leader.stop()
    assert taken < 1, f"the stop took {taken:.2f} s"
    await until_dead(leader)


async def open_on_shared_postgres(lab):
    """Two tills on one PostgreSQL."""
    await lab.create(2)
    postgres = Postgres(lab.folder / "shared" / "pg", "shared-postgres", lab.processes)
    await postgres.start()
    await postgres.create_database("store")
    shop = Shop(lab)
    await shop.store.open([1, 2], database=postgres.url("store"))
    await shop.store.wait_for_members()
    return shop, postgres


@limit(120)
async def test_one_shared_postgresql_goes_from_leader_to_leader(lab):
    shop, postgres = await open_on_shared_postgres(lab)
    for till in shop.tills:
        for _ in range(3):
            shop.book.note(await till.sell({"sku": "a", "quantity": "1", "charged_unit_price": "1.00"}))
    await shop.agree()
    old = await shop.leader()
    await database_up(shop, old)
    await old.kill()
    new = shop.without(old)[0]
    await new.wait_until(lambda status: status["role"] == "leader", 10, "leads alone")
    shop.book.note(await new.sell({"sku": "a", "quantity": "2", "charged_unit_price": "1.00"}))
    await database_up(shop, new)
    rows = await postgres.query("SELECT on_hand FROM tenant_acme.inventory WHERE sku = 'a'", "store")
    assert int(rows[0][0]) == -8 * UNITS_PER_PIECE, rows
    holders = await postgres.query("SELECT terminal, term FROM tenant_acme.leadership", "store")
    assert holders[0][0] == new.name, holders
    shown = (await new.status())["store_database"]["address"]
    assert not re.search(r":[^/@]+@", shown), f"a password is shown: {shown}"


async def lose_journal(till):
    """The journal's file is gone for good; device key and PostgreSQL's folder are not."""
    if till.running:
        await till.kill()
    for file in till.data.glob("titan.sqlite3*"):
        file.unlink()


@limit(120)
async def test_a_till_that_lost_its_journal_gets_its_sales_back_from_its_postgresql(lab):
    shop = await Shop.open(lab, 1, database="auto")
    (till,) = shop.tills
    await shop.sell_some([till], times=5)
    await database_up(shop, till)
    sales = list(shop.book.sales)
    await till.stop()  # a kill may cost the database its last moments: the journal has them, usually
    await lose_journal(till)
    await until_dead(till)
    await till.start()
    await wait_until(lambda: holds(shop, till, sales), 30, "every sale is back in the journal",
                     seen=lambda: till.process.log_tail())
    await shop.book.check_tills([till])
    await shop.book.sell(till, "p01")
    await shop.book.check_tills([till])
    await database_up(shop, till)
    await check_database(shop, till)
    said = [line for line in till.process.log_text().splitlines() if "had lost" in line]
    assert said, f"nothing was said:\n{till.process.log_tail()}"


async def holds(shop, till, sales):
    return not set(sales) & set(shop.book.missing(await till.status()))


async def sell_on_alone(shop, old):
    """The leader is cut off and sells; sales that are in its journal and its database only."""
    await database_up(shop, old)
    await shop.lab.isolate(old.host)
    late = [await shop.book.sell(old, "p02") for _ in range(4)]
    await database_up(shop, old)
    return [sale["id"] for sale in late]


@limit(120)
async def test_a_till_that_follows_gives_back_what_only_its_postgresql_has(lab):
    shop = await Shop.open(lab, 2, database="auto")
    old = await shop.leader()
    (other,) = shop.without(old)
    late = await sell_on_alone(shop, old)
    await other.wait_until(lambda status: status["role"] == "leader", 15, "leads on its side")
    await lose_journal(old)
    await until_dead(old)
    await lab.heal()
    await old.start()
    await old.wait_until(lambda status: status["role"] == "follower", 15, "follows")
    await wait_until(lambda: holds(shop, other, late), 40,
                     "what only the database had is on the other till too",
                     seen=lambda: old.process.log_tail())
    await shop.settled()
    await shop.agree()
    assert not await until_dead(old), "a till that follows keeps its PostgreSQL running"


@limit(120)
async def test_the_next_leader_finds_in_the_shared_postgresql_what_the_disk_of_the_last_one_lost(lab):
    shop, _ = await open_on_shared_postgres(lab)
    await shop.tills[0].import_products([{"sku": "p02", "price": "1.50"}])
    await shop.store.wait_until_equal()
    old = await shop.leader()
    (other,) = shop.without(old)
    late = await sell_on_alone(shop, old)
    await lose_journal(old)
    await other.wait_until(lambda status: status["role"] == "leader", 15, "leads alone")
    await wait_until(lambda: holds(shop, other, late), 40,
                     "the next leader gets from the database what the disk took with it",
                     seen=lambda: other.process.log_tail())
    await lab.heal()
    await old.start()
    await shop.settled()
    await shop.agree()

"""What happens to disks: images restored, full, damaged."""

import asyncio
import contextlib
import re
import shutil
import subprocess

from qa.harness.runner import limit, shared
from qa.harness.service import ApiError
from qa.harness.waiting import wait_until
from shop import GOODS, Shop

SMALL_DISK = "4m"  # a new journal with its write-ahead log takes well under half of it


@shared(90)
async def shop(lab):
    yield await Shop.open(lab, 3)


def own_journals(status):
    """The journals of this till's device: {journal: numbers stored}."""
    return {journal["journal"]: sum(last - first + 1 for first, last in journal["stored"])
            for journal in status["vector"]["journals"] if journal["device"] == status["device"]}


@limit(90)
async def test_a_till_restored_from_an_old_image_that_sells_alone_first_loses_and_doubles_nothing(shop):
    restored, others = shop.tills[0], shop.tills[1:]
    await shop.sell_some(shop.tills, times=2)
    await shop.agree()
    await restored.stop()
    image = restored.copy_data(restored.folder / "image")
    await restored.start()
    await shop.settled()
    late = [await shop.book.sell(restored, "p11") for _ in range(4)]  # not on the image
    await shop.agree()
    before = own_journals(await restored.status())
    await restored.kill()
    shutil.rmtree(restored.data)
    image.rename(restored.data)
    await shop.lab.isolate(restored.host)
    await restored.start()
    lacking = shop.book.missing(await restored.status())
    assert {sale["id"] for sale in late} <= set(lacking), "the image is newer than it should be"
    fresh = [await shop.book.sell(restored, "p11") for _ in range(3)]
    new = set(own_journals(await restored.status())) - set(before)
    assert {sale["series"] for sale in fresh} == new and len(new) == 1, (fresh, before)
    numbers = {sale["receipt_number"] for sale in late} & {sale["receipt_number"] for sale in fresh}
    assert numbers, "this test should meet numbers that the image repeats"
    await shop.lab.heal()
    await shop.settled()
    await shop.agree()  # no receipt exists twice: the book checks that
    after = own_journals(await restored.status())
    assert all(after.get(journal) == count for journal, count in before.items()), (before, after)
    for till in others:
        sale = await till.api("GET", f"/v1/sales/{late[0]['id']}")
        assert sale["receipt"] == late[0]["receipt"], sale


@limit(90)
async def test_a_damaged_database_is_set_aside_and_its_sales_come_back(shop):
    till = shop.tills[1]
    await shop.sell_some(shop.tills, times=10)
    await shop.agree()
    await till.stop()
    file = till.data / "titan.sqlite3"
    size = file.stat().st_size
    with open(file, "r+b") as database:
        for page in range(3, size // 4096, 4):  # every fourth page is rubbish now
            database.seek(page * 4096)
            database.write(b"\xa5" * 4096)
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


async def import_thirty_thousand(till):
    for start in range(0, 30_000, 3000):
        await till.import_products([
            {"sku": f"bulk-{number:05}", "description": f"A thing of many, number {number}",
             "price": "2.50"} for number in range(start, start + 3000)])


@limit(120)
async def test_pages_that_go_bad_under_a_running_till_are_mended_without_a_restart(lab):
    shop = await Shop.open(lab, 2)
    till, other = shop.tills
    # More than the caches hold, so that pages come from the file.
    await import_thirty_thousand(till)
    await shop.sell_some(shop.tills, times=10)
    await shop.agree()
    file = till.data / "titan.sqlite3"

    def copied_back():  # the pages are in the file, not only in its log
        return file.stat().st_size > 8 << 20
    await wait_until(copied_back, 10, "the log is copied back", seen=lambda: file.stat().st_size)
    size = file.stat().st_size
    with open(file, "r+b") as database:
        for page in range(2, size // 4096):
            database.seek(page * 4096)
            database.write(b"\xa5" * 4096)

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


async def lose_database(till):
    """The database is gone for good, the device's key is not."""
    await till.kill()
    for file in till.data.glob("titan.sqlite3*"):
        file.unlink()


@limit(90)
async def test_a_sale_repeated_on_a_rebuilt_disk_before_the_others_gave_it_back_counts_once(shop):
    """Field report 25: the till commits, the answer is lost, the disk dies, the screen repeats."""
    till = shop.tills[0]
    first = await shop.book.sell(till, ("p14", 2), key="answer-lost")
    await shop.agree()
    await lose_database(till)
    await shop.lab.isolate(till.host)
    await till.start()
    await till.import_products([{"sku": "p14", "price": "1.50"}])
    second = await till.sell(("p14", 2), key="answer-lost")
    assert second["id"] != first["id"], "this till should know nothing of the first"
    await shop.lab.heal()
    await shop.settled()
    await wait_until(lambda: stock_is(shop, "p14"), 10, "the repeated sale counts once")
    await shop.store.wait_until_equal()
    await shop.book.check_tills(shop.tills)


async def stock_is(shop, sku):
    """Whether every till has the book's stock of a product."""
    return [await till.on_hand(sku) for till in shop.tills] == \
        [str(shop.book.moved[sku])] * len(shop.tills)


@limit(90)
async def test_an_old_key_used_for_another_basket_after_a_rebuild_counts_and_alarms(shop):
    """Field report 36: never silently the old answer."""
    till = shop.tills[1]
    await shop.book.sell(till, "p15", key="used-twice")
    await shop.agree()
    await lose_database(till)
    await shop.lab.isolate(till.host)
    await till.start()
    await till.import_products([{"sku": "p16", "price": "1.50"}])
    shop.book.note(await till.sell(("p16", 3), key="used-twice"))
    await shop.lab.heal()
    await shop.settled()
    await shop.agree()
    await till.wait_until(
        lambda status: any(alarm["code"] == "key_reused" and "used-twice" in alarm["message"]
                           for alarm in status["alarms"]), 5, "says that the key was used twice")


@limit(90)
async def test_a_cloned_disk_that_runs_beside_its_original_raises_an_alarm_and_loses_no_sale(lab):
    """Field report 9: the same device key in two running tills."""
    shop = await Shop.open(lab, 2, spare_hosts=1)
    original, other = shop.tills
    await shop.sell_some(shop.tills)
    await shop.agree()
    await original.stop()
    clone = shop.store.add(3, name="till-3")
    clone.folder.mkdir()
    original.copy_data(clone.data)
    clone.settings["mesh"].update(mdns=False, seeds=[other.mesh_address])
    await original.start()
    await clone.start()
    for _ in range(5):
        await shop.book.sell(original, "p01")
        await shop.book.sell(clone, "p02")
        await shop.book.sell(other, "p03")

    async def alarmed():
        found = [alarm["code"] for till in shop.tills for alarm in (await till.status())["alarms"]]
        return [code for code in found if "key" in code or "device" in code or "clone" in code]
    await wait_until(alarmed, 10, "an alarm tells that one key is in use twice")
    await clone.stop()
    shop.store.tills.remove(clone)
    await shop.settled()
    await shop.agree()


async def test_a_till_with_an_empty_new_disk_gets_everything_from_the_others(shop):
    till = shop.tills[0]
    await shop.sell_some(shop.tills, times=2)
    await shop.agree()
    await till.kill()
    shutil.rmtree(till.data)
    await till.start()
    await shop.store.wait_until_equal()
    await shop.book.check_tills([till])
    product = await till.api("GET", f"/v1/products/{GOODS[3]}")
    assert product["price"] == "1.50", product
    await shop.book.sell(till, "p13")
    await shop.store.wait_until_equal()
    # The new disk has a new key: to the others it is a new device, and the old one stays away.
    for other in shop.tills:
        assert not shop.book.missing(await other.status())


@contextlib.contextmanager
def small_disk(folder, size):
    """A file system of its own at `folder`, gone afterwards."""
    folder.mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},mode=0755", "titan-test", folder],
                   check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


@limit(120)
async def test_a_full_disk_is_said_clearly_loses_nothing_and_is_left_when_there_is_space(lab):
    await lab.create(2)
    with small_disk(lab.folder / "small", SMALL_DISK) as folder:
        shop = Shop(lab)
        full, other = shop.store.add(1, data=folder / "data"), shop.store.add(2)
        for till, neighbour in ((full, other), (other, full)):
            till.settings["mesh"].update(mdns=False, seeds=[neighbour.mesh_address])
            await till.start()
        await shop.store.wait_for_members()
        await full.import_products([{"sku": sku, "price": "1.50"} for sku in GOODS])
        await shop.store.wait_until_equal()
        await shop.sell_some([full, other])
        await shop.agree()
        ballast = folder / "ballast"
        with open(ballast, "wb", buffering=0) as fill, contextlib.suppress(OSError):
            while fill.write(b"\0" * 4096):
                pass
        refusals = []

        async def refused():
            try:
                await shop.book.sell(full, "p01", ("p02", 3))
            except ApiError as error:
                refusals.append(error)
            return refusals
        await wait_until(refused, 30, "the full disk refuses a sale", every=0)
        error = refusals[0]
        assert error.status == 503, error
        assert any(word in error.message.lower() for word in ("disk", "full", "space", "repeat")), error
        await wait_until(lambda: any("full" in line or "space" in line for line in
                                     full.process.log_text().lower().splitlines()), 5,
                         "the log says that the disk is full", seen=lambda: full.process.log_tail())
        full.process.assert_running()
        await shop.book.sell(other, "p03")  # the store goes on
        ballast.unlink()

        async def sells_again():
            await shop.book.settle()
            return True
        await wait_until(sells_again, 20, "sales are taken again once there is space", every=0.2)
        await shop.book.sell(full, "p04")
        await shop.agree()
        await asyncio.gather(full.kill(), other.kill())


@limit(120)
async def test_screens_of_a_till_whose_disk_is_full_are_told_of_each_sale_once(lab):
    await lab.create(2)
    with small_disk(lab.folder / "small", SMALL_DISK) as folder:
        shop = Shop(lab)
        full, other = shop.store.add(1, data=folder / "data"), shop.store.add(2)
        for till, neighbour in ((full, other), (other, full)):
            till.settings["mesh"].update(mdns=False, seeds=[neighbour.mesh_address])
            await till.start()
        await shop.store.wait_for_members()
        await other.import_products([{"sku": sku, "price": "1.50"} for sku in GOODS])
        await shop.store.wait_until_equal()
        async with full.events() as screen:
            ballast = folder / "ballast"
            with open(ballast, "wb", buffering=0) as fill, contextlib.suppress(OSError):
                while fill.write(b"\0" * 4096):
                    pass

            async def fails():
                await shop.book.sell(other, ("p02", 2))
                return "a write to the disk failed" in full.process.log_text()
            await wait_until(fails, 60, "the full disk refuses what the other till sells", every=0.02)
            for _ in range(20):
                await shop.book.sell(other, "p03")
            ballast.unlink()
            await shop.agree(seconds=30)
            sales = set(shop.book.sales)
            told = [event["id"] for event in screen.of("sale") if event["id"] in sales]
            assert len(told) == len(sales) == len(set(told)), (len(told), len(sales))
        await asyncio.gather(full.kill(), other.kill())


@limit(90)
async def test_a_start_on_a_full_disk_says_that_the_disk_is_full(lab):
    await lab.create(1)
    with small_disk(lab.folder / "small", SMALL_DISK) as folder:
        shop = Shop(lab)
        till = shop.store.add(1, data=folder / "data")
        await till.start()
        await till.import_products([{"sku": sku, "price": "1.50"} for sku in GOODS])
        await shop.sell_some([till])
        await till.stop()
        with open(folder / "ballast", "wb", buffering=0) as fill, contextlib.suppress(OSError):
            while fill.write(b"\0" * 4096):
                pass
        await till.start(wait=False)
        await wait_until(lambda: not till.running, 20, "it gives the start up", seen=till.process.log_tail)
        said = till.process.log_text().splitlines()[-5:]
        assert any("the disk is full" in line for line in said), said
        assert not any("check the disk" in line for line in said), said
        (folder / "ballast").unlink()
        await till.start()
        await shop.book.check_tills([till])
        await till.kill()


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
    pages = [number for number in range(1, len(content) // 4096)
             if content[number * 4096] == 0x0d and
             len(keys.findall(content[number * 4096:(number + 1) * 4096])) > 1]
    assert pages, "no page of old sales was found"
    with open(file, "r+b") as database:
        database.seek(pages[0] * 4096 + 2000)
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
    shop = await Shop.open(lab, 2)
    till, _ = shop.tills
    # Enough to read that the recovery takes a while.
    await import_thirty_thousand(till)
    await shop.sell_some(shop.tills, times=10)
    await shop.agree()
    file = till.data / "titan.sqlite3"
    await wait_until(lambda: file.stat().st_size > 8 << 20, 10, "the log is copied back",
                     seen=lambda: file.stat().st_size)
    content = file.read_bytes()
    pages = [number for number in range(1, len(content) // 4096)
             if content[number * 4096] == 0x0d and content[number * 4096:(number + 1) * 4096].count(b"A thing of") > 5]
    with open(file, "r+b") as database:
        for page in pages[::3]:
            database.seek(page * 4096)
            database.write(b"\xa5" * 4096)
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

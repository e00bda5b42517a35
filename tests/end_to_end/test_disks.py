"""Disks that are not the ones a till left: restored from an image, cloned, rebuilt, new."""

import shutil

from qa.harness.runner import limit, shared
from qa.harness.waiting import wait_until
from shop import GOODS, Shop


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


async def told_of_a_twin(tills):
    """Codes of alarms that tell of a key in use twice."""
    found = [alarm["code"] for till in tills for alarm in (await till.status())["alarms"]]
    return [code for code in found if "key" in code or "device" in code or "clone" in code]


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
    await wait_until(lambda: told_of_a_twin(shop.tills), 10, "an alarm tells that one key is in use twice")
    await clone.stop()
    shop.store.tills.remove(clone)
    await shop.settled()
    await shop.agree()


@limit(120)
async def test_a_folder_copied_from_a_running_till_runs_beside_it_and_no_sale_is_lost_or_counted_twice(lab):
    """File by file, as a copying program does it, while the till goes on selling: the log is of a later moment
    than the file it belongs to."""
    shop = await Shop.open(lab, 2, spare_hosts=1)
    original, other = shop.tills
    await shop.sell_some(shop.tills, times=20)
    clone = shop.store.add(3, name="till-3")
    clone.data.mkdir(parents=True)
    clone.settings["mesh"].update(mdns=False, seeds=[other.mesh_address])
    async with shop.selling([original], per_second=100) as load:
        for file in sorted(original.data.iterdir()):
            sold = load.acknowledged[original.name]
            await wait_until(lambda sold=sold: load.acknowledged[original.name] >= sold + 40, 20, "it sells meanwhile")
            if file.is_file():
                shutil.copy2(file, clone.data / file.name)
        await clone.start()
        for _ in range(5):
            await shop.book.sell(clone, "p02")
            await shop.book.sell(other, "p03")
    await wait_until(lambda: told_of_a_twin(shop.tills), 10, "an alarm tells that one key is in use twice")
    await shop.agree(shop.tills, seconds=20)  # the copy too
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

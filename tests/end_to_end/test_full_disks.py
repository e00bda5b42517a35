"""A disk without space: what a till says, what it loses, how it goes on."""

import asyncio
import contextlib
import subprocess

from qa.harness.runner import limit
from qa.harness.service import ApiError
from qa.harness.waiting import wait_until
from shop import GOODS, Shop

SMALL_DISK = "4m"  # a new journal with its write-ahead log takes well under half of it
GOODS_ON_SALE = [{"sku": sku, "price": "1.50"} for sku in GOODS]


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


def fill(file):
    """To the disk's last byte."""
    with open(file, "wb", buffering=0) as ballast, contextlib.suppress(OSError):
        while ballast.write(b"\0" * 4096):
            pass


@contextlib.asynccontextmanager
async def store_with_a_small_disk(lab):
    """(Shop, the till whose disk is small, another one, the file that is to fill the disk)."""
    await lab.create(2)
    with small_disk(lab.folder / "small", SMALL_DISK) as folder:
        shop = Shop(lab)
        full, other = shop.store.add(1, data=folder / "data"), shop.store.add(2)
        for till, neighbour in ((full, other), (other, full)):
            till.settings["mesh"].update(mdns=False, seeds=[neighbour.mesh_address])
            await till.start()
        await shop.store.wait_for_members()
        yield shop, full, other, folder / "ballast"
        await asyncio.gather(full.kill(), other.kill())


@limit(120)
async def test_a_full_disk_is_said_clearly_loses_nothing_and_is_left_when_there_is_space(lab):
    async with store_with_a_small_disk(lab) as (shop, full, other, ballast):
        await full.import_products(GOODS_ON_SALE)
        await shop.store.wait_until_equal()
        await shop.sell_some([full, other])
        await shop.agree()
        fill(ballast)
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


@limit(120)
async def test_screens_of_a_till_whose_disk_is_full_are_told_of_each_sale_once(lab):
    async with store_with_a_small_disk(lab) as (shop, full, other, ballast):
        await other.import_products(GOODS_ON_SALE)
        await shop.store.wait_until_equal()
        async with full.events() as screen:
            fill(ballast)

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


@limit(90)
async def test_a_start_on_a_full_disk_says_that_the_disk_is_full(lab):
    await lab.create(1)
    with small_disk(lab.folder / "small", SMALL_DISK) as folder:
        shop = Shop(lab)
        till = shop.store.add(1, data=folder / "data")
        await till.start()
        await till.import_products(GOODS_ON_SALE)
        await shop.sell_some([till])
        await till.stop()
        fill(folder / "ballast")
        await till.start(wait=False)
        await wait_until(lambda: not till.running, 20, "it gives the start up", seen=till.process.log_tail)
        said = till.process.log_text().splitlines()[-5:]
        assert any("the disk is full" in line for line in said), said
        assert not any("check the disk" in line for line in said), said
        (folder / "ballast").unlink()
        await till.start()
        await shop.book.check_tills([till])
        await till.kill()

"""A back-office PC or a VM that leads and never sells: only settings, no program of its own."""

import asyncio

from qa.harness.cloud import Cloud
from qa.harness.runner import limit
from shop import GOODS, PRICE, Shop
from test_store_database import check_database, database_up

DEAD_KNOWN_SECONDS_MAX = 10


async def open_shop(lab, tills_may_lead):
    """Three tills, and the office: (shop, office, tills). The tills are on before it."""
    await lab.create(5)
    shop = Shop(lab, Cloud(lab, 5))
    await shop.cloud.start()
    office = shop.store.add(4, name="office", cloud=shop.cloud)
    office.settings["terminal"].update(may_lead=True, priority=1000)
    tills = [shop.store.add(host, cloud=shop.cloud) for host in (1, 2, 3)]
    for till in tills:
        till.settings["terminal"]["may_lead"] = tills_may_lead
    for till in shop.tills:
        till.settings["store_database"]["mode"] = "auto"
        till.settings["mesh"].update(mdns=False, seeds=[
            other.mesh_address for other in shop.tills if other is not till])
    await asyncio.gather(*(till.start() for till in tills))
    await shop.store.wait_for_members(tills)
    return shop, office, tills


async def stock_the_shop(shop, till):
    await till.import_products(
        [{"sku": sku, "description": f"Thing {sku}", "price": PRICE} for sku in GOODS])
    await shop.store.wait_until_equal()


async def leads(shop, till, tills=None):
    leader = await shop.leader(tills)
    assert leader is till, f"{leader.name} leads, not {till.name}"


async def office_serves(shop, office):
    """It leads, its database is complete, the cloud hears the store from it."""
    await shop.store.wait_for_members()
    await leads(shop, office)
    await shop.wait_for_uplink(of=office)
    await database_up(shop, office)
    await check_database(shop, office)
    await shop.cloud_agrees()


async def wait_until_dead(tills, dead):
    for till in tills:
        await till.wait_until(
            lambda status: any(member["terminal"] == dead.name and member["state"] == "dead"
                               for member in status["members"]),
            DEAD_KNOWN_SECONDS_MAX, f"knows that {dead.name} is dead")


async def recorded(till):
    """The journals in which its device wrote anything."""
    status = await till.status()
    return [journal for journal in status["vector"]["journals"]
            if journal["device"] == status["device"] and journal["stored"]]


async def nobody_leads(tills):
    for status in [await till.status() for till in tills]:
        assert status["role"] != "leader", f"{status['terminal']} leads and may not"
        assert status["store_database"]["state"] != "up", f"{status['terminal']} runs the database"


@limit(180)
async def test_a_back_office_pc_leads_never_sells_and_is_missed_by_no_cashier(lab):
    shop, office, tills = await open_shop(lab, tills_may_lead=False)
    await nobody_leads(tills)
    await stock_the_shop(shop, tills[0])
    await shop.sell_some(tills)  # the office is not there yet
    await office.start()
    await shop.sell_some(tills, times=2)
    await shop.agree()
    await office_serves(shop, office)

    async with shop.selling(tills, per_second=10) as load:
        await load.wait_for(3)
        await office.kill()
        await wait_until_dead(tills, office)
        await load.wait_for(10)
        await nobody_leads(tills)
    await shop.agree(tills)
    for status in await shop.store.statuses(tills):
        assert status["pending_uploads"] > 0, f"{status['terminal']} has uploaded: who led?"
        assert (status["leader"] or {}).get("terminal") != office.name, status["leader"]

    await office.start()
    await shop.settled()
    await shop.agree()
    await office_serves(shop, office)
    assert not await recorded(office), "the office sold"


@limit(180)
async def test_tills_stand_in_for_a_back_office_pc_and_hand_over_when_told_to(lab):
    """It does not take the lead back from a healthy leader: each change costs the store its uplink
    and database for a moment. A till that is restarted hands over, and the office goes first."""
    shop, office, tills = await open_shop(lab, tills_may_lead=True)
    await stock_the_shop(shop, tills[0])
    first = await shop.leader(tills)
    await office.start()
    await shop.store.wait_for_members()
    await leads(shop, first)
    await first.stop()
    await leads(shop, office, shop.without(first))
    await first.start()
    await shop.sell_some(tills, times=2)
    await shop.agree()
    await office_serves(shop, office)

    async with shop.selling(tills, per_second=10) as load:
        await load.wait_for(3)
        await office.kill()
        stand_in = await shop.leader(tills, seconds=10, other_than=office)
        await shop.wait_for_uplink(of=stand_in)
        await load.wait_for(5)
        await office.start()
        await load.wait_for(5)
    await shop.settled()
    await leads(shop, stand_in)
    await shop.agree()
    await shop.cloud_agrees()

    await stand_in.stop()
    await leads(shop, office, shop.without(stand_in))
    await stand_in.start()
    await shop.sell_some(tills)
    await shop.agree()
    await office_serves(shop, office)

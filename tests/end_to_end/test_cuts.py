"""A LAN that is cut, deaf in one direction, or loses frames."""

import asyncio
import time

from qa.harness.runner import limit, shared
from shop import Shop

HEAL_SECONDS = 5  # DESIGN M5 gives 2 s for so few entries; here ten tills share two cores


@shared(60)
async def shop(lab):
    yield await Shop.open(lab, 10)


async def leaders_of(shop, *sides, seconds=8):
    """The leader of each side, once each side agrees on one of its own."""
    found = []
    for side in sides:
        await shop.store.wait_for_members(side, seconds=seconds)
        found.append(await shop.leader(side, seconds=seconds))
    return found


def hosts(tills):
    return [till.host for till in tills]


@limit(120)
async def test_five_and_five_cut_with_sales_on_both_sides_agree_after_the_heal(shop):
    left, right = shop.tills[:5], shop.tills[5:]
    async with shop.selling(shop.tills, per_second=4) as load:
        await shop.lab.partition(hosts(left), hosts(right))
        left_leader, right_leader = await leaders_of(shop, left, right)
        assert left_leader in left and right_leader in right
        await load.wait_for(8)
        assert load.slowest < 2, f"a sale took {load.slowest:.2f} s during the cut"
        seen = [(await till.status())["vector"]["root"] for till in (left[0], right[0])]
        assert seen[0] != seen[1], "the cut did not cut"
    await shop.store.wait_until_equal(left)
    await shop.store.wait_until_equal(right)
    await shop.lab.heal()
    await shop.store.wait_until_equal(seconds=HEAL_SECONDS)
    await shop.store.wait_for_members()
    assert await shop.leader() in (left_leader, right_leader)
    await shop.agree()
    for status in await shop.store.statuses():
        assert not [alarm for alarm in status["alarms"] if alarm["code"] == "divergence"], status["alarms"]


@limit(90)
async def test_one_transfer_booked_on_both_sides_of_a_cut_moves_stock_once(shop):
    left, right = shop.tills[:5], shop.tills[5:]
    await shop.lab.partition(hosts(left), hosts(right))
    await leaders_of(shop, left, right)
    booked = []
    for till in (left[1], right[1]):
        booked.append(await till.api("POST", "/v1/transfers", {
            "idempotency_key": till.next_key(), "direction": "in", "other_store": "paris-1",
            "transfer_id": "T-17", "lines": [{"sku": "from-paris", "quantity": "6"}]}))
    assert booked[0]["id"] != booked[1]["id"]
    await shop.lab.heal()
    await shop.store.wait_until_equal(seconds=HEAL_SECONDS)
    assert {await till.on_hand("from-paris") for till in shop.tills} == {"6"}
    for till in (left[0], right[0]):
        for entry in booked:  # the one that moved nothing is kept and shown
            await till.api("GET", f"/v1/sales/{entry['id']}")
    shop.book.moved["from-paris"] = 6


@limit(90)
async def test_a_cut_that_heals_in_the_middle_of_sales_loses_none(shop):
    left, right = shop.tills[:3], shop.tills[3:]
    async with shop.selling(shop.tills, per_second=3) as load:
        for _ in range(2):
            await shop.lab.partition(hosts(left), hosts(right))
            await leaders_of(shop, left, right)
            await load.wait_for(2)
            await shop.lab.heal()
            await shop.store.wait_for_members(seconds=10)
            await load.wait_for(2)
    await shop.leader()
    await shop.agree()


async def test_a_till_that_roamed_away_and_led_itself_comes_back_as_a_follower(shop):
    leader = await shop.leader()
    roaming = shop.without(leader)[0]
    others = shop.without(roaming)
    await shop.lab.isolate(roaming.host)
    await roaming.wait_until(lambda status: status["role"] == "leader", 15, "leads itself alone")
    await shop.book.sell(roaming, "p04")
    await shop.store.wait_for_members(others)
    assert await shop.leader(others) is leader
    await shop.lab.heal()
    await shop.store.wait_for_members()
    assert await shop.leader() is leader, "the leader that nine tills follow was deposed by one"
    await shop.agree()


@limit(90)
async def test_a_pair_that_hears_each_other_only_through_third_tills_keeps_its_leader(shop):
    leader = await shop.leader()
    deaf = shop.without(leader)[0]
    before = (await deaf.status())["leader"]
    async with shop.selling([leader, deaf], per_second=10) as load:
        await shop.lab.cut([leader.host], [deaf.host])
        cut = time.monotonic()
        await load.wait_for(30, seconds=20)  # three seconds at least: seven leases
        assert time.monotonic() - cut > 2
    for till in (leader, deaf):
        status = await till.status()
        assert status["leader"] == before, f"{till.name} follows {status['leader']}, not {before}"
    await shop.store.wait_for_members(seconds=5)
    await shop.agree()  # also between the two, through others


@limit(90)
async def test_a_till_deaf_in_one_direction_neither_deposes_the_leader_nor_loses_a_sale(shop):
    leader = await shop.leader()
    deaf = shop.without(leader)[0]
    before = (await deaf.status())["leader"]
    await shop.lab.oneway(leader.host, deaf.host)
    await shop.sell_some([leader, deaf], times=5)
    await shop.agree()
    assert (await shop.tills[-1].status())["leader"] == before
    await shop.leader()


@limit(120)
async def test_a_leader_that_hears_nobody_is_replaced_and_steps_down(shop):
    leader = await shop.leader()
    others = shop.without(leader)
    await asyncio.gather(*(shop.lab.oneway(till.host, leader.host) for till in others))
    new = await shop.leader(others, seconds=10, other_than=leader)
    await shop.book.sell(leader, "p06")
    await shop.book.sell(new, "p06")
    await shop.lab.heal()
    await shop.store.wait_for_members()
    assert await shop.leader() is new
    await shop.agree()


@limit(120)
async def test_a_network_that_loses_delays_and_doubles_frames_costs_no_sale(lab):
    await lab.create(4)
    shop = Shop(lab)
    await shop.store.open([1, 2, 3, 4])
    await shop.store.wait_for_members()
    await shop.leader()
    await shop.tills[0].import_products([{"sku": f"p{n:02}", "price": "1.00"} for n in range(20)])
    await shop.store.wait_until_equal()
    for host in lab.hosts:
        await lab.netem(host, delay=10, jitter=10, loss=5, dup=2, reorder=5, seed=host)
    async with shop.selling(shop.tills, per_second=5) as load:
        await load.wait_for(25, seconds=20)
        assert load.slowest < 2, f"a sale took {load.slowest:.2f} s: the network made it wait"
    await shop.agree(seconds=15)  # still over the bad network
    for host in lab.hosts:
        await lab.netem_off(host)
    await shop.store.wait_for_members()
    await shop.leader()

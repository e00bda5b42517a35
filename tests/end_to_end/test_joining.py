"""Tills find each other by mDNS, and in other ways where multicast does not get through."""

from qa.harness.runner import limit, shared
from qa.harness.store import Store
from qa.harness.waiting import wait_until

MDNS_SECONDS = 15  # publishing and resolving take a second each; the machine may be busy


class MdnsShop:
    """Five tills that know nothing but tenant, store and secret."""

    def __init__(self, lab):
        self.lab = lab
        self.store = Store(lab)

    async def open(self):
        await self.lab.create(6)
        await self.lab.start_avahi()
        for host in range(1, 6):
            till = self.store.add(host)
            assert till.settings["mesh"]["mdns"] and not till.settings["mesh"]["seeds"]
            await till.start()
        return self

    async def reset(self):
        await self.lab.heal()


@shared()
async def shop(lab):
    yield await MdnsShop(lab).open()


async def test_five_tills_find_each_other_by_mdns_with_nothing_configured(shop):
    await shop.store.wait_for_members(seconds=MDNS_SECONDS)
    leader = await shop.store.wait_for_leader()
    assert leader in shop.store.tills
    await shop.store.tills[0].sell({"sku": "a", "quantity": "1", "charged_unit_price": "1"})
    await shop.store.wait_until_equal()


async def test_a_till_that_joins_later_is_found_and_brought_up_to_date(shop):
    await shop.store.wait_for_members(seconds=MDNS_SECONDS)
    await shop.store.tills[2].sell({"sku": "b", "quantity": "1", "charged_unit_price": "1"})
    newcomer = shop.store.add(6)
    await newcomer.start()
    await shop.store.wait_for_members(seconds=MDNS_SECONDS)
    await shop.store.wait_until_equal()
    assert await newcomer.on_hand("b") == "-1"


@limit(90)
async def test_tills_find_their_store_again_with_every_avahi_dead(shop):
    tills = shop.store.tills
    await shop.store.wait_for_members(seconds=MDNS_SECONDS)
    for till in tills:
        await till.stop()
    for host in shop.lab.hosts:
        await shop.lab.kill_avahi(host)
    for till in tills:
        await till.start()
    await shop.store.wait_for_members(seconds=15)
    await shop.store.wait_for_leader()
    for till in tills:
        warnings = [line for line in till.process.log_text().splitlines()
                    if "warn" in line and ("mdns" in line.lower() or "avahi" in line.lower()
                                           or "d-bus" in line.lower())]
        assert warnings, f"{till.name} does not say that mDNS is gone:\n{till.process.log_tail()}"


async def test_one_seed_is_enough_the_rest_is_learnt_from_that_member(lab):
    await lab.create(5)
    store = Store(lab)
    first = store.add(1)
    first.settings["mesh"]["mdns"] = False
    await first.start()
    for host in range(2, 6):  # a chain: each knows only the till before it
        till = store.add(host)
        till.settings["mesh"].update(mdns=False, seeds=[f"10.77.0.{host - 1}:7411"])
        await till.start()
    await store.wait_for_members(seconds=10)
    await store.wait_for_leader()


async def test_a_seed_that_is_switched_on_last_is_still_found(lab):
    await lab.create(3)
    store = Store(lab)
    for host in (2, 3):
        till = store.add(host)
        till.settings["mesh"].update(mdns=False, seeds=["10.77.0.1:7411", "10.77.0.99:7411"])
        await till.start()
        await till.wait_until(lambda status: status["role"] == "leader", 10, "leads alone")
    hub = store.add(1)
    hub.settings["mesh"]["mdns"] = False
    await hub.start()
    await store.wait_for_members(seconds=10)
    await store.wait_for_leader(seconds=5)


async def test_a_till_whose_address_changed_finds_its_store_again(lab):
    await lab.create(3)
    store = Store(lab)
    one, two, three = await store.open([1, 2, 3])
    await store.wait_for_members()
    await three.stop()
    await lab.run(3, "ip", "addr", "flush", "dev", "eth0")
    await lab.run(3, "ip", "addr", "add", "10.77.0.33/24", "dev", "eth0")
    three.settings["mesh"]["seeds"] = []
    await three.start()
    await store.wait_for_members(seconds=10)

    async def told():
        members = (await one.status())["members"]
        return any("10.77.0.33:7411" in member["addresses"] for member in members) and members
    await wait_until(told, 5, "the others know the new address")

"""Network addresses that change while a till runs, that come after it, and IPv6."""

import asyncio
import time

from qa.harness.runner import limit
from qa.harness.store import Store
from qa.harness.waiting import wait_until

# The product follows within 5 s; a busy machine gets as much again.
FOLLOWED_SECONDS = 10
MDNS_SECONDS = 20


async def linked_at(store, till, address, seconds=FOLLOWED_SECONDS):
    """Until every other till tells this address of `till`, and is linked to it; the seconds."""
    began = time.monotonic()

    async def told():
        for other in store.running():
            if other is till:
                continue
            members = (await other.status())["members"]
            if not any(m["terminal"] == till.name and m["state"] == "alive" and m["linked"]
                       and address in m["addresses"] for m in members):
                return False
        return True
    await wait_until(told, seconds, f"all others are linked to {till.name} at {address}",
                     seen=lambda: f"\n{till.process.log_tail(12)}")
    return time.monotonic() - began


async def all_agree(store, seconds=FOLLOWED_SECONDS):
    """All see each other alive and linked, follow one leader, and what each sells reaches all."""
    await store.wait_for_members(seconds=seconds)
    await store.wait_for_leader(seconds=seconds)

    async def all_linked():
        return all(m["linked"] for status in await store.statuses() for m in status["members"]
                   if m["state"] == "alive" and m["process"] != status["process"])
    await wait_until(all_linked, seconds, "every till is linked to every other")
    for till in store.running():
        await till.sell({"sku": "a", "quantity": "1", "charged_unit_price": "1"})
    await store.wait_until_equal(seconds=seconds)


async def told_addresses(store):
    """Every address that any till tells of any member."""
    return {address for status in await store.statuses()
            for member in status["members"] for address in member["addresses"]}


async def test_another_lease_is_followed_without_mdns(lab):
    await lab.create(3)
    store = Store(lab)
    one, two, three = [store.add(host) for host in (1, 2, 3)]
    for till in (one, two, three):
        till.settings["mesh"].update(mdns=False, seeds=["10.77.0.1:7411"])
        await till.start()
    await store.wait_for_members()
    for address in ("10.77.0.33", "10.77.0.34"):
        await lab.readdress(3, address)
        await linked_at(store, three, f"{address}:7411")
        await all_agree(store)


async def test_a_till_that_starts_before_its_network_joins_when_it_is_there(lab):
    await lab.create(3)
    store = Store(lab)
    one, two = store.add(1), store.add(2)
    for till in (one, two):
        till.settings["mesh"].update(mdns=False, seeds=["10.77.0.1:7411"])
        await till.start()
    await lab.readdress(3, None)
    await lab.run(3, "ip", "link", "set", "eth0", "down")
    three = store.add(3)
    three.settings["mesh"].update(mdns=False, seeds=["10.77.0.1:7411"])
    await three.start()
    await three.wait_until(lambda status: status["role"] == "leader", 15, "leads alone")
    await lab.run(3, "ip", "link", "set", "eth0", "up")
    await lab.readdress(3, "10.77.0.3")
    await linked_at(store, three, "10.77.0.3:7411")
    await all_agree(store)
    assert await told_addresses(store) == {f"10.77.0.{host}:7411" for host in (1, 2, 3)}


async def test_from_a_cable_to_another_network_card(lab):
    """The cable is pulled, and another card comes up, with an address of its own."""
    await lab.create(3)
    store = Store(lab)
    tills = await store.open([1, 2, 3])
    await store.wait_for_members()
    code, _, errors = await lab.run(3, "sh", "-ec", """
        ip -4 address flush dev eth0
        ip link add link eth0 name wlan0 type macvlan mode bridge""")
    assert code == 0, errors
    await tills[0].wait_until(
        lambda status: any(m["terminal"] == tills[2].name and m["state"] != "alive"
                           for m in status["members"]), FOLLOWED_SECONDS, "misses the till without a card")
    code, _, errors = await lab.run(3, "sh", "-ec", """
        ip link set wlan0 up
        ip address add 10.77.0.43/24 dev wlan0""")
    assert code == 0, errors
    await linked_at(store, tills[2], "10.77.0.43:7411")
    await all_agree(store)


async def test_who_listens_on_ipv4_tells_no_ipv6_address_and_nobody_tells_loopback(lab):
    await lab.create(2)
    store = Store(lab)
    await store.open([1, 2])
    await all_agree(store)
    code, output, _ = await lab.run(1, "ip", "-6", "-brief", "address", "show", "dev", "eth0")
    assert code == 0 and "fd77::1" in output, f"the lab's IPv6 is off: {output}"
    assert await told_addresses(store) == {"10.77.0.1:7411", "10.77.0.2:7411"}


@limit(90)
async def test_a_store_with_nothing_but_ipv6_without_mdns(lab):
    await lab.create(3)
    store = Store(lab)
    for host in (1, 2, 3):
        await lab.readdress(host, None)
        till = store.add(host)
        till.settings["mesh"].update(listen="[::]:7411", mdns=False, seeds=["[fd77::1]:7411"])
        await till.start()
    await all_agree(store)
    assert await told_addresses(store) == {f"[fd77::{host}]:7411" for host in (1, 2, 3)}
    await lab.run(3, "ip", "address", "add", "fd77::33/64", "dev", "eth0")
    await lab.run(3, "ip", "address", "del", "fd77::3/64", "dev", "eth0")
    await linked_at(store, store.tills[2], "[fd77::33]:7411")
    await all_agree(store)


@limit(90)
async def test_a_store_with_nothing_but_link_local_ipv6_by_mdns(lab):
    await lab.create(3)
    store = Store(lab)
    for host in (1, 2, 3):
        await lab.readdress(host, None)
        await lab.run(host, "ip", "address", "del", f"fd77::{host}/64", "dev", "eth0")
    await lab.start_avahi()
    for host in (1, 2, 3):
        till = store.add(host)
        till.settings["mesh"].update(listen="[::]:7411")
        await till.start()
    await all_agree(store, MDNS_SECONDS)


@limit(120)
async def test_all_addresses_change_at_once_with_mdns_alone(lab):
    """A new router: no till finds another where it was. IPv6 is on, and not listened on."""
    await lab.create(3)
    await lab.start_avahi()
    store = Store(lab)
    for host in (1, 2, 3):
        await store.add(host).start()
    await all_agree(store, MDNS_SECONDS)
    await asyncio.gather(*(lab.readdress(host, f"10.77.0.{host}{host}") for host in (1, 2, 3)))
    for host, till in enumerate(store.tills, 1):
        await linked_at(store, till, f"10.77.0.{host}{host}:7411", MDNS_SECONDS)
    await all_agree(store)


@limit(180)
async def test_an_address_that_changes_while_avahi_probes_the_name(lab):
    """Avahi 0.8 then never establishes the service, so it has to be told once more. Nobody knows
    of the newcomer, and it of nobody, but for mDNS."""
    await lab.create(3)
    await lab.start_avahi()
    for turn, pause in enumerate((0.05, 0.2, 0.4, 0.6)):
        store = Store(lab, store=f"london-{turn}")
        first = await store.add(1, name=f"till-1-{turn}").start()
        late = await store.add(3, name=f"till-3-{turn}").start(wait=False)
        await asyncio.sleep(pause)
        await lab.readdress(3, f"10.77.0.{50 + turn}")
        await late.ready()
        await linked_at(store, late, f"10.77.0.{50 + turn}:7411", MDNS_SECONDS)
        await all_agree(store)
        await asyncio.gather(first.stop(), late.stop())


async def test_a_clone_whose_address_changed_and_its_original_find_each_other(lab):
    """Two tills with one device key; the one through which they knew each other is switched off."""
    await lab.create(3)
    store = Store(lab)
    one, two = store.add(1), store.add(2)
    for till in (one, two):
        till.settings["mesh"].update(mdns=False, seeds=["10.77.0.1:7411", "10.77.0.2:7411"])
        await till.start()
    await store.wait_for_members()
    await two.stop()
    clone = store.add(3)
    clone.folder.mkdir()
    two.copy_data(clone.data)
    clone.settings["mesh"].update(mdns=False, seeds=["10.77.0.2:7411"])
    await two.start()
    await clone.start()

    async def linked():
        members = (await two.status())["members"]
        return any(m["terminal"] == "till-3" and m["linked"] and "10.77.0.33:7411" in m["addresses"]
                   for m in members)
    await one.kill()
    await lab.readdress(3, "10.77.0.33")
    await wait_until(linked, FOLLOWED_SECONDS, "the original is linked to its clone's new address")
    leader = await store.wait_for_leader([two, clone], seconds=15)
    assert leader in (two, clone)


async def test_tills_on_one_machine_without_a_network_know_each_other_again(lab):
    """They listen on loopback, tell it, and find it again on their disks."""
    await lab.create(1)
    await lab.readdress(1, None)
    store = Store(lab)
    for number in (1, 2, 3):  # a chain: each knows only the one before it
        till = store.add(1, name=f"till-{number}")
        till.http = lab.http(1, 8410 + number)
        till.settings["api"]["listen"] = f"127.0.0.1:{8410 + number}"
        till.settings["mesh"].update(listen=f"127.0.0.1:{7410 + number}", mdns=False,
                                     seeds=[f"127.0.0.1:{7409 + number}"] if number > 1 else [])
        await till.start()
    await all_agree(store)
    for till in store.tills:
        await till.stop()
    for till in store.tills:
        till.settings["mesh"]["seeds"] = []
        await till.start()
    await all_agree(store, 15)

"""Tills that boot as it happens in a shop: without a network yet, without Avahi, with a dead clock.

Each case begins with the same disks: three tills that have met, sold and were cut off their power.
It ends with all of them joined, one leader, everybody selling, and every sale counted once. What
took how long is printed, not judged: `boot CASE: …`.
"""

import datetime
import re
import struct
import time

from qa.harness.machine import Machine, room_for
from qa.harness.runner import limit, nightly
from qa.harness.waiting import wait_until
from booting import CARD, Case, Shop, shop  # noqa: F401 (the fixture)
from packaged_tills import Tills
from qa.live import inside


async def test_all_at_once_after_a_power_cut(shop):
    async with Case("all at once after a power cut", shop) as case:
        await case.power()
        await case.joined()


@limit(90)
async def test_the_network_card_comes_20_s_after_the_program(shop):
    for machine in shop.machines:
        await shop.card(machine, False)
    async with Case("network card 20 s after the program", shop) as case:
        await case.power()
        await case.first_sales()
        for machine in shop.machines:
            since = await case.waits(machine, "network", "cable", "DHCP")

        def long_enough():
            return (datetime.datetime.now(datetime.timezone.utc) - since).total_seconds() >= 20
        await wait_until(long_enough, 30, "20 s passed", every=0.2)
        for machine in shop.machines:
            await shop.card(machine, True)
        await case.joined(time.monotonic())


@limit(90)
async def test_addresses_come_by_dhcp_after_the_card(shop):
    """The tills' and the router's systemd-networkd; the router takes longer to boot."""
    client = f"[Match]\nName={CARD}\n[Network]\nDHCP=ipv4\nLinkLocalAddressing=no\n"
    for machine in shop.machines:
        await shop.card(machine, True, address=False)
        await machine.write("/etc/systemd/network/card.network", client)
        await machine.must("systemctl", "enable", "systemd-networkd")
    router = shop.router = await make_router(shop)
    async with Case("DHCP after the card", shop) as case:
        await case.power()
        await case.first_sales()
        for machine in shop.machines:
            await case.waits(machine, "network")
        await router.boot(wait=False)

        async def have_addresses():
            said = [await machine.must("networkctl", "status", CARD) for machine in shop.machines]
            assert all(re.search(r"Address: 10\.77\.0\.1\d\d \(DHCP4", text) for text in said), said
            return True
        await wait_until(have_addresses, 30, "every till has a lease", every=0.1)
        await case.joined(time.monotonic())
        await router.cut_power()


async def make_router(shop):
    await shop.lab.readdress(4, None)
    router = Machine(shop.lab, 4)
    await router.write("/etc/systemd/network/card.network", f"""[Match]
Name={CARD}
[Network]
Address=10.77.0.99/24
DHCPServer=yes
[DHCPServer]
PoolOffset=100
PoolSize=50
""")
    await router.must("systemctl", "enable", "systemd-networkd")
    return router


async def test_avahi_before(shop):
    await shop.drop_in("[Unit]\nAfter=avahi-daemon.service\n")
    async with Case("Avahi before", shop) as case:
        await case.power()
        await case.joined()


async def test_avahi_after_at_a_till_that_is_new(shop):
    """Nobody knows the third or its address, and it knows nobody: it joins when its Avahi comes."""
    *known, new = shop.machines
    await shop.lab.readdress(new.host, "10.77.0.33")
    await new.must("find", "/var/lib/titan-pos", "-mindepth", "1", "-delete")
    await shop.without("avahi-daemon.service", "avahi-daemon.socket", machines=[new])
    async with Case("Avahi after, at a new till", shop) as case:
        await case.power()
        await case.waits(new, "avahi", "Avahi daemon", "enable-dbus")
        await case.first_sales()
        await shop.tills.joined(20, known)
        alone = (await shop.tills.status(new))["members"]
        assert [member["terminal"] for member in alone] == [f"till-{new.host}"], alone
        await new.must("rm", "/etc/systemd/system/avahi-daemon.service",
                       "/etc/systemd/system/avahi-daemon.socket")
        await new.must("systemctl", "daemon-reload")
        since = time.monotonic()
        await new.must("systemctl", "start", "avahi-daemon")
        await case.joined(since)


async def test_avahi_never(shop):
    await shop.without("avahi-daemon.service", "avahi-daemon.socket")
    async with Case("Avahi never", shop) as case:
        await case.power()
        await case.joined()
        for machine in shop.machines:
            await case.waits(machine, "avahi", "mesh.seeds")


async def test_dbus_absent(shop):
    await shop.without("dbus.service", "dbus.socket")
    async with Case("D-Bus absent", shop) as case:
        await case.power()
        await case.joined()
        for machine in shop.machines:
            await case.waits(machine, "avahi", "D-Bus")

            async def shown(machine=machine):
                text = await machine.must("systemctl", "show", "-P", "StatusText", "titan-pos")
                assert re.match(r"sells; (leader|follower); 3 of 3 tills are here; "
                                r"waits for .*avahi", text), text
                return True
            await wait_until(shown, 10, "systemctl status says so", every=0.2)


async def test_avahi_that_forbids_or_lacks_what_a_till_needs(shop):
    """Its own settings, one at each till: no D-Bus, nobody may publish, no other stack beside it.
    The second is new and has an address that nobody knows: it must find a till that publishes."""
    settings = {"enable-dbus": "no", "disable-user-service-publishing": "yes",
                "disallow-other-stacks": "yes"}
    for machine, (key, value) in zip(shop.machines, settings.items(), strict=True):
        await machine.must("sed", "-i", "-E", f"s/^#?{key}=.*/{key}={value}/",
                           "/etc/avahi/avahi-daemon.conf")
        assert f"\n{key}={value}\n" in await machine.must("cat", "/etc/avahi/avahi-daemon.conf")
    without_dbus, without_publishing, alone = shop.machines
    await without_publishing.must("find", "/var/lib/titan-pos", "-mindepth", "1", "-delete")
    await shop.lab.readdress(without_publishing.host, "10.77.0.33")
    async with Case("Avahi settings", shop) as case:
        await case.power()
        await case.joined()
        await case.waits(without_dbus, "avahi", "enable-dbus=no", seconds=30)
        await case.waits(without_publishing, "avahi", "disable-user-service-publishing")

        async def published():
            log = await alone.must("journalctl", "-u", "titan-pos", "--no-pager")
            return "published in mDNS" in log
        await wait_until(published, 10, "one stack alone is enough to publish", every=0.2)


@limit(90)
async def test_the_clock_is_at_1970_until_ntp(shop):
    """Of all tills; the monotonic clock runs on."""
    library = inside.build(shop.lab.folder).read_bytes()
    for machine in shop.machines:
        await machine.write("/opt/interpose.so", library, mode="0755")
        await machine.write("/var/lib/titan-pos/clock", clock_words(-time.time()),
                            owner="titan-pos:titan-pos")
    await shop.drop_in("[Service]\nEnvironment=LD_PRELOAD=/opt/interpose.so "
                       "INTERPOSE_CONTROL=/var/lib/titan-pos/clock\n")
    async with Case("clock at 1970 until NTP", shop) as case:
        await case.power()
        await case.joined()
        for number, machine in enumerate(shop.machines):
            await case.waits(machine, "time", "1970-01-01", "NTP")
            sale = await shop.tills.sell(machine, f"dead clock {number}")
            assert "clock_implausible" in sale["flags"], sale
            assert not sale["business_date"].startswith("1970"), sale
        for machine in shop.machines:
            await machine.must("dd", "of=/var/lib/titan-pos/clock", "conv=notrunc", "status=none",
                               content=clock_words(0))
        for number, machine in enumerate(shop.machines):
            sale = await shop.tills.sell(machine, f"right clock {number}")
            assert "clock_implausible" not in sale["flags"], sale
        await shop.tills.all_count(shop.sold + 6)


def clock_words(offset_seconds):
    """A control file (qa/live/inside.py) by which the wall clock is off by this."""
    words = [0] * len(inside.FIELDS)
    words[inside.FIELDS.index("clock_offset_us")] = round(offset_seconds * 1e6)
    return struct.pack(f"<{len(words)}q", *words)


@limit(90)
async def test_a_disk_check_holds_one_till_back(shop):
    """It ends when this test says so, long after the others sell."""
    *others, slow = shop.machines
    await slow.write("/etc/systemd/system/disk-check.service", """[Unit]
DefaultDependencies=no
Before=local-fs.target
[Service]
Type=oneshot
RemainAfterExit=yes
TimeoutStartSec=infinity
ExecStart=/bin/sh -c 'until [ -e /run/disk-is-checked ]; do sleep 0.1; done'
[Install]
WantedBy=local-fs.target
""")
    await slow.must("systemctl", "enable", "disk-check")
    async with Case("a disk check at one till", shop) as case:
        await case.power()
        await case.first_sales(*others)
        await shop.tills.all_count(shop.sold + len(others), machines=others)

        async def missed():
            reasons = (await shop.tills.status(others[0]))["health"]["reasons"]
            assert [reason["terminals"] for reason in reasons] == [[f"till-{slow.host}"]], reasons
            return True
        await wait_until(missed, 15, "the others miss it", every=0.1)
        state = await slow.must("sh", "-c", "systemctl show -P ActiveState titan-pos disk-check")
        assert state.split() == ["inactive", "activating"], state
        since = time.monotonic()
        await slow.must("touch", "/run/disk-is-checked")
        await case.joined(since)


async def test_the_cloud_is_away(shop):
    """Its address is of the LAN, and nobody has it."""
    await shop.tills.configure(cloud={"url": "ws://10.77.0.77:8420/v1/uplink", "access_key": "k" * 32,
                                      "public_key": "ab" * 32})
    async with Case("the cloud away", shop) as case:
        await case.power()
        leader = await case.joined()
        await case.waits(leader, "cloud", "head office")
        assert (await shop.tills.status(leader))["pending_uploads"] > 0


@limit(90)
async def test_the_store_database_is_of_an_older_postgresql(shop):
    folder = "/var/lib/titan-pos/postgres"
    olds = [machine for machine in shop.machines
            if (await machine.run("test", "-e", f"{folder}/titan-ready"))[0] == 0]
    assert olds, "no till has a store database"
    for machine in olds:
        await machine.must("sh", "-c", f"echo 13 > {folder}/cluster/PG_VERSION")
    async with Case("PostgreSQL's folder of version 13", shop) as case:
        await case.power()
        leader = await case.joined()

        async def is_up():
            database = (await shop.tills.status(leader))["store_database"]
            assert database["state"] == "up" and database["behind"] == 0, database
            return True
        await wait_until(is_up, 30, "the leader's store database is made again", every=0.1)
        for machine in olds:
            async def told(machine=machine):
                alarms = (await shop.tills.status(machine))["alarms"]
                return [alarm for alarm in alarms if alarm["code"] == "store_database_set_aside"]
            (alarm,) = await wait_until(told, 30, f"till-{machine.host} tells of it", every=0.2)
            assert "PostgreSQL 13" in alarm["message"], alarm
            await machine.must("test", "-e", f"{folder}/of-version-13/PG_VERSION")


@nightly
@limit(600)
async def test_thirty_tills_at_once(lab):
    """New from the box, then after a power cut."""
    with room_for(machines=30):
        await lab.create(30)
        shop = Shop(lab, await Tills(lab, lab.hosts).configure(), sold=0)
        try:
            for name in ("30 new tills at once", "30 tills at once after a power cut"):
                async with Case(name, shop) as case:
                    await case.power()
                    await case.joined(seconds=180)
                await shop.off()
        finally:
            await shop.off()

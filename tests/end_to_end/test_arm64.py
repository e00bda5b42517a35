"""titan-pos built for arm64, under qemu-user, beside and in turn with the one of this machine.

`./titan arm64` builds it and runs this; elsewhere there is nothing to run. What a till of the one
kind writes or says, one of the other kind must read, or a shop could not mix them, nor move a disk.
"""

import asyncio
import os
import pathlib
import re
import shutil

from qa.harness.cloud import Cloud
from qa.harness.lab import ROOT
from qa.harness.runner import Skip, limit
from shop import GOODS, PRICE, Shop
from test_back_office import office_serves

DEBIAN = ROOT / "build" / "arm64-root" / "root"
SALES = 5


def arm64_program():
    """Or the test is skipped."""
    folder = os.environ.get("TITAN_ARM64_BIN")
    if not folder:
        raise Skip("./titan arm64 runs it")
    return pathlib.Path(folder).absolute() / "titan-pos"


def as_arm64(till):
    """The same till with the program for arm64; its data folder and settings stay."""
    till.program = arm64_program()
    till.prefix = [DEBIAN.parent / "emulator" / "run"]
    return till


def is_emulated(till):
    return pathlib.Path(f"/proc/{till.process.pid}/exe").resolve().name == "qemu-aarch64-static"


def package(name):
    found = list((ROOT / "build" / "packages").glob(f"{name}_*_arm64.*deb"))
    assert len(found) == 1, f"{found}: run ./titan package --arch arm64"
    return found[0]


def as_this_machine(till):
    till.program, till.prefix = "titan-pos", []
    return till


async def whole(till):
    """All that a till knows of its store: stock, digest, and every entry byte for byte."""
    journals = (await till.api("GET", "/v1/journal"))["journals"]
    entries = {journal["journal"]: await entries_of(till, journal["journal"]) for journal in journals}
    status = await till.status()
    return {"stock": await till.stock(), "digest": status["stock_digest"],
            "root": status["vector"]["root"], "entries": entries}


async def entries_of(till, journal):
    found, first = [], 1
    while first:
        page = await till.api("GET", f"/v1/journal?journal={journal}&from={first}")
        found += page["entries"]
        first = page.get("next")
    return found


async def sell_all_kinds(shop, till):
    """What a journal can hold: a delivery, sales of pieces and of weight, a count, a void."""
    await shop.book.deliver(till, ("p01", 40), ("p02", 7))
    for _ in range(SALES):
        await shop.book.sell(till, "p01", ("p02", "0.125"))
    await till.adjust(("p03", -3), reason="damaged")
    shop.book.moved["p03"] -= 3
    sale = await till.sell("p04")
    await till.api("POST", "/v1/voids", {"idempotency_key": till.next_key(), "sale": sale["id"],
                                          "reason": "wrong article"})


@limit(180)
async def test_a_data_folder_goes_from_amd64_to_arm64_and_back(lab):
    arm64_program()
    await lab.create(1)
    shop = Shop(lab)
    till = shop.store.add(1)
    till.settings["mesh"]["mdns"] = False
    await till.start()
    await till.import_products(
        [{"sku": sku, "description": f"Thing {sku} à 0,5 ℓ", "price": PRICE} for sku in GOODS])
    known = None
    for machine in (as_this_machine, as_arm64, as_this_machine):
        if known:
            await machine(till).start()
            assert is_emulated(till) == (machine is as_arm64)
            found = await whole(till)
            assert found == known, f"{machine.__name__} reads another store than was written"
        await sell_all_kinds(shop, till)
        shop.book.check_stock(till.name, await till.stock())
        known = await whole(till)
        code, output, errors = await till.command_line("journal", "verify")
        assert code == 0, f"after {machine.__name__}: {output}{errors}"
        await till.stop()


@limit(240)
async def test_a_till_on_arm64_leads_a_store_of_amd64_tills(lab):
    """The Raspberry Pi in the back office: it joins, leads, serves the database and the uplink, and
    its own sales count on every till."""
    arm64_program()
    await lab.create(4)
    shop = Shop(lab, Cloud(lab, 4))
    await shop.cloud.start()
    pi = as_arm64(shop.store.add(3, name="pi", cloud=shop.cloud))
    tills = [shop.store.add(host, cloud=shop.cloud) for host in (1, 2)]
    for till in shop.tills:
        till.settings["mesh"].update(mdns=False, seeds=[
            other.mesh_address for other in shop.tills if other is not till])
        till.settings["terminal"]["may_lead"] = till is pi
    pi.settings["store_database"]["mode"] = "auto"
    await asyncio.gather(*(till.start() for till in shop.tills))
    assert [is_emulated(till) for till in shop.tills] == [True, False, False]
    await shop.store.wait_for_members(seconds=20)
    await shop.leader(seconds=20)
    await tills[0].import_products(
        [{"sku": sku, "description": f"Thing {sku}", "price": PRICE} for sku in GOODS])
    await shop.store.wait_until_equal(seconds=20)
    await shop.sell_some(shop.tills, times=SALES)
    await shop.agree(seconds=20)
    await office_serves(shop, pi)
    known = await whole(pi)
    for till in tills:
        assert await whole(till) == known, f"{till.name} holds other bytes than {pi.name}"


async def test_the_package_for_arm64_installs_on_debian_12(lab):
    """As far as that can be known without such a machine: what it needs is there for arm64, its
    program is for arm64, without debug symbols, and those are in the package beside it."""
    arm64_program()
    await lab.create(1)
    file, symbols = package("titan-pos"), package("titan-pos-dbgsym")
    shutil.copy(file, DEBIAN / "opt")
    code, output, errors = await lab.run(1, "chroot", DEBIAN, "apt-get", "install", "--simulate",
                                         "--no-install-recommends", f"/opt/{file.name}")
    (DEBIAN / "opt" / file.name).unlink()
    assert code == 0 and "Inst titan-pos:arm64" in output, output + errors
    for each in (file, symbols):
        await lab.run(1, "dpkg-deb", "-x", each, lab.folder / "unpacked")
    program = lab.folder / "unpacked/usr/bin/titan-pos"
    _, about, _ = await lab.run(1, "readelf", "--file-header", "--sections", "--notes", "--wide",
                                program)
    assert "AArch64" in about and ".debug_info" not in about, about
    build_id = re.search(r"Build ID: (\w\w)(\w+)", about)
    found = lab.folder / f"unpacked/usr/lib/debug/.build-id/{build_id[1]}/{build_id[2]}.debug"
    assert found.exists(), f"{symbols.name} has no {found.name}"
    # A Raspberry Pi 5's own kernel has pages of 16 kB, and loads no segment that is aligned to less.
    _, segments, _ = await lab.run(1, "readelf", "--segments", "--wide", program)
    aligned = [int(line.split()[-1], 16) for line in segments.splitlines() if " LOAD " in line]
    assert aligned and min(aligned) >= 16384, segments

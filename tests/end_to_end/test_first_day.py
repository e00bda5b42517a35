"""docs/FIRST_DAY.md to the letter: head office and five tills on machines that boot.

The blocks of commands are taken from the document by what stands behind their ```sh.
"""

import asyncio
import json
import re

from qa.harness.lab import ROOT
from qa.harness.machine import Machine
from qa.harness.runner import limit
from qa.harness.waiting import wait_until
import former_till
from packaged_tills import Tills, package

DOCUMENT = (ROOT / "docs" / "FIRST_DAY.md").read_text()
CLOUD = "wss://cloud.example.com"
CLOUD_PORT = 8500
STICK = "/media/stick"


def block(name):
    """The commands of all blocks of that name, in order."""
    found = re.findall(rf"^```sh {name}\n(.*?)^```", DOCUMENT, re.M | re.S)
    assert found, f"docs/FIRST_DAY.md has no commands for {name}"
    return "".join(found)


async def follow(machine, name, replace=()):
    text = block(name)
    for old, new in replace:
        assert old in text, (name, old)
        text = text.replace(old, new)
    return await machine.must("bash", "-euc", text, seconds=120)


async def carry(name, one, *others):
    """The stick goes from one machine to others."""
    content = await one.must("cat", f"{STICK}/{name}")
    for other in others:
        await other.write(f"{STICK}/{name}", content)


class HeadOffice:
    def __init__(self, lab, host):
        self.machine = Machine(lab, host, [package("titan-cloud")])
        self.url = f"ws://{lab.address(host)}:{CLOUD_PORT}"

    async def open(self):
        await self.machine.boot()
        # What the package of PostgreSQL does on a machine where nobody forbids it.
        await self.machine.must("pg_createcluster", "15", "main")
        await self.machine.must("systemctl", "start", "postgresql@15-main")
        said = await follow(self.machine, "head-office", [(CLOUD, self.url)])
        assert "titan-cloud runs" in said and "store-acme.toml" in said, said

    async def get(self, path):
        config = await self.machine.must("cat", "/etc/titan-cloud/titan-cloud.toml")
        key = re.search(r'admin_key = "(.*)"', config)[1]
        http = self.machine.lab.http(self.machine.host, CLOUD_PORT,
                                     headers={"Authorization": f"Bearer {key}"})
        response = await http.request("GET", path)
        assert response.status == 200, response
        return response.json()

    async def sold(self, sku):
        stock = await self.get(f"/v1/tenants/acme/stores/london-1/stock/{sku}")
        return int(stock["removed"])


async def moved_in(lab, tills, office):
    """Each till takes over the file of one of v0.1, and head office has every past sale once."""
    books = []
    for number, machine in enumerate(tills.machines, 1):
        book = former_till.write(lab.folder / f"old-{number}.db", seed=number, terminal=f"old-{number}",
                                 sales=30, stock_off=number - 1)
        books.append(book)
        await machine.write(f"{STICK}/old-till.db", book.path.read_bytes())
        said = await follow(machine, "move-in")
        assert "30 past sales" in said, said
    pending = sum(len(book.pending) for book in books)

    async def all_there():
        sales = (await office.get("/v1/tenants/acme/stores/london-1/sales?limit=1000"))["sales"]
        past = [sale for sale in sales if sale["kind"] == "history"]
        return len(past) == 150 and sum(sale["counts"] for sale in past) == pending
    await wait_until(all_there, 30, "head office shows 150 past sales, and counts what it never had")


@limit(420)
async def test_five_tills_and_a_head_office_are_set_up_as_the_document_says(lab):
    await lab.create(6)
    office = HeadOffice(lab, 6)
    tills = Tills(lab, [1, 2, 3, 4, 5])
    first, *others = tills.machines
    await asyncio.gather(office.open(), tills.boot())
    stick = await office.machine.must("cat", "/etc/titan-cloud/store-acme.toml")
    await first.write(f"{STICK}/store-acme.toml", stick)
    said = await follow(first, "first-till")
    assert "till-1 of london-1 runs and is alone so far" in said, said
    await carry("store.toml", first, *others)
    for machine in others:
        said = await follow(machine, "next-till", [("till-2", f"till-{machine.host}")])
        assert f"till-{machine.host} of london-1 is joined with till-1" in said, said
        assert "leader: till-1" in said, said
    await tills.joined()
    said = await follow(others[0], "first-sale")
    assert "22" in said.splitlines()[-1], said

    said = await follow(others[3], "look")
    assert "till-5 of store london-1" in said and 'store = "london-1"' in said, said

    async def office_has(pieces, sku="85123A"):
        async def condition():
            return await office.sold(sku) == pieces
        await wait_until(condition, 30, f"head office counts {pieces} of {sku}")
    await office_has(2)

    # A backup, more sales, the disaster, the restore: everything is there again, once.
    await follow(office.machine, "backup")
    for kept in ("titan.dump", "titan-keys.tar.gz"):  # keys, and every sale
        assert (await office.machine.must("stat", "-c", "%a", f"/var/backups/{kept}")).strip() == "600"
    for number, machine in enumerate(tills.machines):
        await tills.sell(machine, f"after-backup-{number}")
    await office_has(5, "p")
    await follow(office.machine, "restore")
    await office_has(5, "p")
    await office_has(2)
    for number, machine in enumerate(tills.machines):
        await tills.sell(machine, f"after-restore-{number}")
    await office_has(10, "p")
    await tills.all_count(10)
    sales = (await office.get("/v1/tenants/acme/stores/london-1/sales?limit=100"))["sales"]
    assert len(sales) == len({sale["id"] for sale in sales}) == 11, sales
    await moved_in(lab, tills, office)
    secret = re.search(r'secret = "([0-9a-f]{64})"', await first.must("cat", "/etc/titan-pos/store.toml"))[1]
    for machine in tills.machines:
        assert secret not in await machine.must("journalctl", "-u", "titan-pos", "--no-pager")
        fields = json.loads((await machine.must(
            "journalctl", "-u", "titan-pos", "-o", "json", "-n", "1", "TITAN_STORE=london-1")))
        assert fields["TITAN_TERMINAL"] == f"till-{machine.host}" and fields["PRIORITY"] in "34567", fields


@limit(120)
async def test_setup_on_a_machine_says_what_is_in_the_way_and_writes_nothing(lab):
    await lab.create(1)
    (machine,) = Tills(lab, [1]).machines
    await machine.boot()
    await machine.must("systemd-run", "--quiet", "--unit=other", "perl", "-MIO::Socket::INET", "-e",
                       "my $s = IO::Socket::INET->new(Listen => 1, LocalAddr => '127.0.0.1:8410') or die; sleep")

    async def taken():
        return (await machine.run("bash", "-c", "</dev/tcp/127.0.0.1/8410"))[0] == 0
    await wait_until(taken, 10, "the other program has the port")
    setup = ("titan-pos", "setup", "--first-till", "--tenant", "acme", "--store", "london-1",
             "--name", "till-1")
    code, _, errors = await machine.run("setpriv", "--reuid", "nobody", "--regid", "nogroup",
                                        "--clear-groups", *setup)
    assert code == 2 and "sudo titan-pos setup" in errors, (code, errors)
    code, output, errors = await machine.run(*setup)
    assert code == 1 and "port 8410 is taken by another program" in errors, (code, output, errors)
    assert (await machine.run("test", "-e", "/etc/titan-pos/titan-pos.toml"))[0] == 1
    await machine.must("systemctl", "stop", "other")
    said = await machine.must(*setup)
    assert "alone so far" in said, said
    # A typo by hand: everything wrong is told with its line, and a reload changes nothing.
    before = await machine.must("cat", "/etc/titan-pos/store.toml")
    await machine.write("/etc/titan-pos/store.toml", before + "[tax]\nrounding = up\n[mesch]\n",
                        mode="0640", owner="root:titan-pos")
    code, output, errors = await machine.run("titan-pos", "check")
    assert code == 2 and errors.count("/etc/titan-pos/store.toml:") == 2 and "mesch" in errors, errors
    assert (await machine.run("systemctl", "reload", "titan-pos"))[0] != 0
    await machine.must("systemctl", "is-active", "titan-pos")
    await machine.write("/etc/titan-pos/store.toml", before.replace("[store]", "[store]\nlow_stock = 9"),
                        mode="0640", owner="root:titan-pos")
    await machine.must("systemctl", "reload", "titan-pos")
    log = await machine.must("journalctl", "-u", "titan-pos", "--no-pager")
    assert "store.low_stock is in force" in log, log
    # Also where the till will answer next: today's address is asked.
    own = await machine.must("cat", "/etc/titan-pos/titan-pos.toml")
    await machine.write("/etc/titan-pos/titan-pos.toml", own + '[api]\nlisten = "127.0.0.1:8411"\n',
                        mode="0640", owner="root:titan-pos")
    said = await machine.must("bash", "-c", "titan-pos check && titan-pos reload")
    assert "takes a restart (systemctl restart titan-pos): api.listen" in said, said
    # Set up anew it keeps the secret that the others know; as another store's, it says no.
    secret = re.search(r"secret = .*", before)[0]
    await machine.must(*setup, "--currency", "GBP", "--anew")
    after = await machine.must("cat", "/etc/titan-pos/store.toml")
    assert secret in after and "GBP" in after, after
    await machine.write(f"{STICK}/store.toml", after)
    code, _, errors = await machine.run("titan-pos", "setup", "--anew", "--store-file",
                                        f"{STICK}/store.toml", "--store", "paris-1", "--name", "till-1")
    assert code == 2 and "is it the right stick?" in errors, (code, errors)
    await machine.write(f"{STICK}/empty.toml", "")
    code, _, errors = await machine.run("titan-pos", "setup", "--anew", "--store-file",
                                        f"{STICK}/empty.toml", "--name", "till-1")
    assert code == 2 and "is empty" in errors, (code, errors)

"""The Debian packages, on machines that boot: systemd, the units' sandboxes, dpkg's ways."""

import asyncio
import re
import subprocess

from qa.harness.lab import ROOT
from qa.harness.machine import Machine
from qa.harness.runner import limit
from qa.harness.waiting import wait_until
from packaged_tills import ARCHITECTURE, open_tills, package


def as_version(package_file, version, folder):
    """The same package under another version."""
    unpacked = folder / f"unpacked-{version}"
    subprocess.run(["dpkg-deb", "-R", package_file, unpacked], check=True)
    control = unpacked / "DEBIAN" / "control"
    control.write_text(re.sub(r"(?m)^Version: .*$", f"Version: {version}", control.read_text()))
    made = folder / f"titan-pos_{version}_{ARCHITECTURE}.deb"
    subprocess.run(["dpkg-deb", "-b", unpacked, made], check=True, stdout=subprocess.DEVNULL)
    return made


@limit(300)
async def test_switched_on_packaged_tills_join_and_sell_also_after_a_power_cut(lab):
    await lab.create(3)
    tills = await open_tills(lab, 3)
    for number, machine in enumerate(tills.machines):
        await tills.sell(machine, f"before-{number}")
    await asyncio.gather(*(machine.cut_power() for machine in tills.machines))
    await tills.boot()
    await tills.joined()
    for number, machine in enumerate(tills.machines):
        await tills.sell(machine, f"after-{number}")
    await tills.all_count(6)

    # In its sandbox the leader runs its PostgreSQL, and nothing is refused to it.
    leader = (await tills.status(tills.machines[0]))["leader"]["terminal"]
    machine = next(each for each in tills.machines if f"till-{each.host}" == leader)

    async def has_database():
        return (await tills.status(machine))["store_database"]["state"] == "up"
    await wait_until(has_database, 15, "the store database is up")

    async def log_says(text):
        return text in await machine.must("journalctl", "-u", "titan-pos", "--no-pager")
    await wait_until(lambda: log_says("published in mDNS"), 10, "it is published in mDNS")
    log = await machine.must("journalctl", "-u", "titan-pos", "--no-pager")
    assert " error " not in log and " critical " not in log, log
    # Whether the clock is right is the kernel's to say, and the sandbox lets the till ask.
    assert (await tills.status(machine))["clock"]["quality"] != "unknown"
    user = (await machine.must("systemctl", "show", "-P", "User", "titan-pos")).strip()
    assert user == "titan-pos"
    assert "0 0" not in await machine.must("stat", "-c", "%u %g", "/var/lib/titan-pos/titan.sqlite3")


@limit(240)
async def test_a_till_is_upgraded_rolled_back_removed_and_purged(lab):
    await lab.create(2)
    tills = await open_tills(lab, 2)
    machine, other = tills.machines
    count = 0

    async def sell_for_a_while(work):
        """Both tills sell, as a cashier does who tries again, while `work` goes on."""
        nonlocal count
        done = asyncio.ensure_future(work)
        while not done.done():
            for till in tills.machines:
                count += 1

                async def sold(till=till, key=f"sale-{count}"):
                    return await tills.sell(till, key)
                await wait_until(sold, 10, f"{till.host} takes sale {count}")
        return await done

    async def main_process():
        return await machine.must("systemctl", "show", "-P", "MainPID", "titan-pos")
    before = await main_process()
    newer = as_version(package("titan-pos"), "9.0.0", lab.folder)
    await machine.deliver(newer, package("titan-pos"))
    await sell_for_a_while(machine.must("dpkg", "-i", f"/opt/{newer.name}"))
    assert "9.0.0" in await machine.must("dpkg-query", "-W", "titan-pos")
    assert await main_process() not in (before, "0\n"), "the upgraded till was not started anew"
    await tills.joined()
    await sell_for_a_while(machine.must("dpkg", "-i", f"/opt/{package('titan-pos').name}"))
    await tills.joined()

    await tills.all_count(count)

    await machine.must("dpkg", "--remove", "titan-pos")
    assert (await machine.run("test", "-e", "/var/lib/titan-pos/titan.sqlite3"))[0] == 0
    code, output, errors = await machine.run("dpkg", "--purge", "titan-pos")
    assert code != 0, output
    assert f"holds {count} entries" in errors and "purge-anyway" in errors, errors
    assert (await machine.run("test", "-e", "/var/lib/titan-pos/titan.sqlite3"))[0] == 0
    # Installed again it goes on where it was.
    await machine.must("dpkg", "-i", f"/opt/{package('titan-pos').name}")
    await tills.joined()
    count += 1
    await tills.sell(machine, "again")
    await tills.all_count(count)

    await machine.must("dpkg", "--remove", "titan-pos")
    await machine.must("touch", "/etc/titan-pos/purge-anyway")
    await machine.must("dpkg", "--purge", "titan-pos")
    for gone in ("/var/lib/titan-pos", "/etc/titan-pos"):
        assert (await machine.run("test", "-e", gone))[0] == 1, gone
    assert (await tills.sold(other)) == count


@limit(120)
async def test_a_purged_head_office_keeps_its_key(lab):
    await lab.create(1)
    machine = await Machine(lab, 1, [package("titan-cloud")]).boot()
    await machine.must("setpriv", "--reuid", "titan-cloud", "--regid", "titan-cloud",
                       "--clear-groups", "titan-cloud", "keygen", "--data", "/var/lib/titan-cloud")
    output = await machine.must("dpkg", "--purge", "titan-cloud")
    assert "kept /var/lib/titan-cloud/cloud.key" in output, output
    await machine.must("test", "-s", "/var/lib/titan-cloud/cloud.key")


async def test_a_page_and_a_completion_know_every_command():
    for program, folder in (("titan-pos", "titan-pos"), ("titan-cloud", "titan-cloud")):
        text = subprocess.run([ROOT / "build/release/bin" / program, "--help"], check=True,
                              capture_output=True, text=True).stdout
        commands = re.findall(r"(?m)^  ([a-z][a-z0-9-]*)  ", text.split("Subcommands:")[1])
        assert len(commands) >= 3, text
        for file, entry in ((f"{program}.1", r"(?m)^\.(B|BI|BR) {}\b"),
                            (f"{program}.bash-completion", r"\b{}\b")):
            said = (ROOT / "packaging" / folder / file).read_text()
            missing = [command for command in commands
                       if not re.search(entry.format(command), said)]
            assert not missing, f"{file} lacks {missing}"


@limit(240)
async def test_a_disk_that_is_full_during_an_upgrade_leaves_the_till_selling(lab):
    await lab.create(1)
    tills = await open_tills(lab, 1)
    (machine,) = tills.machines
    newer = as_version(package("titan-pos"), "9.0.0", lab.folder)
    await machine.deliver(newer)
    # /usr/bin as a disk with 2 MB left: the program does not fit beside itself.
    await machine.must("bash", "-euc", """
        size=$(du -sm /usr/bin | cut -f1)
        mkdir /run/full
        mount -t tmpfs -o "size=$((size + 2))m" tmpfs /run/full
        cp -a /usr/bin/. /run/full
        mount --bind /run/full /usr/bin""")
    process = await machine.must("systemctl", "show", "-P", "MainPID", "titan-pos")
    code, output, errors = await machine.run("dpkg", "-i", f"/opt/{newer.name}")
    assert code != 0 and "No space left on device" in output + errors, (code, output, errors)
    assert await machine.must("systemctl", "show", "-P", "MainPID", "titan-pos") == process
    await tills.sell(machine, "full")
    await machine.must("systemctl", "restart", "titan-pos")
    await tills.joined()
    await tills.sell(machine, "full, after a restart")
    await machine.must("umount", "--lazy", "/usr/bin")  # the till runs from there
    await machine.must("dpkg", "-i", f"/opt/{newer.name}")
    await tills.joined()
    await tills.all_count(2)
    assert "9.0.0" in await machine.must("dpkg-query", "-W", "titan-pos")


@limit(240)
async def test_what_a_newer_version_left_is_refused_in_words_and_kept(lab):
    await lab.create(1)
    tills = await open_tills(lab, 1)
    (machine,) = tills.machines
    await tills.sell(machine, "before")
    await machine.must("systemctl", "stop", "titan-pos")
    ours = await as_written_by(machine, compatibility=99)
    await machine.must("systemctl", "start", "titan-pos")

    async def says_why():
        log = await machine.must("journalctl", "-u", "titan-pos", "--no-pager")
        return "was written by a newer version" in log and "install the newer version again" in log
    await wait_until(says_why, 10, "the log says why it does not start")
    code, _, errors = await machine.run("titan-pos", "check")
    assert code == 2 and "was written by a newer version" in errors, (code, errors)
    # A purge does not take what this version cannot count.
    await machine.must("dpkg", "--remove", "titan-pos")
    code, _, errors = await machine.run("dpkg", "--purge", "titan-pos")
    assert code != 0 and "an unknown number of" in errors, (code, errors)
    await machine.deliver(package("titan-pos"))
    await machine.must("dpkg", "-i", f"/opt/{package('titan-pos').name}")
    await as_written_by(machine, ours)
    await tills.joined()
    await tills.all_count(1)


async def as_written_by(machine, compatibility):
    """The journal's file as a version of that compatibility would have left it; what it was."""
    await machine.must("systemctl", "stop", "titan-pos")
    file = machine.folder / "disk" / "var/lib/titan-pos/titan.sqlite3"
    changed = subprocess.run(
        ["sqlite3", file, "SELECT value FROM meta WHERE name = 'compatibility'; "
                          f"UPDATE meta SET value = {compatibility} WHERE name = 'compatibility'; "
                          "SELECT changes(); PRAGMA wal_checkpoint(TRUNCATE)"],
        check=True, capture_output=True, text=True).stdout.split()
    before, rows = changed[:2]
    assert rows == "1", changed
    await machine.must("bash", "-c", "chown titan-pos:titan-pos /var/lib/titan-pos/titan.sqlite3*")
    await machine.must("systemctl", "start", "titan-pos")
    return before

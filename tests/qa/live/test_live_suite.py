"""Many scenarios in one command, ./titan lab suite, and what only this run has: a trading day from
a file, a terminal that is switched on later, the wireless profile."""

import asyncio
import json
import os
import re
import sys

from qa.harness.lab import ROOT
from qa.harness.runner import limit
from qa.live import scenario as scenarios
from qa.live.faults import KINDS

README = ROOT / "qa" / "live" / "README.md"
HEAD = """format = 1
name = "{name}"
purpose = "For the test of the suite."
lasts = "{lasts}"
"""
CLONE = HEAD + """
[store]
terminals = 2
[[fault]]
at = "1s"
kind = "clone"
targets = "till-1"
"""
DAY = HEAD + """probes = {probes}
[store]
terminals = 2
timing = "wireless"
hardware = "wifi"
[[terminal]]
name = "till-3"
starts_at = "4s"
[workload]
day_file = "day.csv"
day_speed = 600
[bounds]
converge_within = "10s"
"""
# Read out of order on purpose: the file is sorted by invoice, the day by time.
INVOICES = [("1001", "09:00", [("22423", 2), ("85123A", 6)]), ("1003", "10:20", [("22423", 1)]),
            ("1002", "09:30", [("47566", 3)]), ("1004", "10:35", [("85123A", 1)]),
            ("C1005", "10:36", [("22423", -2)])]


def write_day(folder):
    """A trading day in the Online Retail layout, 96 minutes long: 9.6 s at 600 times the pace."""
    rows = ["Invoice,StockCode,Description,Quantity,InvoiceDate,Price,Customer ID,Country"]
    for invoice, when, lines in INVOICES:
        rows += [f"{invoice},{code},THING,{quantity},2010-12-01 {when}:00,1.50,1,United Kingdom"
                 for code, quantity in lines]
    (folder / "day.csv").write_text("\n".join(rows) + "\n")


async def suite(*words):
    """(exit code, lines)."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(ROOT / "qa" / "live" / "suite.py"), *map(str, words),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        env={**os.environ, "PYTHONPATH": str(ROOT)})
    output, _ = await process.communicate()
    return process.returncode, output.decode().splitlines()


@limit(300)
async def test_a_suite_plays_what_can_be_played_and_says_why_not_the_rest(lab):
    folder = lab.folder / "scenarios"
    folder.mkdir()
    write_day(folder)
    (folder / "clone.toml").write_text(CLONE.format(name="clone", lasts="5s"))
    (folder / "day.toml").write_text(DAY.format(name="day", lasts="10s", probes="[]"))
    (folder / "wrong.toml").write_text(CLONE.format(name="wrong", lasts="minus one"))
    results = lab.folder / "results.json"
    code, lines = await suite(folder, "--results", results)
    assert code == 1 and lines[-1] == "1 passed, 1 failed", lines
    assert re.match(r"not played +clone +0 s +the fault 'clone' exists only in the simulator",
                    lines[0]), lines
    assert re.match(r"passed +day ", lines[1]), lines
    assert re.match(r"failed +wrong .*wrong.toml:4:", lines[2]), lines
    told = {one["name"]: one["outcome"] for one in json.loads(results.read_text())}
    assert told == {"clone": "not played", "day": "passed", "wrong": "failed"}, told


@limit(60)
async def test_a_suite_of_nothing_is_refused(lab):
    for named in (lab.folder / "nowhere", lab.folder):
        code, lines = await suite(named)
        assert code == 2 and str(named) in lines[0], lines


@limit(60)
async def test_the_readme_lists_every_scenario_that_is_not_played(lab):
    section = README.read_text().split("## Not played on real processes")[1].split("\n## ")[0]
    listed = set(re.findall(r"^\| `([a-z0-9-]+)` \|", section, re.MULTILINE))
    found = set()
    for file in sorted((ROOT / "simulations" / "scenarios").glob("*.toml")):
        scenario = await asyncio.to_thread(scenarios.read, file)
        if scenarios.not_playable(scenario, KINDS, cores=2):
            found.add(scenario.name)
    assert listed == found, (sorted(listed - found), sorted(found - listed))

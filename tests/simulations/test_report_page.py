"""The report of a run, looked at in Chromium: it shows what the JSON report says."""

import asyncio
import json
import os
import pathlib
import tempfile

from qa.harness.lab import ROOT
from qa.harness.runner import limit

BIN = pathlib.Path(os.environ.get("TITAN_BIN", ROOT / "build" / "release" / "bin"))
LOOK = ROOT / "tests" / "browser" / "look.mjs"
SCREENSHOTS = os.environ.get("TITAN_SCREENSHOTS")  # a folder to keep them in

SCENARIO = """
format = 1
name = "{name}"
purpose = "A page to look at: {terminals} terminals{besides}."
lasts = "12s"
{bug}
[store]
terminals = {terminals}

[workload]
sales_per_second = {rate}

[[fault]]
at = "3s"
kind = "cut"
groups = [["till-1", "till-2"]]
lasts = "3s"

[[fault]]
at = "8s"
kind = "crash"
targets = ["leader"]
lasts = "2s"
"""


async def output_of(*command, may_fail=False):
    process = await asyncio.create_subprocess_exec(
        *map(str, command), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE)
    out, errors = await process.communicate()
    assert may_fail or process.returncode == 0, f"{command} ended with {process.returncode}: " \
        f"{out.decode()[-2000:]} {errors.decode()[-2000:]}"
    return process.returncode, out.decode()


async def page_of(name, terminals, bug=None, width=1280, dark=False):
    """(what Chromium shows, the JSON report, the exit code of the run)"""
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        planted = f'planted_bug = "{bug[0]}"\ncaught_by = "{bug[1]}"' if bug else ""
        (folder / "scenario.toml").write_text(SCENARIO.format(
            name=name, terminals=terminals, rate=20, bug=planted,
            besides=f", with a planted bug: {bug[0]}" if bug else ""))
        code, _ = await output_of(BIN / "titan-sim", "run", folder / "scenario.toml",
                                  "--json", folder / "report.json", "--html", folder / "page.html",
                                  may_fail=True)
        options = ["--width", width] + (["--dark"] if dark else [])
        if SCREENSHOTS:
            options += ["--screenshot", pathlib.Path(SCREENSHOTS) / f"{name}.png"]
        _, seen = await output_of("node", LOOK, folder / "page.html", *options)
        return json.loads(seen), json.loads((folder / "report.json").read_text()), code


def assert_page_shows(seen, report, terminals):
    assert seen["errors"] == [] and seen["requests"] == [], (seen["errors"], seen["requests"])
    assert not seen["wider_than_window"], "the page scrolls sideways"
    assert seen["name"] == report["scenario"] and seen["purpose"] == report["purpose"]
    assert report["trace_hash"] in seen["run"] and f"seed {report['seed']} " in seen["run"]
    for figure in report["figures"]:
        shown = seen["figures"].get(figure["name"])
        assert shown == f"{figure['value']} {figure['unit']}".strip(), (figure, shown)
    assert int(seen["figures"]["acknowledged"].replace(",", "")) > 100, seen["figures"]
    checkers = [judgement["checker"] for judgement in report["judgements"]]
    assert [row[0] for row in seen["checks"]] == checkers and len(checkers) >= 8, checkers
    assert len(seen["faults"]) == 2, seen["faults"]
    for canvas, painted in seen["painted"].items():
        assert painted > 0.005, f"nothing is drawn in {canvas}: {painted}"
    for moment in seen["moments"]:
        assert len(moment["rows"]) == terminals, moment["moment"]
    end = seen["moments"][-1]["rows"]
    assert all(row[1] == "running" for row in end), end
    # In the middle of the cut (at a quarter of the slider or so) the LAN is in two parts.
    assert any(len({row[4] for row in moment["rows"]}) > 1 for moment in seen["moments"]), \
        "no moment shows the LAN in parts"


@limit(90)
async def test_a_run_without_failures_with_5_terminals():
    seen, report, code = await page_of("page-5-passed", 5)
    assert code == 0 and report["passed"], report["judgements"]
    assert seen["verdict"] == "Passed" and not seen["violations_shown"]
    assert_page_shows(seen, report, 5)
    end = seen["moments"][-1]["rows"]
    assert sum(row[2] == "leads" for row in end) == 1, end
    assert len({row[5] for row in end}) == 1, f"the terminals end with different stock: {end}"


@limit(90)
async def test_a_run_with_a_failure_with_5_terminals():
    seen, report, _ = await page_of("page-5-failed", 5, ("relay_drops_entry", "M5"), dark=True)
    assert seen["violations_shown"] and seen["trace_lines"] > 50, seen["trace_lines"]
    shown = sum(len(judgement["violations"]) for judgement in report["judgements"])
    assert len(seen["violations"]) == min(shown, 20), (shown, seen["violations"])
    assert seen["at_opening"] == seen["after_failing_moment"], "it does not open at the failing moment"
    assert_page_shows(seen, report, 5)


@limit(360)
async def test_a_run_without_failures_with_100_terminals():
    seen, report, code = await page_of("page-100-passed", 100)
    assert code == 0 and seen["verdict"] == "Passed", report["judgements"]
    assert_page_shows(seen, report, 100)


@limit(360)
async def test_a_run_with_a_failure_with_100_terminals_on_a_small_screen():
    seen, report, _ = await page_of("page-100-failed", 100, ("acknowledge_before_commit", "M6"), width=400)
    assert seen["violations_shown"], report["judgements"]
    assert_page_shows(seen, report, 100)

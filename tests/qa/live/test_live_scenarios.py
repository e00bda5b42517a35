"""Scenarios on real processes, judged by the checkers of the simulator: ./titan lab run."""

import asyncio
import contextlib
import json
import os
import pathlib
import sys

from qa.harness.lab import ROOT
from qa.harness.runner import limit
from qa.live import scenario as scenarios
from qa.live.faults import KINDS
from qa.live.run import play

SCENARIOS = ROOT / "simulations" / "scenarios"
SHORT_SECONDS_MAX = 180  # a run of 20 s, its opening, and what a busy machine adds
STOOD_STILL = "stood still"


async def command(*words):
    """(exit code, output) of a program."""
    process = await asyncio.create_subprocess_exec(
        *map(str, words), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        env={**os.environ, "PYTHONPATH": str(ROOT)})
    output, _ = await process.communicate()
    return process.returncode, output.decode()


async def judged(path, history):
    """(exit code, verdict) of titan-sim judge."""
    report = history.with_suffix(".json")
    code, output = await command(scenarios.program(), "judge", path, history, "--json", report)
    assert report.exists(), output
    return code, json.loads(report.read_text())


def violations(verdict):
    return {judgement["checker"]: [one["message"] for one in judgement["violations"]]
            for judgement in verdict["judgements"] if judgement["violations"]}


async def run(lab, name, tries=2):
    """Plays a scenario; the history's file. A run in which the machine itself stood still shows
    nothing of the product and is made again."""
    path = SCENARIOS / f"{name}.toml"
    scenario = scenarios.read(path)
    for number in range(1, tries + 1):
        with open(lab.folder / f"try-{number}.log", "w", buffering=1, encoding="utf-8") as said, \
                contextlib.redirect_stdout(said):
            history, notes = await play(scenario, scenario.seed, logs=lab.folder / f"try-{number}")
        if not any(STOOD_STILL in note for note in notes):
            break
    target = lab.folder / f"{name}.jsonl"
    history.write(target, scenario.name, scenario.seed)
    code, verdict = await judged(path, target)
    assert code == 0 and verdict["passed"], (violations(verdict), notes)
    return target, verdict


def figure(verdict, name):
    return int(next(item["value"] for item in verdict["figures"]
                    if item["name"] == name).replace(",", ""))


@limit(2 * SHORT_SECONDS_MAX)
async def test_five_and_five_cut_with_sales_on_both_sides(lab):
    _, verdict = await run(lab, "short-five-and-five")
    assert verdict["executor"] == "real processes"
    assert figure(verdict, "acknowledged") > 400, verdict["figures"]
    assert figure(verdict, "successions") >= 1, verdict["figures"]


@limit(2 * SHORT_SECONDS_MAX)
async def test_the_leader_is_killed_twice_and_its_database_once(lab):
    _, verdict = await run(lab, "short-leader-killed")
    assert figure(verdict, "successions") >= 2, verdict["figures"]


@limit(2 * SHORT_SECONDS_MAX)
async def test_disks_that_are_full_slow_or_lie_and_clocks_that_are_wrong(lab):
    await run(lab, "short-bad-disks-and-clocks")


@limit(2 * SHORT_SECONDS_MAX)
async def test_a_cloud_that_loses_an_answer_stalls_restarts_and_is_slow(lab):
    await run(lab, "short-cloud-trouble")


@limit(2 * SHORT_SECONDS_MAX)
async def test_half_a_connection_a_deaf_till_a_star_and_resets(lab):
    await run(lab, "short-crooked-network")


@limit(2 * SHORT_SECONDS_MAX)
async def test_addresses_that_change_while_tills_run(lab):
    await run(lab, "short-address-changes")


@limit(2 * SHORT_SECONDS_MAX)
async def test_pages_of_two_databases_that_go_bad(lab):
    await run(lab, "short-damaged-disk")


@limit(2 * SHORT_SECONDS_MAX)
async def test_two_versions_at_once(lab):
    await run(lab, "short-two-versions")


@limit(3 * SHORT_SECONDS_MAX)
async def test_a_restored_disk_and_what_the_checkers_say_to_a_history_that_was_tampered_with(lab):
    history, _ = await run(lab, "short-restored-disk")
    path = SCENARIOS / "short-restored-disk.toml"
    lines = [json.loads(line) for line in history.read_text().splitlines()]
    for name, tamper, checker in TAMPERINGS:
        target = lab.folder / f"{name}.jsonl"
        changed = tamper([dict(line) for line in lines])
        target.write_text("".join(json.dumps(line) + "\n" for line in changed))
        code, verdict = await judged(path, target)
        assert code == 1 and not verdict["passed"], f"{name}: nobody noticed"
        assert checker in violations(verdict), f"{name}: {violations(verdict)}"
    lines[0]["version"] = 99
    other = lab.folder / "other.jsonl"
    other.write_text("".join(json.dumps(line) + "\n" for line in lines))
    code, output = await command(scenarios.program(), "judge", path, other)
    assert code == 2 and f"{other}:1:" in output and "99" in output, output


# --- what is done to a history, and who must see it ---

def _lose_a_sale(lines):
    """One acknowledged sale is on no disk and not in the cloud."""
    sale = next(line for line in reversed(lines) if line.get("what") == "request_answered"
                and line["outcome"] == "recorded")
    facts = {}
    kept = []
    for line in lines:
        entry = line.get("entry")
        if line.get("what") in ("entry_stored", "cloud_holds", "database_holds"):
            if isinstance(entry, dict):
                facts[entry["hash"]] = entry
            if (entry if isinstance(entry, str) else entry["hash"]) == sale["hash"]:
                continue
        if line.get("what") == "journal_listed":
            line["held"] = [held for held in line["held"] if held[2] != sale["hash"]]
        kept.append(line)
    return kept


def _count_twice(lines):
    """A till shows a piece less than was sold."""
    line = next(line for line in lines if line.get("is_final"))
    line["on_hand"] -= 1_000_000
    return lines


def _differ(lines):
    """After the heal one till never comes to the others' vector."""
    healed = next(line["at"] for line in lines if line.get("what") == "all_healed")
    for line in lines:
        if line.get("what") == "state_reported" and line["at"] >= healed and line["terminal"] == 1:
            line["vector_root"] = "00" * 16
    return lines


def _two_leaders(lines):
    """Another process has the leader's token."""
    taken = next(line for line in lines
                 if line.get("what") == "lease_granted" and line["token"][0] >= 1)
    other = next(line["process"] for line in lines if line.get("what") == "process_started"
                 and line["process"] != taken["token"][1])
    last = max(index for index, line in enumerate(lines) if line.get("what") == "lease_granted")
    lines.insert(last + 1, {"at": lines[last]["at"], "what": "lease_granted", "terminal": 0,
                            "token": [0, other]})
    return lines


def _same_receipt(lines):
    """Two sales of one journal have the same receipt."""
    receipts = [line for line in lines if line.get("what") == "entry_stored"
                and isinstance(line["entry"], dict) and "receipt" in line["entry"]]
    first = receipts[0]
    second = next(line for line in receipts[1:]
                  if line["entry"]["id"][0] == first["entry"]["id"][0])
    second["entry"] = {**second["entry"], "receipt": first["entry"]["receipt"]}
    return lines


def _raise_an_alarm(lines):
    at = lines[-1]["at"]
    lines.insert(len(lines) - 1, {"at": at, "what": "alarm_raised", "terminal": 0,
                                  "code": "divergence", "message": "made up"})
    return lines


TAMPERINGS = (("a lost sale", _lose_a_sale, "M4"), ("a sale counted twice", _count_twice, "M4"),
              ("a till that stays behind", _differ, "M5"), ("a lower token", _two_leaders, "M2"),
              ("a receipt twice", _same_receipt, "M8"), ("an alarm", _raise_an_alarm, "alarms"))


async def test_a_probe_that_no_interface_tells_is_not_judged_in_a_real_run(lab):
    path, history = lab.folder / "probes.toml", lab.folder / "probes.jsonl"
    path.write_text(SCENARIO.format(kind="crash", more='targets = "till-1"').replace(
        'lasts = "10s"', 'lasts = "10s"\nprobes = ["relayed", "sold-alone"]'))
    for executor, violated in (("lab", ["'sold-alone' was never reached"]),
                               ("simulator", ["'relayed' was never reached",
                                              "'sold-alone' was never reached"])):
        history.write_text("".join(json.dumps(line) + "\n" for line in (
            {"format": "titan-history", "version": 1, "scenario": "bad", "seed": 1},
            {"at": 0, "what": "run_began", "executor": executor, "sees_disks": False,
             "terminals": ["till-1", "till-2"]}, {"at": 1, "what": "run_ended"})))
        code, verdict = await judged(path, history)
        assert code == 1 and violations(verdict)["probes"] == violated, violations(verdict)
        probes = next(one for one in verdict["judgements"] if one["checker"] == "probes")
        assert ("'relayed'" in (probes.get("not_judged") or "")) == (executor == "lab"), probes


# --- bad input ---

SCENARIO = """format = 1
name = "bad"
purpose = "A file with a mistake."
lasts = "10s"
[store]
terminals = 2
[[fault]]
at = "1s"
kind = "{kind}"
{more}
"""


async def refused(lab, **parts):
    """What `titan lab run` says to a file that it must refuse, before anything is started."""
    path = pathlib.Path(lab.folder) / "bad.toml"
    path.write_text(SCENARIO.format(**parts))
    code, output = await command(sys.executable, ROOT / "qa" / "live" / "run.py", path)
    assert code == 2, f"exit code {code}: {output}"
    assert "opening a store" not in output, output
    return path, output


async def test_a_terminal_that_does_not_exist_is_refused_with_file_and_line(lab):
    path, output = await refused(lab, kind="crash", more='targets = "till-9"')
    assert f"{path}:10: " in output and "till-9" in output, output


async def test_an_unknown_key_is_refused_with_file_and_line(lab):
    path, output = await refused(lab, kind="crash", more='tragets = "till-1"')
    assert f"{path}:10: " in output and "did you mean 'targets'" in output, output


async def test_what_real_processes_cannot_show_is_refused_by_name(lab):
    _, output = await refused(lab, kind="clone", more='targets = "till-1"')
    assert "clone" in output and "./titan sim run" in output, output


async def test_the_table_of_faults_says_which_ones_real_processes_can_show():
    wrong = []
    for path in sorted(SCENARIOS.glob("*.toml")):
        wrong += [f"{path.name}: {fault.kind}" for fault in scenarios.read(path).faults
                  if fault.runs_in_lab != (fault.kind in KINDS)]
    assert not wrong, wrong


async def test_a_file_that_is_not_there_is_named(lab):
    code, output = await command(sys.executable, ROOT / "qa" / "live" / "run.py",
                                 lab.folder / "nothing.toml")
    assert code == 2 and "nothing.toml" in output, output

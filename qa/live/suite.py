"""./titan lab suite: plays many scenarios on real processes, one after the other.

    sudo /usr/bin/python3 -m qa.live.suite [FOLDER or FILE ...] [--results FILE]

One line per scenario, the last line is the sum. Each run is a `run.py` of its own, so that nothing
of one is left for the next. A run in which the machine itself stood still shows nothing of the
product and is made once more. Of a run that failed, output, history, report and logs are kept.
"""

import argparse
import dataclasses
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

if __name__ == "__main__":  # started by path: the packages lie two folders up
    sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent.parent))

from qa.harness.lab import ROOT  # noqa: E402
from qa.live import run, scenario as scenarios, standstill  # noqa: E402
from qa.live.faults import KINDS  # noqa: E402

SCENARIOS = ROOT / "simulations" / "scenarios"
KEPT = pathlib.Path("run/lab-failures")
TRIES_MAX = 2  # where the machine stood still
SECONDS_MAX_BESIDE = 420  # opening, healing, reading, judging: what a run lasts beside its selling
PASSED, FAILED, NOT_PLAYED = "passed", "failed", "not played"


@dataclasses.dataclass
class Outcome:
    """What became of one scenario."""
    name: str
    file: str
    outcome: str
    why: list  # of a failure what the checkers or this program said; else why it was not played
    notes: list = dataclasses.field(default_factory=list)
    seconds: float = 0
    faults: int = 0  # that began
    acknowledged: int = 0  # requests answered as recorded, at once or when repeated

    def line(self):
        first = " ".join((self.why or [""])[0].split())
        more = f" (and {len(self.why) - 1} more)" if len(self.why) > 1 else ""
        reason = f"  {first[:300]}{more}" if first else ""
        return f"{self.outcome:10}  {self.name:50} {self.seconds:4.0f} s{reason}"


def files_of(named):
    """Every scenario file of what the command line names."""
    found = []
    for name in named:
        path = pathlib.Path(name)
        if path.is_dir():
            found += sorted(path.glob("*.toml"))
        elif path.is_file():
            found.append(path)
        else:
            raise scenarios.ScenarioError(f"{name}: there is no such file or folder")
    if not found:
        raise scenarios.ScenarioError(f"{', '.join(map(str, named))}: no scenario (*.toml) in it")
    return found


def play(file):
    """The Outcome of one file."""
    try:
        scenario = scenarios.read(file)
    except scenarios.ScenarioError as error:
        return Outcome(file.stem, str(file), FAILED, [str(error)])
    reason = scenarios.not_playable(scenario, KINDS)
    if reason:
        return Outcome(scenario.name, str(file), NOT_PLAYED, [reason])
    began = time.monotonic()
    for _ in range(TRIES_MAX):
        with tempfile.TemporaryDirectory(prefix="titan-lab-suite-") as folder:
            outcome = _play_once(file, scenario, pathlib.Path(folder))
        if outcome.outcome == PASSED or not any(standstill.SAID in note for note in outcome.notes):
            break
    outcome.seconds = time.monotonic() - began
    return outcome


def _play_once(file, scenario, folder):
    command = [sys.executable, run.__file__, str(file), "--json", folder / "report.json",
               "--html", folder / "report.html", "--history", folder / "history.jsonl",
               "--logs", folder / "logs"]
    limit = scenario.lasts_us / 1e6 + SECONDS_MAX_BESIDE
    code, output = _output_of(command, limit)
    if code == 130:
        raise KeyboardInterrupt
    report = json.loads((folder / "report.json").read_text()) \
        if (folder / "report.json").exists() else {}
    notes = report.get("notes", [])
    counts = _counts(folder / "history.jsonl")
    if code == 0:
        return Outcome(scenario.name, str(file), PASSED, [], notes, **counts)
    why = [f"{judgement['checker']}: {one['message']}" for judgement in
           report.get("judgements", []) for one in judgement["violations"]]
    if code is None:
        why.insert(0, f"it was not over after {limit:.0f} s and was ended")
    if not why:
        why = [line for line in output.splitlines() if line.startswith("titan lab run:")] or \
            [f"run.py ended with {code}: {' / '.join(output.splitlines()[-3:])}"]
    _keep(folder, scenario.name, output)
    return Outcome(scenario.name, str(file), FAILED, why, notes, **counts)


def _counts(history):
    """What a run went through, from its history."""
    counts = {"faults": 0, "acknowledged": 0}
    if not history.exists():
        return counts
    with history.open() as lines:
        for line in lines:
            counts["faults"] += '"fault_began"' in line
            counts["acknowledged"] += '"request_answered"' in line and (
                '"recorded"' in line or '"repeated"' in line)
    return counts


def _output_of(command, seconds):
    """(exit code, None when it was ended for taking too long; what it printed)."""
    process = subprocess.Popen(list(map(str, command)), stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, text=True)
    try:
        return_code = None
        output, _ = process.communicate(timeout=seconds)
        return_code = process.returncode
    except subprocess.TimeoutExpired:
        process.terminate()  # it ends what it started
        output, _ = process.communicate()
    except KeyboardInterrupt:
        process.communicate()  # it was told as well, and tidies up
        raise
    return return_code, output


def _keep(folder, name, output):
    (folder / "output.txt").write_text(output)
    target = KEPT / name
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(folder, target)
    run.give_to_caller(KEPT, target, *target.rglob("*"))


def play_all(files, results):
    """The exit code."""
    outcomes = []
    try:
        for file in files:
            outcomes.append(play(file))
            print(outcomes[-1].line(), flush=True)
            if results:
                write(results, outcomes)
    except KeyboardInterrupt:
        print("stopped; everything started was ended", file=sys.stderr)
        return 130
    count = {what: sum(item.outcome == what for item in outcomes)
             for what in (PASSED, FAILED, NOT_PLAYED)}
    if count[NOT_PLAYED]:
        print(f"{count[NOT_PLAYED]} not played on real processes, for the reason in their line")
    if count[FAILED]:
        print(f"what the failed ones left: {KEPT}/NAME")
    print(f"{count[PASSED]} passed, {count[FAILED]} failed")
    return 1 if count[FAILED] else 0


def write(target, outcomes):
    pathlib.Path(target).write_text(
        json.dumps([dataclasses.asdict(item) for item in outcomes], indent=1) + "\n")
    run.give_to_caller(target)


def main():
    parser = argparse.ArgumentParser(prog="titan lab suite",
                                     description="plays many scenarios on real processes")
    parser.add_argument("named", nargs="*", default=[SCENARIOS], metavar="FOLDER or FILE",
                        help="default: simulations/scenarios")
    parser.add_argument("--results", metavar="FILE", help="write what became of each, as JSON")
    arguments = parser.parse_args()
    if run.lacks_rights("suite"):
        return 2
    try:
        return play_all(files_of(arguments.named), arguments.results)
    except scenarios.ScenarioError as error:
        print(f"titan lab suite: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())

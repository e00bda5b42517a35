"""Counts the test cases of one ./titan test run and prints the summary.

Reads, in the folder given: ctest.xml (JUnit, one test per binary), results/* (one file per Catch2
binary, written by tests/catch_main.cpp, plus the script's own cases and the scenarios),
end_to_end.json.
The last line is `N passed, N failed` and nothing else. A binary that died counts as one failure
in the name of the case it was in. Exits 1 when anything failed or nothing ran.
"""

import argparse
import json
import pathlib
import sys
import xml.etree.ElementTree as ElementTree


class Tally:
    def __init__(self):
        self.passed = 0
        self.failures = []
        self.slowest = []

    def add(self, ok, name, seconds=0.0):
        self.slowest.append((seconds, name))
        if ok:
            self.passed += 1
        else:
            self.failures.append(name)


def count_result_file(tally, path):
    """One Catch2 binary. Returns whether it reported a failure or came to its end."""
    running, ended, failed = None, False, False
    for line in path.read_text(errors="replace").splitlines():
        verdict, _, rest = line.partition("\t")
        seconds, _, name = rest.partition("\t")
        if verdict == "begin":
            running = name
        elif verdict == "end":
            ended = True
        elif verdict in ("ok", "FAIL"):
            running = None
            failed = failed or verdict == "FAIL"
            tally.add(verdict == "ok", f"{path.name}: {name}", float(seconds or 0))
    if running is not None:
        tally.add(False, f"{path.name}: {running} (the binary died in this case)")
        failed = True
    return ended, failed


def count_ctest(tally, folder):
    results = folder / "results"
    report = folder / "ctest.xml"
    if not report.exists():
        tally.add(False, "ctest left no report: did it run?")
        return
    for case in ElementTree.parse(report).getroot().iter("testcase"):
        name, status = case.get("name"), case.get("status")
        if status in ("disabled", "notrun"):
            tally.add(False, f"{name}: not run ({status})")
            continue
        binary = results / name
        if not binary.exists():  # not a Catch2 binary, or dead before its first case
            tally.add(status == "run", name, float(case.get("time") or 0))
            continue
        _, failed = count_result_file(tally, binary)
        if status != "run" and not failed:
            tally.add(False, f"{name}: ended badly after its last case (see its output above)")


def count_end_to_end(tally, folder):
    """Returns the names of those that the nightly run does."""
    report = folder / "end_to_end.json"
    if not report.exists():
        tally.add(False, "the end-to-end runner left no report: did it run?")
        return []
    content = json.loads(report.read_text())
    for test in content["tests"]:
        tally.add(test["ok"], test["name"], test["seconds"])
    return content.get("left", [])


def lines_of(path):
    """Cases that are commands: verdict, seconds and name of each."""
    for line in path.read_text().splitlines() if path.exists() else []:
        verdict, seconds, name = line.split("\t", 2)
        yield verdict, float(seconds), name


def count_commands(tally, path, pattern):
    """Returns how many passed that nobody asked for by `pattern`, what the script does with every run,
    and the names of those that the nightly run does."""
    unasked, left = 0, []
    for verdict, seconds, name in lines_of(path):
        if verdict == "left":
            left.append(name)
            continue
        tally.add(verdict == "ok", name, seconds)
        unasked += verdict == "ok" and (pattern is None or pattern not in name)
    return unasked, left


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--pattern", help="only tests with this in their name were asked for")
    parser.add_argument("--nightly", action="store_true", help="a run of the nightly tests alone")
    arguments = parser.parse_args()

    tally = Tally()
    if not arguments.nightly:
        count_ctest(tally, arguments.folder)
    for verdict, seconds, name in lines_of(arguments.folder / "results" / "scenarios"):
        tally.add(verdict == "ok", "scenario " + name, seconds)
    own_passed, left = count_commands(tally, arguments.folder / "results" / "titan", arguments.pattern)
    left += count_end_to_end(tally, arguments.folder)

    slow = [row for row in sorted(tally.slowest, reverse=True)[:10] if row[0] >= 1]
    for seconds, name in slow:
        print(f"slow: {seconds:6.1f} s  {name}")
    for name in left:
        print(f"left to ./titan nightly: {name}")
    if arguments.pattern and tally.passed == own_passed and not tally.failures:
        where = ", but nightly ones have: ./titan nightly" if left else ""
        tally.add(False, f"no test has '{arguments.pattern}' in its name{where}")
    for name in tally.failures:
        print(f"FAIL {name}")
    print(f"{tally.passed} passed, {len(tally.failures)} failed")
    return 1 if tally.failures or tally.passed == 0 else 0


if __name__ == "__main__":
    sys.exit(main())

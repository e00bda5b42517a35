"""Runs the tests that need real processes and networks: ./titan test calls this.

    sudo /usr/bin/python3 tests/end_to_end/run.py [--match PART-OF-NAME] [--nightly] [--list] [--json FILE]
        [--jobs N]

The folders: qa/checks (what counts and checks), qa/netlab (the LAN itself), qa/harness (what starts
the processes), qa/demo (its importer and its arithmetic), simulations (the simulator's commands, the
report's page), qa/live (scenarios on real processes), end_to_end (the product).
"""

import argparse
import os
import pathlib
import subprocess
import sys

TESTS = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(TESTS.parent))

from qa.harness import runner  # noqa: E402
from qa.harness.lab import NETLAB, can_make_namespaces  # noqa: E402

FOLDERS = [TESTS / folder for folder in ("qa/checks", "qa/netlab", "qa/harness", "qa/demo", "simulations",
                                         "qa/live", "end_to_end")]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--match", default="", help="only tests with this in their name")
    parser.add_argument("--nightly", action="store_true",
                        help="the long tests instead: those marked @nightly")
    parser.add_argument("--list", action="store_true", help="print the names and end")
    parser.add_argument("--json", help="write a summary to this file")
    parser.add_argument("--jobs", type=int, default=1, help="so many files of tests at once")
    parser.add_argument("--file", help="only the tests of this file (without .py)")
    arguments = parser.parse_args()

    def command(file, report):
        words = [sys.executable, __file__, "--match", arguments.match, "--file", file, "--json", str(report)]
        return words + ["--nightly"] * arguments.nightly

    if not arguments.list:
        if not can_make_namespaces():
            print("These tests make network namespaces; that takes the rights of root here. "
                  "Try: sudo ./titan test", file=sys.stderr)
            return 2
        if arguments.file is None:
            subprocess.run([NETLAB, "sweep"], check=True)  # labs of runs that were killed
        os.umask(0o022)
    return runner.main(FOLDERS, arguments.match, arguments.json, arguments.list,
                       arguments.nightly, arguments.file, arguments.jobs, command)


if __name__ == "__main__":
    sys.exit(main())

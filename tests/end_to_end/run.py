"""Runs the tests that need real processes and networks: ./titan test calls this.

    sudo /usr/bin/python3 tests/end_to_end/run.py [--match PART-OF-NAME] [--nightly] [--list] [--json FILE]

The folders: tools (what counts and checks), lab (the LAN itself), harness (what starts the
processes), demo (its importer and its arithmetic), simulations (scenarios on real processes, the
report's page), end_to_end (the product).
"""

import argparse
import os
import pathlib
import subprocess
import sys

TESTS = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(TESTS.parent))

from harness import runner  # noqa: E402
from harness.lab import NETLAB, can_make_namespaces  # noqa: E402

FOLDERS = [TESTS / folder for folder in ("tools", "lab", "harness", "demo", "simulations", "end_to_end")]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--match", default="", help="only tests with this in their name")
    parser.add_argument("--nightly", action="store_true",
                        help="the long tests instead: those marked @nightly")
    parser.add_argument("--list", action="store_true", help="print the names and end")
    parser.add_argument("--json", help="write a summary to this file")
    arguments = parser.parse_args()
    if not arguments.list:
        if not can_make_namespaces():
            print("These tests make network namespaces; that takes the rights of root here. "
                  "Try: sudo ./titan test", file=sys.stderr)
            return 2
        subprocess.run([NETLAB, "sweep"], check=True)  # labs of runs that were killed
        os.umask(0o022)
    return runner.main(FOLDERS, arguments.match, arguments.json, arguments.list,
                       arguments.nightly)


if __name__ == "__main__":
    sys.exit(main())

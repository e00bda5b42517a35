"""./titan lab torture: random stores with random faults on real processes, for as long as asked.

    sudo /usr/bin/python3 -m qa.live.torture [--minutes N] [--seed N] [--results FILE]

The scenarios are those of `titan-sim explore`, by seed: the same seed is the same store with the
same faults, in virtual time and here, so what fails here can be looked at there and shrunk. One
line each; the last line says what was gone through, and what failed is kept as `suite` keeps it.
"""

import argparse
import pathlib
import random
import subprocess
import sys
import tempfile
import time

if __name__ == "__main__":  # started by path: the packages lie two folders up
    sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent.parent))

from qa.live import run, scenario as scenarios, suite  # noqa: E402

MINUTES_USUAL = 60


def draw(seed, folder):
    """The file of the random scenario of this seed."""
    text = subprocess.run([scenarios.program(), "show", str(seed)], check=True,
                          capture_output=True, text=True).stdout
    file = folder / f"seed-{seed}.toml"
    file.write_text(text)
    return file


def torture(minutes, seed, results):
    """The exit code."""
    end = time.monotonic() + minutes * 60
    outcomes = []
    print(f"from seed {seed}, for {minutes:g} minutes", flush=True)
    try:
        with tempfile.TemporaryDirectory(prefix="titan-lab-torture-") as folder:
            while time.monotonic() < end:
                outcomes.append(suite.play(draw(seed, pathlib.Path(folder))))
                print(outcomes[-1].line(), flush=True)
                if results:
                    suite.write(results, outcomes)
                seed += 1
    except KeyboardInterrupt:
        print("stopped; everything started was ended", file=sys.stderr)
    played = [item for item in outcomes if item.outcome != suite.NOT_PLAYED]
    failed = [item for item in played if item.outcome == suite.FAILED]
    print(f"{len(played)} stores, {sum(item.faults for item in played)} faults, "
          f"{sum(item.acknowledged for item in played)} acknowledged requests in "
          f"{sum(item.seconds for item in played) / 60:.0f} minutes")
    if failed:
        print(f"what the failed ones left: {suite.KEPT}/NAME")
    print(f"{len(played) - len(failed)} passed, {len(failed)} failed")
    return 1 if failed else 0


def main():
    parser = argparse.ArgumentParser(prog="titan lab torture", description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=MINUTES_USUAL,
                        help="no new store begins after this time; default: %(default)s")
    parser.add_argument("--seed", type=int, help="of the first store; default: any")
    parser.add_argument("--results", metavar="FILE", help="write what became of each, as JSON")
    arguments = parser.parse_args()
    if run.lacks_rights("torture"):
        return 2
    seed = arguments.seed if arguments.seed is not None else random.randrange(1, 10**9) * 1000
    return torture(arguments.minutes, seed, arguments.results)


if __name__ == "__main__":
    sys.exit(main())

"""./titan bench: measures, each figure beside its baseline in the same run, prints tables.

    sudo /usr/bin/python3 qa/bench/run.py [NAME …] [--quick] [--json FILE] [--list] [--keep]

Without names everything but `micro`. Exit codes: 0 everything was measured, whatever the figures;
1 something could not be measured; 2 it cannot run here. docs/BENCHMARKS.md says how to read it.
"""

import argparse
import asyncio
import json
import os
import pathlib
import platform
import signal
import subprocess
import sys
import time
import traceback

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from qa.bench import boot, latency, micro, outages, size  # noqa: E402
from qa.bench.shared import Context  # noqa: E402
from qa.harness.lab import NETLAB, binaries, can_make_namespaces  # noqa: E402

BENCHMARKS = {
    "propagation": latency.propagation,
    "node": latency.node,
    "flatout": latency.flat_out,
    "commit": latency.commit,
    "failover": outages.fail_over,
    "detection": outages.detection,
    "heal": outages.heal,
    "join": size.join,
    "boot": boot.boot,
    "memory": size.memory,
    "idle": size.idle,
    "micro": micro.micro,
}
BY_NAME_ONLY = {"micro"}


def read_arguments():
    parser = argparse.ArgumentParser(prog="titan bench", description="Measures each figure beside "
                                     "its baseline in the same run.")
    parser.add_argument("names", nargs="*", metavar="NAME",
                        help=f"one or more of: {', '.join(BENCHMARKS)} (default: all but micro)")
    parser.add_argument("--quick", action="store_true", help="few and short rounds, rough figures")
    parser.add_argument("--json", metavar="FILE", default=str(ROOT / "build" / "bench.json"),
                        help="where to write everything measured, default build/bench.json")
    parser.add_argument("--list", action="store_true", help="print the names and end")
    parser.add_argument("--keep", action="store_true", help="keep logs and data folders")
    arguments = parser.parse_args()
    for name in arguments.names:
        if name not in BENCHMARKS:
            parser.error(f"there is no benchmark '{name}'; there are: {', '.join(BENCHMARKS)}")
    return arguments


def machine():
    def first_line(path, start=""):
        for line in pathlib.Path(path).read_text().splitlines():
            if line.startswith(start):
                return line.partition(":")[2].strip() or line
        return ""
    return {"processors": os.cpu_count(), "processor": first_line("/proc/cpuinfo", "model name"),
            "memory": first_line("/proc/meminfo", "MemTotal"), "kernel": platform.release(),
            "load_before": os.getloadavg()[0]}


def warn_if_busy():
    load = os.getloadavg()[0]
    if load > 0.5:
        print(f"note: the load of this machine is {load:.1f} before anything was started; other "
              "work makes all times longer, also the baselines'.", flush=True)


async def run(names, context, result):
    """Whether everything was measured."""
    complete = True
    for number, name in enumerate(names, 1):
        print(f"\n==> {name} ({number} of {len(names)})", flush=True)
        began = time.monotonic()
        try:
            report = await BENCHMARKS[name](context)
        except Exception as error:  # a benchmark that fails must not take the others with it
            complete = False
            where = traceback.extract_tb(error.__traceback__)[-1]
            print(f"{name} could not be measured: {type(error).__name__}: {error}\n"
                  f"    ({os.path.relpath(where.filename, ROOT)}:{where.lineno})", flush=True)
            result["benchmarks"][name] = {"error": f"{type(error).__name__}: {error}"}
            continue
        seconds = time.monotonic() - began
        print(report.text(), flush=True)
        print(f"    took {seconds:.0f} s", flush=True)
        result["benchmarks"][name] = {**report.as_json(), "seconds": round(seconds, 1)}
    return complete


def summarise(result):
    rows = [(name, row) for name, report in result["benchmarks"].items()
            for row in report.get("rows", []) if row["reached"] is not None]
    missed = [(name, row) for name, row in rows if not row["reached"]]
    print(f"\n{len(rows) - len(missed)} of {len(rows)} figures of the design reached"
          + (" (rough: --quick)" if result["quick"] else ""))
    for name, row in missed:
        value = "not seen" if row["value"] is None else f"{row['value']:.3g} {row['unit']}"
        ratio = f" ({row['ratio']:.2f}x)" if row["ratio"] is not None else ""
        print(f"  not reached: {name}: {row['what']}: {value}{ratio}, wanted {row['goal']}")


def write_json(path, result):
    target = pathlib.Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(result, indent=1) + "\n")
    owner = os.environ.get("SUDO_UID")
    if owner:
        os.chown(target, int(owner), int(os.environ.get("SUDO_GID", owner)))
    print(f"written: {target}")


def main():
    arguments = read_arguments()
    if arguments.list:
        print("\n".join(BENCHMARKS))
        return 0
    if not can_make_namespaces():
        print("The benchmarks make network namespaces; that takes the rights of root here. "
              "Try: sudo ./titan bench", file=sys.stderr)
        return 2
    if not (binaries() / "titan-pos").exists():
        print(f"titan-pos is not in {binaries()}. Build first: ./titan build", file=sys.stderr)
        return 2
    subprocess.run([NETLAB, "sweep"], check=True, stdout=subprocess.DEVNULL)
    os.umask(0o022)
    names = arguments.names or [name for name in BENCHMARKS if name not in BY_NAME_ONLY]
    result = {"quick": arguments.quick, "machine": machine(), "benchmarks": {}}
    warn_if_busy()

    async def with_signals():
        task = asyncio.current_task()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
        return await run(names, Context(arguments.quick, arguments.keep), result)

    try:
        complete = asyncio.run(with_signals())
    except (KeyboardInterrupt, asyncio.CancelledError):
        print("stopped; everything started was ended", flush=True)
        return 130
    summarise(result)
    write_json(arguments.json, result)
    return 0 if complete else 1


if __name__ == "__main__":
    sys.exit(main())

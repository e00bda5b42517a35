"""The small benchmarks of single folders, each a program of its own with its own baseline."""

import asyncio
import json
import pathlib
import tempfile

from qa.bench.report import Report
from qa.bench.shared import Fault
from qa.harness.lab import binaries

PROGRAMS = {"sqlite_bench": ("--entries", "20000", "--commits", "500"), "transport_bench": (),
            "ledger_bench": ("--journals", "100,20000", "--repeats", "50"),
            "tables_bench": ("--seconds", "8", "--sales", "5000", "--commits", "500")}


async def micro(context):
    report = Report("micro", "Single folders (the tables above)")
    for name, quick_arguments in PROGRAMS.items():
        with tempfile.TemporaryDirectory(prefix="titan-bench-") as folder:
            figures = pathlib.Path(folder) / "figures.json"
            print(f"--- {name}", flush=True)
            child = await asyncio.create_subprocess_exec(
                "setpriv", "--pdeathsig", "KILL", "--", str(binaries() / name), "--json",
                str(figures), *(quick_arguments if context.quick else ()))
            try:
                code = await child.wait()
            finally:
                if child.returncode is None:
                    child.kill()
                    await child.wait()
            if code != 0:
                raise Fault(f"{name} ended with {code}")
            report.figures[name] = json.loads(figures.read_text())
    return report

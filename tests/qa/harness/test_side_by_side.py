"""Test files that run side by side: all of them count, a failure stays whole, none is lost."""

import asyncio
import json
import os
import sys

from qa.harness.lab import ROOT

FILES = {
    "test_good.py": "async def test_one():\n    pass\n\n\nasync def test_two():\n    pass\n",
    "test_bad.py": "async def test_sum():\n    assert 1 + 1 == 3, 'a sum'\n",
    "test_dead.py": "import os\n\n\nasync def test_dies():\n    os._exit(7)\n",
}
RUN = """
import argparse, sys
from qa.harness import runner
parser = argparse.ArgumentParser()
parser.add_argument("--file")
parser.add_argument("--json")
parser.add_argument("--jobs", type=int, default=1)
given = parser.parse_args()
command = lambda file, report: [sys.executable, __file__, "--file", file, "--json", str(report)]
sys.exit(runner.main([FOLDER], report=given.json, file=given.file, jobs=given.jobs, command=command))
"""


async def test_every_file_counts_also_one_that_dies(lab):
    for name, text in FILES.items():
        (lab.folder / name).write_text(text)
    script = lab.folder / "run_them.py"
    script.write_text(RUN.replace("FOLDER", repr(str(lab.folder))))
    report = lab.folder / "report.json"
    process = await asyncio.create_subprocess_exec(
        sys.executable, script, "--jobs", "2", "--json", report, stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT, env={**os.environ, "PYTHONPATH": str(ROOT)})
    printed = (await process.communicate())[0].decode()
    assert process.returncode == 1, printed
    assert "1 of 4 end-to-end" not in printed and "2 of 4 end-to-end tests passed" in printed, printed
    results = {test["name"]: test["ok"] for test in json.loads(report.read_text())["tests"]}
    assert results == {"test_good.test_one": True, "test_good.test_two": True,
                       "test_bad.test_sum": False,
                       "test_dead (died with exit code 7)": False}, results
    failure = printed[printed.index("FAIL test_bad"):].splitlines()
    assert "a sum" in failure[1], printed

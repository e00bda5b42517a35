"""Tests marked @nightly: left out of a run, which names them; alone in a nightly one."""

import contextlib
import io
import json

from qa.harness import runner

FILE = """
from qa.harness.runner import nightly


async def test_quick():
    pass


@nightly
async def test_long():
    pass
"""


def run_in(folder, **options):
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        runner.main([folder], listing=True, **options)
    return printed.getvalue().split()


async def test_a_run_names_what_it_leaves_to_the_nightly_one(lab):
    (lab.folder / "test_sample.py").write_text(FILE)
    assert run_in(lab.folder) == ["test_sample.test_quick"]
    assert run_in(lab.folder, nightly_ones=True) == ["test_sample.test_long"]
    assert run_in(lab.folder, match="long") == []
    report = lab.folder / "report.json"
    found = dict(runner.discover([lab.folder]))
    with contextlib.redirect_stdout(io.StringIO()):
        await runner.run_all([("quick", found["test_sample.test_quick"])], report, ["long"])
    content = json.loads(report.read_text())
    assert [test["name"] for test in content["tests"]] == ["quick"] and content["left"] == ["long"]

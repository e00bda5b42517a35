"""titan-sim as it is called: what is wrong is named, and ends with exit code 2."""

import asyncio
import itertools
import json
import pathlib
import re
import shutil
import tempfile

from qa.demo import generated_day
from qa.harness.lab import ROOT
from qa.live import scenario as scenarios

GOOD, FAILED, WRONG_INPUT = 0, 1, 2
SECONDS_MAX = 120
REAL_DAY = ROOT.parent / "shared" / "data" / "online-retail-day.csv"  # if it is there

SCENARIO = """format = 1
name = "a-minute"
purpose = "Three tills sell."
lasts = "10s"

[store]
terminals = 3
"""


async def sim(*words):
    """(exit code, standard output, standard error)"""
    process = await asyncio.create_subprocess_exec(
        scenarios.program(), *map(str, words), cwd=ROOT,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE)
    try:
        async with asyncio.timeout(SECONDS_MAX):
            output, errors = await process.communicate()
    except asyncio.TimeoutError:
        process.kill()
        await process.wait()
        raise AssertionError(f"titan-sim {' '.join(map(str, words))} did not end") from None
    return process.returncode, output.decode(), errors.decode()


async def refused(*words, naming):
    code, output, errors = await sim(*words)
    assert code == WRONG_INPUT, (words, code, output, errors)
    for text in naming:
        assert text in errors + output, (words, text, output, errors)


def folder():
    return tempfile.TemporaryDirectory(prefix="titan-sim-")


async def test_a_wrong_option_is_named():
    await refused("run", naming=["scenario"])
    await refused("run", "x.toml", "--sed", "3", naming=["--sed"])
    await refused("run", "x.toml", "--seed", "many", naming=["--seed", "many"])
    await refused("run", "x.toml", "--check-every", "0", naming=["--check-every"])
    await refused("explore", "--seeds", "0", naming=["--seeds"])
    await refused("explore", "--minutes", "-1", naming=["--minutes"])
    await refused("explore", "--jobs", "0", naming=["--jobs"])
    await refused("suite", "--jobs", "0", naming=["--jobs"])
    await refused("incident", naming=["logs"])
    await refused("incident", "a.log", "--from", "lunch", naming=["--from", "lunch"])
    await refused("incident", "a.log", "--sales-per-second", "x", naming=["--sales-per-second"])
    await refused("exlpore", naming=["'exlpore'; did you mean 'explore'?"])
    await refused(naming=["subcommand"])


async def test_a_file_that_is_wrong_or_missing_is_named_with_its_line():
    with folder() as name:
        path = pathlib.Path(name) / "wrong.toml"
        path.write_text(SCENARIO + '\n[[fault]]\nat = "2s"\nkind = "crash"\ntargets = "till-4"\n')
        for command in ("run", "show", "shrink"):
            await refused(command, path, naming=[f"{path}:12: fault[0].targets", "till-4"])
        await refused("suite", path, naming=[f"{path}:12:"])
        gone = pathlib.Path(name) / "gone.toml"
        for command in ("run", "show", "suite"):
            await refused(command, gone, naming=[str(gone)])
        await refused("incident", gone, naming=[str(gone)])
        await refused("incident", path, naming=[str(path), "no line of it"])
        path.write_text(SCENARIO)
        history = pathlib.Path(name) / "history.jsonl"
        history.write_text('{"format":"titan-history","version":99,"scenario":"x","seed":1}\n')
        await refused("judge", path, history, naming=[str(history)])


async def test_a_folder_without_scenarios_is_no_success():
    with folder() as name:
        await refused("suite", name, naming=[name, "holds no scenario"])


async def test_a_day_file_that_is_missing_or_broken_is_named():
    with folder() as name:
        path = pathlib.Path(name) / "day.toml"
        path.write_text(SCENARIO + '\n[workload]\nday_file = "day.csv"\n')
        await refused("run", path, naming=["day.csv"])
        day = pathlib.Path(name) / "day.csv"
        day.write_text("InvoiceNo,StockCode,Description,Quantity,InvoiceDate\n1,A,Apple,x,noon\n")
        await refused("run", path, naming=["day.csv:2:"])


async def test_a_trading_day_of_ten_tills_with_faults():
    with folder() as name:
        base = pathlib.Path(name)
        shutil.copy(ROOT / "tests" / "simulations" / "trading-day.toml", base / "day.toml")
        if REAL_DAY.exists():
            shutil.copy(REAL_DAY, base / "day.csv")
        else:
            (base / "day.csv").write_text(generated_day.generate_csv(1))
        code, output, errors = await sim("run", base / "day.toml", "--json", base / "verdict.json")
        assert code == GOOD, (output, errors)
        figures = {figure["name"]: figure["value"]
                   for figure in json.loads((base / "verdict.json").read_text())["figures"]}
        # 218 invoices; a till that is down when one comes sells nothing.
        assert int(figures["requests"]) > 200, figures
        assert int(figures["acknowledged"]) > 190, figures


async def test_runs_and_their_files():
    with folder() as name:
        path, base = pathlib.Path(name) / "good.toml", pathlib.Path(name)
        path.write_text(SCENARIO)
        code, output, errors = await sim("run", path, "--json", base / "verdict.json", "--history",
                                         base / "history.jsonl", "--html", base / "page.html")
        assert code == GOOD, (output, errors)
        assert json.loads((base / "verdict.json").read_text())["passed"]
        assert (base / "page.html").stat().st_size > 10_000
        code, output, errors = await sim("judge", path, base / "history.jsonl")
        assert code == GOOD, (output, errors)
        code, output, _ = await sim("explore", "--seeds", "2", "--first-seed", "4", "--jobs", "1",
                                    "--out", base / "failures")
        assert code == GOOD and "No run failed." in output, output
        # Probes that two runs cannot reach are told.
        assert "never reached: " in output, output
        path.write_text(SCENARIO.replace('lasts = "10s"', 'lasts = "10s"\nprobes = ["clone-ran"]'))
        code, output, _ = await sim("run", path)
        assert code == FAILED and "'clone-ran' was never reached" in output, output


async def test_logs_of_real_tills_become_a_scenario_that_runs():
    logs = sorted((ROOT / "tests" / "simulations" / "incident" / "four-tills").glob("*.log"))
    assert len(logs) == 4
    with folder() as name:
        path = pathlib.Path(name) / "incident.toml"
        code, output, errors = await sim("incident", *logs, "--out", path)
        assert code == GOOD, errors
        document = (ROOT / "docs" / "SIMULATION.md").read_text()
        told = [line for line in output.splitlines() if not line.startswith(name)]
        assert len(told) == 4 and all(line in document for line in told), output
        code, output, errors = await sim("run", path)
        assert code == GOOD, (output, errors)


async def test_the_tables_of_the_document_are_those_of_the_program():
    code, output, errors = await sim("list", "--tables")
    assert code == GOOD, errors
    tables = [block.strip() for block in re.split(r"\n\s*\n", output)
              if block.lstrip().startswith("|")]
    assert len(tables) == 5, output
    document = (ROOT / "docs" / "SIMULATION.md").read_text().splitlines()
    for table in tables:
        rows = table.splitlines()
        head = rows[0]
        assert head in document, f"docs/SIMULATION.md has no table with the head {head}"
        there = list(itertools.takewhile(lambda line: line.startswith("|"),
                                         document[document.index(head):]))
        missing = [row for row in rows if row not in there]
        too_many = [row for row in there if row not in rows]
        assert there == rows, (
            f"docs/SIMULATION.md, table {head}: copy it from titan-sim list --tables; "
            f"missing {missing}, too many {too_many}")

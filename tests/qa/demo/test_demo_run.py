"""The demo itself, as a person starts it: a small shop in a hurry, and stopped half-way."""

import asyncio
import json
import os
import pathlib
import signal
import sys
import tempfile

from qa.harness.lab import ROOT, binaries
from qa.harness.runner import limit
from qa.harness.waiting import wait_until

DEMO = ROOT / "qa" / "demo" / "titan_demo.py"
RUN_SECONDS_MAX = 150


class Demo:
    """`titan_demo.py` in a process of its own, with its output in a file."""

    def __init__(self, folder, *arguments):
        self.log = pathlib.Path(folder) / "demo.log"
        self.result = pathlib.Path(folder) / "demo.json"
        self._arguments = [sys.executable, "-B", str(DEMO), "--headless",
                           "--json", str(self.result), *arguments]
        self.child = None

    async def __aenter__(self):
        # A mark of its own: its namespaces must not meet those of a lab of this test run.
        mark = os.environ.get("TITAN_RUN") or f"td{os.getpid()}"
        with open(self.log, "wb") as out:
            self.child = await asyncio.create_subprocess_exec(
                *self._arguments, stdout=out, stderr=out, stdin=asyncio.subprocess.DEVNULL,
                env={**os.environ, "TITAN_RUN": f"{mark}d", "TITAN_BIN": str(binaries())})
        return self

    async def __aexit__(self, *_):
        if self.child.returncode is None:
            self.child.send_signal(signal.SIGTERM)
            await self.child.wait()

    def text(self):
        return self.log.read_text(errors="replace")

    async def end(self, seconds):
        try:
            async with asyncio.timeout(seconds):
                return await self.child.wait()
        except asyncio.TimeoutError:
            raise AssertionError(f"not done within {seconds} s:\n{self.text()}") from None

    def processes(self):
        """Command lines of what this demo started and is still there."""
        mark = f"TITAN_DEMO_RUN={self.child.pid}".encode()
        found = []
        for process in pathlib.Path("/proc").glob("[0-9]*"):
            try:
                if mark in (process / "environ").read_bytes().split(b"\0"):
                    found.append((process / "cmdline").read_bytes().replace(b"\0", b" ").decode())
            except OSError:
                pass
        return [command for command in found if command]


@limit(RUN_SECONDS_MAX + 20)
async def test_the_demo_proves_a_day_of_three_tills():
    with tempfile.TemporaryDirectory() as folder:
        async with Demo(folder, "--tills", "3", "--speed", "30", "--seed", "4") as demo:
            code = await demo.end(RUN_SECONDS_MAX)
            assert code == 0, demo.text()
            result = json.loads(demo.result.read_text())
            assert result["verdict"] == "proved" and result["fault"] == "", result
            assert all(result["shown"].values()), result["shown"]
            assert len(result["checks"]) >= 10 and all(check["holds"] for check in result["checks"])
            figures = result["figures"]
            assert figures["failover_s"] > 0 and figures["heal_s"] > 0, figures
            assert figures["unknown_outcomes_repeated"] > 0, figures
            assert min(figures["sold_during_the_cut"]) > 0, figures
            assert "WHAT TO TRY NEXT" in demo.text() and "--stay" in demo.text(), demo.text()
            await wait_until(lambda: not demo.processes(), 5, "nothing is left",
                             seen=demo.processes)


def printed_command(text, word):
    """The words of a command that the demo printed for a person to copy."""
    line = next(line for line in text.splitlines() if f"titan-pos {word} " in line)
    return line.split()


async def output_of(*words):
    child = await asyncio.create_subprocess_exec(
        *words, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT)
    printed, _ = await child.communicate()
    assert child.returncode == 0, f"{words}: {printed.decode()}"
    return printed.decode()


@limit(RUN_SECONDS_MAX + 40)
async def test_the_store_stays_open_for_whoever_asks_and_its_commands_work_as_printed():
    with tempfile.TemporaryDirectory() as folder:
        async with Demo(folder, "--tills", "3", "--speed", "60", "--seed", "4", "--stay") as demo:
            await wait_until(lambda: "Ctrl-C closes the store" in demo.text(), RUN_SECONDS_MAX,
                             "the store is there to be used", seen=demo.text)
            text = demo.text()
            sell = printed_command(text, "sell")
            stock = printed_command(text, "stock")
            before = json.loads(await output_of(*stock, "--json"))["on_hand"]
            assert "total" in await output_of(*sell)

            async def sold_at_the_other_till():
                return json.loads(await output_of(*stock, "--json"))["on_hand"] == str(
                    int(before) - 2)
            await wait_until(sold_at_the_other_till, 10, "the other till knows of the sale")
            assert "3 of 3" in await output_of(*printed_command(text, "status"))
            await output_of(*printed_command(text, "products"))
            demo.child.send_signal(signal.SIGINT)
            assert await demo.end(20) == 0, demo.text()
            assert json.loads(demo.result.read_text())["verdict"] == "proved"
            await wait_until(lambda: not demo.processes(), 5, "nothing is left",
                             seen=demo.processes)


@limit(90)
async def test_the_demo_stopped_half_way_leaves_nothing():
    with tempfile.TemporaryDirectory() as folder:
        async with Demo(folder, "--tills", "3") as demo:
            await wait_until(lambda: "morning delivery is booked" in demo.text(), 60,
                             "the shop is open", seen=demo.text)
            assert len(demo.processes()) > 4, demo.processes()
            demo.child.send_signal(signal.SIGINT)
            assert await demo.end(20) == 130, demo.text()
            assert json.loads(demo.result.read_text())["fault"] == "stopped"
            await wait_until(lambda: not demo.processes(), 5, "nothing is left",
                             seen=demo.processes)


async def test_what_the_demo_cannot_use_is_refused_with_the_reason():
    with tempfile.TemporaryDirectory() as folder:
        wrong = pathlib.Path(folder) / "wrong.csv"
        wrong.write_text("Invoice,Article\n1,2\n")
        async with Demo(folder, "--sales", str(wrong)) as demo:
            assert await demo.end(20) == 2, demo.text()
            assert "not in the Online Retail layout" in demo.text(), demo.text()
        async with Demo(folder, "--tills", "99") as demo:
            assert await demo.end(20) == 2 and "--tills must be" in demo.text(), demo.text()

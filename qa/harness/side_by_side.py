"""Runs test files side by side, each in a process of its own; see runner.py.

A test mostly waits, so two files at a time are done in little more than half the time. The tests of
one file stay in their order and in one process: they may share a fixture. Each process makes its
labs under a name of its own, so nothing of one is in the way of another.
"""

import asyncio
import json
import os
import pathlib
import sys
import tempfile


async def run_files(files, jobs, command, report):
    """`files`: [(name, its tests)], the longest first; `command(name, path)`: the command line that
    runs one and writes what its tests came to into a file. Returns all results, and calls
    `report(results)` however the run ends."""
    waiting = list(enumerate(files, 1))
    results = []
    printer = Printer()

    async def worker():
        while waiting:
            number, (name, tests) = waiting.pop(0)
            results.extend(await run_file(number, name, tests, command, printer))

    workers = [asyncio.ensure_future(worker()) for _ in range(jobs)]
    try:
        await asyncio.gather(*workers)
    finally:
        for each in workers:
            each.cancel()
        await asyncio.gather(*workers, return_exceptions=True)
        report(results)
    return results


async def run_file(number, name, tests, command, printer):
    with tempfile.TemporaryDirectory(prefix="titan-tests-") as folder:
        path = pathlib.Path(folder) / "results.json"
        process = await asyncio.create_subprocess_exec(
            *command(name, path), stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT, limit=1 << 24,
            env={**os.environ, "TITAN_LAB": f"{os.environ.get('TITAN_RUN') or f'tl{os.getpid()}'}w{number}"})
        try:
            await printer.follow(process.stdout)
            await process.wait()
        except asyncio.CancelledError:
            process.terminate()  # ends its test through the test's own clean-up
            await process.wait()
            raise
        done = json.loads(path.read_text())["tests"] if path.exists() else []
        if len(done) < len(tests) and process.returncode not in (0, 1):
            done.append({"name": f"{name} (died with exit code {process.returncode})", "ok": False,
                         "seconds": 0, "seen": "the process that ran this file"})
        return done


class Printer:
    """A failure's lines stay together, whoever prints beside it."""

    async def follow(self, stream):
        block = []
        async for line in stream:
            text = line.decode(errors="replace")
            if block and not text.startswith(" "):
                self._print(block)
            block.append(text)
            if text.startswith("ok "):
                self._print(block)
        self._print(block)

    @staticmethod
    def _print(block):
        sys.stdout.write("".join(block))
        sys.stdout.flush()
        block.clear()

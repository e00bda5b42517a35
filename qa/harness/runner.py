"""Finds and runs `async def test_…` functions; see tests/end_to_end/run.py.

A test gets what its parameters name: `lab` is a fresh Lab (no hosts yet), removed afterwards
however the test ends; any other name is a @shared fixture that its file defines or imports.
@limit(seconds) changes the time a test may take. @nightly leaves it to a run of the nightly tests.
"""

import asyncio
import importlib.util
import inspect
import json
import os
import pathlib
import shutil
import signal
import sys
import time
import traceback

from qa.harness.lab import ROOT, Lab
from qa.harness.side_by_side import run_files

LIMIT_SECONDS = 60
LOG_BYTES_KEPT = 1_000_000  # of each log of a failed test, its end
LOGS_KEPT = ROOT / "build" / "test-logs"


class Skip(Exception):
    """Raised by a test that cannot run here; counts as neither passed nor failed."""


def limit(seconds):
    """Time limit of a test; the default is LIMIT_SECONDS."""
    def mark(function):
        function.limit_seconds = seconds
        return function
    return mark


def nightly(function):
    """Marks a test that is too long for every run; a run without these names what it left out."""
    function.is_nightly = True
    return function


def shared(seconds=LIMIT_SECONDS):
    """Marks `async def name(lab): …; yield value`: a lab that consecutive tests of a file share.

    Made within `seconds` for the first test that names it, removed after the last, or after one
    that failed, so that one fault is not reported twice. Before each further test its value's
    `async def reset()` brings it back to a known state."""
    def mark(function):
        function.shared_seconds = seconds
        return function
    return mark


def discover(folders):
    """[(name, function)] of every test in test_*.py of these folders, in order."""
    found = []
    for folder in folders:
        for path in sorted(pathlib.Path(folder).glob("test_*.py")):
            specification = importlib.util.spec_from_file_location(f"{path.parent.name}.{path.stem}", path)
            module = importlib.util.module_from_spec(specification)
            sys.path.insert(0, str(path.parent))  # a test may import helpers beside it
            try:
                specification.loader.exec_module(module)
            finally:
                sys.path.pop(0)
            for name, function in vars(module).items():
                if name.startswith("test_") and inspect.iscoroutinefunction(function) \
                        and function.__module__ == module.__name__:
                    found.append((f"{path.stem}.{name}", function))
    return found


class Shared:
    """One @shared fixture while it stands."""

    def __init__(self, function):
        self.function = function
        self.lab = Lab()
        self.value = None
        self._generator = None

    async def ready(self):
        """The fixture's value, made or reset."""
        async with asyncio.timeout(self.function.shared_seconds):
            if self._generator is None:
                self._generator = self.function(self.lab)
                self.value = await anext(self._generator)
            else:
                await self.value.reset()
        return self.value

    async def end(self):
        try:
            if self._generator is not None:
                await self._generator.aclose()
        finally:
            await _end(self.lab)


class Run:
    """Runs tests one after the other; keeps a @shared fixture from one to the next."""

    def __init__(self):
        self._shared = None

    async def one(self, name, function):
        """(verdict, seconds, what was seen)."""
        seconds_max = getattr(function, "limit_seconds", LIMIT_SECONDS)
        began = time.monotonic()
        wanted = list(inspect.signature(function).parameters)
        own_lab = Lab() if "lab" in wanted else None
        verdict, seen = "ok", ""
        try:
            if own_lab:
                await self.end_shared()  # its processes would share the machine for nothing
            arguments = {"lab": own_lab} if own_lab else {}
            for parameter in wanted:
                if parameter != "lab":
                    arguments[parameter] = await self._fixture(function, parameter)
            async with asyncio.timeout(seconds_max) as deadline:
                await function(**arguments)
        except Skip as reason:
            verdict, seen = "skip", str(reason)
        except asyncio.CancelledError:
            raise
        except TimeoutError as error:
            verdict = "FAIL"
            expired = "deadline" in locals() and deadline.expired()
            seen = f"not done within {seconds_max} s\n" if expired else ""
            seen += _where(error.__context__ or error)  # the context tells where it waited
        except BaseException as error:
            if isinstance(error, (KeyboardInterrupt, SystemExit)):
                raise
            verdict, seen = "FAIL", _where(error)
        finally:
            if own_lab:
                try:
                    await _end(own_lab)
                except Exception as error:  # what it leaves behind is its own fault, too
                    verdict, seen = "FAIL", f"{seen}\nwhile cleaning up: {_where(error)}"
                if verdict == "FAIL":
                    seen += _keep_logs(name, own_lab)
                own_lab.remove_folder()
        if verdict == "FAIL" and self._shared is not None:
            seen += await self.end_shared(name)
        return verdict, time.monotonic() - began, seen

    async def _fixture(self, function, parameter):
        fixture = function.__globals__.get(parameter)
        if not hasattr(fixture, "shared_seconds"):
            raise LookupError(f"{function.__name__} names '{parameter}', and its file has no "
                              "@shared fixture of that name")
        if self._shared is not None and self._shared.function is not fixture:
            await self.end_shared()
        if self._shared is None:
            self._shared = Shared(fixture)
        return await self._shared.ready()

    async def end_shared(self, failed=None):
        """Removes the standing fixture, if any; `failed`: the test whose logs are kept."""
        if self._shared is None:
            return ""
        ending, self._shared = self._shared, None
        try:
            await ending.end()
            return _keep_logs(failed, ending.lab) if failed else ""
        finally:
            ending.lab.remove_folder()


async def _end(lab):
    """Also on the way out after Ctrl-C, when awaiting is cut short."""
    try:
        await lab.close()
    except BaseException:
        for process in lab.processes:
            process.signal(signal.SIGKILL)
        lab.destroy_now()
        raise


def _where(error):
    """The error and where in this project it came from, without the runner's own frames."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__)
              if pathlib.Path(frame.filename).is_relative_to(ROOT)]
    lines = [f"{os.path.relpath(frame.filename, ROOT)}:{frame.lineno} {frame.line}"
             for frame in frames if not frame.filename.endswith("runner.py")]
    return "\n".join([*lines, f"{type(error).__name__}: {error}"])


def _keep_logs(name, lab):
    """Copies the end of each log and each configuration; returns a note and the logs' last lines."""
    target = LOGS_KEPT / name
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    note = f"\nlogs: {os.path.relpath(target, ROOT)}"
    for path in sorted([*lab.folder.rglob("*.log"), *lab.folder.rglob("*.toml")]):
        data = path.read_bytes()[-LOG_BYTES_KEPT:]
        (target / path.name if path.suffix == ".log" else target / f"{path.parent.name}.toml").write_bytes(data)
    for process in {process.log: process for process in lab.processes}.values():  # each log once
        tail = process.log_tail(6)
        if tail:
            note += f"\n--- {process.name} (exit code {process.exit_code})\n{tail}"
    return note


async def run_all(tests, report, left=()):
    """`left`: names of tests that the nightly run does; the report tells them."""
    results = []
    run = Run()
    name = "the run"
    try:
        for number, (name, function) in enumerate(tests, 1):
            verdict, seconds, seen = await run.one(name, function)
            # The last of its file: the next test must not pay for what it does not use.
            following = tests[number][1] if number < len(tests) else None
            if following is None or following.__globals__ is not function.__globals__:
                await run.end_shared()
            print(f"{verdict:4} {name} ({seconds:.1f} s)  [{number}/{len(tests)}]"
                  + (f": {seen}" if verdict == "skip" else ""), flush=True)
            if verdict == "FAIL":
                print("".join(f"     {line}\n" for line in seen.splitlines()), end="", flush=True)
            if verdict != "skip":
                results.append({"name": name, "ok": verdict == "ok", "seconds": round(seconds, 3),
                                "seen": seen})
    except asyncio.CancelledError:
        results.append({"name": f"{name} (stopped)", "ok": False, "seconds": 0, "seen": "stopped"})
        print(f"FAIL {name}: stopped", flush=True)
        raise
    finally:
        await run.end_shared()
        write_report(report, results, left)
    return results


def by_file(tests):
    """[(file, its tests)], first those that may take longest: they must not begin last."""
    files = {}
    for name, function in tests:
        files.setdefault(name.split(".")[0], []).append((name, function))
    return sorted(files.items(), reverse=True, key=lambda row: sum(
        getattr(function, "limit_seconds", LIMIT_SECONDS) for _, function in row[1]))


def write_report(path, results, left):
    if path:
        pathlib.Path(path).write_text(json.dumps({"tests": results, "left": list(left)},
                                                 indent=1) + "\n")


def main(folders, match="", report=None, listing=False, nightly_ones=False, file=None, jobs=1,
         command=None):
    """Exit code 0 when every test passed. `nightly_ones`: those marked @nightly, else the others.
    `file`: of this file (without .py) only. With several `jobs` files run side by side, each by
    `command(file, report)`."""
    found = [(name, function) for name, function in discover(folders)
             if match in name and file in (None, name.split(".")[0])]
    tests = [(name, function) for name, function in found
             if getattr(function, "is_nightly", False) == nightly_ones]
    left = [] if nightly_ones else [name for name, function in found
                                    if getattr(function, "is_nightly", False)]
    if listing:
        print("\n".join(name for name, _ in tests))
        return 0

    async def with_signals():
        # SIGTERM ends a run as Ctrl-C does: through the clean-up of the test that runs.
        task = asyncio.current_task()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
        if jobs > 1:
            return await run_files(by_file(tests), jobs, command,
                                   lambda results: write_report(report, results, left))
        return await run_all(tests, report, left)

    try:
        results = asyncio.run(with_signals())
    except (KeyboardInterrupt, asyncio.CancelledError):
        print("stopped; everything started was ended", flush=True)
        return 130
    failed = sum(not result["ok"] for result in results)
    if file is None:
        print(f"{len(results) - failed} of {len(results)} end-to-end tests passed", flush=True)
    if left and file is None:
        print(f"left to ./titan nightly: {', '.join(left)}", flush=True)
    return 1 if failed else 0
